//! The device state machine: one table, one function.

use core::fmt;

use crate::errno::Errno;

/// A device's state, as far as its commands depend on it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct State {
    /// The active slot holds a table.
    pub active: bool,
    /// The inactive slot holds a table.
    pub inactive: bool,
    /// New io is held.
    pub suspended: bool,
    /// Someone has it open.
    pub open: bool,
    /// It goes when the last user closes it.
    pub deferred: bool,
}

/// What happens to a device.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Event {
    /// A table was built for it.
    Load,
    /// The inactive table is to go.
    Clear,
    /// Its io is to be held.
    Suspend,
    /// Its io is to go on, through the inactive table if there is one.
    Resume,
    /// The table that a resume took from the inactive slot is the active one.
    Swapped,
    /// The table that a resume took from the inactive slot could not be made active.
    SwapFailed,
    /// It is to go if nobody has it open.
    Remove,
    /// It is to go, now or when nobody has it open any more.
    RemoveDeferred,
    /// It is to go at once.
    RemoveForced,
    /// A deferred removal is called off.
    CancelRemove,
    /// Someone opens it.
    Open,
    /// The last user closed it.
    LastClose,
}

/// What a driver does about an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Action {
    /// Nothing but the change of state.
    None,
    /// The new table takes the inactive slot; the one that was there is dropped.
    StoreInactive,
    /// The inactive table is dropped.
    DropInactive,
    /// New io is held, and what is under way is waited for.
    Quiesce,
    /// Held io goes on.
    Release,
    /// The table leaves the inactive slot, the device is quiesced unless it is, and then the table
    /// becomes the active one ([`Event::Swapped`]) or goes back ([`Event::SwapFailed`]).
    Swap,
    /// Name, number and tables go.
    Destroy,
}

/// Why an event can not happen in a state.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
#[non_exhaustive]
pub enum Refusal {
    /// Someone has it open.
    #[error("the device is in use")]
    InUse,
    /// It is suspended and has no table to go on with.
    #[error("the device has no table")]
    NoTable,
}

/// One row of the transition table: when an event meets a state that fits `when`, then what.
///
/// In `when`, `None` fits both; in `then`, `None` leaves the field as it is. The fields are, in
/// order: active, inactive, suspended, open, deferred.
#[derive(Clone, Copy, Debug)]
pub struct Row {
    /// What happens.
    pub event: Event,
    /// The states that the row is for.
    pub when: [Option<bool>; 5],
    /// The fields that change, or why it can not be.
    pub then: Result<[Option<bool>; 5], Refusal>,
    /// What the driver does.
    pub action: Action,
}

const ANY: Option<bool> = None;
const KEEP: Option<bool> = None;
const YES: Option<bool> = Some(true);
const NO: Option<bool> = Some(false);

/// The transition table: the first row that fits decides, and each event has one for each state.
///
/// # Source
/// `drivers/md/dm-ioctl.c` and `dm_suspend`, `dm_resume`, `dm_lock_for_deletion` in
/// `drivers/md/dm.c`. `RemoveForced` is ours.
#[rustfmt::skip]
pub const ROWS: &[Row] = &[
    //                                  active inact. susp. open  defer.
    row(Event::Load,           [ANY, ANY, ANY, ANY, ANY], [KEEP, YES,  KEEP, KEEP, KEEP], Action::StoreInactive),
    row(Event::Clear,          [ANY, ANY, ANY, ANY, ANY], [KEEP, NO,   KEEP, KEEP, KEEP], Action::DropInactive),
    row(Event::Suspend,        [ANY, ANY, YES, ANY, ANY], [KEEP, KEEP, KEEP, KEEP, KEEP], Action::None),
    row(Event::Suspend,        [ANY, ANY, NO,  ANY, ANY], [KEEP, KEEP, YES,  KEEP, KEEP], Action::Quiesce),
    row(Event::Resume,         [ANY, YES, ANY, ANY, ANY], [KEEP, NO,   KEEP, KEEP, KEEP], Action::Swap),
    row(Event::Resume,         [ANY, NO,  NO,  ANY, ANY], [KEEP, KEEP, KEEP, KEEP, KEEP], Action::None),
    row(Event::Resume,         [YES, NO,  YES, ANY, ANY], [KEEP, KEEP, NO,   KEEP, KEEP], Action::Release),
    no (Event::Resume,         [NO,  NO,  YES, ANY, ANY], Refusal::NoTable),
    row(Event::Swapped,        [ANY, ANY, ANY, ANY, ANY], [YES,  KEEP, NO,   KEEP, KEEP], Action::Release),
    row(Event::SwapFailed,     [ANY, NO,  ANY, ANY, ANY], [KEEP, YES,  KEEP, KEEP, KEEP], Action::StoreInactive),
    row(Event::SwapFailed,     [ANY, YES, ANY, ANY, ANY], [KEEP, KEEP, KEEP, KEEP, KEEP], Action::None),
    row(Event::Remove,         [ANY, ANY, ANY, NO,  ANY], [NO,   NO,   KEEP, KEEP, NO],   Action::Destroy),
    no (Event::Remove,         [ANY, ANY, ANY, YES, ANY], Refusal::InUse),
    row(Event::RemoveDeferred, [ANY, ANY, ANY, NO,  ANY], [NO,   NO,   KEEP, KEEP, NO],   Action::Destroy),
    row(Event::RemoveDeferred, [ANY, ANY, ANY, YES, ANY], [KEEP, KEEP, KEEP, KEEP, YES],  Action::None),
    row(Event::RemoveForced,   [ANY, ANY, ANY, ANY, ANY], [NO,   NO,   KEEP, KEEP, NO],   Action::Destroy),
    row(Event::CancelRemove,   [ANY, ANY, ANY, ANY, ANY], [KEEP, KEEP, KEEP, KEEP, NO],   Action::None),
    row(Event::Open,           [ANY, ANY, ANY, ANY, ANY], [KEEP, KEEP, KEEP, YES,  KEEP], Action::None),
    row(Event::LastClose,      [ANY, ANY, ANY, ANY, YES], [NO,   NO,   KEEP, NO,   NO],   Action::Destroy),
    row(Event::LastClose,      [ANY, ANY, ANY, ANY, NO],  [KEEP, KEEP, KEEP, NO,   KEEP], Action::None),
];

/// What `event` makes of `state`, and what the driver does about it.
///
/// # Errors
/// [`Refusal`] if the event can not happen in that state, which then stays.
pub fn next(state: State, event: Event) -> Result<(State, Action), Refusal> {
    let now = state.fields();
    let row = ROWS
        .iter()
        .find(|row| row.event == event && fits(row.when, now))
        .expect("each event has a row for each state, as a test shows");
    let then = row.then?;
    let field = |at: usize| then[at].unwrap_or(now[at]);
    let [active, inactive, suspended, open, deferred] = [0, 1, 2, 3, 4].map(field);
    Ok((
        State {
            active,
            inactive,
            suspended,
            open,
            deferred,
        },
        row.action,
    ))
}

impl State {
    const fn fields(self) -> [bool; 5] {
        [
            self.active,
            self.inactive,
            self.suspended,
            self.open,
            self.deferred,
        ]
    }
}

impl Refusal {
    /// The errno that Linux's driver gives.
    pub const fn errno(self) -> Errno {
        match self {
            Refusal::InUse => Errno::EBUSY,
            Refusal::NoTable => Errno::EINVAL,
        }
    }
}

const fn row(
    event: Event,
    when: [Option<bool>; 5],
    then: [Option<bool>; 5],
    action: Action,
) -> Row {
    Row {
        event,
        when,
        then: Ok(then),
        action,
    }
}

const fn no(event: Event, when: [Option<bool>; 5], refusal: Refusal) -> Row {
    Row {
        event,
        when,
        then: Err(refusal),
        action: Action::None,
    }
}

fn fits(when: [Option<bool>; 5], now: [bool; 5]) -> bool {
    when.iter()
        .zip(now)
        .all(|(wanted, field)| wanted.is_none_or(|wanted| wanted == field))
}

/// A row as docs/states.md shows it.
impl fmt::Display for Row {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mark = |field: Option<bool>| match field {
            None => "·",
            Some(true) => "yes",
            Some(false) => "no",
        };
        write!(f, "| {:?} |", self.event)?;
        for field in self.when {
            write!(f, " {} |", mark(field))?;
        }
        match self.then {
            Ok(then) => {
                for field in then {
                    write!(f, " {} |", mark(field))?;
                }
                write!(f, " {:?} |", self.action)
            }
            Err(refusal) => write!(f, " | | | | | refused: {refusal} ({:?}) |", refusal.errno()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::string::ToString;
    use alloc::vec::Vec;

    const EVENTS: [Event; 12] = [
        Event::Load,
        Event::Clear,
        Event::Suspend,
        Event::Resume,
        Event::Swapped,
        Event::SwapFailed,
        Event::Remove,
        Event::RemoveDeferred,
        Event::RemoveForced,
        Event::CancelRemove,
        Event::Open,
        Event::LastClose,
    ];

    #[test]
    fn each_event_has_exactly_one_row_for_each_state() {
        for event in EVENTS {
            for bits in 0..32_u8 {
                let now = [1, 2, 4, 8, 16].map(|bit| bits & bit != 0);
                let rows = ROWS
                    .iter()
                    .filter(|row| row.event == event && fits(row.when, now));
                assert_eq!(rows.count(), 1, "{event:?} in {now:?}");
            }
        }
    }

    #[test]
    fn resume_without_any_table_is_refused_only_when_suspended() {
        let fresh = State::default();
        assert_eq!(next(fresh, Event::Resume), Ok((fresh, Action::None)));
        let held = State {
            suspended: true,
            ..fresh
        };
        assert_eq!(next(held, Event::Resume), Err(Refusal::NoTable));
    }

    #[test]
    fn deferred_device_goes_with_its_last_close() {
        let open = State {
            active: true,
            open: true,
            ..State::default()
        };
        let (waiting, action) = next(open, Event::RemoveDeferred).unwrap();
        assert_eq!((waiting.deferred, action), (true, Action::None));
        let (_, action) = next(waiting, Event::LastClose).unwrap();
        assert_eq!(action, Action::Destroy);
    }

    #[test]
    fn the_page_shows_each_row() {
        let page = include_str!("../../../docs/states.md");
        let (page, _) = page.split_once("\n## ").unwrap();
        let shown: Vec<&str> = page
            .lines()
            .filter(|line| line.starts_with("| "))
            .skip(1)
            .collect();
        let rows: Vec<_> = ROWS.iter().map(Row::to_string).collect();
        assert_eq!(shown, rows);
    }
}
