//! Plays conversations with NetBSD's driver against ours: `replay DIR…`.
//!
//! Prints a line a scenario, and each difference that `tests/golden/netbsd/documented.tsv` does not have. Exits with 1
//! if there is one, and with 2 if a folder can not be played.
#![forbid(unsafe_code)]

use std::io::{self, Write};
use std::path::Path;
use std::process::ExitCode;

use dm_tests::replay::{Documented, Outcome, documented, play, scenarios};

fn main() -> ExitCode {
    let folders: Vec<_> = std::env::args_os().skip(1).collect();
    if folders.is_empty() {
        eprintln!("usage: replay DIR…");
        return ExitCode::from(2);
    }
    let documented = documented();
    let mut undocumented = 0;
    for folder in &folders {
        match replay(Path::new(folder), &documented) {
            Ok(found) => undocumented += found,
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => break,
            Err(error) => {
                eprintln!("replay: {error}");
                return ExitCode::from(2);
            }
        }
    }
    match undocumented {
        0 => ExitCode::SUCCESS,
        _ => ExitCode::FAILURE,
    }
}

/// Plays what is in a folder, and says how many differences are not documented.
fn replay(folder: &Path, documented: &[Documented]) -> io::Result<usize> {
    let mut undocumented = 0;
    for scenario in scenarios(folder)? {
        undocumented += show(&play(&scenario)?, documented)?;
    }
    Ok(undocumented)
}

fn show(outcome: &Outcome, documented: &[Documented]) -> io::Result<usize> {
    let mut out = io::stdout().lock();
    let known = |step: &str| {
        documented
            .iter()
            .any(|row| row.scenario == outcome.name && row.step == step)
    };
    let (old, new): (Vec<_>, Vec<_>) =
        (outcome.differences.iter()).partition(|difference| known(&difference.step));
    writeln!(
        out,
        "{}: {} steps, {} reads and writes, {} differing, {} documented",
        outcome.name,
        outcome.steps,
        outcome.ios,
        outcome.differences.len(),
        old.len()
    )?;
    if outcome.name.starts_with("undefined/") {
        for line in &outcome.said {
            writeln!(out, "  {line}")?;
        }
    }
    for difference in &new {
        writeln!(out, "{} step {}:", outcome.name, difference.step)?;
        write!(out, "{}", difference.text)?;
    }
    Ok(new.len())
}
