//! Programs that others wrote, which the tests run against ours.

use std::path::PathBuf;
use std::process::{Command, Output};

/// A program that must be there.
///
/// `tests/run` installs what the tests need, so in CI a missing one fails. Elsewhere the test says
/// what it lacks, and is over.
///
/// # Panics
/// If the program is missing in CI.
pub fn find(program: &str) -> Option<Command> {
    let folders = std::env::var_os("PATH").unwrap_or_default();
    let more = ["/usr/sbin", "/sbin"].map(PathBuf::from);
    let found = std::env::split_paths(&folders)
        .chain(more)
        .map(|folder| folder.join(program));
    match found.into_iter().find(|path| path.is_file()) {
        Some(path) => Some(Command::new(path)),
        None if std::env::var_os("CI").is_some() => panic!("{program} is not installed"),
        None => {
            eprintln!("SKIPPED: {program} is not installed; tests/run installs it as root");
            None
        }
    }
}

/// Runs a program that must succeed.
///
/// # Panics
/// If it does not, with all that it said.
pub fn run(command: &mut Command) -> Output {
    let output = command
        .output()
        .unwrap_or_else(|error| panic!("{command:?}: {error}"));
    assert!(
        output.status.success(),
        "{command:?} failed:\n{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
    output
}
