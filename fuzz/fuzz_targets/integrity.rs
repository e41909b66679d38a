//! Any bytes as an integrity superblock, and as the lengths of its devices.
#![no_main]

use dm_core::format::integrity::{Devices, Layout, Superblock};
use dm_core::units::{Sector, SectorCount};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let Ok(superblock) = Superblock::read(bytes) else {
        return;
    };
    assert_eq!(
        Superblock::read(&superblock.write()),
        Ok(superblock.clone())
    );
    let number = |at: usize| {
        let bytes = bytes
            .get(at..at + 8)
            .and_then(|bytes| bytes.try_into().ok());
        u64::from_le_bytes(bytes.unwrap_or_default())
    };
    let (one, two, start) = (number(64), number(72), Sector(number(80)));
    let devices = match superblock.interleave_shift {
        0 => Devices::Two {
            data: SectorCount(one),
            meta: SectorCount(two),
        },
        _ => Devices::One(SectorCount(one)),
    };
    let Ok(layout) = Layout::new(&superblock, start, devices, 0) else {
        return;
    };
    // A device's bytes are counted in 64 bits.
    if one.max(two) >= 1 << 54 || start.0 >= 1 << 54 {
        return;
    }
    let last = Sector(layout.provided().0 - 1);
    for sector in [Sector(0), last] {
        match devices {
            Devices::One(size) => {
                assert!(layout.data(sector).0 < size.0);
                assert!(layout.tag(sector) / 512 < layout.data(sector).0);
            }
            Devices::Two { data, .. } => assert!(layout.data(sector).0 < data.0),
        }
        assert!(layout.tag(sector) / 512 >= layout.journal().0);
    }
});
