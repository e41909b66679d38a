//! `dmctl`, the portable device mapper's command: its verbs, its daemon, and the exports through
//! which a mapped device becomes a disk for other programs.
//!
//! # Shape
//! - [`cli`]: the verbs, in one list; a file each.
//! - `output`: text for people and JSON for programs, from the same replies.
//! - `keys`: which words of tables may be neither shown nor written down.
//! - `layer`: commands that are shown, or kept from the driver.
//! - `backend`, `runtime`: which driver is asked, and the folder where the daemon is found.
//! - `udev`: how commands to Linux's driver go about udev.
//! - `stack`: devices and what they stand on; `stats`: counters of their requests.
//! - `report`: rows of fields, as `info -c` and dmstats show them; `units`: sizes.
//! - `daemon`: holds an engine, answers on a control socket, keeps a journal.
//! - [`export`]: block protocols over an engine's devices.
//! - `quickstart`: the guided tour.
// Forbidden but for `export::ublk::sys`, which io_uring needs.
#![deny(unsafe_code)]

pub mod cli;
pub mod export;

mod backend;
mod daemon;
mod dumps;
mod failure;
mod keys;
mod layer;
mod nearest;
mod output;
mod quickstart;
mod report;
mod runtime;
mod stack;
mod stats;
mod udev;
mod units;
