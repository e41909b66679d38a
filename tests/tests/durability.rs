//! Nothing that was acknowledged before a completed flush is lost, and a FUA write is down before
//! its acknowledgement: every power cut is tried.

use std::collections::BTreeMap;
use std::sync::Arc;

use dm_core::blockdev::{Blocking, MemDev, RecordDev, Recorded};
use dm_core::engine::Engine;
use dm_core::io::IoFlags;
use dm_core::units::{Sector, SectorCount, SectorRange};
use dm_tests::script::{create, open};
use dm_tests::targets::XOR;
use fastrand::Rng;

const DISKS: usize = 3;
/// Sectors of each disk.
const DISK: u64 = 64;

/// What the user of a device knows: the bytes that each sector must have after a power cut, and
/// those that it may have.
#[derive(Clone, Default)]
struct Promise {
    durable: BTreeMap<u64, u8>,
    /// Written since the last flush, oldest first.
    pending: BTreeMap<u64, Vec<u8>>,
}

impl Promise {
    fn wrote(&mut self, range: SectorRange, byte: u8, flags: IoFlags) {
        for sector in range.start().0..range.end().0 {
            if flags.contains(IoFlags::FUA) {
                self.durable.insert(sector, byte);
                self.pending.remove(&sector);
            } else {
                self.pending.entry(sector).or_default().push(byte);
            }
        }
    }

    fn flushed(&mut self) {
        for (sector, bytes) in std::mem::take(&mut self.pending) {
            self.durable.insert(sector, bytes[bytes.len() - 1]);
        }
    }

    fn allows(&self, sector: u64, found: u8) -> bool {
        let durable = self.durable.get(&sector).copied().unwrap_or(0);
        found == durable
            || self
                .pending
                .get(&sector)
                .is_some_and(|bytes| bytes.contains(&found))
    }
}

/// A stack that has every way of a flush: segments, stripes, a device on another, and a target
/// that writes from a worker.
fn engine(disks: &[Arc<RecordDev>]) -> Engine {
    let engine = Engine::with_targets(&[XOR]);
    for (at, disk) in disks.iter().enumerate() {
        engine.attach(&format!("disk{at}"), disk.clone());
    }
    create(
        &engine,
        "low",
        "0 30 linear disk0 3\n30 60 striped 2 3 disk1 0 disk2 5",
    )
    .unwrap();
    create(
        &engine,
        "vol",
        "0 40 linear /dev/mapper/low 20\n40 16 test-xor 0 disk0 40\n56 10 zero\n66 20 linear low2 0",
    )
    .unwrap_err();
    create(&engine, "low2", "0 20 linear disk2 40").unwrap();
    dm_tests::script::swap(
        &engine,
        "vol",
        "0 40 linear /dev/mapper/low 20\n40 16 test-xor 0 disk0 40\n56 20 linear /dev/mapper/low2 0",
    )
    .unwrap();
    engine
}

fn records(disks: &[Arc<RecordDev>]) -> Vec<usize> {
    disks.iter().map(|disk| disk.log().len()).collect()
}

/// What the volume reads as when the disks hold `content`.
fn read_after(content: &[Vec<u8>]) -> Vec<u8> {
    let disks: Vec<_> = content
        .iter()
        .map(|bytes| {
            let dev = MemDev::new(SectorCount(DISK));
            dev.write_at(Sector(0), bytes, IoFlags::empty()).unwrap();
            Arc::new(RecordDev::new(dev))
        })
        .collect();
    let mut all = vec![0; 76 * 512];
    open(&engine(&disks), "vol")
        .read_at(Sector(0), &mut all)
        .unwrap();
    all
}

#[test]
fn every_power_cut_keeps_what_was_promised() {
    for seed in 0..12 {
        let mut rng = Rng::with_seed(seed);
        let disks: Vec<_> = (0..DISKS)
            .map(|_| Arc::new(RecordDev::new(MemDev::new(SectorCount(DISK)))))
            .collect();
        let engine = engine(&disks);
        let dev = open(&engine, "vol");
        let mut promise = Promise::default();
        // After each acknowledgement: what is promised, and how far each disk's log is.
        let mut cuts = Vec::new();
        for step in 1..60_u8 {
            let start = rng.u64(..76);
            let length = rng.u64(1..=(76 - start).min(24));
            let range = SectorRange::new(Sector(start), SectorCount(length)).unwrap();
            let flags = if rng.u8(0..4) == 0 {
                IoFlags::FUA
            } else {
                IoFlags::empty()
            };
            if rng.u8(0..5) == 0 {
                dev.flush().unwrap();
                promise.flushed();
            } else {
                let bytes = vec![step; range.length().buffer_length().unwrap()];
                dev.write_at(range.start(), &bytes, flags).unwrap();
                promise.wrote(range, step, flags);
            }
            cuts.push((promise.clone(), records(&disks)));
        }
        for (promise, logs) in cuts {
            for chance in [0, 50, 100] {
                let content: Vec<_> = disks
                    .iter()
                    .zip(&logs)
                    .map(|(disk, upto)| disk.after_power_cut(*upto, |_| rng.u8(..100) < chance))
                    .collect();
                let after = read_after(&content);
                for sector in 0..76_u64 {
                    let found = after[usize::try_from(sector).unwrap() * 512];
                    assert!(
                        promise.allows(sector, found),
                        "seed {seed}: sector {sector} has {found}"
                    );
                }
            }
        }
    }
}

#[test]
fn flush_reaches_each_device_of_a_stack_once() {
    let disks: Vec<_> = (0..DISKS)
        .map(|_| Arc::new(RecordDev::new(MemDev::new(SectorCount(DISK)))))
        .collect();
    let engine = engine(&disks);
    open(&engine, "low").flush().unwrap();
    for disk in &disks {
        assert_eq!(disk.log(), [Recorded::Flush]);
    }
}
