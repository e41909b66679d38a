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
/// The kernel's command line. Each record that the suite writes must come; an oops is the end.
const APPEND: &str = "console=ttyS0 quiet panic=-1 oops=panic mitigations=off printk.devkmsg=on";

/// A kernel that guests run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Kernel {
    /// Linux 6.1.
    V6_1,
    /// Linux 6.12.
    V6_12,
}

impl Kernel {
    /// The series, such as `6.1`.
    pub fn series(self) -> &'static str {
        match self {
            Kernel::V6_1 => "6.1",
            Kernel::V6_12 => "6.12",
        }
    }
}

impl fmt::Display for Kernel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.series())
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
            .arg(kernel.series())
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

    /// What distinguishes this image for whoever remembers something about it.
    pub fn vmlinuz(&self) -> &Path {
        &self.vmlinuz
    }

    /// Starts QEMU. One machine runs at a time, also of other processes.
    ///
    /// # Errors
    /// If it can not be started.
    pub fn start(&self, accel: Accel) -> Result<Machine, Trouble> {
        let host = |what: &str| {
            let what = what.to_owned();
            move |source: io::Error| Trouble::Host { what, source }
        };
        let log = self.state.join(format!("console-{}.log", self.kernel));
        let turn = File::create(self.state.join("turn")).map_err(host("the lock of guests"))?;
        turn.lock().map_err(host("the lock of guests"))?;
        let log = File::create(&log).map_err(host("the console's log"))?;
        let console = Console::new(self.kernel.series(), Box::new(log));
        Machine::start(&mut self.command(accel), console, Some(turn)).map_err(host("qemu"))
    }

    fn command(&self, accel: Accel) -> Command {
        let mut command = Command::new(&self.qemu);
        command
            .args([
                "-accel",
                accel.argument(),
                "-cpu",
                "max",
                "-m",
                "2048",
                "-smp",
                "2",
            ])
            .args([
                "-nodefaults",
                "-no-reboot",
                "-display",
                "none",
                "-serial",
                "stdio",
            ])
            .args(["-append", APPEND, "-kernel"])
            .arg(&self.vmlinuz)
            .arg("-initrd")
            .arg(&self.initrd);
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

/// Reads what the script says: `word=path`, one a line.
fn parse(kernel: Kernel, text: &str) -> Result<Image, Trouble> {
    let words: BTreeMap<&str, &str> = text
        .lines()
        .filter_map(|line| line.split_once('='))
        .collect();
    let path = |word: &str| match words.get(word) {
        Some(path) => Ok(PathBuf::from(path)),
        None => Err(Trouble::Build(format!("it does not say where {word} is"))),
    };
    Ok(Image {
        kernel,
        qemu: path("qemu")?,
        vmlinuz: path("kernel")?,
        initrd: path("initrd")?,
        state: path("state")?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_path_is_needed() {
        let all = "qemu=/q\nkernel=/k\ninitrd=/i\nstate=/s\n";
        let image = parse(Kernel::V6_1, all).expect("all paths");
        assert_eq!(image.vmlinuz(), Path::new("/k"));
        let trouble = parse(Kernel::V6_1, "qemu=/q\nkernel=/k\nstate=/s\n").expect_err("no initrd");
        assert!(trouble.to_string().contains("where initrd is"), "{trouble}");
    }
}
