//! Kinds of disks and of partitions, by number and by name.
//!
//! # Source
//! `DKTYPE_DEFN` and `FSTYPE_DEFN` in NetBSD 10's `sys/sys/disklabel.h`.

use core::fmt;

/// What a label says its disk is. Unknown numbers are kept.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct DiskType(pub u16);

/// What a label says is on a partition. Unknown numbers are kept.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct FsType(pub u8);

/// The names of [`DiskType`]s, by number.
const DISK_TYPES: &[&str] = &[
    "unknown", "SMD", "MSCP", "old DEC", "SCSI", "ESDI", "ST506", "HP-IB", "HP-FL", "type 9",
    "floppy", "ccd", "vnd", "ATAPI", "RAID", "ld", "jfs", "cgd", "vinum", "flash", "dm", "rumpd",
    "md",
];

/// The names of [`FsType`]s, by number.
const FS_TYPES: &[&str] = &[
    "unused",
    "swap",
    "Version 6",
    "Version 7",
    "System V",
    "4.1BSD",
    "Eighth Edition",
    "4.2BSD",
    "MSDOS",
    "4.4LFS",
    "unknown",
    "HPFS",
    "ISO9660",
    "boot",
    "ADOS",
    "HFS",
    "FILECORE",
    "Linux Ext2",
    "NTFS",
    "RAID",
    "ccd",
    "jfs",
    "Apple UFS",
    "vinum",
    "UDF",
    "SysVBFS",
    "EFS",
    "NiLFS",
    "cgd",
    "MINIX FSv3",
    "VMware vmkcore",
    "VMware VMFS",
    "VMware Reserved",
    "ZFS",
];

impl DiskType {
    /// A disk of which nothing is known.
    pub const UNKNOWN: DiskType = DiskType(0);
    /// What NetBSD's device-mapper driver says that its devices are.
    pub const ESDI: DiskType = DiskType(5);

    /// Its name, if the number has one.
    pub fn name(self) -> Option<&'static str> {
        DISK_TYPES.get(usize::from(self.0)).copied()
    }
}

impl FsType {
    /// Not in use, or the raw partition.
    pub const UNUSED: FsType = FsType(0);
    /// In use for swapping.
    pub const SWAP: FsType = FsType(1);
    /// The fast file system.
    pub const BSDFFS: FsType = FsType(7);
    /// In use for something else.
    pub const OTHER: FsType = FsType(10);

    /// Its name, if the number has one.
    pub fn name(self) -> Option<&'static str> {
        FS_TYPES.get(usize::from(self.0)).copied()
    }

    /// The type that `text` names, whatever its case, or says as a number.
    pub fn from_name(text: &str) -> Option<FsType> {
        let known = FS_TYPES
            .iter()
            .position(|name| name.eq_ignore_ascii_case(text))
            .and_then(|number| u8::try_from(number).ok());
        known.or_else(|| text.parse().ok()).map(FsType)
    }
}

/// The name, or the number.
impl fmt::Display for DiskType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.name() {
            Some(name) => f.write_str(name),
            None => self.0.fmt(f),
        }
    }
}

/// The name, or the number.
impl fmt::Display for FsType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.name() {
            Some(name) => f.write_str(name),
            None => self.0.fmt(f),
        }
    }
}

#[cfg(test)]
mod tests {
    use alloc::string::ToString;

    use super::*;

    #[test]
    fn every_number_reads_back() {
        for number in 0..=u8::MAX {
            let kind = FsType(number);
            assert_eq!(FsType::from_name(&kind.to_string()), Some(kind));
        }
        assert_eq!(FsType::from_name("linux ext2"), Some(FsType(17)));
        assert_eq!(FsType::from_name("256"), None);
        assert_eq!(DiskType(5).to_string(), "ESDI");
        assert_eq!(DiskType(99).to_string(), "99");
    }
}
