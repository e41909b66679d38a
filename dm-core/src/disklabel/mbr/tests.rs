//! Records of others, chains that lead astray, and bytes that are nearly a record.

use alloc::string::{String, ToString};

use super::*;
use crate::nbd::testing::Random;

/// Sector 0 of a disk of 16 MiB on which util-linux sfdisk 2.38.1 made a NetBSD partition.
const FDISK: &[u8; 512] = include_bytes!("../golden/fdisk-mbr.sector");

/// A record's sector, and its entries: type, start, size.
type Record = (usize, [(u8, u32, u32); 4]);

/// A disk of 32768 sectors with records in some of them.
fn disk(records: &[Record]) -> Vec<u8> {
    let mut disk = alloc::vec![0; 32768 * 512];
    for (sector, entries) in records {
        let record = &mut disk[sector * 512..][..512];
        record[510..].copy_from_slice(&[0x55, 0xaa]);
        for (index, (kind, start, size)) in entries.iter().enumerate() {
            let entry = &mut record[446 + 16 * index..][..16];
            entry[4] = *kind;
            entry[8..12].copy_from_slice(&start.to_le_bytes());
            entry[12..].copy_from_slice(&size.to_le_bytes());
        }
    }
    disk
}

const NONE: (u8, u32, u32) = (0, 0, 0);

fn read(mut disk: Vec<u8>) -> Mbr {
    Mbr::read(&mut disk).unwrap().unwrap()
}

fn partitions(mbr: &Mbr) -> Vec<(u8, u8, u64, u64)> {
    mbr.partitions
        .iter()
        .map(|p| (p.number, p.kind.0, p.range.start().0, p.range.length().0))
        .collect()
}

fn problems(mbr: &Mbr) -> Vec<String> {
    mbr.problems.iter().map(MbrError::to_string).collect()
}

#[test]
fn record_of_sfdisk_is_read() {
    let mut image = alloc::vec![0; 32768 * 512];
    image[..512].copy_from_slice(FDISK);
    let mbr = read(image);
    assert_eq!(partitions(&mbr), [(1, 0xa9, 2048, 28672)]);
    assert_eq!(mbr.problems, []);
    assert_eq!(mbr.bsd().count(), 1);
}

#[test]
fn record_of_our_own_is_read() {
    let mut sector = [0; 512];
    MbrEntry::write_netbsd(&mut sector, 63, 1000);
    let entries = MbrEntry::read(&sector).unwrap();
    assert_eq!(
        (entries[0].flag, entries[0].kind),
        (0x80, PartitionType::NETBSD)
    );
    assert_eq!((entries[0].start, entries[0].size), (63, 1000));
    assert!(
        entries[1..]
            .iter()
            .all(|entry| entry.kind == PartitionType(0))
    );
}

#[test]
fn sector_without_signature_or_with_odd_flags_is_no_record() {
    let mut sector = *FDISK;
    sector[446] = 0x01;
    assert_eq!(MbrEntry::read(&sector), None);
    let mut sector = *FDISK;
    sector[511] = 0;
    assert_eq!(MbrEntry::read(&sector), None);
    assert_eq!(Mbr::read(&mut alloc::vec![0; 512]), Ok(None));
    assert_eq!(Mbr::read(&mut Vec::new()), Err(Errno::EIO));
}

#[test]
fn logical_partitions_follow_from_5_on() {
    let mbr = read(disk(&[
        (0, [(0x83, 2048, 4096), (5, 8192, 24576), NONE, NONE]),
        (8192, [(0x83, 2048, 2048), (5, 4096, 6144), NONE, NONE]),
        (12288, [(0xa9, 2048, 4096), (5, 10240, 14336), NONE, NONE]),
        (18432, [(7, 2048, 12288), NONE, NONE, NONE]),
    ]));
    assert_eq!(
        partitions(&mbr),
        [
            (1, 0x83, 2048, 4096),
            (2, 5, 8192, 24576),
            (5, 0x83, 10240, 2048),
            (6, 0xa9, 14336, 4096),
            (7, 7, 20480, 12288)
        ]
    );
    assert_eq!(problems(&mbr), [""; 0]);
}

#[test]
fn what_can_not_be_is_reported_by_entry() {
    let mbr = read(disk(&[(
        0,
        [
            (0x83, 0, 0),
            (0xa9, 63, 40000),
            (7, 100, 8),
            (0x83, u32::MAX, u32::MAX),
        ],
    )]));
    assert_eq!(
        problems(&mbr),
        [
            "mbr in sector 0: entry 1: it has no sectors",
            "mbr in sector 0: entry 2: sectors 63+40000 lie past the end of the disk, which has 32768",
            "mbr in sector 0: entry 3: sectors 100+8 overlap partition 2",
            "mbr in sector 0: entry 4: sectors 4294967295+4294967295 lie past the end of the disk, which has 32768",
        ]
    );
    let mbr = read(disk(&[(0, [(5, 64, 64), (5, 128, 64), NONE, NONE])]));
    assert_eq!(
        problems(&mbr),
        ["mbr in sector 0: entry 2: there is more than one extended partition"]
    );
}

#[test]
fn chains_that_lead_astray_end() {
    let extended = (5, 64, 1000);
    let chain = |records: &[Record]| {
        let all: Vec<_> = [(0, [extended, NONE, NONE, NONE])]
            .into_iter()
            .chain(records.iter().copied())
            .collect();
        problems(&read(disk(&all)))
    };
    assert_eq!(
        chain(&[(64, [(0x83, 1, 8), (5, 0, 100), NONE, NONE])]),
        ["mbr in sector 64: the chain of logical partitions comes back to sector 64"]
    );
    assert_eq!(
        chain(&[(64, [(0x83, 1, 8), (5, 990, 100), NONE, NONE])]),
        [
            "mbr in sector 64: entry 2: sectors 1054+100 lie outside of the extended partition, 64+1000"
        ]
    );
    assert_eq!(
        chain(&[(64, [(0x83, 1, 8), (5, 100, 100), NONE, NONE])]),
        ["mbr in sector 164: the record of a logical partition has no signature"]
    );
    assert_eq!(chain(&[]), [""; 0]);
    let far = read(disk(&[(0, [(5, 40000, 1000), NONE, NONE, NONE])]));
    assert_eq!(
        problems(&far)[1],
        "mbr in sector 40000: the record can not be read: input/output error"
    );
    let long: Vec<_> = (0..200)
        .map(|link| {
            (
                64 + link as usize * 4,
                [(0x83, 1, 1), (5, link * 4 + 4, 4), NONE, NONE],
            )
        })
        .collect();
    let all: Vec<_> = [(0, [extended, NONE, NONE, NONE])]
        .into_iter()
        .chain(long)
        .collect();
    let mbr = read(disk(&all));
    assert_eq!(mbr.partitions.len(), 1 + LOGICAL_MAX);
    assert_eq!(
        problems(&mbr),
        ["mbr in sector 576: there are more than 128 logical partitions"]
    );
}

#[test]
fn nearly_records_neither_panic_nor_run_on() {
    let mut random = Random::new(5);
    let mut image = disk(&[]);
    image.truncate(64 * 512);
    for round in 0..3_000 {
        for sector in 0..64 {
            let record = &mut image[sector * 512..][..512];
            record[510..].copy_from_slice(&[0x55, 0xaa]);
            for index in 0..4 {
                let entry = &mut record[446 + 16 * index..][..16];
                entry[4] = [0, 5, 0x0f, 0xa9, 0x83][random.below(5)];
                let small = |random: &mut Random| u32::try_from(random.below(70)).unwrap();
                let (start, size) = (small(&mut random), small(&mut random));
                let start = if random.below(50) == 0 {
                    u32::MAX
                } else {
                    start
                };
                entry[8..12].copy_from_slice(&start.to_le_bytes());
                entry[12..].copy_from_slice(&size.to_le_bytes());
            }
        }
        let mbr = Mbr::read(&mut image.as_slice()).unwrap().unwrap();
        assert!(mbr.partitions.len() <= 4 + LOGICAL_MAX, "round {round}");
    }
}
