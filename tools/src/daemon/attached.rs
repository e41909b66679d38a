//! Which of the daemon's devices are block devices of this system's, and in what state.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Mutex, MutexGuard};

use dm_core::devid::DevNo;
use dm_core::error::ErrorKind;

use crate::failure::Failure;
use crate::ublk::NamedUblk;

use super::lock_state;

/// A block device, as a journal knows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Block {
    /// Its number among the driver's.
    pub(super) number: u32,
    /// Whose it is.
    pub(super) mark: u64,
}

/// How far a device is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Phase {
    /// It is no block device.
    Absent,
    /// Its block device is being made.
    Starting,
    /// Its block device is served.
    Served,
    /// Its block device was a daemon's before, and waits until the device has a table.
    Waiting,
    /// Its block device, which was a daemon's before, is being adopted.
    Adopting,
    /// Its block device ends.
    Ending,
}

/// What happens to a device's block device.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Event {
    /// Somebody wants it.
    Attach,
    /// A daemon that restores finds it in its journal.
    Restore,
    /// The device has an active table.
    Table,
    /// Its users are let in.
    Begun,
    /// They are not.
    Failed,
    /// Somebody does not want it any more.
    Detach,
    /// The device was removed by force.
    Removed,
    /// It is gone.
    Ended,
}

/// What the daemon does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Action {
    None,
    /// Makes the block device, or adopts it.
    Start,
    /// Ends the block device.
    End,
}

/// Why it does not.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Refusal {
    #[error("the device is attached already")]
    Attached,
    #[error("the device is not attached")]
    NotAttached,
    #[error("the device is being attached")]
    Starting,
    #[error("the device is being detached")]
    Ending,
}

/// What an event does to a device of a phase. Where there is no row, it does nothing.
struct Row {
    event: Event,
    when: Phase,
    then: Result<(Phase, Action), Refusal>,
}

const ROWS: &[Row] = &[
    row(Event::Attach, Phase::Absent, Phase::Starting, Action::Start),
    row(
        Event::Attach,
        Phase::Waiting,
        Phase::Adopting,
        Action::Start,
    ),
    no(Event::Attach, Phase::Served, Refusal::Attached),
    no(Event::Attach, Phase::Starting, Refusal::Starting),
    no(Event::Attach, Phase::Adopting, Refusal::Starting),
    no(Event::Attach, Phase::Ending, Refusal::Ending),
    row(Event::Restore, Phase::Absent, Phase::Waiting, Action::None),
    row(Event::Table, Phase::Waiting, Phase::Adopting, Action::Start),
    row(Event::Begun, Phase::Starting, Phase::Served, Action::None),
    row(Event::Begun, Phase::Adopting, Phase::Served, Action::None),
    row(Event::Failed, Phase::Starting, Phase::Absent, Action::None),
    row(Event::Failed, Phase::Adopting, Phase::Waiting, Action::None),
    row(Event::Detach, Phase::Served, Phase::Ending, Action::End),
    row(Event::Detach, Phase::Waiting, Phase::Ending, Action::End),
    no(Event::Detach, Phase::Absent, Refusal::NotAttached),
    no(Event::Detach, Phase::Starting, Refusal::Starting),
    no(Event::Detach, Phase::Adopting, Refusal::Starting),
    no(Event::Detach, Phase::Ending, Refusal::Ending),
    row(Event::Removed, Phase::Served, Phase::Ending, Action::End),
    row(Event::Removed, Phase::Waiting, Phase::Ending, Action::End),
    row(Event::Ended, Phase::Ending, Phase::Absent, Action::None),
];

const fn row(event: Event, when: Phase, then: Phase, action: Action) -> Row {
    Row {
        event,
        when,
        then: Ok((then, action)),
    }
}

const fn no(event: Event, when: Phase, refusal: Refusal) -> Row {
    Row {
        event,
        when,
        then: Err(refusal),
    }
}

/// What becomes of a device of phase `now`, and what is to be done.
pub(super) fn next(now: Phase, event: Event) -> Result<(Phase, Action), Refusal> {
    let mut rows = ROWS.iter();
    let row = rows.find(|row| row.event == event && row.when == now);
    row.map_or(Ok((now, Action::None)), |row| row.then)
}

/// A row as docs/states.md shows it.
impl fmt::Display for Row {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "| {:?} | {:?} |", self.event, self.when)?;
        match self.then {
            Ok((then, action)) => write!(f, " {then:?} | {action:?} |"),
            Err(refusal) => write!(f, " | refused: {refusal} |"),
        }
    }
}

impl From<Refusal> for Failure {
    fn from(refusal: Refusal) -> Failure {
        let kind = match refusal {
            Refusal::Attached => ErrorKind::Exists,
            Refusal::NotAttached => ErrorKind::NotFound,
            Refusal::Starting | Refusal::Ending => ErrorKind::Busy,
        };
        Failure::because(kind, refusal.to_string())
    }
}

/// A device that is attached, or about to be.
pub(super) struct Entry {
    pub(super) phase: Phase,
    /// Known from when it is made on.
    pub(super) block: Option<Block>,
    /// While it is served.
    pub(super) served: Option<NamedUblk>,
    /// What is not as it should be.
    pub(super) problem: Option<String>,
}

/// The devices that are attached. Its lock is held for moments, and never while the driver is asked
/// for what may wait for requests.
#[derive(Default)]
pub(super) struct Attached {
    entries: Mutex<BTreeMap<DevNo, Entry>>,
}

impl Attached {
    /// All of them.
    pub(super) fn entries(&self) -> MutexGuard<'_, BTreeMap<DevNo, Entry>> {
        lock_state(&self.entries)
    }

    /// Lets `event` happen to a device, and says what is to be done.
    pub(super) fn step(&self, device: DevNo, event: Event) -> Result<Action, Refusal> {
        step(&mut self.entries(), device, event)
    }

    /// Lets `event` happen to a device, and gives what was served of it if that is to be ended.
    pub(super) fn take(
        &self,
        device: DevNo,
        event: Event,
    ) -> Result<(Action, Option<NamedUblk>), Refusal> {
        let mut entries = self.entries();
        let action = step(&mut entries, device, event)?;
        let ended = entries.get_mut(&device).filter(|_| action == Action::End);
        Ok((action, ended.and_then(|entry| entry.served.take())))
    }

    /// The users of a device's block device are let in, or that failed.
    pub(super) fn started(&self, device: DevNo, started: Result<NamedUblk, String>) {
        let mut entries = self.entries();
        let event = match &started {
            Ok(_) => Event::Begun,
            Err(_) => Event::Failed,
        };
        // Neither is refused.
        let _ = step(&mut entries, device, event);
        if let Some(entry) = entries.get_mut(&device) {
            match started {
                Ok(named) => (entry.served, entry.problem) = (Some(named), None),
                Err(problem) => entry.problem = Some(problem),
            }
        }
    }

    /// The numbers and marks of those that have them, by their minor numbers, as a journal keeps
    /// them: from before the driver has users of theirs until it has none any more.
    pub(super) fn blocks(&self) -> BTreeMap<u32, Block> {
        let entries = self.entries();
        let known = entries.iter();
        known
            .filter_map(|(device, entry)| Some((device.minor, entry.block?)))
            .collect()
    }
}

fn step(
    entries: &mut BTreeMap<DevNo, Entry>,
    device: DevNo,
    event: Event,
) -> Result<Action, Refusal> {
    let now = entries
        .get(&device)
        .map_or(Phase::Absent, |entry| entry.phase);
    let (phase, action) = next(now, event)?;
    if phase == Phase::Absent {
        entries.remove(&device);
        return Ok(action);
    }
    let entry = entries.entry(device).or_insert(Entry {
        phase,
        block: None,
        served: None,
        problem: None,
    });
    entry.phase = phase;
    Ok(action)
}

#[cfg(test)]
mod tests {
    use super::*;

    const PHASES: [Phase; 6] = [
        Phase::Absent,
        Phase::Starting,
        Phase::Served,
        Phase::Waiting,
        Phase::Adopting,
        Phase::Ending,
    ];

    #[test]
    fn no_event_has_two_rows_for_a_phase() {
        for (at, row) in ROWS.iter().enumerate() {
            let same = |other: &&Row| (other.event, other.when) == (row.event, row.when);
            assert_eq!(ROWS.iter().filter(same).count(), 1, "row {at}: {row}");
        }
    }

    #[test]
    fn attach_and_detach_are_answered_in_every_phase() {
        for phase in PHASES {
            for event in [Event::Attach, Event::Detach] {
                let (then, action) = match next(phase, event) {
                    Ok(done) => done,
                    Err(_) => continue,
                };
                assert_ne!((then, action), (phase, Action::None), "{event:?} {phase:?}");
            }
        }
    }

    #[test]
    fn page_shows_each_row() {
        let page = include_str!("../../../docs/states.md");
        let (_, page) = page.split_once("\n## Attached\n").unwrap();
        let shown = page.lines().filter(|line| line.starts_with("| ")).skip(1);
        let rows: Vec<_> = ROWS.iter().map(Row::to_string).collect();
        assert_eq!(shown.collect::<Vec<_>>(), rows);
    }

    #[test]
    fn journal_knows_a_block_device_until_it_is_gone() {
        let attached = Attached::default();
        let device = DevNo {
            major: 253,
            minor: 3,
        };
        let block = Block { number: 1, mark: 7 };
        attached.step(device, Event::Restore).unwrap();
        attached.entries().get_mut(&device).unwrap().block = Some(block);
        assert_eq!(attached.step(device, Event::Detach), Ok(Action::End));
        assert_eq!(attached.blocks(), BTreeMap::from([(3, block)]));
        assert_eq!(attached.step(device, Event::Ended), Ok(Action::None));
        assert_eq!(attached.blocks(), BTreeMap::new());
        assert!(attached.entries().is_empty());
    }
}
