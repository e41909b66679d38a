//! `dmctl label show`.

use std::fmt::Write as _;
use std::path::PathBuf;

use clap::Args;
use dm_core::disklabel::{Found, Label, Mbr, Port};

use crate::failure::Failure;
use crate::output::Answer;
use crate::output::escape::printable;

use super::super::commands::Run;
use super::super::session::Session;
use super::{json, none, survey};

/// A disk whose labels are to be shown.
#[derive(Debug, Args)]
pub(super) struct Show {
    /// The disk: an image or a node
    #[arg(value_name = "DISK")]
    disk: PathBuf,
}

impl Run for Show {
    fn run(self, _: &Session, answer: &mut Answer) -> Result<(), Failure> {
        let survey = survey(&self.disk)?;
        let name = printable(&self.disk.display().to_string()).to_string();
        if let Some(mbr) = &survey.mbr {
            answer.text.push_str(&mbr_text(&name, mbr));
        }
        for found in &survey.labels {
            answer.text.push_str(&label_text(&name, found));
        }
        json::survey(answer, &survey);
        match survey.labels.is_empty() {
            true => Err(none(&self.disk).hint("dmctl label check says what is damaged")),
            false => Ok(()),
        }
    }
}

fn mbr_text(disk: &str, mbr: &Mbr) -> String {
    let mut text = format!("# {disk}: MBR\n");
    for partition in &mbr.partitions {
        let (start, size) = (partition.range.start(), partition.range.length());
        // Writing to a string can not fail.
        let _ = writeln!(
            text,
            "{:>2}: {size:>11} {start:>11}  {:#04x}",
            partition.number, partition.kind.0
        );
    }
    text
}

/// As disklabel(8) shows it, with its place before.
fn label_text(disk: &str, found: &Found) -> String {
    let label = &found.label;
    let ports: Vec<&str> = found.ports().map(Port::name).collect();
    let mut text = format!(
        "# {disk}: disklabel in sector {} at byte {}, {}-endian ({})\n",
        found.sector(),
        found.place.offset,
        label.order.word(),
        match ports.is_empty() {
            true => "no port's".into(),
            false => ports.join(", "),
        }
    );
    let names = [
        ("type", label.kind.to_string()),
        ("disk", label.type_name.to_string()),
        ("label", label.pack_name.to_string()),
        ("bytes/sector", label.sector_size.to_string()),
        ("sectors/track", label.sectors_per_track.to_string()),
        ("tracks/cylinder", label.tracks_per_cylinder.to_string()),
        ("sectors/cylinder", label.sectors_per_cylinder.to_string()),
        ("cylinders", label.cylinders.to_string()),
        ("total sectors", label.sectors_per_unit.to_string()),
        ("rpm", label.rpm.to_string()),
        ("interleave", label.interleave.to_string()),
    ];
    for (name, value) in names {
        let _ = writeln!(text, "{name}: {}", printable(&value));
    }
    text.push_str(&partitions(label));
    text
}

/// A label's partitions, a line each.
pub(super) fn partitions(label: &Label) -> String {
    let mut text = format!("{} partitions:\n", label.partitions.len());
    let _ = writeln!(text, "#        size      offset  fstype");
    for (letter, partition) in ('a'..).zip(&label.partitions) {
        if partition.size == 0 {
            continue;
        }
        let (size, offset, kind) = (partition.size, partition.offset, partition.kind);
        let _ = writeln!(text, " {letter}: {size:>10} {offset:>11}  {kind}");
    }
    text
}
