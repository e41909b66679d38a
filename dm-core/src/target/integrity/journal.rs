//! Mode J: writes go to the journal in memory, a commit makes it durable, and later all is written to
//! its place.

use std::collections::{BTreeMap, VecDeque};
use std::ops::Range;
use std::sync::Mutex;
use std::time::Duration;

use bytes::Bytes;
use smallvec::SmallVec;

use crate::errno::Errno;
use crate::format::integrity::{Journal, behind};
use crate::io::{Io, IoFlags};
use crate::locks::lock;

use super::core::Core;
use super::request::{Over, Overlay};

/// A journal at work.
pub(super) struct Journaling {
    pub(super) state: Mutex<State>,
    /// With so few free entries, sections are committed and written out.
    pub(super) threshold: usize,
    pub(super) commit_time: Duration,
}

/// A journal in memory.
pub(super) struct State {
    journal: Journal,
    /// All sections, decrypted.
    pub(super) memory: Vec<u8>,
    /// Where each sector's blocks are, oldest first.
    newest: BTreeMap<u64, SmallVec<[Place; 1]>>,
    /// The round of the next commit.
    pub(super) round: usize,
    /// Sections that are durable, and not all written to their places.
    pub(super) committed: Sections,
    /// Sections that are full, behind them.
    pub(super) uncommitted: Sections,
    /// The first free entry, behind those.
    free: Place,
    free_entries: usize,
    waiting: VecDeque<Pending>,
    /// Something was committed since the device was resumed.
    pub(super) wrote: bool,
}

/// Sections, around the end.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Sections {
    pub(super) first: u32,
    pub(super) count: u32,
}

/// An entry.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) section: u32,
    pub(super) entry: usize,
}

/// A write, and how much of it the journal has taken.
pub(super) struct Pending {
    io: Io,
    data: Bytes,
    tags: Vec<u8>,
    taken: usize,
}

/// A block that is to be written to its place.
#[derive(Clone, Copy)]
pub(super) struct Due {
    pub(super) sector: u64,
    pub(super) place: Place,
}

impl Core {
    /// Writes to the journal, now or once there is room.
    pub(super) fn write_to_journal(&self, io: Io, data: Bytes, tags: Vec<u8>) {
        let Some(journaling) = &self.parts.journaling else {
            return io.complete(Err(Errno::EIO.into()));
        };
        let pending = Pending {
            io,
            data,
            tags,
            taken: 0,
        };
        let mut state = lock(&journaling.state);
        state.waiting.push_back(pending);
        let done = match state.waiting.len() {
            1 => state.take_waiting(),
            _ => Vec::new(),
        };
        let free = state.free_entries;
        drop(state);
        match free <= journaling.threshold {
            true => self.keeper.commit(),
            false => self.keeper.due(journaling.commit_time),
        }
        self.taken(done);
    }

    /// Ends writes that the journal has taken.
    pub(super) fn taken(&self, done: Vec<Io>) {
        for io in done {
            match self.failure() {
                Some(errno) => io.complete(Err(errno.into())),
                None if io.flags().contains(IoFlags::FUA) => self.keeper.flush(io),
                None => io.complete(Ok(())),
            }
        }
    }

    /// What the journal has of `range`.
    pub(super) fn overlay(&self, range: Range<u64>) -> Overlay {
        let Some(journaling) = &self.parts.journaling else {
            return Vec::new();
        };
        let state = lock(&journaling.state);
        let size = self.block_bytes();
        let found = state.newest.range(range.clone());
        let blocks = found.filter_map(|(sector, places)| {
            let mut bytes = vec![0; size];
            let place = places.last()?;
            let section = state.section(place.section);
            state.journal.block(section, place.entry, &mut bytes);
            let at = (sector - range.start) >> self.layout().block_shift();
            Some(Over {
                block: usize::try_from(at).ok()?,
                bytes,
                tag: state.journal.tag(section, place.entry).to_vec(),
            })
        });
        blocks.collect()
    }
}

impl State {
    /// An empty journal that goes on with this section and round.
    pub(super) fn new(journal: Journal, memory: Vec<u8>, section: u32, round: usize) -> State {
        let at = Sections {
            first: section,
            count: 0,
        };
        let free = Place { section, entry: 0 };
        let sections = usize::try_from(journal.layout().sections()).unwrap_or(usize::MAX);
        State {
            free_entries: sections * journal.entries(),
            journal,
            memory,
            newest: BTreeMap::new(),
            round,
            committed: at,
            uncommitted: at,
            free,
            waiting: VecDeque::new(),
            wrote: false,
        }
    }

    pub(super) fn free_entries(&self) -> usize {
        self.free_entries
    }

    /// The section behind all that are used.
    pub(super) fn free_section(&self) -> u32 {
        self.free.section
    }

    pub(super) fn section(&self, number: u32) -> &[u8] {
        let each = self.journal.layout().section_bytes();
        let at = usize::try_from(number).unwrap_or_default() * each;
        &self.memory[at..at + each]
    }

    pub(super) fn section_mut(&mut self, number: u32) -> &mut [u8] {
        let each = self.journal.layout().section_bytes();
        let at = usize::try_from(number).unwrap_or_default() * each;
        &mut self.memory[at..at + each]
    }

    /// The section behind one.
    fn next(&self, section: u32) -> u32 {
        (section + 1) % self.journal.layout().sections()
    }

    /// The numbers of sections.
    pub(super) fn numbers(&self, sections: Sections) -> impl Iterator<Item = u32> + use<> {
        let all = u64::from(self.journal.layout().sections());
        let first = u64::from(sections.first);
        (0..u64::from(sections.count))
            .map(move |at| u32::try_from((first + at) % all).unwrap_or_default())
    }

    /// Takes as many of the writes that wait as there is room for: those that were taken whole.
    pub(super) fn take_waiting(&mut self) -> Vec<Io> {
        let mut done = Vec::new();
        while let Some(mut pending) = self.waiting.pop_front() {
            self.take(&mut pending);
            if pending.taken < pending.data.len() {
                self.waiting.push_front(pending);
                break;
            }
            done.push(pending.io);
        }
        done
    }

    /// Gives up the writes that wait.
    pub(super) fn give_up_waiting(&mut self) -> Vec<Io> {
        self.waiting.drain(..).map(|pending| pending.io).collect()
    }

    fn take(&mut self, pending: &mut Pending) {
        let layout = *self.journal.layout();
        let size = layout.block().buffer_length().unwrap_or(usize::MAX);
        let journal = self.journal;
        while pending.taken < pending.data.len() && self.free_entries > 0 {
            let at = pending.taken;
            let sector = pending.io.range().start().0 + (at / 512) as u64;
            let tag = at / size * layout.tag_size();
            let place = self.free;
            journal.put(
                self.section_mut(place.section),
                place.entry,
                sector,
                &pending.data[at..at + size],
                &pending.tags[tag..tag + layout.tag_size()],
            );
            self.newest.entry(sector).or_default().push(place);
            pending.taken += size;
            self.free_entries -= 1;
            self.free.entry += 1;
            if self.free.entry == journal.entries() {
                self.close_section();
            }
        }
    }

    fn close_section(&mut self) {
        self.free = Place {
            section: self.next(self.free.section),
            entry: 0,
        };
        self.uncommitted.count += 1;
    }

    /// Lets the section that is being filled be full, so that it can be committed.
    pub(super) fn pad(&mut self) -> Sections {
        if self.free.entry > 0 {
            self.free_entries -= self.journal.entries() - self.free.entry;
            self.close_section();
        }
        self.uncommitted
    }

    /// Says in a section that the present round wrote it, and goes on to the next round at the end.
    pub(super) fn stamp(&mut self, number: u32) {
        let (journal, round) = (self.journal, self.round);
        journal.stamp(round, number, self.section_mut(number));
        if self.next(number) == 0 {
            self.round = behind(round);
        }
    }

    /// Sections became durable.
    pub(super) fn committed(&mut self, count: u32) {
        let all = self.journal.layout().sections();
        self.uncommitted.first = (self.uncommitted.first + count) % all;
        self.uncommitted.count -= count;
        self.committed.count += count;
    }

    /// What of `sections`, which are committed, is to be written out, in the order of its places. What
    /// another of them has a newer block of is given up.
    pub(super) fn due(&mut self, sections: Sections) -> Vec<Due> {
        let (journal, mut due) = (self.journal, Vec::new());
        let all = journal.layout().sections();
        let within = |place: &Place| (place.section + all - sections.first) % all < sections.count;
        for section in self.numbers(sections) {
            for entry in 0..journal.entries() {
                let Some(sector) = journal.sector(self.section(section), entry) else {
                    continue;
                };
                let place = Place { section, entry };
                let last = self
                    .newest
                    .get(&sector)
                    .and_then(|places| places.iter().rfind(|place| within(place)));
                match last == Some(&place) {
                    true => due.push(Due { sector, place }),
                    false => self.forget(sector, place),
                }
            }
        }
        due.sort_unstable_by_key(|due| due.sector);
        due
    }

    /// Gives an entry up.
    pub(super) fn forget(&mut self, sector: u64, place: Place) {
        let journal = self.journal;
        journal.forget(self.section_mut(place.section), place.entry);
        if let Some(places) = self.newest.get_mut(&sector) {
            places.retain(|other| *other != place);
            if places.is_empty() {
                self.newest.remove(&sector);
            }
        }
    }

    /// Sections are free again.
    pub(super) fn freed(&mut self, count: u32) {
        let all = self.journal.layout().sections();
        self.committed.first = (self.committed.first + count) % all;
        self.committed.count -= count;
        let entries = usize::try_from(count).unwrap_or_default() * self.journal.entries();
        self.free_entries += entries;
    }

    /// Whether the journal has something of `range`.
    pub(super) fn has(&self, range: Range<u64>) -> bool {
        self.newest.range(range).next().is_some()
    }
}

impl Journaling {
    /// A journal that is yet to be replayed.
    pub(super) fn new(journal: Journal, watermark: u8, commit_time: Duration) -> Journaling {
        let sections = usize::try_from(journal.layout().sections()).unwrap_or(usize::MAX);
        let entries = sections * journal.entries();
        Journaling {
            state: Mutex::new(State::new(journal, Vec::new(), 0, 0)),
            threshold: threshold(entries, watermark),
            commit_time,
        }
    }

    /// The watermark that comes of a threshold, in percent.
    pub(super) fn watermark(&self, entries: usize) -> u8 {
        let used = (entries - self.threshold) * 100 + entries / 2;
        u8::try_from(used / entries).unwrap_or(100)
    }
}

/// Free entries at a watermark in percent.
fn threshold(entries: usize, watermark: u8) -> usize {
    (entries * (100 - usize::from(watermark.min(100))) + 50) / 100
}

impl Core {
    /// Puts flushes behind a commit, where there is a journal.
    pub(super) fn flush(&self, io: Io) {
        match (&self.parts.journaling, self.failure()) {
            (_, Some(errno)) => io.complete(Err(errno.into())),
            (Some(_), None) => self.keeper.flush(io),
            (None, None) => io.complete(Ok(())),
        }
    }
}
