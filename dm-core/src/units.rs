//! Positions and lengths on a block device. The unit is the 512-byte sector, always.

use core::fmt;
use core::ops::Add;

/// log2 of the bytes in a sector.
pub const SECTOR_SHIFT: u32 = 9;

/// Bytes in a sector, whatever the device's logical block size is.
pub const SECTOR_BYTES: usize = 1 << SECTOR_SHIFT;

/// A position on a device.
///
/// # Units
/// 512-byte sectors from the start of the device.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize), serde(transparent))]
pub struct Sector(pub u64);

/// A length on a device.
///
/// # Units
/// 512-byte sectors.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize), serde(transparent))]
pub struct SectorCount(pub u64);

/// A run of sectors whose end does not overflow.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct SectorRange {
    start: Sector,
    length: SectorCount,
}

impl Sector {
    /// The first sector of a device.
    pub const ZERO: Sector = Sector(0);

    /// The position in bytes, unless it overflows.
    pub const fn bytes(self) -> Option<u64> {
        self.0.checked_mul(SECTOR_BYTES as u64)
    }

    /// This position moved up by `count`, unless it overflows.
    pub const fn checked_add(self, count: SectorCount) -> Option<Sector> {
        match self.0.checked_add(count.0) {
            Some(sum) => Some(Sector(sum)),
            None => None,
        }
    }

    /// The distance from `origin` up to this position, if `origin` is not behind it.
    pub const fn since(self, origin: Sector) -> Option<SectorCount> {
        match self.0.checked_sub(origin.0) {
            Some(distance) => Some(SectorCount(distance)),
            None => None,
        }
    }
}

impl SectorCount {
    /// No sectors.
    pub const ZERO: SectorCount = SectorCount(0);

    /// The length in bytes, unless it overflows.
    pub const fn bytes(self) -> Option<u64> {
        self.0.checked_mul(SECTOR_BYTES as u64)
    }

    /// The whole sectors in `bytes`; a partial last sector does not count.
    pub const fn from_bytes_floor(bytes: u64) -> SectorCount {
        SectorCount(bytes >> SECTOR_SHIFT)
    }

    /// The length of a buffer, if it is a whole number of sectors.
    pub const fn from_buffer_length(bytes: usize) -> Option<SectorCount> {
        if bytes.is_multiple_of(SECTOR_BYTES) {
            Some(SectorCount((bytes / SECTOR_BYTES) as u64))
        } else {
            None
        }
    }

    /// The length in bytes as a buffer size, if such a buffer can exist.
    pub fn buffer_length(self) -> Option<usize> {
        usize::try_from(self.bytes()?).ok()
    }

    /// Whether there are no sectors.
    pub const fn is_zero(self) -> bool {
        self.0 == 0
    }
}

impl SectorRange {
    /// The run of `length` sectors from `start`, unless its end overflows.
    pub const fn new(start: Sector, length: SectorCount) -> Option<SectorRange> {
        match start.checked_add(length) {
            Some(_) => Some(SectorRange { start, length }),
            None => None,
        }
    }

    /// The first `length` sectors of a device.
    pub const fn from_zero(length: SectorCount) -> SectorRange {
        SectorRange {
            start: Sector::ZERO,
            length,
        }
    }

    /// The first sector.
    pub const fn start(self) -> Sector {
        self.start
    }

    /// The number of sectors.
    pub const fn length(self) -> SectorCount {
        self.length
    }

    /// The sector behind the last one.
    pub const fn end(self) -> Sector {
        Sector(self.start.0 + self.length.0)
    }

    /// Whether there are no sectors.
    pub const fn is_empty(self) -> bool {
        self.length.is_zero()
    }

    /// Whether `other` lies wholly within this run.
    pub const fn contains(self, other: SectorRange) -> bool {
        self.start.0 <= other.start.0 && other.end().0 <= self.end().0
    }

    /// The same length at another place, unless its end overflows.
    pub const fn moved_to(self, start: Sector) -> Option<SectorRange> {
        SectorRange::new(start, self.length)
    }

    /// The first `count` sectors and the rest.
    ///
    /// # Panics
    /// If `count` is more than the length.
    pub fn split_at(self, count: SectorCount) -> (SectorRange, SectorRange) {
        assert!(count <= self.length, "split of {self} at {count}");
        let middle = self.start + count;
        let rest = SectorCount(self.length.0 - count.0);
        (
            SectorRange {
                start: self.start,
                length: count,
            },
            SectorRange {
                start: middle,
                length: rest,
            },
        )
    }
}

impl Add<SectorCount> for Sector {
    type Output = Sector;

    /// The position moved up.
    ///
    /// # Panics
    /// On overflow, in every build: a wrapped position would be another place on the disk.
    fn add(self, count: SectorCount) -> Sector {
        self.checked_add(count)
            .expect("a sector position stays within 64 bits")
    }
}

impl fmt::Display for Sector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Display for SectorCount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// As `start+length`.
impl fmt::Display for SectorRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}+{}", self.start, self.length)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn range_that_overflows_is_none() {
        assert!(SectorRange::new(Sector(u64::MAX), SectorCount(1)).is_none());
        assert!(SectorRange::new(Sector(u64::MAX), SectorCount(0)).is_some());
    }

    #[test]
    fn buffers_are_whole_sectors() {
        assert_eq!(SectorCount::from_buffer_length(1024), Some(SectorCount(2)));
        assert_eq!(SectorCount::from_buffer_length(513), None);
    }

    #[test]
    fn split_keeps_every_sector() {
        let range = SectorRange::new(Sector(5), SectorCount(7)).unwrap();
        let (head, tail) = range.split_at(SectorCount(3));
        assert_eq!((head.start(), head.end()), (Sector(5), Sector(8)));
        assert_eq!((tail.start(), tail.end()), (Sector(8), Sector(12)));
    }
}
