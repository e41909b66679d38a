//! Transactions on a kernel whose ioctls fail: each of them, with each errno that it can give.

#![allow(clippy::unwrap_used)] // clippy knows helpers for no tests

mod support;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use dm_core::blockdev::MemDev;
use dm_core::client::Dm;
use dm_core::command::{Create, Load, Slot, SuspendOptions};
use dm_core::engine::Engine;
use dm_core::errno::Errno;
use dm_core::error::DmError;
use dm_core::names::DmName;
use dm_core::table::TableLine;
use dm_core::transaction::{StepKind, Transaction, TransactionError};
use dm_core::units::SectorCount;
use dm_linux::abi::Call;
use support::driver::{Fault, When, driver};

/// An ioctl of a transaction.
struct Row {
    call: Call,
    /// The commands that it is one of.
    commands: &'static [&'static str],
    /// Whether it changes something.
    changes: bool,
    /// What it can give, besides what each can.
    errnos: &'static [Errno],
}

/// What each ioctl can give: no right, no driver of this version, no memory, a bad buffer.
const EACH: &[Errno] = &[
    Errno::EACCES,
    Errno::ENOTTY,
    Errno::ENOMEM,
    Errno::EINVAL,
    Errno::from_linux(14),
];

/// The ioctls of transactions. A load, a suspend and a resume hand on what targets and the devices
/// below them give.
///
/// Source: `drivers/md/dm-ioctl.c`, `dm.c` and `dm-table.c` of Linux 6.12.
const ROWS: &[Row] = &[
    Row {
        call: Call::DevStatus,
        commands: &["info"],
        changes: false,
        errnos: &[Errno::ENXIO],
    },
    Row {
        call: Call::TableStatus,
        commands: &["table"],
        changes: false,
        errnos: &[Errno::ENXIO],
    },
    Row {
        call: Call::TableDeps,
        commands: &["deps"],
        changes: false,
        errnos: &[Errno::ENXIO],
    },
    Row {
        call: Call::DevCreate,
        commands: &["create"],
        changes: true,
        errnos: &[Errno::ENXIO, Errno::EBUSY],
    },
    Row {
        call: Call::TableLoad,
        commands: &["load"],
        changes: true,
        errnos: &[
            Errno::ENXIO,
            Errno::EBUSY,
            Errno::EPERM,
            Errno::ENODEV,
            Errno::ENOENT,
            Errno::ENOTBLK,
            Errno::EIO,
            Errno::EROFS,
            Errno::EOVERFLOW,
        ],
    },
    Row {
        call: Call::TableClear,
        commands: &["clear"],
        changes: true,
        errnos: &[Errno::ENXIO],
    },
    Row {
        call: Call::DevSuspend,
        commands: &["suspend", "resume"],
        changes: true,
        errnos: &[
            Errno::ENXIO,
            Errno::EINTR,
            Errno::EBUSY,
            Errno::EIO,
            Errno::EROFS,
        ],
    },
    Row {
        call: Call::DevRemove,
        commands: &["remove"],
        changes: true,
        errnos: &[Errno::ENXIO, Errno::EBUSY],
    },
];

fn row(call: Call) -> &'static Row {
    let found = ROWS.iter().find(|row| row.call == call);
    found.unwrap_or_else(|| panic!("{call:?} is none of a transaction's"))
}

fn all(_: Call) -> bool {
    true
}

fn name(text: &str) -> DmName {
    DmName::new(text).unwrap()
}

fn lines(text: &str) -> Vec<TableLine> {
    TableLine::parse_table(text).unwrap()
}

fn load(device: &str, text: &str) -> Load {
    Load::new(name(device), lines(text))
}

/// top on low, which has a table loaded; two that go, and one that is held.
fn stage() -> Engine {
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
        .create(Create::new(name("rest")), lines("0 8 linear mem 520"))
        .create(Create::new(name("held")), lines("0 8 zero"))
        .run(&dm)
        .unwrap();
    dm.load(load("low", "0 64 zero")).unwrap();
    dm.suspend(name("held"), SuspendOptions::default()).unwrap();
    engine
}

/// Both grow, one comes between, two go, one is new on top, and a held one is swapped.
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
        .remove(name("rest"))
}

/// The devices of `change`.
const DEVICES: [&str; 7] = ["between", "held", "low", "new", "old", "rest", "top"];

/// What each device is, but for its event number.
fn shown(engine: &Engine) -> BTreeMap<String, String> {
    let dm = Dm::new(engine);
    let device = |entry: dm_core::command::DeviceEntry| {
        let info = dm.info(entry.number, Slot::Active).unwrap();
        let table = |slot| dm.table(entry.number, slot).unwrap().1;
        let (active, inactive) = (table(Slot::Active), table(Slot::Inactive));
        let (uuid, flags) = (info.uuid, info.flags);
        let text = format!(
            "{:?} {uuid:?} {flags:?} {active:?} {inactive:?}",
            info.number
        );
        (entry.name.to_string(), text)
    };
    dm.list().unwrap().into_iter().map(device).collect()
}

/// The devices that are not the same.
fn different(
    before: &BTreeMap<String, String>,
    after: &BTreeMap<String, String>,
) -> BTreeSet<String> {
    let names = before.keys().chain(after.keys());
    let other = names.filter(|name| before.get(*name) != after.get(*name));
    other.cloned().collect()
}

fn left(error: &TransactionError) -> BTreeSet<String> {
    let names = error.left.iter().map(|left| left.device.to_string());
    names.collect()
}

/// The ioctls of a whole transaction, and how many of them look before anything is changed.
fn asked() -> (Vec<Call>, usize) {
    let engine = stage();
    let dm = driver(&engine, Vec::new());
    change().plan(&dm).unwrap();
    let looking = dm.backend().sys().asked().len();
    let dm = driver(&engine, Vec::new());
    change().run(&dm).unwrap();
    (dm.backend().sys().asked(), looking)
}

/// A change that failed.
struct Failed {
    error: TransactionError,
    /// The devices that are not as before.
    other: BTreeSet<String>,
    /// All that was asked for.
    calls: Vec<Call>,
}

/// Runs the change with faults.
fn run(faults: Vec<Fault>) -> Failed {
    let engine = stage();
    let before = shown(&engine);
    let said = format!("{faults:?}");
    let dm = driver(&engine, faults);
    Failed {
        error: change().run(&dm).expect_err(&said),
        other: different(&before, &shown(&engine)),
        calls: dm.backend().sys().asked(),
    }
}

/// Each errno that `call` can give.
fn errnos(call: Call) -> impl Iterator<Item = Errno> {
    EACH.iter().chain(row(call).errnos).copied()
}

/// The error says which command failed for which device, with which errno, and what to do.
fn check_cause(error: &TransactionError, call: Call, errno: Errno, said: &str) {
    let cause = &error.cause;
    let command = cause.context.command.unwrap();
    assert!(row(call).commands.contains(&command), "{said}: {command}");
    let device = cause.context.device.as_deref().unwrap();
    assert!(DEVICES.contains(&device), "{said}: {device}");
    assert_eq!(cause.context.errno, Some(errno), "{said}");
    let reason = cause.reason();
    let remedy = reason.strip_prefix(&format!("{errno}: "));
    assert!(
        remedy.is_some_and(|remedy| remedy.len() > 10),
        "{said}: {reason}"
    );
    // As one who prints the whole sees it.
    let whole = DmError::from(error.clone());
    assert_eq!(whole.context.errno, Some(errno), "{said}");
    assert!(whole.context.device.is_some(), "{said}");
    let report = whole.report();
    assert!(report.contains(&reason), "{said}: {report}");
    assert_eq!(report.lines().count(), 1, "{said}: {report}");
}

#[test]
fn each_errno_of_each_ioctl_leaves_the_stack_as_before() {
    let (calls, looking) = asked();
    for (at, call) in calls.into_iter().enumerate() {
        for errno in errnos(call) {
            for when in [When::Before, When::After] {
                let said = format!("{call:?}, number {at}, {when:?}: {errno:?}");
                let failed = run(vec![Fault {
                    at: at..at + 1,
                    of: all,
                    errno,
                    when,
                }]);
                let error = &failed.error;
                check_cause(error, call, errno, &said);
                assert_eq!(error.step.is_none(), at < looking, "{said}");
                assert!(error.undone.is_empty(), "{said}: {:?}", error.undone);
                assert_eq!(left(error), failed.other, "{said}: {error}");
                // A device that could not be made is not removed: it may be somebody else's.
                let made = matches!(&error.step, Some(step) if step.kind == StepKind::Create)
                    && when == When::After;
                assert_eq!(error.is_as_before(), !made, "{said}: {error}");
            }
        }
    }
}

#[test]
fn each_errno_while_a_step_is_taken_back_is_told_device_by_device() {
    let (calls, looking) = asked();
    let mut met = BTreeSet::new();
    for (at, call) in calls.into_iter().enumerate().skip(looking) {
        let fault = |at: usize, errno, when| Fault {
            at: at..at + 1,
            of: all,
            errno,
            when,
        };
        let first = || fault(at, Errno::ENOMEM, When::Before);
        let behind = run(vec![first()]).calls.into_iter().enumerate();
        for (second, back) in behind.skip(at + 1) {
            met.insert(back.number());
            let whens = [When::Before, When::After];
            for (errno, when) in errnos(back).flat_map(|it| whens.map(|when| (it, when))) {
                let then = fault(second, errno, when);
                let said = format!("{call:?}, number {at}, then {back:?}: {then:?}");
                let failed = run(vec![first(), then]);
                let (error, other) = (&failed.error, &failed.other);
                let listed = left(error);
                // What can not be looked at is listed, too.
                let unseen = usize::from(!row(back).changes);
                assert!(listed.is_superset(other), "{said}: {error}");
                assert!(listed.len() <= other.len() + unseen, "{said}: {error}");
                // What was not taken back keeps others from it, which fail with errnos of their own.
                let mut undone = error.undone.iter();
                let told = undone.any(|it| it.error.context.errno == Some(errno));
                assert!(told || other.is_empty(), "{said}: {error}");
            }
        }
    }
    // Nothing asks for these afterwards.
    met.insert(Call::TableDeps.number());
    let unmet = ROWS.iter().find(|row| !met.contains(&row.call.number()));
    assert!(unmet.is_none(), "{:?}", unmet.map(|row| row.call));
}

#[test]
fn driver_that_changes_nothing_any_more_is_told_device_by_device() {
    for (at, call) in asked().0.into_iter().enumerate() {
        for errno in errnos(call).filter(|_| row(call).changes) {
            let said = format!("{call:?}, number {at} and all changes behind it: {errno:?}");
            let failed = run(vec![Fault {
                at: at..usize::MAX,
                of: |call| row(call).changes,
                errno,
                when: When::Before,
            }]);
            let (error, other) = (&failed.error, &failed.other);
            check_cause(error, call, errno, &said);
            assert_eq!(left(error), *other, "{said}: {error}");
            assert!(
                other.is_empty() || !error.undone.is_empty(),
                "{said}: {error}"
            );
            for undo in &error.undone {
                assert_eq!(undo.error.context.errno, Some(errno), "{said}");
            }
            let text = error.to_string();
            assert!(
                other.iter().all(|it| text.contains(&**it)),
                "{said}: {text}"
            );
        }
    }
}

#[test]
fn driver_that_answers_nothing_any_more_leaves_each_device_unknown() {
    let (calls, looking) = asked();
    for (at, call) in calls.into_iter().enumerate() {
        let said = format!("{call:?}, number {at} and all behind it");
        let failed = run(vec![Fault {
            at: at..usize::MAX,
            of: all,
            errno: Errno::EACCES,
            when: When::Before,
        }]);
        let error = &failed.error;
        check_cause(error, call, Errno::EACCES, &said);
        match at < looking {
            true => assert!(
                error.step.is_none() && error.is_as_before(),
                "{said}: {error}"
            ),
            false => assert_eq!(
                left(error),
                DEVICES.map(String::from).into(),
                "{said}: {error}"
            ),
        }
    }
}
