//! The engine's crypt, over a device in memory.

use std::sync::Arc;
use std::thread;
use std::time::Duration;

use bytes::BytesMut;
use dm_core::blockdev::{BlockDev, Blocking, Haste, MemDev, Quick};
use dm_core::client::Dm;
use dm_core::command::{Slot, SuspendOptions};
use dm_core::engine::{Engine, OpenDevice};
use dm_core::errno::Errno;
use dm_core::io::{Io, IoData, IoFlags};
use dm_core::target::crypt::{CipherSpec, IvUnit, SectorCipher, SectorSize};
use dm_core::units::{Sector, SectorCount, SectorRange};
use dm_tests::model::random_bytes;
use dm_tests::script::{create, name, open};
use dm_tests::watchdog::Watchdog;
use fastrand::Rng;

const KEY: &str = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f";
const OTHER: &str = "f00102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f";
const SECTORS: u64 = 4096;

struct Setup {
    engine: Engine,
    disk: Arc<MemDev>,
    _watchdog: Watchdog,
}

fn setup(what: &str, options: &str) -> Setup {
    let setup = bare(what);
    let table = format!("0 {SECTORS} crypt aes-xts-plain64 {KEY} 16 disk 8 {options}");
    create(&setup.engine, "plain", &table).unwrap();
    setup
}

fn bare(what: &str) -> Setup {
    let engine = Engine::new();
    let disk = Arc::new(MemDev::new(SectorCount(SECTORS + 8)));
    engine.attach("disk", disk.clone());
    Setup {
        engine,
        disk,
        _watchdog: Watchdog::start(what, Duration::from_secs(60)),
    }
}

impl Setup {
    fn dm(&self) -> Dm<&Engine> {
        Dm::new(&self.engine)
    }

    fn message(&self, text: &str) -> Result<(), String> {
        let sent = self.dm().message(name("plain"), Sector(0), text);
        sent.map(drop).map_err(|error| error.report())
    }

    fn open(&self) -> OpenDevice {
        open(&self.engine, "plain")
    }

    fn suspend(&self) {
        let options = SuspendOptions::default();
        self.dm().suspend(name("plain"), options).unwrap();
    }

    fn resume(&self) -> Result<(), Option<Errno>> {
        let resumed = self.dm().resume(name("plain"), SuspendOptions::default());
        resumed.map(drop).map_err(|error| error.context.errno)
    }

    fn table(&self) -> String {
        let (_, lines) = self.dm().table(name("plain"), Slot::Active).unwrap();
        lines[0].to_string()
    }
}

/// Bytes in so many sectors.
fn bytes_of(sectors: u64) -> usize {
    512 * usize::try_from(sectors).unwrap()
}

/// What the disk must hold behind `plain`.
fn sealed(plain: &[u8], size: u32, unit: IvUnit) -> Vec<u8> {
    let spec: CipherSpec = "aes-xts-plain64".parse().unwrap();
    let key: Vec<u8> = (0..32).collect();
    let size = SectorSize::new(size, unit).unwrap();
    let mut bytes = plain.to_vec();
    SectorCipher::new(&spec, &key, size)
        .unwrap()
        .encrypt(16, &mut bytes);
    bytes
}

#[test]
fn bytes_are_encrypted_below_and_plain_above() {
    for (options, size, unit) in [
        ("", 512, IvUnit::Sectors),
        ("1 sector_size:4096", 4096, IvUnit::Sectors),
        (
            "2 sector_size:2048 iv_large_sectors",
            2048,
            IvUnit::LargeSectors,
        ),
        (
            "2 no_read_workqueue no_write_workqueue",
            512,
            IvUnit::Sectors,
        ),
    ] {
        let setup = setup("crypt", options);
        let device = setup.open();
        let mut rng = Rng::with_seed(1);
        let mut model = vec![0; bytes_of(SECTORS)];
        device
            .write_at(Sector(0), &model, IoFlags::empty())
            .unwrap();
        for _ in 0..64 {
            let start = rng.u64(..SECTORS / 8) * 8;
            let most = if rng.bool() { 16 } else { 1500 };
            let count = rng.u64(1..=most.min(SECTORS - start)).next_multiple_of(8);
            let bytes = random_bytes(&mut rng, bytes_of(count));
            // What goes at once, and what does not.
            let flags = match rng.bool() {
                true => IoFlags::FUA,
                false => IoFlags::empty(),
            };
            device.write_at(Sector(start), &bytes, flags).unwrap();
            model[bytes_of(start)..][..bytes.len()].copy_from_slice(&bytes);
        }
        let mut found = vec![0; model.len()];
        device.read_at(Sector(0), &mut found).unwrap();
        assert!(found == model, "{options}: read back");
        let buffer = BytesMut::zeroed(model.len());
        let (mut io, result) = device.run(Io::read(Sector(0), buffer).unwrap());
        assert_eq!(result, Ok(()));
        let mut whole: Vec<u8> = Vec::new();
        if let IoData::Read(buffers) = io.take_data() {
            buffers.iter().for_each(|buffer| whole.extend(buffer));
        }
        assert!(whole == model, "{options}: read by a request");
        let below = setup.disk.content();
        assert!(
            below[8 * 512..] == sealed(&model, size, unit),
            "{options}: below"
        );
        assert!(below[..8 * 512].iter().all(|byte| *byte == 0));
    }
}

#[test]
fn encrypted_twice_goes_at_once_as_well() {
    let setup = setup("crypt twice", "");
    let table = format!("0 {SECTORS} crypt aes-cbc-essiv:sha256 {OTHER} 0 /dev/mapper/plain 0");
    create(&setup.engine, "twice", &table).unwrap();
    let device = open(&setup.engine, "twice");
    let bytes = random_bytes(&mut Rng::with_seed(4), bytes_of(SECTORS));
    assert!(device.quick(Sector(0), Quick::Write(&bytes), Haste::AtOnce));
    let (mut found, mut between) = (vec![0; bytes.len()], vec![0; bytes.len()]);
    assert!(device.quick(Sector(0), Quick::Read(&mut found), Haste::AtOnce));
    assert!(found == bytes);
    setup.open().read_at(Sector(0), &mut between).unwrap();
    let below = setup.disk.content();
    assert!(below[8 * 512..] == sealed(&between, 512, IvUnit::Sectors));
    assert!(between != bytes);
}

#[test]
fn nothing_goes_at_once_without_a_key_or_in_parts_of_sectors() {
    let setup = setup("crypt at once", "1 sector_size:4096");
    let device = setup.open();
    let (mut part, mut whole) = ([0; 512], [0; 4096]);
    assert!(!device.quick(Sector(8), Quick::Read(&mut part), Haste::AtOnce));
    assert!(device.quick(Sector(8), Quick::Read(&mut whole), Haste::AtOnce));
    setup.suspend();
    assert!(!device.quick(Sector(8), Quick::Read(&mut whole), Haste::AtOnce));
    setup.message("key wipe").unwrap();
    assert_eq!(setup.resume(), Err(Some(Errno::EAGAIN)));
    assert!(!device.quick(Sector(8), Quick::Write(&whole), Haste::AtOnce));
}

#[test]
fn writers_side_by_side_do_not_disturb_each_other() {
    let setup = setup("crypt", "");
    thread::scope(|scope| {
        for part in 0..8 {
            let device = setup.open();
            scope.spawn(move || {
                let mut rng = Rng::with_seed(part);
                for at in 0..40 {
                    let start = Sector(part * SECTORS / 8 + at * 8);
                    let bytes = random_bytes(&mut rng, 64 * 512);
                    device.write_at(start, &bytes, IoFlags::empty()).unwrap();
                    let mut found = vec![0; bytes.len()];
                    device.read_at(start, &mut found).unwrap();
                    assert!(found == bytes);
                }
            });
        }
    });
}

#[test]
fn users_buffer_stays_as_it_is() {
    let setup = setup("crypt", "");
    let bytes = bytes::Bytes::from(vec![7; 512 * 600]);
    let io = Io::write(Sector(0), bytes.clone()).unwrap();
    let (io, result) = setup.open().run(io);
    result.unwrap();
    assert!(bytes.iter().all(|byte| *byte == 7));
    assert_eq!(io.data().length(), bytes.len());
}

#[test]
fn zeroes_are_written_encrypted() {
    let setup = setup("crypt", "");
    let range = SectorRange::new(Sector(0), SectorCount(SECTORS)).unwrap();
    setup.open().run(Io::write_zeroes(range)).1.unwrap();
    let zeroes = vec![0; bytes_of(SECTORS)];
    assert!(setup.disk.content()[8 * 512..] == sealed(&zeroes, 512, IvUnit::Sectors));
}

#[test]
fn discards_go_on_only_where_they_may() {
    let range = SectorRange::new(Sector(8), SectorCount(8)).unwrap();
    for (options, wanted) in [("", Err(Errno::EOPNOTSUPP)), ("1 allow_discards", Ok(()))] {
        let setup = setup("crypt", options);
        let device = setup.open();
        device
            .write_at(Sector(0), &[1; 512 * 24], IoFlags::empty())
            .unwrap();
        let found = device.run(Io::discard(range)).1;
        assert_eq!(found.map_err(|error| error.errno()), wanted, "{options}");
        let below = &setup.disk.content()[16 * 512..24 * 512];
        assert_eq!(below.iter().all(|byte| *byte == 0), wanted.is_ok());
    }
}

#[test]
fn large_sectors_are_the_devices_blocks() {
    let setup = setup("crypt", "1 sector_size:4096");
    let device = setup.open();
    assert_eq!(device.info().limits.logical_block, 4096);
    for (start, bytes) in [(1, 4096), (0, 512)] {
        let error = device
            .read_at(Sector(start), &mut vec![0; bytes])
            .unwrap_err();
        assert_eq!(error.errno(), Errno::EIO);
        let written = device.write_at(Sector(start), &vec![0; bytes], IoFlags::empty());
        assert_eq!(written.unwrap_err().errno(), Errno::EIO);
    }
}

#[test]
fn table_is_as_the_kernel_says_it() {
    let setup = setup("crypt", "3 sector_size:512 iv_large_sectors allow_discards");
    let params = format!("aes-xts-plain64 {KEY} 16 disk 8 2 allow_discards iv_large_sectors");
    assert_eq!(setup.table(), format!("0 {SECTORS} crypt {params}"));
}

#[test]
fn key_changes_only_while_suspended() {
    let setup = setup("crypt", "");
    let device = setup.open();
    device
        .write_at(Sector(0), &[9; 512], IoFlags::empty())
        .unwrap();
    for text in [format!("key set {OTHER}"), "key wipe".into()] {
        let error = setup.message(&text).unwrap_err();
        assert!(
            error.contains("only while the device is suspended"),
            "{error}"
        );
        assert!(!error.contains(OTHER));
    }
    setup.suspend();
    setup.message("key wipe").unwrap();
    assert!(setup.table().contains(&"0".repeat(KEY.len())));
    assert_eq!(setup.resume(), Err(Some(Errno::EAGAIN)));
    let error = setup.message("key set 0011").unwrap_err();
    assert!(
        error.contains("the key has 2 bytes, but the table's has 32"),
        "{error}"
    );
    setup.message(&format!("key set {OTHER}")).unwrap();
    setup.resume().unwrap();
    let mut found = [0; 512];
    device.read_at(Sector(0), &mut found).unwrap();
    assert_ne!(found, [9; 512], "another key reads other bytes");
    setup.suspend();
    setup.message(&format!("key set {KEY}")).unwrap();
    setup.resume().unwrap();
    device.read_at(Sector(0), &mut found).unwrap();
    assert_eq!(found, [9; 512]);
    assert!(setup.message("key").is_err());
    assert!(setup.message("key wipe now").is_err());
}

#[test]
fn wrong_tables_are_refused_without_their_key() {
    let setup = bare("crypt");
    for (params, reason) in [
        (
            format!("aes-xts-plain64 {KEY}00 0 disk 0"),
            "takes no key of 33 bytes",
        ),
        (
            format!("aes-ctr-plain64 {KEY} 0 disk 0"),
            "the mode ctr is none of",
        ),
        (
            format!("des-cbc-plain64 {KEY} 0 disk 0"),
            "the cipher des is none of",
        ),
        (
            format!("aes-xts-random {KEY} 0 disk 0"),
            "the device keeps no tags",
        ),
        (
            "aes-xts-plain64 :32:user:no-such-key 0 disk 0".into(),
            "keyring",
        ),
        (
            "aes-xts-plain64 :32:logon:k 0 disk 0".into(),
            "only a kernel can use keys of that type",
        ),
        (
            format!("aes-xts-plain64 {KEY} 1 disk 0 1 sector_size:4096"),
            "is not divisible by the sector size",
        ),
        (
            format!("aes-xts-plain64 {KEY} 0 disk 0 1 integrity:16:aead"),
            "an authenticated cipher is spelled capi:SPEC-IV",
        ),
        (
            "aes-xts-plain64 - 0 disk 0".into(),
            "only the null cipher does without a key",
        ),
        (
            format!("aes-xts-plain64 {} 0 disk 0", "00".repeat(5000)),
            "the key is too long",
        ),
    ] {
        let error = create(&setup.engine, "plain", &format!("0 8 crypt {params}")).unwrap_err();
        let error = error.report();
        assert!(error.contains(reason), "{params}: {error}");
        assert!(!error.contains(KEY), "{error}");
        let remove = dm_core::command::RemoveMode::IfUnused;
        setup.dm().remove(name("plain"), remove).unwrap();
    }
}
