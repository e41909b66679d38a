//! Block devices: what a table maps onto, and what a mapped device itself is.

#[cfg(feature = "std")]
mod blocking;
#[cfg(feature = "std")]
mod cut;
#[cfg(feature = "std")]
mod fault;
#[cfg(feature = "std")]
mod file;
#[cfg(feature = "std")]
mod labelled;
#[cfg(feature = "std")]
mod mem;
#[cfg(feature = "std")]
pub mod nbd;
#[cfg(feature = "std")]
mod node;
mod quick;
#[cfg(feature = "std")]
mod record;

use alloc::vec::Vec;

use crate::io::{Io, IoError};
use crate::units::{Sector, SectorCount, SectorRange};

#[cfg(feature = "std")]
pub use blocking::Blocking;
#[cfg(feature = "std")]
pub use fault::{Fault, FaultDev, Then};
#[cfg(feature = "std")]
pub use file::{Caching, FileDev};
#[cfg(feature = "std")]
pub use labelled::LabelledDev;
#[cfg(feature = "std")]
pub use mem::MemDev;
#[cfg(feature = "std")]
pub use nbd::{NbdDev, Patience};
#[cfg(feature = "std")]
pub(crate) use node::{node_named, node_of};
pub use quick::{Haste, Quick};
#[cfg(feature = "std")]
pub use record::{RecordDev, Recorded};

/// A block device.
///
/// An implementor owes its users that
/// - every request completes exactly once, with the buffers that it came with;
/// - a completion may come on any thread and in any order, and within `submit`;
/// - `submit` holds no lock of the device's while a request completes;
/// - a completed flush means that all writes completed before its submission are durable, and a
///   completed FUA write is durable itself;
/// - a request outside of the device, or one that it can not do, fails and changes nothing.
pub trait BlockDev: Send + Sync {
    /// Starts a request.
    fn submit(&self, io: Io);

    /// Does a read or a write on the caller's thread, if that can be done so and goes well; whether
    /// it did.
    ///
    /// If not, the range is as if part of the request may have been done, and the caller submits
    /// the request whole: what is to be said of an error is said there. A device need not be able
    /// to do anything so.
    fn quick(&self, start: Sector, buffer: Quick<'_>, haste: Haste) -> bool {
        let _ = (start, buffer, haste);
        false
    }

    /// What the device is now. A mapped device's answer changes with its table.
    fn info(&self) -> DevInfo;

    /// What lies in `range`, in order and without gaps: the least that is known is one run of
    /// data.
    ///
    /// # Errors
    /// What the device answers, when it can not be asked.
    fn extents(&self, range: SectorRange) -> Result<Vec<Extent>, IoError> {
        Ok(alloc::vec![Extent {
            range,
            kind: ExtentKind::Data
        }])
    }
}

/// What a block device is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct DevInfo {
    /// Its length.
    pub size: SectorCount,
    /// Writes are refused.
    pub read_only: bool,
    /// What its requests must heed.
    pub limits: Limits,
    /// Seeks cost time.
    pub rotational: bool,
}

/// What a device's requests must heed, and what suits it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Limits {
    /// Bytes: requests start and end at multiples of it. A power of two from 512 up.
    pub logical_block: u32,
    /// Bytes: what the device writes at once.
    pub physical_block: u32,
    /// Bytes: the length that suits it best; 0 if it does not matter.
    pub optimal_io: u32,
    /// Discard does something.
    pub discard: bool,
    /// The tags that requests may carry, which the device keeps beside their data.
    pub tags: Option<TagFormat>,
}

/// Tags that a device keeps beside its data: the kernel's integrity profile.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TagFormat {
    /// Bytes of a tag.
    pub bytes: u16,
    /// Bytes of the data that has one.
    pub block: u32,
}

/// A run of sectors of one kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Extent {
    /// Where.
    pub range: SectorRange,
    /// What.
    pub kind: ExtentKind,
}

/// What lies in a run of sectors.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ExtentKind {
    /// Bytes that someone wrote, as far as is known.
    Data,
    /// Nothing is stored there, and it reads as zeroes.
    Hole,
    /// Space is allocated, and it reads as zeroes.
    Zero,
}

impl Limits {
    /// 512-byte blocks, no wishes, discard works.
    pub const DEFAULT: Limits = Limits {
        logical_block: 512,
        physical_block: 512,
        optimal_io: 0,
        discard: true,
        tags: None,
    };

    /// What holds for a device on top of both: the larger blocks, and discard if both have it, as
    /// in `dm_table_supports_discards` of the kernel.
    #[must_use]
    pub fn stacked(self, other: Limits) -> Limits {
        Limits {
            logical_block: self.logical_block.max(other.logical_block),
            physical_block: self.physical_block.max(other.physical_block),
            optimal_io: self.optimal_io.max(other.optimal_io),
            discard: self.discard && other.discard,
            // Which targets let tags through, a table knows.
            tags: None,
        }
    }
}

impl TagFormat {
    /// Bytes of the tags of so many bytes of data.
    pub fn length(self, bytes: usize) -> usize {
        let block = usize::try_from(self.block).unwrap_or(usize::MAX).max(1);
        bytes / block * usize::from(self.bytes)
    }
}

impl DevInfo {
    /// A writable device of `size` with default limits.
    pub const fn new(size: SectorCount) -> DevInfo {
        DevInfo {
            size,
            read_only: false,
            limits: Limits::DEFAULT,
            rotational: false,
        }
    }

    /// The whole device.
    pub const fn range(&self) -> SectorRange {
        SectorRange::from_zero(self.size)
    }
}

/// Puts neighbours of one kind together.
pub(crate) fn push_extent(extents: &mut Vec<Extent>, next: Extent) {
    if next.range.is_empty() {
        return;
    }
    if let Some(last) = extents.last_mut()
        && last.kind == next.kind
        && last.range.end() == next.range.start()
    {
        let length = SectorCount(last.range.length().0 + next.range.length().0);
        if let Some(joined) = SectorRange::new(last.range.start(), length) {
            last.range = joined;
            return;
        }
    }
    extents.push(next);
}
