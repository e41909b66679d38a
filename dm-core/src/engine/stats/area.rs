//! The counters of a run of sectors.

use std::fmt;
use std::time::{Duration, Instant};

/// What is counted in one area. Times are kept in nanoseconds and shown as the region says.
#[derive(Clone, Debug)]
pub(super) struct Area {
    reads: Way,
    writes: Way,
    /// Time with requests under way, and the same times the requests.
    busy: Duration,
    queued: Duration,
    /// How far the times above go.
    until: Instant,
    /// Requests by the time that they took.
    histogram: Vec<u64>,
}

/// Requests one way.
#[derive(Clone, Debug, Default)]
struct Way {
    count: u64,
    merged: u64,
    sectors: u64,
    time: Duration,
    busy: Duration,
    under_way: u64,
}

/// A request's part in an area.
#[derive(Clone, Copy, Debug)]
pub(super) struct Part {
    pub(super) is_write: bool,
    pub(super) merged: bool,
    pub(super) sectors: u64,
    pub(super) time: Duration,
    /// Which of the histogram's counters.
    pub(super) bin: usize,
}

/// How times are shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Precision {
    Milliseconds,
    Nanoseconds,
}

impl Area {
    pub(super) fn new(bins: usize) -> Area {
        Area {
            reads: Way::default(),
            writes: Way::default(),
            busy: Duration::ZERO,
            queued: Duration::ZERO,
            until: Instant::now(),
            histogram: vec![0; bins],
        }
    }

    /// Everything from 0 again, but for what is under way.
    pub(super) fn clear(&mut self) {
        let next = Area::new(self.histogram.len());
        let under_way = (self.reads.under_way, self.writes.under_way);
        *self = next;
        (self.reads.under_way, self.writes.under_way) = under_way;
    }

    /// Counts the time up to now.
    pub(super) fn advance(&mut self, now: Instant) {
        let passed = now.saturating_duration_since(self.until);
        self.until = self.until.max(now);
        let all = self.reads.under_way + self.writes.under_way;
        if all == 0 {
            return;
        }
        self.busy += passed;
        self.queued += passed.saturating_mul(u32::try_from(all).unwrap_or(u32::MAX));
        for way in [&mut self.reads, &mut self.writes] {
            if way.under_way > 0 {
                way.busy += passed;
            }
        }
    }

    fn way(&mut self, is_write: bool) -> &mut Way {
        match is_write {
            true => &mut self.writes,
            false => &mut self.reads,
        }
    }

    pub(super) fn begin(&mut self, is_write: bool) {
        self.advance(Instant::now());
        self.way(is_write).under_way += 1;
    }

    pub(super) fn end(&mut self, part: Part) {
        self.advance(Instant::now());
        let way = self.way(part.is_write);
        // A region may be made while requests are under way.
        way.under_way = way.under_way.saturating_sub(1);
        way.count += 1;
        way.merged += u64::from(part.merged);
        way.sectors += part.sectors;
        way.time += part.time;
        if let Some(bin) = self.histogram.get_mut(part.bin) {
            *bin += 1;
        }
    }

    /// A request that was done at once: it was under way for as long as it took.
    pub(super) fn pass(&mut self, part: Part) {
        self.begin(part.is_write);
        if self.reads.under_way + self.writes.under_way == 1 {
            self.busy += part.time;
        }
        self.queued += part.time;
        let way = self.way(part.is_write);
        if way.under_way == 1 {
            way.busy += part.time;
        }
        self.end(part);
    }

    /// As a line of the kernel's reply, without the area's place.
    pub(super) fn show(&self, precision: Precision, to: &mut impl fmt::Write) -> fmt::Result {
        let time = |time: Duration| match precision {
            Precision::Milliseconds => time.as_millis(),
            Precision::Nanoseconds => time.as_nanos(),
        };
        for way in [&self.reads, &self.writes] {
            let spent = time(way.time);
            write!(to, " {} {} {} {spent}", way.count, way.merged, way.sectors)?;
        }
        let under_way = self.reads.under_way + self.writes.under_way;
        write!(to, " {under_way} {} {}", time(self.busy), time(self.queued))?;
        write!(to, " {} {}", time(self.reads.busy), time(self.writes.busy))?;
        for (at, count) in self.histogram.iter().enumerate() {
            let before = if at == 0 { ' ' } else { ':' };
            write!(to, "{before}{count}")?;
        }
        Ok(())
    }
}
