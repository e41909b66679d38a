//! What Linux can do with a file beyond reading and writing.

use std::fs::File;
use std::io::{self, IoSliceMut};
use std::os::fd::BorrowedFd;
use std::os::unix::fs::MetadataExt;

use rustix::fs::{FallocateFlags, SeekFrom};
use rustix::io::ReadWriteFlags;
use rustix::pipe::SpliceFlags;

use crate::blockdev::{Extent, Limits};
use crate::sys;
use crate::units::{SECTOR_SHIFT, SectorCount, SectorRange};

use super::extents_by_search;

/// Whether the file system did what it was asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Done {
    Yes,
    CanNot,
}

/// What opens a file past the page cache.
pub(super) const DIRECT: Option<i32> = Some(rustix::fs::OFlags::DIRECT.bits().cast_signed());

/// Whether a file's bytes are nowhere but in memory, swapped out perhaps: its file system does not tell whether a
/// read would wait.
///
/// # Source
/// `TMPFS_MAGIC` of linux/magic.h.
pub(super) fn is_in_memory(file: &File) -> bool {
    const TMPFS: i128 = 0x0102_1994;
    // Its type is not everywhere the same.
    rustix::fs::fstatfs(file).is_ok_and(|system| i128::from(system.f_type) == TMPFS)
}

/// Reads what the page cache holds, if it holds all of it.
pub(super) fn read_now(file: &File, buffer: &mut [u8], at: u64) -> bool {
    let wanted = buffer.len();
    let mut slices = [IoSliceMut::new(buffer)];
    rustix::io::preadv2(file, &mut slices, at, ReadWriteFlags::NOWAIT) == Ok(wanted)
}

/// Moves what the page cache holds into a pipe, if it holds all of it and the pipe has room.
///
/// What the kernel drops in between is read anew, for which this waits; that is rare.
pub(super) fn lend_now(
    file: &File,
    pipe: BorrowedFd<'_>,
    mut at: u64,
    sectors: SectorCount,
) -> bool {
    let bytes = sectors.buffer_length();
    bytes.is_some_and(|bytes| {
        sys::is_cached(file, at, bytes as u64)
            && until_moved(bytes, |left| {
                rustix::pipe::splice(file, Some(&mut at), pipe, None, left, SpliceFlags::NONBLOCK)
            })
    })
}

/// Stores what a pipe holds; false if some of it is there still.
pub(super) fn take_now(
    file: &File,
    pipe: BorrowedFd<'_>,
    mut at: u64,
    sectors: SectorCount,
) -> bool {
    let bytes = sectors.buffer_length();
    bytes.is_some_and(|bytes| {
        until_moved(bytes, |left| {
            rustix::pipe::splice(pipe, None, file, Some(&mut at), left, SpliceFlags::NONBLOCK)
        })
    })
}

/// Moves until nothing is left; false if something is, and no more can be moved.
fn until_moved(mut left: usize, mut some: impl FnMut(usize) -> rustix::io::Result<usize>) -> bool {
    while left > 0 {
        match some(left) {
            Ok(0) => return false,
            Ok(moved) => left -= moved.min(left),
            Err(rustix::io::Errno::INTR) => {}
            Err(_) => return false,
        }
    }
    true
}

/// The block sizes of a block device, and whether it discards.
pub(super) fn block_limits(file: &File) -> Limits {
    let logical = rustix::fs::ioctl_blksszget(file).unwrap_or(512).max(512);
    let physical = rustix::fs::ioctl_blkpbszget(file)
        .unwrap_or(512)
        .max(logical);
    Limits {
        logical_block: logical,
        physical_block: physical,
        discard: discards(file),
        ..Limits::DEFAULT
    }
}

/// Whether the kernel says that a block device discards; a partition's disk says it for it.
fn discards(file: &File) -> bool {
    let Ok(metadata) = file.metadata() else {
        return true;
    };
    let number = metadata.rdev();
    let (major, minor) = (rustix::fs::major(number), rustix::fs::minor(number));
    let most = ["", "../"].into_iter().find_map(|disk| {
        let path = format!("/sys/dev/block/{major}:{minor}/{disk}queue/discard_max_bytes");
        std::fs::read_to_string(path).ok()
    });
    most.is_none_or(|bytes| bytes.trim() != "0")
}

/// Gives the space of `range` up; it reads as zeroes.
pub(super) fn punch(file: &File, range: SectorRange) -> io::Result<Done> {
    allocate(file, FallocateFlags::PUNCH_HOLE, range)
}

/// Makes `range` read as zeroes and keeps its space.
pub(super) fn zero(file: &File, range: SectorRange) -> io::Result<Done> {
    allocate(file, FallocateFlags::ZERO_RANGE, range)
}

/// Tells a block device that `range` is needed no more.
pub(super) fn discard(file: &File, range: SectorRange) -> io::Result<Done> {
    until_done(range, |at, length| sys::discard(file, at, length))
}

/// Makes `range` of a block device read as zeroes, which its driver or the kernel writes.
pub(super) fn zero_out(file: &File, range: SectorRange) -> io::Result<Done> {
    until_done(range, |at, length| sys::zero_out(file, at, length))
}

fn allocate(file: &File, flags: FallocateFlags, range: SectorRange) -> io::Result<Done> {
    until_done(range, |at, length| {
        rustix::fs::fallocate(file, flags | FallocateFlags::KEEP_SIZE, at, length)
    })
}

/// Asks the system until it is not interrupted.
fn until_done(
    range: SectorRange,
    ask: impl Fn(u64, u64) -> rustix::io::Result<()>,
) -> io::Result<Done> {
    let (at, length) = (
        range.start().0 << SECTOR_SHIFT,
        range.length().0 << SECTOR_SHIFT,
    );
    loop {
        match ask(at, length) {
            Ok(()) => return Ok(Done::Yes),
            Err(rustix::io::Errno::INTR) => {}
            Err(rustix::io::Errno::OPNOTSUPP | rustix::io::Errno::NOSYS) => {
                return Ok(Done::CanNot);
            }
            Err(error) => return Err(error.into()),
        }
    }
}

/// Where a regular file has data and where holes.
pub(super) fn extents(file: &File, range: SectorRange) -> io::Result<Vec<Extent>> {
    let search = |from: SeekFrom| match rustix::fs::seek(file, from) {
        Ok(at) => Ok(Some(at)),
        Err(rustix::io::Errno::NXIO) => Ok(None),
        Err(error) => Err(io::Error::from(error)),
    };
    let data = |at| search(SeekFrom::Data(at));
    extents_by_search(range, data, |at| search(SeekFrom::Hole(at)))
}
