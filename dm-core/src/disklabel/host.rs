//! The disks of the host, as files and nodes.

use std::fs::{self, File};
use std::io::{Read, Seek, SeekFrom};
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::{Path, PathBuf};

use crate::blockdev::{node_named, node_of};
use crate::devid::DevNo;
use crate::errno::Errno;
use crate::units::{SECTOR_BYTES, Sector, SectorCount};

use super::DiskReader;
use super::lines::{Disk, Disks, Standing};
use super::port::Port;
use super::survey::Survey;

/// The disks of the host.
///
/// A regular file is a disk. A partition's disk and start come from Linux's sysfs, or, on NetBSD,
/// from the disklabel of the disk whose partition letter the node's name ends with.
#[derive(Clone, Debug, Default)]
pub struct HostDisks {}

/// Reads a file or a node as a disk.
#[derive(Debug)]
pub struct HostReader {
    file: File,
    size: Option<SectorCount>,
}

/// A disk that is there and can not be read.
struct Unreadable(Errno);

impl HostDisks {
    /// The disks of the host.
    pub const fn new() -> HostDisks {
        HostDisks {}
    }
}

impl HostReader {
    /// Opens a file or a node for reading.
    ///
    /// # Errors
    /// What the host says.
    pub fn open(path: &Path) -> std::io::Result<HostReader> {
        let mut file = File::open(path)?;
        // A character device has no end to seek to.
        let size = file.seek(SeekFrom::End(0)).ok().filter(|bytes| *bytes > 0);
        let size = size.map(SectorCount::from_bytes_floor);
        Ok(HostReader { file, size })
    }
}

impl DiskReader for HostReader {
    fn size(&self) -> Option<SectorCount> {
        self.size
    }

    fn read(&mut self, at: Sector, into: &mut [u8; SECTOR_BYTES]) -> Result<(), Errno> {
        let start = at.bytes().ok_or(Errno::EOVERFLOW)?;
        self.file
            .seek(SeekFrom::Start(start))
            .and_then(|_| self.file.read_exact(into))
            .map_err(|error| Errno::from(&error))
    }
}

impl DiskReader for Unreadable {
    fn size(&self) -> Option<SectorCount> {
        None
    }

    fn read(&mut self, _: Sector, _: &mut [u8; SECTOR_BYTES]) -> Result<(), Errno> {
        Err(self.0)
    }
}

impl Disks for HostDisks {
    fn find(&self, word: &str) -> Standing {
        let path = match word.parse::<DevNo>() {
            Ok(number) => node_of(number),
            Err(_) => Some(PathBuf::from(word)),
        };
        let Some(path) = path else {
            return Standing::Unknown;
        };
        let Ok(metadata) = fs::metadata(&path) else {
            return Standing::Unknown;
        };
        let kind = metadata.file_type();
        if kind.is_file() {
            return disk(word.into(), Sector::ZERO, &path);
        }
        if !kind.is_block_device() && !kind.is_char_device() {
            return Standing::Unknown;
        }
        if cfg!(target_os = "netbsd") {
            return netbsd(word, &path);
        }
        linux(word, &path, metadata.rdev())
    }
}

fn disk(name: String, start: Sector, path: &Path) -> Standing {
    let reader: Box<dyn DiskReader> = match HostReader::open(path) {
        Ok(reader) => Box::new(reader),
        Err(error) => Box::new(Unreadable(Errno::from(&error))),
    };
    Standing::Disk(Disk::new(name, start, reader))
}

/// # Source
/// `Documentation/ABI/stable/sysfs-block` and `testing/sysfs-block-dm` of Linux.
fn linux(word: &str, path: &Path, rdev: u64) -> Standing {
    let node = PathBuf::from(format!("/sys/dev/block/{}", DevNo::of_node(rdev)));
    if node.join("dm").is_dir() {
        return Standing::Mapped;
    }
    if !node.join("partition").exists() {
        return disk(word.into(), Sector::ZERO, path);
    }
    let number = |path: PathBuf| fs::read_to_string(path).ok()?.trim().parse::<u64>().ok();
    let (Some(start), Ok(folder)) = (number(node.join("start")), fs::canonicalize(&node)) else {
        return Standing::Unknown;
    };
    let parent = folder.parent().and_then(Path::file_name);
    let Some(name) = parent.and_then(|name| name.to_str()) else {
        return Standing::Unknown;
    };
    let whole = node_named(name);
    disk(whole.display().to_string(), Sector(start), &whole)
}

/// A NetBSD node: `/dev/wd0e` is partition e of the disk whose whole is `/dev/wd0d`.
fn netbsd(word: &str, path: &Path) -> Standing {
    let Some((stem, index)) = partition_letter(word) else {
        return disk(word.into(), Sector::ZERO, path);
    };
    let raw = Port::HOST.raw_partition();
    let letter = char::from(b'a' + raw);
    let whole = format!("{stem}{letter}");
    if index == raw {
        return disk(word.into(), Sector::ZERO, path);
    }
    let start = HostReader::open(Path::new(&whole))
        .ok()
        .and_then(|mut reader| {
            let survey = Survey::of(&mut reader).ok()?;
            let mut labels = survey.labels.iter();
            let label = &labels.find(|found| found.checksum.is_none())?.label;
            let range = label.range(label.partitions.get(usize::from(index))?)?;
            Some(range.start())
        });
    // Without a label the driver made partitions up, which start with the disk.
    let path = PathBuf::from(&whole);
    disk(whole, start.unwrap_or_default(), &path)
}

/// The part of a node's name before its partition letter, and the partition, counted from 0.
fn partition_letter(word: &str) -> Option<(&str, u8)> {
    let letter = word
        .bytes()
        .last()
        .filter(|letter| (b'a'..=b'p').contains(letter))?;
    let stem = &word[..word.len() - 1];
    let unit = stem.bytes().last()?.is_ascii_digit();
    unit.then_some((stem, letter - b'a'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn netbsd_nodes_end_with_a_partition_letter() {
        assert_eq!(partition_letter("/dev/wd0e"), Some(("/dev/wd0", 4)));
        assert_eq!(partition_letter("/dev/rsd12d"), Some(("/dev/rsd12", 3)));
        for whole in ["/dev/dk3", "/dev/wd0q", "/dev/sda", "a", ""] {
            assert_eq!(partition_letter(whole), None, "{whole}");
        }
    }

    #[test]
    fn files_are_disks_and_folders_are_not() {
        let file = tempfile::NamedTempFile::new().unwrap();
        file.as_file().set_len(1025).unwrap();
        let word = file.path().to_str().unwrap();
        let Standing::Disk(disk) = HostDisks::new().find(word) else {
            panic!("a file is a disk");
        };
        assert_eq!((disk.name.as_str(), disk.start), (word, Sector::ZERO));
        assert_eq!(disk.reader.size(), Some(SectorCount(2)));
        for other in ["/", "/no/such/file", "nbd://host/export", "4095:0"] {
            assert!(
                matches!(HostDisks::new().find(other), Standing::Unknown),
                "{other}"
            );
        }
    }
}
