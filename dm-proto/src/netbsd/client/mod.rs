//! The client's half of NetBSD's own dialect: a command as the dictionary that its driver takes, and what the reply means.
//!
//! NetBSD's driver loses every errno, so a reply has to be read for what was done: that is an [`Outcome`]. Some replies do
//! not tell; then `info` does. The driver also does as it is told where that crashes it or loses a table, so
//! [`encode`] refuses what must not be sent.
//!
//! # Shape
//! | step | by | gives |
//! |---|---|---|
//! | a command | [`encode`] | a dictionary, or why it must not be sent |
//! | a dictionary | [`write()`] | the text for the ioctl, or that it is too long |
//! | a reply | [`Outcome::of`] | what was done, as far as the reply tells |
//! | a reply whose command was obeyed | [`info`], [`targets`], [`devices`], [`lines`], [`deps`] | what it says |
//!
//! A table that looks fine can still lose another where the driver's state is not what the caller thinks. What has to be
//! asked before a command is sent is the caller's part, since it takes requests of its own:
//!
//! | command | ask | because |
//! |---|---|---|
//! | resume | `info`: is there an inactive table? | without one the live table is dropped (quirk 1) |
//! | rename | `names`: is the name free? | else the device vanishes (quirk 2) |
//! | load | `info`: is the inactive slot empty? If not, `clear` | a failed load may have left lines there (quirk 3) |
//! | remove | whether it is in use | it is removed all the same (quirk 4) |
//!
//! # Examples
//! ```
//! use dm_core::command::{Command, Create};
//! use dm_core::names::DmName;
//! use dm_proto::netbsd::client::{self, Outcome};
//! use dm_proto::proplib::Dictionary;
//!
//! let create = Command::Create(Create::new(DmName::new("vol0")?));
//! let request = client::encode(&create)?;
//! // What the driver makes of it, for a device that it makes …
//! let mut reply = request.clone();
//! let version = [4_u32, 16, 0].into_iter().collect::<dm_proto::proplib::Value>();
//! reply.set("minor", 1_u32).set("version", version);
//! assert_eq!(Outcome::of(&request, &reply)?, Outcome::Obeyed);
//! // … and for one whose name is taken.
//! reply.set("minor", 0_u32);
//! assert_eq!(Outcome::of(&request, &reply)?, Outcome::TakenOrDenied);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod check;
mod outcome;
mod reply;
mod request;

pub use check::{PATH_MAX, STRIPES_MAX};
pub use outcome::Outcome;
pub use reply::{deps, devices, info, lines, minor, targets, version};
pub use request::{REQUEST_MAX, encode, write};
