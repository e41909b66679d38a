//! The NetBSD kernel's device mapper as a [`Backend`](dm_core::backend::Backend), without libdevmapper.
//!
//! # Shape
//! - [`NetBsd`]: the backend. A command is one or more requests, as below.
//! - [`layout`]: numbers and shapes of NetBSD's headers.
//! - [`control`]: the control node, and the driver's major numbers by sysctl.
//! - [`sys`]: the one door to the kernel, and its trait for stand-ins.
//! - [`nodes`]: `/dev/mapper/NAME` and `/dev/mapper/rNAME`, which that driver leaves to its clients.
//! - [`disk`]: what a disk, or a mapped device, says of itself.
//! - [`probe`]: whether there is a driver that this user can use.
//!
//! Programs in C have all of it from the crate `dm-netbsd-c`.
//!
//! The dictionaries, and what a reply tells, are [`dm_proto::netbsd::client`].
//!
//! # Examples
//! ```no_run
//! use dm_core::client::Dm;
//! use dm_core::command::{Create, Load, SuspendOptions};
//! use dm_core::names::DmName;
//! use dm_core::table::TableLine;
//! use dm_netbsd::NetBsd;
//!
//! let dm = Dm::new(NetBsd::open()?);
//! let vol0 = DmName::new("vol0")?;
//! dm.create(Create::new(vol0.clone()))?;
//! // Behind the disklabel: dm(4) asks for 65 sectors on i386 and amd64.
//! let table = TableLine::parse_table("0 2048 linear /dev/wd1d 65")?;
//! dm.load(Load::new(vol0.clone(), table))?;
//! dm.resume(vol0, SuspendOptions::default())?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # What is asked besides
//! That driver loses every errno, and does as it is told where a table is lost by it. docs/quirks.md has the numbers.
//!
//! | command | before | after |
//! |---|---|---|
//! | create | | `info`, if the reply leaves open whether the name is taken or this user may not |
//! | load | `info`; `clear` if the slot has lines (3); `deps` of the mapped devices that it names (17) | `info`; after a failure `clear` (3) and `targets` |
//! | resume | `info`: without an inactive table the live one would be dropped (1) | `info` |
//! | rename | `info`, `names`: onto another's name, the device would vanish (2) | `info` |
//! | remove | `info`; `names`, `deps` of all, and opening the block node: one in use would be removed (4) | `info` |
//! | clear, suspend | | `info` |
//! | table, status, deps | `info` | |
//! | info by uuid or number | | `names`, since the reply has no name |
//!
//! A resume of a device at work, without an inactive table, is done without asking the driver. One of a suspended device
//! is refused, unless a table is loaded: in this driver, a suspend only marks, and lets io go on.
//!
//! # Errors
//! Every error has the command and the device in its context. A reply that breaks the protocol's rules is
//! [`Protocol`](dm_core::error::ErrorKind::Protocol), with the key as the source. What that driver has no word for is
//! [`Unsupported`](dm_core::error::ErrorKind::Unsupported): messages, waiting, deferred removal, removal of all, uuids for
//! devices that are there, minor numbers of one's choice, read-only tables.
//!
//! # What this crate does not do
//! - It can not see who has a raw node open: a device may be removed from under them.
//! - It holds no lock between a question and the command that depends on the answer: there is none.
//! - It does not keep what an inactive slot held when a load into it fails: the driver does not either.
//! - On other systems all of it compiles, and opening the driver says that there is none.
#![deny(unsafe_code)]

pub mod control;
pub mod disk;
pub mod layout;
pub mod nodes;
pub mod probe;
#[allow(unsafe_code)] // The ioctls themselves.
pub mod sys;

mod backend;
mod changes;
mod outcome;
mod stack;

pub use backend::NetBsd;
