//! What a transaction fails with.

use alloc::boxed::Box;
use alloc::string::ToString;
use alloc::vec::Vec;
use core::fmt;

use super::Step;
use super::member::{Before, Member, Table};
use super::undo::Undo;
use crate::backend::Backend;
use crate::client::Dm;
use crate::error::{DmError, ErrorKind};
use crate::names::DmName;

/// A transaction that was not made.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub struct TransactionError {
    /// The step that failed; none if it did not get so far as to change anything.
    pub step: Option<Step>,
    /// Why.
    #[source]
    pub cause: Box<DmError>,
    /// What could not be taken back, and why.
    pub undone: Vec<FailedUndo>,
    /// The devices that are not as before. If there is none, all is as before.
    pub left: Vec<Left>,
}

/// A command that was to take something back, and failed.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct FailedUndo {
    /// What was to be done.
    pub undo: Undo,
    /// To which device.
    pub device: DmName,
    /// Why it was not.
    pub error: DmError,
}

/// A device that is not as before.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Left {
    /// Its name.
    pub device: DmName,
    /// What is otherwise.
    pub found: Found,
}

/// What is otherwise about a device.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Found {
    /// It can not be looked at.
    Unknown(DmError),
    /// It is there, and was not.
    Made,
    /// It is gone.
    Gone,
    /// It is suspended, and was not.
    Suspended,
    /// It is not suspended, and was.
    Running,
    /// Its active table is another.
    Active,
    /// Its inactive slot holds something else.
    Inactive,
}

impl TransactionError {
    /// Nothing was changed.
    pub(super) fn before(cause: DmError) -> TransactionError {
        TransactionError {
            step: None,
            cause: Box::new(cause),
            undone: Vec::new(),
            left: Vec::new(),
        }
    }

    /// Whether all devices are as before.
    pub fn is_as_before(&self) -> bool {
        self.left.is_empty()
    }
}

impl Left {
    /// What is other about a member than before, if anything is.
    pub(super) fn of<B: Backend>(member: &Member, dm: &Dm<B>) -> Option<Left> {
        let found = match (&member.before, Before::of(&member.id(), dm)) {
            (None, Err(error)) if error.kind == ErrorKind::NotFound => return None,
            (Some(_), Err(error)) if error.kind == ErrorKind::NotFound => Found::Gone,
            (_, Err(error)) => Found::Unknown(error),
            (None, Ok(_)) => Found::Made,
            (Some(before), Ok(now)) => different(before, &now)?,
        };
        let device = member.name.clone();
        Some(Left { device, found })
    }
}

fn different(before: &Before, now: &Before) -> Option<Found> {
    let lines = |table: &Option<Table>| table.as_ref().map(|it| it.lines.clone());
    if before.is_suspended() != now.is_suspended() {
        return Some(match now.is_suspended() {
            true => Found::Suspended,
            false => Found::Running,
        });
    }
    if lines(&before.active) != lines(&now.active) {
        return Some(Found::Active);
    }
    (lines(&before.inactive) != lines(&now.inactive)).then_some(Found::Inactive)
}

/// One line: which step failed, and how the devices are.
impl fmt::Display for TransactionError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.step {
            None => return f.write_str("nothing was changed"),
            Some(step) => write!(f, "{step} failed; ")?,
        }
        if self.left.is_empty() {
            return f.write_str("all devices are as before");
        }
        f.write_str("not as before: ")?;
        for (at, left) in self.left.iter().enumerate() {
            let comma = if at == 0 { "" } else { ", " };
            write!(f, "{comma}{} ({})", left.device, left.found)?;
        }
        Ok(())
    }
}

impl fmt::Display for Found {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Found::Unknown(error) => return f.write_str(&error.reason()),
            Found::Made => "it is there",
            Found::Gone => "it is gone",
            Found::Suspended => "it is suspended",
            Found::Running => "it is not suspended",
            Found::Active => "it has another table",
            Found::Inactive => "its inactive slot is another",
        })
    }
}

impl From<TransactionError> for DmError {
    fn from(error: TransactionError) -> DmError {
        let context = &error.cause.context;
        let (device, errno) = (context.device.clone(), context.errno);
        let step = error.step.as_ref().map(|step| step.device.to_string());
        let device = step.or(device);
        let kind = error.cause.kind;
        let failure = DmError::new(kind).with_source(error);
        let failure = failure.about("transaction", device);
        match errno {
            Some(errno) => failure.with_errno(errno),
            None => failure,
        }
    }
}
