//! Files and block devices, read and written at places.

use std::fs::{File, OpenOptions};
use std::io::ErrorKind::NotFound;
use std::io::{self, Seek, SeekFrom};
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::{Path, PathBuf};

use dm_core::errno::Errno;
use dm_core::error::ErrorKind;

use crate::cli::session::Session;
use crate::failure::Failure;

use super::unwritten::Unwritten;

/// An opened file or block device.
#[derive(Debug)]
pub(in crate::cli) struct Image {
    path: PathBuf,
    file: File,
    /// In a dry run, what is not written.
    unwritten: Option<Unwritten>,
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
    /// It is read; what is written to it is only said.
    DryWrite,
    /// The same, and it need not be there.
    DryCreate,
}

impl Access {
    /// This, or what a dry run has in its place.
    pub(in crate::cli) fn of(self, session: &Session) -> Access {
        match self {
            Access::Write if session.is_dry() => Access::DryWrite,
            Access::Create if session.is_dry() => Access::DryCreate,
            other => other,
        }
    }
}

impl Image {
    /// Opens one.
    pub(in crate::cli) fn open(path: &Path, access: Access) -> Result<Image, Failure> {
        let mut options = OpenOptions::new();
        let writes = matches!(access, Access::Write | Access::Create);
        options.read(true).write(writes);
        options.create(access == Access::Create).truncate(false);
        let file = match options.open(path) {
            // In its place, one that nobody sees.
            Err(error) if access == Access::DryCreate && error.kind() == NotFound => {
                tempfile::tempfile()
            }
            other => other,
        };
        let file = file.map_err(|error| Failure::io("open", path, &error))?;
        let dry = matches!(access, Access::DryWrite | Access::DryCreate);
        Ok(Image {
            path: path.to_owned(),
            file,
            unwritten: dry.then(Unwritten::default),
        })
    }

    /// What it is called.
    pub(in crate::cli) fn path(&self) -> &Path {
        &self.path
    }

    /// Its bytes.
    pub(in crate::cli) fn size(&self) -> Result<u64, Failure> {
        let mut file = &self.file;
        let size = file
            .seek(SeekFrom::End(0))
            .map_err(|error| Failure::io("measure", &self.path, &error))?;
        let unwritten = self.unwritten.as_ref().map_or(0, Unwritten::length);
        Ok(size.max(unwritten))
    }

    /// Whether nothing is written to it, in a dry run.
    pub(in crate::cli) fn is_dry(&self) -> bool {
        self.unwritten.is_some()
    }

    /// In a dry run: so many bytes would be written there.
    pub(in crate::cli) fn would_write(&self, offset: u64, bytes: u64) {
        if let Some(unwritten) = &self.unwritten {
            unwritten.add(offset, bytes);
        }
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
        self.read_at(offset, bytes)
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

    /// The same, with the system's own error.
    pub(in crate::cli) fn read_at(&self, offset: u64, bytes: &mut [u8]) -> io::Result<()> {
        self.file.read_exact_at(bytes, offset)
    }

    /// Stores `bytes` from `offset` on.
    pub(in crate::cli) fn write(&self, offset: u64, bytes: &[u8]) -> Result<(), Failure> {
        self.write_at(offset, bytes)
            .map_err(|error| self.failed("write", offset, &error))
    }

    /// The same, with the system's own error.
    pub(in crate::cli) fn write_at(&self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        match &self.unwritten {
            Some(unwritten) => unwritten.add(offset, bytes.len() as u64),
            None => self.file.write_all_at(bytes, offset)?,
        }
        Ok(())
    }

    /// Makes a file that is shorter have this length.
    pub(in crate::cli) fn extend(&self, length: u64) -> Result<(), Failure> {
        let metadata = self.file.metadata();
        let extended = metadata.and_then(|metadata| match &self.unwritten {
            _ if !metadata.is_file() || metadata.len() >= length => Ok(()),
            Some(unwritten) => {
                unwritten.extend(length);
                Ok(())
            }
            None => self.file.set_len(length),
        });
        extended.map_err(|error| Failure::io("extend", &self.path, &error))
    }

    /// Makes durable what was written; a dry run says what was not.
    pub(in crate::cli) fn sync(&self) -> Result<(), Failure> {
        if let Some(unwritten) = &self.unwritten {
            unwritten.say(&self.path);
            return Ok(());
        }
        self.sync_data()
            .map_err(|error| Failure::io("write", &self.path, &error))
    }

    /// Makes durable what was written, with the system's own error.
    pub(in crate::cli) fn sync_data(&self) -> io::Result<()> {
        match self.is_dry() {
            true => Ok(()),
            false => self.file.sync_data(),
        }
    }

    fn failed(&self, what: &str, offset: u64, error: &io::Error) -> Failure {
        let errno = Errno::from(error);
        let path = self.path.display();
        let reason = format!("cannot {what} {path} at byte {offset}: {errno}");
        Failure::because(ErrorKind::Io, reason)
    }
}
