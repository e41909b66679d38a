//! Device-mapper commands as proplib dictionaries.
//!
//! A client writes a [`Command`](dm_core::command::Command) as a dictionary, a driver answers with the dictionary
//! modified in place, and both travel as libprop's XML. This crate holds each step by itself:
//!
//! | module | from | to |
//! |---|---|---|
//! | [`netbsd`] | `Command`, `Reply` | [`Dictionary`](proplib::Dictionary), and back |
//! | [`proplib`] | `Dictionary` | text, and back |
//! | [`mod@frame`] | text | bytes on a stream, and back |
//! | [`server`] | a request's text | its reply's text, through any driver |
//! | [`socket`] (Unix) | a `Command` | its `Reply`, from a driver behind a socket |
//!
//! # Examples
//! A command and its reply, over all but the stream:
//! ```
//! use dm_core::backend::Backend;
//! use dm_core::command::{Command, Create, Reply};
//! use dm_core::engine::Engine;
//! use dm_core::names::DmName;
//! use dm_proto::netbsd::{LIMITS, command, reply};
//! use dm_proto::proplib::{read_dictionary, write_dictionary};
//! use dm_proto::server::respond;
//!
//! // The client.
//! let create = Command::Create(Create::new(DmName::new("vol0")?));
//! let request = write_dictionary(&command::encode(&create));
//!
//! // The server.
//! let engine = Engine::new();
//! let answer = respond(&request, &|command| engine.call(command));
//!
//! // The client again.
//! match reply::decode(&create, &read_dictionary(&answer, &LIMITS)?)? {
//!     Reply::Device(info) => assert_eq!(info.name.as_str(), "vol0"),
//!     other => panic!("{other:?}"),
//! }
//!
//! // The same command again fails, and the client learns why.
//! let answer = respond(&request, &|command| engine.call(command));
//! let error = reply::decode(&create, &read_dictionary(&answer, &LIMITS)?).unwrap_err();
//! assert_eq!(error.report(), "create vol0: a device named vol0 exists");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # What this crate does not do
//! It opens no device node and listens on no socket.
#![forbid(unsafe_code)]

pub mod frame;
pub mod netbsd;
pub mod proplib;
mod secret;
pub mod server;
#[cfg(unix)]
pub mod socket;
#[cfg(unix)]
mod watch;
