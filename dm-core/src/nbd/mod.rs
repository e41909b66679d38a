//! The NBD protocol: bytes to meaning and back, for clients and servers alike.
//!
//! Nothing here reads or writes a socket. A peer reads a header of known size, learns from it how
//! many bytes follow, reads these, and hands both to a decoder; what it sends, the encoders append
//! to a buffer or return on the stack.
//!
//! | when | client | server |
//! |---|---|---|
//! | greeting | [`Greeting::decode`], [`ClientFlags::encode`] | [`Greeting::encode`], [`ClientFlags::decode`] |
//! | options | [`OptionRequest::encode`] | [`OptionHeader::decode`], [`OptionRequest::decode`] |
//! | their replies | [`OptionReplyHeader::decode`], [`OptionReply::decode`] | [`OptionReply::encode`], [`ExportNameReply::encode`] |
//! | requests | [`Request::encode`] | [`RequestView::new`], [`Request::parse`] |
//! | replies | [`ReplyHeader::size`], [`ReplyHeader::decode`], [`Chunk::decode`] | [`ReplyTo`], [`Chunk::encode`] |
//!
//! Requests and the replies of [`ReplyTo`] need no allocation. A length from the peer is held
//! against a limit before anything is allocated for it; only the payloads of writes and of data
//! chunks are the caller's to hold against what was agreed.
//!
//! # What this module does not do
//! It keeps no session: that an option came too late, that a command's flag was not offered or
//! that a reply's cookie is unknown is the caller's to know. Oldstyle handshakes are recognised,
//! and refused.
//!
//! # Examples
//! A server gets a request that it does not understand, and says so:
//! ```
//! use dm_core::nbd::{Framing, NbdErrno, ReplyTo, Request, RequestView};
//!
//! let bytes = *b"\x25\x60\x95\x13\0\0\0\x4d\0\0\0\0\0\0\0\x07\0\0\0\0\0\0\0\0\0\0\x02\0";
//! let view = RequestView::new(Framing::Simple, &bytes)?;
//! assert!(Request::parse(view).is_err());
//! let reply = ReplyTo::new(&view).error(NbdErrno::Invalid);
//! assert_eq!(*reply, *b"\x67\x44\x66\x98\0\0\0\x16\0\0\0\0\0\0\0\x07");
//! # Ok::<(), dm_core::nbd::WireError>(())
//! ```
//!
//! # Source
//! The NBD project's `doc/proto.md`; the extended headers from the same document's
//! `extension-ext-header` branch. Golden bytes that a test calls qemu's or nbdkit's were captured
//! from qemu 10.0.2 and nbdkit 1.32.5, with cookies and offsets evened out; the others follow the
//! document.

pub mod constants;

mod chunk;
mod chunk_header;
mod command;
mod error;
mod flags;
mod handshake;
mod head;
mod info;
mod option;
mod option_error;
mod option_header;
mod option_reply;
mod percent;
mod reply;
mod reply_to;
mod request;
mod selection;
mod status;
mod text;
mod unit;
mod uri;
mod uri_error;
mod uri_parse;
mod view;

#[cfg(test)]
mod fuzz;
#[cfg(test)]
pub(crate) mod testing;

pub use chunk::Chunk;
pub use chunk_header::{ChunkHeader, ChunkKind};
pub use command::CommandKind;
pub use error::{NbdErrno, WireError};
pub use flags::{
    AllocationFlags, ClientFlags, CommandFlags, HandshakeFlags, ReplyFlags, TransmissionFlags,
};
pub use handshake::{ExportNameReply, Greeting, Padding};
pub use head::Head;
pub use info::{BlockSizes, Info, InfoKind};
pub use option::{ContextRequest, InfoRequest, OptionRequest};
pub use option_error::OptionError;
pub use option_header::{OptionCode, OptionHeader, OptionReplyHeader};
pub use option_reply::OptionReply;
pub use reply::{ReplyHeader, SimpleReply};
pub use reply_to::ReplyTo;
pub use request::{Request, RequestView};
pub use selection::StatusSelection;
pub use status::{BlockStatus, Extent};
pub use text::Text;
pub use unit::{ByteCount, ByteOffset, ContextId, Cookie, Framing};
pub use uri::{Address, NbdUri, Security, TlsNames};
pub use uri_error::UriError;

/// The metadata context whose status is [`AllocationFlags`].
pub const BASE_ALLOCATION: &str = "base:allocation";
