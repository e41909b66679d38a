//! Any bytes as a disk with an MBR and a chain of logical partitions.
#![no_main]

use dm_core::disklabel::{Mbr, MbrEntry};
use dm_core::units::SECTOR_BYTES;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let first = bytes.first_chunk::<SECTOR_BYTES>();
    let entries = first.and_then(MbrEntry::read);
    let Ok(Some(mbr)) = Mbr::read(&mut &*bytes) else {
        assert_eq!(entries, None);
        return;
    };
    assert!(entries.is_some());
    // 4 primary and 128 logical ones, each with a number of its own.
    assert!(mbr.partitions.len() <= 132);
    let numbers: Vec<u8> = mbr
        .partitions
        .iter()
        .map(|partition| partition.number)
        .collect();
    assert!(numbers.is_sorted_by(|one, next| one < next), "{numbers:?}");
    assert!(
        mbr.partitions
            .iter()
            .all(|partition| !partition.range.is_empty())
    );
    assert_eq!(
        mbr.bsd().count(),
        mbr.partitions
            .iter()
            .filter(|partition| partition.kind.is_bsd())
            .count()
    );
    for problem in &mbr.problems {
        assert!(!problem.to_string().is_empty());
    }
});
