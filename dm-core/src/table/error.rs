//! What can be wrong with a table.

use alloc::boxed::Box;
use alloc::string::{String, ToString};
use core::fmt;

use crate::component::OpenError;
use crate::disklabel::Clash;
use crate::errno::Errno;
use crate::names::NameError;
use crate::units::{Sector, SectorCount, SectorRange};
use crate::version::Version;

use super::line::TableLine;

/// A table that was refused: which line, which word, why.
///
/// Displays as `line 2: striped: word 2 "0": the chunk size is zero`.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct TableError {
    /// The line, counted from 1 as an editor does; 0 if the table as a whole is wrong.
    pub line: usize,
    /// The target's name, if the line has one.
    pub target: Option<String>,
    /// What is wrong with its parameters, or with the line itself.
    pub error: ParamError,
}

/// What is wrong with a target's parameters.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ParamError {
    /// The word: its place among the parameters from 1 on, and its text.
    pub word: Option<(usize, String)>,
    /// Why.
    pub reason: Reason,
}

/// Why a line is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
#[allow(missing_docs)] // the messages say it
pub enum Reason {
    #[error("the table has no lines")]
    NoLines,
    #[error("the {what} is missing")]
    MissingWord { what: &'static str },
    #[error("is one word too many")]
    ExtraWord,
    #[error("the {what} is not a decimal number")]
    NotANumber { what: &'static str },
    #[error("the {what} is more than {limit}")]
    TooLarge { what: &'static str, limit: u64 },
    #[error("the {what} is zero")]
    Zero { what: &'static str },
    #[error("the {what} is not from {least} to {most}")]
    OutOfRange {
        what: &'static str,
        least: u64,
        most: u64,
    },
    #[error("the {what} is not a power of two")]
    NotAPowerOfTwo { what: &'static str },
    #[error("the {what} is not two decimal numbers with a slash between them")]
    NotARatio { what: &'static str },
    #[error("the {what} is none of {known}")]
    UnknownWord { what: &'static str, known: String },
    #[error("stands there twice")]
    Twice,
    #[error("the {what} is more than the {words} words that follow")]
    TooFewWords { what: &'static str, words: usize },
    #[error("the {what} is missing, since the {group} counts no more words")]
    GroupEnds {
        what: &'static str,
        group: &'static str,
    },
    #[error("needs version {needed} of the target, which is {found} here")]
    NeedsVersion { needed: Version, found: Version },
    #[error(transparent)]
    Name(#[from] NameError),
    #[error("starts at sector {found}, but the table must start at 0")]
    NotAtZero { found: Sector },
    #[error("starts at sector {found}, which leaves a gap after sector {expected}")]
    Gap { expected: Sector, found: Sector },
    #[error("starts at sector {found}, within the line before, which ends at {expected}")]
    Overlap { expected: Sector, found: Sector },
    #[error("the end of {length} sectors from {start} overflows")]
    Overflow { start: Sector, length: SectorCount },
    #[error("the target is unknown")]
    UnknownTarget,
    #[error("{what} of {length} sectors is not divisible by {by}, {divisor}")]
    NotDivisible {
        what: &'static str,
        length: SectorCount,
        by: &'static str,
        divisor: u64,
    },
    #[error("{0}")]
    Open(#[source] OpenError),
    #[error("sectors {area} lie past the end of the device, which has {size}")]
    PastEnd {
        area: SectorRange,
        size: SectorCount,
    },
    #[error("sectors {area} are not aligned to the device's {block}-byte blocks")]
    Unaligned { area: SectorRange, block: u32 },
    #[error("{0}")]
    Label(Box<Clash>),
    #[error("the device stands on itself")]
    Cycle,
    #[error("the stack is more than {limit} devices deep")]
    TooDeep { limit: usize },
    #[error("the table has more than {limit} lines")]
    TooManyLines { limit: usize },
    #[error("{0}")]
    Other(String),
}

impl TableError {
    /// The table as a whole is wrong.
    pub fn whole(reason: Reason) -> TableError {
        TableError {
            line: 0,
            target: None,
            error: reason.into(),
        }
    }

    /// A line, counted from 1, is wrong.
    pub fn at(number: usize, line: &TableLine, error: ParamError) -> TableError {
        TableError {
            line: number,
            target: Some(line.target.to_string()),
            error,
        }
    }

    /// The errno that the kernel gives for it.
    pub fn errno(&self) -> Errno {
        match &self.error.reason {
            Reason::Open(open) => open.errno,
            Reason::Cycle | Reason::TooDeep { .. } => Errno::ELOOP,
            _ => Errno::EINVAL,
        }
    }
}

impl From<Reason> for ParamError {
    fn from(reason: Reason) -> ParamError {
        ParamError { word: None, reason }
    }
}

impl core::error::Error for TableError {}

impl fmt::Display for TableError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.line > 0 {
            write!(f, "line {}: ", self.line)?;
        }
        if let Some(target) = &self.target {
            write!(f, "{target}: ")?;
        }
        self.error.fmt(f)
    }
}

impl core::error::Error for ParamError {}

impl fmt::Display for ParamError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some((place, text)) = &self.word {
            write!(f, "word {place} {text:?}: ")?;
        }
        self.reason.fmt(f)
    }
}
