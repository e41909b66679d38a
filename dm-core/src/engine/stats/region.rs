//! Sectors that somebody wants counted.

use std::fmt::Write as _;
use std::time::{Duration, Instant};

use crate::typed::stats::{Areas, Create, Range, Region as Listed, Step};
use crate::units::{SectorCount, SectorRange};

use super::Request;
use super::area::{Area, Part, Precision};

/// A region, divided into areas of one length but for the last.
pub(super) struct Region {
    range: Range,
    step: u64,
    precision: Precision,
    bounds: Vec<u64>,
    pub(super) program: String,
    pub(super) aux: String,
    areas: Vec<Area>,
}

/// The most areas of a region: each takes some hundred bytes.
pub(super) const AREAS_MAX: u64 = 1 << 20;

impl Region {
    /// The region that is asked for, on a device of `size`; `None` if it has too many areas.
    pub(super) fn new(create: Create, size: SectorCount) -> Option<Region> {
        let whole = Range {
            start: 0,
            length: size.0.max(1),
        };
        let range = create.range.unwrap_or(whole);
        let step = match create.step {
            Step::Sectors(sectors) => sectors,
            Step::Areas(areas) => range.length.div_ceil(u64::from(areas).max(1)).max(1),
        };
        let count = range.length.div_ceil(step);
        let bins = match create.histogram.len() {
            0 => 0,
            bounds => bounds + 1,
        };
        let area = Area::new(bins);
        let count = usize::try_from(count).ok();
        let count = count.filter(|count| *count as u64 <= AREAS_MAX)?;
        Some(Region {
            range,
            step,
            precision: match create.precise {
                true => Precision::Nanoseconds,
                false => Precision::Milliseconds,
            },
            bounds: create.histogram,
            program: create.program.unwrap_or_else(|| "-".into()),
            aux: create.aux.unwrap_or_else(|| "-".into()),
            areas: vec![area; count],
        })
    }

    /// The areas that `range` touches, and how many of its sectors lie in each.
    fn touched(&mut self, range: SectorRange) -> impl Iterator<Item = (&mut Area, u64)> {
        let (first, step) = (self.range.start, self.step);
        let end = first + self.range.length;
        let (from, to) = (range.start().0.max(first), range.end().0.min(end));
        let index = |sector: u64| usize::try_from((sector - first) / step).unwrap_or(usize::MAX);
        let touched = match from < to {
            true => index(from)..index(to - 1) + 1,
            false => 0..0,
        };
        let start = touched.start;
        let areas = self.areas[touched].iter_mut().enumerate();
        areas.map(move |(at, area)| {
            let begin = first + (start + at) as u64 * step;
            let sectors = to.min(begin + step) - from.max(begin);
            (area, sectors)
        })
    }

    pub(super) fn begin(&mut self, request: Request) {
        for (area, _) in self.touched(request.range) {
            area.begin(request.is_write);
        }
    }

    pub(super) fn end(&mut self, request: Request, time: Duration) {
        let bin = self.bin(time);
        for (area, sectors) in self.touched(request.range) {
            area.end(request.part(sectors, time, bin));
        }
    }

    pub(super) fn pass(&mut self, request: Request, time: Duration) {
        let bin = self.bin(time);
        for (area, sectors) in self.touched(request.range) {
            area.pass(request.part(sectors, time, bin));
        }
    }

    /// Which of the histogram's counters a time belongs to.
    fn bin(&self, time: Duration) -> usize {
        let time = match self.precision {
            Precision::Milliseconds => time.as_millis(),
            Precision::Nanoseconds => time.as_nanos(),
        };
        self.bounds
            .partition_point(|bound| u128::from(*bound) <= time)
    }

    /// Some areas by number, or all.
    fn chosen(&self, areas: Option<Areas>) -> std::ops::Range<usize> {
        let index = |at: Option<u64>, otherwise: usize| {
            at.map_or(otherwise, |at| usize::try_from(at).unwrap_or(usize::MAX))
        };
        let all = self.areas.len();
        let first = index(areas.and_then(|areas| areas.first), 0).min(all);
        let count = index(areas.and_then(|areas| areas.count), all);
        first..first.saturating_add(count).min(all)
    }

    /// As the kernel's reply shows it, a line an area.
    pub(super) fn print(&mut self, areas: Option<Areas>) -> String {
        let (mut text, now) = (String::new(), Instant::now());
        for at in self.chosen(areas) {
            let start = self.range.start + at as u64 * self.step;
            let length = self.step.min(self.range.start + self.range.length - start);
            self.areas[at].advance(now);
            // Nothing that is written to a string fails.
            let _ = write!(text, "{start}+{length}");
            let _ = self.areas[at].show(self.precision, &mut text);
            text.push('\n');
        }
        text
    }

    pub(super) fn clear(&mut self, areas: Option<Areas>) {
        let chosen = self.chosen(areas);
        self.areas[chosen].iter_mut().for_each(Area::clear);
    }

    /// As the kernel's list shows it.
    pub(super) fn line(&self, id: u32) -> String {
        let mut features = Vec::new();
        if self.precision == Precision::Nanoseconds {
            features.push("precise_timestamps".into());
        }
        if !self.bounds.is_empty() {
            let bounds: Vec<String> = self.bounds.iter().map(u64::to_string).collect();
            features.push(format!("histogram:{}", bounds.join(",")));
        }
        let listed = Listed {
            id,
            range: self.range,
            step: self.step,
            program: self.program.clone(),
            aux: self.aux.clone(),
            features,
        };
        format!("{listed}\n")
    }
}

impl Request {
    fn part(self, sectors: u64, time: Duration, bin: usize) -> Part {
        Part {
            is_write: self.is_write,
            merged: self.merged,
            sectors,
            time,
            bin,
        }
    }
}
