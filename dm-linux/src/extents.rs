//! Where a file's bytes are on its device.
//!
//! # Source
//! `Documentation/filesystems/fiemap.rst`, `linux/fiemap.h`.

use dm_core::errno::Errno;
use dm_core::units::{Sector, SectorCount, SectorRange};
use rustix::fd::AsFd;

use crate::sys;

/// What is asked and answered: `struct fiemap` with room for extents behind it.
#[derive(Clone, Debug)]
#[repr(C)]
pub(crate) struct Fiemap {
    start: u64,
    length: u64,
    flags: u32,
    mapped: u32,
    pub(crate) room: u32,
    reserved: u32,
    extents: [Extent; Self::ROOM as usize],
}

/// `struct fiemap_extent`.
#[derive(Clone, Copy, Debug, Default)]
#[repr(C)]
struct Extent {
    logical: u64,
    physical: u64,
    length: u64,
    reserved: [u64; 2],
    flags: u32,
    more: [u32; 3],
}

const _: () = assert!(size_of::<Extent>() == 56);
const _: () = assert!(size_of::<Fiemap>() == Fiemap::HEAD + 56 * Fiemap::ROOM as usize);

impl Fiemap {
    /// Bytes before the extents.
    pub(crate) const HEAD: usize = 32;
    /// How many extents one call can tell.
    pub(crate) const ROOM: u32 = 64;

    fn from(start: u64) -> Fiemap {
        Fiemap {
            start,
            length: u64::MAX - start,
            flags: SYNC,
            mapped: 0,
            room: Self::ROOM,
            reserved: 0,
            extents: [Extent::default(); Self::ROOM as usize],
        }
    }
}

/// The file is written out first (`FIEMAP_FLAG_SYNC`).
const SYNC: u32 = 1;
/// The file's last extent (`FIEMAP_EXTENT_LAST`).
const LAST: u32 = 1;
/// It has no place yet, or none that can be told (`FIEMAP_EXTENT_UNKNOWN`, `_DELALLOC`).
const NOWHERE: u32 = 2 | 4;
/// Its bytes stand among the file system's own, or are no plain ones (`FIEMAP_EXTENT_NOT_ALIGNED`).
const NOT_ALIGNED: u32 = 0x100;

/// What a btrfs says that it is (`BTRFS_SUPER_MAGIC`); the places that it tells are not its device's.
const BTRFS: u64 = 0x9123_683e;

/// The sectors of its device that a file's bytes are in, in the order of the file; what is beside
/// each other in both is one run. Of a file without such sectors there are none.
///
/// # Errors
/// What its file system says; `EOPNOTSUPP` from one that can not tell.
pub fn of(file: impl AsFd) -> Result<Vec<SectorRange>, Errno> {
    if sys::file_system(&file)? == BTRFS {
        return Err(Errno::EOPNOTSUPP);
    }
    gather(|start| {
        let mut map = Fiemap::from(start);
        sys::fiemap(&file, &mut map)?;
        let mapped = map.mapped.min(Fiemap::ROOM);
        Ok(map.extents.into_iter().take(mapped as usize).collect())
    })
}

/// Gathers what is told from a byte on, call after call.
fn gather(
    mut told: impl FnMut(u64) -> Result<Vec<Extent>, Errno>,
) -> Result<Vec<SectorRange>, Errno> {
    let mut runs: Vec<(u64, u64)> = Vec::new();
    let mut start = 0;
    loop {
        let extents = told(start)?;
        let Some(end) = extents.last().copied() else {
            break;
        };
        for extent in &extents {
            if extent.flags & (NOWHERE | NOT_ALIGNED) != 0 || extent.length == 0 {
                continue;
            }
            match runs.last_mut() {
                Some((first, length)) if first.checked_add(*length) == Some(extent.physical) => {
                    *length += extent.length;
                }
                _ => runs.push((extent.physical, extent.length)),
            }
        }
        let next = end.logical.saturating_add(end.length);
        // A file system that does not go on would be asked for ever.
        if end.flags & LAST != 0 || next <= start {
            break;
        }
        start = next;
    }
    let sectors = |(first, length): (u64, u64)| {
        let first = Sector(SectorCount::from_bytes_floor(first).0);
        SectorRange::new(first, SectorCount::from_bytes_floor(length))
    };
    let sectors: Option<Vec<SectorRange>> = runs.into_iter().map(sectors).collect();
    sectors.ok_or(Errno::EIO)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn extent(logical: u64, physical: u64, length: u64, flags: u32) -> Extent {
        Extent {
            logical,
            physical,
            length,
            flags,
            ..Extent::default()
        }
    }

    fn gathered(calls: Vec<Vec<Extent>>) -> Vec<(u64, u64)> {
        let mut calls = calls.into_iter();
        let runs = gather(|_| Ok(calls.next().unwrap_or_default())).unwrap();
        let numbers = |run: &SectorRange| (run.start().0, run.length().0);
        runs.iter().map(numbers).collect()
    }

    #[test]
    fn extents_beside_each_other_are_one_run() {
        let first = vec![extent(0, 8192, 4096, 0), extent(4096, 12288, 4096, 0)];
        let second = vec![extent(8192, 16384, 512, 0), extent(8704, 65536, 512, LAST)];
        assert_eq!(gathered(vec![first, second]), [(16, 17), (128, 1)]);
    }

    #[test]
    fn what_has_no_place_is_left_out() {
        let all = vec![
            extent(0, 0, 4096, 4),
            extent(4096, 12288, 4096, 0),
            extent(8192, 3, 100, NOT_ALIGNED | LAST),
        ];
        assert_eq!(gathered(vec![all]), [(24, 8)]);
    }

    #[test]
    fn file_system_that_never_ends_is_asked_once() {
        let same = || vec![extent(0, 8192, 0, 0)];
        assert_eq!(gathered(vec![same(), same()]), []);
    }

    #[test]
    fn file_without_a_place_has_none() {
        // Of procfs, no file has.
        let file = std::fs::File::open("/proc/self/status").unwrap();
        assert_eq!(of(&file), Err(Errno::EOPNOTSUPP));
    }
}
