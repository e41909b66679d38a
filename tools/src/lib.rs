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
//! - `ublk`: an engine's device as a block device of Linux, with a name.
//! - `quickstart`: the guided tour.
//!
//! Without the feature `cli`, there are the exports alone.
// Forbidden but for `export::ublk::sys`, which io_uring needs.
#![deny(unsafe_code)]

#[cfg(feature = "cli")]
pub mod cli;
pub mod export;

#[cfg(feature = "cli")]
mod backend;
#[cfg(feature = "cli")]
mod daemon;
#[cfg(feature = "cli")]
mod dumps;
#[cfg(feature = "cli")]
mod failure;
#[cfg(feature = "cli")]
mod keys;
#[cfg(feature = "cli")]
mod layer;
#[cfg(feature = "cli")]
mod nearest;
#[cfg(feature = "cli")]
mod output;
#[cfg(feature = "cli")]
mod quickstart;
#[cfg(feature = "cli")]
mod report;
#[cfg(feature = "cli")]
mod runtime;
#[cfg(feature = "cli")]
mod stack;
#[cfg(feature = "cli")]
mod stats;
#[cfg(feature = "cli")]
#[cfg_attr(
    not(all(
        target_os = "linux",
        any(
            target_arch = "x86_64",
            target_arch = "aarch64",
            target_arch = "riscv64"
        )
    )),
    path = "no_ublk.rs"
)]
mod ublk;
#[cfg(feature = "cli")]
mod udev;
#[cfg(feature = "cli")]
mod units;
