//! A table as a block device of Linux.

use std::fs;
use std::io;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use dm_core::component::TableMode;
use dm_core::devid::DevId;
use dm_core::engine::Engine;
use dm_core::error::ErrorKind;
use dm_core::names::DmName;

use crate::export::ublk::{Ublk, UblkError};
use crate::failure::Failure;

/// Where device nodes have their names.
const FOLDER: &str = "/dev/mapper";

/// A device of the driver's, with a name beside the kernel's own mapped devices.
pub(super) struct NamedUblk {
    ublk: Ublk,
    link: PathBuf,
}

impl NamedUblk {
    /// Serves the engine's device `name`, as number `number` if that is said.
    pub(super) fn start(
        engine: &Engine,
        name: &DmName,
        number: Option<u32>,
    ) -> Result<NamedUblk, Failure> {
        let id = DevId::Name(name.clone());
        let device = engine
            .open(&id, TableMode::ReadWrite)
            .or_else(|_| engine.open(&id, TableMode::ReadOnly))?;
        let link = Path::new(FOLDER).join(name.as_str());
        refuse_other(&link)?;
        let ublk = Ublk::start(Arc::new(device), number).map_err(|error| {
            let kind = match error {
                UblkError::Size { .. } => ErrorKind::Invalid,
                UblkError::Busy => ErrorKind::Busy,
                _ => ErrorKind::Unsupported,
            };
            let hint = "modprobe ublk_drv, as root, on Linux 6.4 or later";
            let missing = matches!(&error, UblkError::Driver(error) if error.kind() == io::ErrorKind::NotFound);
            let failure = Failure::because(kind, error.to_string());
            if missing { failure.hint(hint) } else { failure }
        })?;
        let named = NamedUblk { ublk, link };
        named.put_link()?;
        Ok(named)
    }

    /// Where the device is found.
    pub(super) fn path(&self) -> &Path {
        &self.link
    }

    /// The driver's own node.
    pub(super) fn node(&self) -> PathBuf {
        self.ublk.node()
    }

    fn put_link(&self) -> Result<(), Failure> {
        let failed = |error: io::Error| Failure::io("link", &self.link, &error);
        fs::create_dir_all(FOLDER).map_err(failed)?;
        // One of a server that died.
        match fs::remove_file(&self.link) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(failed(error)),
            _ => {}
        }
        symlink(format!("../ublkb{}", self.ublk.number()), &self.link).map_err(failed)
    }

    /// Ends the device, and its name.
    pub(super) fn stop(self) -> Result<(), Failure> {
        let removed = fs::remove_file(&self.link);
        self.ublk
            .stop()
            .map_err(|error| Failure::because(ErrorKind::Busy, error.to_string()))?;
        removed.map_err(|error| Failure::io("remove", &self.link, &error))
    }
}

/// Leaves alone what is there and no name of a device of this driver.
fn refuse_other(link: &Path) -> Result<(), Failure> {
    if fs::symlink_metadata(link).is_err() {
        return Ok(());
    }
    let ours = fs::read_link(link).is_ok_and(|to| to.to_string_lossy().starts_with("../ublkb"));
    match ours {
        true => Ok(()),
        false => {
            let reason = format!("{}: it is there already", link.display());
            Err(Failure::because(ErrorKind::Exists, reason))
        }
    }
}
