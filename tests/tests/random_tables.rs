//! Random stacks of tables against the per-sector model.

use std::sync::Arc;
use std::time::Duration;

use dm_core::blockdev::{BlockDev, Blocking, ExtentKind, MemDev};
use dm_core::engine::{Engine, OpenDevice};
use dm_core::errno::Errno;
use dm_core::io::{IoFlags, IoResult};
use dm_core::units::{Sector, SectorCount, SectorRange};
use dm_tests::model::{Content, Mapped, SECTOR, Stack, random_bytes};
use dm_tests::script;
use dm_tests::watchdog::Watchdog;
use fastrand::Rng;

/// Base devices that a stack stands on, as the engine and the test see them.
trait Bases {
    fn word(&self, at: usize) -> String;
    fn make(&mut self, engine: &Engine, content: &Content);
    fn content(&self, at: usize) -> Vec<u8>;
}

#[derive(Default)]
struct Memory(Vec<Arc<MemDev>>);

struct Files(tempfile::TempDir);

impl Bases for Memory {
    fn word(&self, at: usize) -> String {
        format!("memory{at}")
    }

    fn make(&mut self, engine: &Engine, content: &Content) {
        for (at, bytes) in content.0.iter().enumerate() {
            let dev = MemDev::new(SectorCount((bytes.len() / SECTOR) as u64));
            dev.write_at(Sector(0), bytes, IoFlags::empty()).unwrap();
            let dev = Arc::new(dev);
            engine.attach(&self.word(at), dev.clone());
            self.0.push(dev);
        }
    }

    fn content(&self, at: usize) -> Vec<u8> {
        self.0[at].content()
    }
}

impl Bases for Files {
    fn word(&self, at: usize) -> String {
        self.0
            .path()
            .join(format!("disk{at}.img"))
            .to_str()
            .unwrap()
            .into()
    }

    fn make(&mut self, _: &Engine, content: &Content) {
        for (at, bytes) in content.0.iter().enumerate() {
            std::fs::write(self.word(at), bytes).unwrap();
        }
    }

    fn content(&self, at: usize) -> Vec<u8> {
        std::fs::read(self.word(at)).unwrap()
    }
}

fn run_seed(seed: u64, mut bases: impl Bases, operations: usize) {
    let mut rng = Rng::with_seed(seed);
    let stack = Stack::usual(&mut rng, &|at| bases.word(at));
    let mut content = Content::random(&mut rng, &stack);
    let engine = Engine::new();
    bases.make(&engine, &content);
    for device in &stack.devices {
        script::create(&engine, &device.name, &device.table)
            .unwrap_or_else(|error| panic!("seed {seed}: {}\n{}", error.report(), device.table));
    }
    let opened: Vec<OpenDevice> = stack
        .devices
        .iter()
        .map(|device| script::open(&engine, &device.name))
        .collect();
    for _ in 0..operations {
        // Mostly the top, sometimes a device in the middle, which those above must notice.
        let at = if rng.u8(0..4) == 0 {
            rng.usize(..opened.len())
        } else {
            opened.len() - 1
        };
        operate(
            &mut rng,
            &opened[at],
            &stack.devices[at],
            &mut content,
            seed,
        );
    }
    check_all(&opened[opened.len() - 1], stack.top(), &content, seed);
    for at in 0..stack.bases.len() {
        assert!(
            bases.content(at) == content.0[at],
            "seed {seed}: base {at} differs"
        );
    }
}

/// One random operation on a device, and the same on the model.
fn operate(rng: &mut Rng, dev: &OpenDevice, model: &Mapped, content: &mut Content, seed: u64) {
    let size = model.places.len();
    let start = rng.usize(..size);
    let most = if rng.bool() { 16 } else { 400 };
    let count = rng.usize(1..=(size - start).min(most));
    let range = SectorRange::new(Sector(start as u64), SectorCount(count as u64)).unwrap();
    let flags = if rng.u8(0..8) == 0 {
        IoFlags::FUA
    } else {
        IoFlags::empty()
    };
    let expect = |result: IoResult, fine: bool, what: &str| {
        let wanted = if fine { Ok(()) } else { Err(Errno::EIO.into()) };
        assert_eq!(
            result, wanted,
            "seed {seed}: {what} {range} of {}",
            model.name
        );
    };
    match rng.u8(0..16) {
        0 => expect(dev.flush(), true, "flush"),
        1 => expect(
            dev.discard(range),
            content.write(model, start, &vec![0; count * SECTOR]),
            "discard",
        ),
        2 => {
            let fine = content.write(model, start, &vec![0; count * SECTOR]);
            expect(dev.write_zeroes(range, flags), fine, "write-zeroes");
        }
        3..=8 => {
            let bytes = random_bytes(rng, count * SECTOR);
            let fine = content.write(model, start, &bytes);
            expect(dev.write_at(range.start(), &bytes, flags), fine, "write");
        }
        _ => {
            let mut bytes = vec![0xa5; count * SECTOR];
            let result = dev.read_at(range.start(), &mut bytes);
            let wanted = content.read(model, start, count);
            expect(result, wanted.is_some(), "read");
            if let Some(wanted) = wanted {
                assert!(
                    bytes == wanted,
                    "seed {seed}: read {range} of {} differs",
                    model.name
                );
            }
        }
    }
}

/// The whole device, a sector at a time, and its extents.
fn check_all(dev: &OpenDevice, model: &Mapped, content: &Content, seed: u64) {
    let size = model.places.len();
    assert_eq!(dev.info().size, SectorCount(size as u64), "seed {seed}");
    for sector in 0..size {
        let mut bytes = [0xa5; SECTOR];
        let result = dev.read_at(Sector(sector as u64), &mut bytes);
        match content.read(model, sector, 1) {
            Some(wanted) => assert!(
                result.is_ok() && bytes[..] == wanted,
                "seed {seed}: {sector}"
            ),
            None => assert_eq!(result, Err(Errno::EIO.into()), "seed {seed}: {sector}"),
        }
    }
    let mut at = 0;
    for extent in dev
        .extents(SectorRange::from_zero(SectorCount(size as u64)))
        .unwrap()
    {
        let (start, length) = (extent.range.start().0, extent.range.length().0);
        assert_eq!(start, at, "seed {seed}: extents leave a gap");
        at += length;
        if extent.kind != ExtentKind::Data {
            for sector in start..at {
                let read = content.read(model, usize::try_from(sector).unwrap(), 1);
                assert_eq!(
                    read,
                    Some(vec![0; SECTOR]),
                    "seed {seed}: {sector} is no hole"
                );
            }
        }
    }
    assert_eq!(at, size as u64, "seed {seed}: extents end early");
}

#[test]
fn random_tables_over_memory_agree_with_the_model() {
    let _watchdog = Watchdog::start("random tables over memory", Duration::from_secs(600));
    for seed in 0..900 {
        run_seed(seed, Memory::default(), 120);
    }
}

#[test]
fn random_tables_over_files_agree_with_the_model() {
    let _watchdog = Watchdog::start("random tables over files", Duration::from_secs(600));
    for seed in 10_000..10_100 {
        run_seed(seed, Files(tempfile::tempdir().unwrap()), 80);
    }
}
