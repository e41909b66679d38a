//! Tables swapped, devices suspended, renamed and stacked under eight verifying writers.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use dm_core::blockdev::{Blocking, MemDev};
use dm_core::client::Dm;
use dm_core::command::{LockFs, SuspendOptions};
use dm_core::engine::{Engine, OpenDevice};
use dm_core::io::IoFlags;
use dm_core::target::FlushMode;
use dm_core::units::{Sector, SectorCount};
use dm_tests::script::{create, load, name, open, swap};
use dm_tests::targets::{PATHS, XOR};
use dm_tests::watchdog::Watchdog;

const WRITERS: u64 = 8;
/// Sectors of each writer.
const AREA: u64 = 96;
const SIZE: u64 = WRITERS * AREA;

/// Writes, reads back and checks its own area, until it is told to stop.
fn writer(dev: &OpenDevice, number: u64, stop: &AtomicBool, done: &AtomicU64) {
    let mut rng = fastrand::Rng::with_seed(number);
    let mut wanted = vec![0; usize::try_from(AREA).unwrap() * 512];
    let area = Sector(number * AREA);
    dev.write_at(area, &wanted, IoFlags::empty()).unwrap();
    while !stop.load(Ordering::Relaxed) {
        let start = rng.usize(..96);
        let count = rng.usize(1..=(96 - start).min(24));
        let at = Sector(area.0 + start as u64);
        let place = start * 512..(start + count) * 512;
        match rng.u8(0..4) {
            0 => {
                let mut read = vec![0; count * 512];
                dev.read_at(at, &mut read).unwrap();
                assert!(
                    read == wanted[place],
                    "writer {number} read wrong bytes at {at}"
                );
            }
            1 => {
                let mut all = vec![0; wanted.len()];
                dev.read_at(area, &mut all).unwrap();
                assert!(all == wanted, "writer {number} lost bytes");
            }
            2 => dev.flush().unwrap(),
            _ => {
                rng.fill(&mut wanted[place.clone()]);
                dev.write_at(at, &wanted[place], IoFlags::empty()).unwrap();
            }
        }
        done.fetch_add(1, Ordering::Relaxed);
    }
    let mut all = vec![0; wanted.len()];
    dev.read_at(area, &mut all).unwrap();
    assert!(all == wanted, "writer {number} lost bytes in the end");
}

/// Runs the writers on `device` while `disturb` is called again and again.
fn under_load(engine: &Engine, device: &str, seconds: u64, mut disturb: impl FnMut(u64)) {
    let _watchdog = Watchdog::start("writers under load", Duration::from_secs(seconds + 60));
    let (stop, done) = (
        Arc::new(AtomicBool::new(false)),
        Arc::new(AtomicU64::new(0)),
    );
    let dev = Arc::new(open(engine, device));
    let writers: Vec<_> = (0..WRITERS)
        .map(|number| {
            let (dev, stop, done) = (dev.clone(), stop.clone(), done.clone());
            thread::spawn(move || writer(&dev, number, &stop, &done))
        })
        .collect();
    let end = Instant::now() + Duration::from_secs(seconds);
    let mut round = 0;
    while Instant::now() < end && writers.iter().all(|writer| !writer.is_finished()) {
        disturb(round);
        round += 1;
    }
    stop.store(true, Ordering::Relaxed);
    for writer in writers {
        writer.join().expect("a writer saw what it wrote");
    }
    let done = done.load(Ordering::Relaxed);
    assert!(
        done > 1000 && round > 20,
        "too little happened: {done} requests, {round} rounds"
    );
}

fn engine() -> Engine {
    let engine = Engine::with_targets(&[XOR, PATHS]);
    for at in 0..3 {
        engine.attach(
            &format!("disk{at}"),
            Arc::new(MemDev::new(SectorCount(SIZE))),
        );
    }
    engine
}

/// Tables that put every sector in the same place, so that the bytes stay valid over a swap.
fn equal_tables() -> [String; 4] {
    let third = SIZE / 3;
    let rest = SIZE - 2 * third;
    [
        format!("0 {SIZE} linear disk0 0"),
        format!(
            "0 {third} linear disk0 0\n{third} {} linear disk0 {third}",
            SIZE - third
        ),
        format!("0 {SIZE} striped 1 8 disk0 0"),
        format!(
            "0 {third} linear disk0 0\n{third} {third} test-paths 1 disk0 {third} disk0 {third}\n\
             {} {rest} striped 1 1 disk0 {}",
            2 * third,
            2 * third
        ),
    ]
}

#[test]
fn swaps_and_suspends_lose_nothing() {
    let engine = engine();
    let tables = equal_tables();
    create(&engine, "vol", &tables[0]).unwrap();
    let dm = Dm::new(engine.clone());
    let mut rng = fastrand::Rng::with_seed(11);
    under_load(&engine, "vol", 6, |round| {
        let flush = if rng.bool() {
            FlushMode::Flush
        } else {
            FlushMode::NoFlush
        };
        let options = SuspendOptions::new(flush, LockFs::Skip);
        load(&engine, "vol", &tables[rng.usize(..4)]).unwrap();
        if rng.bool() {
            dm.suspend(name("vol"), options).unwrap();
        }
        if rng.u8(0..4) == 0 {
            dm.clear(name("vol")).unwrap();
        }
        dm.resume(name("vol"), options).unwrap();
        if round % 8 == 0 {
            thread::sleep(Duration::from_millis(2));
        }
    });
}

#[test]
fn renames_and_stacking_lose_nothing() {
    let engine = engine();
    create(&engine, "base", &format!("0 {SIZE} linear disk0 0")).unwrap();
    create(
        &engine,
        "vol",
        &format!("0 {SIZE} linear /dev/mapper/base 0"),
    )
    .unwrap();
    let dm = Dm::new(engine.clone());
    let base = dm.info(name("base"), Default::default()).unwrap().number;
    let mut rng = fastrand::Rng::with_seed(12);
    under_load(&engine, "vol", 6, |round| {
        let tables = [
            format!("0 {SIZE} linear disk0 0"),
            format!("0 {SIZE} linear {base} 0"),
            format!("0 {SIZE} striped 1 16 {base} 0"),
        ];
        swap(&engine, "vol", &tables[rng.usize(..3)]).unwrap();
        dm.rename(base, name(&format!("base{round}"))).unwrap();
        // Suspended below: what is above waits, and goes on.
        dm.suspend(base, SuspendOptions::default()).unwrap();
        thread::sleep(Duration::from_micros(200));
        dm.resume(base, SuspendOptions::default()).unwrap();
    });
}

#[test]
fn swaps_anywhere_in_a_stack_lose_nothing() {
    const LEVELS: usize = 5;
    let engine = engine();
    let level = |at: usize| format!("level{at}");
    let tables = |at: usize| match at {
        0 => equal_tables(),
        _ => equal_tables()
            .map(|table| table.replace("disk0", &format!("/dev/mapper/{}", level(at - 1)))),
    };
    for at in 0..LEVELS {
        create(&engine, &level(at), &tables(at)[0]).unwrap();
    }
    let dm = Dm::new(engine.clone());
    let mut rng = fastrand::Rng::with_seed(13);
    under_load(&engine, &level(LEVELS - 1), 6, |_| {
        let at = rng.usize(..LEVELS);
        if rng.bool() {
            let next = &tables(at)[rng.usize(..4)];
            load(&engine, &level(at), next).unwrap();
        }
        dm.suspend(name(&level(at)), SuspendOptions::default())
            .unwrap();
        // Between two swaps the ways through the stack are found anew and used.
        thread::sleep(Duration::from_micros(rng.u64(..300)));
        dm.resume(name(&level(at)), SuspendOptions::default())
            .unwrap();
        thread::sleep(Duration::from_micros(rng.u64(..500)));
    });
}

#[test]
fn several_disturbers_at_once_do_not_deadlock() {
    let engine = engine();
    let tables = equal_tables();
    create(&engine, "vol", &tables[0]).unwrap();
    let stop = Arc::new(AtomicBool::new(false));
    let disturbers: Vec<_> = (0..4_u64)
        .map(|number| {
            let (engine, stop, tables) = (engine.clone(), stop.clone(), tables.clone());
            thread::spawn(move || {
                let dm = Dm::new(engine.clone());
                let mut rng = fastrand::Rng::with_seed(number);
                while !stop.load(Ordering::Relaxed) {
                    let _ = match rng.u8(0..6) {
                        0 => dm
                            .suspend(name("vol"), SuspendOptions::default())
                            .map(|_| ()),
                        1 => dm.clear(name("vol")).map(|_| ()),
                        2 => load(&engine, "vol", &tables[rng.usize(..4)]),
                        3 => create(
                            &engine,
                            &format!("t{number}"),
                            "0 8 linear /dev/mapper/vol 0",
                        ),
                        4 => dm.remove(name(&format!("t{number}")), Default::default()),
                        _ => dm
                            .resume(name("vol"), SuspendOptions::default())
                            .map(|_| ()),
                    };
                }
            })
        })
        .collect();
    let dm = Dm::new(engine.clone());
    under_load(&engine, "vol", 4, |_| {
        thread::sleep(Duration::from_millis(1));
        dm.resume(name("vol"), SuspendOptions::default()).unwrap();
    });
    stop.store(true, Ordering::Relaxed);
    for disturber in disturbers {
        disturber.join().unwrap();
    }
}
