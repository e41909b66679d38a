//! The superblock.

use crate::units::{Sector, SectorCount};

/// The sectors that a superblock has to itself, of which it uses the first.
pub const SUPERBLOCK_SECTORS: SectorCount = SectorCount(8);

/// Bytes of a superblock that say something.
const USED: usize = 64;

const MAGIC: &[u8; 8] = b"integrt\0";

const VERSION_AT: usize = 8;
const INTERLEAVE_AT: usize = 9;
const TAG_SIZE_AT: usize = 10;
const SECTIONS_AT: usize = 12;
const PROVIDED_AT: usize = 16;
const FLAGS_AT: usize = 24;
const BLOCK_AT: usize = 28;
const BIT_AT: usize = 29;
const RECALCULATED_AT: usize = 32;
const SALT_AT: usize = 48;

/// The newest version that is known.
const VERSION_MAX: u8 = 6;
const INTERLEAVE_SHIFT_MAX: u8 = 31;
const BLOCK_SHIFT_MAX: u8 = 3;

/// What a superblock says.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Superblock {
    /// 1 to 6.
    pub version: u8,
    /// log2 of the sectors of data between runs of tags; 0 where tags have a device of their own.
    pub interleave_shift: u8,
    /// Bytes of a tag.
    pub tag_size: u16,
    /// Sections of the journal.
    pub journal_sections: u32,
    /// Sectors for data.
    pub provided: SectorCount,
    /// What else holds.
    pub flags: Flags,
    /// log2 of the sectors of a block.
    pub block_shift: u8,
    /// log2 of the blocks that a bit of the bitmap stands for.
    pub bit_shift: u8,
    /// Where making tags is at.
    pub recalculated: Sector,
    /// What is hashed first, with [`Flags::FIXED_HMAC`].
    pub salt: [u8; 16],
}

bitflags::bitflags! {
    /// What holds of a device.
    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
    pub struct Flags: u32 {
        /// The journal has MACs.
        const JOURNAL_MAC = 0x01;
        /// Tags are being made for what is there.
        const RECALCULATING = 0x02;
        /// A bitmap says where tags may be wrong.
        const DIRTY_BITMAP = 0x04;
        /// Runs of tags are padded to 4 KiB, and not to 128 KiB.
        const FIXED_PADDING = 0x08;
        /// Hashes have a salt, and the superblock and the journal's sections are covered.
        const FIXED_HMAC = 0x10;
        /// The device keeps the tags itself.
        const INLINE = 0x20;
    }
}

/// Why bytes are no superblock.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SuperblockError {
    /// They end early.
    #[error("the superblock is cut off")]
    Short,
    /// They are all zeroes: the device is to be formatted.
    #[error("there is no superblock yet: all is zeroes")]
    Zeroes,
    /// They do not begin as one does.
    #[error("there is no integrity superblock")]
    Magic,
    /// It is of another time.
    #[error("the superblock has version {0}, not 1 to 6")]
    Version(u8),
    /// It needs what a newer kernel brought.
    #[error("flags {0:#x} are of a newer kernel")]
    Flags(u32),
    /// A field has no meaning.
    #[error("the superblock's {what} is {found}")]
    Field {
        /// Which.
        what: &'static str,
        /// What stands there.
        found: u64,
    },
}

impl Superblock {
    /// Reads one from the front of `bytes`.
    ///
    /// # Errors
    /// [`SuperblockError`], at the first field that is wrong.
    pub fn read(bytes: &[u8]) -> Result<Superblock, SuperblockError> {
        let bytes: &[u8; USED] = bytes.first_chunk().ok_or(SuperblockError::Short)?;
        if *bytes == [0; USED] {
            return Err(SuperblockError::Zeroes);
        }
        if field::<8>(bytes, 0) != *MAGIC {
            return Err(SuperblockError::Magic);
        }
        let version = bytes[VERSION_AT];
        if !(1..=VERSION_MAX).contains(&version) {
            return Err(SuperblockError::Version(version));
        }
        let raw = u32::from_le_bytes(field(bytes, FLAGS_AT));
        // Which version stands there beside them, a kernel does not look at either.
        let flags = Flags::from_bits(raw);
        let superblock = Superblock {
            version,
            interleave_shift: bytes[INTERLEAVE_AT],
            tag_size: u16::from_le_bytes(field(bytes, TAG_SIZE_AT)),
            journal_sections: u32::from_le_bytes(field(bytes, SECTIONS_AT)),
            provided: SectorCount(u64::from_le_bytes(field(bytes, PROVIDED_AT))),
            flags: flags.ok_or(SuperblockError::Flags(raw))?,
            block_shift: bytes[BLOCK_AT],
            bit_shift: bytes[BIT_AT],
            recalculated: Sector(u64::from_le_bytes(field(bytes, RECALCULATED_AT))),
            salt: field(bytes, SALT_AT),
        };
        superblock.check().map(|()| superblock)
    }

    fn check(&self) -> Result<(), SuperblockError> {
        let wrong = |what, found| Err(SuperblockError::Field { what, found });
        let inline = self.flags.contains(Flags::INLINE);
        if self.interleave_shift > INTERLEAVE_SHIFT_MAX {
            return wrong("interleave", self.interleave_shift.into());
        }
        if self.block_shift > BLOCK_SHIFT_MAX {
            return wrong("block size", self.block_shift.into());
        }
        if self.interleave_shift != 0 && self.interleave_shift < self.block_shift {
            return wrong("interleave", self.interleave_shift.into());
        }
        if self.tag_size == 0 {
            return wrong("tag size", 0);
        }
        if (self.journal_sections == 0) != inline {
            return wrong("number of journal sections", self.journal_sections.into());
        }
        Ok(())
    }

    /// As it lies on disk.
    pub fn write(&self) -> [u8; 512] {
        let mut bytes = [0; 512];
        let mut put = |at: usize, field: &[u8]| bytes[at..at + field.len()].copy_from_slice(field);
        put(0, MAGIC);
        put(VERSION_AT, &[self.version]);
        put(INTERLEAVE_AT, &[self.interleave_shift]);
        put(TAG_SIZE_AT, &self.tag_size.to_le_bytes());
        put(SECTIONS_AT, &self.journal_sections.to_le_bytes());
        put(PROVIDED_AT, &self.provided.0.to_le_bytes());
        put(FLAGS_AT, &self.flags.bits().to_le_bytes());
        put(BLOCK_AT, &[self.block_shift]);
        put(BIT_AT, &[self.bit_shift]);
        put(RECALCULATED_AT, &self.recalculated.0.to_le_bytes());
        put(SALT_AT, &self.salt);
        bytes
    }

    /// Has tags made for what is there, from the start.
    pub fn begin_recalculating(&mut self) {
        self.flags.insert(Flags::RECALCULATING);
        self.recalculated = Sector(0);
    }

    /// The least version that it needs: 2 where tags have a device of their own, which an interleave of
    /// nothing tells.
    pub fn least_version(&self) -> u8 {
        let own_device = self.interleave_shift == 0;
        least_version(self.flags).max(1 + u8::from(own_device))
    }
}

fn least_version(flags: Flags) -> u8 {
    const NEED: [(Flags, u8); 5] = [
        (Flags::INLINE, 6),
        (Flags::FIXED_HMAC, 5),
        (Flags::FIXED_PADDING, 4),
        (Flags::DIRTY_BITMAP, 3),
        (Flags::RECALCULATING, 2),
    ];
    let newest = NEED.iter().find(|(flag, _)| flags.contains(*flag));
    newest.map_or(1, |(_, version)| *version)
}

fn field<const N: usize>(bytes: &[u8; USED], at: usize) -> [u8; N] {
    let mut field = [0; N];
    field.copy_from_slice(&bytes[at..at + N]);
    field
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    pub(in super::super) fn usual() -> Superblock {
        Superblock {
            version: 1,
            interleave_shift: 15,
            tag_size: 4,
            journal_sections: 3,
            provided: SectorCount(4096),
            flags: Flags::empty(),
            block_shift: 0,
            bit_shift: 0,
            recalculated: Sector(0),
            salt: [0; 16],
        }
    }

    #[test]
    fn what_is_written_is_read_back() {
        for (flags, interleave_shift, version) in [
            (Flags::empty(), 15, 1),
            (Flags::JOURNAL_MAC, 15, 1),
            (Flags::empty(), 0, 2),
            (Flags::RECALCULATING, 15, 2),
            (Flags::DIRTY_BITMAP, 15, 3),
            (Flags::FIXED_PADDING | Flags::RECALCULATING, 15, 4),
            (Flags::FIXED_HMAC | Flags::FIXED_PADDING, 15, 5),
        ] {
            let superblock = Superblock {
                version,
                flags,
                interleave_shift,
                ..usual()
            };
            assert_eq!(superblock.least_version(), version);
            let bytes = superblock.write();
            assert_eq!(bytes[8], version);
            assert_eq!(Superblock::read(&bytes), Ok(superblock));
        }
    }

    #[test]
    fn each_wrong_field_is_named() {
        let good = usual().write();
        let with = |at: usize, field: &[u8]| {
            let mut bytes = good;
            bytes[at..at + field.len()].copy_from_slice(field);
            Superblock::read(&bytes).unwrap_err()
        };
        let field = |what, found| SuperblockError::Field { what, found };
        assert_eq!(with(0, b"I"), SuperblockError::Magic);
        assert_eq!(with(8, &[0]), SuperblockError::Version(0));
        assert_eq!(with(8, &[7]), SuperblockError::Version(7));
        assert_eq!(with(9, &[32]), field("interleave", 32));
        assert_eq!(with(10, &[0, 0]), field("tag size", 0));
        assert_eq!(with(12, &[0; 4]), field("number of journal sections", 0));
        assert_eq!(with(24, &[0x40]), SuperblockError::Flags(0x40));
        assert_eq!(with(25, &[8]), SuperblockError::Flags(0x800));
        assert_eq!(with(28, &[4]), field("block size", 4));
        assert_eq!(Superblock::read(&[0; 512]), Err(SuperblockError::Zeroes));
        assert_eq!(Superblock::read(&good[..63]), Err(SuperblockError::Short));
    }
}
