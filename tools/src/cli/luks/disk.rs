//! The device or file that a header is on.

use std::fs::{File, OpenOptions};
use std::io::{self, Seek, SeekFrom};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use clap::Args;
use dm_core::errno::Errno;
use dm_core::format::luks::{Luks, Storage};

use crate::failure::Failure;
use crate::output::talk;

use super::failed;

/// A volume: where its data is, and its header.
#[derive(Debug, Args)]
pub(super) struct Volume {
    /// The volume: a block device, or an image
    #[arg(value_name = "DEVICE")]
    pub(super) device: PathBuf,
    /// Where its header is, if it is not on the volume
    #[arg(long, value_name = "FILE")]
    pub(super) header: Option<PathBuf>,
}

/// An open device or file.
pub(super) struct Disk {
    file: File,
    size: u64,
}

/// What is to be done with a disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Access {
    Read,
    Write,
}

impl Volume {
    /// Where the header is.
    pub(super) fn header(&self) -> &Path {
        self.header.as_deref().unwrap_or(&self.device)
    }

    /// Opens what the header is on, and reads it.
    pub(super) fn read(&self, access: Access) -> Result<(Disk, Luks), Failure> {
        let mut disk = Disk::open(self.header(), access)?;
        let luks = Luks::read(&mut disk).map_err(failed)?;
        if let Some(damage) = luks.damage() {
            talk(&format!("dmctl: warning: {damage}"));
        }
        Ok((disk, luks))
    }
}

impl Disk {
    pub(super) fn open(path: &Path, access: Access) -> Result<Disk, Failure> {
        let open = || -> io::Result<Disk> {
            let mut file = OpenOptions::new()
                .read(true)
                .write(access == Access::Write)
                .open(path)?;
            let size = file.seek(SeekFrom::End(0))?;
            Ok(Disk { file, size })
        };
        open().map_err(|error| Failure::io("open", path, &error))
    }

    /// Makes a file longer, so that a header fits.
    pub(super) fn grow(&mut self, bytes: u64) -> io::Result<()> {
        if self.size < bytes && self.file.metadata()?.is_file() {
            self.file.set_len(bytes)?;
            self.size = bytes;
        }
        Ok(())
    }
}

impl Storage for Disk {
    fn read(&mut self, offset: u64, buffer: &mut [u8]) -> Result<(), Errno> {
        let read = self.file.read_exact_at(buffer, offset);
        read.map_err(|error| Errno::from(&error))
    }

    fn write(&mut self, offset: u64, bytes: &[u8]) -> Result<(), Errno> {
        let end = offset.checked_add(bytes.len() as u64);
        if end.is_none_or(|end| end > self.size) {
            return Err(Errno::ENOSPC);
        }
        self.file
            .write_all_at(bytes, offset)
            .and_then(|()| self.file.sync_data())
            .map_err(|error| Errno::from(&error))
    }

    fn size(&self) -> u64 {
        self.size
    }
}
