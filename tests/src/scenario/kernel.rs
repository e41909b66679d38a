//! A Linux kernel as the driver, in the guest: ram disks are its base devices.

use std::fs::{File, OpenOptions};
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use dm_core::client::Dm;
use dm_core::command::Slot;
use dm_core::component::TableMode;
use dm_core::devid::DevNo;
use dm_core::errno::Errno;
use dm_core::error::{DmError, ErrorKind};
use dm_core::names::DmName;
use dm_linux::Linux;
use rustix::fs::{FileType, Mode};

use super::play::{Disk, World, play};
use super::step::Step;

/// The ram disks, and their numbers.
const BASES: [(&str, DevNo); 2] = [
    ("/dev/ram0", DevNo { major: 1, minor: 0 }),
    ("/dev/ram1", DevNo { major: 1, minor: 1 }),
];

/// Linux's `O_DIRECT` on x86-64 and most others: requests go to the device and not to its cache.
#[cfg(not(any(target_arch = "aarch64", target_arch = "arm")))]
const DIRECT: i32 = 0o40000;
#[cfg(any(target_arch = "aarch64", target_arch = "arm"))]
const DIRECT: i32 = 0o200000;

/// Scripts write to no more of a base device.
const USED_SECTORS: usize = 2048;

/// The alignment that direct io asks of a buffer, at most.
const ALIGN: usize = 4096;

/// A device of the running kernel, past its cache.
pub struct KernelDisk(File);

impl KernelDisk {
    /// Opens the device of which `path` is a node.
    ///
    /// # Errors
    /// What the kernel answers.
    pub fn open(path: &Path, mode: TableMode) -> Result<KernelDisk, Errno> {
        let write = mode == TableMode::ReadWrite;
        let options = OpenOptions::new()
            .read(true)
            .write(write)
            .custom_flags(DIRECT)
            .open(path);
        options.map(KernelDisk).map_err(|error| Errno::from(&error))
    }
}

impl Disk for KernelDisk {
    fn read(&mut self, start: u64, bytes: &mut [u8]) -> Result<(), Errno> {
        let mut aligned = vec![0; bytes.len() + ALIGN];
        let from = aligned.as_ptr().align_offset(ALIGN);
        let place = &mut aligned[from..from + bytes.len()];
        // A read past the end comes back short, which is an error here as in the engine.
        self.0
            .read_exact_at(place, start * 512)
            .map_err(|error| Errno::from(&error))?;
        bytes.copy_from_slice(place);
        Ok(())
    }

    fn write(&mut self, start: u64, bytes: &[u8]) -> Result<(), Errno> {
        let mut aligned = vec![0; bytes.len() + ALIGN];
        let from = aligned.as_ptr().align_offset(ALIGN);
        let place = &mut aligned[from..from + bytes.len()];
        place.copy_from_slice(bytes);
        self.0
            .write_all_at(place, start * 512)
            .map_err(|error| Errno::from(&error))
    }
}

/// A node for a device, which has none in `/dev/mapper` before it was resumed.
fn node(kernel: &Linux, device: &str) -> Result<PathBuf, Errno> {
    let device = DmName::new(device).map_err(|_| Errno::EINVAL)?;
    let info = Dm::new(kernel)
        .info(device, Slot::Active)
        .map_err(|error| match error.kind {
            ErrorKind::NotFound => Errno::ENOENT,
            _ => error.context.errno.unwrap_or(Errno::EIO),
        })?;
    let (number, mode) = (info.number, Mode::RUSR | Mode::WUSR);
    let path = PathBuf::from(format!("/tmp/scenario-{number}"));
    let dev = rustix::fs::makedev(number.major, number.minor);
    match rustix::fs::mknodat(rustix::fs::CWD, &path, FileType::BlockDevice, mode, dev) {
        Ok(()) | Err(rustix::io::Errno::EXIST) => Ok(path),
        Err(error) => Err(Errno::from(&std::io::Error::from(error))),
    }
}

/// Plays `steps` on the running kernel, over zeroed ram disks.
///
/// # Errors
/// If there is no device mapper, or no ram disk.
pub fn play_on_kernel(steps: &[Step]) -> Result<Vec<String>, DmError> {
    let kernel = Linux::open()?;
    for (path, _) in BASES {
        let zeroes = vec![0; USED_SECTORS * 512];
        let zeroed = KernelDisk::open(path.as_ref(), TableMode::ReadWrite)
            .and_then(|mut disk| disk.write(0, &zeroes));
        zeroed.map_err(|errno| DmError::because(ErrorKind::Io, format!("{path}: {errno}")))?;
    }
    let open = |device: &str, mode: TableMode| {
        let disk = KernelDisk::open(&node(&kernel, device)?, mode)?;
        Ok(Box::new(disk) as Box<dyn Disk>)
    };
    let (bases, numbers) = (
        BASES.map(|base| base.0.to_owned()),
        BASES.map(|base| base.1),
    );
    let world = World {
        backend: &kernel,
        open: &open,
        bases: &bases,
        numbers: &numbers,
    };
    Ok(play(steps, &world))
}
