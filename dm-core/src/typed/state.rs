//! How targets with metadata are.

use core::fmt;

use crate::table::ParamError;

use super::{Reader, Text};

/// How a target with metadata is: failed, or at work.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize),
    serde(rename_all = "snake_case")
)]
#[non_exhaustive]
pub enum State<W> {
    /// It failed.
    Fail,
    /// Its metadata could not be read.
    Error,
    /// It is at work.
    Working(W),
}

impl<W: Text> Text for State<W> {
    fn read(reader: &mut Reader<'_>) -> Result<State<W>, ParamError> {
        let simple = match reader.peek().unwrap_or_default().as_ref() {
            "Fail" => State::Fail,
            "Error" => State::Error,
            _ => return W::read(reader).map(State::Working),
        };
        reader.word("state")?;
        Ok(simple)
    }
}

impl<W: fmt::Display> fmt::Display for State<W> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            State::Fail => f.write_str("Fail"),
            State::Error => f.write_str("Error"),
            State::Working(working) => working.fmt(f),
        }
    }
}
