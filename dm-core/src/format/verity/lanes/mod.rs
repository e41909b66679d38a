//! Hashes of many blocks at once, one in each lane of the processor's vectors.
//!
//! # Source
//! FIPS 180-4.

mod sha256;
mod sha512;

use alloc::boxed::Box;
use alloc::vec::Vec;
use core::array::from_fn;

use digest::Digest;
use pulp::NullaryFnOnce;

use super::hash::Salted;
use super::{BlockHash, HashType};

pub(super) use sha256::{sha224, sha256};
pub(super) use sha512::{sha384, sha512};

/// Blocks that are hashed together.
const LANES: usize = 16;

/// Bytes of the longest chunk.
const CHUNK_MAX: usize = 128;

/// What hashes of one construction have in common, and how a processor makes them.
trait Family: Copy + Send + Sync + 'static {
    /// A word of the state.
    type Word: Copy;
    /// Bytes of a chunk: sixteen words.
    const CHUNK: usize;
    /// Bytes that count the bits, behind it all.
    const COUNT: usize;

    /// Does `work`, all of which is inlined, with the processor's vectors.
    fn dispatch<W: NullaryFnOnce>(self, work: W) -> W::Output;

    /// One chunk of each lane.
    fn compress(self, state: &mut [[Self::Word; LANES]; 8], chunks: &[&[u8]; LANES]);

    /// Writes a word.
    fn put(word: Self::Word, bytes: &mut [u8]);
}

/// A hash with a salt, of many blocks at once if there is a family that does so here.
fn widened<D: Digest + Clone + Send + Sync + 'static, F: Family>(
    family: Option<F>,
    start: &[F::Word; 8],
    hash_type: HashType,
    salt: &[u8],
) -> Box<dyn BlockHash>
where
    F::Word: Send + Sync,
{
    let one = Salted::<D>::new(hash_type, salt);
    let (before, behind) = match hash_type {
        HashType::Normal => (salt, &[][..]),
        HashType::ChromeOs => (&[][..], salt),
    };
    match family {
        Some(family) => Box::new(Widened {
            one,
            wide: Wide::new(family, start, before, behind),
        }),
        None => Box::new(one),
    }
}

/// A hash of which many blocks are hashed at once.
struct Widened<D, F: Family> {
    one: Salted<D>,
    wide: Wide<F>,
}

impl<D: Digest + Clone + Send + Sync, F: Family> BlockHash for Widened<D, F>
where
    F::Word: Send + Sync,
{
    fn digest(&self, block: &[u8], digest: &mut [u8]) {
        self.one.digest(block, digest);
    }

    fn digests(&self, blocks: &[u8], size: usize, tell: &mut dyn FnMut(usize, &[u8])) {
        let (groups, rest) = blocks.split_at(blocks.len() / (size * LANES) * size * LANES);
        for (number, group) in groups.chunks_exact(size * LANES).enumerate() {
            let lanes = from_fn(|lane| &group[lane * size..][..size]);
            for (lane, digest) in self.wide.digests(&lanes).iter().enumerate() {
                tell(
                    number * LANES + lane,
                    &digest[..<D as Digest>::output_size()],
                );
            }
        }
        let first = groups.len() / size;
        let tell = &mut |number, digest: &[u8]| tell(first + number, digest);
        self.one.digests(rest, size, tell);
    }
}

/// A hash of a family with its salt.
struct Wide<F: Family> {
    family: F,
    start: [F::Word; 8],
    before: Vec<u8>,
    behind: Vec<u8>,
}

impl<F: Family> Wide<F> {
    /// The hash that starts so, with what comes before and behind each block.
    fn new(family: F, start: &[F::Word; 8], before: &[u8], behind: &[u8]) -> Wide<F> {
        Wide {
            family,
            start: *start,
            before: before.to_vec(),
            behind: behind.to_vec(),
        }
    }

    /// The digests of as many blocks as there are lanes, all of one length.
    fn digests(&self, blocks: &[&[u8]; LANES]) -> [[u8; 64]; LANES] {
        self.family.dispatch(Hashing { wide: self, blocks })
    }
}

/// What is done with a processor's vectors.
struct Hashing<'a, F: Family> {
    wide: &'a Wide<F>,
    blocks: &'a [&'a [u8]; LANES],
}

impl<F: Family> NullaryFnOnce for Hashing<'_, F> {
    type Output = [[u8; 64]; LANES];

    #[inline(always)] // Else it is made for a processor without them.
    fn call(self) -> [[u8; 64]; LANES] {
        let (wide, blocks) = (self.wide, self.blocks);
        let (before, block) = (wide.before.len(), blocks[0].len());
        let length = before + block + wide.behind.len();
        let mut state = wide.start.map(|word| [word; LANES]);
        let mut made = [[0; CHUNK_MAX]; LANES];
        // A bit and the number of bits come behind it all.
        for at in (0..length + 1 + F::COUNT).step_by(F::CHUNK) {
            let mut chunks = [&[][..]; LANES];
            // A loop, since what iterators do is not always made for these vectors.
            #[allow(clippy::needless_range_loop)]
            if at >= before && at + F::CHUNK <= before + block {
                for lane in 0..LANES {
                    chunks[lane] = &blocks[lane][at - before..][..F::CHUNK];
                }
            } else {
                for (chunk, block) in made.iter_mut().zip(blocks) {
                    let parts = [&wide.before[..], block, &wide.behind];
                    fill(&mut chunk[..F::CHUNK], at, parts, F::COUNT);
                }
                for (chunk, made) in chunks.iter_mut().zip(&made) {
                    *chunk = &made[..F::CHUNK];
                }
            }
            wide.family.compress(&mut state, &chunks);
        }
        from_fn(|lane| {
            let mut digest = [0; 64];
            for (bytes, words) in digest.chunks_exact_mut(F::CHUNK / 16).zip(&state) {
                F::put(words[lane], bytes);
            }
            digest
        })
    }
}

/// The chunk at `at` of the parts, a bit, zeroes, and the number of bits in `count` bytes.
fn fill(chunk: &mut [u8], at: usize, parts: [&[u8]; 3], count: usize) {
    chunk.fill(0);
    let end = at + chunk.len();
    let mut start = 0;
    for part in parts {
        let (from, to) = (at.max(start), end.min(start + part.len()));
        if from < to {
            chunk[from - at..to - at].copy_from_slice(&part[from - start..to - start]);
        }
        start += part.len();
    }
    if (at..end).contains(&start) {
        chunk[start - at] = 0x80;
    }
    if end > start + count {
        let bits = (start as u64 * 8).to_be_bytes();
        let last = chunk.len() - bits.len();
        chunk[last..].copy_from_slice(&bits);
    }
}

#[cfg(test)]
mod tests {
    use pulp::Arch;

    use super::super::algorithm;
    use super::sha512::{SHA384, SHA512, Sha512};
    use super::*;

    /// Lengths of what is before a block, of a block, and of what is behind it.
    const LENGTHS: &[(usize, usize, usize)] = &[
        (0, 512, 0),
        (32, 4096, 0),
        (0, 1024, 20),
        (64, 512, 0),
        (128, 4096, 0),
        (55, 512, 0),
        (56, 512, 0),
        (111, 512, 0),
        (112, 512, 0),
        (0, 512, 256),
        (7, 4096, 0),
    ];

    #[test]
    fn lanes_are_hashed_as_one_block_is_with_any_vectors() {
        let mut rng = fastrand::Rng::with_seed(5);
        for arch in [Arch::new(), Arch::Scalar] {
            for (before, block, behind) in LENGTHS {
                let mut random = |length| (0..length).map(|_| rng.u8(..)).collect::<Vec<u8>>();
                let (before, behind) = (random(*before), random(*behind));
                let blocks: Vec<Vec<u8>> = (0..LANES).map(|_| random(*block)).collect();
                let views = from_fn(|lane| blocks[lane].as_slice());
                let family = Sha512(arch);
                let long = Wide::new(family, &SHA512, &before, &behind).digests(&views);
                let short = Wide::new(family, &SHA384, &before, &behind).digests(&views);
                for (block, (long, short)) in views.iter().zip(long.iter().zip(&short)) {
                    let whole = [&before[..], block, &behind].concat();
                    assert_eq!(sha2::Sha512::digest(&whole)[..], long[..]);
                    assert_eq!(sha2::Sha384::digest(&whole)[..], short[..48]);
                }
            }
        }
    }

    #[test]
    fn many_blocks_are_hashed_as_each_alone_is() {
        let mut rng = fastrand::Rng::with_seed(6);
        for name in ["sha256", "sha224", "sha512", "sha384", "sha1"] {
            let algorithm = algorithm(name).unwrap();
            for (before, size, behind) in LENGTHS {
                let (hash_type, salt) = match behind {
                    0 => (HashType::Normal, *before),
                    _ => (HashType::ChromeOs, *behind),
                };
                let mut random = |length| (0..length).map(|_| rng.u8(..)).collect::<Vec<u8>>();
                let hash = algorithm.salted(hash_type, &random(salt));
                let blocks = random(size * (2 * LANES + 3));
                let mut told = 0;
                hash.digests(&blocks, *size, &mut |number, digest| {
                    let mut alone = alloc::vec![0; digest.len()];
                    hash.digest(&blocks[number * size..][..*size], &mut alone);
                    assert_eq!(alone, digest, "{name}, {size}, {salt}: {number}");
                    told += 1;
                });
                assert_eq!(told, 2 * LANES + 3);
            }
        }
    }
}
