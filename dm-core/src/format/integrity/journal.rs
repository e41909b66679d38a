//! The journal's sections: entries, the blocks that they are for, and the ids of who wrote them.

use alloc::boxed::Box;
use alloc::vec::Vec;

use super::layout::{Layout, SECTION_HEAD, SECTOR_DATA};
use super::tag::TagHash;

/// What commit ids begin as; each is the id of a round through the journal.
pub const COMMIT_IDS: [u64; 4] = [
    0x1111_1111_1111_1111,
    0x2222_2222_2222_2222,
    0x3333_3333_3333_3333,
    0x4444_4444_4444_4444,
];

/// What stands in the high half of an entry's sector that is not used.
const UNUSED: u32 = u32::MAX;

const SECTOR: usize = 512;
/// Bytes of a section's MAC in each sector of entries.
const MAC_PART: usize = 8;
/// Where they are.
const MAC_AT: usize = SECTOR_DATA - MAC_PART;

/// How a journal's sections are made.
///
/// Sections are given decrypted, each as long as [`Layout::section_bytes`].
#[derive(Clone, Copy, Debug)]
pub struct Journal {
    layout: Layout,
    ids: [u64; 4],
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

/// What proves a journal's entries: `journal_mac`.
pub struct JournalMac {
    hash: Box<dyn TagHash>,
    /// The section's number is covered, behind the salt.
    numbered: bool,
}

impl Journal {
    /// The journal of a device without `journal_crypt`.
    pub fn new(layout: Layout) -> Journal {
        Journal::with_ids(layout, COMMIT_IDS)
    }

    /// A journal whose commit ids are these, made unlike each other as the kernel does.
    pub fn with_ids(layout: Layout, mut ids: [u64; 4]) -> Journal {
        for at in 1..ids.len() {
            while ids[..at].contains(&ids[at]) {
                ids[at] = ids[at].wrapping_add(1);
            }
        }
        Journal { layout, ids }
    }

    /// The layout that it is of.
    pub fn layout(&self) -> &Layout {
        &self.layout
    }

    /// Entries of a section.
    pub fn entries(&self) -> usize {
        usize::try_from(self.layout.section_entries()).unwrap_or(usize::MAX)
    }

    /// Fills a sector as that of a new journal: no entry is used, and all is of the first round.
    ///
    /// # Panics
    /// If it has not 512 bytes.
    pub fn fill(&self, section: u32, place: u64, sector: &mut [u8]) {
        self.fill_for(0, section, place, sector);
    }

    fn fill_for(&self, round: usize, section: u32, place: u64, sector: &mut [u8]) {
        assert_eq!(sector.len(), SECTOR);
        sector.fill(0);
        if place < SECTION_HEAD {
            for entry in self.entries_of_sector() {
                sector[entry + 4..entry + 8].copy_from_slice(&UNUSED.to_le_bytes());
            }
        }
        let id = self.commit_id(round, section, place).to_le_bytes();
        sector[SECTOR_DATA..].copy_from_slice(&id);
    }

    /// Makes an empty section of a round.
    pub fn clear(&self, round: usize, number: u32, section: &mut [u8]) {
        for (sector, place) in section.chunks_exact_mut(SECTOR).zip(0..) {
            self.fill_for(round, number, place, sector);
        }
    }

    /// Says in each sector of a section that this round wrote it.
    pub fn stamp(&self, round: usize, number: u32, section: &mut [u8]) {
        for (sector, place) in section.chunks_exact_mut(SECTOR).zip(0..) {
            let id = self.commit_id(round, number, place).to_le_bytes();
            sector[SECTOR_DATA..].copy_from_slice(&id);
        }
    }

    /// The round that wrote a sector; `None` if none did.
    pub fn round(&self, sector: SectorView<'_>) -> Option<usize> {
        let id = sector.bytes.get(SECTOR_DATA..)?.first_chunk()?;
        let id = u64::from_le_bytes(*id);
        (0..self.ids.len()).find(|round| id == self.commit_id(*round, sector.section, sector.place))
    }

    /// How many entries of a sector are used, and so are to be written to their places.
    pub fn used(&self, sector: SectorView<'_>) -> usize {
        if sector.place >= SECTION_HEAD {
            return 0;
        }
        self.entries_of_sector()
            .filter(|entry| {
                sector.bytes.get(entry + 4..entry + 8) != Some(&UNUSED.to_le_bytes()[..])
            })
            .count()
    }

    /// The sector that an entry is for; `None` if it is not used. What was read from a disk may be any
    /// number.
    pub fn sector(&self, section: &[u8], entry: usize) -> Option<u64> {
        let at = self.entry_at(entry);
        let bytes = section[at..at + 8].first_chunk().copied();
        let sector = u64::from_le_bytes(bytes.unwrap_or_default());
        (sector >> 32 != u64::from(UNUSED)).then_some(sector)
    }

    /// Gives an entry up.
    pub fn forget(&self, section: &mut [u8], entry: usize) {
        let at = self.entry_at(entry);
        section[at + 4..at + 8].copy_from_slice(&UNUSED.to_le_bytes());
    }

    /// Puts a block into the journal.
    pub fn put(&self, section: &mut [u8], entry: usize, sector: u64, block: &[u8], tag: &[u8]) {
        let at = self.entry_at(entry);
        section[at..at + 8].copy_from_slice(&sector.to_le_bytes());
        let mut behind = at + 8;
        for bytes in block.chunks_exact(SECTOR) {
            section[behind..behind + 8].copy_from_slice(&bytes[SECTOR_DATA..]);
            behind += 8;
        }
        section[behind..behind + tag.len()].copy_from_slice(tag);
        let data = self.data_at(entry);
        section[data..data + block.len()].copy_from_slice(block);
    }

    /// Takes an entry's block out.
    pub fn block(&self, section: &[u8], entry: usize, block: &mut [u8]) {
        let data = self.data_at(entry);
        block.copy_from_slice(&section[data..data + block.len()]);
        let mut last = self.entry_at(entry) + 8;
        for bytes in block.chunks_exact_mut(SECTOR) {
            bytes[SECTOR_DATA..].copy_from_slice(&section[last..last + 8]);
            last += 8;
        }
    }

    /// An entry's tag.
    pub fn tag<'a>(&self, section: &'a [u8], entry: usize) -> &'a [u8] {
        let at = self.entry_at(entry) + 8 + (8 << self.layout.block_shift());
        &section[at..at + self.layout.tag_size()]
    }

    fn entry_at(&self, entry: usize) -> usize {
        entry % 8 * SECTOR + entry / 8 * self.layout.entry_size()
    }

    fn data_at(&self, entry: usize) -> usize {
        (8 + (entry << self.layout.block_shift())) * SECTOR
    }

    /// Where a sector's entries are.
    fn entries_of_sector(&self) -> impl Iterator<Item = usize> + use<> {
        let size = self.layout.entry_size();
        (0..self.entries() / 8).map(move |at| at * size)
    }

    fn commit_id(&self, round: usize, section: u32, place: u64) -> u64 {
        self.ids[round] ^ (u64::from(section) << 32) ^ place
    }
}

impl JournalMac {
    /// Sections proven by `hash`. With `numbered` it has the salt, and covers a section's number.
    pub fn new(hash: Box<dyn TagHash>, numbered: bool) -> JournalMac {
        JournalMac { hash, numbered }
    }

    /// Puts the MAC of a section's entries into it.
    pub fn put(&self, journal: &Journal, number: u32, section: &mut [u8]) {
        let mac = self.of(journal, number, section);
        for (sector, part) in section
            .chunks_exact_mut(SECTOR)
            .zip(mac.chunks_exact(MAC_PART))
        {
            sector[MAC_AT..SECTOR_DATA].copy_from_slice(part);
        }
    }

    /// How many parts of a section's MAC are wrong.
    pub fn wrong(&self, journal: &Journal, number: u32, section: &[u8]) -> usize {
        let mac = self.of(journal, number, section);
        let parts = mac.chunks_exact(MAC_PART);
        let sectors = section.chunks_exact(SECTOR).zip(parts);
        sectors
            .filter(|(sector, part)| sector[MAC_AT..SECTOR_DATA] != **part)
            .count()
    }

    fn of(&self, journal: &Journal, number: u32, section: &[u8]) -> [u8; 64] {
        let mut sectors = Vec::with_capacity(journal.entries() * 8);
        for entry in 0..journal.entries() {
            let at = journal.entry_at(entry);
            sectors.extend_from_slice(&section[at..at + 8]);
        }
        let mut mac = [0; 64];
        match self.numbered {
            true => self.hash.tag(number.into(), &sectors, &mut mac),
            false => self.hash.digest(&sectors, &mut mac),
        }
        mac
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::super::layout::Devices;
    use super::super::superblock::tests::usual;
    use super::super::tag::tag_hash;
    use super::*;
    use crate::units::{Sector, SectorCount};

    pub(in super::super) fn journal() -> Journal {
        let devices = Devices::One(SectorCount(1 << 20));
        Journal::new(Layout::new(&usual(), Sector(0), devices, 7).unwrap())
    }

    #[test]
    fn new_journal_has_no_used_entry_and_one_round() {
        let journal = journal();
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

    #[test]
    fn blocks_come_out_as_they_went_in_also_behind_commit_ids() {
        let journal = journal();
        let mut section = vec![0; journal.layout().section_bytes()];
        journal.clear(1, 2, &mut section);
        let (block, tag) = ([0xb7; 512], [1, 2, 3, 4]);
        for entry in [0, 1, 8, 167] {
            assert_eq!(journal.sector(&section, entry), None);
            journal.put(&mut section, entry, 40 + entry as u64, &block, &tag);
            journal.stamp(2, 2, &mut section);
            let mut out = [0; 512];
            journal.block(&section, entry, &mut out);
            assert_eq!(out, block);
            assert_eq!(journal.tag(&section, entry), tag);
            assert_eq!(journal.sector(&section, entry), Some(40 + entry as u64));
            journal.forget(&mut section, entry);
            assert_eq!(journal.sector(&section, entry), None);
        }
        for (bytes, place) in section.chunks_exact(512).zip(0..) {
            let view = SectorView {
                section: 2,
                place,
                bytes,
            };
            assert_eq!(journal.round(view), Some(2));
        }
    }

    #[test]
    fn macs_tell_sections_and_entries_apart() {
        let journal = journal();
        let mut section = vec![0; journal.layout().section_bytes()];
        journal.clear(0, 1, &mut section);
        for numbered in [true, false] {
            let hash = tag_hash("hmac(sha256)", Some(b"key"), b"salt").unwrap();
            let mac = JournalMac::new(hash, numbered);
            mac.put(&journal, 1, &mut section);
            assert_eq!(mac.wrong(&journal, 1, &section), 0);
            assert_eq!(mac.wrong(&journal, 0, &section) > 0, numbered);
            // The second entry's sector.
            section[512] ^= 1;
            // 32 bytes are four parts; the other four are zeroes.
            assert_eq!(mac.wrong(&journal, 1, &section), 4);
            section[512] ^= 1;
        }
    }
}
