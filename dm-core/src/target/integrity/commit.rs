//! A commit, and what writes committed sections to their places.

use crate::blockdev::Blocking;
use crate::errno::Errno;
use crate::format::integrity::DISCARDED;
use crate::io::{Io, IoFlags, IoResult};
use crate::locks::lock;
use crate::units::{SECTOR_BYTES, Sector, SectorCount, SectorRange};

use super::core::{Core, sectors};
use super::journal::{Due, Journaling};

/// The most bytes of data that are written at once.
const AT_ONCE: usize = 1 << 20;

impl Core {
    /// Makes durable what the journal has taken, and ends the flushes that wait for it.
    pub(super) fn commit(&self) {
        let flushes = self.keeper.flushes();
        if let Some(journaling) = &self.parts.journaling {
            self.keeper.not_due();
            if let Err(error) = self.commit_sections(journaling) {
                self.fail(error.errno(), "writing the journal");
            }
            if lock(&journaling.state).free_entries() <= journaling.threshold {
                self.keeper.write_out();
            }
        }
        for io in flushes {
            io.complete(self.result());
        }
    }

    fn commit_sections(&self, journaling: &Journaling) -> IoResult {
        let mut state = lock(&journaling.state);
        let sections = state.pad();
        if sections.count == 0 {
            return Ok(());
        }
        state.wrote = true;
        let (mut front, mut around) = (Vec::new(), Vec::new());
        for number in state.numbers(sections) {
            state.stamp(number);
            match number >= sections.first {
                true => front.extend_from_slice(state.section(number)),
                false => around.extend_from_slice(state.section(number)),
            }
        }
        drop(state);
        let written = match self.failure() {
            Some(errno) => Err(errno.into()),
            // The second behind the first, so that no section is there without those before it.
            None => self
                .parts
                .disk
                .write(sections.first, &mut front)
                .and_then(|()| match around.is_empty() {
                    true => Ok(()),
                    false => self.parts.disk.write(0, &mut around),
                }),
        };
        lock(&journaling.state).committed(sections.count);
        written
    }

    /// Writes committed sections to their places, and gives them free.
    pub(super) fn write_out(&self) {
        let Some(journaling) = &self.parts.journaling else {
            return;
        };
        let mut state = lock(&journaling.state);
        let sections = state.committed;
        if sections.count == 0 {
            // Who waits for room has it once something was committed.
            return;
        }
        let due = state.due(sections);
        drop(state);
        let size = self.block_bytes();
        let area = |due: &Due| due.sector / self.layout().area().0.max(1);
        let next = |one: &Due, other: &Due| {
            one.sector + self.layout().block().0 == other.sector && area(one) == area(other)
        };
        for run in due.chunk_by(next) {
            for run in run.chunks((AT_ONCE / size).max(1)) {
                self.write_run(journaling, run, size);
            }
        }
        if let Err(error) = self.flush_devices() {
            self.fail(error.errno(), "flushing");
        }
        let mut state = lock(&journaling.state);
        state.freed(sections.count);
        let done = match self.failure() {
            None => state.take_waiting(),
            Some(_) => state.give_up_waiting(),
        };
        let free = state.free_entries();
        drop(state);
        if free <= journaling.threshold {
            self.keeper.commit();
        } else if !done.is_empty() {
            self.keeper.due(journaling.commit_time);
        }
        self.taken(done);
    }

    /// Writes neighbours to their places.
    fn write_run(&self, journaling: &Journaling, run: &[Due], size: usize) {
        let Some(first) = run.first() else {
            return;
        };
        let range = first.sector..first.sector + (run.len() * size / SECTOR_BYTES) as u64;
        self.requests.hold(range.clone());
        let (mut data, mut tags) = (vec![0; run.len() * size], Vec::new());
        let journal = &self.parts.disk.journal;
        let state = lock(&journaling.state);
        for (due, block) in run.iter().zip(data.chunks_exact_mut(size)) {
            let section = state.section(due.place.section);
            journal.block(section, due.place.entry, block);
            tags.extend_from_slice(journal.tag(section, due.place.entry));
        }
        drop(state);
        if self.failure().is_none() {
            let at = self.layout().data(Sector(first.sector));
            let written = self.data().dev().write_at(at, &data, IoFlags::empty());
            let written = written.and_then(|()| self.put_tags(Sector(first.sector), &tags));
            if let Err(error) = written {
                self.fail(error.errno(), "writing out the journal");
            }
        }
        let mut state = lock(&journaling.state);
        run.iter()
            .for_each(|due| state.forget(due.sector, due.place));
        drop(state);
        self.requests.give(&range, &*self.host);
    }

    /// Stores tags, the first of which is that of the block at `first`, none of which is in another area.
    pub(super) fn put_tags(&self, first: Sector, tags: &[u8]) -> IoResult {
        let span = self.span_of(first, tags.len());
        let sectors = usize::try_from(span.sectors.end - span.sectors.start);
        let mut bytes = vec![0; sectors.unwrap_or_default() * SECTOR_BYTES];
        let at = Sector(span.sectors.start);
        self.tags.hold(span.sectors.clone());
        let whole = span.skip == 0 && bytes.len() == tags.len();
        let read = match whole {
            true => Ok(()),
            false => self.meta().dev().read_at(at, &mut bytes),
        };
        let written = read.and_then(|()| {
            bytes[span.skip..][..tags.len()].copy_from_slice(tags);
            self.meta().dev().write_at(at, &bytes, IoFlags::empty())
        });
        self.tags.give(&span.sectors, &*self.host);
        written
    }

    /// Makes data and tags durable.
    pub(super) fn flush_devices(&self) -> IoResult {
        let data = self.data().dev().flush();
        match &self.parts.meta {
            Some(meta) => data.and(meta.dev().flush()),
            None => data,
        }
    }

    /// Discards what the journal has nothing of any more.
    pub(super) fn discard_behind_journal(&self, io: Io) {
        let range = sectors(&io);
        self.requests.hold(range.clone());
        let journaled = |core: &Core| match &core.parts.journaling {
            Some(journaling) => lock(&journaling.state).has(range.clone()),
            None => false,
        };
        if journaled(self) {
            self.requests.give(&range, &*self.host);
            self.commit();
            self.write_out();
            self.requests.hold(range.clone());
        }
        let tags = vec![DISCARDED; self.span(&io).bytes];
        let start = io.range().start();
        let done = match self.failure() {
            Some(errno) => Err(errno.into()),
            None => self
                .put_tags(start, &tags)
                .and_then(|()| self.flush_devices())
                .and_then(|()| self.discard_data(start, io.range().length())),
        };
        self.requests.give(&range, &*self.host);
        io.complete(done);
    }

    fn discard_data(&self, start: Sector, length: SectorCount) -> IoResult {
        let range = SectorRange::new(self.layout().data(start), length).ok_or(Errno::EIO)?;
        self.data().dev().discard(range)
    }
}
