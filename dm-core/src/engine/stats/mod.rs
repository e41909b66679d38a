//! A device's counters, which the messages `@stats_…` make, show and end.
//!
//! # Source
//! `drivers/md/dm-stats.c`. Requests are counted from when they enter the table to when they have
//! their end; what a suspend holds is not under way.

mod area;
mod region;

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use crate::errno::Errno;
use crate::error::{DmError, ErrorKind};
use crate::locks::lock;
use crate::typed::stats::Message;
use crate::units::{Sector, SectorCount, SectorRange};

use self::region::Region;

/// The regions of a device.
#[derive(Default)]
pub(super) struct Stats {
    on: AtomicBool,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// By number; a number that is free is given out again.
    regions: Vec<Option<Region>>,
    /// Where the last request ended, and which way it went.
    last: Option<(Sector, bool)>,
}

/// A request that is counted.
#[derive(Clone, Copy, Debug)]
pub(super) struct Request {
    range: SectorRange,
    is_write: bool,
    /// It begins where the one before it ended.
    merged: bool,
}

impl Stats {
    /// Whether there is a region.
    pub(super) fn is_on(&self) -> bool {
        self.on.load(Ordering::Relaxed)
    }

    /// A request enters the table.
    pub(super) fn begin(&self, range: SectorRange, is_write: bool) -> (Request, Instant) {
        let mut state = lock(&self.state);
        let request = state.request(range, is_write);
        for region in state.regions.iter_mut().flatten() {
            region.begin(request);
        }
        (request, Instant::now())
    }

    /// It has its end.
    pub(super) fn end(&self, (request, since): (Request, Instant)) {
        let mut state = lock(&self.state);
        for region in state.regions.iter_mut().flatten() {
            region.end(request, since.elapsed());
        }
    }

    /// A request was done at once.
    pub(super) fn pass(&self, range: SectorRange, is_write: bool, time: Duration) {
        let mut state = lock(&self.state);
        let request = state.request(range, is_write);
        for region in state.regions.iter_mut().flatten() {
            region.pass(request, time);
        }
    }

    /// Obeys a message, of a device of `size`.
    pub(super) fn obey(
        &self,
        message: Message,
        size: SectorCount,
    ) -> Result<Option<String>, DmError> {
        let mut state = lock(&self.state);
        let answer = match message {
            Message::Create(create) => {
                let many = || {
                    let reason = format!("a region has at most {} areas", region::AREAS_MAX);
                    DmError::because(ErrorKind::Invalid, reason)
                };
                let region = Region::new(create, size).ok_or_else(many)?;
                Some(state.add(region))
            }
            Message::Delete(region) => {
                state.region(region)?;
                if let Some(slot) = state.slot(region) {
                    *slot = None;
                }
                None
            }
            Message::Clear(region) => {
                state.region(region)?.clear(None);
                None
            }
            Message::List(program) => Some(state.list(program.as_deref())),
            Message::Print(print) => Some(state.region(print.region)?.print(print.areas)),
            Message::PrintClear(print) => {
                let region = state.region(print.region)?;
                let text = region.print(print.areas);
                region.clear(print.areas);
                Some(text)
            }
            Message::SetAux { region, aux } => {
                state.region(region)?.aux = aux;
                None
            }
        };
        let on = state.regions.iter().any(Option::is_some);
        self.on.store(on, Ordering::Relaxed);
        Ok(answer)
    }
}

impl State {
    fn request(&mut self, range: SectorRange, is_write: bool) -> Request {
        let merged = self.last == Some((range.start(), is_write));
        self.last = Some((range.end(), is_write));
        Request {
            range,
            is_write,
            merged,
        }
    }

    fn add(&mut self, region: Region) -> String {
        let free = self.regions.iter().position(Option::is_none);
        let at = free.unwrap_or(self.regions.len());
        match free {
            Some(at) => self.regions[at] = Some(region),
            None => self.regions.push(Some(region)),
        }
        at.to_string()
    }

    fn slot(&mut self, region: u32) -> Option<&mut Option<Region>> {
        self.regions.get_mut(usize::try_from(region).ok()?)
    }

    fn region(&mut self, region: u32) -> Result<&mut Region, DmError> {
        let found = self.slot(region).and_then(Option::as_mut);
        found.ok_or_else(|| {
            let reason = format!("the device has no region {region}");
            DmError::because(ErrorKind::Invalid, reason).with_errno(Errno::ENOENT)
        })
    }

    fn list(&self, program: Option<&str>) -> String {
        let regions = self.regions.iter().enumerate();
        let listed = regions.filter_map(|(at, region)| {
            let region = region.as_ref()?;
            let wanted = program.is_none_or(|program| region.program == program);
            wanted.then(|| region.line(u32::try_from(at).unwrap_or(u32::MAX)))
        });
        listed.collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::typed::Text;
    use crate::typed::stats::Counters;

    fn tell(stats: &Stats, words: &str) -> Result<String, DmError> {
        let message = Message::parse(words).unwrap();
        let answer = stats.obey(message, SectorCount(1000))?;
        Ok(answer.unwrap_or_default())
    }

    fn range(start: u64, length: u64) -> SectorRange {
        SectorRange::new(Sector(start), SectorCount(length)).unwrap()
    }

    #[test]
    fn request_counts_in_each_area_that_it_touches() {
        let stats = Stats::default();
        assert_eq!(
            tell(&stats, "@stats_create 100+300 100 1 precise_timestamps me").unwrap(),
            "0"
        );
        assert_eq!(tell(&stats, "@stats_create - /2").unwrap(), "1");
        let request = stats.begin(range(150, 100), true);
        stats.end(request);
        stats.pass(range(250, 8), true, Duration::from_nanos(5));
        stats.pass(range(0, 8), false, Duration::from_nanos(5));
        let shown = tell(&stats, "@stats_print 0").unwrap();
        let lines: Vec<Counters> = shown
            .lines()
            .map(|line| Counters::parse(line).unwrap())
            .collect();
        let counted: Vec<_> = lines
            .iter()
            .map(|line| (line.range.start, line.reads.count, line.writes.count))
            .collect();
        assert_eq!(counted, [(100, 0, 1), (200, 0, 2), (300, 0, 0)]);
        assert_eq!((lines[0].writes.sectors, lines[1].writes.sectors), (50, 58));
        assert_eq!((lines[1].writes.merged, lines[1].in_flight), (1, 0));
        assert_eq!(
            tell(&stats, "@stats_list me").unwrap(),
            "0: 100+300 100 me - precise_timestamps\n"
        );
        assert_eq!(tell(&stats, "@stats_list").unwrap().lines().count(), 2);
        tell(&stats, "@stats_delete 0").unwrap();
        let gone = tell(&stats, "@stats_print 0").unwrap_err();
        assert_eq!(gone.context.errno, Some(Errno::ENOENT));
        assert!(stats.is_on());
        tell(&stats, "@stats_delete 1").unwrap();
        assert!(!stats.is_on());
    }

    #[test]
    fn clear_keeps_what_is_under_way_and_the_histogram_sorts_times() {
        let stats = Stats::default();
        tell(
            &stats,
            "@stats_create - /1 2 precise_timestamps histogram:10,1000000000000",
        )
        .unwrap();
        let request = stats.begin(range(0, 8), false);
        stats.pass(range(8, 8), false, Duration::from_nanos(9));
        let shown = tell(&stats, "@stats_print_clear 0").unwrap();
        assert!(shown.starts_with("0+1000 1 1 8 9 0 0 0 0 1 "), "{shown}");
        assert!(shown.ends_with(" 1:0:0\n"), "{shown}");
        stats.end(request);
        let shown = tell(&stats, "@stats_print 0").unwrap();
        assert!(shown.starts_with("0+1000 1 0 8 "), "{shown}");
        assert!(shown.ends_with(" 0:1:0\n"), "{shown}");
    }
}
