//! No verb of dmctl needs more ioctls than dmsetup's, and none goes without a flag of its.

use std::process::Command;

use dm_core::client::Dm;
use dm_core::command::{Create, Load, RemoveMode, SuspendOptions};
use dm_core::error::DmError;
use dm_core::names::DmName;
use dm_core::table::TableLine;
use dm_linux::Linux;

use crate::shell::command;

/// Where strace writes.
const TRACE: &str = "/tmp/trace";

/// A verb: what makes the devices that it needs, and what is typed to either tool.
struct Verb {
    before: &'static [Step],
    words: &'static str,
}

const fn verb(words: &'static str) -> Verb {
    Verb { before: &[], words }
}

/// The same words for both tools, of a device `one`.
const fn of_one(words: &'static str) -> Verb {
    Verb {
        before: ONE,
        ..verb(words)
    }
}

/// A step of what makes a verb's devices.
enum Step {
    /// A device with a table.
    Device(&'static str),
    /// Another table for it.
    Load(&'static str),
    /// Another name.
    Rename(&'static str, &'static str),
}

const ONE: &[Step] = &[Step::Device("one")];
const LOADED: &[Step] = &[Step::Device("one"), Step::Load("one")];
/// A rename is the event that is waited for.
const RENAMED: &[Step] = &[Step::Device("two"), Step::Rename("two", "one")];

/// Those that change something.
const CHANGING: &[Verb] = &[
    verb("create one --notable"),
    verb("create one --notable --uuid U-1"),
    verb("create one --table 0_8_zero"),
    verb("create one --readonly --table 0_8_zero"),
    // dmsetup wants the driver's own major number.
    verb("create one --major MAJOR --minor 7 --table 0_8_zero"),
    of_one("load one --table 0_8_error"),
    of_one("load one --readonly --table 0_8_error"),
    Verb {
        before: LOADED,
        ..of_one("resume one")
    },
    Verb {
        before: LOADED,
        ..of_one("resume one --noflush --nolockfs")
    },
    Verb {
        before: LOADED,
        ..of_one("clear one")
    },
    of_one("suspend one"),
    of_one("suspend one --noflush"),
    of_one("suspend one --noflush --nolockfs"),
    of_one("rename one two"),
    of_one("rename one --setuuid U-2"),
    of_one("message one 0 @stats_list"),
    of_one("remove one"),
    of_one("remove one --deferred"),
    of_one("remove one --force"),
    of_one("remove_all"),
    of_one("remove_all --deferred"),
];

/// Those that only look.
const LOOKING: &[Verb] = &[
    verb("version"),
    verb("targets"),
    verb("ls"),
    of_one("ls"),
    of_one("info one"),
    of_one("info"),
    of_one("table one"),
    of_one("table"),
    Verb {
        before: LOADED,
        ..of_one("table one --inactive")
    },
    Verb {
        before: LOADED,
        ..of_one("info one --inactive")
    },
    of_one("status one"),
    of_one("status one --noflush"),
    of_one("status"),
    of_one("deps one"),
    of_one("deps"),
    Verb {
        before: RENAMED,
        ..of_one("wait one 0")
    },
    Verb {
        before: RENAMED,
        ..of_one("wait one 0 --noflush")
    },
];

/// The flags that the driver reads in each ioctl. libdevmapper sets others too, as its habit is.
const FLAGS: &[(&str, &[&str])] = &[
    ("DM_DEV_CREATE", &["DM_PERSISTENT_DEV_FLAG"]),
    ("DM_TABLE_LOAD", &["DM_READONLY_FLAG"]),
    (
        "DM_DEV_SUSPEND",
        &["DM_SUSPEND_FLAG", "DM_NOFLUSH_FLAG", "DM_SKIP_LOCKFS_FLAG"],
    ),
    ("DM_DEV_RENAME", &["DM_UUID_FLAG"]),
    ("DM_DEV_REMOVE", &["DM_DEFERRED_REMOVE"]),
    ("DM_REMOVE_ALL", &["DM_DEFERRED_REMOVE"]),
    ("DM_DEV_STATUS", &["DM_QUERY_INACTIVE_TABLE_FLAG"]),
    ("DM_TABLE_DEPS", &["DM_QUERY_INACTIVE_TABLE_FLAG"]),
    ("DM_DEV_WAIT", &["DM_NOFLUSH_FLAG"]),
    (
        "DM_TABLE_STATUS",
        &[
            "DM_STATUS_TABLE_FLAG",
            "DM_NOFLUSH_FLAG",
            "DM_QUERY_INACTIVE_TABLE_FLAG",
        ],
    ),
];

/// An ioctl of the driver, as strace saw it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Traced {
    /// Its name in C.
    pub(crate) name: String,
    /// Those of its flags that the driver reads.
    pub(crate) flags: Vec<&'static str>,
}

/// Runs a program under strace, and gives its ioctls of the driver.
pub(crate) fn traced(words: &str) -> Result<Vec<Traced>, String> {
    let _ = std::fs::remove_file(TRACE);
    // A blank in a word is written as an underline.
    let words = words.split(' ').map(|word| match word.contains("_8_") {
        true => word.replace('_', " "),
        false => word.to_owned(),
    });
    let mut strace = Command::new("strace");
    strace
        .args(["-f", "-v", "-e", "trace=ioctl", "-o", TRACE])
        .args(words);
    let (success, stdout, stderr) = command(&mut strace)?;
    if !success {
        return Err(format!("{strace:?} failed: {stdout}{stderr}"));
    }
    let trace = std::fs::read_to_string(TRACE).map_err(|error| format!("{TRACE}: {error}"))?;
    Ok(trace.lines().filter_map(read_line).collect())
}

/// The ioctl in a line such as `9 ioctl(3, DM_VERSION, {version=4.0.0, …, flags=DM_EXISTS_FLAG} => …`.
fn read_line(line: &str) -> Option<Traced> {
    let (_, call) = line.split_once("ioctl(")?;
    let mut words = call.splitn(3, ", ");
    let name = words.nth(1)?;
    if !name.starts_with("DM_") {
        return None;
    }
    let request = words.next()?.split("=>").next()?;
    let read = FLAGS.iter().find(|row| row.0 == name);
    let read = read.map_or(&[][..], |row| row.1);
    let flags = read.iter().copied().filter(|flag| {
        let mut found = request.match_indices(flag);
        found.any(|(at, _)| {
            let rest = &request[at + flag.len()..];
            !rest.starts_with(|c: char| c.is_ascii_alphanumeric() || c == '_')
        })
    });
    Some(Traced {
        name: name.to_owned(),
        flags: flags.collect(),
    })
}

/// Makes what a verb needs, without a process for each step.
fn prepare(dm: &Dm<Linux>, steps: &[Step]) -> Result<(), DmError> {
    let name = |text: &str| DmName::new(text).expect("a name");
    for step in steps {
        match *step {
            Step::Device(device) => {
                dm.create(Create::new(name(device)))?;
                let table = TableLine::parse_table("0 8 linear 1:0 0").expect("a table");
                dm.load(Load::new(name(device), table))?;
                dm.resume(name(device), SuspendOptions::default())?;
            }
            Step::Load(device) => {
                let table = TableLine::parse_table("0 8 zero").expect("a table");
                dm.load(Load::new(name(device), table))?;
            }
            Step::Rename(from, to) => drop(dm.rename(name(from), name(to))?),
        }
    }
    Ok(())
}

/// The ioctls of one tool for one verb.
fn trial(dm: &Dm<Linux>, verb: &Verb, tool: &str) -> Result<Vec<Traced>, String> {
    prepare(dm, verb.before).map_err(|error| error.report())?;
    let majors = dm_linux::probe::majors();
    let major = majors.first().ok_or("the driver has no major number")?;
    let words = verb.words.replace("MAJOR", &major.to_string());
    let calls = traced(&format!("{tool} {words}"));
    dm.remove_all(RemoveMode::Forced)
        .map_err(|error| error.report())?;
    calls
}

/// Those that the verb is about.
fn telling(calls: &[Traced]) -> Vec<&Traced> {
    calls
        .iter()
        .filter(|call| call.name != "DM_VERSION")
        .collect()
}

pub(crate) fn changing_verbs_need_no_more_ioctls() -> Result<(), String> {
    need_no_more_ioctls(CHANGING)
}

pub(crate) fn looking_verbs_need_no_more_ioctls() -> Result<(), String> {
    need_no_more_ioctls(LOOKING)
}

/// Prints the table of `verbs`.
fn need_no_more_ioctls(verbs: &[Verb]) -> Result<(), String> {
    let dm = Dm::new(Linux::open().map_err(|error| error.report())?);
    let mut more = Vec::new();
    println!("{:<44} dmctl dmsetup", "verb");
    for verb in verbs {
        let tried =
            trial(&dm, verb, "dmctl").and_then(|ours| Ok((ours, trial(&dm, verb, "dmsetup")?)));
        let (ours, theirs) = match tried {
            Ok(both) => both,
            Err(why) => {
                more.push(why);
                continue;
            }
        };
        println!("{:<44} {:>5} {:>7}", verb.words, ours.len(), theirs.len());
        let names = |calls: &[Traced]| {
            let names: Vec<&str> = calls.iter().map(|call| call.name.as_str()).collect();
            names.join(" ")
        };
        if ours.len() > theirs.len() {
            more.push(format!(
                "dmctl {}: {}; dmsetup: {}",
                verb.words,
                names(&ours),
                names(&theirs)
            ));
        }
        // Each of ours is one of theirs, with the same flags.
        for call in telling(&ours) {
            let same: Vec<&Traced> = telling(&theirs)
                .into_iter()
                .filter(|other| other.name == call.name)
                .collect();
            if !same.is_empty() && same.iter().all(|other| other.flags != call.flags) {
                more.push(format!("dmctl {}: {call:?}, dmsetup: {same:?}", verb.words));
            }
        }
    }
    match more.is_empty() {
        true => Ok(()),
        false => Err(more.join("\n")),
    }
}
