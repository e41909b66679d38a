//! Where superblock, journal, tags and data lie.

use crate::units::{SECTOR_BYTES, SECTOR_SHIFT, Sector, SectorCount};

use super::superblock::{Flags, SUPERBLOCK_SECTORS, Superblock};

/// Sectors of a journal's section that hold entries.
pub(super) const SECTION_HEAD: u64 = 8;
/// Bytes of a journal's sector before its commit id.
pub(super) const SECTOR_DATA: usize = 504;
/// Bytes of a MAC that each sector of entries holds.
const MAC_PER_SECTOR: usize = 8;
const ENTRY_ALIGN: u64 = 8;
/// Sectors that are left between journal and end.
const PADDING: u64 = 8;
const RUN_ALIGN: u64 = 1 << 12;
const OLD_RUN_ALIGN: u64 = 1 << 17;

const INTERLEAVE_SHIFT: u8 = 15;
const INTERLEAVE: u32 = 1 << INTERLEAVE_SHIFT;
const JOURNAL_MAX: u64 = 131_072;
const JOURNAL_SHIFT: u32 = 7;

/// The lengths of the devices that a layout is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Devices {
    /// One has both data and tags.
    One(SectorCount),
    /// Tags have one of their own.
    Two {
        /// The data's.
        data: SectorCount,
        /// That of superblock, journal and tags.
        meta: SectorCount,
    },
}

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

/// Where all lies.
///
/// # Shape
/// On one device: superblock, journal, and then, again and again, a run of tags and the data that
/// they are for. On two, all but the data lies on one, and the data is the other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Layout {
    /// The superblock's first sector.
    start: u64,
    /// Sectors of superblock and journal.
    initial: u64,
    /// Sectors of a run of tags; `None` where tags have a device of their own.
    run: Option<u64>,
    interleave_shift: u8,
    block_shift: u8,
    tag_size: u64,
    provided: u64,
    entry_size: u64,
    section_entries: u64,
    section_sectors: u64,
    sections: u32,
}

/// Why all does not fit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum LayoutError {
    /// A tag is longer than a journal's entry may be.
    #[error("tags of {0} bytes do not fit a journal's sector")]
    Tag(u16),
    /// The journal reaches past the device's end.
    #[error("superblock and journal do not fit the device")]
    Journal,
    /// The last sector of data, or its tag, lies past the device's end.
    #[error("data and tags do not fit the device")]
    Data,
    /// A bit of data is not enough.
    #[error("the device is too small")]
    TooSmall,
}

impl Layout {
    /// The layout that `superblock` says, which stands at sector `start` of its device.
    ///
    /// # Errors
    /// [`LayoutError`] if that does not fit.
    pub fn new(
        superblock: &Superblock,
        start: Sector,
        devices: Devices,
        buffer_shift: u8,
    ) -> Result<Layout, LayoutError> {
        let block_shift = superblock.block_shift;
        let provided = superblock.provided.0;
        if provided == 0 || !provided.is_multiple_of(1 << block_shift) {
            return Err(LayoutError::Data);
        }
        let tag_size = u64::from(superblock.tag_size);
        let entry_size = 8 + (8 << block_shift) + tag_size;
        let entry_size = entry_size.next_multiple_of(ENTRY_ALIGN);
        let mac = match superblock.flags.contains(Flags::JOURNAL_MAC) {
            true => MAC_PER_SECTOR,
            false => 0,
        };
        let per_sector = (SECTOR_DATA - mac) as u64 / entry_size;
        if per_sector == 0 {
            return Err(LayoutError::Tag(superblock.tag_size));
        }
        let section_entries = per_sector * SECTION_HEAD;
        let section_sectors = (section_entries << block_shift) + SECTION_HEAD;
        let journal = section_sectors * u64::from(superblock.journal_sections);
        let initial = SUPERBLOCK_SECTORS.0 + journal;
        let meta = match devices {
            Devices::One(size) => size.0,
            Devices::Two { meta, .. } => meta.0,
        };
        if initial.saturating_add(PADDING) >= meta || initial > u64::from(u32::MAX) {
            return Err(LayoutError::Journal);
        }
        let mut layout = Layout {
            start: start.0,
            initial,
            run: None,
            interleave_shift: superblock.interleave_shift,
            block_shift,
            tag_size,
            provided: superblock.provided.0,
            entry_size,
            section_entries,
            section_sectors,
            sections: superblock.journal_sections,
        };
        let fits = match devices {
            Devices::One(_) => {
                let align = match superblock.flags.contains(Flags::FIXED_PADDING) {
                    true => RUN_ALIGN,
                    false => OLD_RUN_ALIGN,
                };
                let blocks_shift = layout.interleave_shift.saturating_sub(block_shift);
                let run = (tag_size << blocks_shift).next_multiple_of(align);
                layout.run = Some(run >> SECTOR_SHIFT);
                layout.last_sector().is_some_and(|last| last < meta)
            }
            Devices::Two { data, .. } => {
                let unit = u64::from(SECTOR_SHIFT) + u64::from(buffer_shift.min(22));
                let tags = (layout.provided >> block_shift).checked_mul(tag_size);
                let end = tags
                    .map(|tags| tags.div_ceil(1 << unit) << buffer_shift.min(22))
                    .and_then(|tags| tags.checked_add(initial));
                layout.provided <= data.0 && end.is_some_and(|end| end <= meta)
            }
        };
        match fits {
            true => Ok(layout),
            false => Err(LayoutError::Data),
        }
    }

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
        Layout::new(superblock, Sector(0), devices, 0).map(|layout| layout.section_sectors)
    }

    /// The last sector of data on the one device.
    fn last_sector(&self) -> Option<u64> {
        let last = self.provided.checked_sub(1)?;
        let areas = (last >> self.interleave_shift).checked_add(1)?;
        let runs = areas.checked_mul(self.run?)?;
        let behind = self.start.checked_add(self.initial)?;
        last.checked_add(runs)?.checked_add(behind)
    }

    /// Sectors for data.
    pub fn provided(&self) -> SectorCount {
        SectorCount(self.provided)
    }

    /// Sectors of data between runs of tags; all of them where tags have their own device.
    pub fn area(&self) -> SectorCount {
        match self.run {
            Some(_) => SectorCount(1 << self.interleave_shift),
            None => SectorCount(self.provided),
        }
    }

    /// Sectors of a run of tags, where they lie between the data.
    pub fn run(&self) -> Option<SectorCount> {
        self.run.map(SectorCount)
    }

    /// Where a sector of data lies on its device.
    pub fn data(&self, sector: Sector) -> Sector {
        match self.run {
            None => sector,
            Some(run) => {
                let areas = (sector.0 >> self.interleave_shift) + 1;
                Sector(self.start + self.initial + areas * run + sector.0)
            }
        }
    }

    /// Where the tag of the block at `sector` lies: its first byte on the tags' device.
    pub fn tag(&self, sector: Sector) -> u64 {
        let (area, within) = match self.run {
            None => (0, sector.0),
            Some(_) => (
                sector.0 >> self.interleave_shift,
                sector.0 & ((1 << self.interleave_shift) - 1),
            ),
        };
        let run = self.run.unwrap_or_default();
        let runs = area * ((1 << self.interleave_shift) + run);
        let first = (self.start + self.initial + runs) * SECTOR_BYTES as u64;
        first + (within >> self.block_shift) * self.tag_size
    }

    /// Bytes of a tag.
    pub fn tag_size(&self) -> usize {
        usize::try_from(self.tag_size).unwrap_or(usize::MAX)
    }

    /// log2 of the sectors of a block.
    pub fn block_shift(&self) -> u8 {
        self.block_shift
    }

    /// The sectors of a block.
    pub fn block(&self) -> SectorCount {
        SectorCount(1 << self.block_shift)
    }

    /// The journal's first sector.
    pub fn journal(&self) -> Sector {
        Sector(self.start + SUPERBLOCK_SECTORS.0)
    }

    /// The journal's sections.
    pub fn sections(&self) -> u32 {
        self.sections
    }

    /// The sectors of a section.
    pub fn section_sectors(&self) -> SectorCount {
        SectorCount(self.section_sectors)
    }

    /// Bytes of a section.
    pub fn section_bytes(&self) -> usize {
        usize::try_from(self.section_sectors * SECTOR_BYTES as u64).unwrap_or(usize::MAX)
    }

    /// Sectors of superblock and journal.
    pub fn initial(&self) -> SectorCount {
        SectorCount(self.initial)
    }

    /// The entries of a section.
    pub fn section_entries(&self) -> u64 {
        self.section_entries
    }

    /// Bytes of an entry.
    pub fn entry_size(&self) -> usize {
        usize::try_from(self.entry_size).unwrap_or(usize::MAX)
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
    use super::super::superblock::tests::usual;
    use super::*;

    fn one(sectors: u64) -> Devices {
        Devices::One(SectorCount(sectors))
    }

    #[test]
    fn data_and_tags_take_turns() {
        let superblock = Superblock {
            interleave_shift: 10,
            ..usual()
        };
        let layout = Layout::new(&superblock, Sector(16), one(1 << 20), 7).unwrap();
        // Entries of 8 + 8 + 4 bytes, rounded up: 21 a sector, 168 a section.
        assert_eq!(layout.entry_size(), 24);
        assert_eq!(layout.section_entries(), 168);
        assert_eq!(layout.section_sectors(), SectorCount(176));
        let first = 16 + 8 + 3 * 176;
        // A run of 1024 tags of 4 bytes is padded to 128 KiB.
        assert_eq!(layout.data(Sector(0)), Sector(first + 256));
        assert_eq!(layout.tag(Sector(5)), first * 512 + 20);
        assert_eq!(layout.data(Sector(1024)), Sector(first + 256 + 1024 + 256));
        assert_eq!(layout.tag(Sector(1025)), (first + 256 + 1024) * 512 + 4);
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

    #[test]
    fn hostile_superblocks_are_refused_at_once() {
        let layout = |change: fn(&mut Superblock)| {
            let mut superblock = usual();
            change(&mut superblock);
            Layout::new(&superblock, Sector(0), one(1 << 20), 7)
        };
        assert_eq!(
            layout(|it| it.journal_sections = u32::MAX),
            Err(LayoutError::Journal)
        );
        assert_eq!(layout(|it| it.provided.0 = !7), Err(LayoutError::Data));
        assert_eq!(layout(|it| it.tag_size = 1000), Err(LayoutError::Tag(1000)));
        let far = Layout::new(&usual(), Sector(u64::MAX), one(1 << 20), 7);
        assert_eq!(far, Err(LayoutError::Data));
    }
}
