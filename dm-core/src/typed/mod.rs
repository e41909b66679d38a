//! What targets say and are told, typed: parameters, status, messages and their replies.
//!
//! One module a target, all of one shape: `Params`, and `Status`, `Message` and `Reply` where the
//! target has them. Each is a [`Text`]: it reads the kernel's words and writes them again exactly.
//! [`KINDS`] lists the targets; [`Params`], [`Status`] and [`Message`] hold any of them.
//!
//! # Examples
//! ```
//! use dm_core::typed::{Text, striped};
//!
//! let params = striped::Params::parse("2 128 /dev/sda 0 /dev/sdb 0")?;
//! assert_eq!(params.stripes.len(), 2);
//! assert_eq!(params.to_string(), "2 128 /dev/sda 0 /dev/sdb 0");
//!
//! let status = striped::Status::parse("2 8:0 8:16 1 AD")?;
//! assert!(!status.stripes[1].alive);
//! # Ok::<(), dm_core::table::ParamError>(())
//! ```

mod any;
pub mod cache;
mod check;
pub mod clone;
pub mod core_message;
pub mod crypt;
pub mod delay;
mod device;
pub mod dust;
pub mod ebs;
pub mod era;
pub mod error;
mod facts;
pub mod flakey;
mod group;
pub mod inlinecrypt;
pub mod integrity;
mod keys;
mod keyword;
pub mod linear;
mod log;
pub mod log_writes;
pub mod mirror;
pub mod multipath;
mod multipath_status;
mod note;
mod number;
mod page;
pub mod pcache;
pub mod raid;
mod raid_options;
mod reader;
mod remedy;
mod reply;
mod secret;
pub mod snapshot;
mod state;
pub mod stats;
pub mod striped;
pub mod switch;
pub mod thin;
pub mod thin_pool;
pub mod unstriped;
pub mod vdo;
pub mod verity;
pub mod writecache;
pub mod zero;
pub mod zoned;

use core::fmt;

use crate::table::ParamError;

pub use self::any::{Message, Params, Status};
pub use self::check::Checker;
pub use self::device::{Device, DeviceAt};
pub use self::facts::{DeviceFacts, Devices};
pub use self::group::Group;
pub use self::keys::{message_without_keys, without_keys};
pub use self::keyword::Keyword;
pub use self::note::{Note, Role};
pub use self::page::{OptionRow, Page, Since, WordRow};
pub use self::reader::Reader;
pub use self::remedy::{distance, nearest};
pub use self::reply::Reply;
pub use self::secret::Secret;
pub use self::state::State;

/// Every target whose text is known.
pub static KINDS: &[Kind] = &[
    linear::KIND,
    striped::KIND,
    zero::KIND,
    error::KIND,
    delay::KIND,
    flakey::KIND,
    dust::KIND,
    log_writes::KIND,
    snapshot::KIND,
    snapshot::ORIGIN_KIND,
    snapshot::MERGE_KIND,
    mirror::KIND,
    raid::KIND,
    crypt::KIND,
    inlinecrypt::KIND,
    integrity::KIND,
    verity::KIND,
    thin_pool::KIND,
    thin::KIND,
    cache::KIND,
    writecache::KIND,
    era::KIND,
    clone::KIND,
    multipath::KIND,
    unstriped::KIND,
    switch::KIND,
    ebs::KIND,
    zoned::KIND,
    vdo::KIND,
    pcache::KIND,
];

/// A text of the kernel's: what [`Text::read`] reads, `Display` writes.
pub trait Text: fmt::Display + Sized {
    /// Reads it. What comes behind it stays in the reader.
    ///
    /// # Errors
    /// [`ParamError`], which names the wrong word and says why.
    fn read(reader: &mut Reader<'_>) -> Result<Self, ParamError>;

    /// Reads a text that is nothing else.
    ///
    /// # Errors
    /// As [`Text::read`], and at the first word that is left.
    fn parse(text: &str) -> Result<Self, ParamError> {
        let mut reader = Reader::new(text);
        let read = Self::read(&mut reader)?;
        reader.end()?;
        Ok(read)
    }
}

/// A target whose text is known.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Kind {
    /// As table lines call it.
    pub name: &'static str,
    /// What it does, in a line.
    pub about: &'static str,
    params: Read<Params>,
    status: Read<Status>,
    message: Read<Message>,
}

/// Reads the text of one kind as that of any.
type Read<T> = fn(&mut Reader<'_>) -> Result<T, ParamError>;

/// A part of a whole, written `PART/WHOLE`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
pub struct Ratio {
    /// The part.
    pub part: u64,
    /// The whole.
    pub whole: u64,
}

/// The kind that table lines call `name`.
pub fn kind(name: &str) -> Option<&'static Kind> {
    KINDS.iter().find(|kind| kind.name == name)
}

impl Kind {
    const fn new(name: &'static str, about: &'static str, params: Read<Params>) -> Kind {
        Kind {
            name,
            about,
            params,
            status: any::no_status,
            message: any::no_message,
        }
    }

    const fn with_status(mut self, status: Read<Status>) -> Kind {
        self.status = status;
        self
    }

    const fn with_message(mut self, message: Read<Message>) -> Kind {
        self.message = message;
        self
    }

    /// Reads a table line's parameters, and nothing but them.
    ///
    /// # Errors
    /// At the first word that is wrong.
    pub fn params(&self, reader: Reader<'_>) -> Result<Params, ParamError> {
        let mut reader = reader.of_kind(*self);
        let params = (self.params)(&mut reader)?;
        reader.end()?;
        Ok(params)
    }

    /// Reads a status line, and nothing but it.
    ///
    /// # Errors
    /// At the first word that is wrong.
    pub fn status(&self, mut reader: Reader<'_>) -> Result<Status, ParamError> {
        let status = (self.status)(&mut reader)?;
        reader.end()?;
        Ok(status)
    }

    /// Reads a message to the target, or one that every target takes.
    ///
    /// # Errors
    /// At the first word that is wrong, or if the target takes no such message.
    pub fn message(&self, mut reader: Reader<'_>) -> Result<Message, ParamError> {
        let of_all = reader.peek().is_some_and(|word| word.starts_with('@'));
        let message = match of_all {
            true => core_message::Message::read(&mut reader).map(Message::Core)?,
            false => (self.message)(&mut reader)?,
        };
        reader.end()?;
        Ok(message)
    }
}

impl fmt::Display for Ratio {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.part, self.whole)
    }
}

/// Writes `text` for what is there and `-` for what is not.
fn or_dash<T: fmt::Display>(value: Option<T>) -> impl fmt::Display {
    struct OrDash<T>(Option<T>);
    impl<T: fmt::Display> fmt::Display for OrDash<T> {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            match &self.0 {
                Some(value) => value.fmt(f),
                None => f.write_str("-"),
            }
        }
    }
    OrDash(value)
}

/// Writes ` WORD` for each.
fn words<T: fmt::Display>(
    f: &mut fmt::Formatter<'_>,
    words: impl IntoIterator<Item = T>,
) -> fmt::Result {
    words.into_iter().try_for_each(|word| write!(f, " {word}"))
}
