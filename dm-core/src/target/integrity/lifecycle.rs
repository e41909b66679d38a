//! What a device does when it begins, and when it ends.

use std::sync::Arc;

use crate::errno::Errno;
use crate::format::integrity::{Bitmap, Flags, behind};
use crate::locks::lock;
use crate::typed::integrity::Mode;
use crate::units::Sector;

use super::bitmap::Bitmaps;
use super::core::Core;
use super::recalculate::Recalculate;

impl Core {
    /// Requests are about to come.
    ///
    /// # Source
    /// `dm_integrity_resume` in `drivers/md/dm-integrity.c`.
    pub(super) fn begin(self: &Arc<Self>) {
        if self.parts.mode == Mode::Recovery {
            return;
        }
        self.look_again();
        let provided = self.layout().provided();
        let grown_from = lock(&self.superblock).provided;
        if grown_from != provided {
            self.resize(grown_from.0);
        }
        let dirty = lock(&self.superblock).flags.contains(Flags::DIRTY_BITMAP);
        match (&self.parts.bitmaps, dirty) {
            (Some(bitmaps), true) => self.begin_dirty(bitmaps),
            (None, true) => self.leave_bitmap(),
            (bitmaps, false) => {
                self.replay();
                // Tags are to be made from the start, if the table says so.
                if self.parts.recalculate == Recalculate::Anew {
                    self.recalculate_all();
                }
                if let Some(bitmaps) = bitmaps {
                    self.begin_clean(bitmaps);
                }
            }
        }
        if self.parts.journaling.is_some() || self.parts.bitmaps.is_some() {
            self.keeper.start(self);
        }
        match self.recalculated() {
            Some(at) if at < provided.0 => self.maker.start(self),
            Some(at) if at > provided.0 => self.change_superblock(|superblock| {
                superblock.recalculated = Sector(provided.0);
            }),
            _ => {}
        }
    }

    /// Takes from the superblock what another table of this device may have changed since it was read.
    fn look_again(&self) {
        let now = match self.parts.head.read() {
            Ok(Some(now)) => now,
            // It went away: what was read once holds.
            Ok(None) => return,
            Err(error) => return self.fail(error.told().0, "reading the superblock"),
        };
        let mut superblock = lock(&self.superblock);
        superblock.flags = now.flags;
        superblock.bit_shift = now.bit_shift;
        superblock.recalculated = now.recalculated;
        self.parts.recalculate.begin_in(&mut superblock);
    }

    /// The device has another length than it had.
    fn resize(&self, before: u64) {
        let provided = self.layout().provided();
        if let Some(bitmaps) = &self.parts.bitmaps
            && before < provided.0
            && u32::from(lock(&self.superblock).bit_shift) == self.bit_shift()
        {
            let empty = Bitmap::new(self.layout(), self.parts.bit_shift);
            match self.load_bits(empty) {
                Ok(stored) => {
                    let mut bits = lock(&bitmaps.bits);
                    bits.stored = stored;
                    bits.stored.set(before..provided.0);
                }
                Err(errno) => self.fail(errno, "reading the bitmap"),
            }
            self.store_bits_or_fail();
        }
        self.change_superblock(|superblock| superblock.provided = provided);
    }

    /// log2 of the blocks of a bit, which is what a superblock says.
    fn bit_shift(&self) -> u32 {
        self.parts.bit_shift - u32::from(self.layout().block_shift())
    }

    /// Mode B, where a bitmap tells what was being written.
    fn begin_dirty(&self, bitmaps: &Bitmaps) {
        let all = 0..self.layout().provided().0;
        let shift = self.bit_shift();
        let same = u32::from(lock(&self.superblock).bit_shift) == shift;
        if same && self.parts.recalculate != Recalculate::Anew {
            let empty = Bitmap::new(self.layout(), self.parts.bit_shift);
            let stored = match self.load_bits(empty) {
                Ok(stored) => stored,
                Err(errno) => return self.fail(errno, "reading the bitmap"),
            };
            let clean = stored.none(all);
            let mut bits = lock(&bitmaps.bits);
            bits.stale = stored.clone();
            bits.may_write = stored.clone();
            bits.stored = stored;
            drop(bits);
            if !clean {
                self.recalculate_all();
            }
        } else {
            lock(&self.superblock).bit_shift = u8::try_from(shift).unwrap_or(u8::MAX);
            lock(&bitmaps.bits).set(&all);
            self.store_bits_or_fail();
            self.recalculate_all();
        }
        self.change_superblock(|_| {});
    }

    /// Mode B, from now on.
    fn begin_clean(&self, bitmaps: &Bitmaps) {
        let shift = u8::try_from(self.bit_shift()).unwrap_or(u8::MAX);
        self.change_superblock(|superblock| {
            superblock.flags.insert(Flags::DIRTY_BITMAP);
            superblock.bit_shift = shift;
        });
        let all = 0..self.layout().provided().0;
        {
            let mut bits = lock(&bitmaps.bits);
            bits.clear(&all);
            if let Some(made) = self.recalculated()
                && made < all.end
            {
                bits.set(&(made..all.end));
            }
        }
        self.store_bits_or_fail();
    }

    /// Another mode, where a bitmap tells what was being written: a journal takes its place.
    fn leave_bitmap(&self) {
        let shift = u32::from(lock(&self.superblock).bit_shift);
        let shift = shift + u32::from(self.layout().block_shift());
        let fits = shift == self.parts.bit_shift;
        let clean = fits
            && self
                .load_bits(Bitmap::new(self.layout(), shift))
                .is_ok_and(|stored| stored.none(0..self.layout().provided().0));
        if !clean || self.parts.recalculate == Recalculate::Anew {
            self.recalculate_all();
        }
        self.clear_journal(0, 0);
        self.replay();
        self.change_superblock(|superblock| superblock.flags.remove(Flags::DIRTY_BITMAP));
    }

    fn recalculate_all(&self) {
        lock(&self.superblock).begin_recalculating();
    }

    fn store_bits_or_fail(&self) {
        if self.failure().is_none()
            && let Err(error) = self.store_bits()
        {
            self.fail(error.errno(), "writing the bitmap");
        }
    }

    /// Empties the journal: from `section` on this round, before it the next.
    fn clear_journal(&self, section: u32, round: usize) {
        if self.failure().is_some() {
            return;
        }
        let (disk, count) = (&self.parts.disk, self.layout().sections());
        let cleared = disk
            .clear(section, count - section, round)
            .and_then(|()| disk.clear(0, section, behind(round)));
        if let Err(error) = cleared {
            self.fail(error.errno(), "writing the journal");
        }
    }

    /// No request is under way any more.
    ///
    /// # Source
    /// `dm_integrity_postsuspend` in `drivers/md/dm-integrity.c`.
    pub(super) fn end(&self) {
        self.maker.stop();
        if !self.keeper.runs() {
            return;
        }
        self.keeper.stop();
        self.commit();
        if let Some(journaling) = &self.parts.journaling {
            self.write_out();
            let mut state = lock(&journaling.state);
            // There are none but where the device is taken away under its users.
            let lost = state.give_up_waiting();
            let (section, round) = (state.free_section(), state.round);
            let wrote = std::mem::take(&mut state.wrote);
            drop(state);
            for io in lost {
                io.complete(Err(Errno::EIO.into()));
            }
            if wrote {
                self.clear_journal(section, round);
            }
        }
        if self.parts.bitmaps.is_some() {
            if let Err(error) = self.flush_devices() {
                self.fail(error.errno(), "flushing");
            }
            self.clear_journal(0, 0);
            self.change_superblock(|superblock| superblock.flags.remove(Flags::DIRTY_BITMAP));
        }
    }

    /// The time is over after which all is committed, or bits are cleared.
    pub(super) fn due(&self) {
        match &self.parts.bitmaps {
            None => self.commit(),
            Some(_) => self.clear_bits(),
        }
    }
}
