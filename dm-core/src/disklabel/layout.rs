//! Where the fields of a disklabel and of an MBR lie.
//!
//! # Source
//! `struct disklabel` in NetBSD's `sys/sys/disklabel.h`, `struct mbr_sector` in
//! `sys/sys/bootblock.h`.

/// What `magic` and `magic2` hold.
pub(super) const MAGIC_VALUE: u32 = 0x8256_4557;

// Bytes from the label's start on.
pub(super) const MAGIC: usize = 0;
pub(super) const TYPE: usize = 4;
pub(super) const SUBTYPE: usize = 6;
pub(super) const TYPENAME: usize = 8;
pub(super) const PACKNAME: usize = 24;
pub(super) const SECSIZE: usize = 40;
pub(super) const NSECTORS: usize = 44;
pub(super) const NTRACKS: usize = 48;
pub(super) const NCYLINDERS: usize = 52;
pub(super) const SECPERCYL: usize = 56;
pub(super) const SECPERUNIT: usize = 60;
pub(super) const SPARESPERTRACK: usize = 64;
pub(super) const SPARESPERCYL: usize = 66;
pub(super) const ACYLINDERS: usize = 68;
pub(super) const RPM: usize = 72;
pub(super) const INTERLEAVE: usize = 74;
pub(super) const TRACKSKEW: usize = 76;
pub(super) const CYLSKEW: usize = 78;
pub(super) const HEADSWITCH: usize = 80;
pub(super) const TRKSEEK: usize = 84;
pub(super) const FLAGS: usize = 88;
pub(super) const DRIVEDATA: usize = 92;
pub(super) const SPARE: usize = 112;
pub(super) const MAGIC2: usize = 132;
pub(super) const CHECKSUM: usize = 136;
pub(super) const NPARTITIONS: usize = 138;
pub(super) const BBSIZE: usize = 140;
pub(super) const SBSIZE: usize = 144;
pub(super) const PARTITIONS: usize = 148;

/// Bytes of a partition.
pub(super) const PARTITION_BYTES: usize = 16;

// Bytes from a partition's start on.
pub(super) const P_SIZE: usize = 0;
pub(super) const P_OFFSET: usize = 4;
pub(super) const P_FSIZE: usize = 8;
pub(super) const P_FSTYPE: usize = 12;
pub(super) const P_FRAG: usize = 13;
pub(super) const P_CPG: usize = 14;

// Bytes from the MBR's start on.
pub(super) const MBR_ENTRIES: usize = 446;
pub(super) const MBR_SIGNATURE: usize = 510;

/// What an MBR ends with.
pub(super) const MBR_SIGNATURE_BYTES: [u8; 2] = [0x55, 0xaa];

/// Bytes of an MBR's entry.
pub(super) const MBR_ENTRY_BYTES: usize = 16;

// Bytes from an entry's start on; the places between are cylinders, heads and sectors.
pub(super) const E_FLAG: usize = 0;
pub(super) const E_TYPE: usize = 4;
pub(super) const E_START: usize = 8;
pub(super) const E_SIZE: usize = 12;
