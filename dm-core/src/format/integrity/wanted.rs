//! New devices: what is wanted of one, and a superblock with as much data as there is room for.

use crate::units::{Sector, SectorCount};

use super::layout::{Devices, Layout, LayoutError, PADDING};
use super::superblock::{Flags, SUPERBLOCK_SECTORS, Superblock};

const INTERLEAVE_SHIFT: u8 = 15;
const INTERLEAVE: u32 = 1 << INTERLEAVE_SHIFT;
const JOURNAL_MAX: u64 = 131_072;
const JOURNAL_SHIFT: u32 = 7;

/// What a new device is to be like; what is not said is as the kernel has it.
#[derive(Clone, Copy, Debug, Default)]
pub struct Wanted {
    /// Bytes of a tag.
    pub tag_size: u16,
    /// log2 of the sectors of a block.
    pub block_shift: u8,
    /// Sectors of the journal.
    pub journal: Option<u32>,
    /// Sectors of data between runs of tags.
    pub interleave: Option<u32>,
    /// log2 of the sectors in which tags are read, where they have a device of their own.
    pub buffer_shift: Option<u8>,
    /// What else is to hold.
    pub flags: Flags,
}

impl Layout {
    /// A superblock for new devices, with as much data as fits.
    ///
    /// # Errors
    /// [`LayoutError`] if they are too small.
    pub fn superblock(
        wanted: &Wanted,
        start: Sector,
        devices: Devices,
    ) -> Result<Superblock, LayoutError> {
        let (Devices::One(data) | Devices::Two { data, .. }) = devices;
        if wanted.flags.contains(Flags::INLINE) {
            return Layout::inline(wanted, start, data);
        }
        let usual = JOURNAL_MAX.min(data.0 >> JOURNAL_SHIFT);
        let journal = wanted.journal.map_or(usual, u64::from);
        let mut superblock = Superblock {
            version: 1,
            interleave_shift: 0,
            tag_size: wanted.tag_size,
            journal_sections: 1,
            provided: SectorCount(1 << wanted.block_shift),
            flags: wanted.flags,
            block_shift: wanted.block_shift,
            bit_shift: 0,
            recalculated: Sector(0),
            salt: [0; 16],
        };
        let buffer_shift = wanted.buffer_shift.unwrap_or(7);
        let fits =
            |superblock: &Superblock| Layout::new(superblock, start, devices, buffer_shift).is_ok();
        let section = Layout::section_sectors_of(&superblock)?;
        let sections = u32::try_from((journal / section).max(1)).unwrap_or(u32::MAX);
        Layout::fill(&mut superblock, wanted, devices, sections, fits)?;
        superblock.version = superblock.least_version();
        Ok(superblock)
    }

    /// The superblock of a device that keeps the tags itself: all behind it is data.
    fn inline(
        wanted: &Wanted,
        start: Sector,
        size: SectorCount,
    ) -> Result<Superblock, LayoutError> {
        let before = start.0.saturating_add(SUPERBLOCK_SECTORS.0);
        let provided = size.0.saturating_sub(before) / PADDING * PADDING;
        let shift = INTERLEAVE_SHIFT;
        let superblock = Superblock {
            version: 1,
            interleave_shift: shift,
            tag_size: wanted.tag_size,
            journal_sections: 0,
            provided: SectorCount(provided),
            flags: wanted.flags,
            block_shift: wanted.block_shift,
            // As a kernel says it, which has no bitmap there either.
            bit_shift: shift - wanted.block_shift,
            recalculated: Sector(0),
            salt: [0; 16],
        };
        match provided {
            0 => Err(LayoutError::TooSmall),
            _ => Ok(Superblock {
                version: superblock.least_version(),
                ..superblock
            }),
        }
    }

    /// Gives a superblock as much data, or as long a journal, as fits.
    fn fill(
        superblock: &mut Superblock,
        wanted: &Wanted,
        devices: Devices,
        sections: u32,
        fits: impl Fn(&Superblock) -> bool,
    ) -> Result<(), LayoutError> {
        match devices {
            Devices::One(size) => {
                let interleave = match wanted.interleave {
                    None | Some(0) => INTERLEAVE,
                    Some(sectors) => sectors,
                };
                let shift = interleave.ilog2().clamp(3, 31);
                superblock.interleave_shift = u8::try_from(shift).unwrap_or(u8::MAX);
                superblock.journal_sections = sections;
                superblock.provided = most_that_fits(superblock, size, fits);
                match superblock.provided.is_zero() {
                    true => Err(LayoutError::TooSmall),
                    false => Ok(()),
                }
            }
            Devices::Two { data, .. } => {
                let blocks = data.0 >> wanted.block_shift;
                superblock.provided = SectorCount(blocks << wanted.block_shift);
                superblock.flags.remove(Flags::FIXED_PADDING);
                superblock.journal_sections = 0;
                for bit in (0..32 - sections.leading_zeros()).rev() {
                    let before = superblock.journal_sections;
                    superblock.journal_sections |= 1 << bit;
                    if superblock.journal_sections > sections || !fits(superblock) {
                        superblock.journal_sections = before;
                    }
                }
                match blocks == 0 || superblock.journal_sections == 0 {
                    true => Err(LayoutError::TooSmall),
                    false => Ok(()),
                }
            }
        }
    }

    /// The sectors of data that devices of these lengths have room for, which is what a driver goes by:
    /// devices may have grown since the superblock was written.
    pub fn room(superblock: &Superblock, start: Sector, devices: Devices) -> SectorCount {
        match devices {
            Devices::One(size) => most_that_fits(superblock, size, |superblock| {
                Layout::new(superblock, start, devices, 0).is_ok()
            }),
            Devices::Two { data, .. } => {
                let shift = superblock.block_shift;
                SectorCount(data.0 >> shift << shift)
            }
        }
    }

    fn section_sectors_of(superblock: &Superblock) -> Result<u64, LayoutError> {
        let all = SectorCount(u64::from(u32::MAX));
        let devices = Devices::Two {
            data: all,
            meta: all,
        };
        Layout::new(superblock, Sector(0), devices, 0).map(|layout| layout.section_sectors().0)
    }
}

fn most_that_fits(
    superblock: &Superblock,
    size: SectorCount,
    fits: impl Fn(&Superblock) -> bool,
) -> SectorCount {
    let mut tried = superblock.clone();
    tried.provided = SectorCount(0);
    for bit in (3..64 - size.0.leading_zeros()).rev() {
        let before = tried.provided;
        tried.provided.0 |= 1 << bit;
        if !fits(&tried) {
            tried.provided = before;
        }
    }
    tried.provided
}

#[cfg(test)]
mod tests {
    use super::*;

    fn one(sectors: u64) -> Devices {
        Devices::One(SectorCount(sectors))
    }

    #[test]
    fn new_devices_provide_all_that_fits() {
        let wanted = Wanted {
            tag_size: 4,
            flags: Flags::FIXED_PADDING,
            ..Wanted::default()
        };
        for size in [1000, 5000, 65536, 1_000_000, 1 << 33] {
            let superblock = Layout::superblock(&wanted, Sector(0), one(size)).unwrap();
            assert!(Layout::new(&superblock, Sector(0), one(size), 7).is_ok());
            let more = Superblock {
                provided: SectorCount(superblock.provided.0 + 8),
                ..superblock.clone()
            };
            assert!(
                Layout::new(&more, Sector(0), one(size), 7).is_err(),
                "{size}"
            );
        }
        let small = Layout::superblock(&wanted, Sector(0), one(200));
        assert_eq!(small, Err(LayoutError::TooSmall));
    }

    #[test]
    fn tags_may_have_a_device_of_their_own() {
        let wanted = Wanted {
            tag_size: 32,
            block_shift: 3,
            ..Wanted::default()
        };
        let devices = Devices::Two {
            data: SectorCount(100_003),
            meta: SectorCount(4000),
        };
        let superblock = Layout::superblock(&wanted, Sector(0), devices).unwrap();
        assert_eq!(superblock.provided, SectorCount(100_000));
        assert_eq!(superblock.version, 2);
        let layout = Layout::new(&superblock, Sector(0), devices, 7).unwrap();
        assert_eq!(layout.data(Sector(77)), Sector(77));
        assert_eq!(layout.tag(Sector(16)) - layout.tag(Sector(0)), 64);
    }

    #[test]
    fn devices_that_keep_tags_have_data_alone() {
        let wanted = |block_shift| Wanted {
            tag_size: 4,
            block_shift,
            flags: Flags::INLINE | Flags::FIXED_PADDING,
            ..Wanted::default()
        };
        // As Linux 6.12 makes them.
        let small = Layout::superblock(&wanted(0), Sector(0), one(17873)).unwrap();
        assert_eq!((small.version, small.bit_shift), (6, 15));
        assert_eq!(small.provided, SectorCount(17864));
        let large = Layout::superblock(&wanted(3), Sector(0), one(18144)).unwrap();
        assert_eq!((large.journal_sections, large.bit_shift), (0, 12));
        assert_eq!(large.provided, SectorCount(18136));
        let none = Layout::superblock(&wanted(0), Sector(0), one(15));
        assert_eq!(none, Err(LayoutError::TooSmall));
    }
}
