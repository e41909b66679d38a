//! A private home for `dmctl`: a runtime folder of its own, and a guard that ends its daemon.

// Each test binary uses its part; clippy knows helpers outside of #[test] functions for no tests.
#![allow(dead_code, unreachable_pub, clippy::unwrap_used)]

use std::io::{Read, Write};
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use tempfile::TempDir;

/// How long anything may take before it counts as hanging.
pub const LIMIT: Duration = Duration::from_secs(30);

/// A folder with a runtime folder in it.
pub struct Home {
    dir: TempDir,
}

/// How a command ended.
#[derive(Debug)]
pub struct Ended {
    pub code: Option<i32>,
    pub stdout: String,
    pub stderr: String,
}

impl Home {
    pub fn new() -> Home {
        // Short, for the sockets' sake, whatever TMPDIR says.
        let dir = tempfile::Builder::new()
            .prefix("dmt-")
            .tempdir_in("/tmp")
            .unwrap();
        Home { dir }
    }

    /// The folder in which commands run.
    pub fn path(&self) -> &Path {
        self.dir.path()
    }

    pub fn runtime(&self) -> PathBuf {
        self.path().join("run")
    }

    pub fn control(&self) -> PathBuf {
        self.runtime().join("control.sock")
    }

    pub fn log(&self) -> String {
        std::fs::read_to_string(self.runtime().join("daemon.log")).unwrap_or_default()
    }

    /// A disk image of `sectors`, each with its own number in it.
    pub fn image(&self, name: &str, sectors: u64) -> PathBuf {
        let path = self.path().join(name);
        let bytes: Vec<u8> = (0..sectors * 64)
            .flat_map(|at| (at / 64).to_le_bytes())
            .collect();
        std::fs::write(&path, bytes).unwrap();
        path
    }

    /// A `dmctl` in this home.
    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_dmctl"));
        command
            .args(arguments)
            .current_dir(self.path())
            .env("DM_RUNTIME_DIR", self.runtime())
            .env("COLUMNS", "100")
            // On a host with a device mapper, auto would be the kernel's.
            .env("DM_BACKEND", "engine")
            .stdin(Stdio::null());
        command
    }

    /// Runs `dmctl` to its end.
    pub fn run(&self, arguments: &[&str]) -> Ended {
        finish(self.command(arguments), "")
    }

    /// Runs `dmctl` with something on its stdin.
    pub fn run_with(&self, arguments: &[&str], stdin: &str) -> Ended {
        finish(self.command(arguments), stdin)
    }

    /// What `dmctl` prints, which must go well and without a word on stderr.
    #[track_caller]
    pub fn ok(&self, arguments: &[&str]) -> String {
        let ended = self.run(arguments);
        assert_eq!(
            (ended.code, ended.stderr.as_str()),
            (Some(0), ""),
            "{arguments:?}"
        );
        ended.stdout
    }

    /// What `dmctl` says on stderr, which must fail with `code` and print nothing.
    #[track_caller]
    pub fn fails(&self, code: i32, arguments: &[&str]) -> String {
        let ended = self.run(arguments);
        assert_eq!(ended.code, Some(code), "{arguments:?}: {ended:?}");
        assert_eq!(ended.stdout, "", "{arguments:?}");
        ended.stderr
    }

    /// The one JSON document that `dmctl` prints.
    #[track_caller]
    pub fn json(&self, arguments: &[&str]) -> Value {
        let mut all = vec!["--json"];
        all.extend(arguments);
        let ended = self.run(&all);
        let value: Value = serde_json::from_str(&ended.stdout)
            .unwrap_or_else(|error| panic!("{arguments:?}: {error}: {ended:?}"));
        assert_eq!(value["schema"], 1, "{arguments:?}");
        value
    }

    /// A `dmctl` at work, with its stdout and stderr to be read.
    pub fn spawn(&self, arguments: &[&str]) -> Child {
        let mut command = self.command(arguments);
        command
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap()
    }

    /// The daemon's process.
    #[track_caller]
    pub fn pid(&self) -> u32 {
        let status = self.json(&["daemon", "--status"]);
        u32::try_from(status["pid"].as_u64().expect("a daemon runs")).unwrap()
    }

    /// A `dmctl wait` that waits already, on the daemon with that pid.
    pub fn spawn_wait(&self, pid: u32, name: &str, event: &str) -> Child {
        until("the connection of the command before is closed", || {
            executors(pid) == 0
        });
        let child = self.spawn(&["wait", name, event]);
        until("the connection is there", || executors(pid) == 1);
        // Its request comes at once; nothing outside shows that it was read.
        thread::sleep(Duration::from_millis(100));
        child
    }

    /// Kills the daemon as a crash would.
    pub fn kill_daemon(&self) {
        let pid = self.pid();
        signal(pid, Signal::KILL);
        until("the daemon is gone", || !is_alive(pid));
    }
}

impl Drop for Home {
    fn drop(&mut self) {
        let ended = self.run(&["daemon", "--stop"]);
        if thread::panicking() {
            eprintln!("daemon.log:\n{}", self.log());
        } else {
            assert_eq!(ended.code, Some(0), "{ended:?}");
        }
    }
}

/// Runs a command to its end, which must come within the limit.
pub fn finish(mut command: Command, stdin: &str) -> Ended {
    if !stdin.is_empty() {
        command.stdin(Stdio::piped());
    }
    let mut child = command
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    if let Some(mut pipe) = child.stdin.take() {
        // A command that refuses need not read.
        let _ = pipe.write_all(stdin.as_bytes());
    }
    wait(child)
}

/// Waits for a process, which must end within the limit.
pub fn wait(child: Child) -> Ended {
    let pid = child.id();
    let (sender, receiver) = mpsc::channel();
    thread::spawn(move || sender.send(child.wait_with_output()));
    let Ok(output) = receiver.recv_timeout(LIMIT) else {
        signal(pid, Signal::KILL);
        panic!("process {pid} hangs");
    };
    let Output {
        status,
        stdout,
        stderr,
    } = output.unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    Ended {
        code: status.code(),
        stdout: text(stdout),
        stderr: text(stderr),
    }
}

/// The first line that a process prints.
pub fn first_line(child: &mut Child) -> String {
    let mut line = Vec::new();
    let stdout = child.stdout.as_mut().unwrap();
    let mut byte = [0];
    while stdout.read(&mut byte).unwrap() == 1 && byte[0] != b'\n' {
        line.push(byte[0]);
    }
    String::from_utf8(line).unwrap()
}

/// Sends a signal to a process that this test started.
pub fn signal(pid: u32, signal: Signal) {
    let pid = Pid::from_raw(i32::try_from(pid).unwrap()).unwrap();
    // It may have ended.
    let _ = kill_process(pid, signal);
}

/// How many connections the daemon with that pid has.
pub fn executors(pid: u32) -> usize {
    let threads = std::fs::read_dir(format!("/proc/{pid}/task")).unwrap();
    let name = |path: PathBuf| std::fs::read_to_string(path.join("comm")).ok();
    let names = threads.filter_map(|entry| name(entry.ok()?.path()));
    names.filter(|name| name.starts_with("command-")).count()
}

pub fn is_alive(pid: u32) -> bool {
    // A zombie is as good as gone.
    std::fs::read_to_string(format!("/proc/{pid}/stat")).is_ok_and(|stat| !stat.contains(") Z "))
}

/// The terminal of a controller that was unlocked.
pub fn terminal_of(controller: &OwnedFd) -> PathBuf {
    #[cfg(not(target_os = "netbsd"))]
    let path = {
        let name = rustix::pty::ptsname(controller, Vec::new()).unwrap();
        name.into_string().unwrap()
    };
    // There, both have the same minor number.
    #[cfg(target_os = "netbsd")]
    let path = {
        let number = rustix::fs::fstat(controller).unwrap().st_rdev;
        format!("/dev/pts/{}", rustix::fs::minor(number))
    };
    path.into()
}

/// Waits until something holds.
#[track_caller]
pub fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let deadline = Instant::now() + LIMIT;
    while !holds() {
        assert!(Instant::now() < deadline, "not within the limit: {what}");
        thread::sleep(Duration::from_millis(10));
    }
}
