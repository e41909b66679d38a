//! Regular files and block devices of the host.

mod direct;
#[cfg_attr(target_os = "linux", path = "linux.rs")]
#[cfg_attr(not(target_os = "linux"), path = "portable.rs")]
mod os;

use std::fs::{File, OpenOptions};
use std::io::{self, Seek, SeekFrom};
use std::os::unix::fs::{FileExt, FileTypeExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::component::{OpenError, TableMode};
use crate::errno::Errno;
use crate::io::{Io, IoData, IoError, IoFlags, IoOp, IoResult};
use crate::units::{SECTOR_SHIFT, Sector, SectorCount, SectorRange};
use crate::workers;

use super::mem::{check, check_range};
use super::{BlockDev, DevInfo, Extent, ExtentKind, Haste, Limits, Quick, push_extent};

/// A regular file or a block device of the host.
///
/// A read that the page cache can answer is done on the submitter's thread, and so is a write to
/// the page cache; all else goes to a pool of threads. A partial last sector of a regular file is
/// not part of the device.
pub struct FileDev(Arc<Inner>);

struct Inner {
    file: File,
    path: PathBuf,
    kind: FileKind,
    caching: Caching,
    info: DevInfo,
}

/// Whether a file's bytes stay in the system's memory.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Caching {
    /// In the page cache, as for any program.
    #[default]
    PageCache,
    /// Nowhere: each request is the disk's. A regular file may have larger blocks then.
    Direct,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum FileKind {
    Regular,
    Block,
}

/// As much as one system call zeroes where the file system can not do it itself.
static ZEROES: [u8; 1 << 20] = [0; 1 << 20];

impl FileDev {
    /// Opens a regular file or a block device.
    ///
    /// # Errors
    /// [`OpenError`] if there is none, it may not be opened so, or it is something else.
    pub fn open(path: &Path, mode: TableMode) -> Result<FileDev, OpenError> {
        FileDev::open_as(path, mode, Caching::PageCache)
    }

    /// The same, past the page cache perhaps.
    ///
    /// # Errors
    /// As [`FileDev::open`]; and if the file can only be had through the page cache.
    pub fn open_as(path: &Path, mode: TableMode, caching: Caching) -> Result<FileDev, OpenError> {
        // Looked at before it is opened: opening a pipe would wait, a tape would rewind.
        let kind = kind_of(&std::fs::metadata(path).map_err(|error| open_error(&error))?)?;
        let mut options = OpenOptions::new();
        options.read(true).write(mode == TableMode::ReadWrite);
        let no_direct =
            || OpenError::new(Errno::EINVAL, "it can only be had through the page cache");
        if caching == Caching::Direct {
            options.custom_flags(os::DIRECT.ok_or_else(no_direct)?);
        }
        let file = options.open(path).map_err(|error| {
            let refused = Errno::from(&error) == Errno::EINVAL;
            match caching {
                Caching::Direct if refused => no_direct(),
                _ => open_error(&error),
            }
        })?;
        FileDev::of(file, path, kind, mode, caching).map_err(|error| open_error(&error))
    }

    fn of(
        mut file: File,
        path: &Path,
        kind: FileKind,
        mode: TableMode,
        caching: Caching,
    ) -> io::Result<FileDev> {
        let bytes = match kind {
            FileKind::Regular => file.metadata()?.len(),
            FileKind::Block => match file.seek(SeekFrom::End(0))? {
                // Not every system has it in the node: better none than an empty one.
                0 if !cfg!(target_os = "linux") => {
                    let reason = "the system does not tell the size of this block device";
                    return Err(io::Error::new(io::ErrorKind::Unsupported, reason));
                }
                bytes => bytes,
            },
        };
        let limits = match (kind, caching) {
            (FileKind::Regular, Caching::PageCache) => Limits::DEFAULT,
            (FileKind::Regular, Caching::Direct) => {
                let logical_block = direct::block(&file);
                Limits {
                    logical_block,
                    physical_block: Limits::DEFAULT.physical_block.max(logical_block),
                    ..Limits::DEFAULT
                }
            }
            (FileKind::Block, _) => os::block_limits(&file),
        };
        // A part of a block at the end can not be had.
        let bytes = match caching {
            Caching::PageCache => bytes,
            Caching::Direct => bytes - bytes % u64::from(limits.logical_block),
        };
        let size = SectorCount::from_bytes_floor(bytes);
        let read_only = mode == TableMode::ReadOnly;
        let info = DevInfo {
            read_only,
            limits,
            ..DevInfo::new(size)
        };
        Ok(FileDev(Arc::new(Inner {
            file,
            path: path.to_owned(),
            kind,
            caching,
            info,
        })))
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.0.path
    }
}

fn kind_of(metadata: &std::fs::Metadata) -> Result<FileKind, OpenError> {
    let found = metadata.file_type();
    match () {
        () if found.is_file() => Ok(FileKind::Regular),
        () if found.is_block_device() => Ok(FileKind::Block),
        () if found.is_dir() => Err(OpenError::new(Errno::EISDIR, "is a directory")),
        () => Err(OpenError::new(
            Errno::ENOTBLK,
            "is neither a regular file nor a block device",
        )),
    }
}

fn open_error(error: &io::Error) -> OpenError {
    let errno = Errno::from(error);
    match errno {
        Errno::EIO => OpenError::new(errno, error.to_string()),
        _ if error.raw_os_error().is_none() => OpenError::new(errno, error.to_string()),
        _ => OpenError::new(errno, errno.to_string()),
    }
}

impl BlockDev for FileDev {
    fn submit(&self, mut io: Io) {
        if let Err(error) = check(&self.0.info, &io) {
            return io.complete(Err(error));
        }
        let durable = io.flags().contains(IoFlags::FUA);
        let cached = self.0.caching == Caching::PageCache;
        match io.op() {
            IoOp::Read if cached && os::read_cached(&self.0.file, &mut io) => io.complete(Ok(())),
            IoOp::Write if cached && !durable => {
                let result = self.0.write(&io);
                io.complete(result);
            }
            _ => {
                let inner = self.0.clone();
                workers::blocking(Box::new(move || {
                    let result = inner.run(&mut io);
                    io.complete(result);
                }));
            }
        }
    }

    fn quick(&self, start: Sector, buffer: Quick<'_>, haste: Haste) -> bool {
        let (info, at) = (&self.0.info, start.0 << SECTOR_SHIFT);
        let range = buffer
            .sectors()
            .and_then(|sectors| SectorRange::new(start, sectors));
        let cached = self.0.caching == Caching::PageCache;
        if !cached || range.is_none_or(|range| check_range(info, range).is_err()) {
            return false;
        }
        match buffer {
            Quick::Read(buffer) if haste == Haste::CallerWaits => {
                self.0.file.read_exact_at(buffer, at).is_ok()
            }
            Quick::Read(buffer) => os::read_now(&self.0.file, buffer, at),
            Quick::Write(_) if info.read_only => false,
            Quick::Write(buffer) => self.0.file.write_all_at(buffer, at).is_ok(),
        }
    }

    fn info(&self) -> DevInfo {
        self.0.info
    }

    fn extents(&self, range: SectorRange) -> Result<Vec<Extent>, IoError> {
        match self.0.kind {
            FileKind::Regular => os::extents(&self.0.file, range).map_err(|error| io_error(&error)),
            FileKind::Block => Ok(vec![Extent {
                range,
                kind: ExtentKind::Data,
            }]),
        }
    }
}

impl Inner {
    /// Does `io` here and now.
    fn run(&self, io: &mut Io) -> IoResult {
        match io.op() {
            IoOp::Read => self.read(io)?,
            IoOp::Write => self.write(io)?,
            IoOp::Flush => self.file.sync_data().map_err(|error| io_error(&error))?,
            IoOp::Discard => {
                // Advisory: where the file system can not, nothing happens.
                os::punch(&self.file, io.range()).map_err(|error| io_error(&error))?;
            }
            IoOp::WriteZeroes => self.write_zeroes(io.range(), io.flags())?,
        }
        match io.flags().contains(IoFlags::FUA) {
            true => self.file.sync_data().map_err(|error| io_error(&error)),
            false => Ok(()),
        }
    }

    fn read(&self, io: &mut Io) -> IoResult {
        let mut at = io.range().start().0 << SECTOR_SHIFT;
        if let IoData::Read(buffers) = io.data_mut() {
            if self.caching == Caching::Direct {
                return direct::read(&self.file, buffers, at).map_err(|error| io_error(&error));
            }
            for buffer in buffers {
                self.file
                    .read_exact_at(buffer, at)
                    .map_err(|error| io_error(&error))?;
                at += buffer.len() as u64;
            }
        }
        Ok(())
    }

    fn write(&self, io: &Io) -> IoResult {
        let mut at = io.range().start().0 << SECTOR_SHIFT;
        if let IoData::Write(buffers) = io.data() {
            if self.caching == Caching::Direct {
                return direct::write(&self.file, buffers, at).map_err(|error| io_error(&error));
            }
            for buffer in buffers {
                self.file
                    .write_all_at(buffer, at)
                    .map_err(|error| io_error(&error))?;
                at += buffer.len() as u64;
            }
        }
        Ok(())
    }

    fn write_zeroes(&self, range: SectorRange, flags: IoFlags) -> IoResult {
        let done = match flags.contains(IoFlags::NO_UNMAP) {
            true => os::zero(&self.file, range),
            false => os::punch(&self.file, range),
        };
        if done.map_err(|error| io_error(&error))? == os::Done::Yes {
            return Ok(());
        }
        let (mut at, end) = (
            range.start().0 << SECTOR_SHIFT,
            range.end().0 << SECTOR_SHIFT,
        );
        if self.caching == Caching::Direct {
            return direct::zero(&self.file, at, end).map_err(|error| io_error(&error));
        }
        while at < end {
            let length = usize::try_from(end - at)
                .unwrap_or(usize::MAX)
                .min(ZEROES.len());
            self.file
                .write_all_at(&ZEROES[..length], at)
                .map_err(|error| io_error(&error))?;
            at += length as u64;
        }
        Ok(())
    }
}

fn io_error(error: &io::Error) -> IoError {
    Errno::from(error).into()
}

/// The runs of `range` that a file system tells apart, from its two searches, in bytes.
#[cfg_attr(not(target_os = "linux"), allow(dead_code))]
fn extents_by_search(
    range: SectorRange,
    next_data: impl Fn(u64) -> io::Result<Option<u64>>,
    next_hole: impl Fn(u64) -> io::Result<Option<u64>>,
) -> io::Result<Vec<Extent>> {
    let end = range.end().0 << SECTOR_SHIFT;
    let mut at = range.start().0 << SECTOR_SHIFT;
    let mut extents = Vec::new();
    let mut push = |from: u64, to: u64, kind| {
        let run = SectorRange::new(
            Sector(from >> SECTOR_SHIFT),
            SectorCount((to - from) >> SECTOR_SHIFT),
        );
        push_extent(
            &mut extents,
            Extent {
                range: run.unwrap_or_default(),
                kind,
            },
        );
    };
    while at < end {
        // A sector that has any data is data.
        let data = next_data(at)?.unwrap_or(end).min(end);
        let data = (data & !0x1ff).max(at);
        push(at, data, ExtentKind::Hole);
        if data >= end {
            break;
        }
        let hole = next_hole(data)?.unwrap_or(end).min(end);
        let hole = hole.next_multiple_of(512).max(data + 512).min(end);
        push(data, hole, ExtentKind::Data);
        at = hole;
    }
    Ok(extents)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::blockdev::Blocking;

    fn image(sectors: u64) -> (tempfile::NamedTempFile, FileDev) {
        let file = tempfile::NamedTempFile::new().unwrap();
        file.as_file().set_len(sectors * 512 + 100).unwrap();
        let dev = FileDev::open(file.path(), TableMode::ReadWrite).unwrap();
        (file, dev)
    }

    #[test]
    fn partial_last_sector_is_not_part_of_the_device() {
        assert_eq!(image(10).1.info().size, SectorCount(10));
    }

    #[test]
    fn reads_back_what_was_written_and_zeroed() {
        let (_file, dev) = image(4096);
        dev.write_at(Sector(1), &[5; 4096 * 500], IoFlags::FUA)
            .unwrap();
        let hole = SectorRange::new(Sector(3), SectorCount(1001)).unwrap();
        dev.write_zeroes(hole, IoFlags::empty()).unwrap();
        let kept = SectorRange::new(Sector(2000), SectorCount(7)).unwrap();
        dev.write_zeroes(kept, IoFlags::NO_UNMAP).unwrap();
        dev.flush().unwrap();
        let mut all = vec![1; 4096 * 512];
        dev.read_at(Sector(0), &mut all).unwrap();
        for (sector, bytes) in all.chunks(512).enumerate() {
            let zero = !(1..4001).contains(&sector)
                || (3..1004).contains(&sector)
                || (2000..2007).contains(&sector);
            assert!(
                bytes.iter().all(|byte| *byte == if zero { 0 } else { 5 }),
                "{sector}"
            );
        }
    }

    #[test]
    fn extents_cover_the_range_and_show_data() {
        let (_file, dev) = image(65536);
        dev.write_at(Sector(32768), &[5; 65536], IoFlags::empty())
            .unwrap();
        dev.flush().unwrap();
        let extents = dev
            .extents(SectorRange::from_zero(SectorCount(65536)))
            .unwrap();
        let mut at = Sector(0);
        for extent in &extents {
            assert_eq!(extent.range.start(), at);
            at = extent.range.end();
        }
        assert_eq!(at, Sector(65536));
        let kind = |sector| {
            let range = SectorRange::new(Sector(sector), SectorCount(1)).unwrap();
            extents
                .iter()
                .find(|extent| extent.range.contains(range))
                .unwrap()
                .kind
        };
        assert_eq!(kind(32768), ExtentKind::Data);
        if cfg!(target_os = "linux") {
            assert_eq!(kind(0), ExtentKind::Hole);
        }
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn direct_file_reads_back_and_leaves_nothing_in_the_page_cache() {
        let (file, cached) = image(4096);
        let opened = FileDev::open_as(file.path(), TableMode::ReadWrite, Caching::Direct);
        let dev = match opened {
            Ok(dev) => dev,
            Err(error) => {
                assert_eq!(error.errno, Errno::EINVAL);
                eprintln!(
                    "SKIPPED: no direct io in {}: {error}",
                    file.path().display()
                );
                return;
            }
        };
        let block = u64::from(dev.info().limits.logical_block) / 512;
        let bytes: Vec<u8> = (0..1536_u32 << 10)
            .map(|at| (at % 251).to_le_bytes()[0])
            .collect();
        dev.write_at(Sector(block), &bytes, IoFlags::empty())
            .unwrap();
        let part = SectorRange::new(Sector(block * 2), SectorCount(block)).unwrap();
        dev.write_zeroes(part, IoFlags::NO_UNMAP).unwrap();
        let mut read = vec![1; bytes.len()];
        dev.read_at(Sector(block), &mut read).unwrap();
        let hole = usize::try_from(block * 512).unwrap();
        assert!(read[..hole] == bytes[..hole] && read[hole * 2..] == bytes[hole * 2..]);
        assert!(read[hole..hole * 2].iter().all(|byte| *byte == 0));
        /// A file system whose files are nowhere but in the page cache.
        const TMPFS: i128 = 0x0102_1994;
        let system = rustix::fs::fstatfs(file.as_file()).unwrap();
        if i128::from(system.f_type) != TMPFS {
            assert!(!os::read_now(&cached.0.file, &mut [0; 4096], 8192));
        }
    }

    #[test]
    fn what_is_no_disk_is_refused_in_words() {
        let refused = |path: &str| {
            let error = FileDev::open(Path::new(path), TableMode::ReadWrite)
                .err()
                .unwrap();
            (error.errno, error.to_string())
        };
        assert_eq!(refused("/"), (Errno::EISDIR, "is a directory".into()));
        assert_eq!(refused("/nonexistent").0, Errno::ENOENT);
        assert_eq!(refused("/dev/null").0, Errno::ENOTBLK);
    }

    #[test]
    fn read_only_device_refuses_writes() {
        let (file, _) = image(8);
        let dev = FileDev::open(file.path(), TableMode::ReadOnly).unwrap();
        assert_eq!(
            dev.write_at(Sector(0), &[1; 512], IoFlags::empty()),
            Err(Errno::EROFS.into())
        );
    }
}
