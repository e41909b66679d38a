//! Tags are made for what is there, while requests go on.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::blockdev::Blocking;
use crate::errno::Errno;
use crate::format::integrity::{Flags, Superblock};
use crate::io::IoResult;
use crate::locks::lock;
use crate::units::{SECTOR_BYTES, Sector};

use super::core::Core;
use super::worker::Worker;

/// Sectors that are done at once, and in whose steps the superblock goes on.
const AT_ONCE: u64 = 32768;
/// Steps after which the superblock is written.
const STEPS: u32 = 16;

/// Whether tags are to be made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Recalculate {
    /// Where the superblock says so.
    AsBefore,
    /// If they never were.
    Once,
    /// From the start.
    Anew,
}

impl Recalculate {
    /// Has tags made from the start, if the table says so and none are being made.
    pub(super) fn begin_in(self, superblock: &mut Superblock) {
        if self != Recalculate::AsBefore && !superblock.flags.contains(Flags::RECALCULATING) {
            superblock.begin_recalculating();
        }
    }
}

/// The thread that makes them.
#[derive(Default)]
pub(super) struct Maker {
    worker: Worker,
    stop: AtomicBool,
}

impl Maker {
    /// Starts it.
    pub(super) fn start(&self, core: &Arc<Core>) {
        let ready = || self.stop.store(false, Ordering::SeqCst);
        let served = core.clone();
        let work = move || served.make_tags();
        if let Err(error) = self.worker.start("dm-recalculate", ready, work) {
            core.fail(Errno::from(&error), "starting a thread");
        }
    }

    /// Ends it, and waits for the step that it is at.
    pub(super) fn stop(&self) {
        self.worker.stop(|| self.stop.store(true, Ordering::SeqCst));
    }
}

impl Core {
    fn make_tags(&self) {
        let mut steps = 0;
        while !self.maker.stop.load(Ordering::SeqCst) && self.failure().is_none() {
            let provided = self.layout().provided().0;
            let Some(first) = self.recalculated().filter(|first| *first < provided) else {
                self.tags_are_made();
                break;
            };
            let area = self.layout().area().0;
            let end = (first + AT_ONCE).min(provided);
            // No step reaches over a run of tags.
            let end = match self.layout().run() {
                Some(_) => end.min((first / area + 1) * area),
                None => end,
            };
            self.requests.hold(first..end);
            let made = self.make(first, end);
            if made.is_ok() {
                lock(&self.superblock).recalculated = Sector(end);
            }
            self.requests.give(&(first..end), &*self.host);
            if let Err(error) = made {
                self.fail(error.errno(), "making tags");
            }
            steps += 1;
            if steps == STEPS {
                steps = 0;
                self.store_progress();
            }
        }
        self.store_progress();
    }

    /// Makes the tags of a step.
    fn make(&self, first: u64, end: u64) -> IoResult {
        let (from, to) = match &self.parts.bitmaps {
            None => (first, end),
            Some(bitmaps) => {
                let bits = lock(&bitmaps.bits);
                let step = usize::try_from(self.layout().block().0).unwrap_or(1);
                let stale = |sector: &u64| !bits.stale.none(*sector..*sector + 1);
                let mut found = (first..end).step_by(step).filter(stale);
                let Some(from) = found.next() else {
                    return Ok(());
                };
                (from, found.last().unwrap_or(from) + step as u64)
            }
        };
        let bytes = usize::try_from(to - from).unwrap_or_default() * SECTOR_BYTES;
        let mut data = vec![0; bytes];
        let at = self.layout().data(Sector(from));
        self.data().dev().read_at(at, &mut data)?;
        let tags = self.tags_of(from, &data);
        self.put_tags(Sector(from), &tags)?;
        if let Some(bitmaps) = &self.parts.bitmaps {
            let mut bits = lock(&bitmaps.bits);
            let shift = bits.stale.bit_shift();
            // The bit that the step ends in is not done.
            bits.stale
                .clear(first >> shift << shift..end >> shift << shift);
        }
        Ok(())
    }

    fn tags_are_made(&self) {
        if let Some(bitmaps) = &self.parts.bitmaps {
            let all = 0..self.layout().provided().0;
            lock(&bitmaps.bits).stale.clear(all);
            self.keeper.due(std::time::Duration::ZERO);
        }
    }

    fn store_progress(&self) {
        if let Err(error) = self.flush_devices() {
            return self.fail(error.errno(), "flushing");
        }
        let superblock = lock(&self.superblock).clone();
        self.store_superblock(&superblock);
    }
}
