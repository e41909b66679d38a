//! Forward error correction: Reed–Solomon codes over blocks that lie far from each other.

mod decode;
mod encode;
mod field;

use alloc::vec::Vec;

pub use decode::{Uncorrectable, decode};
pub use encode::Encoder;

use super::BlockSize;

/// Bytes of a codeword.
pub(super) const CODEWORD: usize = 255;

/// Bytes of code in a codeword: 2 to 24, as kernels take.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Roots(u8);

/// Where codes lie, and what they cover: the data's blocks, the tree's behind them, and what else
/// lies between the tree and the codes.
///
/// # Shape
/// The covered blocks are dealt in rounds: a codeword has one byte of each of `255 - roots` blocks
/// that lie `rounds` blocks apart, so that a run of wrong blocks costs each codeword one byte.
/// What lies past the covered blocks counts as zeroes. The codes of a round lie together, codeword
/// by codeword.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fec {
    roots: Roots,
    block: BlockSize,
    blocks: u64,
    rounds: u64,
}

/// Why there are no such codes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum FecError {
    /// They cover nothing.
    #[error("codes for no blocks")]
    NoBlocks,
    /// They end past 64 bits of bytes.
    #[error("the codes would be longer than 64 bits can say")]
    TooLarge,
}

impl Roots {
    /// What veritysetup takes unless it is told: 2.
    pub const USUAL: Roots = Roots(2);

    /// So many roots, if kernels take them.
    pub const fn new(roots: u8) -> Option<Roots> {
        match roots {
            2..=24 => Some(Roots(roots)),
            _ => None,
        }
    }

    /// Bytes of code in a codeword.
    pub const fn count(self) -> usize {
        self.0 as usize
    }

    /// Bytes of data in a codeword.
    pub const fn data(self) -> usize {
        CODEWORD - self.count()
    }
}

impl Fec {
    /// Codes for `blocks` blocks of data and tree together.
    ///
    /// # Errors
    /// [`FecError`] if there are none.
    pub fn new(roots: Roots, block: BlockSize, blocks: u64) -> Result<Fec, FecError> {
        if blocks == 0 {
            return Err(FecError::NoBlocks);
        }
        let rounds = blocks.div_ceil(roots.data() as u64);
        let fec = Fec {
            roots,
            block,
            blocks,
            rounds,
        };
        // The covered blocks' bytes bound those of the codes, but for a short last round.
        let rounded = rounds.checked_mul(CODEWORD as u64);
        rounded
            .and_then(|blocks| block.offset_of(blocks))
            .map(|_| fec)
            .ok_or(FecError::TooLarge)
    }

    /// Bytes of code in a codeword.
    pub fn roots(&self) -> Roots {
        self.roots
    }

    /// Blocks that are covered.
    pub fn blocks(&self) -> u64 {
        self.blocks
    }

    /// Rounds, each of as many codewords as a block has bytes.
    pub fn rounds(&self) -> u64 {
        self.rounds
    }

    /// Bytes of code of a round.
    pub fn round_bytes(&self) -> usize {
        self.block.bytes() * self.roots.count()
    }

    /// Bytes of all codes.
    pub fn bytes(&self) -> u64 {
        self.rounds * self.round_bytes() as u64
    }

    /// The round that covers `block`, and its place in the codewords.
    pub fn place(&self, block: u64) -> (u64, usize) {
        let place = usize::try_from(block / self.rounds).unwrap_or(usize::MAX);
        (block % self.rounds, place)
    }

    /// The blocks of a round in their order in the codewords; `None` for one past the covered.
    pub fn round(&self, round: u64) -> impl Iterator<Item = Option<u64>> + '_ {
        (0..self.roots.data() as u64)
            .map(move |place| round + place * self.rounds)
            .map(|block| Some(block).filter(|block| *block < self.blocks))
    }

    /// The bytes that the block at `place` of a round should have, of the round's blocks and codes.
    /// `erased` are places whose blocks are known to be wrong. Also, how many bytes were wrong.
    ///
    /// # Errors
    /// [`Uncorrectable`] if more is wrong than the codes can tell.
    ///
    /// # Panics
    /// If a block or the codes have not the length that they must have.
    pub fn repair(
        &self,
        blocks: &[Vec<u8>],
        codes: &[u8],
        erased: &[u8],
        place: usize,
    ) -> Result<(Vec<u8>, usize), Uncorrectable> {
        assert_eq!(blocks.len(), self.roots.data());
        assert_eq!(codes.len(), self.round_bytes());
        let mut right = Vec::with_capacity(self.block.bytes());
        let mut wrong = 0;
        let mut codeword = [0; CODEWORD];
        for (at, code) in codes.chunks_exact(self.roots.count()).enumerate() {
            for (byte, block) in codeword.iter_mut().zip(blocks) {
                *byte = block[at];
            }
            codeword[self.roots.data()..].copy_from_slice(code);
            decode(&mut codeword, self.roots, erased)?;
            wrong += usize::from(codeword[place] != blocks[place][at]);
            right.push(codeword[place]);
        }
        Ok((right, wrong))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec;

    #[test]
    fn rounds_deal_blocks_that_lie_apart() {
        let fec = Fec::new(Roots::USUAL, BlockSize::USUAL, 600).unwrap();
        assert_eq!(fec.rounds(), 3);
        assert_eq!(fec.place(7), (1, 2));
        let round: Vec<_> = fec.round(1).collect();
        assert_eq!(round.len(), 253);
        assert_eq!(round[2], Some(7));
        assert_eq!(round[199], Some(598));
        assert_eq!(round[200], None);
        assert_eq!(fec.bytes(), 3 * 4096 * 2);
    }

    #[test]
    fn hostile_counts_are_refused() {
        let new = |blocks| Fec::new(Roots::USUAL, BlockSize::USUAL, blocks);
        assert_eq!(new(0), Err(FecError::NoBlocks));
        assert_eq!(new(u64::MAX), Err(FecError::TooLarge));
        assert_eq!(Roots::new(1), None);
        assert_eq!(Roots::new(25), None);
    }

    #[test]
    fn wrong_blocks_are_repaired_up_to_the_codes_strength() {
        let mut rng = fastrand::Rng::with_seed(11);
        for roots in [2, 3, 8, 9, 16, 24] {
            let roots = Roots::new(roots).unwrap();
            let size = BlockSize::new(512).unwrap();
            let fec = Fec::new(roots, size, roots.data() as u64).unwrap();
            let blocks: Vec<Vec<u8>> = (0..roots.data())
                .map(|_| (0..512).map(|_| rng.u8(..)).collect())
                .collect();
            let rows: Vec<&[u8]> = blocks.iter().map(Vec::as_slice).collect();
            let mut codes = vec![0; fec.round_bytes()];
            Encoder::new(roots).encode(&rows, &mut codes);
            let spoil = |rng: &mut fastrand::Rng, places: &[usize]| {
                let mut spoilt = blocks.clone();
                for place in places {
                    spoilt[*place]
                        .iter_mut()
                        .for_each(|byte| *byte ^= rng.u8(1..));
                }
                spoilt
            };
            // Unknown places cost two roots each, known ones one.
            let unknown: Vec<usize> = (0..roots.count() / 2).map(|at| at * 9).collect();
            let spoilt = spoil(&mut rng, &unknown);
            let repaired = fec.repair(&spoilt, &codes, &[], unknown[0]).unwrap();
            assert_eq!(repaired, (blocks[unknown[0]].clone(), 512));
            let known: Vec<usize> = (0..roots.count()).map(|at| at * 9).collect();
            let erased: Vec<u8> = known.iter().map(|at| u8::try_from(*at).unwrap()).collect();
            let spoilt = spoil(&mut rng, &known);
            let repaired = fec.repair(&spoilt, &codes, &erased, known[1]).unwrap();
            assert_eq!(repaired.0, blocks[known[1]]);
        }
    }
}
