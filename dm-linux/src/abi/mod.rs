//! The ioctl interface as bytes and as meaning: both requests and replies, both written and read.
//!
//! Nothing here asks an operating system. The byte order is a parameter, so that a test on any
//! host runs both.
//!
//! # Shape
//! ```text
//!   0        12        16         20           24         28    32        36  40  48   176  305  312
//!   ├ version ┼ data_size ┼ data_start ┼ target_count ┼ open_count ┼ flags ┼ event_nr ┼ – ┼ dev ┼ name ┼ uuid ┼ – ┤
//!                                                                                                   payload ─▶ data_size
//! ```
//! - [`layout`]: names, offsets and numbers.
//! - [`view`]: the header's fields as they stand in the bytes, which may hold nonsense.
//! - [`command`], [`reply`]: what the bytes mean, which can not be nonsense.
//!
//! The payload is a list of records, each 8-aligned, whose `next` says where the following one
//! starts. What a record points to is checked to lie behind the record and within `data_size`, so
//! that reading ends after one pass whatever the bytes are.
//!
//! # Examples
//! A request, read as a driver would, and its reply:
//! ```
//! use dm_core::version::Version;
//! use dm_linux::abi::command::{Request, RequestData};
//! use dm_linux::abi::reply::{Reply, ReplyData};
//! use dm_linux::abi::view::Header;
//! use dm_linux::abi::{ByteOrder, Call};
//!
//! let mut bytes = [0xa5; 512];
//! let header = Header { name: b"vol0".into(), ..Header::default() };
//! let request = Request::new(Call::TableStatus, header, RequestData::None);
//! request.encode(&mut bytes, ByteOrder::NATIVE)?;
//!
//! let mut header = Request::decode(Call::TableStatus, &bytes, ByteOrder::NATIVE)?.header;
//! assert_eq!(header.name, b"vol0");
//!
//! header.version = Version(4, 48, 0);
//! let lines = vec!["0 8 zero".parse()?];
//! Reply::new(header, ReplyData::Lines(lines.clone())).encode(&mut bytes, ByteOrder::NATIVE)?;
//! let reply = Reply::decode(Call::TableStatus, &bytes, ByteOrder::NATIVE)?;
//! assert_eq!(reply.data, ReplyData::Lines(lines));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

pub mod command;
pub mod layout;
pub mod reply;
pub mod view;

mod bytes;
mod error;
mod number;
mod record;

pub use bytes::ByteOrder;
pub use error::{EncodeError, Problem, WireError};
pub use number::{Call, Flags, Payload};
