//! verity's trees and codes made and checked by programs: `dmctl verity` beside `veritysetup`, on one file in the page
//! cache.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::Command;

use super::jobs::Sample;
use super::opens::timed;

/// What is done, by which hash.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Work {
    Format(&'static str),
    Verify(&'static str),
    /// The codes alone, of so many roots: what `format` takes longer with them than without.
    Codes(u8),
}

/// Who does it, as the table calls them.
pub(crate) const NAMES: [&str; 2] = ["dmctl verity", "veritysetup"];

/// A salt of the usual length: a random one would change nothing but the root.
const SALT: &str = "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff";

/// A program, and its files beside the data.
struct Program {
    words: Vec<PathBuf>,
    data: PathBuf,
    hashes: PathBuf,
    codes: PathBuf,
}

impl Program {
    fn new(folder: &Path, words: Vec<PathBuf>, name: &str) -> Program {
        Program {
            words,
            data: folder.join("proven.img"),
            hashes: folder.join(format!("{name}.tree")),
            codes: folder.join(format!("{name}.codes")),
        }
    }

    /// The verb on data and tree.
    fn command(&self, verb: &str, hash: &str) -> Command {
        let mut command = Command::new(&self.words[0]);
        command.args(&self.words[1..]).arg(verb);
        command.arg(&self.data).arg(&self.hashes);
        if verb == "format" {
            command.args(["--hash", hash, "--salt", SALT]);
        }
        command
    }

    /// Makes tree and codes, and tells the root.
    fn format(&self, hash: &str, roots: Option<u8>) -> io::Result<(Sample, String)> {
        for path in [&self.hashes, &self.codes] {
            File::create(path)?;
        }
        let mut command = self.command("format", hash);
        if let Some(roots) = roots {
            command.arg("--fec-device").arg(&self.codes);
            command.arg(format!("--fec-roots={roots}"));
        }
        let (sample, output) = timed(&mut command)?;
        let said = String::from_utf8_lossy(&output.stdout);
        let root = said
            .lines()
            .find_map(|line| line.strip_prefix("Root hash:"));
        let root = root.ok_or_else(|| io::Error::other(format!("no root is told: {said}")))?;
        Ok((sample, root.trim().to_owned()))
    }

    fn run(&self, work: Work) -> io::Result<(Sample, String)> {
        match work {
            Work::Format(hash) => self.format(hash, None),
            Work::Verify(hash) => {
                let (_, root) = self.format(hash, None)?;
                let (sample, _) = timed(self.command("verify", hash).arg(&root))?;
                Ok((sample, root))
            }
            Work::Codes(roots) => {
                let (without, _) = self.format("sha256", None)?;
                let (with, root) = self.format("sha256", Some(roots))?;
                let sample = Sample {
                    rate: 1.0 / (1.0 / with.rate - 1.0 / without.rate),
                    cpu: with.cpu - without.cpu,
                    peak: 0,
                };
                Ok((sample, root))
            }
        }
    }
}

/// The work by each, in MiB. What they make must be the same.
pub(crate) fn run(folder: &Path, size: u64, work: Work) -> io::Result<[Sample; 2]> {
    let dmctl = std::env::current_exe()?.with_file_name("dmctl");
    let ours = Program::new(folder, vec![dmctl, "verity".into()], "ours");
    let theirs = Program::new(folder, vec!["veritysetup".into()], "theirs");
    fill(&ours.data, size)?;
    let (mut one, root) = ours.run(work)?;
    let (mut other, expected) = theirs.run(work)?;
    let equal = |one: &Path, other: &Path| Ok::<_, io::Error>(fs::read(one)? == fs::read(other)?);
    if root != expected || !equal(&ours.codes, &theirs.codes)? {
        return Err(io::Error::other(format!("{work:?}: each makes another")));
    }
    let megabytes = (size >> 20) as f64;
    for sample in [&mut one, &mut other] {
        sample.rate *= megabytes;
        sample.cpu /= megabytes;
    }
    Ok([one, other])
}

/// Data that no two blocks of are alike, once for all rounds.
fn fill(path: &Path, size: u64) -> io::Result<()> {
    if fs::metadata(path).is_ok_and(|metadata| metadata.len() == size) {
        return Ok(());
    }
    let mut file = File::create(path)?;
    let mut rng = fastrand::Rng::with_seed(9);
    let mut bytes = vec![0; 1 << 20];
    for _ in 0..size >> 20 {
        rng.fill(&mut bytes);
        file.write_all(&bytes)?;
    }
    file.sync_all()
}
