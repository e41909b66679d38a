//! What NetBSD's driver says of a mapped device as a disk.

use crate::units::{SECTOR_SHIFT, SectorCount};

/// A mapped device's answer to the disk information request.
///
/// # Source
/// `DIOCGDISKINFO` of NetBSD's `sys/dev/dm`, as a running kernel answered it: a
/// dictionary with a `geometry` and a `type`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct DiskInfo {
    /// Its shape.
    pub geometry: Geometry,
    /// The kind of disk that it says it is.
    pub kind: &'static str,
}

/// The shape of a disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Geometry {
    /// Whole cylinders; 0 for a device that is shorter than one.
    pub cylinders: u64,
    /// Bytes a sector.
    pub sector_size: u32,
    /// Sectors a track.
    pub sectors_per_track: u32,
    /// Its length.
    pub sectors: SectorCount,
    /// Tracks a cylinder.
    pub tracks_per_cylinder: u32,
}

/// Bytes a sector.
pub(super) const SECTOR_SIZE: u32 = 1 << SECTOR_SHIFT;

/// Sectors a track.
pub(super) const SECTORS_PER_TRACK: u32 = 32;

/// Tracks a cylinder.
pub(super) const TRACKS_PER_CYLINDER: u32 = 64;

impl DiskInfo {
    /// What it is for a mapped device of `sectors`.
    pub fn of(sectors: SectorCount) -> DiskInfo {
        let per_cylinder = u64::from(SECTORS_PER_TRACK * TRACKS_PER_CYLINDER);
        DiskInfo {
            geometry: Geometry {
                cylinders: sectors.0 / per_cylinder,
                sector_size: SECTOR_SIZE,
                sectors_per_track: SECTORS_PER_TRACK,
                sectors,
                tracks_per_cylinder: TRACKS_PER_CYLINDER,
            },
            kind: "ESDI",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cylinders_are_whole_ones() {
        for (sectors, cylinders) in [(0, 0), (2047, 0), (2048, 1), (10240, 5)] {
            let info = DiskInfo::of(SectorCount(sectors));
            assert_eq!(info.geometry.cylinders, cylinders);
            assert_eq!(info.geometry.sectors, SectorCount(sectors));
        }
    }
}
