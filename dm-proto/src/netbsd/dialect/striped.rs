//! Striped lines, which the engine takes in whole rows only.

use std::fmt::Write as _;

use super::entry::{Entry, Leg};
use super::layout::{FindGround, Ground, Layout, Run};

/// Chunks of one line, dealt to its legs in turn.
struct Rows<'a> {
    entry: &'a Entry,
    /// Sectors of a chunk.
    chunk: u64,
    /// Legs.
    count: u64,
    /// Sectors of a chunk on every leg.
    row: u64,
}

impl Layout {
    /// Maps a run of a striped line: the chunks up to the first whole row and behind the last one by themselves.
    pub(super) fn striped(&mut self, run: Run, entry: &Entry, ground: FindGround<'_>) {
        let (chunk, count) = (entry.chunk, entry.legs.len() as u64);
        if chunk == 0 || count == 0 {
            let why = "there are no stripes, or no chunks (quirk 15)";
            return self.fail(run.start + run.from, run.to - run.from, why);
        }
        let row = chunk.saturating_mul(count);
        let rows = Rows {
            entry,
            chunk,
            count,
            row,
        };
        let first = run.from.checked_next_multiple_of(row);
        let first = first.unwrap_or(run.to).min(run.to);
        // The engine's chunks are of 32 bits; longer ones are few.
        let last = match u32::try_from(chunk) {
            Ok(_) => first + (run.to - first) / row * row,
            Err(_) => first,
        };
        self.chunks(Run { to: first, ..run }, &rows, ground);
        let whole = Run {
            start: run.start,
            from: first,
            to: last,
        };
        self.whole_rows(whole, &rows, ground);
        self.chunks(Run { from: last, ..run }, &rows, ground);
    }

    /// Maps whole rows, as many as all legs have.
    fn whole_rows(&mut self, run: Run, rows: &Rows<'_>, ground: FindGround<'_>) {
        if run.from == run.to {
            return;
        }
        let (start, length) = (run.start + run.from, run.to - run.from);
        let legs = &rows.entry.legs;
        let grounds: Option<Vec<Ground>> = legs.iter().map(|leg| ground(&leg.base)).collect();
        let Some(grounds) = grounds else {
            return self.fail(start, length, "a device below is gone");
        };
        let before = run.from / rows.row;
        let mut fits = length / rows.row;
        let mut params = format!("{} {}", rows.count, rows.chunk);
        for (leg, ground) in legs.iter().zip(&grounds) {
            let offset = leg.offset.saturating_add(before * rows.chunk);
            fits = fits.min(ground.end().saturating_sub(offset) / rows.chunk);
            // Writing to a string can not fail.
            let _ = write!(params, " {} {offset}", ground.word);
        }
        let mapped = fits * rows.row;
        if mapped > 0 {
            self.push(start, mapped, "striped", &params);
        }
        if mapped < length {
            let why = "they lie past the end of a stripe (quirk 16)";
            self.fail(start + mapped, length - mapped, why);
        }
    }

    /// Maps chunks one by one.
    fn chunks(&mut self, run: Run, rows: &Rows<'_>, ground: FindGround<'_>) {
        let reach = self::reach(rows.entry, ground);
        let mut from = run.from;
        while from < run.to {
            let (number, within) = (from / rows.chunk, from % rows.chunk);
            if number / rows.count * rows.chunk >= reach {
                // However many chunks are left, they are one run.
                let why = "they lie past the end of each stripe (quirk 16)";
                return self.fail(run.start + from, run.to - from, why);
            }
            let length = (rows.chunk - within).min(run.to - from);
            let at = usize::try_from(number % rows.count).unwrap_or_default();
            let place = number / rows.count * rows.chunk + within;
            // As if the leg's own line began so that this run lies right.
            let leg = &rows.entry.legs[at];
            self.run(run.start + from, length, leg, place, ground);
            from += length;
        }
    }

    /// Maps `length` sectors to those from `place` on behind a leg's offset.
    fn run(&mut self, start: u64, length: u64, leg: &Leg, place: u64, ground: FindGround<'_>) {
        let mut moved = leg.clone();
        moved.offset = leg.offset.saturating_add(place);
        let run = Run {
            start,
            from: 0,
            to: length,
        };
        self.linear(run, &moved, ground);
    }
}

/// How far the longest leg goes: behind that nothing of any row fits.
fn reach(entry: &Entry, ground: FindGround<'_>) -> u64 {
    let room = |leg: &Leg| Some(ground(&leg.base)?.end().saturating_sub(leg.offset));
    entry.legs.iter().filter_map(room).max().unwrap_or(0)
}
