//! The one door to the kernel.

use std::path::Path;

use dm_core::devid::DevNo;
use dm_core::errno::Errno;
use rustix::fs::{self, FileType, Mode, OFlags};

use crate::control::{ControlError, Majors};

/// Who answers: NetBSD through [`Control`](crate::control::Control), or a stand-in.
pub trait Sys: Send + Sync {
    /// Makes ready for ioctls. Called before each.
    ///
    /// # Errors
    /// [`ControlError`] if the driver can not be reached.
    fn ready(&self) -> Result<(), ControlError> {
        Ok(())
    }

    /// The driver's major numbers.
    ///
    /// # Errors
    /// [`ControlError`] if the kernel has no driver.
    fn majors(&self) -> Result<Majors, ControlError>;

    /// Asks the driver: a request's text with the NUL behind it, for a reply's, with the NUL.
    ///
    /// # Errors
    /// The errno of the ioctl itself. The driver's own errors are lost: the reply tells.
    fn ioctl(&self, request: &[u8]) -> Result<Vec<u8>, Errno>;

    /// The number of the block device at a path.
    fn block_device(&self, path: &Path) -> Option<DevNo>;

    /// Opens a block device and closes it again: NetBSD lets one alone have a block node open, so that this fails with
    /// `EBUSY` if a file system or a table has it.
    ///
    /// # Errors
    /// What opening gives.
    fn try_open(&self, path: &Path) -> Result<(), Errno>;

    /// Whether this user is root.
    fn privileged(&self) -> bool;
}

impl<S: Sys + ?Sized> Sys for &S {
    fn ready(&self) -> Result<(), ControlError> {
        (**self).ready()
    }

    fn majors(&self) -> Result<Majors, ControlError> {
        (**self).majors()
    }

    fn ioctl(&self, request: &[u8]) -> Result<Vec<u8>, Errno> {
        (**self).ioctl(request)
    }

    fn block_device(&self, path: &Path) -> Option<DevNo> {
        (**self).block_device(path)
    }

    fn try_open(&self, path: &Path) -> Result<(), Errno> {
        (**self).try_open(path)
    }

    fn privileged(&self) -> bool {
        (**self).privileged()
    }
}

pub(crate) use os::{disk_info, ioctl, majors, media_size, open, sector_size, wedge_info};

/// The same errno by Linux's number, which is ours.
pub(crate) fn errno(error: rustix::io::Errno) -> Errno {
    Errno::from(&std::io::Error::from(error))
}

/// The number of the block device at a path.
pub(crate) fn block_device(path: &Path) -> Option<DevNo> {
    let stat = fs::stat(path).ok()?;
    let block = FileType::from_raw_mode(stat.st_mode) == FileType::BlockDevice;
    block.then(|| DevNo {
        major: fs::major(stat.st_rdev),
        minor: fs::minor(stat.st_rdev),
    })
}

/// Opens what is at a path and closes it again.
pub(crate) fn try_open(path: &Path) -> Result<(), Errno> {
    let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::CLOEXEC;
    fs::open(path, flags, Mode::empty())
        .map(drop)
        .map_err(errno)
}

/// Makes a node that only its owner may use.
#[cfg(not(target_vendor = "apple"))]
pub(crate) fn make_node(path: &Path, kind: FileType, number: DevNo) -> Result<(), Errno> {
    let mode = Mode::RUSR | Mode::WUSR;
    let dev = fs::makedev(number.major, number.minor);
    fs::mknodat(fs::CWD, path, kind, mode, dev).map_err(errno)
}

/// Nothing makes nodes there.
#[cfg(target_vendor = "apple")]
pub(crate) fn make_node(_: &Path, _: FileType, _: DevNo) -> Result<(), Errno> {
    Err(Errno::EOPNOTSUPP)
}

#[cfg(target_os = "netbsd")]
mod os {
    //! What only NetBSD has.

    use std::ffi::c_void;
    use std::path::Path;
    use std::{io, ptr, slice};

    use dm_core::devid::DevNo;
    use dm_core::errno::Errno;
    use dm_proto::netbsd::LIMITS;
    use rustix::fd::OwnedFd;
    use rustix::fs::{self, FileType, Mode, OFlags};
    use rustix::io::Errno as OsErrno;
    use rustix::ioctl::{Getter, Opcode, Updater};

    use super::{errno, make_node};
    use crate::control::{self, ControlError, Majors};
    use crate::layout::{
        CONTROL_MINOR, DIOCGDISKINFO, DIOCGMEDIASIZE, DIOCGSECTORSIZE, DIOCGWEDGEINFO, DRIVERS,
        DkwedgeInfo, KinfoDrivers, NETBSD_DM_IOCTL, Plistref,
    };

    pub(crate) fn ioctl(control: &OwnedFd, request: &[u8]) -> Result<Vec<u8>, Errno> {
        let sent = Plistref {
            // The driver only reads there.
            plist: request.as_ptr().cast_mut().cast(),
            length: request.len(),
        };
        let mut answer = sent;
        // SAFETY:
        // - "The opcode and its operand are what the driver expects": `control` is the device mapper's node, as `open`
        //   checked, and `NETBSD_DM_IOCTL` takes a `struct plistref`, which `Plistref` is.
        // - The driver copies `pref_len` bytes from `pref_plist`: these are `request`, which is borrowed for the call.
        // - It writes to the plistref alone, which is borrowed mutably; any bytes are a valid one.
        unsafe {
            let asking = Updater::<{ NETBSD_DM_IOCTL as Opcode }, Plistref>::new(&mut answer);
            rustix::ioctl::ioctl(control, asking)
        }
        .map_err(errno)?;
        match answer.plist == sent.plist {
            // Only the plistref of a failed ioctl is as it was.
            true => Err(Errno::EPROTO),
            false => take(answer),
        }
    }

    /// Copies a text that the kernel mapped for us, and unmaps it.
    fn take(answer: Plistref) -> Result<Vec<u8>, Errno> {
        if answer.plist.is_null() || answer.length == 0 {
            return Err(Errno::EPROTO);
        }
        let text = match answer.length > LIMITS.size {
            true => Err(Errno::EFBIG),
            // SAFETY: the kernel mapped `pref_len` readable bytes at `pref_plist` for this process alone, and nobody else
            // knows of them, so that they live and stay as they are until the `munmap` below.
            false => Ok(
                unsafe { slice::from_raw_parts(answer.plist.cast::<u8>(), answer.length) }.to_vec(),
            ),
        };
        // SAFETY: the mapping is the kernel's answer to us, page aligned, and the slice into it is gone.
        unsafe { rustix::mm::munmap(answer.plist, answer.length) }.map_err(errno)?;
        text
    }

    /// The driver's numbers in the kernel's list of drivers.
    pub(crate) fn majors() -> Result<Majors, ControlError> {
        let drivers = drivers().map_err(|error| {
            let errno = Errno::from(&error);
            ControlError::failed("ask for", Path::new("kern.drivers"), errno)
        })?;
        control::find(&drivers).ok_or(ControlError::NoDriver)
    }

    fn drivers() -> io::Result<Vec<KinfoDrivers>> {
        let mut bytes = 0;
        // SAFETY: `DRIVERS` ends with a NUL; no memory is given to write to, but for the length.
        let asked = unsafe {
            libc::sysctlbyname(
                DRIVERS.as_ptr(),
                ptr::null_mut(),
                &mut bytes,
                ptr::null(),
                0,
            )
        };
        if asked != 0 {
            return Err(io::Error::last_os_error());
        }
        // Some more, as drivers may come meanwhile.
        let room = bytes / size_of::<KinfoDrivers>() + 16;
        let mut drivers: Vec<KinfoDrivers> = Vec::with_capacity(room);
        bytes = drivers.capacity() * size_of::<KinfoDrivers>();
        let to: *mut c_void = drivers.as_mut_ptr().cast();
        // SAFETY: the kernel writes at most `bytes` bytes to `to`, which has room for them, and then what it wrote to
        // `bytes`.
        let asked = unsafe { libc::sysctlbyname(DRIVERS.as_ptr(), to, &mut bytes, ptr::null(), 0) };
        if asked != 0 {
            return Err(io::Error::last_os_error());
        }
        let count = (bytes / size_of::<KinfoDrivers>()).min(drivers.capacity());
        // SAFETY: so many were written, and any bytes are a valid `KinfoDrivers`.
        unsafe { drivers.set_len(count) };
        Ok(drivers)
    }

    /// Opens the control node, and makes it first if it is missing.
    pub(crate) fn open(path: &Path) -> Result<OwnedFd, ControlError> {
        // Reading is enough for all that the driver does.
        let flags = OFlags::RDONLY | OFlags::CLOEXEC;
        let open = || fs::open(path, flags, Mode::empty());
        let opened = match open() {
            Err(OsErrno::NOENT) => {
                make_control(path)?;
                open()
            }
            other => other,
        };
        let failed = |error| ControlError::failed("open", path, errno(error));
        let opened = opened.map_err(failed)?;
        let stat = fs::fstat(&opened).map_err(failed)?;
        let is = FileType::from_raw_mode(stat.st_mode) == FileType::CharacterDevice;
        let number = (fs::major(stat.st_rdev), fs::minor(stat.st_rdev));
        // Anything else must not get our ioctls, whose numbers may mean something to it.
        match is && number == (majors()?.character, CONTROL_MINOR) {
            true => Ok(opened),
            false => Err(ControlError::OtherNode { path: path.into() }),
        }
    }

    fn make_control(path: &Path) -> Result<(), ControlError> {
        if !rustix::process::geteuid().is_root() {
            return Err(ControlError::NoNode { path: path.into() });
        }
        let failed = |errno| ControlError::failed("make", path, errno);
        if let Some(folder) = path.parent() {
            match fs::mkdir(folder, Mode::from_raw_mode(0o755)) {
                Err(OsErrno::EXIST) | Ok(()) => {}
                Err(error) => return Err(failed(errno(error))),
            }
        }
        let number = DevNo {
            major: majors()?.character,
            minor: CONTROL_MINOR,
        };
        match make_node(path, FileType::CharacterDevice, number) {
            // Somebody else was first.
            Err(Errno::EEXIST) | Ok(()) => Ok(()),
            Err(errno) => Err(failed(errno)),
        }
    }

    pub(crate) fn media_size(disk: &OwnedFd) -> Result<i64, Errno> {
        // SAFETY: `DIOCGMEDIASIZE` writes an `off_t`, of 64 bits on every port; another driver than a disk's refuses it.
        unsafe { rustix::ioctl::ioctl(disk, Getter::<{ DIOCGMEDIASIZE as Opcode }, i64>::new()) }
            .map_err(errno)
    }

    pub(crate) fn sector_size(disk: &OwnedFd) -> Result<u32, Errno> {
        // SAFETY: `DIOCGSECTORSIZE` writes a `u_int`; another driver than a disk's refuses it.
        unsafe { rustix::ioctl::ioctl(disk, Getter::<{ DIOCGSECTORSIZE as Opcode }, u32>::new()) }
            .map_err(errno)
    }

    pub(crate) fn disk_info(disk: &OwnedFd) -> Result<Vec<u8>, Errno> {
        // SAFETY: `DIOCGDISKINFO` writes a `struct plistref`, which `Plistref` is.
        let answer = unsafe {
            rustix::ioctl::ioctl(disk, Getter::<{ DIOCGDISKINFO as Opcode }, Plistref>::new())
        };
        take(answer.map_err(errno)?)
    }

    pub(crate) fn wedge_info(disk: &OwnedFd) -> Result<DkwedgeInfo, Errno> {
        // SAFETY: `DIOCGWEDGEINFO` writes a `struct dkwedge_info`, which `DkwedgeInfo` is.
        unsafe {
            rustix::ioctl::ioctl(
                disk,
                Getter::<{ DIOCGWEDGEINFO as Opcode }, DkwedgeInfo>::new(),
            )
        }
        .map_err(errno)
    }
}

#[cfg(not(target_os = "netbsd"))]
mod os {
    //! What only NetBSD has, on other systems: nothing.

    use std::path::Path;

    use dm_core::errno::Errno;
    use rustix::fd::OwnedFd;

    use crate::control::{ControlError, Majors};
    use crate::layout::DkwedgeInfo;

    pub(crate) fn ioctl(_: &OwnedFd, _: &[u8]) -> Result<Vec<u8>, Errno> {
        Err(Errno::ENOSYS)
    }

    pub(crate) fn majors() -> Result<Majors, ControlError> {
        Err(ControlError::OtherSystem)
    }

    pub(crate) fn open(_: &Path) -> Result<OwnedFd, ControlError> {
        Err(ControlError::OtherSystem)
    }

    pub(crate) fn media_size(_: &OwnedFd) -> Result<i64, Errno> {
        Err(Errno::ENOSYS)
    }

    pub(crate) fn sector_size(_: &OwnedFd) -> Result<u32, Errno> {
        Err(Errno::ENOSYS)
    }

    pub(crate) fn disk_info(_: &OwnedFd) -> Result<Vec<u8>, Errno> {
        Err(Errno::ENOSYS)
    }

    pub(crate) fn wedge_info(_: &OwnedFd) -> Result<DkwedgeInfo, Errno> {
        Err(Errno::ENOSYS)
    }
}
