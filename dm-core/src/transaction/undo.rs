//! How steps are taken back.

use super::member::{Becomes, Before, Member, Table};
use super::plan::StepKind;
use crate::backend::Backend;
use crate::client::Dm;
use crate::command::{Create, Load, RemoveMode, Slot, SuspendOptions};
use crate::error::{DmError, ErrorKind};

/// A command that takes part of a step back. Each may be given twice, and also where its step
/// failed half way.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Undo {
    /// The new device is removed.
    Remove,
    /// The removed device is made again, with its uuid and number.
    Create,
    /// Io is held, until what is below is as before.
    Suspend,
    /// The next resume makes or leaves the old table active: it is loaded, or the slot emptied.
    Table,
    /// Io goes on.
    Resume,
    /// The inactive slot holds what it held.
    Slot,
    /// Io is held if it was held.
    Held,
}

/// What takes each kind of step back, in this order. The steps themselves are taken back in the
/// reverse of theirs: so devices are held from the top down, before their old tables come back
/// from the bottom up.
pub const UNDO: &[(StepKind, &[Undo])] = &[
    (StepKind::Create, &[Undo::Remove]),
    (StepKind::Load, &[Undo::Slot]),
    // It goes with its device.
    (StepKind::Activate, &[]),
    (
        StepKind::Suspend,
        &[Undo::Table, Undo::Resume, Undo::Slot, Undo::Held],
    ),
    // The old table may not be used on what is below now.
    (StepKind::Swap, &[Undo::Suspend]),
    (
        StepKind::Remove,
        &[
            Undo::Create,
            Undo::Table,
            Undo::Resume,
            Undo::Slot,
            Undo::Held,
        ],
    ),
];

/// What takes a step of that kind back.
pub(super) fn undo_of(kind: StepKind) -> &'static [Undo] {
    let row = UNDO.iter().find(|row| row.0 == kind);
    row.map_or(&[], |row| row.1)
}

/// A member to be put back, and whether its table may be another than it was.
pub(super) struct Target<'a> {
    pub(super) member: &'a Member,
    pub(super) swapped: bool,
    pub(super) options: SuspendOptions,
}

impl Target<'_> {
    pub(super) fn undo<B: Backend>(&self, undo: Undo, dm: &Dm<B>) -> Result<(), DmError> {
        let id = || self.member.id();
        let Some(before) = &self.member.before else {
            return match (undo, &self.member.becomes) {
                (Undo::Remove, Becomes::New(..)) => dm.remove(id(), RemoveMode::IfUnused),
                (Undo::Slot, _) => dm.clear(id()).map(|_| ()),
                _ => Ok(()),
            };
        };
        // What was held all the time, with its table, stays so.
        let untouched = before.is_suspended() && !self.swapped;
        match undo {
            Undo::Remove => Ok(()),
            Undo::Create => match dm.info(id(), Slot::Active) {
                Err(error) if error.kind == ErrorKind::NotFound => self.create(before, dm),
                other => other.map(|_| ()),
            },
            Undo::Suspend => dm.suspend(id(), self.options).map(|_| ()),
            Undo::Table => match (&before.active, self.swapped) {
                (Some(table), true) => self.load(table, dm),
                (None, true) if matches!(self.member.becomes, Becomes::Swapped(_)) => {
                    Err(DmError::because(
                        ErrorKind::Invalid,
                        "it had no table, which a device that has one can not go back to",
                    )
                    .about("transaction", Some(self.member.name.as_str().into())))
                }
                _ => dm.clear(id()).map(|_| ()),
            },
            Undo::Resume if untouched || before.active.is_none() => Ok(()),
            Undo::Resume => dm.resume(id(), self.options).map(|_| ()),
            Undo::Slot => match &before.inactive {
                Some(table) => self.load(table, dm),
                None => dm.clear(id()).map(|_| ()),
            },
            Undo::Held if before.is_suspended() => dm.suspend(id(), self.options).map(|_| ()),
            Undo::Held => Ok(()),
        }
    }

    fn create<B: Backend>(&self, before: &Before, dm: &Dm<B>) -> Result<(), DmError> {
        let mut create = Create::new(self.member.name.clone()).minor(before.info.number.minor);
        create.uuid = before.info.uuid.clone();
        dm.create(create).map(|_| ())
    }

    fn load<B: Backend>(&self, table: &Table, dm: &Dm<B>) -> Result<(), DmError> {
        let mut load = Load::new(self.member.id(), table.lines.clone());
        load.mode = table.mode;
        dm.load(load).map(|_| ())
    }
}
