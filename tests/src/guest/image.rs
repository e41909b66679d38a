//! What a guest boots from, as `tests/vm/build` makes it.

use std::collections::BTreeMap;
use std::fmt;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::accel::Accel;
use super::console::Console;
use super::error::Trouble;
use super::machine::Machine;

/// What `tests/vm/build` ends with if the machine lacks something.
const UNAVAILABLE: i32 = 77;
/// The kernel's command line, but for its console. Each record that the suite writes must come; an
/// oops is the end. Most of what a table swap or a removal takes is waiting for RCU. Emulated, a
/// second processor costs two thirds more for the same work: the suite wakes it where it is needed.
const APPEND: &str = "quiet panic=-1 oops=panic mitigations=off printk.devkmsg=on \
                      rcupdate.rcu_expedited=1 maxcpus=1";
/// The bytes of the disk whose sectors have metadata, with them.
const NAMESPACE_BYTES: u64 = 2 << 20;
/// The variable with what else the kernel's command line has. Words `NAME=VALUE` that the kernel
/// does not know become variables of the guest's programs.
const MORE: &str = "DM_GUEST_APPEND";

/// A kernel that guests run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Kernel {
    /// Linux 6.1.
    V6_1,
    /// Linux 6.12.
    V6_12,
    /// Linux 6.12 on arm64.
    V6_12Arm64,
    /// Linux 6.1 as a program of the host's.
    V6_1Um,
}

/// The machines that guests are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Arch {
    /// A PC, as the host is.
    Amd64,
    /// QEMU's own arm64 machine.
    Arm64,
    /// None: user-mode Linux, which runs the host's instructions as they are.
    Um,
}

impl Kernel {
    /// The series, such as `6.1`.
    pub fn series(self) -> &'static str {
        match self {
            Kernel::V6_1 | Kernel::V6_1Um => "6.1",
            Kernel::V6_12 | Kernel::V6_12Arm64 => "6.12",
        }
    }

    /// The machine that it runs on.
    pub fn arch(self) -> Arch {
        match self {
            Kernel::V6_1 | Kernel::V6_12 => Arch::Amd64,
            Kernel::V6_12Arm64 => Arch::Arm64,
            Kernel::V6_1Um => Arch::Um,
        }
    }
}

impl Arch {
    /// As `tests/vm/build` calls it.
    pub fn name(self) -> &'static str {
        match self {
            Arch::Amd64 => "amd64",
            Arch::Arm64 => "arm64",
            Arch::Um => "um",
        }
    }
}

/// As names of files have it, such as `6.1-amd64`.
impl fmt::Display for Kernel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.series(), self.arch().name())
    }
}

/// The files of a guest.
#[derive(Clone, Debug)]
pub struct Image {
    kernel: Kernel,
    qemu: PathBuf,
    vmlinuz: PathBuf,
    initrd: PathBuf,
    state: PathBuf,
    machine: Vec<String>,
    console: String,
}

impl Image {
    /// Builds what is not built yet.
    ///
    /// # Errors
    /// [`Trouble::Unavailable`] if this machine lacks what that needs.
    pub fn build(kernel: Kernel) -> Result<Image, Trouble> {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("vm/build");
        let host = |source| Trouble::Host {
            what: "tests/vm/build".to_owned(),
            source,
        };
        let mut script = Command::new(script)
            .args([kernel.series(), kernel.arch().name()])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .map_err(host)?;
        let told = relay(
            script
                .stderr
                .take()
                .expect("stderr is a pipe, as asked above"),
        );
        // Its few lines on stdout fit a pipe, so that it never waits for us.
        let output = script.wait_with_output().map_err(host)?;
        match output.status.code() {
            Some(0) => parse(kernel, &String::from_utf8_lossy(&output.stdout)),
            Some(UNAVAILABLE) => Err(Trouble::Unavailable(
                told.last().cloned().unwrap_or_default(),
            )),
            _ => Err(Trouble::Build(told.join("\n"))),
        }
    }

    /// Where things may be kept between runs.
    pub fn state(&self) -> &Path {
        &self.state
    }

    /// The kernel.
    pub fn kernel(&self) -> Kernel {
        self.kernel
    }

    /// What distinguishes this image for whoever remembers something about it.
    pub fn vmlinuz(&self) -> &Path {
        &self.vmlinuz
    }

    /// Starts the machine. One machine of a kernel runs at a time, also of other processes.
    ///
    /// # Errors
    /// If it can not be started.
    pub fn start(&self, accel: Accel) -> Result<Machine, Trouble> {
        let host = |what: &str| {
            let what = what.to_owned();
            move |source: io::Error| Trouble::Host { what, source }
        };
        let log = self.state.join(format!("console-{}.log", self.kernel));
        let turn = self.state.join(format!("turn-{}", self.kernel));
        let turn = File::create(turn).map_err(host("the lock of guests"))?;
        turn.lock().map_err(host("the lock of guests"))?;
        let log = File::create(&log).map_err(host("the console's log"))?;
        let namespace = File::create(self.namespace()).map_err(host("a disk with metadata"))?;
        let sized = namespace.set_len(NAMESPACE_BYTES);
        sized.map_err(host("a disk with metadata"))?;
        let console = Console::new(&self.kernel.to_string(), Box::new(log));
        Machine::start(&mut self.command(accel), console, Some(turn))
            .map_err(host("the guest's machine"))
    }

    /// The file of a disk whose sectors have metadata.
    fn namespace(&self) -> PathBuf {
        self.state.join(format!("namespace-{}", self.kernel))
    }

    fn command(&self, accel: Accel) -> Command {
        let more = std::env::var(MORE).unwrap_or_default();
        let append = format!("console={} {APPEND} {more}", self.console);
        let Some(accel) = accel.argument() else {
            return self.own_command(&append);
        };
        let mut command = Command::new(&self.qemu);
        command
            .args(["-accel", accel, "-m", "2048", "-smp", "2"])
            .args(&self.machine)
            .args([
                "-nodefaults",
                "-no-reboot",
                "-display",
                "none",
                "-serial",
                "stdio",
            ])
            .arg("-drive")
            .arg(format!(
                "if=none,id=tagged,format=raw,file={}",
                self.namespace().display()
            ))
            .args(["-device", "nvme,id=nvme,serial=tagged"])
            .args(["-device", "nvme-ns,bus=nvme,drive=tagged,ms=16"])
            .arg("-append")
            .arg(append.trim_end())
            .arg("-kernel")
            .arg(&self.vmlinuz)
            .arg("-initrd")
            .arg(&self.initrd);
        command
    }

    /// Of a kernel that is a program itself.
    fn own_command(&self, append: &str) -> Command {
        let mut command = Command::new(&self.vmlinuz);
        command
            .args(&self.machine)
            .args(append.split_whitespace())
            .arg(format!("initrd={}", self.initrd.display()))
            // Where it has a folder for each machine, with its process's number.
            .env("HOME", &self.state);
        command
    }
}

/// Shows lines as they come, and keeps them. `eprintln!` would show them only if the test failed.
fn relay(lines: impl Read) -> Vec<String> {
    let lines = BufReader::new(lines).split(b'\n').map_while(Result::ok);
    lines
        .map(|line| {
            let line = String::from_utf8_lossy(&line).into_owned();
            let _ = writeln!(io::stderr(), "{line}");
            line
        })
        .collect()
}

/// Reads what the script says: `word=value`, one a line.
fn parse(kernel: Kernel, text: &str) -> Result<Image, Trouble> {
    let words: BTreeMap<&str, &str> = text
        .lines()
        .filter_map(|line| line.split_once('='))
        .collect();
    let said = |word: &str| match words.get(word) {
        Some(value) => Ok(*value),
        None => Err(Trouble::Build(format!("it does not say what {word} is"))),
    };
    let path = |word| said(word).map(PathBuf::from);
    Ok(Image {
        kernel,
        qemu: path("qemu")?,
        vmlinuz: path("kernel")?,
        initrd: path("initrd")?,
        state: path("state")?,
        machine: said("machine")?.split(' ').map(str::to_owned).collect(),
        console: said("console")?.to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_word_is_needed() {
        let all = "qemu=/q\nkernel=/k\ninitrd=/i\nstate=/s\nmachine=-cpu max\nconsole=ttyS0\n";
        let image = parse(Kernel::V6_1, all).expect("all words");
        assert_eq!(image.vmlinuz(), Path::new("/k"));
        assert_eq!(image.machine, ["-cpu", "max"]);
        for (at, line) in all.lines().enumerate() {
            let lines = all.lines().enumerate().filter(|(other, _)| *other != at);
            let less: String = lines.map(|(_, line)| format!("{line}\n")).collect();
            let trouble = parse(Kernel::V6_1, &less).expect_err(line);
            let word = line.split('=').next().unwrap_or_default();
            assert!(
                trouble.to_string().contains(&format!("what {word} is")),
                "{trouble}"
            );
        }
    }
}
