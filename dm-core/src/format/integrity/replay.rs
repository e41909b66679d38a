//! What is to be replayed of a journal, and where it goes on.

use super::journal::{Journal, SectorView};

/// Sections that are to be written to their places, and what is done then.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Replay {
    /// The first section: the oldest.
    pub start: u32,
    /// How many, from there on and around the journal's end.
    pub sections: u32,
    /// No section has a used entry, or none that counts.
    pub empty: bool,
    /// The round of the sections behind, if all are of a piece.
    pub round: usize,
    /// The round that empty sections get where they are not.
    pub erase: usize,
}

/// Why a journal is none.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum JournalError {
    /// No round wrote a sector.
    #[error("sector {place} of section {section} has no commit id")]
    Foreign {
        /// The section.
        section: u32,
        /// The place in it.
        place: u64,
    },
    /// All rounds wrote some.
    #[error("sections of all four rounds are there")]
    Rounds,
}

const ROUNDS: usize = 4;

/// The round before.
pub fn before(round: usize) -> usize {
    (round + ROUNDS - 1) % ROUNDS
}

/// The round behind.
pub fn behind(round: usize) -> usize {
    (round + 1) % ROUNDS
}

impl Replay {
    /// Looks through a decrypted journal.
    ///
    /// # Errors
    /// [`JournalError`] if it is none.
    ///
    /// # Source
    /// `replay_journal` in `drivers/md/dm-integrity.c`.
    pub fn of(journal: &Journal, all: &[u8]) -> Result<Replay, JournalError> {
        let count = journal.layout().sections();
        let (mut last_of, mut seen, mut empty) = ([0; ROUNDS], [false; ROUNDS], true);
        let sections = || {
            all.chunks_exact(journal.layout().section_bytes())
                .zip(0..count)
        };
        for (bytes, section) in sections() {
            for view in views(bytes, section) {
                let round = journal.round(view).ok_or(JournalError::Foreign {
                    section,
                    place: view.place,
                })?;
                seen[round] = true;
                last_of[round] = section;
                empty = empty && journal.used(view) == 0;
            }
        }
        let unused = if seen[ROUNDS - 1] {
            seen.iter().position(|seen| !seen)
        } else {
            let used = seen.iter().rposition(|seen| *seen);
            Some(used.map_or(0, |round| round + 1))
        };
        let last = before(unused.ok_or(JournalError::Rounds)?);
        let mut round = before(last);
        // One round was begun and none is before it: what is there was cleared.
        empty |= !seen[round] && seen[before(round)];
        let mut start = last_of[last] + 1;
        if start >= count {
            (start, round) = (0, behind(round));
        }
        let mut replay = Replay {
            start,
            sections: 0,
            empty,
            round,
            erase: before(before(last)),
        };
        let (old, new) = (sections().skip(start as usize), sections());
        for (bytes, section) in old.chain(new.take(start as usize)) {
            // A power cut may have left one half written, and all behind it older.
            if !views(bytes, section).all(|view| journal.round(view) == Some(replay.round)) {
                break;
            }
            replay.sections += 1;
            if section + 1 == count {
                replay.round = behind(replay.round);
            }
        }
        Ok(replay)
    }

    /// Whether all sections are of a piece.
    pub fn is_whole(&self, journal: &Journal) -> bool {
        self.sections == journal.layout().sections()
    }
}

fn views(bytes: &[u8], section: u32) -> impl Iterator<Item = SectorView<'_>> {
    let sectors = bytes.chunks_exact(512).zip(0..);
    sectors.map(move |(bytes, place)| SectorView {
        section,
        place,
        bytes,
    })
}

#[cfg(test)]
mod tests {
    use alloc::vec::Vec;

    use super::super::journal::tests::journal;
    use super::*;

    /// Sections that these rounds wrote.
    fn of(rounds: [usize; 3]) -> Vec<u8> {
        let journal = journal();
        let mut all = Vec::new();
        for (round, number) in rounds.into_iter().zip(0..) {
            let mut section = alloc::vec![0; journal.layout().section_bytes()];
            journal.clear(round, number, &mut section);
            all.extend(section);
        }
        all
    }

    fn replay(rounds: [usize; 3]) -> (u32, u32, usize) {
        let replay = Replay::of(&journal(), &of(rounds)).unwrap();
        (replay.start, replay.sections, replay.round)
    }

    #[test]
    fn the_oldest_section_is_the_first() {
        assert_eq!(replay([0, 0, 0]), (0, 3, 1));
        assert_eq!(replay([1, 0, 0]), (1, 3, 1));
        assert_eq!(replay([1, 1, 0]), (2, 3, 1));
        assert_eq!(replay([3, 3, 3]), (0, 3, 0));
        assert_eq!(replay([0, 0, 3]), (2, 3, 0));
    }

    #[test]
    fn what_a_power_cut_left_half_is_not_replayed() {
        let mut all = of([1, 0, 0]);
        // Section 1 was being written.
        let next = of([1, 1, 0]);
        let section = journal().layout().section_bytes();
        all[section..section + 5120].copy_from_slice(&next[section..section + 5120]);
        let replay = Replay::of(&journal(), &all).unwrap();
        assert_eq!((replay.start, replay.sections), (2, 2));
        assert!(!replay.is_whole(&journal()));
    }

    #[test]
    fn what_no_round_wrote_is_an_error() {
        let mut all = of([0, 0, 0]);
        all[511] ^= 1;
        let error = Replay::of(&journal(), &all).unwrap_err();
        assert_eq!(
            error,
            JournalError::Foreign {
                section: 0,
                place: 0
            }
        );
    }
}
