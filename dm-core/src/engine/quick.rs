//! The short way of a read or a write through a mapped device: no count, no allocation, no hand-over.
//!
//! It is for requests that need no waiting and go well. Whatever else there is to do, a request goes
//! the long way for: it is held or fails there, as if this had never been.

use std::time::Instant;

use crate::blockdev::{Haste, Quick};
use crate::component::TableMode;
use crate::table::{Reach, Segment, Table};
use crate::target::{Route, Wants};
use crate::units::{Sector, SectorRange};

use super::device::Core;
use super::way::Look;

impl Core {
    /// Does the request if it can be done at once. The caller is in a section.
    pub(super) fn quick(&self, start: Sector, buffer: Quick<'_>, haste: Haste) -> bool {
        let Some(table) = self.lane.glance() else {
            return false;
        };
        let Some(table) = &*table else {
            return false;
        };
        if !self.stats.is_on() {
            return self.through(table, start, buffer, haste);
        }
        let (sectors, is_write) = (buffer.sectors().unwrap_or_default(), buffer.is_write());
        let begin = Instant::now();
        let done = self.through(table, start, buffer, haste);
        if let (true, Some(range)) = (done, SectorRange::new(start, sectors)) {
            self.stats.pass(range, is_write, begin.elapsed());
        }
        done
    }

    /// Sends the parts of a request where the table's targets say.
    fn through(&self, table: &Table, start: Sector, mut buffer: Quick<'_>, haste: Haste) -> bool {
        let sectors = buffer.sectors();
        let Some(mut range) = sectors.and_then(|sectors| SectorRange::new(start, sectors)) else {
            return false;
        };
        let refused = buffer.is_write() && table.mode() == TableMode::ReadOnly;
        if refused || range.end().0 > table.size().0 {
            return false;
        }
        loop {
            let at = table.find(range.start());
            let segment = &table.segments()[at];
            let reach = segment.reach(range, Reach::Cut);
            let (front, rest) = range.split_at(reach);
            let whole = rest.is_empty();
            let (part, next) = match whole {
                true => (buffer, Quick::Write(&[])),
                false => buffer.split_at(reach),
            };
            let front = segment.relative(front);
            let done = match self.is_stacked() {
                true => self.far(table, at, front, part, haste),
                false => near(segment, front, part, haste),
            };
            if !done || whole {
                return done;
            }
            (range, buffer) = (rest, next);
        }
    }

    /// Does a part of the segment at `at`, by its way through the stack if there is one.
    fn far(
        &self,
        table: &Table,
        at: usize,
        range: SectorRange,
        part: Quick<'_>,
        haste: Haste,
    ) -> bool {
        let ways = self.ways.peek();
        let way = ways.as_ref().and_then(|ways| ways.find(self, table, at));
        let Some(way) = way else {
            return near(&table.segments()[at], range, part, haste);
        };
        match way.look() {
            Look::Good => {}
            Look::Held => return false,
            Look::Counted => return near(&table.segments()[at], range, part, haste),
            Look::Stale => {
                // What is true now is found the next time.
                drop(ways);
                self.renew_ways(table);
                return near(&table.segments()[at], range, part, haste);
            }
        }
        if part.is_write() && way.mode() == TableMode::ReadOnly {
            return false;
        }
        let Some((last, segment, range)) = way.end(range) else {
            return false;
        };
        let table = last.lane.glance();
        let table = table.as_ref().and_then(|table| table.as_ref());
        table.is_some_and(|table| near(&table.segments()[segment], range, part, haste))
    }
}

/// Does a part of a segment, where its target sends it.
fn near(segment: &Segment, range: SectorRange, part: Quick<'_>, haste: Haste) -> bool {
    let wants = segment.shape().wants;
    if wants.contains(Wants::QUICK) {
        return segment.target().quick(range, part, haste);
    }
    if !wants.contains(Wants::NO_QUICK) {
        return false;
    }
    match segment.target().route(range) {
        Route::To { component, at } => component.dev().quick(at, part, haste),
        Route::Zero => {
            match part {
                Quick::Read(bytes) => bytes.fill(0),
                Quick::Write(_) => {}
                Quick::IntoPipe(..) | Quick::FromPipe(..) => return false,
            }
            true
        }
        Route::Fail(_) | Route::Opaque => false,
    }
}
