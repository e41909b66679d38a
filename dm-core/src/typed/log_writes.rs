//! `log-writes DEV LOGDEV`: writes to a device, each logged on another.

use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

use crate::table::{EscapedWord, ParamError};

use super::{Device, Kind, Reader, Text, words};

pub(super) const KIND: Kind = Kind::new(
    "log-writes",
    "writes to a device, each logged on another",
    |reader| Params::read(reader).map(super::Params::LogWrites),
)
.with_status(|reader| Status::read(reader).map(super::Status::LogWrites))
.with_message(|reader| Message::read(reader).map(super::Message::LogWrites));

/// The two devices.
///
/// # Source
/// `drivers/md/dm-log-writes.c`: any words behind them are ignored.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
pub struct Params {
    /// The device.
    pub device: Device,
    /// Where the log is.
    pub log: Device,
}

/// How much is logged.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct Status {
    /// Entries of the log.
    pub entries: u64,
    /// The last sector that the log takes.
    pub last_sector: u64,
    /// Whether an error of the log device ended it.
    pub disabled: bool,
    /// Fields of newer kernels.
    pub rest: Vec<String>,
}

/// What it can be told.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize),
    serde(rename_all = "snake_case")
)]
#[non_exhaustive]
pub enum Message {
    /// Puts a mark into the log.
    Mark(String),
}

impl Text for Params {
    fn read(reader: &mut Reader<'_>) -> Result<Params, ParamError> {
        let device = reader.whole("device")?;
        let log = reader.device("log device")?;
        reader.ignore_rest();
        Ok(Params { device, log })
    }
}

impl fmt::Display for Params {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.device, self.log)
    }
}

impl Text for Status {
    fn read(reader: &mut Reader<'_>) -> Result<Status, ParamError> {
        let entries = reader.number("entries of the log")?;
        let last_sector = reader.number("last sector of the log")?;
        let disabled = reader.peek().as_deref() == Some("logging_disabled");
        if disabled {
            reader.word("the log device failed")?;
        }
        Ok(Status {
            entries,
            last_sector,
            disabled,
            rest: reader.rest(),
        })
    }
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.entries, self.last_sector)?;
        words(f, self.disabled.then_some("logging_disabled"))?;
        words(f, &self.rest)
    }
}

impl Text for Message {
    fn read(reader: &mut Reader<'_>) -> Result<Message, ParamError> {
        let word = reader.word("message")?;
        match word.text.eq_ignore_ascii_case("mark") {
            true => reader.text("text of the mark").map(Message::Mark),
            false => Err(word.unknown("message", "mark")),
        }
    }
}

impl fmt::Display for Message {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Message::Mark(text) = self;
        write!(f, "mark {}", EscapedWord(text))
    }
}
