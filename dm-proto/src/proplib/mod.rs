//! Property lists as NetBSD's libprop reads and writes them.
//!
//! A device-mapper command travels as one [`Dictionary`] in libprop's XML. This module holds the values ([`Value`],
//! [`Dictionary`], [`Text`]), a [`Reader`] that accepts what libprop accepts and nothing else, and a writer
//! ([`write()`], [`write_dictionary`]) that gives libprop's bytes.
//!
//! It is no XML library: no namespaces, no character references, no CDATA, no dates, no real numbers, and none of
//! Apple's additions. Strings and keys are bytes, since libprop passes invalid UTF-8 through.
//!
//! # Examples
//! ```
//! use dm_proto::proplib::{Dictionary, Limits, read_dictionary, write_dictionary};
//!
//! let mut command = Dictionary::new();
//! command.set("command", "version").set("flags", 0_u32);
//! let text = write_dictionary(&command);
//! let back = read_dictionary(&text, &Limits::default())?;
//! assert_eq!(back.string("command"), Some("version"));
//! assert_eq!(back.uint32("flags"), Some(0));
//! # Ok::<(), dm_proto::proplib::ReadError>(())
//! ```
//!
//! # Features
//! - `serde`: `to_dictionary` and `from_dictionary` make a program's own types dictionaries and back, and property
//!   lists go into other formats. There a dictionary is a map and an integer a number. In a format for people, as JSON,
//!   data is a string in base64, and a string that is no UTF-8 has U+FFFD in its place: both are read back as strings.
//! - `plist`: [`Value`] and [`Dictionary`] from and to those of the plist crate, by `TryFrom`.
//!
//! # Source
//! proplib(3), prop_dictionary(3); vectors captured from libprop in `tests/vectors/proplib`.

mod base64;
#[cfg(any(feature = "plist", feature = "serde"))]
mod convert;
mod dictionary;
mod error;
mod lexer;
mod limits;
mod line;
mod number;
mod parser;
#[cfg(feature = "plist")]
mod plist;
mod reader;
mod scan;
#[cfg(feature = "serde")]
mod serde;
mod sink;
mod tag;
mod text;
mod usual;
mod value;
mod walk;
mod wipe;
mod writer;

#[cfg(feature = "serde")]
pub use self::serde::{from_dictionary, from_value, to_dictionary, to_value};
#[cfg(any(feature = "plist", feature = "serde"))]
pub use convert::{ConvertError, Path, Step, Unfit};
pub use dictionary::{Dictionary, Iter, KeyTooLong, MAX_KEY};
pub use error::{ReadError, Reason};
pub use limits::Limits;
pub use reader::{Dialect, Reader, read, read_dictionary};
pub use text::Text;
pub use value::Value;
pub(crate) use wipe::wipe;
pub use writer::{
    append, append_dictionary, append_with_items, terminate, write, write_dictionary,
};
