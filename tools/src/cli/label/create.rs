//! `dmctl label create`.

use std::fs::OpenOptions;
use std::io::{Seek, SeekFrom, Write};
use std::path::PathBuf;

use clap::Args;
use dm_core::disklabel::{
    ByteOrder, DiskReader, DiskType, Draft, FixedText, FsType, HostReader, PartitionType, Port,
    Survey,
};
use dm_core::error::ErrorKind;
use dm_core::units::{SECTOR_BYTES, Sector, SectorCount, SectorRange};

use crate::failure::Failure;
use crate::output::{Answer, talk};

use super::super::commands::Run;
use super::super::session::Session;
use super::show::partitions;
use super::{json, survey, unreadable};

/// A label to be written.
#[derive(Debug, Args)]
pub(super) struct Create {
    /// The disk: an image or a node
    #[arg(value_name = "DISK")]
    disk: PathBuf,
    /// The NetBSD port that is to read it; else this machine's
    #[arg(long, default_value_t = Port::HOST)]
    port: Port,
    /// The order of its bytes: little or big; else the port's
    #[arg(long, value_parser = order)]
    order: Option<ByteOrder>,
    /// A partition: LETTER:START:LENGTH:TYPE in sectors of 512 bytes; else a has all that is free
    #[arg(short, long = "partition", value_name = "PARTITION", value_parser = partition)]
    partitions: Vec<Wanted>,
    /// The disk's own name, of at most 16 bytes
    #[arg(long, value_parser = text, default_value = "")]
    name: FixedText,
    /// Write even over what is there
    #[arg(long)]
    force: bool,
}

/// A partition as the user said it.
#[derive(Clone, Copy, Debug)]
struct Wanted {
    index: u8,
    kind: FsType,
    range: SectorRange,
}

fn order(text: &str) -> Result<ByteOrder, &'static str> {
    let known = ByteOrder::ALL
        .into_iter()
        .find(|order| order.word() == text);
    known.ok_or("use little or big")
}

fn text(text: &str) -> Result<FixedText, &'static str> {
    FixedText::new(text).ok_or("it has more than 16 bytes")
}

fn partition(text: &str) -> Result<Wanted, &'static str> {
    let words: Vec<&str> = text.splitn(4, ':').collect();
    let [letter, start, length, kind] = words[..] else {
        return Err("use LETTER:START:LENGTH:TYPE, such as a:65:8192:4.2BSD");
    };
    let index = match letter.as_bytes() {
        [letter @ b'a'..=b'p'] => letter - b'a',
        _ => return Err("the letter is one from a to p"),
    };
    let number = |text: &str| {
        text.parse::<u64>()
            .map_err(|_| "start and length are numbers")
    };
    let range = SectorRange::new(Sector(number(start)?), SectorCount(number(length)?));
    Ok(Wanted {
        index,
        kind: FsType::from_name(kind).ok_or("the type is a name such as 4.2BSD, or a number")?,
        range: range.ok_or("its end overflows")?,
    })
}

impl Run for Create {
    fn run(self, session: &Session, answer: &mut Answer) -> Result<(), Failure> {
        self.write(session, answer)
    }
}

impl Create {
    fn write(&self, session: &Session, answer: &mut Answer) -> Result<(), Failure> {
        let survey = survey(&self.disk)?;
        let Some(size) = survey.size else {
            let reason = format!("the size of {} is not known", self.disk.display());
            return Err(Failure::because(ErrorKind::Unsupported, reason));
        };
        let mut reader = HostReader::open(&self.disk)
            .map_err(|error| Failure::io("open", &self.disk, &error))?;
        if !self.force {
            self.keep_what_is_there(&survey, &mut reader)?;
        }
        let netbsd = survey.mbr.iter().flat_map(|mbr| &mbr.partitions);
        let netbsd = netbsd
            .filter(|_| self.port.uses_mbr())
            .find(|partition| partition.kind == PartitionType::NETBSD);
        let area = netbsd.map_or(SectorRange::from_zero(size), |partition| partition.range);
        let mut draft = Draft::new(self.port, size, area)
            .order(self.order.unwrap_or(self.port.order()))
            .names(DiskType::UNKNOWN, FixedText::default(), self.name);
        for wanted in &self.partitions {
            draft = draft.partition(wanted.index, wanted.kind, wanted.range);
        }
        let wrong = |error| Failure::because(ErrorKind::Invalid, format!("{error}"));
        let label = draft.finish().map_err(wrong)?;
        let place = self.port.place();
        let at = area.start() + SectorCount(place.sector.0);
        let mut sector = [0; SECTOR_BYTES];
        reader
            .read(at, &mut sector)
            .map_err(|errno| unreadable(&self.disk, errno))?;
        label.write(&mut sector, place).map_err(wrong)?;
        if session.is_dry() {
            let (disk, byte) = (self.disk.display(), at.0 * SECTOR_BYTES as u64);
            let unwritten =
                format!("would write {SECTOR_BYTES} bytes to {disk} from byte {byte} on");
            talk(&format!("{unwritten}: a label"));
            partitions(&label).lines().for_each(talk);
            return Ok(());
        }
        let store = || {
            let mut file = OpenOptions::new().write(true).open(&self.disk)?;
            file.seek(SeekFrom::Start(at.0 * SECTOR_BYTES as u64))?;
            file.write_all(&sector)?;
            file.sync_all()
        };
        store().map_err(|error| Failure::io("write to", &self.disk, &error))?;
        session.note(|| format!("the label of {} is in sector {at}", self.disk.display()));
        answer.field("sector", at.0);
        answer.field("label", json::label(&label));
        Ok(())
    }

    /// A label, a GPT, or an MBR that knows no NetBSD is not to be lost by accident.
    fn keep_what_is_there(&self, survey: &Survey, reader: &mut HostReader) -> Result<(), Failure> {
        let disk = self.disk.display();
        let there = |what: String| {
            let failure = Failure::because(ErrorKind::Exists, format!("{disk} has {what}"));
            Err(failure.hint("--force writes the label all the same"))
        };
        if let Some(found) = survey.labels.first() {
            return there(format!("a disklabel in sector {}", found.sector()));
        }
        if let Some(damaged) = survey.damaged.first() {
            return there(format!(
                "a damaged disklabel in sector {}",
                damaged.sector()
            ));
        }
        let mut second = [0; SECTOR_BYTES];
        let gpt = reader.read(Sector(1), &mut second).is_ok() && second.starts_with(b"EFI PART");
        let Some(mbr) = &survey.mbr else {
            return if gpt { there("a GPT".into()) } else { Ok(()) };
        };
        let has = |kind| {
            mbr.partitions
                .iter()
                .any(|partition| partition.kind == kind)
        };
        if gpt || has(PartitionType::GPT_PROTECTIVE) {
            return there("a GPT".into());
        }
        match (self.port.uses_mbr(), has(PartitionType::NETBSD)) {
            (true, true) => Ok(()),
            (true, false) => there("an MBR without a NetBSD partition (type 0xa9)".into()),
            (false, _) => there(format!("an MBR, where {} keeps its label", self.port)),
        }
    }
}
