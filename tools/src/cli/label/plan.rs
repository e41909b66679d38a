//! `dmctl label plan`.

use std::path::{Path, PathBuf};

use clap::Args;
use dm_core::disklabel::{
    DiskReader, Disks, HostDisks, HostReader, Policy, Port, Rule, Standing, Survey,
};
use dm_core::error::ErrorKind;
use dm_core::names::TargetName;
use dm_core::table::{EscapedWord, TableLine};
use dm_core::units::{Sector, SectorCount, SectorRange};
use serde_json::Value;

use crate::failure::Failure;
use crate::output::{Answer, json};

use super::super::commands::Run;
use super::super::session::Session;

/// Disks that are to become one device.
#[derive(Debug, Args)]
pub(super) struct Plan {
    /// The disks or partitions, in order: images or nodes
    #[arg(value_name = "DISK", required = true)]
    disks: Vec<String>,
    /// The NetBSD port whose sectors are kept free; else the one that a disk's label tells, else
    /// this machine's
    #[arg(long)]
    port: Option<Port>,
    /// strict or warn: leave labels alone; off: take all
    #[arg(long, default_value_t = Policy::Strict)]
    policy: Policy,
    /// Of each disk only this partition: a letter of its disklabel, or a number of its MBR
    #[arg(long, value_parser = part)]
    partition: Option<Part>,
}

/// A partition of a disk.
#[derive(Clone, Copy, Debug)]
enum Part {
    /// Of the disklabel, counted from 0.
    Letter(u8),
    /// Of the MBR.
    Number(u8),
}

fn part(text: &str) -> Result<Part, &'static str> {
    match (text.as_bytes(), text.parse::<u8>()) {
        ([letter @ b'a'..=b'p'], _) => Ok(Part::Letter(letter - b'a')),
        (_, Ok(number)) => Ok(Part::Number(number)),
        (_, _) => Err("use a letter from a to p, or a number"),
    }
}

impl Run for Plan {
    fn run(self, _: &Session, answer: &mut Answer) -> Result<(), Failure> {
        let mut lines: Vec<TableLine> = Vec::new();
        let mut end = Sector::ZERO;
        for disk in &self.disks {
            for (run, offset) in self.runs(disk)? {
                lines.push(TableLine {
                    start: end,
                    length: run.length(),
                    target: TargetName::new("linear").expect("it is a short word"),
                    params: format!("{} {offset}", EscapedWord(disk)),
                });
                end = end + run.length();
            }
        }
        answer
            .text
            .extend(lines.iter().map(|line| format!("{line}\n")));
        let fields: Value = lines
            .iter()
            .map(|line| json::line(line, "params", None))
            .collect();
        answer.field("lines", fields);
        Ok(())
    }
}

impl Plan {
    /// The runs of a disk that a table may map, each with its offset in a table line.
    fn runs(&self, disk: &str) -> Result<Vec<(SectorRange, Sector)>, Failure> {
        let wrong = |reason: String| Failure::because(ErrorKind::Invalid, reason);
        let path = PathBuf::from(disk);
        let size = size(&path)?;
        let (survey, start) = match HostDisks::new().find(disk) {
            Standing::Disk(mut found) => {
                let survey = Survey::of(&mut *found.reader)
                    .map_err(|errno| super::unreadable(&path, errno))?;
                (survey, found.start)
            }
            // What stands below a mapped device was checked with its own table.
            _ => (Survey::default(), Sector::ZERO),
        };
        let area = match self.partition {
            None => SectorRange::new(start, size),
            Some(part) => Some(within(part, &survey).ok_or_else(|| {
                let what = match part {
                    Part::Letter(index) => {
                        format!("disklabel with a partition {}", char::from(b'a' + index))
                    }
                    Part::Number(number) => format!("MBR with a partition {number}"),
                };
                Failure::because(ErrorKind::NotFound, format!("{disk} has no {what}"))
            })?),
        };
        let area = area.ok_or_else(|| wrong(format!("{disk}: its end overflows")))?;
        let rule = Rule::for_driver("netbsd")
            .policy(self.policy)
            .port(self.port);
        let runs = rule.free(&survey, area);
        if runs.is_empty() {
            let port = rule.port_on(&survey);
            return Err(wrong(format!(
                "{disk} has nothing behind what {port} keeps free"
            )));
        }
        let placed = |run: SectorRange| (run, Sector(run.start().0 - start.0));
        Ok(runs.into_iter().map(placed).collect())
    }
}

/// Where a partition lies on its disk.
fn within(part: Part, survey: &Survey) -> Option<SectorRange> {
    match part {
        Part::Number(number) => {
            let all = &survey.mbr.as_ref()?.partitions;
            let found = all.iter().find(|partition| partition.number == number)?;
            Some(found.range)
        }
        Part::Letter(index) => {
            let label = &survey.labels.first()?.label;
            let range = label.range(label.partitions.get(usize::from(index))?)?;
            (!range.is_empty()).then_some(range)
        }
    }
}

/// The length of a disk or partition.
fn size(path: &Path) -> Result<SectorCount, Failure> {
    let reader = HostReader::open(path).map_err(|error| Failure::io("open", path, &error))?;
    reader.size().ok_or_else(|| {
        let reason = format!("the size of {} is not known", path.display());
        Failure::because(ErrorKind::Unsupported, reason)
    })
}
