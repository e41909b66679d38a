//! NetBSD disklabels and MBR tables: where they lie, what they say, and which sectors a table of
//! a mapped device must leave to them.
//!
//! # Shape
//! A [`Port`] of NetBSD knows its label's place. A [`Survey`] reads a disk's MBR and finds its
//! labels, of any port and in both byte orders. A [`Rule`] holds each segment of a table against
//! the sectors that belong to labels; [`Guarded`] is a driver that does so before each load.
//!
//! # Source
//! NetBSD's `sys/sys/disklabel.h`, `sys/sys/bootblock.h`, each port's `machine/disklabel.h`, and
//! dm(4) for the rule.

mod clash;
mod draft;
mod error;
mod guard;
#[cfg(feature = "std")]
mod host;
mod info;
mod label;
mod layout;
mod lines;
mod mbr;
mod names;
mod policy;
mod port;
mod survey;

use alloc::vec::Vec;

use crate::errno::Errno;
use crate::units::{SECTOR_BYTES, Sector, SectorCount};

pub use self::clash::{Clash, Keeper, Kept};
pub use self::draft::{Draft, front};
pub use self::error::{Fault, Field, LabelError, PartitionField};
pub use self::guard::{Guarded, Stacked};
#[cfg(feature = "std")]
pub use self::host::{HostDisks, HostReader};
pub use self::info::{DiskInfo, Geometry};
pub use self::label::{ByteOrder, FixedText, Label, Partition};
pub use self::lines::{Disk, Disks, Standing};
pub use self::mbr::{Mbr, MbrEntry, MbrError, MbrFault, MbrPartition, PartitionType};
pub use self::names::{DiskType, FsType};
pub use self::policy::{Policy, Rule, Unknown};
pub use self::port::{Place, Port};
pub use self::survey::{Damaged, Found, Survey};

/// The first sectors of a disk, and any other.
pub trait DiskReader {
    /// The disk's length, where it is known.
    fn size(&self) -> Option<SectorCount>;

    /// Reads the sector `at`.
    ///
    /// # Errors
    /// What the disk answers; past its end that is an error too.
    fn read(&mut self, at: Sector, into: &mut [u8; SECTOR_BYTES]) -> Result<(), Errno>;
}

/// A disk's image in memory. A partial last sector does not count.
impl DiskReader for &[u8] {
    fn size(&self) -> Option<SectorCount> {
        Some(SectorCount::from_bytes_floor(self.len() as u64))
    }

    fn read(&mut self, at: Sector, into: &mut [u8; SECTOR_BYTES]) -> Result<(), Errno> {
        let place = at.bytes().and_then(|start| usize::try_from(start).ok());
        let sector = place.and_then(|start| self.get(start..start.checked_add(SECTOR_BYTES)?));
        into.copy_from_slice(sector.ok_or(Errno::EIO)?);
        Ok(())
    }
}

/// A disk's image in memory that is its own.
impl DiskReader for Vec<u8> {
    fn size(&self) -> Option<SectorCount> {
        self.as_slice().size()
    }

    fn read(&mut self, at: Sector, into: &mut [u8; SECTOR_BYTES]) -> Result<(), Errno> {
        self.as_slice().read(at, into)
    }
}
