//! `dmctl check`.

use std::collections::HashMap;
use std::fs::File;
use std::io::{self, Seek, SeekFrom};

use clap::Args;
use dm_core::component::OpenError;
use dm_core::devid::DevNo;
use dm_core::errno::Errno;
use dm_core::error::DmError;
use dm_core::table::TableLine;
use dm_core::typed::{self, Checker, DeviceFacts, Devices, Reader, Role};
use dm_core::units::SectorCount;
use dm_core::version::Version;
use serde_json::json;

use crate::failure::Failure;
use crate::output::{Answer, escape};

use super::commands::Run;
use super::devices;
use super::explain::syntax_of_all;
use super::session::Session;
use super::table_text::{TableSource, TableText};

/// A table to be checked. Nothing is changed, and no driver is asked unless it is to be.
#[derive(Debug, Args)]
#[command(after_long_help = syntax_of_all())]
pub(super) struct Check {
    #[command(flatten)]
    source: TableSource,
    /// Check also what the driver's versions of the targets know
    #[arg(long)]
    versions: bool,
}

impl Run for Check {
    fn run(self, session: &Session, answer: &mut Answer) -> Result<(), Failure> {
        let table = self.source.read_unnamed()?;
        let known: HashMap<String, Version> = match self.versions {
            true => session
                .dm()?
                .targets()?
                .into_iter()
                .map(|target| (target.name.as_str().into(), target.version))
                .collect(),
            false => HashMap::new(),
        };
        let unknown: Vec<&str> = table
            .lines
            .iter()
            .map(|line| line.target.as_str())
            .filter(|name| typed::kind(name).is_none())
            .collect();
        answer.field("lines", table.lines.len());
        answer.field("unknown_targets", json!(unknown));
        all_right(&table, &known)?;
        let ignored = table.lines.iter().zip(&table.places);
        let ignored: Vec<String> = ignored
            .flat_map(|(line, place)| ignored_words(line, *place))
            .collect();
        for text in &ignored {
            eprintln!("dmctl: {}", escape::printable(text));
        }
        answer.field("ignored", ignored);
        session.note(|| format!("{} lines are right", table.lines.len()));
        Ok(())
    }
}

/// Whether nothing is wrong with a table, for a driver with these targets, if they are known.
pub(super) fn all_right(
    table: &TableText,
    known: &HashMap<String, Version>,
) -> Result<(), Failure> {
    let mut files = Files::default();
    let mut checker = Checker::new()
        .over(&mut files)
        .for_versions(|name| known.get(name).copied());
    let failures = checker.check(&table.lines).into_iter().map(|mut error| {
        // As the user counts the lines.
        if let Some(place) = error
            .line
            .checked_sub(1)
            .and_then(|at| table.places.get(at))
        {
            error.line = *place;
        }
        Failure::from(DmError::from(error))
    });
    Failure::all(failures.collect())
}

/// What of a line the driver will not look at.
fn ignored_words(line: &TableLine, place: usize) -> Vec<String> {
    let mut notes = Vec::new();
    if let Some(kind) = typed::kind(line.target.as_str()) {
        let _ = kind.params(Reader::new(&line.params).noting(&mut notes));
    }
    let ignored = notes.iter().filter(|note| note.role == Role::Ignored);
    ignored
        .map(|note| {
            let (target, at, word) = (&line.target, note.place, &note.text);
            format!("line {place}: {target}: word {at} {word:?} is ignored by the driver")
        })
        .collect()
}

/// Whether a path is that of a mapped device.
fn is_mapped(path: &str) -> bool {
    devices::of_node(path).is_some_and(|name| !name.contains('/'))
}

/// The files and block devices of this machine.
#[derive(Default)]
struct Files {
    known: HashMap<String, Option<DeviceFacts>>,
}

impl Devices for Files {
    fn device(&mut self, name: &str) -> Result<Option<DeviceFacts>, OpenError> {
        // Of a number or a URI, only a driver knows more.
        if name.parse::<DevNo>().is_ok() || name.contains("://") {
            return Ok(None);
        }
        if let Some(facts) = self.known.get(name) {
            return Ok(*facts);
        }
        let wrong = |error: io::Error| {
            let errno = Errno::from(&error);
            OpenError::new(errno, errno.to_string())
        };
        let mut file = match File::open(name) {
            // A device of a driver's that has no nodes, as the engine has none.
            Err(error) if error.kind() == io::ErrorKind::NotFound && is_mapped(name) => {
                return Ok(None);
            }
            opened => opened.map_err(wrong)?,
        };
        let bytes = file.seek(SeekFrom::End(0)).map_err(wrong)?;
        let facts = Some(DeviceFacts {
            size: SectorCount::from_bytes_floor(bytes),
            logical_block: 512,
        });
        self.known.insert(name.to_owned(), facts);
        Ok(facts)
    }
}
