//! The portable device mapper's core.
#![cfg_attr(not(feature = "std"), no_std)]
#![forbid(unsafe_code)]

extern crate alloc;

pub mod backend;
pub mod blockdev;
pub mod client;
pub mod command;
pub mod component;
pub mod device;
pub mod devid;
pub mod disklabel;
pub mod difference;
#[cfg(feature = "std")]
pub mod engine;
pub mod errno;
pub mod error;
pub mod flags;
pub mod io;
#[cfg(feature = "std")]
mod locks;
pub mod names;
pub mod nbd;
pub mod table;
pub mod target;
#[cfg(feature = "std")]
pub mod transaction;
pub mod typed;
pub mod units;
pub mod version;
#[cfg(feature = "std")]
mod workers;
