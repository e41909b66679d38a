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
pub(super) const PADDING: u64 = 8;
const RUN_ALIGN: u64 = 1 << 12;
const OLD_RUN_ALIGN: u64 = 1 << 17;

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
