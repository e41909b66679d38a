//! How long dmctl takes from start to end, beside dmsetup: whole processes, in turns.

use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use crate::shell;

/// How often each is run.
const RUNS: u32 = 30;

/// What is measured: the words of both.
const ROWS: &[&[&str]] = &[&["version"], &["ls"], &["info", "-c"], &["table"]];

/// Prints the ratios, smaller being better for us.
pub(crate) fn startup_figures() -> Result<(), String> {
    for number in 0..4 {
        shell::create(&format!("device{number}"), "0 8 zero")?;
    }
    for words in ROWS {
        let (mut theirs, mut ours) = (Vec::new(), Vec::new());
        for _ in 0..RUNS {
            theirs.push(once("dmsetup", words)?);
            ours.push(once("dmctl", words)?);
        }
        let (theirs, ours) = (median(theirs), median(ours));
        let ratio = ours.as_secs_f64() / theirs.as_secs_f64();
        println!("startup {words:?}: dmsetup {theirs:?}, dmctl {ours:?}, ratio {ratio:.2}");
    }
    shell::leftovers().map(|_| ())
}

fn once(program: &str, words: &[&str]) -> Result<Duration, String> {
    let start = Instant::now();
    let status = Command::new(program)
        .args(words)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .status()
        .map_err(|error| format!("{program}: {error}"))?;
    let took = start.elapsed();
    match status.success() {
        true => Ok(took),
        false => Err(format!("{program} {words:?} ended with {status}")),
    }
}

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort();
    times[times.len() / 2]
}
