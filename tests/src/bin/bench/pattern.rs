//! What the file under test holds, so that every byte that is read can be held against it.

/// Bytes of a block, the unit that is written at once.
pub(crate) const BLOCK: usize = 4096;

/// An odd number, so that words differ.
const STEP: u64 = 0x9e37_79b9_7f4a_7c15;

/// The first word of `block` in its `generation`.
fn seed(block: u64, generation: u8) -> u64 {
    (block << 20 | u64::from(generation) << 12).wrapping_mul(0xd6e8_feb8_6659_fd93)
}

/// Fills `bytes`, which begin at `block` of the device, as `generation` writes them.
pub(crate) fn fill(bytes: &mut [u8], block: u64, generation: u8) {
    for (at, bytes) in bytes.chunks_exact_mut(BLOCK).enumerate() {
        let mut word = seed(block + at as u64, generation);
        for part in bytes.as_chunks_mut::<8>().0 {
            *part = word.to_le_bytes();
            word = word.wrapping_add(STEP);
        }
    }
}

/// Whether `bytes`, one block, are what `generation` wrote.
pub(crate) fn holds(bytes: &[u8], block: u64, generation: u8) -> bool {
    let mut word = seed(block, generation);
    let mut wrong = 0;
    for part in bytes.as_chunks::<8>().0 {
        wrong |= u64::from_le_bytes(*part) ^ word;
        word = word.wrapping_add(STEP);
    }
    wrong == 0
}
