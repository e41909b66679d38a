//! What targets answer to messages.

use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

use crate::table::ParamError;

use super::{Message, Reader, Text, core_message, dust, stats, vdo};

/// The answer to a message. Most messages have none.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize),
    serde(rename_all = "snake_case")
)]
#[non_exhaustive]
pub enum Reply {
    /// The number of a new region: to `@stats_create`.
    Region(u32),
    /// The regions: to `@stats_list`.
    Regions(Vec<stats::Region>),
    /// The counters of each area: to `@stats_print` and `@stats_print_clear`.
    Counters(Vec<stats::Counters>),
    /// Of `dust`.
    Dust(dust::Reply),
    /// Of `vdo`: to `stats` and `config`.
    Vdo(vdo::Values),
    /// Of a newer kernel, to what had no answer.
    Other(String),
}

impl Message {
    /// Reads the driver's answer to this message.
    ///
    /// # Errors
    /// [`ParamError`], which names the wrong word and says why.
    pub fn reply(&self, text: &str) -> Result<Reply, ParamError> {
        let text = text.trim_end_matches('\n');
        Ok(match self {
            Message::Core(core_message::Message::Stats(message)) => match message {
                stats::Message::Create(_) => {
                    let mut reader = Reader::new(text);
                    let region = reader.number("number of the region")?;
                    reader.end()?;
                    Reply::Region(region)
                }
                stats::Message::List(_) => Reply::Regions(lines(text)?),
                stats::Message::Print(_) | stats::Message::PrintClear(_) => {
                    Reply::Counters(lines(text)?)
                }
                _ => Reply::Other(text.into()),
            },
            Message::Dust(message) => match message.reply(text)? {
                Some(reply) => Reply::Dust(reply),
                None => Reply::Other(text.into()),
            },
            Message::Vdo(vdo::Message::Stats | vdo::Message::Config) => {
                Reply::Vdo(vdo::Values::parse(text)?)
            }
            _ => Reply::Other(text.into()),
        })
    }
}

/// Without the last line feed.
impl fmt::Display for Reply {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Reply::Region(region) => region.fmt(f),
            Reply::Regions(regions) => write_lines(f, regions),
            Reply::Counters(areas) => write_lines(f, areas),
            Reply::Dust(reply) => reply.fmt(f),
            Reply::Vdo(values) => values.fmt(f),
            Reply::Other(text) => f.write_str(text),
        }
    }
}

fn lines<T: Text>(text: &str) -> Result<Vec<T>, ParamError> {
    text.lines().map(T::parse).collect()
}

/// Writes a line each, without the last line feed.
pub(super) fn write_lines<T: fmt::Display>(f: &mut fmt::Formatter<'_>, lines: &[T]) -> fmt::Result {
    for (at, line) in lines.iter().enumerate() {
        write!(f, "{}{line}", if at == 0 { "" } else { "\n" })?;
    }
    Ok(())
}
