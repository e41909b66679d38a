//! What there is on systems without the ublk driver.

use std::path::{Path, PathBuf};

use dm_core::engine::Engine;
use dm_core::error::ErrorKind;
use dm_core::names::DmName;

use crate::failure::Failure;

/// A device of the driver's, which there is none of.
pub(super) struct NamedUblk {
    path: PathBuf,
}

impl NamedUblk {
    /// Refuses.
    pub(super) fn start(_: &Engine, _: &DmName, _: Option<u32>) -> Result<NamedUblk, Failure> {
        let reason = "ublk is a driver of Linux, on 64-bit x86, ARM and RISC-V here";
        Err(Failure::because(ErrorKind::Unsupported, reason))
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    pub(super) fn node(&self) -> PathBuf {
        self.path.clone()
    }

    pub(super) fn stop(self) -> Result<(), Failure> {
        Ok(())
    }
}
