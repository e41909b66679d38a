//! integrity on disk: a superblock, a journal, and tags in runs between the data.
//!
//! # Source
//! `Documentation/admin-guide/device-mapper/dm-integrity.rst` and `drivers/md/dm-integrity.c`.

mod journal;
mod layout;
mod superblock;
mod tag;

pub use journal::{Journal, SectorView};
pub use layout::{Devices, Layout, LayoutError, Wanted};
pub use superblock::{Flags, SUPERBLOCK_SECTORS, Superblock, SuperblockError};
pub use tag::{TAG_HASHES, TagHash, TagHashError, tag_hash};
