//! Ways through stacks of mapped devices, found once and kept while the tables beneath stay.
//!
//! # Shape
//! A segment of a table that leads to one run of another mapped device, that device's segment to one
//! run of the next, and so on, is one step to the last of them. A way names that device and its
//! segment, and each device on the way with the generation of its table. It is as good as the tables
//! that it was found in: who uses it looks whether each of them is still that one, and its device not
//! suspended. It keeps nothing open.

use std::sync::{Arc, OnceLock};

use smallvec::SmallVec;

use crate::component::{Component, TableMode};
use crate::table::{Reach, Segment, Table};
use crate::target::{Route, Wants};
use crate::units::{Sector, SectorRange};

use super::device::Core;

/// The ways of one table's segments.
pub(super) struct Ways {
    generation: usize,
    ways: Box<[OnceLock<Option<Box<Way>>>]>,
}

/// One segment's.
pub(super) struct Way {
    /// The devices that it crosses, the last one last, and which of their tables.
    crossed: SmallVec<[(Arc<Core>, usize); 4]>,
    /// The segment of the last one.
    segment: usize,
    /// Where the upper segment begins in it.
    start: Sector,
    /// All tables on the way may be written through.
    mode: TableMode,
}

impl Ways {
    /// None is known yet of `table`, which is of this generation; nothing if it stands on no mapped
    /// device.
    pub(super) fn new(core: &Core, table: &Table, generation: usize) -> Option<Arc<Ways>> {
        let mut components = table.components();
        components.find(|component| core.below(component).is_some())?;
        let ways = table.segments().iter().map(|_| OnceLock::new()).collect();
        Some(Arc::new(Ways { generation, ways }))
    }

    /// The way of the segment at `at`, if there is a good one. The caller is in a section.
    pub(super) fn find(&self, core: &Core, table: &Table, at: usize) -> Option<&Way> {
        if self.generation != core.lane.generation() {
            return None;
        }
        let known = &self.ways[at];
        let way = match known.get() {
            Some(way) => way,
            None => {
                let found = Way::search(core, table, at).ok()?;
                known.get_or_init(|| found.map(Box::new))
            }
        };
        way.as_deref()
    }
}

/// Whether a way can be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Look {
    /// Each table is the one that it was found in, and takes requests.
    Good,
    /// A device on it is suspended.
    Held,
    /// A device on it counts its requests, and is to see them.
    Counted,
    /// A table on it is another one.
    Stale,
}

/// A device beneath is suspended at the moment.
struct NotNow;

impl Way {
    fn search(core: &Core, table: &Table, at: usize) -> Result<Option<Way>, NotNow> {
        let upper = &table.segments()[at];
        let mut way = Way {
            crossed: SmallVec::new(),
            segment: at,
            start: Sector::ZERO,
            mode: table.mode(),
        };
        let length = upper.range().length();
        let mut next = step(core, upper, SectorRange::from_zero(length));
        while let Some((lower, start)) = next.take() {
            let Some(table) = lower.lane.glance() else {
                return Err(NotNow);
            };
            let (Some(table), Some(range)) = (&*table, SectorRange::new(start, length)) else {
                break;
            };
            let Some(segment) = table.segment_at(start) else {
                break;
            };
            if !is_plain(segment) || segment.reach(range, Reach::Whole) != length {
                break;
            }
            let within = segment.relative(range);
            way.segment = table.find(start);
            way.start = within.start();
            if table.mode() == TableMode::ReadOnly {
                way.mode = TableMode::ReadOnly;
            }
            next = step(&lower, segment, within);
            let generation = lower.lane.generation();
            way.crossed.push((lower.clone(), generation));
        }
        Ok((!way.crossed.is_empty()).then_some(way))
    }

    /// What it is good for. The caller is in a section, in which a good one stays good.
    pub(super) fn look(&self) -> Look {
        let mut look = Look::Good;
        for (core, generation) in &self.crossed {
            // In this order: who closes the lane does so before the table changes.
            if core.lane.is_closed() {
                look = Look::Held;
            } else if look == Look::Good && core.stats.is_on() {
                look = Look::Counted;
            }
            if core.lane.generation() != *generation {
                return Look::Stale;
            }
        }
        look
    }

    pub(super) fn mode(&self) -> TableMode {
        self.mode
    }

    /// The last device, and where `range` of the upper segment lies in which of its segments.
    pub(super) fn end(&self, range: SectorRange) -> Option<(&Core, usize, SectorRange)> {
        let (last, _) = self.crossed.last()?;
        let start = Sector(self.start.0 + range.start().0);
        Some((last, self.segment, range.moved_to(start)?))
    }
}

/// Whether its target sends all of it to one run, and need not see requests.
fn is_plain(segment: &Segment) -> bool {
    let shape = segment.shape();
    shape.cut.is_none() && shape.wants.contains(Wants::NO_QUICK)
}

/// The mapped device, and its sector, to which all of `range` of a segment goes.
fn step(core: &Core, segment: &Segment, range: SectorRange) -> Option<(Arc<Core>, Sector)> {
    if !is_plain(segment) {
        return None;
    }
    match segment.target().route(range) {
        Route::To { component, at } => Some((core.below(component)?, at)),
        _ => None,
    }
}

impl Core {
    /// The mapped device that a component of its tables is.
    fn below(&self, component: &Component) -> Option<Arc<Core>> {
        let dev: *const _ = component.dev();
        let found = self.opening(|it| std::ptr::addr_eq(it.open.as_ptr(), dev));
        found.map(|open| open.core.clone())
    }
}
