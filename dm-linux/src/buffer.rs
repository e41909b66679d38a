//! The memory that an ioctl reads and writes.

use dm_core::errno::Errno;
use dm_core::error::{DmError, ErrorKind};
use zeroize::Zeroize;

use crate::abi::layout::{ALIGN, HEADER};

/// The bytes of a buffer for a reply with a payload, at first.
pub const FIRST: usize = 16 << 10;

/// The most bytes of a buffer: 1 GiB, the most that the kernel takes.
///
/// It holds a table of 1,048,576 lines, the most that a table may have, with 983 bytes of
/// parameters each.
pub const LIMIT: usize = 1 << 30;

/// What a spec takes with short parameters, as a first guess.
const LINE_GUESS: usize = 72;

/// Whether what a buffer holds may be a secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Secrecy {
    /// It is none.
    Open,
    /// It may be a key: the buffer is wiped before its memory is given back.
    Secret,
}

/// An 8-aligned buffer, zero at first.
pub struct Buffer {
    /// Never grows, so that the aligned part stays where it is.
    bytes: Vec<u8>,
    start: usize,
    length: usize,
    secrecy: Secrecy,
}

/// No buffer of that size can be had.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum BufferError {
    /// It would be larger than the kernel takes.
    #[error("a buffer of {needed} bytes is more than the {LIMIT} that the kernel takes")]
    TooLarge {
        /// The bytes that are needed, at least.
        needed: usize,
    },
    /// There is not so much memory.
    #[error("there is no memory for a buffer of {needed} bytes")]
    NoMemory {
        /// The bytes that are needed.
        needed: usize,
    },
}

impl Buffer {
    /// A buffer of at least `size` bytes, and at least a header's.
    ///
    /// # Errors
    /// [`BufferError`] past [`LIMIT`], and if there is no memory.
    pub fn new(size: usize, secrecy: Secrecy) -> Result<Buffer, BufferError> {
        if size > LIMIT {
            return Err(BufferError::TooLarge { needed: size });
        }
        let length = size.max(HEADER).next_multiple_of(ALIGN);
        let needed = length + ALIGN;
        let mut bytes = Vec::new();
        bytes
            .try_reserve_exact(needed)
            .map_err(|_| BufferError::NoMemory { needed })?;
        bytes.resize(needed, 0);
        let start = bytes.as_ptr().align_offset(ALIGN).min(ALIGN);
        Ok(Buffer {
            bytes,
            start,
            length,
            secrecy,
        })
    }

    /// Its bytes.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes[self.start..self.start + self.length]
    }

    /// Its bytes.
    pub fn bytes_mut(&mut self) -> &mut [u8] {
        &mut self.bytes[self.start..self.start + self.length]
    }

    /// What size to try after a reply did not fit: twice this one, or what `targets` lines take.
    ///
    /// # Errors
    /// [`BufferError::TooLarge`] if this one has [`LIMIT`] bytes.
    pub fn next_size(&self, targets: u32) -> Result<usize, BufferError> {
        if self.length >= LIMIT {
            return Err(BufferError::TooLarge { needed: LIMIT + 1 });
        }
        let guess = usize::try_from(targets)
            .unwrap_or(usize::MAX)
            .saturating_mul(LINE_GUESS)
            .saturating_add(HEADER);
        Ok(self.length.saturating_mul(2).max(guess).min(LIMIT))
    }
}

impl Drop for Buffer {
    fn drop(&mut self) {
        if self.secrecy == Secrecy::Secret {
            self.bytes.zeroize();
        }
    }
}

/// Without its bytes.
impl std::fmt::Debug for Buffer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Buffer({} bytes, {:?})", self.length, self.secrecy)
    }
}

impl From<BufferError> for DmError {
    fn from(error: BufferError) -> DmError {
        let (kind, errno) = match error {
            BufferError::TooLarge { .. } => (ErrorKind::Invalid, Errno::E2BIG),
            BufferError::NoMemory { .. } => (ErrorKind::Io, Errno::ENOMEM),
        };
        DmError::new(kind).with_errno(errno).with_source(error)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buffers_are_aligned_zero_and_hold_a_header() {
        for (size, length) in [(0, 312), (312, 312), (313, 320), (FIRST, FIRST)] {
            let buffer = Buffer::new(size, Secrecy::Secret).unwrap();
            assert_eq!(buffer.bytes().len(), length);
            assert_eq!(buffer.bytes().as_ptr().align_offset(ALIGN), 0);
            assert!(buffer.bytes().iter().all(|byte| *byte == 0));
        }
    }

    #[test]
    fn growth_doubles_or_follows_the_count_up_to_the_limit() {
        let buffer = Buffer::new(FIRST, Secrecy::Open).unwrap();
        assert_eq!(buffer.next_size(0), Ok(2 * FIRST));
        assert_eq!(buffer.next_size(1_048_576), Ok(312 + 72 * 1_048_576));
        assert_eq!(buffer.next_size(u32::MAX), Ok(LIMIT));
        assert_eq!(
            Buffer::new(LIMIT + 1, Secrecy::Open).unwrap_err(),
            BufferError::TooLarge { needed: LIMIT + 1 }
        );
    }

    #[test]
    fn sizes_reach_the_limit_in_16_doublings() {
        assert_eq!(FIRST << 16, LIMIT);
    }
}
