//! Makes disklabels.

use alloc::vec::Vec;

use crate::units::{SECTOR_BYTES, Sector, SectorCount, SectorRange};

use super::error::{Fault, Field, LabelError, PartitionField};
use super::info::{SECTOR_SIZE, SECTORS_PER_TRACK, TRACKS_PER_CYLINDER};
use super::label::{ByteOrder, FixedText, Label, Partition};
use super::mbr::MbrEntry;
use super::names::{DiskType, FsType};
use super::port::Port;

/// The first sector of the NetBSD partition on a disk that boots by an MBR.
const NETBSD_START: SectorCount = SectorCount(63);

/// What NetBSD's own programs put into new labels.
const RPM: u16 = 3600;
const BOOT_BYTES: u32 = 8192;
const SUPERBLOCK_BYTES: u32 = 8192;

/// A label to be made for a disk.
#[derive(Clone, Debug)]
pub struct Draft {
    port: Port,
    disk: SectorCount,
    area: SectorRange,
    order: ByteOrder,
    kind: DiskType,
    type_name: FixedText,
    pack_name: FixedText,
    partitions: Vec<(u8, FsType, SectorRange)>,
}

impl Draft {
    /// A label for a disk of a port, of which NetBSD has `area`: all, or a partition of the MBR.
    pub fn new(port: Port, disk: SectorCount, area: SectorRange) -> Draft {
        Draft {
            port,
            disk,
            area,
            order: port.order(),
            kind: DiskType::UNKNOWN,
            type_name: FixedText::default(),
            pack_name: FixedText::default(),
            partitions: Vec::new(),
        }
    }

    /// The same in another byte order.
    #[must_use]
    pub fn order(self, order: ByteOrder) -> Draft {
        Draft { order, ..self }
    }

    /// The same with the disk's kind, model and name.
    #[must_use]
    pub fn names(self, kind: DiskType, type_name: FixedText, pack_name: FixedText) -> Draft {
        Draft {
            kind,
            type_name,
            pack_name,
            ..self
        }
    }

    /// The same with a partition, counted from 0.
    #[must_use]
    pub fn partition(mut self, index: u8, kind: FsType, range: SectorRange) -> Draft {
        self.partitions.push((index, kind, range));
        self
    }

    /// The sectors that no label of the disk needs.
    pub fn free(&self) -> SectorRange {
        let reserved = Sector(self.port.reserved().0.max(self.area.start().0 + 2));
        let length = self.area.end().since(reserved).unwrap_or_default();
        SectorRange::new(reserved, length).unwrap_or_default()
    }

    /// The label. Without partitions of one's own, partition a has all that is free. The raw
    /// partition has the disk, and where that is d, c has NetBSD's part.
    ///
    /// # Errors
    /// [`LabelError`] names the field that can not say it, or the partition that does not fit.
    pub fn finish(&self) -> Result<Label, LabelError> {
        let sectors = u32::try_from(self.disk.0).map_err(|_| {
            let size = self.disk;
            LabelError::new(Field::SectorsPerUnit, Fault::TooLarge { size })
        })?;
        let per_cylinder = SECTORS_PER_TRACK * TRACKS_PER_CYLINDER;
        let mut label = Label {
            order: self.order,
            kind: self.kind,
            type_name: self.type_name,
            pack_name: self.pack_name,
            sector_size: SECTOR_SIZE,
            sectors_per_track: SECTORS_PER_TRACK,
            tracks_per_cylinder: TRACKS_PER_CYLINDER,
            cylinders: sectors / per_cylinder,
            sectors_per_cylinder: per_cylinder,
            sectors_per_unit: sectors,
            rpm: RPM,
            interleave: 1,
            boot_bytes: BOOT_BYTES,
            superblock_bytes: SUPERBLOCK_BYTES,
            ..Label::default()
        };
        let raw = self.port.raw_partition();
        let mut all = alloc::vec![(raw, FsType::UNUSED, SectorRange::from_zero(self.disk))];
        if raw == 3 {
            all.push((2, FsType::UNUSED, self.area));
        }
        match self.partitions.is_empty() {
            true if self.free().is_empty() => {}
            true => all.push((0, FsType::BSDFFS, self.free())),
            false => all.extend(&self.partitions),
        }
        for (index, kind, range) in all {
            self.put(&mut label, index, kind, range)?;
        }
        match label.problems(Some(self.disk)).into_iter().next() {
            Some(problem) => Err(problem),
            None => Ok(label),
        }
    }

    fn put(
        &self,
        label: &mut Label,
        index: u8,
        kind: FsType,
        range: SectorRange,
    ) -> Result<(), LabelError> {
        let (count, most) = (usize::from(index) + 1, self.port.partitions_max());
        if count > most {
            let fault = Fault::TooMany { count, most };
            return Err(LabelError::new(Field::Partitions, fault));
        }
        let small = |field, value: u64| {
            u32::try_from(value).map_err(|_| {
                let size = SectorCount(value);
                LabelError::new(Field::Partition(index, field), Fault::TooLarge { size })
            })
        };
        let partition = Partition {
            size: small(PartitionField::Size, range.length().0)?,
            offset: small(PartitionField::Offset, range.start().0)?,
            kind,
            ..Partition::default()
        };
        if label.partitions.len() < count {
            label.partitions.resize(count, Partition::default());
        }
        label.partitions[usize::from(index)] = partition;
        Ok(())
    }
}

/// The first sectors of a disk with a label of its own: as many as the port reserves.
///
/// On ports that reserve a track for booting these are an MBR whose one partition is NetBSD's,
/// from sector 63 on, and the label in that; on the others the label at its place. Partition a has
/// all that follows.
///
/// # Errors
/// [`LabelError`] if the disk is too short to have anything behind them, or too long for a label.
pub fn front(port: Port, disk: SectorCount, pack_name: FixedText) -> Result<Vec<u8>, LabelError> {
    let reserved = port.reserved();
    let booting = reserved > NETBSD_START;
    let base = if booting {
        Sector(NETBSD_START.0)
    } else {
        Sector::ZERO
    };
    let length = disk.0.checked_sub(base.0).map(SectorCount);
    let area = length.and_then(|length| SectorRange::new(base, length));
    let area = area.filter(|_| disk > reserved).ok_or_else(|| {
        let (size, disk) = (reserved.0, disk);
        LabelError::new(Field::SectorsPerUnit, Fault::LargerThanDisk { size, disk })
    })?;
    let kind = DiskType::ESDI;
    let type_name = FixedText::new("mapped device").unwrap_or_default();
    let draft = Draft::new(port, disk, area).names(kind, type_name, pack_name);
    let label = draft.finish()?;
    let place = port.place();
    let holder = usize::try_from(base.0 + place.sector.0).unwrap_or_default();
    let mut sectors =
        alloc::vec![[0; SECTOR_BYTES]; reserved.buffer_length().unwrap_or_default() / SECTOR_BYTES];
    if booting {
        let small = |count: u64| u32::try_from(count).unwrap_or(u32::MAX);
        MbrEntry::write_netbsd(&mut sectors[0], small(base.0), small(area.length().0));
    }
    label.write(&mut sectors[holder], place)?;
    Ok(sectors.concat())
}

#[cfg(test)]
mod tests;
