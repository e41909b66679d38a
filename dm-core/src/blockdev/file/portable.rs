//! What any Unix can do with a file: read and write.

use std::fs::File;
use std::io;
use std::os::fd::BorrowedFd;

use crate::blockdev::{Extent, ExtentKind, Limits};
use crate::units::{SectorCount, SectorRange};

/// Whether the file system did what it was asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(dead_code)] // Linux's answer can be yes
pub(super) enum Done {
    Yes,
    CanNot,
}

/// There is no way past the page cache that is known here.
pub(super) const DIRECT: Option<i32> = None;

/// Nothing is known of file systems.
pub(super) fn is_in_memory(_: &File) -> bool {
    false
}

/// There is no asking whether a read would wait.
pub(super) fn read_now(_: &File, _: &mut [u8], _: u64) -> bool {
    false
}

/// Nor whether it is in memory, to be moved from there.
pub(super) fn lend_now(_: &File, _: BorrowedFd<'_>, _: u64, _: SectorCount) -> bool {
    false
}

/// Nor are pages moved out of pipes.
pub(super) fn take_now(_: &File, _: BorrowedFd<'_>, _: u64, _: SectorCount) -> bool {
    false
}

/// The block sizes of a block device, which are not known here.
pub(super) fn block_limits(_: &File) -> Limits {
    Limits::DEFAULT
}

/// Gives the space of `range` up.
#[allow(clippy::unnecessary_wraps)] // as Linux's
pub(super) fn punch(_: &File, _: SectorRange) -> io::Result<Done> {
    Ok(Done::CanNot)
}

/// Makes `range` read as zeroes and keeps its space.
#[allow(clippy::unnecessary_wraps)] // as Linux's
pub(super) fn zero(_: &File, _: SectorRange) -> io::Result<Done> {
    Ok(Done::CanNot)
}

/// There is no telling a block device so that is known here.
#[allow(clippy::unnecessary_wraps)] // as Linux's
pub(super) fn discard(_: &File, _: SectorRange) -> io::Result<Done> {
    Ok(Done::CanNot)
}

/// Nor this.
#[allow(clippy::unnecessary_wraps)] // as Linux's
pub(super) fn zero_out(_: &File, _: SectorRange) -> io::Result<Done> {
    Ok(Done::CanNot)
}

/// All may be data.
#[allow(clippy::unnecessary_wraps)] // as Linux's
pub(super) fn extents(_: &File, range: SectorRange) -> io::Result<Vec<Extent>> {
    Ok(vec![Extent {
        range,
        kind: ExtentKind::Data,
    }])
}
