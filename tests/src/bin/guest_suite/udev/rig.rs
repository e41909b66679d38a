//! A udevd of a check's own, and what is seen of its work.

use std::fs;
use std::io;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use dm_core::backend::Backend;
use dm_core::client::Dm;
use dm_core::command::{Create, Load, RemoveMode, SuspendOptions};
use dm_core::devid::DevNo;
use dm_core::names::DmName;
use dm_core::table::TableLine;
use dm_linux::Linux;
use dm_linux::udev::{Cookie, How, Udev, UdevState};

use crate::shell::{command, equal, run};

/// What libdevmapper takes for a reason not to use udev. Init sets it for all other checks.
pub(super) const DISABLE: &str = "DM_DISABLE_UDEV";

/// Longer than any command may take here, of which some wait for a time-out of a second.
pub(super) const BOUND: Duration = Duration::from_secs(25);

/// A udevd of a check's own.
pub(super) struct Udevd(Child);

impl Udevd {
    pub(super) fn start() -> Result<Udevd, String> {
        let null = Stdio::null;
        let child = Command::new("udevd")
            .env_remove(DISABLE)
            .env("SYSTEMD_LOG_LEVEL", "crit")
            .stdin(null())
            .stdout(null())
            .stderr(null())
            .spawn()
            .map_err(|error| format!("udevd: {error}"))?;
        let udevd = Udevd(child);
        until("udevd listens", || {
            matches!(Udev::new().state(), UdevState::Running { pid: Some(_) })
        })?;
        Ok(udevd)
    }

    pub(super) fn signal(&self, signal: &str) -> Result<(), String> {
        run(&format!("kill -{signal} {}", self.0.id())).map(|_| ())
    }

    pub(super) fn stop(&self) -> Result<(), String> {
        self.signal("STOP")?;
        until("udevd is stopped", || is_stopped(Udev::new().state()))
    }

    pub(super) fn kill(&mut self) -> io::Result<()> {
        self.0.kill()?;
        self.0.wait().map(|_| ())
    }
}

/// Nothing of it is left for other checks.
impl Drop for Udevd {
    fn drop(&mut self) {
        let _ = self.kill();
        for left in ["/run/udev", "/dev/disk"] {
            let _ = fs::remove_dir_all(left);
        }
    }
}

/// Whether a stopped udev looks like that.
pub(super) fn is_stopped(state: UdevState) -> bool {
    matches!(state, UdevState::Stopped { .. } | UdevState::Busy)
}

pub(super) fn until(what: &str, is: impl Fn() -> bool) -> Result<(), String> {
    let start = Instant::now();
    while !is() {
        if start.elapsed() > BOUND {
            return Err(format!("not within {BOUND:?}: {what}"));
        }
        thread::sleep(Duration::from_millis(10));
    }
    Ok(())
}

pub(super) fn no_semaphores() -> Result<(), String> {
    let left = Cookie::list().map_err(|error| error.to_string())?;
    match left.is_empty() {
        true => Ok(()),
        false => Err(format!("semaphores are left: {left:?}")),
    }
}

/// Runs a program as on a machine with udev; `~` is a blank within a word.
pub(super) fn with_udev(words: &str) -> Result<String, String> {
    let mut split = words.split(' ').map(|word| word.replace('~', " "));
    let program = split.next().ok_or("no program")?;
    let start = Instant::now();
    let mut program = Command::new(program);
    let (success, stdout, stderr) = command(program.args(split).env_remove(DISABLE))?;
    match success && start.elapsed() < BOUND {
        true => Ok(stdout),
        false => Err(format!("`{words}` failed: {stdout}{stderr}")),
    }
}

pub(super) fn name(text: &str) -> DmName {
    DmName::new(text).expect("the names here are short")
}

pub(super) fn link(path: &str) -> Option<String> {
    Some(fs::read_link(path).ok()?.to_string_lossy().into_owned())
}

pub(super) fn linux(timeout: Duration) -> Result<Linux, String> {
    Linux::open_with(Udev::new().timeout(timeout)).map_err(|error| error.report())
}

/// Makes a device in a batch, and says how its node came to be.
pub(super) fn make(linux: &Linux, device: &str) -> Result<How, String> {
    let batch = linux.batch();
    let made = resumed(&batch, device)?;
    let settled = batch.wait();
    println!("{device}: {settled}, {:?}", settled.waited);
    if settled.waited > BOUND || !settled.wrong.is_empty() {
        return Err(format!("{device}: {settled}"));
    }
    has_node(device, made)?;
    no_semaphores()?;
    Ok(settled.how)
}

/// Makes a device with a table.
pub(super) fn resumed(backend: &impl Backend, device: &str) -> Result<DevNo, String> {
    let dm = Dm::new(backend);
    let made = || {
        dm.create(Create::new(name(device)))?;
        let lines = TableLine::parse_table("0 1024 linear /dev/ram0 0").expect("it is a table");
        dm.load(Load::new(name(device), lines))?;
        dm.resume(name(device), SuspendOptions::default())
    };
    let info = made().map_err(|error| error.report())?;
    Ok(info.number)
}

pub(super) fn has_node(device: &str, number: DevNo) -> Result<(), String> {
    let node = format!("/dev/mapper/{device}");
    let found = run(&format!("stat -L -c %t:%T {node}"))?;
    let number = format!("{:x}:{:x}\n", number.major, number.minor);
    equal(&node, &found, &number)
}

pub(super) fn remove(linux: &Linux, device: &str) -> Result<(), String> {
    let removed = Dm::new(linux).remove(name(device), RemoveMode::IfUnused);
    removed.map_err(|error| error.report())?;
    match link(&format!("/dev/mapper/{device}")) {
        None if !Path::new("/dev/mapper").join(device).exists() => no_semaphores(),
        found => Err(format!("{device} has a node still: {found:?}")),
    }
}

pub(super) fn equal_how(got: How, expected: How) -> Result<(), String> {
    equal("how", &format!("{got:?}"), &format!("{expected:?}"))
}

pub(super) fn equal_links(path: &str, expected: Option<&str>) -> Result<(), String> {
    let shown = |link: Option<&str>| format!("{link:?}");
    equal(path, &shown(link(path).as_deref()), &shown(expected))
}
