//! Tables: which sectors of a mapped device lie where.

mod error;
mod index;
mod line;
mod words;

use alloc::borrow::ToOwned;
use alloc::boxed::Box;
use alloc::collections::BTreeMap;
use alloc::sync::Arc;
use alloc::vec::Vec;

use crate::blockdev::{Limits, TagFormat};
use crate::component::{Component, Opener, TableMode};
use crate::devid::DevNo;
use crate::names::TargetName;
use crate::target::{Build, FlushMode, Host, Target, TargetKind, TargetShape, Wants};
use crate::units::{Sector, SectorCount, SectorRange};

use self::index::Index;

pub use self::error::{ParamError, Reason, TableError};
pub use self::line::{LINES_MAX, TableLine};
pub use self::words::{EscapedWord, Word, Words};

/// A table at work: segments from sector 0 on, without gap or overlap, at least one.
pub struct Table {
    segments: Vec<Segment>,
    index: Index,
    size: SectorCount,
    mode: TableMode,
    limits: Limits,
    components: BTreeMap<DevNo, Component>,
    flushing: Vec<usize>,
}

/// One line of a table at work.
pub struct Segment {
    range: SectorRange,
    shape: TargetShape,
    name: &'static str,
    target: Box<dyn Target>,
}

impl Table {
    /// Checks `lines` and builds their targets, of `kinds`.
    ///
    /// # Errors
    /// [`TableError`] for the first line that is wrong, counted from 1. What was opened for the
    /// lines before it is closed again.
    pub fn build(
        lines: &[TableLine],
        mode: TableMode,
        kinds: &[TargetKind],
        host: &Arc<dyn Host>,
        opener: &mut dyn Opener,
    ) -> Result<Table, TableError> {
        if lines.is_empty() {
            return Err(TableError::whole(Reason::NoLines));
        }
        if lines.len() > LINES_MAX {
            return Err(TableError::whole(Reason::TooManyLines { limit: LINES_MAX }));
        }
        let mut segments = Vec::with_capacity(lines.len());
        let mut end = Sector::ZERO;
        for (at, line) in lines.iter().enumerate() {
            let segment = line
                .range_after(end)
                .map_err(ParamError::from)
                .and_then(|range| Segment::build(line, range, mode, kinds, host, opener))
                .map_err(|error| TableError::at(at + 1, line, error))?;
            end = segment.range.end();
            segments.push(segment);
        }
        Ok(Table::of(segments, SectorCount(end.0), mode))
    }

    fn of(segments: Vec<Segment>, size: SectorCount, mode: TableMode) -> Table {
        let starts = segments
            .iter()
            .map(|segment| segment.range.start().0)
            .collect();
        let index = Index::new(starts, size.0);
        let mut components = BTreeMap::new();
        for segment in &segments {
            segment.target.components(&mut |component| {
                components
                    .entry(component.number())
                    .or_insert_with(|| component.clone());
            });
        }
        let below = components
            .values()
            .map(|component| component.dev().info().limits);
        let own = segments.iter().map(|segment| segment.target.limits());
        let limits = below.chain(own).fold(Limits::DEFAULT, Limits::stacked);
        let limits = Limits {
            tags: tags_of(&segments),
            ..limits
        };
        let flushing = segments.iter().enumerate();
        let flushing = flushing
            .filter(|(_, segment)| segment.shape.wants.contains(Wants::FLUSH))
            .map(|(at, _)| at)
            .collect();
        Table {
            segments,
            index,
            size,
            mode,
            limits,
            components,
            flushing,
        }
    }

    /// The mapped device's length.
    pub fn size(&self) -> SectorCount {
        self.size
    }

    /// What may be done to it.
    pub fn mode(&self) -> TableMode {
        self.mode
    }

    /// What its requests must heed.
    pub fn limits(&self) -> Limits {
        self.limits
    }

    /// Its segments in order.
    pub fn segments(&self) -> &[Segment] {
        &self.segments
    }

    /// The segment that maps `sector`, if the table reaches so far.
    #[inline]
    pub fn segment_at(&self, sector: Sector) -> Option<&Segment> {
        (sector.0 < self.size.0).then(|| &self.segments[self.index.find(sector.0)])
    }

    /// Each device that it stands on, once, by number.
    pub fn components(&self) -> impl ExactSizeIterator<Item = &Component> {
        self.components.values()
    }

    /// The segments whose targets want to see flushes.
    pub(crate) fn flushing(&self) -> impl Iterator<Item = usize> {
        self.flushing.iter().copied()
    }

    /// The number of the segment that maps `sector`, which must lie in the table.
    #[inline]
    pub(crate) fn find(&self, sector: Sector) -> usize {
        self.index.find(sector.0)
    }

    /// Its lines, from which the same table can be built.
    pub fn lines(&self) -> Vec<TableLine> {
        self.lines_with(|segment| segment.target.params())
    }

    /// What `status` shows: lines with the status in place of the parameters.
    pub fn status(&self, flush: FlushMode) -> Vec<TableLine> {
        self.lines_with(|segment| segment.target.status(flush))
    }

    /// What `measure` shows: lines with names and values in place of the parameters.
    pub fn measure(&self) -> Vec<TableLine> {
        self.lines_with(|segment| segment.target.measure())
    }

    fn lines_with(&self, text: impl Fn(&Segment) -> alloc::string::String) -> Vec<TableLine> {
        let line = |segment: &Segment| {
            let target = TargetName::new(segment.name).ok()?;
            let range = segment.range;
            Some(TableLine {
                start: range.start(),
                length: range.length(),
                target,
                params: text(segment),
            })
        };
        self.segments.iter().filter_map(line).collect()
    }

    /// Bytes that the table holds, but for what its targets allocate themselves.
    pub fn memory(&self) -> usize {
        let targets: usize = self
            .segments
            .iter()
            .map(|segment| size_of_val(&*segment.target))
            .sum();
        self.segments.len() * size_of::<Segment>() + self.index.bytes() + targets
    }
}

impl Segment {
    fn build(
        line: &TableLine,
        range: SectorRange,
        mode: TableMode,
        kinds: &[TargetKind],
        host: &Arc<dyn Host>,
        opener: &mut dyn Opener,
    ) -> Result<Segment, ParamError> {
        let wanted = line.target.as_str();
        let kind = kinds
            .iter()
            .find(|kind| kind.name == wanted)
            .ok_or(Reason::UnknownTarget)?;
        let words = Words::new(&line.params);
        let target = (kind.build)(&mut Build {
            words,
            range,
            mode,
            host,
            opener,
        })?;
        Ok(Segment {
            range,
            shape: target.shape(),
            name: kind.name,
            target,
        })
    }

    /// What it maps of the mapped device.
    pub fn range(&self) -> SectorRange {
        self.range
    }

    /// Its target's name.
    pub fn name(&self) -> &'static str {
        self.name
    }

    /// Its target.
    pub fn target(&self) -> &dyn Target {
        &*self.target
    }

    /// Its target's shape.
    pub fn shape(&self) -> TargetShape {
        self.shape
    }

    /// The run from the front of `range`, which starts in this segment, that one request may
    /// cover; [`Reach::Whole`] up to the segment's end, [`Reach::Cut`] within the target's cuts.
    pub fn reach(&self, range: SectorRange, reach: Reach) -> SectorCount {
        let mut end = range.end().min(self.range.end()).0;
        if let (Reach::Cut, Some(cut)) = (reach, self.shape.cut) {
            let offset = range.start().0 - self.range.start().0;
            let left = cut.0 - offset % cut.0;
            end = end.min(range.start().0.saturating_add(left));
        }
        SectorCount(end - range.start().0)
    }

    /// `range`, which lies in this segment, as its target sees it.
    pub fn relative(&self, range: SectorRange) -> SectorRange {
        let start = Sector(range.start().0 - self.range.start().0);
        range.moved_to(start).unwrap_or_default()
    }
}

/// How far a request may reach in a segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reach {
    /// Up to the segment's end.
    Whole,
    /// Up to the next of the target's cuts.
    Cut,
}

impl core::fmt::Debug for Table {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_list()
            .entries(self.segments.iter().map(|s| (s.range, s.name.to_owned())))
            .finish()
    }
}

/// The tags that all of a table's requests may carry.
///
/// # Source
/// `dm_table_supports_integrity` of `drivers/md/dm-table.c`.
fn tags_of(segments: &[Segment]) -> Option<TagFormat> {
    let of = |segment: &Segment| -> Option<TagFormat> {
        let own = segment.target.limits().tags;
        if own.is_some() || !segment.shape.wants.contains(Wants::TAGS_PASS) {
            return own;
        }
        let mut formats = Vec::new();
        segment
            .target
            .components(&mut |component| formats.push(component.dev().info().limits.tags));
        let (first, rest) = formats.split_first()?;
        rest.iter().all(|other| other == first).then_some(*first)?
    };
    let first = of(segments.first()?)?;
    let rest = &segments[1..];
    rest.iter()
        .all(|segment| of(segment) == Some(first))
        .then_some(first)
}
