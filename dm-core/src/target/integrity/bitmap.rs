//! Mode B: a bit on disk says where data and tags may differ, before they do.

use std::ops::Range;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use crate::blockdev::Blocking;
use crate::errno::Errno;
use crate::format::integrity::{BITMAP_BLOCK, Bitmap, Flags};
use crate::io::{Io, IoFlags, IoResult};
use crate::locks::lock;
use crate::target::Work;
use crate::units::{SECTOR_BYTES, Sector};

use super::core::Core;
use super::ranges::Ranges;

/// The bitmaps of a device.
pub(super) struct Bitmaps {
    pub(super) bits: Mutex<Bits>,
    /// Blocks of the bitmap that are being written.
    blocks: Ranges,
    pub(super) interval: Duration,
}

/// What bits there are.
pub(super) struct Bits {
    /// As it is, or is about to be, on disk.
    pub(super) stored: Bitmap,
    /// Where writes may go on: the bits are on disk.
    pub(super) may_write: Bitmap,
    /// Where tags are yet to be made.
    pub(super) stale: Bitmap,
}

impl Bitmaps {
    pub(super) fn new(empty: Bitmap, interval: Duration) -> Bitmaps {
        Bitmaps {
            bits: Mutex::new(Bits {
                stored: empty.clone(),
                may_write: empty.clone(),
                stale: empty,
            }),
            blocks: Ranges::default(),
            interval,
        }
    }
}

impl Bits {
    /// Clears the bits of these sectors everywhere.
    pub(super) fn clear(&mut self, sectors: &Range<u64>) {
        for bitmap in [&mut self.stored, &mut self.may_write, &mut self.stale] {
            bitmap.clear(sectors.clone());
        }
    }

    /// Sets the bits of these sectors everywhere.
    pub(super) fn set(&mut self, sectors: &Range<u64>) {
        for bitmap in [&mut self.stored, &mut self.may_write, &mut self.stale] {
            bitmap.set(sectors.clone());
        }
    }
}

impl Core {
    /// Does `work` once the bits of `range`, which the caller has, are on disk.
    pub(super) fn when_marked(
        self: &Arc<Self>,
        range: Range<u64>,
        work: impl FnOnce(Arc<Core>, IoResult) + Send + 'static,
    ) {
        let core = self.clone();
        let Some(bitmaps) = &self.parts.bitmaps else {
            return work(core, Ok(()));
        };
        let bits = lock(&bitmaps.bits);
        if bits.may_write.all(range.clone()) {
            drop(bits);
            return work(core, Ok(()));
        }
        let block = bits.stored.block_of(range.start) as u64;
        drop(bits);
        let mark: Work = Box::new(move || core.clone().mark(range, block, work));
        bitmaps.blocks.take(block..block + 1, mark);
    }

    /// Sets the bits of `range`, and writes the block of the bitmap that has them, which the caller has.
    fn mark(
        self: Arc<Self>,
        range: Range<u64>,
        block: u64,
        work: impl FnOnce(Arc<Core>, IoResult) + Send + 'static,
    ) {
        let Some(write) = self.marked_block(&range, block) else {
            return self.marked(range, block, Ok(()), work);
        };
        let core = self.clone();
        let write = write.on_complete(move |_, result| {
            core.marked(range, block, result, work);
        });
        self.meta().dev().submit(write);
    }

    /// The write that a block of the bitmap needs for `range`; `None` if somebody did it meanwhile.
    fn marked_block(&self, range: &Range<u64>, block: u64) -> Option<Io> {
        let mut bits = lock(&self.parts.bitmaps.as_ref()?.bits);
        if bits.may_write.all(range.clone()) {
            return None;
        }
        bits.stored.set(range.clone());
        let at = usize::try_from(block).ok()?;
        let bytes = bytes::Bytes::copy_from_slice(bits.stored.block(at));
        let write = Io::write(Sector(self.layout().journal().0 + block * BLOCK), bytes);
        Some(write.ok()?.with_flags(IoFlags::FUA))
    }

    fn marked(
        self: Arc<Self>,
        range: Range<u64>,
        block: u64,
        result: IoResult,
        work: impl FnOnce(Arc<Core>, IoResult) + Send + 'static,
    ) {
        match (&self.parts.bitmaps, result) {
            (Some(bitmaps), Ok(())) => {
                lock(&bitmaps.bits).may_write.set(range);
                self.keeper.due(bitmaps.interval);
            }
            (_, Err(error)) => self.fail(error.errno(), "writing the bitmap"),
            (None, _) => {}
        }
        if let Some(bitmaps) = &self.parts.bitmaps {
            bitmaps.blocks.give(&(block..block + 1), &*self.host);
        }
        work(self, result);
    }

    /// Clears the bits of what is durable, while nobody writes.
    pub(super) fn clear_bits(&self) {
        let Some(bitmaps) = &self.parts.bitmaps else {
            return;
        };
        let all = 0..self.layout().provided().0;
        self.requests.hold(all.clone());
        let cleared = self.flush_devices().and_then(|()| {
            let mut bits = lock(&bitmaps.bits);
            let superblock = lock(&self.superblock);
            let end = match superblock.flags.contains(Flags::RECALCULATING) {
                // A bit that is not done yet stays.
                true => {
                    superblock.recalculated.0 >> bits.stored.bit_shift() << bits.stored.bit_shift()
                }
                false => all.end,
            };
            drop(superblock);
            let done = 0..end.min(all.end);
            bits.stored.clear(done.clone());
            bits.may_write.clear(done);
            drop(bits);
            self.store_bits()
        });
        self.requests.give(&all, &*self.host);
        if let Err(error) = cleared {
            self.fail(error.errno(), "writing the bitmap");
        }
    }

    /// Writes the whole bitmap.
    pub(super) fn store_bits(&self) -> IoResult {
        let Some(bitmaps) = &self.parts.bitmaps else {
            return Ok(());
        };
        let bytes = lock(&bitmaps.bits).stored.bytes().to_vec();
        let at = self.layout().journal();
        self.meta().dev().write_at(at, &bytes, IoFlags::FUA)
    }

    /// The bitmap that is on disk, where the journal would be.
    pub(super) fn load_bits(&self, mut empty: Bitmap) -> Result<Bitmap, Errno> {
        let at = self.layout().journal();
        let read = self.meta().dev().read_at(at, empty.bytes_mut());
        read.map_err(|error| error.errno())?;
        Ok(empty)
    }
}

/// Sectors of a block of the bitmap.
const BLOCK: u64 = (BITMAP_BLOCK / SECTOR_BYTES) as u64;
