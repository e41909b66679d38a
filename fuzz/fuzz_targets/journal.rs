//! A journal of integrity that a power cut or an enemy left: sections of any rounds, and any bytes over them.
#![no_main]

use dm_core::format::integrity::{Devices, Flags, Journal, Layout, Replay, Superblock, Wanted};
use dm_core::units::{Sector, SectorCount};
use libfuzzer_sys::fuzz_target;

const DEVICES: Devices = Devices::One(SectorCount(4096));

fuzz_target!(|bytes: &[u8]| {
    let [shape, tag_size, sections, rounds, changes @ ..] = bytes else {
        return;
    };
    let wanted = Wanted {
        tag_size: u16::from(*tag_size).max(1),
        block_shift: shape & 3,
        flags: match shape & 4 {
            0 => Flags::empty(),
            _ => Flags::JOURNAL_MAC,
        },
        ..Wanted::default()
    };
    let Ok(mut superblock) = Layout::superblock(&wanted, Sector(0), DEVICES) else {
        return;
    };
    superblock.journal_sections = u32::from(sections % 5).max(1);
    superblock.provided = Layout::room(&superblock, Sector(0), DEVICES);
    assert!(superblock.provided.0 <= 4096);
    assert!(Superblock::read(&superblock.write()).is_ok());
    let Ok(layout) = Layout::new(&superblock, Sector(0), DEVICES, 0) else {
        return;
    };
    let journal = Journal::new(layout);
    let mut all = vec![0; layout.section_bytes() * superblock.journal_sections as usize];
    for (section, number) in all.chunks_exact_mut(layout.section_bytes()).zip(0_u32..) {
        let round = usize::from(rounds >> (number * 2 % 8) & 3);
        journal.clear(round, number, section);
    }
    for [high, low, byte] in changes.as_chunks().0 {
        let at = usize::from(u16::from_be_bytes([*high, *low])) * 8 % all.len();
        all[at] ^= byte;
    }
    if let Ok(replay) = Replay::of(&journal, &all) {
        assert!(replay.start < layout.sections());
        assert!(replay.sections <= layout.sections());
        assert!(replay.round < 4 && replay.erase < 4);
    }
    let mut block = vec![0; 512 << layout.block_shift()];
    for section in all.chunks_exact(layout.section_bytes()) {
        for entry in 0..journal.entries() {
            journal.block(section, entry, &mut block);
            assert_eq!(journal.tag(section, entry).len(), layout.tag_size());
            let _ = journal.sector(section, entry);
        }
    }
});
