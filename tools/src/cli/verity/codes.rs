//! Making codes, comparing with them, and repairing by them.

use std::sync::atomic::{AtomicU64, Ordering};

use dm_core::format::verity::Encoder;

use crate::failure::Failure;

use super::volume::{Codes, Volume};
use crate::cli::offline::parallel;
use crate::cli::offline::progress::Progress;

/// Rounds that a processor does at a time: as many neighbouring blocks are read at once.
const ROUNDS: u64 = 4;

impl Codes {
    /// Makes all codes.
    pub(super) fn make(&self, volume: &Volume, progress: &Progress) -> Result<(), Failure> {
        self.each_round(volume, progress, |at, codes, _| self.image.write(at, codes))
    }

    /// In a dry run: all codes would be written.
    pub(super) fn would_make(&self) {
        let bytes = self.fec.rounds() * self.fec.round_bytes() as u64;
        self.image.would_write(self.offset, bytes);
    }

    /// How many rounds have other codes than they should have.
    pub(super) fn compare(&self, volume: &Volume, progress: &Progress) -> Result<u64, Failure> {
        let wrong = AtomicU64::new(0);
        self.each_round(volume, progress, |at, codes, found| {
            found.resize(codes.len(), 0);
            self.image.read(at, found)?;
            let round = self.fec.round_bytes();
            let rounds = codes.chunks(round).zip(found.chunks(round));
            let differ = rounds.filter(|(one, other)| one != other).count();
            wrong.fetch_add(differ as u64, Ordering::Relaxed);
            Ok(())
        })?;
        Ok(wrong.into_inner())
    }

    /// Does `work` for the codes of some rounds, with the place where they belong.
    fn each_round(
        &self,
        volume: &Volume,
        progress: &Progress,
        work: impl Fn(u64, &[u8], &mut Vec<u8>) -> Result<(), Failure> + Sync,
    ) -> Result<(), Failure> {
        let encoder = Encoder::new(self.fec.roots());
        let block = volume.tree.data_block().bytes();
        let rounds = self.fec.rounds();
        let state = || (Vec::new(), Vec::new(), Vec::new());
        parallel::each(
            rounds.div_ceil(ROUNDS),
            state,
            |(rows, codes, found), number| {
                let first = number * ROUNDS;
                let width =
                    usize::try_from(ROUNDS.min(rounds - first)).unwrap_or(usize::MAX) * block;
                let places = self.fec.roots().data();
                rows.resize(width * places, 0);
                codes.resize(width * self.fec.roots().count(), 0);
                for (row, place) in rows.chunks_exact_mut(width).zip(0..) {
                    let covered = first + place * rounds;
                    let there = self.fec.blocks().saturating_sub(covered);
                    let there = usize::try_from(there).unwrap_or(usize::MAX);
                    let (head, tail) = row.split_at_mut(there.saturating_mul(block).min(width));
                    volume.read_covered(covered, head)?;
                    tail.fill(0);
                }
                let views: Vec<&[u8]> = rows.chunks_exact(width).collect();
                encoder.encode(&views, codes);
                progress.add(rows.len() as u64);
                let at = self.offset + first * self.fec.round_bytes() as u64;
                work(at, codes, found)
            },
        )
    }

    /// The bytes that a layer's block should have; `None` if the codes can not tell. `is_right`
    /// says whether a block is what the tree says; `wrong` whether another block is known not to
    /// be.
    pub(super) fn repair(
        &self,
        volume: &Volume,
        (layer, index): (usize, u64),
        wrong: impl Fn(u64) -> bool,
        is_right: impl Fn(&[u8]) -> bool,
    ) -> Result<Option<Vec<u8>>, Failure> {
        let (round, place) = self.fec.place(volume.covered(layer, index));
        let size = volume.tree.data_block().bytes();
        let mut blocks = Vec::with_capacity(self.fec.roots().data());
        let mut erased = Vec::new();
        for (at, covered) in (0..=u8::MAX).zip(self.fec.round(round)) {
            let mut block = vec![0; size];
            if let Some(covered) = covered {
                // What can not be read is as good as wrong.
                let lost = volume.read_covered(covered, &mut block).is_err();
                if lost || wrong(covered) {
                    erased.push(at);
                }
            }
            blocks.push(block);
        }
        let mut codes = vec![0; self.fec.round_bytes()];
        self.image
            .read(self.offset + round * codes.len() as u64, &mut codes)?;
        let tries = [&[], erased.as_slice()];
        let repaired = tries
            .iter()
            .filter_map(|erased| self.fec.repair(&blocks, &codes, erased, place).ok())
            .map(|(block, _)| block)
            .find(|block| is_right(block));
        Ok(repaired)
    }
}
