//! The units of the wire.
//!
//! NBD counts bytes, not sectors, so these are not the device mapper's units.

use core::fmt;

/// A position on an export.
///
/// # Units
/// Bytes from the start of the export.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ByteOffset(pub u64);

/// A length on an export or in a message.
///
/// # Units
/// Bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ByteCount(pub u64);

/// The client's mark on a request, which the replies repeat.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Cookie(pub u64);

/// The server's number for a metadata context, valid for one connection.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ContextId(pub u32);

/// What both sides agreed on for the transmission phase.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Framing {
    /// Compact requests, simple replies.
    #[default]
    Simple,
    /// Compact requests, structured chunks, and simple replies where there is no data.
    Structured,
    /// Extended requests, extended chunks.
    Extended,
}

impl ByteOffset {
    /// The position `count` bytes on, unless it overflows.
    pub const fn checked_add(self, count: ByteCount) -> Option<ByteOffset> {
        match self.0.checked_add(count.0) {
            Some(sum) => Some(ByteOffset(sum)),
            None => None,
        }
    }
}

impl fmt::Display for ByteOffset {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Display for ByteCount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// In hexadecimal.
impl fmt::Display for Cookie {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:#x}", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn offset_that_overflows_is_none() {
        assert_eq!(ByteOffset(u64::MAX).checked_add(ByteCount(1)), None);
        assert_eq!(ByteOffset(1).checked_add(ByteCount(2)), Some(ByteOffset(3)));
    }
}
