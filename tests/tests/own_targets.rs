//! The shapes of Io and Target, held to two targets as crypt and multipath will be.

use std::sync::{Arc, mpsc};
use std::thread;
use std::time::{Duration, Instant};

use dm_core::blockdev::{BlockDev, Blocking, Fault, FaultDev, MemDev, Then};
use dm_core::client::Dm;
use dm_core::command::{LockFs, Slot, SuspendOptions};
use dm_core::engine::{Engine, OpenDevice};
use dm_core::errno::Errno;
use dm_core::io::{Io, IoFlags};
use dm_core::target::FlushMode;
use dm_core::units::{Sector, SectorCount};
use dm_tests::model::random_bytes;
use dm_tests::script::{create, name, open, swap};
use dm_tests::targets::{PATHS, XOR};
use dm_tests::watchdog::Watchdog;

const NOFLUSH: SuspendOptions = SuspendOptions::new(FlushMode::NoFlush, LockFs::Skip);

struct Setup {
    engine: Engine,
    disks: [Arc<MemDev>; 2],
    faults: [Arc<FaultDev>; 2],
    _watchdog: Watchdog,
}

fn setup(what: &str) -> Setup {
    let engine = Engine::with_targets(&[XOR, PATHS]);
    let disks = [0, 1].map(|_| Arc::new(MemDev::new(SectorCount(256))));
    let faults = [0, 1].map(|at: usize| Arc::new(FaultDev::new(disks[at].clone())));
    for (at, fault) in faults.iter().enumerate() {
        engine.attach(&format!("disk{at}"), fault.clone());
    }
    Setup {
        engine,
        disks,
        faults,
        _watchdog: Watchdog::start(what, Duration::from_secs(60)),
    }
}

/// Submits a write and says how it ended, later.
fn write_later(dev: &OpenDevice, at: u64, byte: u8) -> mpsc::Receiver<Result<(), Errno>> {
    let (sender, receiver) = mpsc::channel();
    let io = Io::write(Sector(at), vec![byte; 512].into()).unwrap();
    dev.submit(io.on_complete(move |_, result| {
        sender.send(result.map_err(|error| error.errno())).unwrap();
    }));
    receiver
}

fn status(engine: &Engine, device: &str) -> String {
    let dm = Dm::new(engine);
    let (_, lines) = dm
        .status(name(device), Slot::Active, FlushMode::Flush)
        .unwrap();
    lines[0].params.clone()
}

#[test]
fn worker_target_transforms_both_ways_and_keeps_the_users_bytes() {
    let setup = setup("xor");
    create(&setup.engine, "vol", "0 200 test-xor 90 disk0 7").unwrap();
    let dev = open(&setup.engine, "vol");
    let mut rng = fastrand::Rng::with_seed(1);
    for _ in 0..300 {
        let start = rng.usize(..200);
        let count = rng.usize(1..=200 - start);
        let bytes = random_bytes(&mut rng, count * 512);
        dev.write_at(Sector(start as u64), &bytes, IoFlags::empty())
            .unwrap();
        let mut read = vec![0; bytes.len()];
        dev.read_at(Sector(start as u64), &mut read).unwrap();
        assert!(read == bytes);
        let below = &setup.disks[0].content()[(start + 7) * 512..][..bytes.len()];
        assert!(
            below
                .iter()
                .zip(&bytes)
                .all(|(low, high)| low ^ 90 == *high)
        );
    }
}

#[test]
fn worker_target_passes_errors_of_reads_and_writes() {
    let setup = setup("xor errors");
    create(&setup.engine, "vol", "0 200 test-xor 90 disk0 0").unwrap();
    let dev = open(&setup.engine, "vol");
    setup.faults[0].inject(Fault::always(None, Then::Fail(Errno::ENOSPC.into())));
    assert_eq!(
        dev.write_at(Sector(3), &[1; 8192], IoFlags::empty()),
        Err(Errno::ENOSPC.into())
    );
    assert_eq!(
        dev.read_at(Sector(3), &mut [1; 8192]),
        Err(Errno::ENOSPC.into())
    );
}

#[test]
fn holding_target_delays_requests_without_holding_threads() {
    let setup = setup("delay");
    create(&setup.engine, "vol", "0 200 test-paths 50 disk0 0 disk1 0").unwrap();
    let dev = open(&setup.engine, "vol");
    let start = Instant::now();
    let ends: Vec<_> = (0..100).map(|at| write_later(&dev, at, 1)).collect();
    assert!(ends.iter().all(|end| end.recv().unwrap().is_ok()));
    let took = start.elapsed();
    assert!(took >= Duration::from_millis(50), "{took:?}");
    assert!(
        took < Duration::from_secs(2),
        "a hundred held requests took {took:?}"
    );
}

#[test]
fn failed_request_is_retried_on_the_other_path() {
    let setup = setup("failover");
    create(&setup.engine, "vol", "0 200 test-paths 0 disk0 0 disk1 0").unwrap();
    let dev = open(&setup.engine, "vol");
    setup.faults[0].inject(Fault::always(None, Then::Fail(Errno::EIO.into())));
    dev.write_at(Sector(5), &[7; 512], IoFlags::empty())
        .unwrap();
    assert_eq!(setup.disks[1].content()[5 * 512], 7);
    assert_eq!(setup.disks[0].content()[5 * 512], 0);
    assert_eq!(status(&setup.engine, "vol"), "1 0");
}

#[test]
fn queued_requests_go_on_after_a_message() {
    let setup = setup("heal");
    create(&setup.engine, "vol", "0 200 test-paths 0 disk0 0 disk1 0").unwrap();
    let dev = open(&setup.engine, "vol");
    for fault in &setup.faults {
        fault.inject(Fault::always(None, Then::Fail(Errno::EIO.into())));
    }
    let ends: Vec<_> = (0..10).map(|at| write_later(&dev, at, 9)).collect();
    assert_eq!(status(&setup.engine, "vol"), "20 10");
    setup.faults[0].heal();
    let dm = Dm::new(&setup.engine);
    assert_eq!(
        dm.message(name("vol"), Sector(0), "heal").unwrap(),
        Some("10".into())
    );
    assert!(ends.iter().all(|end| end.recv().unwrap().is_ok()));
    assert!(dm.message(name("vol"), Sector(0), "hurt").is_err());
}

#[test]
fn noflush_suspend_hands_requests_back_to_the_next_table() {
    let setup = setup("noflush");
    create(&setup.engine, "vol", "0 200 test-paths 0 disk0 0 disk1 0").unwrap();
    let dev = open(&setup.engine, "vol");
    for fault in &setup.faults {
        fault.inject(Fault::always(None, Then::Fail(Errno::EIO.into())));
    }
    let ends: Vec<_> = (0..10).map(|at| write_later(&dev, at, 9)).collect();
    let dm = Dm::new(&setup.engine);
    dm.suspend(name("vol"), NOFLUSH).unwrap();
    assert!(
        ends.iter().all(|end| end.try_recv().is_err()),
        "held requests do not fail"
    );
    setup.faults[1].heal();
    swap(&setup.engine, "vol", "0 200 linear disk1 3").unwrap();
    assert!(ends.iter().all(|end| end.recv().unwrap().is_ok()));
    assert_eq!(setup.disks[1].content()[3 * 512..13 * 512], [9; 10 * 512]);
}

#[test]
fn flush_suspend_waits_for_held_requests() {
    let setup = setup("flush suspend");
    create(&setup.engine, "vol", "0 200 test-paths 80 disk0 0 disk1 0").unwrap();
    let dev = open(&setup.engine, "vol");
    let ends: Vec<_> = (0..10).map(|at| write_later(&dev, at, 9)).collect();
    Dm::new(&setup.engine)
        .suspend(name("vol"), SuspendOptions::default())
        .unwrap();
    assert!(
        ends.iter().all(|end| end.try_recv().is_ok()),
        "a suspended device is quiet"
    );
}

#[test]
fn stacked_targets_keep_their_notes_apart() {
    let setup = setup("stacked");
    create(&setup.engine, "low", "0 200 test-paths 0 disk0 0 disk1 0").unwrap();
    create(&setup.engine, "mid", "0 200 test-xor 17 /dev/mapper/low 0").unwrap();
    create(&setup.engine, "top", "0 200 test-xor 23 /dev/mapper/mid 0").unwrap();
    setup.faults[0].inject(Fault::always(None, Then::Fail(Errno::EIO.into())));
    let dev = open(&setup.engine, "top");
    let bytes = random_bytes(&mut fastrand::Rng::with_seed(3), 100 * 512);
    dev.write_at(Sector(9), &bytes, IoFlags::empty()).unwrap();
    let mut read = vec![0; bytes.len()];
    dev.read_at(Sector(9), &mut read).unwrap();
    assert!(read == bytes);
    let low = setup.disks[1].content();
    assert!(
        low[9 * 512..][..bytes.len()]
            .iter()
            .zip(&bytes)
            .all(|(low, top)| low ^ 17 ^ 23 == *top)
    );
}

#[test]
fn lost_request_is_an_error_and_not_a_hang() {
    let setup = setup("lost");
    create(&setup.engine, "vol", "0 200 striped 2 4 disk0 0 disk1 0").unwrap();
    let dev = open(&setup.engine, "vol");
    setup.faults[1].inject(Fault::always(None, Then::Lose));
    assert_eq!(
        dev.write_at(Sector(0), &[1; 8192], IoFlags::empty()),
        Err(Errno::EIO.into())
    );
    Dm::new(&setup.engine)
        .suspend(name("vol"), SuspendOptions::default())
        .unwrap();
}

#[test]
fn suspend_can_be_given_up_and_the_device_goes_on() {
    let setup = setup("cancelled suspend");
    create(&setup.engine, "vol", "0 200 linear disk0 0").unwrap();
    let dev = open(&setup.engine, "vol");
    setup.faults[0].inject(Fault::always(None, Then::Hold));
    let end = write_later(&dev, 0, 1);
    let cancel = dm_core::engine::Cancel::new();
    let waiter = {
        let (engine, cancel) = (setup.engine.clone(), cancel.clone());
        let options = SuspendOptions::default();
        let command = dm_core::command::Command::Suspend {
            device: name("vol").into(),
            options,
        };
        thread::spawn(move || engine.call_with(command, &cancel))
    };
    thread::sleep(Duration::from_millis(50));
    let later = write_later(&dev, 1, 1);
    cancel.cancel();
    let error = waiter.join().unwrap().unwrap_err();
    assert_eq!(error.kind, dm_core::error::ErrorKind::Interrupted);
    setup.faults[0].heal();
    setup.faults[0].release();
    assert_eq!(end.recv().unwrap(), Ok(()));
    setup.faults[0].release();
    assert_eq!(later.recv().unwrap(), Ok(()));
    assert_eq!(write_later(&dev, 2, 1).recv().unwrap(), Ok(()));
}
