//! Why a text is no property list.

use memchr::{memchr_iter, memrchr};
use thiserror::Error;

/// A text that libprop would refuse, or one past the reader's limits.
///
/// # Units
/// Lines and columns count from 1, the column and the offset in bytes.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("property list: line {line}, column {column}: {reason}")]
#[non_exhaustive]
pub struct ReadError {
    /// The line of the fault.
    pub line: usize,
    /// The byte of the fault in its line.
    pub column: usize,
    /// The byte of the fault in the text, from 0.
    pub offset: usize,
    /// What is wrong there.
    pub reason: Reason,
}

impl ReadError {
    pub(super) fn new(text: &[u8], fault: Fault) -> Self {
        let (offset, reason) = *fault.0;
        let before = &text[..offset.min(text.len())];
        Self {
            line: 1 + memchr_iter(b'\n', before).count(),
            column: before.len() - memrchr(b'\n', before).map_or(0, |at| at + 1) + 1,
            offset,
            reason,
        }
    }
}

/// What is wrong with a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum Reason {
    /// More bytes than [`Limits::size`](super::Limits::size).
    #[error("longer than {limit} bytes")]
    Size {
        /// The limit.
        limit: usize,
    },
    /// Containers nested deeper than [`Limits::depth`](super::Limits::depth).
    #[error("nested deeper than {limit}")]
    Depth {
        /// The limit.
        limit: usize,
    },
    /// More values than [`Limits::items`](super::Limits::items).
    #[error("more than {limit} values")]
    Items {
        /// The limit.
        limit: usize,
    },
    /// The text (or the C string in it) ends too early.
    #[error("text ends too early")]
    End,
    /// Something else where a tag must stand.
    #[error("a tag was expected")]
    NotTag,
    /// Another tag than the only one that may stand here.
    #[error("<{expected}> was expected")]
    Expected {
        /// What stands between `<` and `>`.
        expected: &'static str,
    },
    /// An end tag where a value must start.
    #[error("an end tag where a value was expected")]
    EndTag,
    /// An element that is none of libprop's.
    #[error("unknown element")]
    Element,
    /// A key where a value must stand.
    #[error("a key where a value was expected")]
    Key,
    /// A top-level value that is neither dict nor array, or no dict where one is asked for.
    #[error("wrong top-level element")]
    Root,
    /// A key longer than [`MAX_KEY`](super::MAX_KEY) bytes.
    #[error("key longer than 128 bytes")]
    KeyLength,
    /// An empty-element tag where libprop takes none, as `<integer/>`.
    #[error("an empty element is not allowed here")]
    Empty,
    /// `<true>` or `<false>` instead of `<true/>` or `<false/>`.
    #[error("a boolean must be an empty element")]
    Boolean,
    /// A malformed tag: a blank before `>`, a second attribute, a quote of the wrong kind.
    #[error("malformed tag")]
    Tag,
    /// An attribute that this element does not take.
    #[error("attribute not allowed here")]
    Attribute,
    /// A comment where none may stand, CDATA, or a declaration.
    #[error("comment or declaration not allowed here")]
    Markup,
    /// An entity other than amp, lt, gt, quot and apos.
    #[error("unknown entity")]
    Entity,
    /// Text that is no number in C's base 0.
    #[error("not an integer")]
    Integer,
    /// A number beyond 64 bits, or beyond what the dialect takes.
    #[error("integer out of range")]
    Range,
    /// Data that is no padded base64.
    #[error("malformed base64")]
    Base64,
    /// A `size` attribute that is no number, or not the data's size.
    #[error("size attribute does not match the data")]
    DataSize,
}

/// A reason and its place, before the place has a line. Boxed: results without a fault then fit registers.
#[derive(Debug)]
pub(super) struct Fault(Box<(usize, Reason)>);

impl Fault {
    #[cold]
    pub(super) fn new(offset: usize, reason: Reason) -> Self {
        Self(Box::new((offset, reason)))
    }

    /// The same place with another reason, if the reason is `from`.
    pub(super) fn replace(mut self, from: Reason, to: Reason) -> Self {
        if self.0.1 == from {
            self.0.1 = to;
        }
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn place_has_line_and_column() {
        let place = |offset| {
            let error = ReadError::new(b"ab\n\ncd", Fault::new(offset, Reason::End));
            (error.line, error.column)
        };
        assert_eq!(place(0), (1, 1));
        assert_eq!(place(2), (1, 3));
        assert_eq!(place(3), (2, 1));
        assert_eq!(place(5), (3, 2));
        assert_eq!(place(6), (3, 3));
    }

    #[test]
    fn display_is_one_lower_case_line() {
        let error = ReadError::new(b"<plist>\n x", Fault::new(9, Reason::NotTag));
        assert_eq!(
            error.to_string(),
            "property list: line 2, column 2: a tag was expected"
        );
    }
}
