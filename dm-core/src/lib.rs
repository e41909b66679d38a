//! The portable device mapper's core.
//!
//! # A tour
//! - [`command`] is what a driver can be asked and answers; a [`backend`] is a driver, and
//!   [`client::Dm`] its commands as methods.
//! - `engine` is the driver that runs anywhere: devices in this process, over files, memory and
//!   each other. Linux's is in the crate dm-linux, one behind a socket in dm-proto.
//! - [`table`] is the language of tables, [`target`] what maps io, [`typed`] the targets' words.
//! - [`blockdev`] and [`io`] are how io is asked for, on a mapped device too.
//! - `transaction` changes several devices together; `events` tells what
//!   happens to them, as [`difference`]s.
//! - [`error`] is what all of it fails with: match on the kind, show the report.
//!
//! What is in `code` here and no link needs the feature `std`.
//!
//! The same program runs on each driver:
#![cfg_attr(feature = "std", doc = "```")]
#![cfg_attr(not(feature = "std"), doc = "```ignore")]
//! use dm_core::backend::Backend;
//! use dm_core::client::Dm;
//! use dm_core::command::{Create, Load, SuspendOptions};
//! use dm_core::engine::Engine;
//! use dm_core::names::DmName;
//! use dm_core::table::TableLine;
//!
//! fn make<B: Backend>(dm: &Dm<B>, name: DmName, table: &str) -> Result<(), Box<dyn std::error::Error>> {
//!     dm.create(Create::new(name.clone()))?;
//!     dm.load(Load::new(name.clone(), TableLine::parse_table(table)?))?;
//!     dm.resume(name, SuspendOptions::default())?;
//!     Ok(())
//! }
//!
//! let dm = Dm::new(Engine::new()); // or dm_linux::Linux::open()?
//! make(&dm, DmName::new("vol0")?, "0 8 zero\n8 8 error")?;
//! assert_eq!(dm.list()?.len(), 1);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//! A first program with an engine of its own: a disk over a part of a file, written and read here.
#![cfg_attr(feature = "std", doc = "```")]
#![cfg_attr(not(feature = "std"), doc = "```ignore")]
//! use dm_core::{blockdev::Blocking, component::TableMode, io::IoFlags, units::Sector};
//! # use dm_core::client::Dm;
//! # use dm_core::command::{Create, Load, SuspendOptions};
//! # use dm_core::engine::Engine;
//! # use dm_core::names::DmName;
//! # use dm_core::table::TableLine;
//! # let folder = tempfile::tempdir()?;
//! # let image = folder.path().join("disk.img");
//!
//! std::fs::File::create(&image)?.set_len(1 << 20)?;
//! let engine = Engine::new();
//! let (dm, name) = (Dm::new(engine.clone()), DmName::new("vol0")?);
//! let table = format!("0 2032 linear {} 8\n2032 8 error", image.display());
//! dm.create(Create::new(name.clone()))?;
//! dm.load(Load::new(name.clone(), TableLine::parse_table(&table)?))?;
//! dm.resume(name.clone(), SuspendOptions::default())?;
//!
//! let disk = engine.open(&name.clone().into(), TableMode::ReadWrite)?;
//! disk.write_at(Sector(0), &[7; 512], IoFlags::FUA)?; // it waits; `BlockDev::submit` does not
//! assert_eq!(std::fs::read(&image)?[8 * 512], 7);
//! assert!(disk.read_at(Sector(2032), &mut [0; 512]).is_err());
//!
//! // A wrong table is refused with its line, word and reason, and the device stays as it is.
//! let wrong = TableLine::parse_table("0 8 striped 2 0 left.img 0 right.img 0")?;
//! let error = dm.load(Load::new(name, wrong)).unwrap_err();
//! let report = r#"load vol0: line 1: striped: word 2 "0": the chunk size is zero"#;
//! assert_eq!(error.report(), report);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
#![cfg_attr(not(feature = "std"), no_std)]
// The engine alone calls some of what is built without it.
#![cfg_attr(not(feature = "std"), allow(dead_code))]
#![cfg_attr(not(feature = "std"), forbid(unsafe_code))]
#![deny(unsafe_code)]

extern crate alloc;

pub mod backend;
pub mod blockdev;
pub mod client;
pub mod command;
pub mod component;
pub mod device;
pub mod devid;
pub mod difference;
pub mod disklabel;
#[cfg(feature = "std")]
pub mod engine;
pub mod errno;
pub mod error;
#[cfg(feature = "std")]
pub mod events;
pub mod flags;
pub mod format;
pub mod hex;
pub mod io;
#[cfg(feature = "std")]
mod locks;
pub mod names;
pub mod nbd;
#[cfg(all(feature = "std", target_os = "linux"))]
mod sys;
pub mod table;
pub mod target;
#[cfg(feature = "std")]
pub mod transaction;
pub mod typed;
pub mod units;
pub mod version;
#[cfg(feature = "std")]
mod workers;
