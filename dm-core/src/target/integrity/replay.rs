//! What a journal held when its device was last closed goes to its place.

use crate::blockdev::Blocking;
use crate::errno::Errno;
use crate::format::integrity::{Replay, behind};
use crate::io::{IoFlags, IoResult};
use crate::locks::lock;
use crate::typed::integrity::Mode;
use crate::units::{SECTOR_BYTES, Sector};

use super::core::Core;
use super::journal::State;

impl Core {
    /// Replays the journal, and lets it go on from there, or empty.
    ///
    /// # Source
    /// `replay_journal` in `drivers/md/dm-integrity.c`.
    pub(super) fn replay(&self) {
        let mut memory = match self.parts.disk.read() {
            Ok(memory) => memory,
            Err(error) => return self.fail(error.errno(), "reading the journal"),
        };
        let journal = self.parts.disk.journal;
        let replay = match Replay::of(&journal, &memory) {
            Ok(replay) => replay,
            Err(error) => {
                tracing::error!(%error, "integrity: the journal can not be replayed");
                return self.fail(Errno::EIO, "reading the journal");
            }
        };
        if !replay.empty {
            self.replay_sections(&replay, &mut memory);
            if let Err(error) = self.flush_devices() {
                self.fail(error.errno(), "flushing");
            }
        }
        let goes_on = self.parts.mode == Mode::Journal || replay.empty;
        let (section, round) = match replay.is_whole(&journal) && goes_on {
            true => (replay.start, replay.round),
            false => {
                self.erase(&replay, &mut memory);
                (0, behind(replay.erase))
            }
        };
        if let Some(journaling) = &self.parts.journaling {
            let sections = memory.chunks_exact_mut(journal.layout().section_bytes());
            for section in sections {
                (0..journal.entries()).for_each(|entry| journal.forget(section, entry));
            }
            *lock(&journaling.state) = State::new(journal, memory, section, round);
        }
    }

    /// Writes empty sections, first the oldest and last the newest, so that a power cut leaves a journal
    /// that can be told.
    fn erase(&self, replay: &Replay, memory: &mut [u8]) {
        if self.failure().is_some() {
            return;
        }
        let (journal, disk) = (self.parts.disk.journal, &self.parts.disk);
        let each = journal.layout().section_bytes();
        for (section, number) in memory.chunks_exact_mut(each).zip(0..) {
            journal.clear(replay.erase, number, section);
        }
        let count = journal.layout().sections();
        let at = |behind: u32| {
            let number = (u64::from(replay.start) + u64::from(behind)) % u64::from(count);
            u32::try_from(number).unwrap_or_default()
        };
        let steps = match count {
            1 => vec![(at(0), 1)],
            _ => vec![(at(0), 1), (at(1), count - 2), (at(count - 1), 1)],
        };
        for (first, count) in steps {
            if let Err(error) = disk.clear(first, count, replay.erase) {
                return self.fail(error.errno(), "writing the journal");
            }
        }
    }

    fn replay_sections(&self, replay: &Replay, memory: &mut [u8]) {
        let journal = self.parts.disk.journal;
        let each = journal.layout().section_bytes();
        let count = journal.layout().sections();
        for behind in 0..replay.sections {
            let number = u64::from(replay.start) + u64::from(behind);
            let number = u32::try_from(number % u64::from(count)).unwrap_or_default();
            let at = usize::try_from(number).unwrap_or_default() * each;
            let section = &mut memory[at..at + each];
            if let Some(mac) = &self.parts.disk.mac {
                for _ in 0..mac.wrong(&journal, number, section) {
                    self.fail(Errno::EILSEQ, "a journal's MAC");
                }
            }
            self.replay_section(section);
        }
    }

    /// Replays the runs of a section.
    fn replay_section(&self, section: &[u8]) {
        let journal = self.parts.disk.journal;
        let sectors = self.layout().block().0;
        let mut entry = 0;
        while entry < journal.entries() {
            let found = journal.sector(section, entry);
            let first = entry;
            entry += 1;
            let Some(start) = found else {
                continue;
            };
            if !start.is_multiple_of(sectors) {
                self.fail(Errno::EIO, "a journal's sector");
            }
            let start = start & !(sectors - 1);
            if start >= self.layout().provided().0 {
                continue;
            }
            let area = start / self.layout().area().0;
            let mut next = start + sectors;
            while entry < journal.entries()
                && next < self.layout().provided().0
                && next / self.layout().area().0 == area
                && journal.sector(section, entry) == Some(next)
            {
                (entry, next) = (entry + 1, next + sectors);
            }
            if let Err(error) = self.replay_run(section, first..entry, start) {
                self.fail(error.errno(), "replaying the journal");
            }
        }
    }

    /// Writes entries to their places, which begin at `start`, if they are right.
    fn replay_run(&self, section: &[u8], entries: std::ops::Range<usize>, start: u64) -> IoResult {
        let journal = self.parts.disk.journal;
        let (mut data, mut tags) = (Vec::new(), Vec::new());
        let size = self.block_bytes();
        let mut block = vec![0; size];
        for (entry, at) in entries.zip(0..) {
            journal.block(section, entry, &mut block);
            let tag = journal.tag(section, entry);
            if self.parts.hash.is_some() {
                let sector = start + at * (size / SECTOR_BYTES) as u64;
                if self.tags_of(sector, &block) != tag {
                    self.fail(Errno::EILSEQ, "a tag in the journal");
                }
            }
            match self.failure() {
                None => {
                    data.extend_from_slice(&block);
                    tags.extend_from_slice(tag);
                }
                // As a kernel counts: what is wrong fails each that comes behind it.
                Some(errno) => self.fail(errno, "storing a tag"),
            }
        }
        if !tags.is_empty() {
            self.put_tags(Sector(start), &tags)?;
        }
        match self.failure() {
            None => {
                let at = self.layout().data(Sector(start));
                self.data().dev().write_at(at, &data, IoFlags::empty())
            }
            Some(_) => Ok(()),
        }
    }
}
