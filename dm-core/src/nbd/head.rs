//! A header on the stack.

use core::fmt;
use core::ops::Deref;

/// The most bytes in a header with the fixed fields behind it: an extended error at an offset.
const CAPACITY: usize = 48;

/// The bytes of a header with the fixed fields behind it, made without allocation.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Head {
    bytes: [u8; CAPACITY],
    length: usize,
}

impl Head {
    /// An empty header.
    pub(super) const fn new() -> Head {
        Head {
            bytes: [0; CAPACITY],
            length: 0,
        }
    }

    /// The header with one more field.
    pub(super) fn with<const N: usize>(mut self, field: [u8; N]) -> Head {
        let end = self.length + N;
        self.bytes[self.length..end].copy_from_slice(&field);
        self.length = end;
        self
    }

    /// The bytes to send.
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes[..self.length]
    }
}

impl Deref for Head {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        self.as_bytes()
    }
}

impl AsRef<[u8]> for Head {
    fn as_ref(&self) -> &[u8] {
        self.as_bytes()
    }
}

impl fmt::Debug for Head {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.as_bytes().fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn head_holds_what_was_put_in() {
        let head = Head::new().with([1, 2]).with([3]);
        assert_eq!(*head, [1, 2, 3]);
        assert_eq!(Head::new().with([0xa5; CAPACITY]).len(), CAPACITY);
    }
}
