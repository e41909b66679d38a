//! The captured conversations.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;

use dm_proto::proplib::{Dictionary, Limits, read_dictionary};

/// One step: what was sent, and what came back.
pub(crate) struct Step {
    /// Its scenario.
    pub(crate) scenario: String,
    /// Its number, as in `007`.
    pub(crate) number: String,
    pub(crate) request: Dictionary,
    /// None where the kernel crashed, or the ioctl failed.
    pub(crate) reply: Option<Dictionary>,
    /// The request's bytes.
    pub(crate) sent: Vec<u8>,
}

impl Step {
    /// As the tables name it, in `life 007`.
    pub(crate) fn place(&self) -> String {
        format!("{} {}", self.scenario, self.number)
    }
}

/// The rows of a table whose steps are written as in `life 001 002; rename 003`: each step with its row.
///
/// # Panics
/// If a step is in two rows.
pub(crate) fn by_step<T: Copy>(rows: &[T], steps: fn(T) -> &'static str) -> BTreeMap<String, T> {
    let mut found = BTreeMap::new();
    for row in rows {
        for scenario in steps(*row).split("; ").filter(|part| !part.is_empty()) {
            let mut words = scenario.split(' ');
            let name = words.next().unwrap();
            for number in words {
                let twice = found.insert(format!("{name} {number}"), *row);
                assert!(twice.is_none(), "{name} {number} is in two rows");
            }
        }
    }
    found
}

fn golden() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../tests/golden/netbsd")
}

/// The steps of a scenario.
fn steps(scenario: &str) -> Vec<Step> {
    let folder = golden().join(scenario);
    let mut files: Vec<_> = fs::read_dir(&folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| name.ends_with(".request.plist"))
        .collect();
    files.sort();
    let step = |file: &String| {
        let name = file.strip_suffix(".request.plist").unwrap();
        let read = |what: &str| fs::read(folder.join(format!("{name}.{what}.plist")));
        let dictionary = |text: &[u8]| read_dictionary(text, &Limits::default()).unwrap();
        let (sent, reply) = (read("request").unwrap(), read("reply").ok());
        Step {
            scenario: scenario.into(),
            number: name.split('-').next().unwrap().into(),
            request: dictionary(&sent),
            reply: reply.as_deref().map(dictionary),
            sent,
        }
    };
    files.iter().map(step).collect()
}

/// Whose replies are a model.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Model,
    /// Below `undefined`, which are none.
    Undefined,
}

/// The steps of all scenarios of a kind.
pub(crate) fn all(kind: Kind) -> Vec<Step> {
    scenarios(kind)
        .iter()
        .flat_map(|name| steps(name))
        .collect()
}

fn scenarios(kind: Kind) -> Vec<String> {
    let (folder, before) = match kind {
        Kind::Undefined => (golden().join("undefined"), "undefined/"),
        Kind::Model => (golden(), ""),
    };
    let mut names: Vec<_> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap())
        .filter(|entry| entry.path().is_dir() && entry.file_name() != "undefined")
        .map(|entry| format!("{before}{}", entry.file_name().to_str().unwrap()))
        .collect();
    names.sort();
    names
}
