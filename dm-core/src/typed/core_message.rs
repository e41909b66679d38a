//! Messages that every device takes, whatever its targets.

use core::fmt;

use crate::table::ParamError;

use super::{Reader, Text, stats};

/// What every device can be told.
///
/// # Source
/// `drivers/md/dm-ioctl.c` and `dm-stats.c`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize),
    serde(rename_all = "snake_case")
)]
#[non_exhaustive]
pub enum Message {
    /// It is not removed at its last close after all.
    CancelDeferredRemove,
    /// Counts requests.
    Stats(stats::Message),
}

impl Text for Message {
    fn read(reader: &mut Reader<'_>) -> Result<Message, ParamError> {
        let cancel = "@cancel_deferred_remove";
        match reader.peek() {
            Some(word) if word.eq_ignore_ascii_case(cancel) => {
                reader.word("message")?;
                Ok(Message::CancelDeferredRemove)
            }
            _ => stats::Message::read(reader).map(Message::Stats),
        }
    }
}

impl fmt::Display for Message {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Message::CancelDeferredRemove => f.write_str("@cancel_deferred_remove"),
            Message::Stats(stats) => stats.fmt(f),
        }
    }
}
