//! What can be wrong with a disklabel.

use core::fmt;

use crate::units::{SectorCount, SectorRange};

/// A field of a disklabel that is wrong, and why.
///
/// Displays as `checksum: 0x1234 is stored, the label's is 0x5678`.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct LabelError {
    /// Which field.
    pub field: Field,
    /// What is wrong with it.
    pub fault: Fault,
}

/// A field of a disklabel that can be wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Field {
    /// The number at the label's start.
    Magic,
    /// The same number in its middle.
    Magic2,
    /// The exclusive or of all its words.
    Checksum,
    /// How many partitions follow.
    Partitions,
    /// Bytes a sector.
    SectorSize,
    /// Sectors a track.
    SectorsPerTrack,
    /// Tracks a cylinder.
    TracksPerCylinder,
    /// Sectors a cylinder.
    SectorsPerCylinder,
    /// Sectors in all.
    SectorsPerUnit,
    /// A field of a partition, counted from 0: partition a.
    Partition(u8, PartitionField),
}

/// A field of a partition that can be wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum PartitionField {
    /// Its length.
    Size,
    /// Its first sector.
    Offset,
}

/// What is wrong with a field.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
#[allow(missing_docs)] // the messages say it
pub enum Fault {
    #[error("the label is cut off after {bytes} bytes")]
    CutOff { bytes: usize },
    #[error("{found:#010x} is no label's")]
    NoMagic { found: u32 },
    #[error("{stored:#06x} is stored, the label's is {computed:#06x}")]
    Checksum { stored: u16, computed: u16 },
    #[error("there are {count}, more than the {most} that fit")]
    TooMany { count: usize, most: usize },
    #[error("it is zero")]
    Zero,
    #[error("{found} is no power of two of at least 512")]
    NoSectorSize { found: u32 },
    #[error("it is {found}, the fields before make {expected}")]
    Product { found: u64, expected: u64 },
    #[error("{size} sectors are more than the disk's {disk}")]
    LargerThanDisk { size: u64, disk: SectorCount },
    #[error("{size} sectors are more than a label can say")]
    TooLarge { size: SectorCount },
    #[error("it starts at sector {start}, past the end of the disk, which has {disk}")]
    StartsPastEnd { start: u64, disk: SectorCount },
    #[error("sectors {range} run past the end of the disk, which has {disk}")]
    EndsPastEnd {
        range: SectorRange,
        disk: SectorCount,
    },
    #[error("sectors {range} overlap partition {}", letter(*other))]
    Overlap { range: SectorRange, other: u8 },
}

impl LabelError {
    pub(super) fn new(field: Field, fault: Fault) -> LabelError {
        LabelError { field, fault }
    }
}

impl core::error::Error for LabelError {}

impl fmt::Display for LabelError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.field, self.fault)
    }
}

/// As `struct disklabel` calls it, without the prefix.
impl fmt::Display for Field {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Field::Magic => "magic",
            Field::Magic2 => "magic2",
            Field::Checksum => "checksum",
            Field::Partitions => "npartitions",
            Field::SectorSize => "secsize",
            Field::SectorsPerTrack => "nsectors",
            Field::TracksPerCylinder => "ntracks",
            Field::SectorsPerCylinder => "secpercyl",
            Field::SectorsPerUnit => "secperunit",
            Field::Partition(index, field) => {
                let name = match field {
                    PartitionField::Size => "size",
                    PartitionField::Offset => "offset",
                };
                return write!(f, "partition {}: {name}", letter(*index));
            }
        })
    }
}

/// The letter of a partition; those past `z` do not occur, since no sector holds so many.
pub(super) fn letter(index: u8) -> char {
    char::from(b'a'.saturating_add(index))
}
