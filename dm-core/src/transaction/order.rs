//! Which device stands on which.

use alloc::format;
use alloc::string::ToString;
use alloc::vec;
use alloc::vec::Vec;

use super::member::{Becomes, Member};
use crate::error::{DmError, ErrorKind};

/// How far a device is in the walk.
#[derive(Clone, Copy, PartialEq)]
enum Mark {
    New,
    Below,
    Done,
}

/// The devices from the bottom up: each behind those that its old or its new table stands on.
pub(super) fn bottom_up(members: Vec<Member>) -> Result<Vec<Member>, DmError> {
    let mut marks = vec![Mark::New; members.len()];
    let mut order = Vec::with_capacity(members.len());
    for at in 0..members.len() {
        walk(&members, at, &mut marks, &mut order)?;
    }
    let mut members: Vec<Option<Member>> = members.into_iter().map(Some).collect();
    let taken = order.into_iter().filter_map(|at| members[at].take());
    Ok(taken.collect())
}

fn walk(
    members: &[Member],
    at: usize,
    marks: &mut [Mark],
    order: &mut Vec<usize>,
) -> Result<(), DmError> {
    let member = &members[at];
    match marks[at] {
        Mark::Done => return Ok(()),
        Mark::Below => return Err(invalid(member, "its tables stand on it".into())),
        Mark::New => marks[at] = Mark::Below,
    }
    for (below, other) in members.iter().enumerate() {
        let will = member.will_stand_on(other);
        if will && matches!(other.becomes, Becomes::Removed) {
            let reason = format!("its new table stands on {}, which is removed", other.name);
            return Err(invalid(member, reason));
        }
        if will || member.stood_on(other) {
            walk(members, below, marks, order)?;
        }
    }
    marks[at] = Mark::Done;
    order.push(at);
    Ok(())
}

fn invalid(member: &Member, reason: alloc::string::String) -> DmError {
    DmError::because(ErrorKind::Invalid, reason).about("transaction", Some(member.name.to_string()))
}
