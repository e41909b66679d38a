//! What all requests of a device share.

use std::ops::Range;
use std::sync::atomic::{AtomicI32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use bytes::{Bytes, BytesMut};

use crate::component::Component;
use crate::errno::Errno;
use crate::format::integrity::{Flags, Layout, Superblock, TagHash};
use crate::io::{Io, IoData, IoResult};
use crate::locks::lock;
use crate::target::Host;
use crate::typed::integrity::Mode;
use crate::units::{SECTOR_BYTES, Sector};

use super::bitmap::Bitmaps;
use super::disk::{Head, JournalDisk};
use super::journal::Journaling;
use super::keeper::Keeper;
use super::ranges::Ranges;
use super::recalculate::{Maker, Recalculate};

/// What all requests share.
pub(super) struct Core {
    pub(super) host: Arc<dyn Host>,
    pub(super) parts: Parts,
    pub(super) superblock: Mutex<Superblock>,
    pub(super) keeper: Keeper,
    pub(super) maker: Maker,
    pub(super) mismatches: AtomicU64,
    /// The errno with which all fails from now on; 0 if nothing did.
    failed: AtomicI32,
    pub(super) requests: Ranges,
    /// Sectors of tags, in sectors of their device.
    pub(super) tags: Ranges,
}

/// What parameters and superblock say.
pub(super) struct Parts {
    pub(super) mode: Mode,
    pub(super) layout: Layout,
    /// What makes tags; without it, they would come with the requests.
    pub(super) hash: Option<Box<dyn TagHash>>,
    pub(super) data: Component,
    /// The tags' own device.
    pub(super) meta: Option<Component>,
    pub(super) discards: bool,
    pub(super) recalculate: Recalculate,
    pub(super) head: Head,
    pub(super) disk: JournalDisk,
    /// log2 of the sectors of a bit that the table asks for, of which bitmaps in use are.
    pub(super) bit_shift: u32,
    /// In mode J.
    pub(super) journaling: Option<Journaling>,
    /// In mode B.
    pub(super) bitmaps: Option<Bitmaps>,
}

/// Where the tags of a run of blocks are.
pub(super) struct Span {
    /// Sectors of the tags' device.
    pub(super) sectors: Range<u64>,
    /// The first tag's first byte in them.
    pub(super) skip: usize,
    pub(super) bytes: usize,
}

impl Core {
    /// A device that was not resumed yet.
    pub(super) fn new(host: Arc<dyn Host>, parts: Parts, superblock: Superblock) -> Core {
        Core {
            host,
            parts,
            superblock: Mutex::new(superblock),
            keeper: Keeper::default(),
            maker: Maker::default(),
            mismatches: AtomicU64::new(0),
            failed: AtomicI32::new(0),
            requests: Ranges::default(),
            tags: Ranges::default(),
        }
    }

    pub(super) fn layout(&self) -> &Layout {
        &self.parts.layout
    }

    pub(super) fn data(&self) -> &Component {
        &self.parts.data
    }

    /// The device that tags are on.
    pub(super) fn meta(&self) -> &Component {
        self.parts.meta.as_ref().unwrap_or(&self.parts.data)
    }

    /// Fails all from now on, as the kernel does where it can not tell any more what is right.
    pub(super) fn fail(&self, errno: Errno, what: &str) {
        if errno == Errno::EILSEQ {
            self.mismatches.fetch_add(1, Ordering::Relaxed);
        }
        let first =
            self.failed
                .compare_exchange(0, errno.linux(), Ordering::SeqCst, Ordering::SeqCst);
        if first.is_ok() {
            let device = self.data().number();
            tracing::error!(%device, %errno, what, "integrity: all requests fail from now on");
        }
    }

    /// With which errno all fails, if it does.
    pub(super) fn failure(&self) -> Option<Errno> {
        match self.failed.load(Ordering::SeqCst) {
            0 => None,
            errno => Some(Errno::from_linux(errno)),
        }
    }

    /// How a request ends that nothing else is wrong with.
    pub(super) fn result(&self) -> IoResult {
        match self.failure() {
            None => Ok(()),
            Some(errno) => Err(errno.into()),
        }
    }

    /// Changes the superblock, also on disk.
    pub(super) fn change_superblock(&self, change: impl FnOnce(&mut Superblock)) {
        let superblock = {
            let mut superblock = lock(&self.superblock);
            change(&mut superblock);
            superblock.clone()
        };
        self.store_superblock(&superblock);
    }

    /// Writes a superblock.
    pub(super) fn store_superblock(&self, superblock: &Superblock) {
        if self.failure().is_some() {
            return;
        }
        if let Err(error) = self.parts.head.write(superblock, self.parts.mode) {
            self.fail(error.errno(), "writing the superblock");
        }
    }

    /// The first sector whose tag is yet to be made, while tags are made.
    pub(super) fn recalculated(&self) -> Option<u64> {
        let superblock = lock(&self.superblock);
        let making = superblock.flags.contains(Flags::RECALCULATING);
        making.then_some(superblock.recalculated.0)
    }

    pub(super) fn block_bytes(&self) -> usize {
        SECTOR_BYTES << self.layout().block_shift()
    }

    /// Where the tags of a request are.
    pub(super) fn span(&self, io: &Io) -> Span {
        let blocks = io.range().length().0 >> self.layout().block_shift();
        let bytes = usize::try_from(blocks).unwrap_or_default() * self.layout().tag_size();
        self.span_of(io.range().start(), bytes)
    }

    /// Where so many bytes of tags are, the first of them that of the block at `first`.
    pub(super) fn span_of(&self, first: Sector, bytes: usize) -> Span {
        let first = self.layout().tag(first);
        let unit = SECTOR_BYTES as u64;
        Span {
            sectors: first / unit..(first + bytes as u64).div_ceil(unit),
            skip: usize::try_from(first % unit).unwrap_or_default(),
            bytes,
        }
    }

    /// The tags of blocks, of which the first is at `first`; nothing without a hash.
    pub(super) fn tags_of(&self, first: u64, blocks: &[u8]) -> Vec<u8> {
        let size = self.layout().tag_size();
        let each = self.block_bytes();
        let mut tags = vec![0; blocks.len() / each * size];
        if let Some(hash) = &self.parts.hash {
            let sectors = (first..).step_by(each / SECTOR_BYTES);
            let tags = tags.chunks_exact_mut(size);
            for ((sector, block), tag) in sectors.zip(blocks.chunks_exact(each)).zip(tags) {
                hash.tag(sector, block, tag);
            }
        }
        tags
    }
}

impl Span {
    /// A read of them.
    pub(super) fn read(&self) -> Option<Io> {
        let sectors = usize::try_from(self.sectors.end - self.sectors.start).ok()?;
        let buffer = BytesMut::zeroed(sectors * SECTOR_BYTES);
        Io::read(Sector(self.sectors.start), buffer).ok()
    }
}

/// The sectors of a request.
pub(super) fn sectors(io: &Io) -> Range<u64> {
    io.range().start().0..io.range().end().0
}

/// The bytes of a write, or the zeroes that it stands for.
pub(super) fn written(io: &Io) -> Bytes {
    match io.data() {
        IoData::Write(buffers) if buffers.len() == 1 => buffers[0].clone(),
        IoData::Write(buffers) => buffers.concat().into(),
        _ => vec![0; io.range().length().buffer_length().unwrap_or_default()].into(),
    }
}
