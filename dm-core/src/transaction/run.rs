//! Doing the steps, and taking them back.

use alloc::boxed::Box;
use alloc::vec;
use alloc::vec::Vec;
use std::time::Instant;

use super::error::{FailedUndo, Left, TransactionError};
use super::member::{Becomes, Member};
use super::plan::{Plan, StepKind};
use super::undo::{Target, Undo, undo_of};
use super::{Report, Step};
use crate::backend::Backend;
use crate::client::Dm;
use crate::command::{Load, RemoveMode, SuspendOptions};
use crate::error::{DmError, ErrorKind};

pub(super) fn run<B: Backend>(
    plan: Plan,
    dm: &Dm<B>,
    options: SuspendOptions,
) -> Result<Report, TransactionError> {
    let mut report = Report {
        steps: Vec::with_capacity(plan.steps.len()),
        suspended: std::time::Duration::ZERO,
        held: Vec::new(),
    };
    let mut since: Vec<Option<Instant>> = vec![None; plan.members.len()];
    let mut first = None;
    for (at, planned) in plan.steps.iter().enumerate() {
        let member = &plan.members[planned.member];
        let start = Instant::now();
        if let Err(error) = act(planned.kind, member, dm, options) {
            let step = plan.step(*planned);
            return Err(take_back(&plan, at, step, error, dm, options));
        }
        report.steps.push((plan.step(*planned), start.elapsed()));
        match planned.kind {
            StepKind::Suspend => {
                since[planned.member] = Some(start);
                first = first.or(Some(start));
            }
            StepKind::Swap => {
                let held = since[planned.member].map(|since| since.elapsed());
                let name = member.name.clone();
                report.held.extend(held.map(|held| (name, held)));
                report.suspended = first.map_or(report.suspended, |first| first.elapsed());
            }
            _ => {}
        }
    }
    Ok(report)
}

fn act<B: Backend>(
    kind: StepKind,
    member: &Member,
    dm: &Dm<B>,
    options: SuspendOptions,
) -> Result<(), DmError> {
    let id = member.id();
    match (kind, &member.becomes) {
        (StepKind::Create, Becomes::New(create, _)) => dm.create(create.clone()).map(|_| ()),
        (StepKind::Load, Becomes::New(_, table) | Becomes::Swapped(table)) => {
            let mut load = Load::new(id, table.lines.clone());
            load.mode = table.mode;
            dm.load(load).map(|_| ())
        }
        (StepKind::Suspend, _) => dm.suspend(id, options).map(|_| ()),
        (StepKind::Activate | StepKind::Swap, _) => dm.resume(id, options).map(|_| ()),
        (StepKind::Remove, _) => dm.remove(id, RemoveMode::IfUnused),
        (StepKind::Create | StepKind::Load, _) => {
            let reason = "the plan has a step that its device does not";
            Err(DmError::because(ErrorKind::Invalid, reason))
        }
    }
}

/// Takes back the steps up to the one that failed, which may have done part of its work.
fn take_back<B: Backend>(
    plan: &Plan,
    failed: usize,
    step: Step,
    cause: DmError,
    dm: &Dm<B>,
    options: SuspendOptions,
) -> TransactionError {
    let mut undone = Vec::new();
    for at in (0..=failed).rev() {
        let planned = plan.steps[at];
        // A device of that name that could not be made is somebody else's.
        if at == failed && planned.kind == StepKind::Create {
            continue;
        }
        let behind = plan.steps[..=failed].iter();
        let mut moved = behind.filter(|other| other.member == planned.member);
        let target = Target {
            member: &plan.members[planned.member],
            swapped: moved.any(|it| matches!(it.kind, StepKind::Swap | StepKind::Remove)),
            options,
        };
        for undo in undo_of(planned.kind) {
            if let Err(error) = target.undo(*undo, dm) {
                undone.push(FailedUndo {
                    undo: *undo,
                    device: target.member.name.clone(),
                    error,
                });
                // A device whose old table is not to be had stays held: its new one does not fit.
                if matches!(undo, Undo::Table | Undo::Create) {
                    break;
                }
            }
        }
    }
    let left = plan.members.iter().filter_map(|it| Left::of(it, dm));
    TransactionError {
        step: Some(step),
        left: left.collect(),
        undone,
        cause: Box::new(cause),
    }
}
