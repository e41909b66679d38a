//! The partitions of a master boot record, with those in its extended partition.

use alloc::collections::BTreeSet;
use alloc::vec::Vec;
use core::fmt;

use crate::errno::Errno;
use crate::units::{SECTOR_BYTES, Sector, SectorCount, SectorRange};

use super::DiskReader;
use super::layout as at;

/// The most logical partitions that are read: a chain of records may be as long as a disk.
const LOGICAL_MAX: usize = 128;

/// The partitions of a disk with an MBR.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Mbr {
    /// Those in use: 1 to 4 are primary, the logical ones follow from 5 on, as Linux numbers them.
    pub partitions: Vec<MbrPartition>,
    /// What is wrong with it.
    pub problems: Vec<MbrError>,
}

/// A partition of an MBR.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct MbrPartition {
    /// Its number, from 1 on.
    pub number: u8,
    /// What is on it.
    pub kind: PartitionType,
    /// Whether it is the one to boot.
    pub active: bool,
    /// Where it lies on the disk.
    pub range: SectorRange,
}

/// One of the four entries of a record, as it stands there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct MbrEntry {
    /// Its first byte: 0x80 if it is the one to boot, else 0.
    pub flag: u8,
    /// What is on it; 0 for an entry that is not in use.
    pub kind: PartitionType,
    /// Where it starts, from what the record counts from.
    pub start: u32,
    /// How long it is.
    pub size: u32,
}

/// The type byte of a partition.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct PartitionType(pub u8);

/// What is wrong with an MBR, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct MbrError {
    /// The sector of the record.
    pub sector: Sector,
    /// The record's entry, counted from 1; `None` for the record as a whole.
    pub entry: Option<u8>,
    /// What.
    pub fault: MbrFault,
}

/// What is wrong with an MBR.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
#[allow(missing_docs)] // the messages say it
pub enum MbrFault {
    #[error("it has no sectors")]
    Empty,
    #[error("sectors {range} lie past the end of the disk, which has {disk}")]
    PastEnd {
        range: SectorRange,
        disk: SectorCount,
    },
    #[error("sectors {range} overlap partition {other}")]
    Overlap { range: SectorRange, other: u8 },
    #[error("sectors {range} lie outside of the extended partition, {extended}")]
    OutsideExtended {
        range: SectorRange,
        extended: SectorRange,
    },
    #[error("there is more than one extended partition")]
    SecondExtended,
    #[error("the record of a logical partition has no signature")]
    NoSignature,
    #[error("the chain of logical partitions comes back to sector {to}")]
    Circle { to: Sector },
    #[error("there are more than {limit} logical partitions")]
    TooMany { limit: usize },
    #[error("the record can not be read: {errno}")]
    Unreadable { errno: Errno },
}

impl PartitionType {
    /// NetBSD's partition.
    pub const NETBSD: PartitionType = PartitionType(0xa9);
    /// What stands before a GPT, for programs that do not know it.
    pub const GPT_PROTECTIVE: PartitionType = PartitionType(0xee);

    /// Partitions that hold a BSD disklabel: NetBSD's, FreeBSD's and OpenBSD's.
    const BSD: [u8; 3] = [0xa9, 0xa5, 0xa6];
    const EXTENDED: [u8; 3] = [0x05, 0x0f, 0x85];

    /// Whether a BSD keeps its disklabel in it.
    pub fn is_bsd(self) -> bool {
        PartitionType::BSD.contains(&self.0)
    }

    /// Whether it holds the chain of logical partitions.
    pub fn is_extended(self) -> bool {
        PartitionType::EXTENDED.contains(&self.0)
    }
}

impl MbrEntry {
    /// The four entries of a record, if it is one: with the signature, and with flags that a
    /// record can have.
    pub fn read(sector: &[u8; SECTOR_BYTES]) -> Option<[MbrEntry; 4]> {
        if sector[at::MBR_SIGNATURE..] != at::MBR_SIGNATURE_BYTES {
            return None;
        }
        let entries = [0, 1, 2, 3].map(|index| {
            let start = at::MBR_ENTRIES + index * at::MBR_ENTRY_BYTES;
            let bytes = &sector[start..start + at::MBR_ENTRY_BYTES];
            let u32 =
                |place: usize| u32::from_le_bytes([0, 1, 2, 3].map(|more| bytes[place + more]));
            MbrEntry {
                flag: bytes[at::E_FLAG],
                kind: PartitionType(bytes[at::E_TYPE]),
                start: u32(at::E_START),
                size: u32(at::E_SIZE),
            }
        });
        let plausible = |entry: &MbrEntry| entry.flag & 0x7f == 0;
        entries.iter().all(plausible).then_some(entries)
    }

    /// Puts a record with one partition, of NetBSD, into a boot sector.
    pub(super) fn write_netbsd(sector: &mut [u8; SECTOR_BYTES], start: u32, size: u32) {
        let entry = &mut sector[at::MBR_ENTRIES..at::MBR_ENTRIES + at::MBR_ENTRY_BYTES];
        // The places by cylinder, head and sector: too far to say.
        entry.copy_from_slice(&[
            0x80, 0xfe, 0xff, 0xff, 0xa9, 0xfe, 0xff, 0xff, 0, 0, 0, 0, 0, 0, 0, 0,
        ]);
        entry[at::E_START..at::E_SIZE].copy_from_slice(&start.to_le_bytes());
        entry[at::E_SIZE..].copy_from_slice(&size.to_le_bytes());
        sector[at::MBR_SIGNATURE..].copy_from_slice(&at::MBR_SIGNATURE_BYTES);
    }

    /// Where it lies if the record counts from `base`.
    fn range(&self, base: Sector) -> Option<SectorRange> {
        let start = base.checked_add(SectorCount(self.start.into()))?;
        SectorRange::new(start, SectorCount(self.size.into()))
    }
}

impl Mbr {
    /// Reads the MBR of a disk; `None` if it has none.
    ///
    /// The chain of logical partitions is followed as far as it stays within the extended
    /// partition, does not come back, and has at most 128 links.
    ///
    /// # Errors
    /// If the first sector can not be read.
    pub fn read(disk: &mut (impl DiskReader + ?Sized)) -> Result<Option<Mbr>, Errno> {
        let mut sector = [0; SECTOR_BYTES];
        disk.read(Sector::ZERO, &mut sector)?;
        let Some(entries) = MbrEntry::read(&sector) else {
            return Ok(None);
        };
        let mut reading = Reading {
            size: disk.size(),
            mbr: Mbr::default(),
        };
        let mut extended = None;
        for (number, entry) in (1..).zip(&entries) {
            let Some(range) = reading.add(Sector::ZERO, Sector::ZERO, number, number, entry) else {
                continue;
            };
            match (entry.kind.is_extended(), extended) {
                (true, None) => extended = Some(range),
                (true, Some(_)) => {
                    reading.say(Sector::ZERO, Some(number), MbrFault::SecondExtended);
                }
                (false, _) => {}
            }
        }
        if let Some(extended) = extended {
            reading.logical(disk, extended);
        }
        Ok(Some(reading.mbr))
    }

    /// The partitions of which BSDs have their disklabels, NetBSD's first.
    pub fn bsd(&self) -> impl Iterator<Item = &MbrPartition> {
        let is = |wanted: bool| {
            self.partitions.iter().filter(move |partition| {
                partition.kind.is_bsd() && (partition.kind == PartitionType::NETBSD) == wanted
            })
        };
        is(true).chain(is(false))
    }
}

/// An MBR of which a part is read.
struct Reading {
    size: Option<SectorCount>,
    mbr: Mbr,
}

impl Reading {
    fn say(&mut self, sector: Sector, entry: Option<u8>, fault: MbrFault) {
        self.mbr.problems.push(MbrError {
            sector,
            entry,
            fault,
        });
    }

    /// Takes a partition in if it is in use and has sectors.
    fn add(
        &mut self,
        record: Sector,
        base: Sector,
        place: u8,
        number: u8,
        entry: &MbrEntry,
    ) -> Option<SectorRange> {
        if entry.kind == PartitionType(0) {
            return None;
        }
        let range = entry.range(base).filter(|range| !range.is_empty());
        let Some(range) = range else {
            self.say(record, Some(place), MbrFault::Empty);
            return None;
        };
        if let Some(disk) = self.size.filter(|disk| range.end().0 > disk.0) {
            self.say(record, Some(place), MbrFault::PastEnd { range, disk });
        }
        let meets = |other: &&MbrPartition| {
            let nested = number > 4 && other.kind.is_extended();
            range.start() < other.range.end() && other.range.start() < range.end() && !nested
        };
        if let Some(other) = self.mbr.partitions.iter().find(meets) {
            let other = other.number;
            self.say(record, Some(place), MbrFault::Overlap { range, other });
        }
        self.mbr.partitions.push(MbrPartition {
            number,
            kind: entry.kind,
            active: entry.flag & 0x80 != 0,
            range,
        });
        Some(range)
    }

    /// Follows the chain of records in an extended partition. Each has a partition, which counts
    /// from the record, and the next link, which counts from the extended partition.
    fn logical(&mut self, disk: &mut (impl DiskReader + ?Sized), extended: SectorRange) {
        let mut seen = BTreeSet::new();
        let mut next = Some(extended.start());
        let mut number = 5;
        while let Some(record) = next.take() {
            if !seen.insert(record) {
                return self.say(record, None, MbrFault::Circle { to: record });
            }
            if seen.len() > LOGICAL_MAX || usize::from(number) >= 5 + LOGICAL_MAX {
                let limit = LOGICAL_MAX;
                return self.say(record, None, MbrFault::TooMany { limit });
            }
            let mut sector = [0; SECTOR_BYTES];
            if let Err(errno) = disk.read(record, &mut sector) {
                return self.say(record, None, MbrFault::Unreadable { errno });
            }
            let Some(entries) = MbrEntry::read(&sector) else {
                // An extended partition of which nothing is in use yet may be blank.
                let first = record == extended.start();
                return match first && sector.iter().all(|byte| *byte == 0) {
                    true => {}
                    false => self.say(record, None, MbrFault::NoSignature),
                };
            };
            for (place, entry) in (1..).zip(&entries[..2]) {
                if entry.kind.is_extended() {
                    let range = entry.range(extended.start());
                    let inside = range.filter(|range| extended.contains(*range));
                    match (inside, range) {
                        (Some(range), _) => next = Some(range.start()),
                        (None, Some(range)) => {
                            let fault = MbrFault::OutsideExtended { range, extended };
                            self.say(record, Some(place), fault);
                        }
                        (None, None) => {}
                    }
                } else if let Some(range) = self.add(record, record, place, number, entry) {
                    number += 1;
                    if !extended.contains(range) {
                        let fault = MbrFault::OutsideExtended { range, extended };
                        self.say(record, Some(place), fault);
                    }
                }
            }
        }
    }
}

impl core::error::Error for MbrError {}

/// As `mbr in sector 0: entry 2: it has no sectors`.
impl fmt::Display for MbrError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "mbr in sector {}: ", self.sector)?;
        if let Some(entry) = self.entry {
            write!(f, "entry {entry}: ")?;
        }
        self.fault.fmt(f)
    }
}

#[cfg(test)]
mod tests;
