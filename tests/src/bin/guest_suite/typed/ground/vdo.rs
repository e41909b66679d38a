//! A volume of the target `vdo`, as new.
//!
//! A block says where the index and the data begin. At the data's begin is the super block, then
//! the roots of the block map, slabs, the journal, and the slabs' summary up to the end.
//!
//! # Source
//! `drivers/md/dm-vdo/encodings.c`.

use std::sync::atomic::{AtomicU64, Ordering};

use super::crc32;
use crate::shell::write_at;

/// Bytes of a block.
const BLOCK: usize = 4096;
/// Where the index begins.
const INDEX: u64 = 1;
/// Where the data begins. The index's part is too small for one: a volume does without.
const DATA: u64 = 9;
/// Trees of the block map.
const ROOTS: u64 = 60;
/// Blocks of the journal.
const JOURNAL: u64 = 1024;
/// Blocks of the slabs' summary.
const SUMMARY: u64 = 64;
/// Blocks of a slab.
const SLAB: u64 = 4096;
/// Blocks of a slab's journal.
const SLAB_JOURNAL: u64 = 224;
/// Blocks of a slab's reference counts: 504 counts fit a sector.
const COUNTS: u64 = (SLAB - SLAB_JOURNAL).div_ceil(504 * 8);

/// The number that tells this volume's blocks from older ones.
static NONCE: AtomicU64 = AtomicU64::new(1);

/// Formats a device of `physical` blocks for a volume of `logical` ones.
pub(in crate::typed) fn format(path: &str, physical: u64, logical: u64) -> Result<(), String> {
    let nonce = NONCE.fetch_add(1, Ordering::Relaxed);
    write_at(
        path,
        DATA * BLOCK as u64,
        &super_block(nonce, physical, logical),
    )?;
    write_at(path, 0, &geometry(nonce))
}

/// Bytes that are written one after the other.
#[derive(Default)]
struct Bytes(Vec<u8>);

impl Bytes {
    fn word(&mut self, word: u32) {
        self.0.extend(word.to_le_bytes());
    }

    fn longs(&mut self, longs: &[u64]) {
        self.0
            .extend(longs.iter().flat_map(|long| long.to_le_bytes()));
    }

    /// What, in which version, and how many bytes.
    fn header(&mut self, id: u32, major: u32, size: u64) {
        [id, major, 0].into_iter().for_each(|word| self.word(word));
        self.longs(&[size]);
    }

    /// With its sum, a whole block.
    fn summed(mut self) -> Vec<u8> {
        let sum = !crc32(0, &self.0);
        self.word(sum);
        self.0.resize(BLOCK, 0);
        self.0
    }
}

fn geometry(nonce: u64) -> Vec<u8> {
    let mut bytes = Bytes(b"dmvdo001".to_vec());
    bytes.header(5, 5, 101);
    bytes.word(0);
    bytes.longs(&[nonce]);
    bytes.0.extend([1; 16]);
    bytes.longs(&[0]);
    for (region, start) in [(0, INDEX), (1, DATA)] {
        bytes.word(region);
        bytes.longs(&[start]);
    }
    // The least memory that an index has, and no sparse one.
    bytes.word(256_u32.wrapping_neg());
    bytes.word(0);
    bytes.0.push(0);
    bytes.summed()
}

fn super_block(nonce: u64, physical: u64, logical: u64) -> Vec<u8> {
    let roots = DATA + 1;
    let slabs = roots + ROOTS;
    let summary = physical - SUMMARY;
    let journal = summary - JOURNAL;
    let last_slab = slabs + (journal - slabs) / SLAB * SLAB;

    let mut bytes = Bytes::default();
    bytes.word(0);
    [67, 0].into_iter().for_each(|word| bytes.word(word));
    // The volume is new.
    [41, 0, 1].into_iter().for_each(|word| bytes.word(word));
    bytes.longs(&[0, 0, logical, physical, SLAB, JOURNAL, SLAB_JOURNAL, nonce]);
    // Where its parts are: no block is free.
    bytes.header(1, 3, 17 + 4 * 25);
    bytes.longs(&[journal, journal]);
    bytes.0.push(4);
    for (part, start, blocks) in [
        (0, roots, ROOTS),
        (1, slabs, journal - slabs),
        (2, journal, JOURNAL),
        (3, summary, SUMMARY),
    ] {
        bytes.0.push(part);
        bytes.longs(&[start, 0, blocks]);
    }
    // The journal begins with sequence 1.
    bytes.header(2, 7, 24);
    bytes.longs(&[1, 0, 0]);
    // Where a slab's journal is written, where it blocks, and where it is scrubbed.
    bytes.header(3, 2, 73);
    bytes.longs(&[
        SLAB,
        SLAB - SLAB_JOURNAL - COUNTS,
        COUNTS,
        SLAB_JOURNAL,
        168,
        208,
        222,
    ]);
    bytes.longs(&[slabs, last_slab]);
    bytes.0.push(0);
    bytes.header(4, 2, 32);
    bytes.longs(&[1, 0, roots, ROOTS]);

    let mut whole = Bytes::default();
    whole.header(0, 12, bytes.0.len() as u64 + 4);
    whole.0.extend(bytes.0);
    whole.summed()
}
