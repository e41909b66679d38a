//! Regular files and block devices of the host.

mod direct;
#[cfg_attr(target_os = "linux", path = "linux.rs")]
#[cfg_attr(not(target_os = "linux"), path = "portable.rs")]
mod os;
#[cfg_attr(
    all(
        target_os = "linux",
        any(
            target_arch = "x86_64",
            target_arch = "aarch64",
            target_arch = "riscv64"
        )
    ),
    path = "ring.rs"
)]
#[cfg_attr(
    not(all(
        target_os = "linux",
        any(
            target_arch = "x86_64",
            target_arch = "aarch64",
            target_arch = "riscv64"
        )
    )),
    path = "no_ring.rs"
)]
mod ring;

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

use self::ring::Kernel;
use super::mem::{check, check_range};
use super::{BlockDev, DevInfo, Extent, ExtentKind, Haste, Limits, Quick, push_extent};

/// A regular file or a block device of the host.
///
/// A read that the page cache can answer is done on the submitter's thread, and so is a write to
/// the page cache. Reads, writes and flushes that may wait go to the kernel through io_uring, where it
/// has that and `DM_IO_URING` is not `off`; all else goes to a pool of threads. A partial last sector
/// of a regular file is not part of the device.
pub struct FileDev {
    inner: Arc<Inner>,
    /// Where requests wait, if not on threads.
    kernel: Option<Kernel>,
}

struct Inner {
    file: Arc<File>,
    path: PathBuf,
    kind: FileKind,
    caching: Caching,
    /// No read waits for a disk.
    in_memory: bool,
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
        let in_memory = kind == FileKind::Regular && os::is_in_memory(&file);
        let inner = Arc::new(Inner {
            file: Arc::new(file),
            path: path.to_owned(),
            kind,
            caching,
            in_memory,
            info,
        });
        let kernel = Kernel::there();
        Ok(FileDev { inner, kernel })
    }

    /// The same file, whose requests wait on threads, whatever the kernel has.
    #[must_use]
    pub fn by_threads(self) -> FileDev {
        let kernel = None;
        FileDev { kernel, ..self }
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.inner.path
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
        if let Err(error) = check(&self.inner.info, &io) {
            return io.complete(Err(error));
        }
        let durable = io.flags().contains(IoFlags::FUA);
        let cached = self.inner.caching == Caching::PageCache;
        match io.op() {
            IoOp::Read if cached && self.inner.read_cached(&mut io) => io.complete(Ok(())),
            IoOp::Write if cached && !durable => {
                let result = self.inner.write(&io);
                io.complete(result);
            }
            op => {
                let waits = matches!(op, IoOp::Read | IoOp::Write | IoOp::Flush);
                let inner = self.inner.clone();
                if let (true, Some(kernel)) = (waits, &self.kernel) {
                    return kernel.submit(inner, io);
                }
                workers::blocking(Box::new(move || {
                    let result = inner.run(&mut io);
                    // Before who waits hears of the end, and may count on the file to be closed next.
                    drop(inner);
                    io.complete(result);
                }));
            }
        }
    }

    fn quick(&self, start: Sector, buffer: Quick<'_>, haste: Haste) -> bool {
        let (info, at) = (&self.inner.info, start.0 << SECTOR_SHIFT);
        let range = buffer
            .sectors()
            .and_then(|sectors| SectorRange::new(start, sectors));
        let cached = self.inner.caching == Caching::PageCache;
        if !cached || range.is_none_or(|range| check_range(info, range).is_err()) {
            return false;
        }
        match buffer {
            Quick::Read(buffer) if haste == Haste::CallerWaits => {
                self.inner.file.read_exact_at(buffer, at).is_ok()
            }
            Quick::Read(buffer) => self.inner.read_now(buffer, at),
            Quick::Write(_) if info.read_only => false,
            Quick::Write(buffer) => self.inner.file.write_all_at(buffer, at).is_ok(),
            Quick::IntoPipe(pipe, sectors) => os::lend_now(&self.inner.file, pipe, at, sectors),
            Quick::FromPipe(..) if info.read_only => false,
            Quick::FromPipe(pipe, sectors) => os::take_now(&self.inner.file, pipe, at, sectors),
        }
    }

    fn info(&self) -> DevInfo {
        self.inner.info
    }

    fn extents(&self, range: SectorRange) -> Result<Vec<Extent>, IoError> {
        match self.inner.kind {
            FileKind::Regular => {
                os::extents(&self.inner.file, range).map_err(|error| io_error(&error))
            }
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
                match self.kind {
                    FileKind::Regular => os::punch(&self.file, io.range()),
                    FileKind::Block => os::discard(&self.file, io.range()),
                }
                .map_err(|error| io_error(&error))?;
            }
            IoOp::WriteZeroes => self.write_zeroes(io.range(), io.flags())?,
        }
        match io.flags().contains(IoFlags::FUA) {
            true => self.file.sync_data().map_err(|error| io_error(&error)),
            false => Ok(()),
        }
    }

    /// Reads if that takes no waiting for a disk; whether it did.
    fn read_now(&self, buffer: &mut [u8], at: u64) -> bool {
        match self.in_memory {
            true => self.file.read_exact_at(buffer, at).is_ok(),
            false => os::read_now(&self.file, buffer, at),
        }
    }

    /// The same of all that `io` reads.
    fn read_cached(&self, io: &mut Io) -> bool {
        let mut at = io.range().start().0 << SECTOR_SHIFT;
        let IoData::Read(buffers) = io.data_mut() else {
            return false;
        };
        for buffer in buffers {
            if !self.read_now(buffer, at) {
                return false;
            }
            at += buffer.len() as u64;
        }
        true
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
        if self.kind == FileKind::Block {
            let done = os::zero_out(&self.file, range);
            if done.map_err(|error| io_error(&error))? == os::Done::Yes {
                return Ok(());
            }
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
mod tests;
