//! Files and block devices, read and written at places.

use std::fs::{File, OpenOptions};
use std::io::{self, Seek, SeekFrom};
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::{Path, PathBuf};

use dm_core::errno::Errno;
use dm_core::error::ErrorKind;

use crate::failure::Failure;

/// An opened file or block device.
#[derive(Debug)]
pub(in crate::cli) struct Image {
    path: PathBuf,
    file: File,
}

/// What is to be done with an image.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::cli) enum Access {
    /// It is read.
    Read,
    /// It is read and written.
    Write,
    /// It is, and made if it is not there.
    Create,
}

impl Image {
    /// Opens one.
    pub(in crate::cli) fn open(path: &Path, access: Access) -> Result<Image, Failure> {
        let mut options = OpenOptions::new();
        options.read(true).write(access != Access::Read);
        options.create(access == Access::Create).truncate(false);
        let file = options.open(path);
        let file = file.map_err(|error| Failure::io("open", path, &error))?;
        let path = path.to_owned();
        Ok(Image { path, file })
    }

    /// What it is called.
    pub(in crate::cli) fn path(&self) -> &Path {
        &self.path
    }

    /// Its bytes.
    pub(in crate::cli) fn size(&self) -> Result<u64, Failure> {
        let mut file = &self.file;
        file.seek(SeekFrom::End(0))
            .map_err(|error| Failure::io("measure", &self.path, &error))
    }

    /// Whether both are one file or device.
    pub(in crate::cli) fn is(&self, other: &Image) -> Result<bool, Failure> {
        let place = |image: &Image| {
            let metadata = image.file.metadata();
            metadata
                .map(|metadata| match metadata.rdev() {
                    0 => (metadata.dev(), metadata.ino()),
                    device => (0, device),
                })
                .map_err(|error| Failure::io("look at", &image.path, &error))
        };
        Ok(place(self)? == place(other)?)
    }

    /// Fills `bytes` from `offset` on.
    pub(in crate::cli) fn read(&self, offset: u64, bytes: &mut [u8]) -> Result<(), Failure> {
        self.file
            .read_exact_at(bytes, offset)
            .map_err(|error| match error.kind() {
                io::ErrorKind::UnexpectedEof => {
                    let reason = format!(
                        "{} ends before byte {}",
                        self.path.display(),
                        offset.saturating_add(bytes.len() as u64)
                    );
                    Failure::because(ErrorKind::Invalid, reason)
                }
                _ => self.failed("read", offset, &error),
            })
    }

    /// Stores `bytes` from `offset` on.
    pub(in crate::cli) fn write(&self, offset: u64, bytes: &[u8]) -> Result<(), Failure> {
        self.file
            .write_all_at(bytes, offset)
            .map_err(|error| self.failed("write", offset, &error))
    }

    /// Makes a file that is shorter have this length.
    pub(in crate::cli) fn extend(&self, length: u64) -> Result<(), Failure> {
        let metadata = self.file.metadata();
        let extended = metadata.and_then(|metadata| match metadata.is_file() {
            true if metadata.len() < length => self.file.set_len(length),
            _ => Ok(()),
        });
        extended.map_err(|error| Failure::io("extend", &self.path, &error))
    }

    /// Makes durable what was written.
    pub(in crate::cli) fn sync(&self) -> Result<(), Failure> {
        self.file
            .sync_data()
            .map_err(|error| Failure::io("write", &self.path, &error))
    }

    fn failed(&self, what: &str, offset: u64, error: &io::Error) -> Failure {
        let errno = Errno::from(error);
        let path = self.path.display();
        let reason = format!("cannot {what} {path} at byte {offset}: {errno}");
        Failure::because(ErrorKind::Io, reason)
    }
}
