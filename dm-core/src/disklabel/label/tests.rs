//! Labels of others, every field, and bytes that are nearly a label.

use alloc::string::{String, ToString};
use alloc::vec;

use super::super::port::Port;
use super::*;
use crate::nbd::testing::Random;

/// Sector 0 of a disk of 16 MiB on which parted 3.5 made a label with three partitions. Its
/// checksum is that of the label before the partitions were made.
const PARTED: &[u8; 512] = include_bytes!("../golden/parted.sector");

/// Sector 2049 of a disk of 16 MiB in whose MBR partition from sector 2048 on util-linux fdisk
/// 2.38.1 made a label.
const FDISK: &[u8; 512] = include_bytes!("../golden/fdisk.sector");

/// Each number of a label: its name, its place, its bytes.
const FIELDS: &[(&str, usize, usize)] = &[
    ("magic", at::MAGIC, 4),
    ("type", at::TYPE, 2),
    ("subtype", at::SUBTYPE, 2),
    ("typename", at::TYPENAME, 16),
    ("packname", at::PACKNAME, 16),
    ("secsize", at::SECSIZE, 4),
    ("nsectors", at::NSECTORS, 4),
    ("ntracks", at::NTRACKS, 4),
    ("ncylinders", at::NCYLINDERS, 4),
    ("secpercyl", at::SECPERCYL, 4),
    ("secperunit", at::SECPERUNIT, 4),
    ("sparespertrack", at::SPARESPERTRACK, 2),
    ("sparespercyl", at::SPARESPERCYL, 2),
    ("acylinders", at::ACYLINDERS, 4),
    ("rpm", at::RPM, 2),
    ("interleave", at::INTERLEAVE, 2),
    ("trackskew", at::TRACKSKEW, 2),
    ("cylskew", at::CYLSKEW, 2),
    ("headswitch", at::HEADSWITCH, 4),
    ("trkseek", at::TRKSEEK, 4),
    ("flags", at::FLAGS, 4),
    ("drivedata", at::DRIVEDATA, 20),
    ("spare", at::SPARE, 20),
    ("magic2", at::MAGIC2, 4),
    ("checksum", at::CHECKSUM, 2),
    ("npartitions", at::NPARTITIONS, 2),
    ("bbsize", at::BBSIZE, 4),
    ("sbsize", at::SBSIZE, 4),
];

const DISK: Option<SectorCount> = Some(SectorCount(32768));

fn range(start: u64, length: u64) -> Option<SectorRange> {
    SectorRange::new(Sector(start), SectorCount(length))
}

fn parted() -> Label {
    let (label, checksum) = Label::salvage(&PARTED[64..], ByteOrder::Little).unwrap();
    assert_eq!(
        checksum.unwrap().to_string(),
        "checksum: 0x4ab0 is stored, the label's is 0xc5b4"
    );
    label
}

/// A label with something else in every field, as bytes.
fn sample(order: ByteOrder) -> Vec<u8> {
    let mut random = Random::new(7);
    let mut bytes: Vec<u8> = (0..at::PARTITIONS + 5 * at::PARTITION_BYTES)
        .map(|_| random.byte())
        .collect();
    let numbers = Numbers(order);
    numbers.put32(&mut bytes, at::MAGIC, at::MAGIC_VALUE);
    numbers.put32(&mut bytes, at::MAGIC2, at::MAGIC_VALUE);
    numbers.put16(&mut bytes, at::NPARTITIONS, 5);
    let sum = checksum(&bytes, numbers);
    numbers.put16(&mut bytes, at::CHECKSUM, sum);
    bytes
}

/// What is wrong with `label` on the disk, each in words.
fn said(label: &Label) -> Vec<String> {
    let problems = label.problems(DISK);
    problems.iter().map(LabelError::to_string).collect()
}

#[test]
fn label_of_parted_is_read() {
    let label = parted();
    assert!(Label::salvage(&PARTED[64..], ByteOrder::Big).is_err());
    let said: Vec<_> = label
        .partitions
        .iter()
        .map(|partition| (label.range(partition), partition.kind))
        .collect();
    assert_eq!(
        said,
        [
            (range(2048, 8192), FsType(8)),
            (range(10240, 10240), FsType::SWAP),
            (range(20480, 12288), FsType(8)),
            (range(0, 0), FsType::UNUSED),
        ]
    );
    assert_eq!((label.sector_size, label.sectors_per_unit), (512, 32768));
    assert_eq!(label.problems(DISK), []);
}

#[test]
fn label_of_fdisk_is_read() {
    let label = Label::decode(FDISK, ByteOrder::Little).unwrap();
    let ranges: Vec<_> = label
        .partitions
        .iter()
        .map(|partition| label.range(partition))
        .collect();
    assert_eq!(
        ranges,
        [
            range(2048, 28672),
            range(0, 0),
            range(2048, 28672),
            range(0, 32130)
        ]
    );
    assert_eq!(label.problems(DISK), []);
}

#[test]
fn labels_of_others_are_written_as_they_were() {
    for (bytes, offset) in [(PARTED, 64), (FDISK, 0)] {
        let (label, _) = Label::salvage(&bytes[offset..], ByteOrder::Little).unwrap();
        let sector = Sector::ZERO;
        let (mut again, mut bytes) = (*bytes, *bytes);
        // All of the label's bytes, and none besides.
        let end = offset + at::PARTITIONS + 16 * label.partitions.len();
        again[offset..end].fill(0xa5);
        label.write(&mut again, Place { sector, offset }).unwrap();
        // But for the checksum, which is right now.
        let checksum = offset + at::CHECKSUM..offset + at::CHECKSUM + 2;
        bytes[checksum.clone()].copy_from_slice(&again[checksum]);
        assert_eq!(again, bytes);
        assert_eq!(
            Label::decode(&again[offset..], ByteOrder::Little),
            Ok(label)
        );
    }
}

#[test]
fn every_field_is_kept_in_both_orders() {
    for order in ByteOrder::ALL {
        let bytes = sample(order);
        let label = Label::decode(&bytes, order).unwrap();
        assert_eq!(label.encode(5), bytes);
        for (name, place, length) in FIELDS {
            assert!(
                bytes[*place..place + length].iter().any(|byte| *byte != 0),
                "{name}"
            );
        }
    }
    // The fields follow each other without a gap.
    let ends = FIELDS.iter().map(|(_, place, length)| place + length);
    let starts = FIELDS
        .iter()
        .map(|(_, place, _)| *place)
        .chain([at::PARTITIONS]);
    assert!(ends.eq(starts.skip(1)));
}

#[test]
fn one_order_is_the_mirror_of_the_other() {
    let mut label = Label::decode(&sample(ByteOrder::Big), ByteOrder::Big).unwrap();
    label.order = ByteOrder::Little;
    let little = label.encode(5);
    let read = Label::decode(&little, ByteOrder::Little).unwrap();
    assert_eq!(read, label);
    assert_eq!(little[..4], [0x57, 0x45, 0x56, 0x82]);
    assert_eq!(sample(ByteOrder::Big)[..4], [0x82, 0x56, 0x45, 0x57]);
    assert!(Label::decode(&little, ByteOrder::Big).is_err());
}

#[test]
fn damage_to_any_field_is_noticed() {
    for order in ByteOrder::ALL {
        let good = sample(order);
        let partitions = (0..5).flat_map(|index| {
            let start = at::PARTITIONS + index * 16;
            [
                (start, 4),
                (start + 4, 4),
                (start + 8, 4),
                (start + 12, 1),
                (start + 13, 1),
                (start + 14, 2),
            ]
        });
        let fields = FIELDS.iter().map(|(_, place, length)| (*place, *length));
        for (place, length) in fields.chain(partitions) {
            for byte in place..place + length {
                let mut bytes = good.clone();
                bytes[byte] ^= 0x10;
                let field = Label::decode(&bytes, order).unwrap_err().field;
                let expected = match place {
                    at::MAGIC => Field::Magic,
                    at::MAGIC2 => Field::Magic2,
                    at::NPARTITIONS => Field::Partitions,
                    _ => Field::Checksum,
                };
                assert_eq!(field, expected, "byte {byte}");
            }
        }
        for length in 0..good.len() {
            assert!(
                Label::decode(&good[..length], order).is_err(),
                "{length} bytes"
            );
        }
    }
}

#[test]
fn counts_past_the_end_of_the_sector_are_refused() {
    let fits = Port::ALL.map(|port| (port, Label::partitions_fit(port.place())));
    for (port, most) in fits {
        assert!(port.partitions_max() <= most, "{port}");
        let mut label = parted();
        label.partitions = vec![Partition::default(); most];
        let mut sector = [0; 512];
        label.write(&mut sector, port.place()).unwrap();
        let bytes = &sector[port.place().offset..];
        assert_eq!(Label::decode(bytes, ByteOrder::Little).unwrap(), label);
        label.partitions.push(Partition::default());
        let error = label.write(&mut sector, port.place()).unwrap_err();
        assert_eq!(
            error.to_string(),
            format!(
                "npartitions: there are {}, more than the {most} that fit",
                most + 1
            )
        );
    }
    let mut sector = *PARTED;
    sector[64 + at::NPARTITIONS..][..2].copy_from_slice(&[0xff, 0xff]);
    let error = Label::decode(&sector[64..], ByteOrder::Little).unwrap_err();
    assert_eq!(
        error.to_string(),
        "npartitions: there are 65535, more than the 18 that fit"
    );
}

#[test]
fn what_can_not_be_is_reported_by_field() {
    let said_of = |change: fn(&mut Label)| {
        let mut label = parted();
        change(&mut label);
        said(&label)
    };
    assert_eq!(
        said_of(|label| label.sector_size = 0),
        ["secsize: 0 is no power of two of at least 512"]
    );
    assert_eq!(
        said_of(|label| label.sector_size = 513),
        ["secsize: 513 is no power of two of at least 512"]
    );
    assert_eq!(
        said_of(|label| label.sectors_per_track = 0),
        ["nsectors: it is zero"]
    );
    assert_eq!(
        said_of(|label| label.tracks_per_cylinder = 0),
        ["ntracks: it is zero"]
    );
    assert_eq!(
        said_of(|label| label.sectors_per_cylinder = 0),
        ["secpercyl: it is zero"]
    );
    assert_eq!(
        said_of(|label| label.sectors_per_cylinder = 129),
        ["secpercyl: it is 129, the fields before make 128"]
    );
    assert_eq!(
        said_of(|label| label.sectors_per_unit = 0),
        ["secperunit: it is zero"]
    );
    assert_eq!(
        said_of(|label| label.sectors_per_unit = 32769),
        ["secperunit: 32769 sectors are more than the disk's 32768"]
    );
    assert_eq!(
        said_of(|label| label.partitions[2].size = 12289),
        ["partition c: size: sectors 20480+12289 run past the end of the disk, which has 32768"]
    );
    assert_eq!(
        said_of(|label| label.partitions[2].offset = u32::MAX),
        [
            "partition c: offset: it starts at sector 4294967295, past the end of the disk, which has 32768"
        ]
    );
    assert_eq!(
        said_of(|label| label.partitions[1].offset = 10239),
        ["partition b: offset: sectors 10239+10240 overlap partition a"]
    );
    // A larger sector moves all partitions.
    assert_eq!(said_of(|label| label.sector_size = 4096).len(), 4);
}

#[test]
fn raw_partition_overlaps_none() {
    let mut label = parted();
    label.partitions[3] = Partition {
        size: 32768,
        ..Partition::default()
    };
    assert_eq!(label.problems(DISK), []);
    label.partitions[3].kind = FsType::OTHER;
    assert_eq!(
        said(&label),
        ["partition d: offset: sectors 0+32768 overlap partition a"]
    );
}

#[test]
fn nearly_labels_neither_panic_nor_change() {
    let mut random = Random::new(11);
    let (mut read, seeds) = (
        0,
        [
            sample(ByteOrder::Little),
            sample(ByteOrder::Big),
            PARTED[64..].to_vec(),
        ],
    );
    for _ in 0..20_000 {
        let mut bytes = seeds[random.below(3)].clone();
        for _ in 0..random.below(4) {
            let at = random.below(bytes.len());
            bytes[at] = random.byte();
        }
        if random.below(8) == 0 {
            bytes.truncate(random.below(bytes.len()));
        }
        for order in ByteOrder::ALL {
            // Past the checksum, or it would guard all the rest.
            if bytes.len() >= at::PARTITIONS {
                let numbers = Numbers(order);
                let end = at::PARTITIONS + 16 * usize::from(numbers.u16(&bytes, at::NPARTITIONS));
                if let Some(label) = bytes.get(..end) {
                    let sum = checksum(label, numbers);
                    numbers.put16(&mut bytes, at::CHECKSUM, sum);
                }
            }
            if let Ok(label) = Label::decode(&bytes, order) {
                let count = u16::try_from(label.partitions.len()).unwrap();
                let encoded = label.encode(count);
                assert_eq!(encoded, bytes[..encoded.len()]);
                label.problems(Some(SectorCount(random.next() >> 20)));
                label.problems(None);
                read += 1;
            }
        }
    }
    assert!(read > 5_000, "{read}");
}
