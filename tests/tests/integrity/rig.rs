//! Devices in memory, and integrity on them.

use std::sync::Arc;

use dm_core::blockdev::{Blocking, MemDev};
use dm_core::client::Dm;
use dm_core::command::RemoveMode;
use dm_core::engine::{Engine, OpenDevice};
use dm_core::io::IoFlags;
use dm_core::units::{Sector, SectorCount};
use dm_tests::power_loss::numbers;
use dm_tests::script::{create, name, open};
use fastrand::Rng;

pub(crate) const SECTORS: u64 = 8192;

pub(crate) struct Rig {
    pub(crate) engine: Engine,
    pub(crate) data: Arc<MemDev>,
    pub(crate) meta: Arc<MemDev>,
}

/// Modes, hashes, places: each way in which a device can be.
pub(crate) const OPTIONS: &[&str] = &[
    "data 0 - D 2 internal_hash:crc32c fix_padding",
    "data 16 - D 2 internal_hash:sha256 interleave_sectors:64",
    "data 0 - D 3 internal_hash:xxhash64 block_size:4096 fix_padding",
    "data 0 10 D 3 internal_hash:hmac(sha1):0102 fix_hmac fix_padding",
    "data 0 - D 2 internal_hash:crc32 meta_device:meta",
    "data 0 - J 3 internal_hash:crc32c fix_padding journal_sectors:600",
    "data 8 7 J 5 internal_hash:sha256 interleave_sectors:64 journal_sectors:1 journal_watermark:10 commit_time:1",
    "data 0 - J 4 internal_hash:sha1 block_size:4096 fix_padding journal_sectors:2000",
    "data 0 - J 3 internal_hash:crc32c meta_device:meta journal_sectors:900",
    "data 0 - J 5 internal_hash:crc32c fix_padding journal_sectors:900 journal_mac:hmac(sha256):0102 fix_hmac",
    "data 0 - J 4 internal_hash:crc32c fix_padding journal_sectors:900 journal_crypt:ctr(aes):000102030405060708090a0b0c0d0e0f",
    "data 0 - J 5 internal_hash:hmac(sha256):aabb fix_padding journal_sectors:900 journal_mac:hmac(sha1):0102 journal_crypt:cbc(aes):000102030405060708090a0b0c0d0e0f000102030405060708090a0b0c0d0e0f",
    "data 0 - B 4 internal_hash:crc32c fix_padding sectors_per_bit:16 bitmap_flush_interval:1",
    "data 0 - B 3 internal_hash:sha256 block_size:4096 meta_device:meta",
];

impl Rig {
    pub(crate) fn new() -> Rig {
        Rig::over(MemDev::new(SectorCount(SECTORS)))
    }

    /// A rig whose data's device is this one.
    pub(crate) fn over(data: MemDev) -> Rig {
        let rig = Rig {
            engine: Engine::new(),
            data: Arc::new(data),
            meta: Arc::new(MemDev::new(SectorCount(SECTORS))),
        };
        rig.engine.attach("data", rig.data.clone());
        rig.engine.attach("meta", rig.meta.clone());
        rig
    }

    /// Mismatches, sectors, and where making tags is at.
    pub(crate) fn status(&self) -> Vec<u64> {
        numbers(&self.engine, "tagged")
    }

    pub(crate) fn remove(&self, device: &str) {
        let removed = Dm::new(&self.engine).remove(name(device), RemoveMode::IfUnused);
        removed.unwrap();
    }

    /// The device, made, with all of its sectors.
    pub(crate) fn made(&self, options: &str) -> OpenDevice {
        create(&self.engine, "probe", &format!("0 8 integrity {options}")).unwrap();
        let sectors = numbers(&self.engine, "probe")[1];
        self.remove("probe");
        self.tagged(sectors, options);
        open(&self.engine, "tagged")
    }

    /// Makes the device.
    pub(crate) fn tagged(&self, sectors: u64, options: &str) {
        let table = format!("0 {sectors} integrity {options}");
        create(&self.engine, "tagged", &table).unwrap();
    }

    /// The device, all of whose sectors were written, and their bytes.
    pub(crate) fn filled(&self, options: &str) -> (OpenDevice, Vec<u8>) {
        let device = self.made(options);
        let mut rng = Rng::with_seed(1);
        let sectors = self.status()[1];
        let bytes: Vec<u8> = (0..sectors * 512).map(|_| rng.u8(..)).collect();
        device
            .write_at(Sector(0), &bytes, IoFlags::empty())
            .unwrap();
        (device, bytes)
    }
}
