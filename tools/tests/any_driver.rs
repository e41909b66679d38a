//! One program on several drivers: the examples, on an engine of their own and on the daemon's.

#![allow(clippy::unwrap_used)] // clippy knows helpers for no tests

#[allow(dead_code)] // Their own main.
#[path = "../examples/any_driver.rs"]
mod any_driver;
mod common;
#[allow(dead_code)]
#[path = "../examples/events.rs"]
mod events;

use std::thread;
use std::time::Duration;

use common::Home;
use dm_core::backend::Backend;
use dm_core::client::Dm;
use dm_core::command::{Create, RemoveMode};
use dm_core::difference::Difference;
use dm_core::engine::Engine;
use dm_core::error::ErrorKind;
use dm_core::events::Events;
use dm_core::names::{DmName, DmUuid};
use dm_proto::socket::SocketBackend;
use dm_tests::watchdog::Watchdog;

/// Longer than any change takes to be told.
const LONG: Duration = Duration::from_secs(30);

fn name(text: &str) -> DmName {
    DmName::new(text).unwrap()
}

/// A daemon's driver, with the daemon.
fn daemon() -> (Home, SocketBackend) {
    let home = Home::new();
    // The first command starts it.
    home.ok(&["ls"]);
    let socket = SocketBackend::connect(&home.runtime().join("control.sock")).unwrap();
    (home, socket)
}

/// Each change is told to who waits, by another handle of the same driver.
fn tells<B: Backend>(watched: B, dm: &Dm<impl Backend>) {
    let mut events = Events::new(watched).unwrap();
    let mut next = || events.wait(LONG).unwrap();
    dm.create(Create::new(name("a"))).unwrap();
    assert!(matches!(next(), Some(Difference::Added(it)) if it.name == name("a")));
    dm.rename(name("a"), name("b")).unwrap();
    assert!(matches!(next(), Some(Difference::Renamed { from, .. }) if from == name("a")));
    dm.set_uuid(name("b"), DmUuid::new("U").unwrap()).unwrap();
    assert!(matches!(next(), Some(Difference::Identified(_))));
    dm.remove(name("b"), RemoveMode::IfUnused).unwrap();
    assert!(matches!(next(), Some(Difference::Removed(_))));
    let none = Duration::from_millis(2);
    assert_eq!(events.wait(none).unwrap(), None);
}

/// None of many is lost on tokio, while others make them.
fn follows<B: Backend>(watched: B, dm: &Dm<impl Backend>) {
    const DEVICES: usize = 200;
    let events = Events::new(watched).unwrap();
    let mut seen = 0;
    thread::scope(|scope| {
        for half in ["x", "y"] {
            scope.spawn(move || {
                for at in 0..DEVICES / 2 {
                    dm.create(Create::new(name(&format!("{half}{at}"))))
                        .unwrap();
                }
            });
        }
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_io()
            .build();
        let take = |difference| {
            seen += usize::from(matches!(difference, Difference::Added(_)));
            seen < DEVICES
        };
        runtime
            .unwrap()
            .block_on(events::follow(events, take))
            .unwrap();
    });
    assert_eq!(seen, DEVICES);
    dm.remove_all(RemoveMode::IfUnused).unwrap();
}

#[test]
fn example_runs_on_engine_and_daemon() {
    assert_eq!(
        any_driver::run("engine").unwrap(),
        ["engine: any-driver (253:0): 0 2048 zero"]
    );
    let (home, _) = daemon();
    let socket = format!("socket:{}", home.runtime().join("control.sock").display());
    assert_eq!(
        any_driver::run(&socket).unwrap(),
        ["socket: any-driver (253:0): 0 2048 zero"]
    );
}

#[test]
fn what_happens_is_told_by_engine_and_daemon_alike() {
    let _watchdog = Watchdog::start("events", 4 * LONG);
    let engine = Engine::new();
    tells(engine.clone(), &Dm::new(engine.clone()));
    follows(engine.clone(), &Dm::new(engine));
    let (_home, socket) = daemon();
    let dm = Dm::new(&socket);
    tells(&socket, &dm);
    follows(&socket, &dm);
}

#[test]
fn daemon_that_ends_ends_what_follows_it() {
    let _watchdog = Watchdog::start("the end of events", 4 * LONG);
    let (home, socket) = daemon();
    let mut events = Events::new(socket).unwrap();
    home.ok(&["daemon", "--stop"]);
    let error = events.next().unwrap().unwrap_err();
    assert!(
        matches!(error.kind, ErrorKind::Io | ErrorKind::Interrupted),
        "{}",
        error.report()
    );
    assert!(error.context.command.is_some(), "{}", error.report());
}
