//! What there is on systems without the ublk driver.

use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};

use dm_core::devid::DevId;
use dm_core::engine::{Engine, OpenDevice};
use dm_core::error::ErrorKind;
use dm_core::names::DmName;
use dm_core::units::SectorCount;

use crate::failure::Failure;

/// Which device is wanted.
#[derive(Clone, Copy, Debug)]
#[allow(dead_code)] // There is none to be found by these.
pub(crate) enum Wanted {
    Any,
    Numbered(u32),
    Marked { number: Option<u32>, mark: u64 },
}

/// A device of the driver's, which there is none of.
pub(crate) enum NamedUblk {}

impl NamedUblk {
    /// Refuses.
    pub(crate) fn start(_: &Engine, _: &DevId, _: Wanted) -> Result<NamedUblk, Failure> {
        refuse()
    }

    /// Refuses.
    pub(crate) fn prepare(_: &Engine, _: &DevId, _: Wanted) -> Result<NamedUblk, Failure> {
        refuse()
    }

    pub(crate) fn begin(self) -> Result<NamedUblk, Failure> {
        match self {}
    }

    pub(crate) fn number(&self) -> u32 {
        match *self {}
    }

    pub(crate) fn device(&self) -> &OpenDevice {
        match *self {}
    }

    pub(crate) fn path(&self) -> &Path {
        match *self {}
    }

    pub(crate) fn node(&self) -> PathBuf {
        match *self {}
    }

    pub(crate) fn follow_name(&mut self) -> Result<(), Failure> {
        match *self {}
    }

    pub(crate) fn follow_size(&mut self) -> Option<SectorCount> {
        match *self {}
    }

    pub(crate) fn stop(self, _: Option<OwnedFd>) -> Result<(), Failure> {
        match self {}
    }

    pub(crate) fn leave(self) {
        match self {}
    }
}

/// Nothing is served here.
pub(crate) fn serve_from_here() {}

/// Refuses.
pub(crate) fn claim(_: u32) -> Result<OwnedFd, Failure> {
    refuse()
}

/// Refuses.
pub(crate) fn write_out(_: u32, _: &OwnedFd) -> Result<(), Failure> {
    refuse()
}

/// There is none to be ended.
pub(crate) fn end(_: u32, _: u64, _: Option<OwnedFd>) -> Result<(), Failure> {
    Ok(())
}

/// It is not.
pub(crate) fn is_there(_: u32, _: u64) -> bool {
    false
}

/// No name is taken by what can not be made.
pub(crate) fn refuse_taken(_: &DmName) -> Result<(), Failure> {
    Ok(())
}

fn refuse<T>() -> Result<T, Failure> {
    let reason = "ublk is a driver of Linux, on 64-bit x86, ARM and RISC-V here";
    Err(Failure::because(ErrorKind::Unsupported, reason))
}
