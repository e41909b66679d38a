//! `dmctl apply`: devices made as a file describes them, all or none.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::PathBuf;

use clap::Args;
use dm_core::command::{Create, DeviceEntry, Load, Slot};
use dm_core::error::ErrorKind;
use dm_core::flags::DeviceFlags;
use dm_core::names::{DmName, DmUuid};
use dm_core::table::{TableLine, Words};
use dm_core::transaction::{Transaction, TransactionError};
use serde_json::json;

use crate::failure::Failure;
use crate::keys;
use crate::output::Answer;
use crate::output::escape::printable;

use super::commands::Run;
use super::description::{Described, Description};
use super::devices::{name, nodes};
use super::label_rule::LabelRule;
use super::session::Session;
use super::table_text::{self, TableText};

/// A file that describes devices, which are to become so.
#[derive(Debug, Args)]
pub(super) struct Apply {
    /// The file, as dmctl save writes it; - is stdin
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// Remove the devices that it does not describe
    #[arg(long)]
    prune: bool,
    #[command(flatten)]
    labels: LabelRule,
}

/// What becomes of a device.
enum Change {
    Made(DmName, Described, TableText),
    Swapped(DmName, Described, TableText, Vec<TableLine>),
    Removed(DeviceEntry),
}

impl Run for Apply {
    fn run(self, session: &Session, answer: &mut Answer) -> Result<(), Failure> {
        let text = match self.file.as_os_str() == "-" {
            true => table_text::stdin()?,
            false => fs::read_to_string(&self.file)
                .map_err(|error| Failure::io("read", &self.file, &error))?,
        };
        let changes = self.changes(session, Description::read(&text)?)?;
        let mut shown = String::new();
        changes.iter().for_each(|change| change.show(&mut shown));
        if changes.is_empty() {
            session.note(|| "all devices are as described".into());
        }
        let told: Vec<_> = changes.iter().map(Change::told).collect();
        // The difference comes first, whatever comes of it.
        answer.text = shown;
        session.show_text(&mut answer.text)?;
        answer.field("changes", told);
        if session.is_dry() || changes.is_empty() {
            return Ok(());
        }
        let dm = session.dm()?;
        let mut transaction = Transaction::new();
        for change in changes {
            transaction = match change {
                Change::Made(name, described, table) => {
                    let mut create = Create::new(name);
                    create.uuid = uuid(&described)?;
                    match described.read_only {
                        true => transaction.create_read_only(create, table.lines),
                        false => transaction.create(create, table.lines),
                    }
                }
                Change::Swapped(name, described, table, _) => {
                    let load = Load::new(name, table.lines);
                    transaction.swap(if described.read_only {
                        load.read_only()
                    } else {
                        load
                    })
                }
                Change::Removed(entry) => transaction.remove(entry.name),
            };
        }
        let report = transaction.run(dm).map_err(failed)?;
        session.note(|| format!("io was held for {:?}", report.suspended));
        let held = report.held.iter();
        let held: BTreeMap<String, u128> = held
            .map(|(name, time)| (name.to_string(), time.as_micros()))
            .collect();
        answer.field("held_microseconds", json!(held));
        Ok(())
    }
}

impl Apply {
    /// What must be changed; whatever is wrong is found before anything is.
    fn changes(&self, session: &Session, wanted: Description) -> Result<Vec<Change>, Failure> {
        let dm = session.dm()?;
        let all = dm.list()?;
        let there = all.iter().map(|entry| (entry.name.clone(), entry.clone()));
        let mut there: BTreeMap<DmName, DeviceEntry> = there.collect();
        let mut seen: Vec<DmName> = Vec::new();
        let mut changes = Vec::new();
        for described in wanted.device {
            let name = name(&described.name)?;
            let about = |failure: Failure| failure.about("apply", Some(name.to_string()));
            if seen.contains(&name) {
                return Err(about(Failure::usage("it is described twice")));
            }
            seen.push(name.clone());
            if described.keys_left_out {
                let reason = "its keys were left out when it was saved";
                let failure = Failure::because(ErrorKind::InvalidTable, reason);
                return Err(about(
                    failure.hint("write them into the table, or save with --showkeys"),
                ));
            }
            let table = table_text::parse_named(described.table.clone(), &name)?;
            if table.lines.is_empty() {
                let failure = Failure::because(ErrorKind::InvalidTable, "the table has no lines");
                return Err(about(failure));
            }
            self.labels
                .check(dm.backend(), &name.clone().into(), &table)?;
            if there.remove(&name).is_none() {
                changes.push(Change::Made(name, described, table));
                continue;
            }
            let (info, now) = dm.table(name.clone(), Slot::Active)?;
            let is = info.uuid.as_ref().map(|uuid| uuid.as_str());
            if described.uuid.is_some() && described.uuid.as_deref() != is {
                let reason = format!("its uuid is {:?}, and stays so", is.unwrap_or_default());
                return Err(about(Failure::because(ErrorKind::Exists, reason)));
            }
            let read_only = info.flags.contains(DeviceFlags::READ_ONLY);
            if !same(&now, &table.lines, &all) || read_only != described.read_only {
                changes.push(Change::Swapped(name, described, table, now));
            }
        }
        if self.prune {
            changes.extend(there.into_values().map(Change::Removed));
        }
        Ok(changes)
    }
}

impl Change {
    /// Shows what is added and taken away, without keys.
    fn show(&self, text: &mut String) {
        match self {
            Change::Made(name, _, table) => {
                text.push_str(&format!("+ {}\n", printable(name.as_str())));
                show_lines(text, '+', &table.lines);
            }
            Change::Swapped(name, _, table, now) => {
                text.push_str(&format!("~ {}\n", printable(name.as_str())));
                show_lines(text, '-', now);
                show_lines(text, '+', &table.lines);
            }
            Change::Removed(entry) => {
                text.push_str(&format!("- {}\n", printable(entry.name.as_str())));
            }
        }
    }

    fn told(&self) -> serde_json::Value {
        let (change, name) = match self {
            Change::Made(name, ..) => ("made", name),
            Change::Swapped(name, ..) => ("swapped", name),
            Change::Removed(entry) => ("removed", &entry.name),
        };
        json!({ "change": change, "name": name.as_str() })
    }
}

fn show_lines(text: &mut String, mark: char, lines: &[TableLine]) {
    for line in lines {
        let mut line = line.clone();
        keys::hide(&mut line);
        text.push_str(&format!("  {mark} {}\n", printable(&line.to_string())));
    }
}

fn uuid(described: &Described) -> Result<Option<DmUuid>, Failure> {
    let uuid = described.uuid.as_deref().map(DmUuid::new).transpose();
    uuid.map_err(|error| Failure::usage(error.to_string()))
}

/// Whether two tables mean the same: a driver tells the numbers of the devices that it was given
/// paths of.
fn same(one: &[TableLine], other: &[TableLine], all: &[DeviceEntry]) -> bool {
    one.len() == other.len()
        && one.iter().zip(other).all(|(one, other)| {
            let head = |line: &TableLine| (line.start, line.length, line.target.clone());
            head(one) == head(other) && meaning(&one.params, all) == meaning(&other.params, all)
        })
}

/// The words of a line, with numbers in the place of devices' paths.
fn meaning(params: &str, all: &[DeviceEntry]) -> Vec<String> {
    let number = |path: &str| {
        let named = path.strip_prefix(&*nodes());
        if let Some(entry) = all.iter().find(|entry| Some(entry.name.as_str()) == named) {
            return Some(entry.number.to_string());
        }
        let node = fs::metadata(path).ok()?;
        node.file_type().is_block_device().then(|| {
            let device = node.rdev();
            format!(
                "{}:{}",
                rustix::fs::major(device),
                rustix::fs::minor(device)
            )
        })
    };
    let mut words = Vec::new();
    let mut rest = Words::new(params);
    while let Ok(word) = rest.next("word") {
        let path = word.text.starts_with('/').then_some(&*word.text);
        words.push(
            path.and_then(number)
                .unwrap_or_else(|| word.text.into_owned()),
        );
    }
    words
}

/// Why a transaction was not made, and how the devices are now.
fn failed(error: TransactionError) -> Failure {
    let mut failure = Failure::from((*error.cause).clone());
    failure = match error.is_as_before() {
        true => failure.hint("all devices are as before"),
        false => failure.hint("not all devices are as before:"),
    };
    for left in &error.left {
        failure = failure.hint(format!("{}: {:?}", left.device, left.found));
    }
    failure
}

#[cfg(test)]
mod tests {
    use dm_core::devid::DevNo;

    use super::*;

    #[test]
    fn tables_are_compared_by_what_they_mean() {
        let lines = |text: &str| TableLine::parse_table(text).unwrap();
        let number = DevNo {
            major: 254,
            minor: 3,
        };
        let all = [DeviceEntry::new(DmName::new("low").unwrap(), number)];
        let same = |one: &str, other: &str| super::same(&lines(one), &lines(other), &all);
        assert!(same("0 8 linear /x 0", "0 8   linear  /x   0"));
        assert!(same("0 8 linear 254:3 0", "0 8 linear /dev/mapper/low 0"));
        assert!(!same("0 8 linear /x 0", "0 8 linear /x 8"));
        assert!(!same("0 8 zero", "0 8 zero\n8 8 zero"));
    }
}
