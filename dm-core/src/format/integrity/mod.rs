//! integrity on disk: a superblock, a journal, and tags in runs between the data.
//!
//! # Source
//! `Documentation/admin-guide/device-mapper/dm-integrity.rst` and `drivers/md/dm-integrity.c`.

mod bitmap;
mod journal;
mod layout;
mod replay;
mod superblock;
mod tag;
mod wanted;

pub use bitmap::{BITMAP_BLOCK, Bitmap};
pub use journal::{COMMIT_IDS, Journal, JournalMac, SectorView};
pub use layout::{Devices, Layout, LayoutError};
pub use replay::{JournalError, Replay, before, behind};
pub use superblock::{Flags, SUPERBLOCK_SECTORS, Superblock, SuperblockError};
pub use tag::{DISCARDED, TAG_HASHES, TagHash, TagHashError, tag_hash};
pub use wanted::Wanted;
