//! Holds the lines of a table against the labels of the disks that they map.

use alloc::boxed::Box;
use alloc::collections::BTreeMap;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use crate::table::{ParamError, Reason, TableError, TableLine, Word, Words};
use crate::units::{Sector, SectorCount, SectorRange};

use super::DiskReader;
use super::clash::{Clash, Kept};
use super::policy::{Policy, Rule};
use super::survey::Survey;

/// Finds out what the DEV words of a table stand for.
pub trait Disks {
    /// What `word` stands for.
    fn find(&self, word: &str) -> Standing;
}

/// What a DEV word stands for.
#[non_exhaustive]
pub enum Standing {
    /// A mapped device: its own table was checked.
    Mapped,
    /// A disk, or a part of one.
    Disk(Disk),
    /// Nothing that can be looked at here. The driver will say what is wrong with it, if anything.
    Unknown,
}

/// A disk that a DEV word names, or of which it names a part.
#[non_exhaustive]
pub struct Disk {
    /// What the disk is called.
    pub name: String,
    /// Where the part that the word names starts on the disk; 0 for the disk itself.
    pub start: Sector,
    /// Reads the disk.
    pub reader: Box<dyn DiskReader>,
}

/// A run of a component that a line maps.
struct Area<'a> {
    device: Word<'a>,
    offset: Word<'a>,
    start: Sector,
    length: SectorCount,
}

/// What is known of a DEV word, once for all lines.
struct Known {
    name: String,
    start: Sector,
    policy: Policy,
    kept: Vec<Kept>,
}

impl Disk {
    /// A disk, or the part of one that starts at `start`.
    pub fn new(name: impl Into<String>, start: Sector, reader: Box<dyn DiskReader>) -> Disk {
        let name = name.into();
        Disk {
            name,
            start,
            reader,
        }
    }
}

impl Rule {
    /// Checks a table before it is sent to a driver. A line that only deserves a warning goes to
    /// `warn`.
    ///
    /// Lines that are wrong in other ways pass: what is wrong with them is for the driver to say.
    ///
    /// # Errors
    /// [`TableError`] with a [`Clash`] for the first segment that maps a label where the policy is
    /// strict.
    pub fn check(
        &self,
        lines: &[TableLine],
        disks: &dyn Disks,
        warn: &mut dyn FnMut(&TableError),
    ) -> Result<(), TableError> {
        if self.is_off() {
            return Ok(());
        }
        let mut known = BTreeMap::new();
        for (at, line) in lines.iter().enumerate() {
            for area in areas(line) {
                let word = area.device.text.to_string();
                let entry = known
                    .entry(word)
                    .or_insert_with_key(|word| self.look(disks, word));
                let Some(disk) = entry.as_ref().filter(|disk| disk.policy != Policy::Off) else {
                    continue;
                };
                let Some(clash) = disk.clash(&area) else {
                    continue;
                };
                let error = area.offset.error(Reason::Label(Box::new(clash)));
                let error = TableError::at(at + 1, line, error);
                match disk.policy {
                    Policy::Strict => return Err(error),
                    _ => warn(&error),
                }
            }
        }
        Ok(())
    }

    fn look(&self, disks: &dyn Disks, word: &str) -> Option<Known> {
        let Standing::Disk(mut disk) = disks.find(word) else {
            return None;
        };
        // A disk that can not be read may have no label: then the rule alone counts.
        let survey = Survey::of(&mut *disk.reader).unwrap_or_default();
        Some(Known {
            name: disk.name,
            start: disk.start,
            policy: self.policy_on(&survey),
            kept: Kept::of(self.port_on(&survey), &survey),
        })
    }
}

impl Known {
    fn clash(&self, area: &Area<'_>) -> Option<Clash> {
        let start = self.start.checked_add(SectorCount(area.start.0))?;
        let maps = SectorRange::new(start, area.length)?;
        Clash::find(&self.name, self.start, maps, &self.kept)
    }
}

/// The runs of components that a line maps, of the targets that say so in their words.
fn areas(line: &TableLine) -> Vec<Area<'_>> {
    let mut words = Words::new(&line.params);
    let read = match line.target.as_str() {
        "linear" => area(&mut words, line.length).map(|area| alloc::vec![area]),
        "striped" => stripes(&mut words, line.length),
        _ => return Vec::new(),
    };
    read.unwrap_or_default()
}

fn stripes<'a>(words: &mut Words<'a>, length: SectorCount) -> Result<Vec<Area<'a>>, ParamError> {
    let count = words
        .next("number of stripes")?
        .positive("number of stripes")?;
    words.next("chunk size")?;
    let width = SectorCount(length.0 / u64::from(count));
    // The words end long before a huge count does.
    (0..count).map(|_| area(words, width)).collect()
}

fn area<'a>(words: &mut Words<'a>, length: SectorCount) -> Result<Area<'a>, ParamError> {
    let device = words.next("device")?;
    let offset = words.next("start sector on the device")?;
    let start = offset.sector("start sector on the device")?;
    Ok(Area {
        device,
        offset,
        start,
        length,
    })
}

#[cfg(test)]
mod tests;
