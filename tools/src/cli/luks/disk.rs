//! The device or file that a header is on.

use std::path::{Path, PathBuf};

use clap::Args;
use dm_core::errno::Errno;
use dm_core::format::luks::{Luks, LuksError, Storage};

use crate::cli::offline::image::Image;
use crate::failure::Failure;
use crate::output::talk;

pub(super) use crate::cli::offline::image::Access;

use super::failed;

/// A volume: where its data is, and its header.
#[derive(Debug, Args)]
pub(super) struct Volume {
    /// The volume: a block device, or an image
    #[arg(value_name = "DEVICE")]
    pub(super) device: PathBuf,
    /// A file or device with its header, if that is not on the volume
    #[arg(long, value_name = "FILE")]
    pub(super) header: Option<PathBuf>,
}

/// An open device or file.
pub(super) struct Disk {
    image: Image,
    size: u64,
}

impl Volume {
    /// Where the header is.
    pub(super) fn header(&self) -> &Path {
        self.header.as_deref().unwrap_or(&self.device)
    }

    /// Opens what the header is on, and reads it.
    pub(super) fn read(&self, access: Access) -> Result<(Disk, Luks), Failure> {
        let mut disk = Disk::open(self.header(), access)?;
        let luks = Luks::read(&mut disk).map_err(|error| self.failed(error))?;
        if let Some(damage) = luks.damage() {
            talk(&format!("dmctl: warning: {damage}"));
        }
        Ok((disk, luks))
    }

    /// An error of its header as a verb's.
    pub(super) fn failed(&self, error: LuksError) -> Failure {
        failed(error).of(self.header().display())
    }
}

impl Disk {
    pub(super) fn open(path: &Path, access: Access) -> Result<Disk, Failure> {
        let image = Image::open(path, access)?;
        let size = image.size()?;
        Ok(Disk { image, size })
    }

    /// In a dry run, says what would have been written.
    pub(super) fn finish(&self) -> Result<(), Failure> {
        match self.image.is_dry() {
            true => self.image.sync(),
            // Each write was.
            false => Ok(()),
        }
    }

    /// Makes a file longer, so that a header fits.
    pub(super) fn grow(&mut self, bytes: u64) -> Result<(), Failure> {
        self.image.extend(bytes)?;
        self.size = self.image.size()?;
        Ok(())
    }
}

impl Storage for Disk {
    fn read(&mut self, offset: u64, buffer: &mut [u8]) -> Result<(), Errno> {
        let read = self.image.read_at(offset, buffer);
        read.map_err(|error| Errno::from(&error))
    }

    fn write(&mut self, offset: u64, bytes: &[u8]) -> Result<(), Errno> {
        let end = offset.checked_add(bytes.len() as u64);
        if end.is_none_or(|end| end > self.size) {
            return Err(Errno::ENOSPC);
        }
        self.image
            .write_at(offset, bytes)
            .and_then(|()| self.image.sync_data())
            .map_err(|error| Errno::from(&error))
    }

    fn size(&self) -> u64 {
        self.size
    }
}
