//! Why a conversion between values and something else fails.

use std::fmt;

use thiserror::Error;

use super::dictionary::{KeyTooLong, MAX_KEY};
use super::text::Text;

/// A value that the other side of a conversion can not hold.
///
/// Nothing is ever cut, rounded or left out instead.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{path}{reason}")]
#[non_exhaustive]
pub struct ConvertError {
    /// The way to the value from the root: keys, and places in arrays from 0.
    pub path: Path,
    /// What is wrong with the value there.
    pub reason: Unfit,
}

/// Why a value does not fit.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum Unfit {
    /// A real number.
    #[error("libprop has no real numbers")]
    Real,
    /// A date.
    #[error("libprop has no dates")]
    Date,
    /// Apple's reference to another value.
    #[error("libprop has no uids")]
    Uid,
    /// A unit, or `None` other than as the value of a key.
    #[error("libprop has no empty value")]
    Nothing,
    /// A kind of value that came up after this was written.
    #[error("libprop has no such value")]
    Unknown,
    /// An integer past 64 bits.
    #[error("integer out of range")]
    Range,
    /// A string with a NUL in it, which would end it.
    #[error("libprop's strings hold no NUL")]
    Nul,
    /// A string that is no UTF-8, for what takes only that.
    #[error("not UTF-8")]
    NotUtf8,
    /// A key that is no string.
    #[error("a key must be a string")]
    Key,
    /// A key longer than [`MAX_KEY`](super::MAX_KEY) bytes.
    #[error(transparent)]
    KeyTooLong(#[from] KeyTooLong),
    /// Something else where a dictionary is asked for.
    #[error("not a dictionary")]
    NotDictionary,
    /// What the type at hand says, in its words.
    #[error("{0}")]
    Other(String),
}

/// The way from the root to a value.
///
/// Displays as `key.0.key: `, ready for what follows, and as nothing at the root.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Path {
    /// The innermost step first, since errors travel outwards.
    inward: Vec<Step>,
}

/// One step into a container.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Step {
    /// Into a dictionary, by its key.
    Key(Text),
    /// Into an array, by the place from 0.
    Place(usize),
}

impl Path {
    /// The steps, the outermost first.
    pub fn steps(&self) -> impl Iterator<Item = &Step> {
        self.inward.iter().rev()
    }
}

impl ConvertError {
    pub(super) fn new(reason: Unfit) -> Self {
        let path = Path::default();
        Self { path, reason }
    }

    /// The same as seen from the container.
    #[cold]
    pub(super) fn within(mut self, step: impl Into<Step>) -> Self {
        self.path.inward.push(step.into());
        self
    }
}

impl From<Unfit> for ConvertError {
    fn from(reason: Unfit) -> Self {
        Self::new(reason)
    }
}

impl From<&Text> for Step {
    fn from(key: &Text) -> Self {
        Self::Key(key.clone())
    }
}

impl From<usize> for Step {
    fn from(place: usize) -> Self {
        Self::Place(place)
    }
}

impl fmt::Display for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, step) in self.steps().enumerate() {
            let dot = if at > 0 { "." } else { "" };
            match step {
                Step::Key(key) => write!(f, "{dot}{}", key.to_string_lossy().escape_debug())?,
                Step::Place(place) => write!(f, "{dot}{place}")?,
            }
        }
        match self.inward.is_empty() {
            true => Ok(()),
            false => f.write_str(": "),
        }
    }
}

/// A string that comes as UTF-8, whole.
pub(super) fn text(string: &str) -> Result<Text, Unfit> {
    match memchr::memchr(0, string.as_bytes()) {
        None => Ok(Text::from_nul_free(string.as_bytes())),
        Some(_) => Err(Unfit::Nul),
    }
}

/// A key, if it is no longer than libprop takes.
pub(super) fn check_key(key: Text) -> Result<Text, Unfit> {
    match key.len() {
        0..=MAX_KEY => Ok(key),
        length => Err(KeyTooLong { length }.into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn display_goes_inward_in_one_line() {
        let error = ConvertError::new(Unfit::Real);
        assert_eq!(error.to_string(), "libprop has no real numbers");
        let error = error
            .within(&Text::from("a\nb"))
            .within(3)
            .within(&Text::from("segments"));
        assert_eq!(
            error.to_string(),
            "segments.3.a\\nb: libprop has no real numbers"
        );
    }
}
