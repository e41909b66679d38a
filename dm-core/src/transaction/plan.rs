//! The steps of a transaction.

use alloc::vec;
use alloc::vec::Vec;
use core::fmt;

use super::Transaction;
use super::member::{Becomes, Member, twice};
use super::order::bottom_up;
use crate::backend::{Backend, Features};
use crate::client::Dm;
use crate::error::{DmError, ErrorKind};
use crate::names::DmName;

/// The steps of a transaction, in their order. Nothing was changed yet.
#[derive(Clone, Debug)]
pub struct Plan {
    pub(super) members: Vec<Member>,
    pub(super) steps: Vec<Planned>,
}

/// A step, and whose it is among the members.
#[derive(Clone, Copy, Debug)]
pub(super) struct Planned {
    pub(super) kind: StepKind,
    pub(super) member: usize,
}

/// A step: one command about one device.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct Step {
    /// What is done.
    pub kind: StepKind,
    /// To which device.
    pub device: DmName,
}

/// What a step does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum StepKind {
    /// Makes a device.
    Create,
    /// Puts a table into a device's inactive slot.
    Load,
    /// Makes a new device's table active.
    Activate,
    /// Holds a device's io.
    Suspend,
    /// Makes a suspended device's new table active, and lets io go on.
    Swap,
    /// Takes a device away.
    Remove,
}

impl Plan {
    /// The steps.
    pub fn steps(&self) -> impl Iterator<Item = Step> + '_ {
        self.steps.iter().map(|planned| self.step(*planned))
    }

    pub(super) fn step(&self, planned: Planned) -> Step {
        Step {
            kind: planned.kind,
            device: self.members[planned.member].name.clone(),
        }
    }
}

pub(super) fn plan<B: Backend>(wanted: &Transaction, dm: &Dm<B>) -> Result<Plan, DmError> {
    let members = wanted.goals.iter().map(|goal| Member::of(goal, dm));
    let members: Vec<Member> = members.collect::<Result<_, _>>()?;
    for (at, member) in members.iter().enumerate() {
        if members[..at].iter().any(|other| other.name == member.name) {
            return Err(twice(&member.name));
        }
    }
    let members = bottom_up(members)?;
    let swaps = |member: &Member| matches!(member.becomes, Becomes::Swapped(_));
    let capabilities = dm.capabilities();
    if members.iter().any(swaps) && !capabilities.features.contains(Features::SUSPEND) {
        let driver = capabilities.driver;
        let reason =
            alloc::format!("the driver {driver} does not hold io while tables are swapped");
        return Err(DmError::because(ErrorKind::Unsupported, reason).about("transaction", None));
    }
    let steps = steps(&members);
    Ok(Plan { members, steps })
}

/// When a device's table can be loaded.
#[derive(Clone, Copy, PartialEq)]
enum Time {
    /// Before anything is suspended.
    Early,
    /// Once what it stands on is as it will be.
    Late,
}

fn steps(members: &[Member]) -> Vec<Planned> {
    let mut times: Vec<Time> = vec![Time::Early; members.len()];
    for (at, member) in members.iter().enumerate() {
        let is_new = matches!(member.becomes, Becomes::New(..));
        let late = members[..at].iter().zip(&times).any(|(below, time)| {
            member.will_stand_on(below)
                && match below.becomes {
                    Becomes::New(..) => *time == Time::Late,
                    // A new device would be used through the old table; another that is loaded now
                    // would be held against the old length.
                    Becomes::Swapped(_) => is_new || below.grows() || *time == Time::Late,
                    Becomes::Removed => false,
                }
        });
        if late {
            times[at] = Time::Late;
        }
    }
    let mut steps = Vec::new();
    let mut push = |kind, member| steps.push(Planned { kind, member });
    let all = || members.iter().zip(&times).enumerate();
    for (at, (member, time)) in all() {
        match (&member.becomes, time) {
            (Becomes::New(..), Time::Early) => {
                for kind in [StepKind::Create, StepKind::Load, StepKind::Activate] {
                    push(kind, at);
                }
            }
            (Becomes::New(..), Time::Late) => push(StepKind::Create, at),
            (Becomes::Swapped(_), Time::Early) => push(StepKind::Load, at),
            _ => {}
        }
    }
    for (at, (member, _)) in all().rev() {
        if matches!(member.becomes, Becomes::Swapped(_)) {
            push(StepKind::Suspend, at);
        }
    }
    for (at, (member, time)) in all() {
        if *time == Time::Late {
            push(StepKind::Load, at);
        }
        match member.becomes {
            Becomes::Swapped(_) => push(StepKind::Swap, at),
            Becomes::New(..) if *time == Time::Late => push(StepKind::Activate, at),
            _ => {}
        }
    }
    for (at, (member, _)) in all().rev() {
        if matches!(member.becomes, Becomes::Removed) {
            push(StepKind::Remove, at);
        }
    }
    steps
}

impl StepKind {
    /// Its word, as in messages.
    pub const fn word(self) -> &'static str {
        match self {
            StepKind::Create => "create",
            StepKind::Load => "load",
            StepKind::Activate => "activate",
            StepKind::Suspend => "suspend",
            StepKind::Swap => "swap",
            StepKind::Remove => "remove",
        }
    }
}

/// Such as `swap vol0`.
impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.kind.word(), self.device)
    }
}
