//! A raw table as one that the engine takes.

use std::collections::{BTreeMap, BTreeSet};

use dm_core::names::TargetName;
use dm_core::table::TableLine;
use dm_core::units::{Sector, SectorCount};

use super::entry::{Base, Entry, Leg, Module};

/// The most sectors that a device can have here: 2^63 bytes.
const SIZE_MAX: u64 = 1 << 54;

/// A sound table: from sector 0 on, without gap or overlap, as long as the driver says that the device is. What the
/// driver could not map soundly fails.
#[derive(Debug, Default)]
pub(super) struct Layout {
    pub(super) lines: Vec<TableLine>,
    /// Which sectors fail, or can not be asked for, though the driver took the lines; and why.
    pub(super) refused: BTreeSet<String>,
}

/// A device as the engine has it.
#[derive(Clone, Debug)]
pub(super) struct Ground {
    /// How a table line calls it.
    pub(super) word: String,
    /// Its sectors; `None` if they are not known.
    pub(super) size: Option<u64>,
}

/// Finds the engine's device; `None` if it is gone.
pub(super) type FindGround<'a> = &'a dyn Fn(&Base) -> Option<Ground>;

/// A run of an entry's sectors, relative to its first.
#[derive(Clone, Copy, Debug)]
pub(super) struct Run {
    /// The first one's place on the mapped device.
    pub(super) start: u64,
    pub(super) from: u64,
    pub(super) to: u64,
}

impl Ground {
    /// The sector where it ends, if none is known where any disk does.
    pub(super) fn end(&self) -> u64 {
        self.size.unwrap_or(SIZE_MAX).min(SIZE_MAX)
    }
}

impl Layout {
    /// Lays `entries` out over `size` sectors.
    pub(super) fn new(entries: &[Entry], size: SectorCount, ground: FindGround<'_>) -> Layout {
        let mut layout = Layout::default();
        let size = layout.bounded(size.0);
        let mut events: BTreeMap<u64, Vec<usize>> = BTreeMap::new();
        for (at, entry) in entries.iter().enumerate() {
            let end = entry.start.saturating_add(entry.length);
            if end > size {
                let line = at + 1;
                layout.refuse(format!(
                    "what line {line} maps from sector {size} on: the device ends there"
                ));
            }
            let end = end.min(size);
            if entry.start < end {
                events.entry(entry.start).or_default().push(at);
                events.entry(end).or_default().push(at);
            }
        }
        events.entry(size).or_default();
        let mut open = BTreeSet::new();
        let mut from = 0;
        for (to, entered) in events {
            if from < to {
                layout.interval(from, to, &open, entries, ground);
            }
            for at in entered {
                // Each line comes twice: to open and to close.
                if !open.remove(&at) {
                    open.insert(at);
                }
            }
            from = to;
        }
        if layout.lines.is_empty() {
            // The engine knows no empty table. A device that had one must not keep it.
            layout.push(0, 1, "error", "");
        }
        layout
    }

    fn bounded(&mut self, size: u64) -> u64 {
        if size > SIZE_MAX {
            self.refuse(format!(
                "sectors from {SIZE_MAX} on: there are no such disks"
            ));
        }
        size.min(SIZE_MAX)
    }

    /// Lays out sectors that lie in the same lines.
    fn interval(
        &mut self,
        from: u64,
        to: u64,
        open: &BTreeSet<usize>,
        entries: &[Entry],
        ground: FindGround<'_>,
    ) {
        let mut lines = open.iter();
        match (lines.next(), lines.next()) {
            (None, _) => self.fail(from, to - from, "no line maps them"),
            (Some(&at), None) => {
                let entry = &entries[at];
                let run = Run {
                    start: entry.start,
                    from: from - entry.start,
                    to: to - entry.start,
                };
                match entry.module {
                    Module::Linear => self.linear(run, &entry.legs[0], ground),
                    Module::Striped => self.striped(run, entry, ground),
                    Module::Error => self.push(from, to - from, "error", ""),
                    Module::Zero => self.push(from, to - from, "zero", ""),
                }
            }
            (Some(one), Some(other)) => {
                let (one, other) = (one + 1, other + 1);
                let why = format!("lines {one} and {other} both map them (quirk 14)");
                self.fail(from, to - from, &why);
            }
        }
    }

    /// Maps a run of one leg: as much as its device has, and the rest fails.
    pub(super) fn linear(&mut self, run: Run, leg: &Leg, ground: FindGround<'_>) {
        let (start, length) = (run.start + run.from, run.to - run.from);
        let Some(ground) = ground(&leg.base) else {
            return self.fail(start, length, "the device below is gone");
        };
        let offset = leg.offset.checked_add(run.from);
        let room = offset.map_or(0, |offset| ground.end().saturating_sub(offset));
        let fits = length.min(room);
        if let (Some(offset), true) = (offset, fits > 0) {
            let params = format!("{} {offset}", ground.word);
            self.push(start, fits, "linear", &params);
        }
        if fits < length {
            let why = format!("they lie past the end of {} (quirk 16)", leg.path);
            self.fail(start + fits, length - fits, &why);
        }
    }

    /// Lets sectors fail.
    pub(super) fn fail(&mut self, start: u64, length: u64, why: &str) {
        self.refuse(format!("sectors {start}+{length}: {why}"));
        self.push(start, length, "error", "");
    }

    pub(super) fn refuse(&mut self, why: String) {
        self.refused.insert(why);
    }

    /// Puts a line behind the last one, or makes that one longer if both fail.
    pub(super) fn push(&mut self, start: u64, length: u64, target: &str, params: &str) {
        if let Some(last) = self.lines.last_mut()
            && last.target.as_str() == target
            && target == "error"
        {
            last.length.0 += length;
            return;
        }
        self.lines.push(TableLine {
            start: Sector(start),
            length: SectorCount(length),
            target: TargetName::new(target).expect("our own targets have short names"),
            params: params.into(),
        });
    }
}

#[cfg(test)]
mod tests {
    use crate::proplib::Text;

    use super::*;

    fn ground(base: &Base) -> Option<Ground> {
        let Base::Mapped(minor) = base else {
            return None;
        };
        Some(Ground {
            word: format!("d{minor}"),
            size: Some(1000),
        })
    }

    fn leg(minor: u32, offset: u64) -> Leg {
        Leg {
            path: Text::from(format!("/d{minor}")),
            base: Base::Mapped(minor),
            offset,
        }
    }

    fn linear(start: u64, length: u64, minor: u32, offset: u64) -> Entry {
        Entry {
            start,
            length,
            module: Module::Linear,
            chunk: 0,
            legs: vec![leg(minor, offset)],
        }
    }

    fn striped(length: u64, chunk: u64, legs: &[(u32, u64)]) -> Entry {
        let legs = legs.iter().map(|&(minor, offset)| leg(minor, offset));
        Entry {
            start: 0,
            length,
            module: Module::Striped,
            chunk,
            legs: legs.collect(),
        }
    }

    /// The lines and the refusals, a line each.
    fn laid(entries: &[Entry]) -> (Vec<String>, Vec<String>) {
        let size = entries.iter().map(|entry| entry.length);
        let size = size.fold(0, u64::wrapping_add);
        let layout = Layout::new(entries, SectorCount(size), &ground);
        let lines = layout.lines.iter().map(ToString::to_string).collect();
        (lines, layout.refused.into_iter().collect())
    }

    #[test]
    fn gap_fails_and_the_size_is_the_sum() {
        let (lines, refused) = laid(&[linear(0, 100, 0, 0), linear(150, 100, 1, 7)]);
        assert_eq!(
            lines,
            ["0 100 linear d0 0", "100 50 error", "150 50 linear d1 7"]
        );
        assert_eq!(
            refused,
            [
                "sectors 100+50: no line maps them",
                "what line 2 maps from sector 200 on: the device ends there"
            ]
        );
    }

    #[test]
    fn overlap_fails_where_two_lines_lie() {
        let (lines, refused) = laid(&[linear(0, 100, 0, 0), linear(50, 100, 1, 0)]);
        assert_eq!(
            lines,
            [
                "0 50 linear d0 0",
                "50 50 error",
                "100 50 linear d1 50",
                "150 50 error"
            ]
        );
        assert_eq!(
            refused,
            [
                "sectors 150+50: no line maps them",
                "sectors 50+50: lines 1 and 2 both map them (quirk 14)"
            ]
        );
    }

    #[test]
    fn order_does_not_matter_and_empty_lines_map_nothing() {
        let (lines, refused) = laid(&[
            linear(100, 100, 0, 0),
            linear(0, 0, 2, 0),
            linear(0, 100, 1, 0),
        ]);
        assert_eq!(lines, ["0 100 linear d1 0", "100 100 linear d0 0"]);
        assert!(refused.is_empty());
    }

    #[test]
    fn what_lies_past_the_end_below_fails() {
        let (lines, refused) = laid(&[linear(0, 64, 0, 992), linear(64, 8, 1, u64::MAX)]);
        assert_eq!(lines, ["0 8 linear d0 992", "8 64 error"]);
        assert_eq!(
            refused,
            [
                "sectors 64+8: they lie past the end of /d1 (quirk 16)",
                "sectors 8+56: they lie past the end of /d0 (quirk 16)"
            ]
        );
    }

    #[test]
    fn nothing_is_laid_out_as_a_sector_that_fails() {
        assert_eq!(laid(&[]).0, ["0 1 error"]);
        assert_eq!(laid(&[linear(5, 0, 0, 0)]).0, ["0 1 error"]);
    }

    #[test]
    fn greatest_numbers_are_laid_out() {
        let huge = linear(u64::MAX, u64::MAX, 0, u64::MAX);
        let (lines, refused) = laid(&[huge]);
        assert_eq!(lines, ["0 18014398509481984 error"]);
        assert_eq!(refused[0], "sectors 0+18014398509481984: no line maps them");
    }

    #[test]
    fn whole_rows_are_striped_and_the_rest_is_cut_by_chunk() {
        let (lines, refused) = laid(&[striped(33, 8, &[(0, 0), (1, 64)])]);
        assert_eq!(lines, ["0 32 striped 2 8 d0 0 d1 64", "32 1 linear d0 16"]);
        assert!(refused.is_empty());
    }

    #[test]
    fn row_that_begins_under_an_overlap_is_cut_by_chunk() {
        let (lines, _) = laid(&[linear(0, 20, 2, 0), striped(64, 8, &[(0, 0), (1, 0)])]);
        assert_eq!(
            lines,
            [
                "0 20 error",
                "20 4 linear d0 12",
                "24 8 linear d1 8",
                "32 32 striped 2 8 d0 16 d1 16",
                "64 20 error"
            ]
        );
    }

    #[test]
    fn rows_past_the_shortest_disk_fail() {
        let (lines, refused) = laid(&[striped(64, 8, &[(0, 0), (1, 984)])]);
        assert_eq!(lines, ["0 32 striped 2 8 d0 0 d1 984", "32 32 error"]);
        assert_eq!(
            refused,
            ["sectors 32+32: they lie past the end of a stripe (quirk 16)"]
        );
    }

    /// Chunk by chunk it would be millions of runs, each with a refusal of its own.
    #[test]
    fn huge_chunks_past_every_disk_are_one_run() {
        let chunk = 1 << 32;
        let (lines, refused) = laid(&[striped(SIZE_MAX, chunk, &[(0, 0), (1, 990)])]);
        assert_eq!(
            lines,
            [
                "0 1000 linear d0 0".to_owned(),
                format!("1000 {} error", chunk - 1000),
                format!("{chunk} 10 linear d1 990"),
                format!("{} {} error", chunk + 10, SIZE_MAX - chunk - 10),
            ]
        );
        assert_eq!(refused.len(), 3);
    }

    #[test]
    fn chunk_zero_and_no_stripes_fail() {
        for entry in [striped(64, 0, &[(0, 0)]), striped(64, 8, &[])] {
            let (lines, refused) = laid(&[entry]);
            assert_eq!(lines, ["0 64 error"]);
            assert_eq!(
                refused,
                ["sectors 0+64: there are no stripes, or no chunks (quirk 15)"]
            );
        }
    }

    #[test]
    fn chunk_longer_than_the_line_is_one_run() {
        let (lines, _) = laid(&[striped(64, u64::MAX, &[(0, 3), (1, 0)])]);
        assert_eq!(lines, ["0 64 linear d0 3"]);
    }
}
