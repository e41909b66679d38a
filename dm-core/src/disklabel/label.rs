//! A disklabel's content, from and to bytes.

use alloc::vec::Vec;
use core::fmt;

use crate::units::{SECTOR_BYTES, Sector, SectorCount, SectorRange};

use super::error::{Fault, Field, LabelError, PartitionField};
use super::layout as at;
use super::names::{DiskType, FsType};
use super::port::Place;

/// The order of bytes in a label's numbers: that of the machine which wrote it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum ByteOrder {
    /// Least significant first.
    #[default]
    Little,
    /// Most significant first.
    Big,
}

/// Text of at most 16 bytes. What stands behind its end is kept.
#[derive(Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct FixedText([u8; 16]);

/// A disklabel's content.
///
/// Every field is kept, so that writing a label that was read changes nothing.
///
/// # Units
/// Numbers of sectors are in the label's own sectors of `sector_size` bytes, from the start of
/// the disk; [`Label::range`] gives 512-byte sectors.
///
/// # Source
/// `struct disklabel` in NetBSD's `sys/sys/disklabel.h`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Label {
    /// The order of its bytes.
    pub order: ByteOrder,
    /// What kind of disk it is on.
    pub kind: DiskType,
    /// More on the kind.
    pub subtype: u16,
    /// The disk's model.
    pub type_name: FixedText,
    /// The disk's own name.
    pub pack_name: FixedText,
    /// Bytes a sector.
    pub sector_size: u32,
    /// Sectors a track.
    pub sectors_per_track: u32,
    /// Tracks a cylinder.
    pub tracks_per_cylinder: u32,
    /// Cylinders.
    pub cylinders: u32,
    /// Sectors a cylinder.
    pub sectors_per_cylinder: u32,
    /// Sectors in all.
    pub sectors_per_unit: u32,
    /// Spare sectors a track.
    pub spares_per_track: u16,
    /// Spare sectors a cylinder.
    pub spares_per_cylinder: u16,
    /// Cylinders kept for bad sectors.
    pub alternate_cylinders: u32,
    /// Turns a minute.
    pub rpm: u16,
    /// Sectors between two that follow each other.
    pub interleave: u16,
    /// By how much sector 0 of a track lies behind that of the track before.
    pub track_skew: u16,
    /// The same from cylinder to cylinder.
    pub cylinder_skew: u16,
    /// Microseconds to another head.
    pub head_switch: u32,
    /// Microseconds to the next track.
    pub track_seek: u32,
    /// Flags.
    pub flags: u32,
    /// What the driver keeps there.
    pub drive_data: [u32; 5],
    /// Not in use.
    pub spare: [u32; 5],
    /// Bytes of the boot area.
    pub boot_bytes: u32,
    /// The most bytes of a file system's superblock.
    pub superblock_bytes: u32,
    /// The partitions: a, b, …
    pub partitions: Vec<Partition>,
}

/// A partition of a disklabel.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Partition {
    /// Its length, in the label's sectors.
    pub size: u32,
    /// Its first sector on the disk, in the label's sectors.
    pub offset: u32,
    /// Bytes a fragment of its file system.
    pub fragment_bytes: u32,
    /// What is on it.
    pub kind: FsType,
    /// Fragments a block.
    pub fragments_per_block: u8,
    /// Cylinders a group.
    pub cylinders_per_group: u16,
}

/// Reads and writes numbers at their places.
#[derive(Clone, Copy)]
struct Numbers(ByteOrder);

impl Label {
    /// How many partitions a label at `place` has room for within its sector.
    pub const fn partitions_fit(place: Place) -> usize {
        (SECTOR_BYTES - place.offset - at::PARTITIONS) / at::PARTITION_BYTES
    }

    /// Whether one of the magic numbers of a label in `order` is there, so that it is one, if
    /// maybe a damaged one.
    pub(super) fn may_be(bytes: &[u8], order: ByteOrder) -> bool {
        let is = |place: usize| {
            let number = bytes.get(place..place + 4);
            number.is_some_and(|bytes| Numbers(order).u32(bytes, 0) == at::MAGIC_VALUE)
        };
        is(at::MAGIC) || is(at::MAGIC2)
    }

    /// Reads a label from its first byte on, as NetBSD does.
    ///
    /// # Errors
    /// [`LabelError`] names the magic number, the count or the checksum that is wrong. All else
    /// that a label can say is for [`Label::problems`].
    pub fn decode(bytes: &[u8], order: ByteOrder) -> Result<Label, LabelError> {
        let (label, checksum) = Label::salvage(bytes, order)?;
        match checksum {
            None => Ok(label),
            Some(error) => Err(error),
        }
    }

    /// Reads a label even if its checksum is wrong, and then says so: parted does not renew it
    /// when it changes a label, and Linux does not look at it.
    ///
    /// # Errors
    /// [`LabelError`] names the magic number or the count that is wrong.
    pub fn salvage(
        bytes: &[u8],
        order: ByteOrder,
    ) -> Result<(Label, Option<LabelError>), LabelError> {
        let wrong = |field, fault| Err(LabelError::new(field, fault));
        let numbers = Numbers(order);
        if bytes.len() < at::PARTITIONS {
            let bytes = bytes.len();
            return wrong(Field::Magic, Fault::CutOff { bytes });
        }
        for (field, place) in [(Field::Magic, at::MAGIC), (Field::Magic2, at::MAGIC2)] {
            let found = numbers.u32(bytes, place);
            if found != at::MAGIC_VALUE {
                return wrong(field, Fault::NoMagic { found });
            }
        }
        let count = usize::from(numbers.u16(bytes, at::NPARTITIONS));
        let most = (bytes.len() - at::PARTITIONS) / at::PARTITION_BYTES;
        if count > most {
            return wrong(Field::Partitions, Fault::TooMany { count, most });
        }
        let bytes = &bytes[..at::PARTITIONS + count * at::PARTITION_BYTES];
        let stored = numbers.u16(bytes, at::CHECKSUM);
        let computed = checksum(bytes, numbers);
        let fault = Fault::Checksum { stored, computed };
        let checksum = (stored != computed).then(|| LabelError::new(Field::Checksum, fault));
        Ok((Label::read(bytes, numbers), checksum))
    }

    fn read(bytes: &[u8], numbers: Numbers) -> Label {
        let u16 = |place| numbers.u16(bytes, place);
        let u32 = |place| numbers.u32(bytes, place);
        let five = |place| [0, 4, 8, 12, 16].map(|more| numbers.u32(bytes, place + more));
        let text = |place: usize| {
            let mut text = [0; 16];
            text.copy_from_slice(&bytes[place..place + 16]);
            FixedText(text)
        };
        let partitions = bytes[at::PARTITIONS..].chunks_exact(at::PARTITION_BYTES);
        Label {
            order: numbers.0,
            kind: DiskType(u16(at::TYPE)),
            subtype: u16(at::SUBTYPE),
            type_name: text(at::TYPENAME),
            pack_name: text(at::PACKNAME),
            sector_size: u32(at::SECSIZE),
            sectors_per_track: u32(at::NSECTORS),
            tracks_per_cylinder: u32(at::NTRACKS),
            cylinders: u32(at::NCYLINDERS),
            sectors_per_cylinder: u32(at::SECPERCYL),
            sectors_per_unit: u32(at::SECPERUNIT),
            spares_per_track: u16(at::SPARESPERTRACK),
            spares_per_cylinder: u16(at::SPARESPERCYL),
            alternate_cylinders: u32(at::ACYLINDERS),
            rpm: u16(at::RPM),
            interleave: u16(at::INTERLEAVE),
            track_skew: u16(at::TRACKSKEW),
            cylinder_skew: u16(at::CYLSKEW),
            head_switch: u32(at::HEADSWITCH),
            track_seek: u32(at::TRKSEEK),
            flags: u32(at::FLAGS),
            drive_data: five(at::DRIVEDATA),
            spare: five(at::SPARE),
            boot_bytes: u32(at::BBSIZE),
            superblock_bytes: u32(at::SBSIZE),
            partitions: partitions
                .map(|bytes| Partition::read(bytes, numbers))
                .collect(),
        }
    }

    /// The label's bytes, with its checksum.
    fn encode(&self, count: u16) -> Vec<u8> {
        let numbers = Numbers(self.order);
        let mut bytes = alloc::vec![0; at::PARTITIONS + usize::from(count) * at::PARTITION_BYTES];
        for (place, value) in [
            (at::TYPE, self.kind.0),
            (at::SUBTYPE, self.subtype),
            (at::SPARESPERTRACK, self.spares_per_track),
            (at::SPARESPERCYL, self.spares_per_cylinder),
            (at::RPM, self.rpm),
            (at::INTERLEAVE, self.interleave),
            (at::TRACKSKEW, self.track_skew),
            (at::CYLSKEW, self.cylinder_skew),
            (at::NPARTITIONS, count),
        ] {
            numbers.put16(&mut bytes, place, value);
        }
        for (place, value) in [
            (at::MAGIC, at::MAGIC_VALUE),
            (at::SECSIZE, self.sector_size),
            (at::NSECTORS, self.sectors_per_track),
            (at::NTRACKS, self.tracks_per_cylinder),
            (at::NCYLINDERS, self.cylinders),
            (at::SECPERCYL, self.sectors_per_cylinder),
            (at::SECPERUNIT, self.sectors_per_unit),
            (at::ACYLINDERS, self.alternate_cylinders),
            (at::HEADSWITCH, self.head_switch),
            (at::TRKSEEK, self.track_seek),
            (at::FLAGS, self.flags),
            (at::MAGIC2, at::MAGIC_VALUE),
            (at::BBSIZE, self.boot_bytes),
            (at::SBSIZE, self.superblock_bytes),
        ] {
            numbers.put32(&mut bytes, place, value);
        }
        for (place, five) in [(at::DRIVEDATA, self.drive_data), (at::SPARE, self.spare)] {
            for (index, value) in five.into_iter().enumerate() {
                numbers.put32(&mut bytes, place + 4 * index, value);
            }
        }
        bytes[at::TYPENAME..at::TYPENAME + 16].copy_from_slice(&self.type_name.0);
        bytes[at::PACKNAME..at::PACKNAME + 16].copy_from_slice(&self.pack_name.0);
        let places = bytes[at::PARTITIONS..].chunks_exact_mut(at::PARTITION_BYTES);
        for (place, partition) in places.zip(&self.partitions) {
            partition.write(place, numbers);
        }
        let sum = checksum(&bytes, numbers);
        numbers.put16(&mut bytes, at::CHECKSUM, sum);
        bytes
    }

    /// Puts the label into its sector; the sector's other bytes stay.
    ///
    /// # Errors
    /// [`LabelError`] if there are more partitions than the sector has room for.
    pub fn write(&self, sector: &mut [u8; SECTOR_BYTES], place: Place) -> Result<(), LabelError> {
        let (count, most) = (self.partitions.len(), Label::partitions_fit(place));
        let fits = u16::try_from(count).ok().filter(|_| count <= most);
        let Some(fits) = fits else {
            let fault = Fault::TooMany { count, most };
            return Err(LabelError::new(Field::Partitions, fault));
        };
        let bytes = self.encode(fits);
        sector[place.offset..place.offset + bytes.len()].copy_from_slice(&bytes);
        Ok(())
    }

    /// Where a partition lies, in sectors of 512 bytes; `None` if the label's sectors have no
    /// such size.
    pub fn range(&self, partition: &Partition) -> Option<SectorRange> {
        let sectors = |count: u32| {
            let bytes = u64::from(count).checked_mul(self.sector_size.into())?;
            (bytes.is_multiple_of(SECTOR_BYTES as u64))
                .then(|| SectorCount::from_bytes_floor(bytes))
        };
        let start = Sector(sectors(partition.offset)?.0);
        SectorRange::new(start, sectors(partition.size)?)
    }

    /// Everything that can not be so on a disk of that size, or, where it is not known, of the
    /// size that the label tells.
    pub fn problems(&self, disk: Option<SectorCount>) -> Vec<LabelError> {
        let mut found = Vec::new();
        let mut say = |field, fault| found.push(LabelError::new(field, fault));
        let size = self.sector_size;
        if size < 512 || !size.is_power_of_two() {
            // Nothing that is counted in such sectors can be checked.
            say(Field::SectorSize, Fault::NoSectorSize { found: size });
            return found;
        }
        let per = u64::from(size / 512);
        for (field, value) in [
            (Field::SectorsPerTrack, self.sectors_per_track),
            (Field::TracksPerCylinder, self.tracks_per_cylinder),
            (Field::SectorsPerCylinder, self.sectors_per_cylinder),
            (Field::SectorsPerUnit, self.sectors_per_unit),
        ] {
            if value == 0 {
                say(field, Fault::Zero);
            }
        }
        let tracks = u64::from(self.sectors_per_track) * u64::from(self.tracks_per_cylinder);
        let expected = tracks.saturating_sub(self.spares_per_cylinder.into());
        let found_size = u64::from(self.sectors_per_cylinder);
        if expected != found_size && tracks != 0 && found_size != 0 {
            let found = found_size;
            say(
                Field::SectorsPerCylinder,
                Fault::Product { found, expected },
            );
        }
        let told = SectorCount(u64::from(self.sectors_per_unit) * per);
        if let Some(disk) = disk.filter(|disk| *disk < told) {
            let size = told.0;
            say(Field::SectorsPerUnit, Fault::LargerThanDisk { size, disk });
        }
        self.partition_problems(disk.unwrap_or(told), &mut found);
        found
    }

    fn partition_problems(&self, disk: SectorCount, found: &mut Vec<LabelError>) {
        let mut taken: Vec<(u8, SectorRange)> = Vec::new();
        for (index, partition) in (0..).zip(&self.partitions) {
            let Some(range) = self.range(partition).filter(|range| !range.is_empty()) else {
                continue;
            };
            let mut say = |field, fault| {
                found.push(LabelError::new(Field::Partition(index, field), fault));
            };
            if range.start().0 >= disk.0 {
                let start = range.start().0;
                say(PartitionField::Offset, Fault::StartsPastEnd { start, disk });
            } else if range.end().0 > disk.0 {
                say(PartitionField::Size, Fault::EndsPastEnd { range, disk });
            }
            // The raw partition and the whole of NetBSD's part overlap all others, and are unused.
            if partition.kind == FsType::UNUSED {
                continue;
            }
            let clash = taken
                .iter()
                .find(|(_, other)| range.start() < other.end() && other.start() < range.end());
            if let Some((other, _)) = clash {
                let other = *other;
                say(PartitionField::Offset, Fault::Overlap { range, other });
            }
            taken.push((index, range));
        }
    }
}

impl Partition {
    fn read(bytes: &[u8], numbers: Numbers) -> Partition {
        Partition {
            size: numbers.u32(bytes, at::P_SIZE),
            offset: numbers.u32(bytes, at::P_OFFSET),
            fragment_bytes: numbers.u32(bytes, at::P_FSIZE),
            kind: FsType(bytes[at::P_FSTYPE]),
            fragments_per_block: bytes[at::P_FRAG],
            cylinders_per_group: numbers.u16(bytes, at::P_CPG),
        }
    }

    fn write(&self, bytes: &mut [u8], numbers: Numbers) {
        numbers.put32(bytes, at::P_SIZE, self.size);
        numbers.put32(bytes, at::P_OFFSET, self.offset);
        numbers.put32(bytes, at::P_FSIZE, self.fragment_bytes);
        bytes[at::P_FSTYPE] = self.kind.0;
        bytes[at::P_FRAG] = self.fragments_per_block;
        numbers.put16(bytes, at::P_CPG, self.cylinders_per_group);
    }
}

/// The exclusive or of all 16-bit words, with the checksum's own place as zero.
fn checksum(bytes: &[u8], numbers: Numbers) -> u16 {
    (0..bytes.len())
        .step_by(2)
        .filter(|place| *place != at::CHECKSUM)
        .fold(0, |sum, place| sum ^ numbers.u16(bytes, place))
}

impl Numbers {
    fn u16(self, bytes: &[u8], place: usize) -> u16 {
        let number = [bytes[place], bytes[place + 1]];
        match self.0 {
            ByteOrder::Little => u16::from_le_bytes(number),
            ByteOrder::Big => u16::from_be_bytes(number),
        }
    }

    fn u32(self, bytes: &[u8], place: usize) -> u32 {
        let number = [0, 1, 2, 3].map(|more| bytes[place + more]);
        match self.0 {
            ByteOrder::Little => u32::from_le_bytes(number),
            ByteOrder::Big => u32::from_be_bytes(number),
        }
    }

    fn put16(self, bytes: &mut [u8], place: usize, value: u16) {
        let number = match self.0 {
            ByteOrder::Little => value.to_le_bytes(),
            ByteOrder::Big => value.to_be_bytes(),
        };
        bytes[place..place + 2].copy_from_slice(&number);
    }

    fn put32(self, bytes: &mut [u8], place: usize, value: u32) {
        let number = match self.0 {
            ByteOrder::Little => value.to_le_bytes(),
            ByteOrder::Big => value.to_be_bytes(),
        };
        bytes[place..place + 4].copy_from_slice(&number);
    }
}

impl ByteOrder {
    /// Both.
    pub const ALL: [ByteOrder; 2] = [ByteOrder::Little, ByteOrder::Big];

    /// A word for it.
    pub const fn word(self) -> &'static str {
        match self {
            ByteOrder::Little => "little",
            ByteOrder::Big => "big",
        }
    }
}

impl FixedText {
    /// The text, if it has at most 16 bytes.
    pub fn new(text: &str) -> Option<FixedText> {
        let mut bytes = [0; 16];
        bytes
            .get_mut(..text.len())?
            .copy_from_slice(text.as_bytes());
        Some(FixedText(bytes))
    }

    /// Its bytes up to the first zero.
    pub fn bytes(&self) -> &[u8] {
        let end = self.0.iter().position(|byte| *byte == 0);
        &self.0[..end.unwrap_or(self.0.len())]
    }
}

/// What is no UTF-8 shows as replacement characters.
impl fmt::Display for FixedText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&alloc::string::String::from_utf8_lossy(self.bytes()))
    }
}

impl fmt::Debug for FixedText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", alloc::string::String::from_utf8_lossy(&self.0))
    }
}

#[cfg(test)]
mod tests;
