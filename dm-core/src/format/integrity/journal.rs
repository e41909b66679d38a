//! The journal of a device that was closed well, and whether one is.

use super::layout::{Layout, SECTION_HEAD, SECTOR_DATA};

/// Commit ids without `journal_crypt`; each is the id of a round through the journal.
const COMMIT_IDS: [u64; 4] = [
    0x1111_1111_1111_1111,
    0x2222_2222_2222_2222,
    0x3333_3333_3333_3333,
    0x4444_4444_4444_4444,
];

/// What stands in the high half of an entry's sector that is not used.
const UNUSED: u32 = u32::MAX;

/// A journal without MACs and encryption.
#[derive(Clone, Copy, Debug)]
pub struct Journal {
    layout: Layout,
}

/// A sector of a journal, and where it belongs.
#[derive(Clone, Copy, Debug)]
pub struct SectorView<'a> {
    /// Its section.
    pub section: u32,
    /// Its place there.
    pub place: u64,
    /// Its 512 bytes.
    pub bytes: &'a [u8],
}

impl Journal {
    /// The journal of a device.
    pub fn new(layout: Layout) -> Journal {
        Journal { layout }
    }

    /// Fills a sector as that of a new journal: no entry is used, and all is of the first round.
    ///
    /// # Panics
    /// If it has not 512 bytes.
    pub fn fill(&self, section: u32, place: u64, sector: &mut [u8]) {
        assert_eq!(sector.len(), 512);
        sector.fill(0);
        if place < SECTION_HEAD {
            for entry in self.entries(sector.len()) {
                sector[entry + 4..entry + 8].copy_from_slice(&UNUSED.to_le_bytes());
            }
        }
        let id = commit_id(0, section, place).to_le_bytes();
        sector[SECTOR_DATA..].copy_from_slice(&id);
    }

    /// The round that wrote a sector; `None` if none did.
    pub fn round(&self, sector: SectorView<'_>) -> Option<usize> {
        let id = sector.bytes.get(SECTOR_DATA..)?.first_chunk()?;
        let id = u64::from_le_bytes(*id);
        (0..COMMIT_IDS.len()).find(|round| id == commit_id(*round, sector.section, sector.place))
    }

    /// How many entries of a sector are used, and so are to be written to their places.
    pub fn used(&self, sector: SectorView<'_>) -> usize {
        if sector.place >= SECTION_HEAD {
            return 0;
        }
        self.entries(sector.bytes.len())
            .filter(|entry| sector.bytes[entry + 4..entry + 8] != UNUSED.to_le_bytes())
            .count()
    }

    /// Where a sector's entries are.
    fn entries(&self, length: usize) -> impl Iterator<Item = usize> + use<> {
        let (size, each) = (self.layout.entry_size(), self.layout.section_entries());
        let count = usize::try_from(each / SECTION_HEAD).unwrap_or(usize::MAX);
        (0..count)
            .map(move |at| at * size)
            .take_while(move |at| at + size <= length)
    }
}

fn commit_id(round: usize, section: u32, place: u64) -> u64 {
    COMMIT_IDS[round] ^ (u64::from(section) << 32) ^ place
}

#[cfg(test)]
mod tests {
    use super::super::layout::Devices;
    use super::super::superblock::tests::usual;
    use super::*;
    use crate::units::{Sector, SectorCount};

    #[test]
    fn new_journal_has_no_used_entry_and_one_round() {
        let devices = Devices::One(SectorCount(1 << 20));
        let layout = Layout::new(&usual(), Sector(0), devices, 7).unwrap();
        let journal = Journal::new(layout);
        let mut bytes = [0xa5; 512];
        for place in [0, 7, 8, 100] {
            journal.fill(2, place, &mut bytes);
            let view = |section| SectorView {
                section,
                place,
                bytes: &bytes,
            };
            assert_eq!(journal.round(view(2)), Some(0));
            assert_eq!(journal.round(view(1)), None);
            assert_eq!(journal.used(view(2)), 0);
        }
        journal.fill(0, 0, &mut bytes);
        bytes[24 + 4] = 0;
        let view = SectorView {
            section: 0,
            place: 0,
            bytes: &bytes,
        };
        assert_eq!(journal.used(view), 1);
    }
}
