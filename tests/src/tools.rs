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

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::fs;
    use std::path::Path;

    /// The programs that sources in a folder ask for by name.
    fn asked_for(folder: &Path, programs: &mut BTreeSet<String>) {
        for entry in fs::read_dir(folder).expect("a folder of sources") {
            let path = entry.expect("its entry").path();
            if path.is_dir() {
                asked_for(&path, programs);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let text = fs::read_to_string(&path).expect("a source");
                let calls = text.split("find(\"").skip(1);
                let named = calls.filter_map(|rest| Some(rest.split_once("\")")?.0.to_owned()));
                programs.extend(named);
            }
        }
    }

    #[test]
    fn all_that_tests_ask_for_is_installed_by_the_script() {
        let tests = Path::new(env!("CARGO_MANIFEST_DIR"));
        let script = fs::read_to_string(tests.join("run")).expect("tests/run");
        let mut programs = BTreeSet::new();
        for folder in ["src", "tests", "../tools/tests"] {
            asked_for(&tests.join(folder), &mut programs);
        }
        programs.retain(|program| !program.contains(|char: char| !char.is_ascii_graphic()));
        assert!(programs.contains("nbdkit"), "{programs:?}");
        let missing: Vec<&String> = programs
            .iter()
            .filter(|program| !script.contains(&format!("\n    \"{program} ")))
            .collect();
        assert!(missing.is_empty(), "{missing:?}");
    }
}
