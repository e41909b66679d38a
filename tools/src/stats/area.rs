//! The counters of an area, of a whole region, or of a group of regions.

use std::rc::Rc;

use dm_core::typed::stats;

use crate::report::Cell;
use crate::units::Units;

use super::group::Group;
use super::histogram::{self, Bounds, Layout, Values};
use super::region::Region;

/// Counters, and what they are of.
#[derive(Clone, Debug)]
pub(crate) struct Area {
    /// The device.
    pub(crate) device: Rc<str>,
    /// The region; of a group its first.
    pub(crate) region: Rc<Region>,
    /// The group that the region is in, if it is in one.
    pub(crate) group: Option<Rc<Group>>,
    /// Which of the three it is.
    pub(crate) kind: AreaKind,
    /// Its place in its region.
    pub(crate) id: u64,
    /// Its sectors.
    pub(crate) range: stats::Range,
    /// The counters; times are in nanoseconds.
    pub(crate) counters: Counters,
    /// Over how many nanoseconds rates are taken.
    pub(crate) interval: u64,
    /// How sizes are shown.
    pub(crate) units: Units,
    /// How histograms are shown.
    pub(crate) layout: Layout,
}

/// Sums of counters.
#[derive(Clone, Debug, Default)]
pub(crate) struct Counters {
    pub(crate) reads: stats::Direction,
    pub(crate) writes: stats::Direction,
    pub(crate) in_flight: u64,
    pub(crate) io_ticks: u64,
    pub(crate) queue_ticks: u64,
    pub(crate) read_ticks: u64,
    pub(crate) write_ticks: u64,
    pub(crate) histogram: Vec<u64>,
}

/// What is counted together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum AreaKind {
    /// An area.
    Area,
    /// A region.
    Region,
    /// A group.
    Group,
}

/// Nanoseconds of a second and a millisecond.
const SECOND: f64 = 1e9;
const MILLISECOND: f64 = 1e6;

impl AreaKind {
    /// As it is shown.
    pub(crate) fn word(self) -> &'static str {
        match self {
            AreaKind::Area => "area",
            AreaKind::Region => "region",
            AreaKind::Group => "group",
        }
    }
}

impl Counters {
    /// The kernel's, with times in nanoseconds.
    pub(super) fn of(region: &Region, counted: &stats::Counters) -> Counters {
        let scale = if region.precise {
            1
        } else {
            super::region::MILLISECOND
        };
        let times = |ticks: u64| ticks.saturating_mul(scale);
        let way = |way: stats::Direction| stats::Direction {
            time: times(way.time),
            ..way
        };
        Counters {
            reads: way(counted.reads),
            writes: way(counted.writes),
            in_flight: u64::try_from(counted.in_flight).unwrap_or_default(),
            io_ticks: times(counted.io_ticks),
            queue_ticks: times(counted.queue_ticks),
            read_ticks: times(counted.read_ticks),
            write_ticks: times(counted.write_ticks),
            histogram: counted.histogram.clone(),
        }
    }

    /// Adds others.
    pub(super) fn add(&mut self, other: &Counters) {
        let way = |one: &mut stats::Direction, other: &stats::Direction| {
            one.count += other.count;
            one.merged += other.merged;
            one.sectors += other.sectors;
            one.time += other.time;
        };
        way(&mut self.reads, &other.reads);
        way(&mut self.writes, &other.writes);
        self.in_flight += other.in_flight;
        self.io_ticks += other.io_ticks;
        self.queue_ticks += other.queue_ticks;
        self.read_ticks += other.read_ticks;
        self.write_ticks += other.write_ticks;
        if self.histogram.len() < other.histogram.len() {
            self.histogram.resize(other.histogram.len(), 0);
        }
        for (one, other) in self.histogram.iter_mut().zip(&other.histogram) {
            *one += other;
        }
    }
}

/// The name, numbers and rates, as dmstats has them.
impl Area {
    /// Its group's name, or its device's.
    pub(crate) fn name(&self) -> &str {
        let alias = self.group.as_ref().and_then(|group| group.alias.as_deref());
        alias.unwrap_or(&self.device)
    }

    /// Its region's number; a group has its regions'.
    pub(crate) fn region_cell(&self) -> Cell {
        match (&self.group, self.kind) {
            (Some(group), AreaKind::Group) => {
                Cell::shown(group.members.to_string(), group.id() as f64)
            }
            _ => Cell::number(self.region.id),
        }
    }

    /// Of how many areas it is; a group is taken for one.
    pub(crate) fn count(&self) -> u64 {
        match self.kind {
            AreaKind::Group => 1,
            AreaKind::Area | AreaKind::Region => self.region.areas(),
        }
    }

    /// Its region's length; that of a group's regions together.
    pub(crate) fn region_length(&self) -> u64 {
        match self.kind {
            AreaKind::Group => self.range.length,
            AreaKind::Area | AreaKind::Region => self.region.range.length,
        }
    }

    /// Its group's number.
    pub(crate) fn group_cell(&self) -> Cell {
        match &self.group {
            Some(group) => Cell::number(group.id()),
            // As sorted: behind all others.
            None => Cell::shown("-", u64::MAX as f64),
        }
    }

    /// Where it begins in its region.
    pub(crate) fn offset(&self) -> u64 {
        self.range.start.saturating_sub(self.region.range.start)
    }

    /// The interval in seconds.
    pub(crate) fn interval_seconds(&self) -> Cell {
        let seconds = self.interval as f64 / SECOND;
        Cell::shown(format!("{seconds:2.6}"), seconds)
    }

    /// A histogram as text; nothing where there is none.
    pub(crate) fn histogram(&self, values: Values, bounds: Bounds) -> String {
        if self.region.bounds.is_empty() {
            return String::new();
        }
        let counts = &self.counters.histogram;
        histogram::write(&self.region.bounds, counts, values, bounds, self.layout)
    }

    /// So many in a second.
    pub(crate) fn per_second(&self, count: u64) -> f64 {
        self.over(count as f64 * SECOND)
    }

    /// So many in a nanosecond, which is what dmstats shows of merges.
    pub(crate) fn per_interval(&self, count: u64) -> f64 {
        self.over(count as f64)
    }

    /// Requests under way, on average.
    pub(crate) fn queue_size(&self) -> f64 {
        self.over(self.counters.queue_ticks as f64)
    }

    /// Sectors of a request, on average.
    pub(crate) fn request_size(&self) -> f64 {
        let Counters { reads, writes, .. } = &self.counters;
        part(reads.sectors + writes.sectors, reads.count + writes.count)
    }

    /// Milliseconds that a request takes.
    pub(crate) fn wait(&self) -> f64 {
        let Counters { reads, writes, .. } = &self.counters;
        part(reads.time + writes.time, reads.count + writes.count) / MILLISECOND
    }

    /// Milliseconds that a read takes.
    pub(crate) fn read_wait(&self) -> f64 {
        part(self.counters.reads.time, self.counters.reads.count) / MILLISECOND
    }

    /// Milliseconds that a write takes.
    pub(crate) fn write_wait(&self) -> f64 {
        part(self.counters.writes.time, self.counters.writes.count) / MILLISECOND
    }

    /// Requests in a second.
    pub(crate) fn throughput(&self) -> f64 {
        self.per_second(self.counters.reads.count + self.counters.writes.count)
    }

    /// For how many hundredths of the time there were requests under way.
    pub(crate) fn utilization(&self) -> f64 {
        let busy = self.counters.io_ticks.min(self.interval);
        100.0 * self.over(busy as f64)
    }

    /// Milliseconds of the time with requests under way for each of them.
    pub(crate) fn service_time(&self) -> f64 {
        let (requests, busy) = (self.throughput(), self.utilization());
        if requests < 1.0 || busy < 1.0 {
            return 0.0;
        }
        SECOND * (busy / 1e6) / (100.0 * requests) / MILLISECOND
    }

    fn over(&self, amount: f64) -> f64 {
        match self.interval {
            0 => 0.0,
            interval => amount / interval as f64,
        }
    }
}

fn part(amount: u64, of: u64) -> f64 {
    match of {
        0 => 0.0,
        of => amount as f64 / of as f64,
    }
}
