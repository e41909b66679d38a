//! Power cuts: what was acknowledged before the last flush that ended reads back, and no tag is wrong.

use std::sync::Arc;
use std::thread;
use std::time::Duration;

use dm_core::blockdev::{Blocking, MemDev, RecordDev, Recorded};
use dm_core::engine::Engine;
use dm_core::io::IoFlags;
use dm_core::units::{Sector, SectorCount};
use dm_tests::script::{create, open};
use fastrand::Rng;

use crate::rig::{Rig, numbers};

/// Sectors of the device below.
const DISK: u64 = 1100;
/// Writes that are recorded.
const WRITES: u32 = 60;
/// Points at which parts of what was not flushed are left out, and how many parts at each.
const POINTS: usize = 20;
const SUBSETS: u64 = 200;

/// What a workload left behind.
struct Recording {
    options: String,
    before: Vec<u8>,
    log: Vec<Recorded>,
    sectors: u64,
    /// After so many records, each sector has at least this version.
    flushed: Vec<(usize, Vec<u32>)>,
    /// The last version of each.
    last: Vec<u32>,
}

/// The bytes of a version of a sector.
fn version(sector: u64, number: u32) -> [u8; 512] {
    let mut bytes = [0; 512];
    let mut rng = Rng::with_seed(sector << 32 | u64::from(number));
    bytes.iter_mut().for_each(|byte| *byte = rng.u8(..));
    bytes[..4].copy_from_slice(&number.to_le_bytes());
    bytes
}

fn record(options: &str, block: u64, seed: u64) -> Recording {
    let rig = Rig::over(MemDev::new(SectorCount(DISK)));
    let device = rig.made(options);
    let sectors = rig.status()[1];
    let all: Vec<u8> = (0..sectors).flat_map(|sector| version(sector, 0)).collect();
    device.write_at(Sector(0), &all, IoFlags::FUA).unwrap();
    drop(device);
    rig.remove("tagged");
    let before = rig.data.content();

    let disk = MemDev::new(SectorCount(DISK));
    disk.write_at(Sector(0), &before, IoFlags::empty()).unwrap();
    let disk = Arc::new(RecordDev::new(disk));
    let engine = Engine::new();
    engine.attach("data", disk.clone());
    create(&engine, "cut", &format!("0 {sectors} integrity {options}")).unwrap();
    let device = open(&engine, "cut");
    let mut rng = Rng::with_seed(seed);
    let mut last = vec![0; usize::try_from(sectors).unwrap()];
    let mut flushed = vec![(0, last.clone())];
    for number in 1..=WRITES {
        let start = rng.u64(..sectors / block) * block;
        let length = (rng.u64(1..6) * block).min(sectors - start);
        let range = start..start + length;
        let bytes: Vec<u8> = range
            .clone()
            .flat_map(|sector| version(sector, number))
            .collect();
        let fua = match rng.u8(..10) {
            0 => IoFlags::FUA,
            _ => IoFlags::empty(),
        };
        device.write_at(Sector(start), &bytes, fua).unwrap();
        for sector in range {
            last[usize::try_from(sector).unwrap()] = number;
        }
        if rng.u8(..6) == 0 {
            device.flush().unwrap();
            flushed.push((disk.log().len(), last.clone()));
        }
    }
    Recording {
        options: options.to_owned(),
        before,
        log: disk.log(),
        sectors,
        flushed,
        last,
    }
}

impl Recording {
    /// What the disk holds when the power goes with so many records ended, of which those since the last
    /// flush, and the one behind, are there as far as `keep` says.
    fn left(&self, upto: usize, mut keep: impl FnMut() -> bool) -> Vec<u8> {
        let mut bytes = self.before.clone();
        let flush = self.log[..upto]
            .iter()
            .rposition(|record| *record == Recorded::Flush);
        for (at, record) in self.log.iter().enumerate().take(upto + 1) {
            let (range, stored, fua) = match record {
                Recorded::Write { range, bytes, fua } => (range, bytes.clone(), *fua),
                Recorded::Zero { range, fua } => {
                    let zeroes = vec![0; range.length().buffer_length().unwrap()];
                    (range, zeroes.into(), *fua)
                }
                _ => continue,
            };
            let durable = at < upto && (fua || flush.is_some_and(|flush| at < flush));
            for (sector, stored) in (range.start().0..).zip(stored.chunks_exact(512)) {
                if durable || keep() {
                    let place = usize::try_from(sector * 512).unwrap();
                    bytes[place..place + 512].copy_from_slice(stored);
                }
            }
        }
        bytes
    }

    /// Opens what is left, and looks at each sector.
    fn check(&self, upto: usize, left: &[u8], what: &str) {
        let disk = MemDev::new(SectorCount(DISK));
        disk.write_at(Sector(0), left, IoFlags::empty()).unwrap();
        let engine = Engine::new();
        engine.attach("data", Arc::new(disk));
        let (sectors, options) = (self.sectors, &self.options);
        create(&engine, "back", &format!("0 {sectors} integrity {options}")).unwrap();
        // In mode B, tags are made where bits were set; then all must be right.
        while let [_, _, made] = numbers(&engine, "back")[..]
            && made < sectors
        {
            thread::sleep(Duration::from_millis(1));
        }
        let mut all = vec![0; usize::try_from(sectors * 512).unwrap()];
        let read = open(&engine, "back").read_at(Sector(0), &mut all);
        read.unwrap_or_else(|error| panic!("{options}, {upto}, {what}: {error}"));
        let (_, least) = self.flushed.iter().rfind(|(at, _)| *at <= upto).unwrap();
        for ((sector, found), (least, last)) in (0..)
            .zip(all.chunks_exact(512))
            .zip(least.iter().zip(&self.last))
        {
            let number = u32::from_le_bytes(found[..4].try_into().unwrap());
            assert!(
                number >= *least && number <= *last && found == version(sector, number),
                "{options}, {upto}, {what}: sector {sector} has version {number} of {least} to {last}"
            );
        }
    }
}

fn cut_everywhere(options: &str, block: u64) {
    let recording = record(options, block, 7);
    let records = recording.log.len();
    assert!(records > 30, "{options}: {records} records");
    for upto in 0..records {
        let left = recording.left(upto, || true);
        recording.check(upto, &left, "all of it");
    }
    let mut rng = Rng::with_seed(11);
    for _ in 0..POINTS {
        let upto = rng.usize(..records);
        for seed in 0..SUBSETS {
            let mut keep = Rng::with_seed(seed);
            let (most, of) = (keep.u8(1..10), 10);
            let left = recording.left(upto, || keep.u8(..of) < most);
            recording.check(upto, &left, &format!("part {seed}"));
        }
    }
}

#[test]
fn journal_survives_a_power_cut_anywhere() {
    cut_everywhere(
        "data 0 - J 4 internal_hash:crc32c fix_padding journal_sectors:360 interleave_sectors:64",
        1,
    );
}

#[test]
fn journal_with_mac_and_cipher_survives_a_power_cut_anywhere() {
    cut_everywhere(
        "data 0 - J 7 internal_hash:crc32c fix_padding fix_hmac journal_sectors:1 \
         journal_mac:hmac(sha256):00 journal_crypt:ctr(aes):000102030405060708090a0b0c0d0e0f \
         journal_watermark:90",
        1,
    );
}

#[test]
fn bitmap_survives_a_power_cut_anywhere() {
    cut_everywhere(
        "data 0 - B 4 internal_hash:crc32c fix_padding sectors_per_bit:32 \
         bitmap_flush_interval:1",
        1,
    );
}
