//! What a disk says of itself, a mapped device among them.

use std::path::Path;

use dm_core::errno::Errno;
use dm_core::error::{DmError, ErrorKind};
use dm_core::units::{Sector, SectorCount};
use dm_proto::netbsd::LIMITS;
use dm_proto::netbsd::keys::disk_info as keys;
use dm_proto::proplib::{Dictionary, read_dictionary};
use rustix::fd::OwnedFd;
use rustix::fs::{self, Mode, OFlags};

use crate::layout::DkwedgeInfo;
use crate::sys;

/// An open disk.
#[derive(Debug)]
pub struct Disk(OwnedFd);

/// A disk's geometry, as the kernel shows it. A mapped device has 32 sectors a track and 64 tracks a cylinder.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Geometry {
    /// What the disk is called: `ESDI` for mapped devices.
    pub kind: String,
    /// Bytes of a sector.
    pub sector_size: u64,
    /// Its sectors, of that size.
    pub sectors: u64,
    /// Sectors of a track.
    pub sectors_per_track: u64,
    /// Tracks of a cylinder.
    pub tracks_per_cylinder: u64,
    /// Its cylinders, which a small device has none of.
    pub cylinders: Option<u64>,
}

/// What a wedge says of itself. A mapped device is one on itself, of the type `ffs`.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Wedge {
    /// Its device: of a mapped device the first 15 bytes of the name.
    pub device: String,
    /// Its name.
    pub name: String,
    /// The disk that it lies on.
    pub parent: String,
    /// Where it starts there.
    pub start: Sector,
    /// Its length.
    pub length: SectorCount,
    /// What is on it.
    pub kind: String,
}

impl Disk {
    /// Opens a disk's node, to look at it.
    ///
    /// # Errors
    /// What opening gives.
    pub fn open(path: &Path) -> Result<Disk, DmError> {
        let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::CLOEXEC;
        match fs::open(path, flags, Mode::empty()) {
            Ok(disk) => Ok(Disk(disk)),
            Err(error) => {
                let errno = sys::errno(error);
                let reason = format!("{}: {errno}", path.display());
                Err(failed(errno, reason))
            }
        }
    }

    /// Its length.
    ///
    /// Of a mapped device, that is the sum of its table's lines.
    ///
    /// # Errors
    /// [`ErrorKind::Unsupported`] if it is no disk.
    pub fn media_size(&self) -> Result<SectorCount, DmError> {
        let bytes = sys::media_size(&self.0).map_err(refused)?;
        let bytes = u64::try_from(bytes)
            .map_err(|_| DmError::because(ErrorKind::Protocol, "the disk's size is negative"))?;
        Ok(SectorCount::from_bytes_floor(bytes))
    }

    /// Bytes of a sector of the disk's own.
    ///
    /// # Errors
    /// As [`Disk::media_size`].
    pub fn sector_size(&self) -> Result<u32, DmError> {
        sys::sector_size(&self.0).map_err(refused)
    }

    /// Its geometry.
    ///
    /// # Errors
    /// [`ErrorKind::Unsupported`] if it has none, as a mapped device before its first table.
    pub fn geometry(&self) -> Result<Geometry, DmError> {
        Geometry::read(&sys::disk_info(&self.0).map_err(refused)?)
    }

    /// What it is as a wedge.
    ///
    /// # Errors
    /// As [`Disk::media_size`].
    pub fn wedge(&self) -> Result<Wedge, DmError> {
        Wedge::of(&sys::wedge_info(&self.0).map_err(refused)?)
    }
}

impl Geometry {
    /// Reads the text that `DIOCGDISKINFO` gives.
    ///
    /// # Errors
    /// [`ErrorKind::Protocol`] names what is missing.
    pub fn read(text: &[u8]) -> Result<Geometry, DmError> {
        let wrong = |key: &str| {
            let reason = format!("the disk's info has no {key}");
            DmError::because(ErrorKind::Protocol, reason)
        };
        let info = read_dictionary(text, &LIMITS)
            .map_err(|error| DmError::new(ErrorKind::Protocol).with_source(error))?;
        let empty = Dictionary::new();
        let geometry = info.dict(keys::GEOMETRY).unwrap_or(&empty);
        let number = |key: &str| geometry.uint64(key).ok_or_else(|| wrong(key));
        Ok(Geometry {
            kind: info
                .string(keys::TYPE)
                .ok_or_else(|| wrong(keys::TYPE))?
                .into(),
            sector_size: number(keys::SECTOR_SIZE)?,
            sectors: number(keys::SECTORS)?,
            sectors_per_track: number(keys::SECTORS_PER_TRACK)?,
            tracks_per_cylinder: number(keys::TRACKS_PER_CYLINDER)?,
            cylinders: geometry.uint64(keys::CYLINDERS),
        })
    }
}

impl Wedge {
    /// What the kernel's struct says.
    ///
    /// # Errors
    /// [`ErrorKind::Protocol`] if it starts before its disk.
    pub fn of(info: &DkwedgeInfo) -> Result<Wedge, DmError> {
        let start = u64::try_from(info.offset)
            .map_err(|_| DmError::because(ErrorKind::Protocol, "the wedge's start is negative"))?;
        Ok(Wedge {
            device: text(&info.devname),
            name: text(&info.wname),
            parent: text(&info.parent),
            start: Sector(start),
            length: SectorCount(info.size),
            kind: text(&info.ptype),
        })
    }
}

/// The bytes before the first NUL, which a full field lacks.
fn text(bytes: &[u8]) -> String {
    let text = bytes.split(|byte| *byte == 0).next().unwrap_or_default();
    String::from_utf8_lossy(text).into_owned()
}

fn refused(errno: Errno) -> DmError {
    failed(errno, errno.to_string())
}

fn failed(errno: Errno, reason: String) -> DmError {
    let kind = match errno {
        Errno::ENOTTY | Errno::ENOSYS | Errno::EOPNOTSUPP => ErrorKind::Unsupported,
        Errno::EACCES | Errno::EPERM => ErrorKind::Permission,
        Errno::ENOENT | Errno::ENXIO | Errno::ENODEV => ErrorKind::NotFound,
        Errno::EBUSY => ErrorKind::Busy,
        _ => ErrorKind::Io,
    };
    DmError::because(kind, reason).with_errno(errno)
}

#[cfg(test)]
mod tests {
    use super::*;
    use dm_proto::proplib::{terminate, write_dictionary};

    fn info(change: impl FnOnce(&mut Dictionary)) -> Vec<u8> {
        let mut geometry = Dictionary::new();
        geometry
            .set(keys::CYLINDERS, 4_u64)
            .set(keys::SECTOR_SIZE, 512_u64)
            .set(keys::SECTORS_PER_TRACK, 32_u64)
            .set(keys::SECTORS, 8192_u64)
            .set(keys::TRACKS_PER_CYLINDER, 64_u64);
        change(&mut geometry);
        let mut info = Dictionary::new();
        info.set(keys::GEOMETRY, geometry).set(keys::TYPE, "ESDI");
        terminate(write_dictionary(&info))
    }

    #[test]
    fn mapped_devices_geometry_is_read() {
        let found = Geometry::read(&info(|_| ())).unwrap();
        assert_eq!((found.kind.as_str(), found.sectors), ("ESDI", 8192));
        assert_eq!(
            (found.sectors_per_track, found.tracks_per_cylinder),
            (32, 64)
        );
        assert_eq!(found.cylinders, Some(4));
        let small = info(|geometry| drop(geometry.remove(keys::CYLINDERS)));
        assert_eq!(Geometry::read(&small).unwrap().cylinders, None);
        let wrong = info(|geometry| {
            geometry.set(keys::SECTOR_SIZE, "x");
        });
        let error = Geometry::read(&wrong).unwrap_err();
        assert_eq!(error.reason(), "the disk's info has no sector-size");
        assert!(Geometry::read(b"").is_err());
    }

    #[test]
    fn wedges_texts_end_at_their_nul_or_their_field() {
        let mut info = DkwedgeInfo {
            devname: *b"a-long-devname-x",
            wname: [0; 128],
            parent: [0; 16],
            offset: 0,
            size: 2048,
            ptype: [0; 32],
        };
        info.wname[..4].copy_from_slice(b"vol0");
        info.ptype[..3].copy_from_slice(b"ffs");
        let wedge = Wedge::of(&info).unwrap();
        assert_eq!(
            (wedge.device.as_str(), wedge.name.as_str()),
            ("a-long-devname-x", "vol0")
        );
        assert_eq!((wedge.parent.as_str(), wedge.kind.as_str()), ("", "ffs"));
        assert_eq!(wedge.length, SectorCount(2048));
        info.offset = -1;
        assert!(Wedge::of(&info).is_err());
    }

    #[test]
    fn what_is_no_disk_says_so() {
        let disk = Disk::open(Path::new("/dev/null")).unwrap();
        assert_eq!(disk.media_size().unwrap_err().kind, ErrorKind::Unsupported);
        let error = Disk::open(Path::new("/nowhere")).unwrap_err();
        assert_eq!(error.reason(), "/nowhere: no such file or directory");
    }
}
