//! Transactions over real stacks under io, and the events that they raise.

use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use dm_core::client::Dm;
use dm_core::command::{Create, Load, Slot};
use dm_core::difference::Difference;
use dm_core::events::Events;
use dm_core::names::DmName;
use dm_core::table::TableLine;
use dm_core::transaction::Transaction;
use dm_linux::Linux;

use crate::shell::{command, create, equal, run};

/// Longer than anything here takes.
const SOON: Duration = Duration::from_secs(20);

fn name(text: &str) -> DmName {
    DmName::new(text).expect("the names here are short")
}

fn onto(below: &str) -> Vec<TableLine> {
    let text = format!("0 16384 linear {below} 0");
    TableLine::parse_table(&text).expect("it is a table")
}

fn load(device: &str, below: &str) -> Load {
    Load::new(name(device), onto(below))
}

/// A device goes in between two others and out again, while fio writes to the upper one and reads
/// back what it wrote.
pub(crate) fn swaps_under_io() -> Result<(), String> {
    let dm = Dm::new(Linux::open().map_err(|error| error.report())?);
    let (low, mid) = ("/dev/mapper/guest-low", "/dev/mapper/guest-mid");
    Transaction::new()
        .create(Create::new(name("guest-top")), onto(low))
        .create(Create::new(name("guest-low")), onto("/dev/ram0"))
        .run(&dm)
        .map_err(|error| error.to_string())?;
    let writer = thread::spawn(|| {
        let mut fio = Command::new("fio");
        fio.args("--name=guest --filename=/dev/mapper/guest-top --size=8M --direct=1".split(' '));
        fio.args("--rw=randrw --bs=4k --ioengine=psync --verify=crc32c".split(' '));
        fio.args("--verify_backlog=16 --verify_fatal=1 --time_based --runtime=4".split(' '));
        command(&mut fio)
    });
    let (start, mut longest, mut rounds) = (Instant::now(), Duration::ZERO, 0);
    while !writer.is_finished() && start.elapsed() < SOON {
        let into = Transaction::new()
            .create(Create::new(name("guest-mid")), onto(low))
            .swap(load("guest-top", mid))
            .swap(load("guest-low", "/dev/ram0"));
        let out = Transaction::new()
            .swap(load("guest-top", low))
            .remove(name("guest-mid"));
        for change in [into, out] {
            let report = change.run(&dm).map_err(|error| {
                let cause = error.cause.report();
                format!("{error}: {cause}")
            })?;
            longest = longest.max(report.suspended);
            rounds += 1;
        }
    }
    let (success, stdout, stderr) = writer.join().map_err(|_| "the thread panicked")??;
    println!("{rounds} transactions under io, suspended for {longest:?} at most");
    run("dmsetup remove guest-top guest-low")?;
    match success && rounds > 1 {
        true => Ok(()),
        false => Err(format!("fio: {stdout}{stderr}")),
    }
}

/// What the kernel refuses in the midst of it leaves the stack as it was.
pub(crate) fn refused_step_is_taken_back() -> Result<(), String> {
    let linux = Linux::open().map_err(|error| error.report())?;
    let dm = Dm::new(&linux);
    create("guest-low", "0 16384 linear /dev/ram0 0")?;
    create("guest-top", "0 16384 linear /dev/mapper/guest-low 0")?;
    let tables = || run("dmsetup table");
    let before = tables()?;
    // The lower one is swapped, and the one in between made, before the upper one's table is found
    // to be wrong.
    let past = TableLine::parse_table("0 999999999 linear /dev/mapper/guest-mid 0");
    let error = Transaction::new()
        .create(
            Create::new(name("guest-mid")),
            onto("/dev/mapper/guest-low"),
        )
        .swap(load("guest-low", "/dev/ram1"))
        .swap(Load::new(name("guest-top"), past.expect("it is a table")))
        .run(&dm)
        .expect_err("the table is past the end");
    println!("{error}: {}", error.cause.report());
    if !error.is_as_before() || !error.undone.is_empty() {
        return Err(format!("{error:?}"));
    }
    equal("tables", &tables()?, &before)?;
    for device in ["guest-top", "guest-low"] {
        let info = dm.info(name(device), Slot::Active);
        let flags = info.map_err(|error| error.report())?.flags;
        equal(device, &format!("{flags:?}"), "DeviceFlags(ACTIVE_PRESENT)")?;
    }
    run("dmsetup remove guest-top guest-low").map(|_| ())
}

/// Each kind of event wakes the one who waits, and none is lost among many.
pub(crate) fn events_are_told() -> Result<(), String> {
    let linux = Linux::open().map_err(|error| error.report())?;
    let mut events = Events::new(&linux).map_err(|error| error.report())?;
    let mut next = |what: &str, fits: &dyn Fn(&Difference) -> bool| {
        let start = Instant::now();
        while start.elapsed() < SOON {
            match events.wait(SOON).map_err(|error| error.report())? {
                Some(difference) if fits(&difference) => return Ok(()),
                Some(_) => {}
                None => break,
            }
        }
        Err(format!("nobody told that the device is {what}"))
    };
    create("guest-a", "0 1024 zero")?;
    next("there", &|it| matches!(it, Difference::Added(_)))?;
    run("dmsetup rename guest-a guest-b")?;
    next(
        "renamed",
        &|it| matches!(it, Difference::Renamed { from, .. } if from.as_str() == "guest-a"),
    )?;
    run("dmsetup rename guest-b --setuuid GUEST-1")?;
    next("identified", &|it| matches!(it, Difference::Identified(_)))?;
    run("dmsetup remove guest-b")?;
    next("gone", &|it| matches!(it, Difference::Removed(_)))?;
    thread::scope(|scope| {
        for thread in 0..8 {
            let dm = Dm::new(&linux);
            scope.spawn(move || {
                for device in 0..8 {
                    let made = Create::new(name(&format!("guest-{thread}-{device}")));
                    dm.create(made).expect("the name is free");
                }
            });
        }
        let mut seen = 0;
        let start = Instant::now();
        while seen < 64 && start.elapsed() < SOON {
            match events.wait(SOON).map_err(|error| error.report())? {
                Some(Difference::Added(_)) => seen += 1,
                Some(_) => {}
                None => break,
            }
        }
        equal("devices seen", &seen.to_string(), "64")
    })?;
    run("dmsetup remove_all").map(|_| ())
}
