//! Why bytes mean nothing, and why a meaning has no bytes.

use dm_core::errno::Errno;
use dm_core::error::{DmError, ErrorKind};
use dm_core::names::NameError;

/// Bytes that mean nothing.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{field} at byte {at} {problem}")]
#[non_exhaustive]
pub struct WireError {
    /// The field that is wrong, by its name in C.
    pub field: &'static str,
    /// Where it is in the buffer.
    pub at: usize,
    /// What is wrong with it.
    pub problem: Problem,
}

/// What is wrong with a field.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Problem {
    /// It is, or points, past the end.
    #[error("goes to byte {end}, past the end at {limit}")]
    PastEnd {
        /// Where it would end.
        end: usize,
        /// Where the bytes end.
        limit: usize,
    },
    /// It points to where no struct can be.
    #[error("is {value}, which is not aligned")]
    Unaligned {
        /// Where it points.
        value: usize,
    },
    /// It has no NUL at its end.
    #[error("has no end")]
    Unterminated,
    /// It points back to what was read already, or into the record that it belongs to.
    #[error("is {value}, which lies before byte {end}, where its own record ends")]
    Overlap {
        /// Where it points.
        value: usize,
        /// Where its own record ends.
        end: usize,
    },
    /// It is no number that can stand there.
    #[error("is {value}, which can not be")]
    Value {
        /// What stands there.
        value: u64,
    },
    /// It is not text.
    #[error("is not UTF-8")]
    NotText,
    /// It is no name.
    #[error("is no name: {0}")]
    Name(NameError),
    /// The driver says that the reply did not fit.
    #[error("says that the reply did not fit")]
    Full,
}

/// A meaning that no bytes can carry.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum EncodeError {
    /// A text is longer than its field.
    #[error("the {field} has {found} bytes, at most {limit} fit")]
    TooLong {
        /// Which field.
        field: &'static str,
        /// Its bytes.
        found: usize,
        /// The bytes that fit.
        limit: usize,
    },
    /// A text has a NUL within.
    #[error("the {field} has a NUL character")]
    Nul {
        /// Which field.
        field: &'static str,
    },
    /// A device number is past Linux's bounds: 12 bits for the major, 20 for the minor.
    #[error("the device number {major}:{minor} is past 4095:1048575")]
    Number {
        /// Its major number.
        major: u32,
        /// Its minor number.
        minor: u32,
    },
    /// The buffer is too small.
    #[error("the request needs {needed} bytes, at most {limit} fit")]
    NoRoom {
        /// The bytes that it needs, at least.
        needed: usize,
        /// The bytes that there are.
        limit: usize,
    },
}

impl WireError {
    pub(crate) fn new(field: &'static str, at: usize, problem: Problem) -> WireError {
        WireError { field, at, problem }
    }
}

impl From<WireError> for DmError {
    /// The driver did not speak the protocol.
    fn from(error: WireError) -> DmError {
        DmError::new(ErrorKind::Protocol).with_source(error)
    }
}

impl From<EncodeError> for DmError {
    /// The command can not be obeyed.
    fn from(error: EncodeError) -> DmError {
        let errno = match error {
            EncodeError::TooLong { .. } => Errno::ENAMETOOLONG,
            EncodeError::NoRoom { .. } => Errno::E2BIG,
            EncodeError::Nul { .. } | EncodeError::Number { .. } => Errno::EINVAL,
        };
        DmError::new(ErrorKind::Invalid)
            .with_errno(errno)
            .with_source(error)
    }
}
