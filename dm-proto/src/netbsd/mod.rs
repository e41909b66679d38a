//! Commands and replies in the dictionaries of NetBSD's `netbsd-dm.h`.
//!
//! The shape is that of NetBSD's driver wherever that has a place for what is said. On top of it lies the **engine
//! dialect**, which our own clients speak: a request with the key `dialect` = `engine` is answered with every field of
//! the [`Reply`](dm_core::command::Reply), and on failure with the errno and the reason, which NetBSD's driver loses.
//!
//! # Shape
//! A request, and the reply to it, which is the request modified in place:
//! ```text
//! command   "table"               command       "table"
//! dialect   "engine"              dialect       "engine"
//! event_nr  0x0                   event_nr      0x3
//! flags     0x14                  flags         0x24
//! name      "vol0"                name          "vol0"
//! version   [0x4, 0x0, 0x0]       version       [0x4, 0x0, 0x0]
//!                                 cmd_data      [{length, params, start, type}, …]
//!                                 major, minor  0xfd, 0x0
//!                                 open_count    0x0
//!                                 reply         "lines"
//!                                 target_count  0x1
//!                                 uuid          ""
//! ```
//! A failure has `error_kind`, `error`, `errno` and perhaps `error_line` instead. In this dialect a reply never repeats
//! the table that its request carried: that may be long, and hold keys.
//!
//! [`client`] speaks to NetBSD's own driver, which has no such key. Without it, a [`NetbsdServer`] answers as NetBSD's own driver does, byte for byte, over devices of its own whose
//! io goes through an engine.
//!
//! A string that contains a NUL, which libprop's can not, travels as data.

pub mod client;
pub mod command;
mod dialect;
pub mod disk_info;
mod fields;
mod flags;
pub mod keys;
pub mod reply;
mod request;
mod segments;

pub use dialect::{Caller, Disk, Mapped, Module, NetbsdServer, Nodes};
pub use fields::{Fault, FieldError};
pub use flags::WireFlags;

pub use crate::secret::SecretText;

use crate::frame::FRAME_MAX;
use crate::proplib::Limits;

/// What a request or a reply may cost: a frame's bytes, and no deeper than a stack of any size bears.
pub const LIMITS: Limits = Limits {
    size: FRAME_MAX,
    depth: 32,
    items: 8 << 20,
};
