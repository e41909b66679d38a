//! Many threads over one handle.

use std::sync::mpsc;
use std::thread;

use dm_core::client::Dm;
use dm_core::command::{Create, Load, RemoveMode, Slot, SuspendOptions};
use dm_core::error::DmError;
use dm_core::names::{DmName, DmUuid};
use dm_core::table::TableLine;
use dm_core::target::FlushMode;
use dm_linux::Linux;
use dm_linux::udev::Cookie;

const THREADS: u32 = 8;
const DEVICES: u32 = 500;

/// Events that each device gets.
const EVENTS: u32 = 3;

fn name(at: u32, round: u32) -> DmName {
    DmName::new(&format!("crowd-{at}-{round}")).expect("a short name")
}

fn uuid(at: u32) -> DmUuid {
    DmUuid::new(&format!("CROWD-{at}")).expect("a short uuid")
}

/// Makes a device, gives it its events, of which another thread waits for the first, and takes it
/// away.
fn live(
    dm: &Dm<Linux>,
    at: u32,
    made: &mpsc::Sender<u32>,
    seen: &mpsc::Receiver<u32>,
) -> Result<(), DmError> {
    dm.create(Create::new(name(at, 0)).uuid(uuid(at)))?;
    let table = TableLine::parse_table("0 8 zero").expect("a table");
    dm.load(Load::new(uuid(at), table))?;
    dm.resume(uuid(at), SuspendOptions::default())?;
    made.send(at).expect("the waiter lives");
    for round in 1..=EVENTS {
        dm.rename(name(at, round - 1), name(at, round))?;
    }
    // The waiter answers before the device goes.
    let event = seen.recv().expect("the waiter lives");
    assert!(
        (1..=EVENTS).contains(&event),
        "the waiter saw event {event}"
    );
    let info = dm.info(uuid(at), Slot::Active)?;
    assert_eq!(
        (info.event, info.name),
        (EVENTS, name(at, EVENTS)),
        "an event is lost"
    );
    dm.remove(uuid(at), RemoveMode::IfUnused)
}

fn count(folder: &str) -> Result<usize, String> {
    let entries = std::fs::read_dir(folder).map_err(|error| format!("{folder}: {error}"))?;
    Ok(entries.count())
}

/// No event is lost, and no descriptor, node, semaphore or device is left.
pub(crate) fn threads_share_a_handle() -> Result<(), String> {
    let dm = Dm::new(Linux::open().map_err(|error| error.report())?);
    let leaks = || {
        let cookies = Cookie::list().map_err(|error| error.to_string())?;
        let nodes = count("/dev/mapper")?;
        Ok::<_, String>((count("/proc/self/fd")?, nodes, cookies.len()))
    };
    let before = leaks()?;
    let results: Vec<Result<(), DmError>> = thread::scope(|scope| {
        let actors = (0..THREADS).map(|first| {
            let (made, waits) = mpsc::channel::<u32>();
            let (sees, seen) = mpsc::channel();
            let dm = &dm;
            scope.spawn(move || {
                for at in waits {
                    match dm.wait(uuid(at), 0, FlushMode::Flush) {
                        Ok((info, _)) => sees.send(info.event).expect("the actor lives"),
                        Err(error) => panic!("{}", error.report()),
                    }
                }
            });
            let mine = (first..DEVICES).step_by(THREADS as usize);
            scope.spawn(move || {
                mine.into_iter()
                    .try_for_each(|at| live(dm, at, &made, &seen))
            })
        });
        let actors: Vec<_> = actors.collect();
        let join = |actor: thread::ScopedJoinHandle<'_, _>| actor.join().expect("no panic");
        actors.into_iter().map(join).collect()
    });
    for result in results {
        result.map_err(|error| error.report())?;
    }
    let after = leaks()?;
    if before != after {
        return Err(format!(
            "descriptors, nodes and semaphores: {before:?} before, {after:?} after"
        ));
    }
    match dm.list().map_err(|error| error.report())?.len() {
        0 => Ok(()),
        left => Err(format!("{left} devices are left")),
    }
}
