//! What dmctl prints on the kernel, beside the real dmsetup.
//!
//! # Shape
//! Each story is told from no devices on: by `dmsetup`, by `dmctl --backend linux`, and by dmctl
//! called dmsetup. The kernel gives the lowest minor number that is free, so that the same devices
//! come each time and nothing has to be normalised: stdout is compared byte for byte. Of a command that fails,
//! dmsetup knows one exit code; ours, which stands in the row, says why, and what dmsetup says on
//! stderr must have that sense.

use std::fs::File;
use std::io::Write;
use std::process::{Command, Stdio};

use crate::shell;

mod drop_in;
mod stories;

use std::os::unix::process::{CommandExt, ExitStatusExt};

use stories::{
    ON_PURPOSE, Story, WITH_ONE_DEVICE, WITH_SEVERAL_DEVICES, WITH_TROUBLE, WITHOUT_DEVICES,
};

/// A program, and the words that it gets before those of a row.
#[derive(Clone, Copy, Debug)]
struct Program {
    file: &'static str,
    /// What it is called, unless a row says otherwise; else its file's name.
    called: Option<&'static str>,
    words: &'static [&'static str],
}

const DMSETUP: Program = Program {
    file: "dmsetup",
    called: None,
    words: &[],
};
const DMCTL: Program = Program {
    file: "dmctl",
    called: None,
    words: &["--backend", "linux"],
};
const DROP_IN: Program = Program {
    file: "dmctl",
    called: Some("dmsetup"),
    words: &[],
};

/// The programs that a row may name in its first word.
const OTHERS: &[&str] = &["dmstats", "devmap_name"];

/// What dmsetup says, one of these, where dmctl ends with a code.
const SENSE: &[(i32, &[&str])] = &[
    (1, &["Invalid argument", "mixed mangled"]),
    (
        2,
        &[
            "specif",
            "Incorrect",
            "Invalid",
            "invalid",
            "option",
            "provide",
            "supplied",
            "Unknown",
        ],
    ),
    (
        4,
        &[
            "No such device",
            "does not exist",
            "Couldn't open",
            "not found",
        ],
    ),
    // The latter of a minor number that is taken.
    (5, &["Device or resource busy", "No such device or address"]),
    (6, &["Invalid argument", "Invalid format", "No such"]),
];

/// A program that a signal ended has this exit code and the signal's number, as in a shell.
const BY_A_SIGNAL: i32 = 128;

/// A program's answer to a row.
#[derive(Debug, Default)]
struct Answer {
    code: i32,
    stdout: String,
    stderr: String,
}

/// The stories without devices.
pub(crate) fn without_devices() -> Result<(), String> {
    compare(WITHOUT_DEVICES)
}

/// The stories of one device.
pub(crate) fn with_one_device() -> Result<(), String> {
    compare(WITH_ONE_DEVICE)
}

/// The stories in which much goes wrong.
pub(crate) fn with_trouble() -> Result<(), String> {
    compare(WITH_TROUBLE)
}

/// The stories of several devices.
pub(crate) fn with_several_devices() -> Result<(), String> {
    compare(WITH_SEVERAL_DEVICES)
}

/// Reports, by dmctl called dmsetup.
pub(crate) fn reports() -> Result<(), String> {
    compare_drop_in(drop_in::REPORTS)
}

/// Trees, lists and dependencies, by dmctl called dmsetup.
pub(crate) fn trees() -> Result<(), String> {
    compare_drop_in(drop_in::TREES)
}

/// All the rest, by dmctl called dmsetup.
pub(crate) fn rest() -> Result<(), String> {
    compare_drop_in(drop_in::REST)
}

/// Counters, by dmctl called dmstats.
pub(crate) fn stats() -> Result<(), String> {
    compare_drop_in(drop_in::STATS)
}

/// Every row comes out the same from dmctl called dmsetup.
fn compare_drop_in(stories: &[(&str, stories::Rows)]) -> Result<(), String> {
    let (mut told, mut differing) = (0, 0);
    for (name, rows) in stories {
        println!("{name}: {} rows", rows.len());
        differing += differing_called_dmsetup(rows, &tell(rows, DMSETUP)?)?;
        told += rows.len();
    }
    all_same(differing, told)
}

fn all_same(differing: usize, rows: usize) -> Result<(), String> {
    match differing {
        0 => Ok(()),
        _ => Err(format!(
            "{differing} of {rows} rows differ, as the console says"
        )),
    }
}

/// How many rows come out otherwise from dmctl called dmsetup than from dmsetup, and not on purpose.
fn differing_called_dmsetup(rows: &[&str], theirs: &[Answer]) -> Result<usize, String> {
    let ours = tell(rows, DROP_IN)?;
    let mut differing = 0;
    for ((row, theirs), ours) in rows.iter().zip(theirs).zip(&ours) {
        let same = theirs.stdout == ours.stdout
            && theirs.code == ours.code
            // Who fails says why, and no signal ends this program.
            && (ours.code == 0 || !ours.stderr.is_empty())
            && ours.code < BY_A_SIGNAL;
        let on_purpose = drop_in::ON_PURPOSE.iter().find(|known| known.0 == *row);
        match (same, on_purpose) {
            (true, None) | (false, Some(_)) => {}
            (false, None) => {
                println!("{row}:\n  dmsetup: {theirs:?}\n  dmctl:   {ours:?}");
                differing += 1;
            }
            (true, Some((_, quirk))) => {
                println!("{row}: quirk {quirk} is no longer one");
                differing += 1;
            }
        }
    }
    Ok(differing)
}

/// Every row of every story comes out the same, but for those that do not on purpose.
fn compare(stories: &[Story]) -> Result<(), String> {
    let (mut rows, mut differing) = (0, 0);
    for (name, story) in stories {
        println!("{name}: {} rows", story.len());
        let lines: Vec<&str> = story.iter().map(|row| row.0).collect();
        let theirs = tell(&lines, DMSETUP)?;
        let ours = tell(&lines, DMCTL)?;
        for (((line, code), theirs), ours) in story.iter().zip(&theirs).zip(&ours) {
            let on_purpose = ON_PURPOSE.iter().find(|row| row.0 == *line);
            let trouble = match (difference(line, *code, theirs, ours), on_purpose) {
                (None, None) | (Some(_), Some(_)) => continue,
                (Some(difference), None) => difference,
                (None, Some((_, quirk))) => format!("quirk {quirk} is no longer one"),
            };
            println!("{line}: {trouble}");
            differing += 1;
        }
        differing += differing_called_dmsetup(&lines, &theirs)?;
        rows += story.len();
    }
    all_same(differing, rows)
}

/// In what two answers differ, `code` being what ours should end with.
fn difference(line: &str, code: i32, theirs: &Answer, ours: &Answer) -> Option<String> {
    let sense = SENSE.iter().find(|row| row.0 == code);
    let sense = sense.is_none_or(|row| row.1.iter().any(|words| theirs.stderr.contains(words)));
    // Who wants to hear more hears it on stderr.
    let talks = words(line).iter().any(|word| word == "-v") || code != 0;
    let same = theirs.stdout == ours.stdout
        && (theirs.code == 0) == (code == 0)
        && ours.code == code
        && ours.stderr.is_empty() != talks
        && sense;
    (!same).then(|| format!("\n  dmsetup: {theirs:?}\n  dmctl:   {ours:?}"))
}

/// Tells a story by a program: its answer to each row.
fn tell(rows: &[&str], program: Program) -> Result<Vec<Answer>, String> {
    let mut open = Vec::new();
    let mut answers = Vec::new();
    for line in rows {
        let words = words(line);
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        answers.push(match words[..] {
            ["OPEN", path] => {
                open.push(File::open(path).map_err(|error| format!("{path}: {error}"))?);
                Answer::default()
            }
            ["RUN", ref words @ ..] => {
                shell::run(&words.join(" "))?;
                Answer::default()
            }
            ["CLOSE"] => {
                open.clear();
                wait_for_deferred();
                Answer::default()
            }
            _ => ask(program, &words)?,
        });
    }
    drop(open);
    shell::leftovers()?;
    Ok(answers)
}

/// A deferred removal happens a moment after the last close.
fn wait_for_deferred() {
    std::thread::sleep(std::time::Duration::from_millis(300));
}

/// Asks a program; what follows the word `<` is its stdin.
fn ask(program: Program, words: &[&str]) -> Result<Answer, String> {
    let (words, input) = match words.iter().position(|word| *word == "<") {
        Some(at) => (&words[..at], words[at + 1..].join(" ")),
        None => (words, String::new()),
    };
    let failed = |error| format!("{program:?} {words:?}: {error}");
    let (other, words) = match words {
        [other, words @ ..] if OTHERS.contains(other) => (Some(*other), words),
        _ => (None, words),
    };
    let called = other.or(program.called).unwrap_or(program.file);
    // dmsetup, too, knows by its name what it is to be.
    let mut child = Command::new(program.file)
        .arg0(called)
        .args(program.words)
        .args(words)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(failed)?;
    let mut stdin = child.stdin.take().ok_or("no stdin")?;
    // A program that reads no stdin may have ended already.
    let _ = stdin.write_all(input.as_bytes());
    drop(stdin);
    let output = child.wait_with_output().map_err(failed)?;
    let text = |bytes| String::from_utf8_lossy(bytes).into_owned();
    Ok(Answer {
        code: match (output.status.code(), output.status.signal()) {
            (Some(code), _) => code,
            (None, signal) => BY_A_SIGNAL + signal.unwrap_or_default(),
        },
        stdout: text(&output.stdout),
        stderr: text(&output.stderr),
    })
}

/// Splits a row at blanks, but for those in single quotes.
fn words(line: &str) -> Vec<String> {
    let mut words = Vec::new();
    for (at, part) in line.split('\'').enumerate() {
        match at % 2 {
            0 => words.extend(part.split_whitespace().map(str::to_owned)),
            _ => words.push(part.to_owned()),
        }
    }
    words
}
