//! How long a passphrase takes from the command line to the mapped device: `dmctl luks open` on the engine beside
//! `cryptsetup open --test-passphrase`, which does all but the mapping and needs no kernel's driver either.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

use nix::sys::resource::{UsageWho, getrusage};
use nix::sys::time::TimeValLike as _;

use super::jobs::{Sample, succeeded};

/// What a header costs to open.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Cost {
    Argon2id,
    Pbkdf2,
}

/// Who opens, as the table calls them.
pub(crate) const NAMES: [&str; 2] = ["dmctl luks open", "cryptsetup open --test-passphrase"];

impl Cost {
    fn options(self) -> &'static [&'static str] {
        match self {
            Cost::Argon2id => &[
                "--pbkdf",
                "argon2id",
                "--iterations",
                "4",
                "--memory",
                "262144",
                "--parallel",
                "2",
            ],
            Cost::Pbkdf2 => &["--pbkdf", "pbkdf2", "--iterations", "1000000"],
        }
    }
}

/// A volume, and a daemon of its own.
struct Volume {
    folder: PathBuf,
    dmctl: PathBuf,
}

impl Volume {
    fn make(folder: &Path, cost: Cost) -> io::Result<Volume> {
        let dmctl = std::env::current_exe()?.with_file_name("dmctl");
        let folder = folder.join("opens");
        fs::create_dir_all(&folder)?;
        fs::write(folder.join("pass"), "what the bench says")?;
        File::create(folder.join("disk.img"))?.set_len(64 << 20)?;
        let volume = Volume { folder, dmctl };
        let words = [
            "luks",
            "format",
            "--force",
            "disk.img",
            "--key-file",
            "pass",
        ];
        succeeded(volume.dmctl(&words).args(cost.options()))?;
        succeeded(&mut volume.dmctl(&["ls"]))?;
        Ok(volume)
    }

    fn dmctl(&self, words: &[&str]) -> Command {
        let mut dmctl = Command::new(&self.dmctl);
        dmctl
            .args(words)
            .current_dir(&self.folder)
            .env("DM_RUNTIME_DIR", self.folder.join("run"))
            .env("DM_BACKEND", "engine")
            .stdin(Stdio::null());
        dmctl
    }
}

impl Drop for Volume {
    fn drop(&mut self) {
        let _ = self.dmctl(&["daemon", "--stop"]).output();
    }
}

/// One run of a program: runs a second, its processor time, and no peak; and what it wrote.
pub(crate) fn timed(command: &mut Command) -> io::Result<(Sample, Output)> {
    let spent = || -> io::Result<Duration> {
        let usage = getrusage(UsageWho::RUSAGE_CHILDREN)?;
        let micros = (usage.user_time() + usage.system_time()).num_microseconds();
        Ok(Duration::from_micros(micros.unsigned_abs()))
    };
    let (before, start) = (spent()?, Instant::now());
    let output = succeeded(command)?;
    let time = start.elapsed();
    let sample = Sample {
        rate: 1.0 / time.as_secs_f64(),
        cpu: (spent()? - before).as_secs_f64() * 1e6,
        peak: 0,
    };
    Ok((sample, output))
}

/// One opening by each.
pub(crate) fn run(folder: &Path, cost: Cost) -> io::Result<[Sample; 2]> {
    let volume = Volume::make(folder, cost)?;
    let (ours, _) =
        timed(&mut volume.dmctl(&["luks", "open", "disk.img", "vault", "--key-file", "pass"]))?;
    succeeded(&mut volume.dmctl(&["luks", "close", "vault"]))?;
    let mut cryptsetup = Command::new("cryptsetup");
    cryptsetup.args([
        "open",
        "--test-passphrase",
        "disk.img",
        "--key-file",
        "pass",
    ]);
    let (theirs, _) = timed(cryptsetup.current_dir(&volume.folder))?;
    Ok([ours, theirs])
}
