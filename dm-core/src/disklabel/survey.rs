//! What a disk's first sectors say: its MBR and its disklabels.

use alloc::vec::Vec;

use crate::errno::Errno;
use crate::units::{SECTOR_BYTES, Sector, SectorCount};

use super::DiskReader;
use super::error::LabelError;
use super::label::{ByteOrder, Label};
use super::mbr::Mbr;
use super::port::{Place, Port};

/// What was found on a disk.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Survey {
    /// The disk's length, where it is known.
    pub size: Option<SectorCount>,
    /// Its MBR, if it has one.
    pub mbr: Option<Mbr>,
    /// Its disklabels: that of the NetBSD partition first, then other BSDs', then the one at the
    /// start of the disk.
    pub labels: Vec<Found>,
    /// What has a label's magic number and is none.
    pub damaged: Vec<Damaged>,
}

/// A disklabel on a disk.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Found {
    /// The start of what it belongs to: the disk, or the MBR partition.
    pub base: Sector,
    /// The number of that partition.
    pub partition: Option<u8>,
    /// Where it lies from there on.
    pub place: Place,
    /// The label.
    pub label: Label,
    /// What is wrong with its checksum, for which NetBSD would not take it.
    pub checksum: Option<LabelError>,
}

/// What has a label's magic number and is none.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Damaged {
    /// The start of what it belongs to: the disk, or the MBR partition.
    pub base: Sector,
    /// The number of that partition.
    pub partition: Option<u8>,
    /// Where it lies from there on.
    pub place: Place,
    /// The order of its bytes.
    pub order: ByteOrder,
    /// What is wrong with it.
    pub error: LabelError,
}

impl Survey {
    /// Looks at a disk, wherever a port of NetBSD could have put its label, in both byte orders.
    ///
    /// It reads two sectors for the disk and for each BSD partition of its MBR, and one for each
    /// logical partition.
    ///
    /// # Errors
    /// If the first sector can not be read.
    pub fn of(disk: &mut (impl DiskReader + ?Sized)) -> Result<Survey, Errno> {
        let mbr = Mbr::read(disk)?;
        let mut survey = Survey {
            size: disk.size(),
            ..Survey::default()
        };
        let partitions = mbr.iter().flat_map(Mbr::bsd);
        let mut bases: Vec<(Sector, Option<u8>)> = partitions
            .map(|partition| (partition.range.start(), Some(partition.number)))
            .collect();
        bases.push((Sector::ZERO, None));
        for (base, partition) in bases {
            survey.look_at(disk, base, partition);
        }
        survey.mbr = mbr;
        Ok(survey)
    }

    fn look_at(
        &mut self,
        disk: &mut (impl DiskReader + ?Sized),
        base: Sector,
        partition: Option<u8>,
    ) {
        let mut sector = [0; SECTOR_BYTES];
        for place in Place::ALL {
            let at = base.checked_add(SectorCount(place.sector.0));
            let Some(Ok(())) = at.map(|at| disk.read(at, &mut sector)) else {
                continue;
            };
            let bytes = &sector[place.offset..];
            for order in ByteOrder::ALL {
                if !Label::may_be(bytes, order) {
                    continue;
                }
                match Label::salvage(bytes, order) {
                    Ok((label, checksum)) => self.labels.push(Found {
                        base,
                        partition,
                        place,
                        label,
                        checksum,
                    }),
                    Err(error) => self.damaged.push(Damaged {
                        base,
                        partition,
                        place,
                        order,
                        error,
                    }),
                }
            }
        }
    }
}

impl Found {
    /// The sector of the disk that holds it.
    pub fn sector(&self) -> Sector {
        Sector(self.base.0 + self.place.sector.0)
    }

    /// Everything that is wrong with it on a disk of that size.
    pub fn problems(&self, disk: Option<SectorCount>) -> Vec<LabelError> {
        let checksum = self.checksum.iter().cloned();
        checksum.chain(self.label.problems(disk)).collect()
    }

    /// The ports that can have written it.
    pub fn ports(&self) -> impl Iterator<Item = Port> {
        let (place, order) = (self.place, self.label.order);
        Port::ALL
            .into_iter()
            .filter(move |port| port.writes(place, order))
    }
}

impl Damaged {
    /// The sector of the disk that holds it.
    pub fn sector(&self) -> Sector {
        Sector(self.base.0 + self.place.sector.0)
    }
}

#[cfg(test)]
mod tests;
