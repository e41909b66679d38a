//! An engine's device as a block device of Linux, with a name in `/dev/mapper`.

use std::fs;
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use dm_core::blockdev::BlockDev;
use dm_core::component::TableMode;
use dm_core::devid::DevId;
use dm_core::engine::{Engine, OpenDevice};
use dm_core::error::ErrorKind;
use dm_core::names::DmName;
use dm_core::units::SectorCount;

use crate::export::ublk::{self, Ublk, UblkError};
use crate::failure::Failure;

pub(crate) use crate::export::ublk::Wanted;

/// Where device nodes have their names.
const FOLDER: &str = "/dev/mapper";

/// A device of the driver's, with a name beside the kernel's own mapped devices.
pub(crate) struct NamedUblk {
    ublk: Ublk,
    device: Arc<OpenDevice>,
    link: PathBuf,
}

impl NamedUblk {
    /// Serves the engine's device as the one that is wanted.
    pub(crate) fn start(
        engine: &Engine,
        device: &DevId,
        wanted: Wanted,
    ) -> Result<NamedUblk, Failure> {
        NamedUblk::prepare(engine, device, wanted)?.begin()
    }

    /// The same, but for the beginning: nobody uses it before that.
    pub(crate) fn prepare(
        engine: &Engine,
        device: &DevId,
        wanted: Wanted,
    ) -> Result<NamedUblk, Failure> {
        let open = |mode| engine.open(device, mode).map(Arc::new);
        let device = open(TableMode::ReadWrite).or_else(|_| open(TableMode::ReadOnly))?;
        let link = link(&device.name());
        refuse_other(&link)?;
        let ublk = Ublk::prepare(device.clone(), wanted).map_err(refused)?;
        Ok(NamedUblk { ublk, device, link })
    }

    /// Lets its users in. A new device ends if that fails; one that was there before stays, with its
    /// users, for another server.
    pub(crate) fn begin(mut self) -> Result<NamedUblk, Failure> {
        let begun = self.ublk.begin().map_err(refused);
        let adopted = self.ublk.is_adopted();
        match begun.and_then(|()| self.put_link()) {
            Ok(()) => Ok(self),
            Err(failure) => {
                if adopted {
                    self.leave();
                }
                Err(failure)
            }
        }
    }

    /// Its number among the driver's.
    pub(crate) fn number(&self) -> u32 {
        self.ublk.number()
    }

    /// The engine's device.
    pub(crate) fn device(&self) -> &OpenDevice {
        &self.device
    }

    /// Where it is found.
    pub(crate) fn path(&self) -> &Path {
        &self.link
    }

    /// The driver's own node.
    pub(crate) fn node(&self) -> PathBuf {
        self.ublk.node()
    }

    /// Gives it the name that the engine's device has now.
    pub(crate) fn follow_name(&mut self) -> Result<(), Failure> {
        let new = link(&self.device.name());
        if new == self.link {
            return Ok(());
        }
        refuse_other(&new)?;
        let old = std::mem::replace(&mut self.link, new);
        self.put_link()?;
        self.remove_link(&old)
    }

    /// Gives it the size that the engine's device has now, if the driver can: else it keeps its own,
    /// which comes back.
    pub(crate) fn follow_size(&mut self) -> Option<SectorCount> {
        let size = self.device.info().size;
        // A device that is on its way out has no table any more.
        if size == self.ublk.size() || size == SectorCount::ZERO {
            return None;
        }
        match self.ublk.resize(size) {
            Ok(()) => None,
            Err(_) => Some(self.ublk.size()),
        }
    }

    fn put_link(&self) -> Result<(), Failure> {
        let failed = |error: io::Error| Failure::io("link", &self.link, &error);
        fs::create_dir_all(FOLDER).map_err(failed)?;
        // One of a server that died.
        match fs::remove_file(&self.link) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(failed(error)),
            _ => {}
        }
        symlink(target(self.ublk.number()), &self.link).map_err(failed)
    }

    /// Takes a name away, unless it is another device's by now.
    fn remove_link(&self, link: &Path) -> Result<(), Failure> {
        if fs::read_link(link).is_ok_and(|to| to != target(self.ublk.number())) {
            return Ok(());
        }
        match fs::remove_file(link) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                Err(Failure::io("remove", link, &error))
            }
            _ => Ok(()),
        }
    }

    /// Ends the device, and its name. Whoever claimed it hands that over.
    pub(crate) fn stop(self, claim: Option<OwnedFd>) -> Result<(), Failure> {
        let removed = self.remove_link(&self.link);
        let stopped = match claim {
            Some(claim) => self.ublk.stop_claimed(claim),
            None => self.ublk.stop(),
        };
        stopped.map_err(|error| Failure::because(ErrorKind::Busy, error.to_string()))?;
        removed
    }

    /// Leaves the device to another server: it holds its requests from when this process ends.
    pub(crate) fn leave(self) {
        self.ublk.leave();
        // Nothing of it is removed with the engine.
        std::mem::forget(self.device);
    }
}

/// Lets this thread, and those that it starts from now on, have memory without a wait for what was
/// written to a block device: that may be one that they serve. Only root may, and only root serves any.
pub(crate) fn serve_from_here() {
    // Where it is not allowed, it is as good as before.
    let _ = rustix::process::configure_io_flusher_behavior(true);
}

/// Takes the device with this number for oneself, as long as this is open; it is busy if it is
/// mounted, or claimed otherwise.
pub(crate) fn claim(number: u32) -> Result<OwnedFd, Failure> {
    ublk::claim(number).map_err(|error| Failure::io("claim", &ublk::node(number), &error))
}

/// Brings what was written to a claimed device through the page cache to the device.
pub(crate) fn write_out(number: u32, claim: &OwnedFd) -> Result<(), Failure> {
    rustix::fs::fsync(claim)
        .map_err(|error| Failure::io("write out", &ublk::node(number), &error.into()))
}

/// Ends the device of a server that is gone, if it is there. Whoever claimed it hands that over.
pub(crate) fn end(number: u32, mark: u64, claim: Option<OwnedFd>) -> Result<(), Failure> {
    match ublk::end(number, mark, claim) {
        // Without the driver, there is no device of its.
        Err(error) if is_missing(&error) => Ok(()),
        other => other.map_err(refused),
    }
}

/// Whether the driver has this device.
pub(crate) fn is_there(number: u32, mark: u64) -> bool {
    ublk::is_there(number, mark).unwrap_or(false)
}

/// Leaves alone what has this device's name already, and is no device of this driver.
pub(crate) fn refuse_taken(name: &DmName) -> Result<(), Failure> {
    refuse_other(&link(name))
}

fn link(name: &DmName) -> PathBuf {
    Path::new(FOLDER).join(name.as_str())
}

fn target(number: u32) -> PathBuf {
    format!("../ublkb{number}").into()
}

fn refused(error: UblkError) -> Failure {
    let kind = match &error {
        UblkError::Size { .. } => ErrorKind::Invalid,
        UblkError::Busy => ErrorKind::Busy,
        UblkError::Driver(error) if error.kind() == io::ErrorKind::PermissionDenied => {
            ErrorKind::Permission
        }
        _ => ErrorKind::Unsupported,
    };
    if is_missing(&error) {
        let failure = Failure::because(kind, "ublk: there is no /dev/ublk-control");
        return failure.hint("modprobe ublk_drv, as root, on Linux 6.4 or later");
    }
    Failure::because(kind, error.to_string())
}

/// Whether the driver is not there.
fn is_missing(error: &UblkError) -> bool {
    matches!(error, UblkError::Driver(error) if error.kind() == io::ErrorKind::NotFound)
}

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
