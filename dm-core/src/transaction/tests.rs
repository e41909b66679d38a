//! Transactions on the engine, with and without failures.

use alloc::string::{String, ToString};
use alloc::sync::Arc;
use alloc::vec;
use alloc::vec::Vec;
use std::format;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;

use super::*;
use crate::backend::{Capabilities, Features};
use crate::blockdev::{Blocking, MemDev};
use crate::command::{Command, Reply, Slot};
use crate::engine::Engine;
use crate::errno::Errno;
use crate::error::ErrorKind;
use crate::io::IoFlags;
use crate::units::{Sector, SectorCount};

fn name(text: &str) -> DmName {
    DmName::new(text).unwrap()
}

fn lines(text: &str) -> Vec<TableLine> {
    TableLine::parse_table(text).unwrap()
}

fn load(device: &str, text: &str) -> Load {
    Load::new(name(device), lines(text))
}

/// When a command fails.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Failing {
    /// Before it does anything.
    Undone,
    /// After it is done.
    Done,
}

/// An engine whose commands fail from one change on.
struct Faulty {
    engine: Engine,
    changes: AtomicUsize,
    fails: usize,
    until: usize,
    how: Failing,
    features: Features,
}

impl Faulty {
    fn new(engine: &Engine, fails: std::ops::Range<usize>, how: Failing) -> Dm<Faulty> {
        Dm::new(Faulty {
            engine: engine.clone(),
            changes: AtomicUsize::new(0),
            fails: fails.start,
            until: fails.end,
            how,
            features: Features::all(),
        })
    }
}

impl Backend for Faulty {
    fn capabilities(&self) -> Capabilities {
        Capabilities::new("faulty", self.features)
    }

    fn call(&self, command: Command) -> Result<Reply, DmError> {
        if !command.changes() {
            return self.engine.call(command);
        }
        let at = self.changes.fetch_add(1, Ordering::SeqCst);
        let (verb, device) = (command.verb(), command.device());
        if !(self.fails..self.until).contains(&at) {
            return self.engine.call(command);
        }
        if self.how == Failing::Done {
            self.engine.call(command)?;
        }
        let error = DmError::new(ErrorKind::Io).with_errno(Errno::ENOMEM);
        Err(error.about(verb, device))
    }
}

/// disk, low on disk, two on low, old, and a held device, each with something of its own.
fn stage() -> (Engine, Dm<Engine>) {
    let engine = Engine::new();
    engine.attach("mem", Arc::new(MemDev::new(SectorCount(1024))));
    let dm = Dm::new(engine.clone());
    Transaction::new()
        .create(
            Create::new(name("top")),
            lines("0 64 linear /dev/mapper/low 0"),
        )
        .create(Create::new(name("low")), lines("0 64 linear mem 0"))
        .create(Create::new(name("old")), lines("0 8 linear mem 512"))
        .create(Create::new(name("held")), lines("0 8 zero"))
        .run(&dm)
        .unwrap();
    dm.load(load("top", "0 64 zero")).unwrap();
    dm.suspend(name("held"), SuspendOptions::default()).unwrap();
    (engine, dm)
}

/// All that there is, but for event numbers.
fn shown(dm: &Dm<Engine>) -> Vec<String> {
    let device = |entry: crate::command::DeviceEntry| {
        let info = dm.info(entry.number, Slot::Active).unwrap();
        let table = |slot| dm.table(entry.number, slot).unwrap().1;
        format!(
            "{} {:?} {:?} {:?} {:?} {:?}",
            entry.name,
            info.number,
            info.uuid,
            info.flags,
            table(Slot::Active),
            table(Slot::Inactive)
        )
    };
    let mut all: Vec<String> = dm.list().unwrap().into_iter().map(device).collect();
    all.sort();
    all
}

/// Both grow, one moves between, one goes, one is new on top, and a held one is swapped.
fn change() -> Transaction {
    Transaction::new()
        .create(
            Create::new(name("new")),
            lines("0 96 linear /dev/mapper/top 0"),
        )
        .swap(load("top", "0 96 linear /dev/mapper/between 0"))
        .create(
            Create::new(name("between")),
            lines("0 96 linear /dev/mapper/low 0"),
        )
        .swap(load("low", "0 96 linear mem 0"))
        .swap(load("held", "0 16 zero"))
        .remove(name("old"))
}

#[test]
fn steps_go_up_down_and_up_again() {
    let (_, dm) = stage();
    let steps: Vec<String> = change()
        .plan(&dm)
        .unwrap()
        .steps()
        .map(|it| it.to_string())
        .collect();
    let expected = [
        "load low",
        "create between",
        "create new",
        "load held",
        "suspend held",
        "suspend top",
        "suspend low",
        "swap low",
        "load between",
        "activate between",
        "load top",
        "swap top",
        "load new",
        "activate new",
        "swap held",
        "remove old",
    ];
    let mut sorted = (steps.clone(), expected.map(str::to_string).to_vec());
    sorted.0.sort();
    sorted.1.sort();
    assert_eq!(sorted.0, sorted.1);
    let at = |step: &str| steps.iter().position(|other| other == step).unwrap();
    for (first, then) in [
        ("suspend top", "suspend low"),
        ("suspend low", "swap low"),
        ("swap low", "load between"),
        ("activate between", "load top"),
        ("swap top", "load new"),
        ("swap top", "remove old"),
    ] {
        assert!(at(first) < at(then), "{first} before {then}: {steps:?}");
    }
}

#[test]
fn all_of_it_is_done() {
    let (engine, dm) = stage();
    let report = change().run(&dm).unwrap();
    assert_eq!(report.steps.len(), 16);
    assert_eq!(report.held.len(), 3);
    assert!(report.held.iter().all(|held| held.1 <= report.suspended));
    let new = engine
        .open(&name("new").into(), TableMode::ReadWrite)
        .unwrap();
    new.write_at(Sector(95), &[7; 512], IoFlags::empty())
        .unwrap();
    let mut sector = [0; 512];
    let low = engine
        .open(&name("low").into(), TableMode::ReadWrite)
        .unwrap();
    low.read_at(Sector(95), &mut sector).unwrap();
    assert_eq!(sector, [7; 512]);
    let gone = dm.info(name("old"), Slot::Active).unwrap_err();
    assert_eq!(gone.kind, ErrorKind::NotFound);
}

#[test]
fn failure_at_any_step_leaves_all_as_before() {
    for how in [Failing::Undone, Failing::Done] {
        for fails in 0.. {
            let (engine, dm) = stage();
            let before = shown(&dm);
            let faulty = Faulty::new(&engine, fails..fails + 1, how);
            let Err(error) = change().run(&faulty) else {
                assert_eq!(fails, 16);
                break;
            };
            // A device that could not be made is never removed: it may be another's.
            let made = matches!(&error.step, Some(step) if step.kind == StepKind::Create)
                && how == Failing::Done;
            assert_eq!(error.is_as_before(), !made, "{how:?} {fails}: {error}");
            assert!(
                error.undone.is_empty(),
                "{how:?} {fails}: {:?}",
                error.undone
            );
            assert_eq!(error.cause.context.errno, Some(Errno::ENOMEM));
            if !made {
                assert_eq!(shown(&dm), before, "{how:?} {fails}: {error}");
            }
        }
    }
}

#[test]
fn what_can_not_be_taken_back_is_listed() {
    for fails in 1..16 {
        let (engine, dm) = stage();
        let before = shown(&dm);
        let faulty = Faulty::new(&engine, fails..usize::MAX, Failing::Undone);
        let error = change().run(&faulty).unwrap_err();
        assert_eq!(
            error.is_as_before(),
            shown(&dm) == before,
            "{fails}: {error}"
        );
        assert!(!error.undone.is_empty(), "{fails}");
        let text = error.to_string();
        let listed = error
            .left
            .iter()
            .all(|left| text.contains(left.device.as_str()));
        assert!(listed && text.lines().count() == 1, "{text}");
    }
}

#[test]
fn error_says_which_step_and_how_it_is() {
    let (engine, _) = stage();
    let faulty = Faulty::new(&engine, 0..1, Failing::Undone);
    let grow = Transaction::new().swap(load("low", "0 96 linear mem 0"));
    let error = grow.run(&faulty).unwrap_err();
    assert_eq!(
        error.to_string(),
        "load low failed; all devices are as before"
    );
    let error = DmError::from(error);
    assert_eq!(
        (error.kind, error.context.errno),
        (ErrorKind::Io, Some(Errno::ENOMEM))
    );
    let text = error.report();
    assert!(
        text.starts_with("transaction low: load low failed;"),
        "{text}"
    );
}

#[test]
fn nonsense_is_refused_before_anything_is_changed() {
    let (engine, dm) = stage();
    let before = shown(&dm);
    let refused = |wanted: Transaction, reason: &str| {
        let error = wanted.run(&dm).unwrap_err();
        assert!(error.step.is_none());
        let text = error.cause.report();
        assert!(text.contains(reason), "{text}");
    };
    let onto = |device, below: &str| load(device, &format!("0 8 linear /dev/mapper/{below} 0"));
    let circle = Transaction::new()
        .swap(onto("low", "top"))
        .swap(load("top", "0 8 zero"));
    refused(circle, "its tables stand on it");
    let twice = Transaction::new()
        .remove(name("old"))
        .swap(load("old", "0 8 zero"));
    refused(twice, "twice in the transaction");
    let gone = Transaction::new()
        .remove(name("old"))
        .swap(onto("top", "old"));
    refused(gone, "its new table stands on old, which is removed");
    refused(Transaction::new().remove(name("none")), "no such device");
    let mut faulty = Faulty::new(&engine, 0..0, Failing::Undone)
        .backend()
        .features;
    faulty.remove(Features::SUSPEND);
    let limited = Dm::new(Faulty {
        features: faulty,
        engine: engine.clone(),
        changes: AtomicUsize::new(0),
        fails: 0,
        until: usize::MAX,
        how: Failing::Undone,
    });
    let error = change().run(&limited).unwrap_err();
    assert_eq!(error.cause.kind, ErrorKind::Unsupported);
    assert_eq!(shown(&dm), before);
}

#[test]
fn io_goes_on_through_swaps() {
    let (engine, dm) = stage();
    let over = Arc::new(AtomicBool::new(false));
    let writer = {
        let (engine, over) = (engine.clone(), over.clone());
        thread::spawn(move || {
            let top = engine
                .open(&name("top").into(), TableMode::ReadWrite)
                .unwrap();
            let mut round = 0_u8;
            while !over.load(Ordering::SeqCst) {
                round = round.wrapping_add(1);
                let (sector, mut back) = (Sector(u64::from(round) % 64), vec![0; 512]);
                top.write_at(sector, &[round; 512], IoFlags::empty())
                    .unwrap();
                top.read_at(sector, &mut back).unwrap();
                assert_eq!(back, vec![round; 512]);
            }
        })
    };
    for _ in 0..50 {
        Transaction::new()
            .create(
                Create::new(name("mid")),
                lines("0 64 linear /dev/mapper/low 0"),
            )
            .swap(load("top", "0 64 linear /dev/mapper/mid 0"))
            .swap(load("low", "0 64 linear mem 0"))
            .run(&dm)
            .unwrap();
        Transaction::new()
            .swap(load("top", "0 64 linear /dev/mapper/low 0"))
            .remove(name("mid"))
            .run(&dm)
            .unwrap();
    }
    over.store(true, Ordering::SeqCst);
    writer.join().unwrap();
}
