//! What the devices of a check stand on, where empty disks are not enough: written as the kernel
//! expects it, since no package of Debian's has what writes it.

mod vdo;
mod zoned;

pub(super) use self::vdo::format as format_vdo;
pub(super) use self::zoned::Zoned;

/// CRC-32 as the kernel's `crc32_le` has it: from `seed` on, and nothing inverted.
fn crc32(seed: u32, bytes: &[u8]) -> u32 {
    bytes.iter().fold(seed, |sum, byte| {
        (0..8).fold(sum ^ u32::from(*byte), |sum, _| {
            (sum >> 1) ^ (0xedb8_8320 & (sum & 1).wrapping_neg())
        })
    })
}
