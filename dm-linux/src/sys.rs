//! The one door to the kernel.

use std::fmt;

use dm_core::devid::DevNo;
use dm_core::errno::Errno;
use dm_core::error::{DmError, ErrorKind};
use rustix::fd::AsFd;

use crate::abi::Call;
use crate::buffer::Buffer;
use crate::control::ControlError;

/// Who answers ioctls: Linux through [`Control`](crate::control::Control), or a stand-in.
pub trait Sys: Send + Sync {
    /// Makes ready for ioctls. Called before each.
    ///
    /// # Errors
    /// [`ControlError`] if the driver can not be reached.
    fn ready(&self) -> Result<(), ControlError> {
        Ok(())
    }

    /// Asks the driver, which reads and writes `buffer`.
    ///
    /// # Errors
    /// The driver's errno.
    fn ioctl(&self, call: Call, buffer: &mut Buffer) -> Result<(), Errno>;

    /// Tries the paths of a `multipath` device, by an ioctl of its own node. A stand-in need not
    /// have any.
    ///
    /// # Errors
    /// The device's errno.
    fn probe_paths(&self, number: DevNo) -> Result<(), Errno> {
        let _ = number;
        Err(Errno::ENOTTY)
    }

    /// Another way to the same driver, with a descriptor that is readable after an event of any
    /// device, once `DM_DEV_ARM_POLL` made it ready. A stand-in need not have any.
    ///
    /// # Errors
    /// [`ControlError`] if the driver can not be reached, [`ErrorKind::Unsupported`] if there is
    /// none.
    fn poller(&self) -> Result<Box<dyn Poller>, DmError> {
        let reason = "it has no descriptor that tells of events";
        Err(DmError::because(ErrorKind::Unsupported, reason))
    }
}

/// Who answers ioctls, with a descriptor that tells of events.
pub trait Poller: Sys + AsFd + fmt::Debug {}

impl<S: Sys + AsFd + fmt::Debug> Poller for S {}

impl<S: Sys + ?Sized> Sys for &S {
    fn ready(&self) -> Result<(), ControlError> {
        (**self).ready()
    }

    fn ioctl(&self, call: Call, buffer: &mut Buffer) -> Result<(), Errno> {
        (**self).ioctl(call, buffer)
    }

    fn probe_paths(&self, number: DevNo) -> Result<(), Errno> {
        (**self).probe_paths(number)
    }

    fn poller(&self) -> Result<Box<dyn Poller>, DmError> {
        (**self).poller()
    }
}

impl<S: Sys + ?Sized> Sys for Box<S> {
    fn ready(&self) -> Result<(), ControlError> {
        (**self).ready()
    }

    fn ioctl(&self, call: Call, buffer: &mut Buffer) -> Result<(), Errno> {
        (**self).ioctl(call, buffer)
    }

    fn probe_paths(&self, number: DevNo) -> Result<(), Errno> {
        (**self).probe_paths(number)
    }

    fn poller(&self) -> Result<Box<dyn Poller>, DmError> {
        (**self).poller()
    }
}

pub(crate) use os::{
    fiemap, file_system, ioctl, listener, make_node, open, probe_paths, semaphore,
};

/// The same errno. Linux's numbers are ours; other systems get here only on the way to an error
/// text.
pub(crate) fn errno(error: rustix::io::Errno) -> Errno {
    Errno::from_linux(error.raw_os_error())
}

#[cfg(target_os = "linux")]
mod os {
    //! What only Linux has.

    use std::path::Path;

    use dm_core::devid::DevNo;
    use dm_core::errno::Errno;
    use rustix::fd::{AsFd, AsRawFd, OwnedFd};
    use rustix::ffi::c_void;
    use rustix::fs::{self, FileType, Mode, OFlags};
    use rustix::io::Errno as OsErrno;
    use rustix::ioctl::{Ioctl, IoctlOutput, NoArg, Opcode, Updater, opcode};

    use super::errno;
    use crate::abi::layout::{CONTROL_MAJOR, CONTROL_MINOR, HEADER, LETTER};
    use crate::abi::view::View;
    use crate::abi::{ByteOrder, Call};
    use crate::buffer::Buffer;
    use crate::control::{ControlError, misc_minor};
    use crate::extents::Fiemap;

    /// The ioctl of a mapped device that tries its paths.
    const PROBE: Opcode = opcode::none(LETTER, 18);

    /// One ioctl with its buffer.
    struct Asking<'a> {
        call: Call,
        bytes: &'a mut [u8],
    }

    // SAFETY:
    // - "The call expects the input that `as_ptr` gives": the driver takes a pointer to a
    //   `struct dm_ioctl` with its payload behind it, which is what `ioctl` below puts there.
    // - "`output_from_ptr` can take that pointer": it does not use it.
    // - `IS_MUTATING` is true, since the driver writes to the buffer.
    unsafe impl Ioctl for Asking<'_> {
        type Output = ();

        const IS_MUTATING: bool = true;

        fn opcode(&self) -> Opcode {
            request(self.call)
        }

        fn as_ptr(&mut self) -> *mut c_void {
            self.bytes.as_mut_ptr().cast()
        }

        unsafe fn output_from_ptr(output: IoctlOutput, _: *mut c_void) -> rustix::io::Result<()> {
            match output {
                0 => Ok(()),
                // A message for a device without a table, before some Linux of the series 6.1.
                _ => Err(rustix::io::Errno::INVAL),
            }
        }
    }

    /// The ioctl's number on this architecture.
    const fn request(call: Call) -> Opcode {
        opcode::read_write::<[u8; HEADER]>(LETTER, call.number())
    }

    pub(crate) fn ioctl(control: &OwnedFd, call: Call, buffer: &mut Buffer) -> Result<(), Errno> {
        // The view is only there if the buffer holds as many bytes as its header says.
        let bytes = buffer.bytes();
        if bytes.len() < HEADER || View::new(bytes, ByteOrder::NATIVE).is_err() {
            return Err(Errno::EINVAL);
        }
        let asking = Asking {
            call,
            bytes: buffer.bytes_mut(),
        };
        // SAFETY:
        // - "The opcode and the operand are what the driver expects": `control` is the device
        //   mapper's node, as `open` checked, and its ioctls take a `struct dm_ioctl`.
        // - "The memory accesses are sound": the driver reads and writes no more than `data_size`
        //   bytes from the pointer. They lie within the buffer, as was just checked, which is
        //   borrowed mutably for the call, so that nobody changes `data_size` meanwhile or sees
        //   the writes. Any bytes are a valid `[u8]`.
        unsafe { rustix::ioctl::ioctl(control, asking) }.map_err(errno)
    }

    /// Tries the paths of a `multipath` device.
    pub(crate) fn probe_paths(number: DevNo) -> Result<(), Errno> {
        let link = format!("/sys/dev/block/{}:{}", number.major, number.minor);
        let link = fs::readlink(link, Vec::new()).map_err(errno)?;
        let name = link.to_bytes().rsplit(|byte| *byte == b'/').next();
        let node = [b"/dev/", name.unwrap_or_default()].concat();
        let flags = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NONBLOCK;
        let device = fs::open(&node[..], flags, Mode::empty()).map_err(errno)?;
        if device_number(&device, FileType::BlockDevice).map_err(errno)? != Some(number) {
            return Err(Errno::ENXIO);
        }
        // SAFETY:
        // - "The opcode is what the driver expects": the device is a mapped one, by its number, and
        //   its driver has this ioctl, which takes no operand. Drivers below, to which an older one
        //   may hand it on, know no such number.
        let probe = unsafe { NoArg::<PROBE>::new() };
        // SAFETY: the same; nothing is read or written.
        unsafe { rustix::ioctl::ioctl(&device, probe) }.map_err(errno)
    }

    /// The ioctl of a file that tells its extents, `FS_IOC_FIEMAP`.
    const FIEMAP: Opcode = opcode::read_write::<[u8; Fiemap::HEAD]>(b'f', 11);

    /// Asks a file's file system for as many of its extents as there is room for.
    pub(crate) fn fiemap(file: impl AsFd, map: &mut Fiemap) -> Result<(), Errno> {
        map.room = Fiemap::ROOM;
        // SAFETY:
        // - "The opcode and the operand are what the file expects": this number means the same to
        //   each file system, a `struct fiemap` with its extents behind it, whose layout `Fiemap` has.
        // - "The memory accesses are sound": the kernel writes no more extents than `room` says, which
        //   was just set to their number. Any bytes are a valid `Fiemap`.
        let asking = unsafe { Updater::<FIEMAP, Fiemap>::new(map) };
        // SAFETY: the same.
        unsafe { rustix::ioctl::ioctl(file, asking) }.map_err(errno)
    }

    /// The number that a file's file system has for its kind.
    pub(crate) fn file_system(file: impl AsFd) -> Result<u64, Errno> {
        let found = fs::fstatfs(file).map_err(errno)?;
        // The field has another type on each machine, and its upper half may be a sign's.
        Ok(u64::try_from(i128::from(found.f_type) & 0xffff_ffff).unwrap_or_default())
    }

    /// Opens the control node, and makes it first if it is missing.
    pub(crate) fn open(path: &Path) -> Result<OwnedFd, ControlError> {
        let flags = OFlags::RDWR | OFlags::CLOEXEC;
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
        let number = device_number(&opened, FileType::CharacterDevice).map_err(failed)?;
        // Anything else must not get our ioctls, whose numbers may mean something to it.
        match number {
            Some(number) if number.major == CONTROL_MAJOR && ours(number.minor) => Ok(opened),
            _ => Err(ControlError::OtherNode { path: path.into() }),
        }
    }

    /// The minor number that the control node has: the kernel's word, else the usual one.
    fn control_minor() -> u32 {
        std::fs::read_to_string("/proc/misc")
            .ok()
            .and_then(|text| misc_minor(&text))
            .unwrap_or(CONTROL_MINOR)
    }

    fn ours(minor: u32) -> bool {
        minor == CONTROL_MINOR || minor == control_minor()
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
            major: CONTROL_MAJOR,
            minor: control_minor(),
        };
        match make_node(path, FileType::CharacterDevice, number) {
            // Somebody else was first.
            Err(Errno::EEXIST) | Ok(()) => Ok(()),
            Err(errno) => Err(failed(errno)),
        }
    }

    /// Makes a node that only its owner may use.
    pub(crate) fn make_node(path: &Path, kind: FileType, number: DevNo) -> Result<(), Errno> {
        let mode = Mode::RUSR | Mode::WUSR;
        let dev = fs::makedev(number.major, number.minor);
        fs::mknodat(fs::CWD, path, kind, mode, dev).map_err(errno)
    }

    /// The number of an open node of that kind.
    fn device_number(file: impl AsFd, kind: FileType) -> Result<Option<DevNo>, OsErrno> {
        let stat = fs::fstat(file)?;
        let is_kind = FileType::from_raw_mode(stat.st_mode) == kind;
        Ok(is_kind.then(|| DevNo {
            major: fs::major(stat.st_rdev),
            minor: fs::minor(stat.st_rdev),
        }))
    }

    /// The process that listened on the other end of a connection, if it can be seen from here.
    pub(crate) fn listener(connection: &OwnedFd) -> Result<Option<u32>, Errno> {
        let mut peer = libc::ucred {
            pid: 0,
            uid: 0,
            gid: 0,
        };
        let mut size = libc::socklen_t::try_from(size_of_val(&peer)).unwrap_or(0);
        let fd = connection.as_raw_fd();
        // SAFETY:
        // - "The descriptor is open": it is borrowed for the call.
        // - "The kernel writes at most `size` bytes to the pointer": that is the size of `peer`,
        //   which is borrowed mutably for the call, and any bytes are a valid `ucred`.
        let result = unsafe {
            libc::getsockopt(
                fd,
                libc::SOL_SOCKET,
                libc::SO_PEERCRED,
                (&raw mut peer).cast(),
                &raw mut size,
            )
        };
        check(result)?;
        Ok(u32::try_from(peer.pid).ok().filter(|pid| *pid != 0))
    }

    /// What a C function gave, or the errno that it left.
    fn check(result: libc::c_int) -> Result<libc::c_int, Errno> {
        match result {
            -1 => Err(std::io::Error::last_os_error()
                .raw_os_error()
                .map_or(Errno::EIO, Errno::from_linux)),
            result => Ok(result),
        }
    }

    pub(crate) mod semaphore {
        //! System V semaphores, in sets of one.

        use dm_core::errno::Errno;

        use super::check;

        /// Makes the set of `key`, whose semaphore is 0 then.
        pub(crate) fn create(key: i32) -> Result<i32, Errno> {
            get(key, 0o600 | libc::IPC_CREAT | libc::IPC_EXCL)
        }

        /// Finds the set of `key`.
        pub(crate) fn find(key: i32) -> Result<i32, Errno> {
            get(key, 0)
        }

        fn get(key: i32, flags: i32) -> Result<i32, Errno> {
            // SAFETY: it takes numbers alone.
            check(unsafe { libc::semget(key, 1, flags) })
        }

        /// Adds to the semaphore; `EAGAIN` if it would become negative.
        pub(crate) fn add(id: i32, count: i16) -> Result<(), Errno> {
            let mut operation = libc::sembuf {
                sem_num: 0,
                sem_op: count,
                sem_flg: NO_WAIT,
            };
            // SAFETY: "The pointer is to as many operations as it says": it is to one, which is
            // borrowed for the call.
            check(unsafe { libc::semop(id, &raw mut operation, 1) }).map(|_| ())
        }

        /// The semaphore's value.
        pub(crate) fn value(id: i32) -> Result<u32, Errno> {
            // SAFETY: this command takes no fourth argument.
            let value = check(unsafe { libc::semctl(id, 0, libc::GETVAL) })?;
            u32::try_from(value).map_err(|_| Errno::EIO)
        }

        /// Removes the set.
        pub(crate) fn remove(id: i32) -> Result<(), Errno> {
            // SAFETY: this command takes no fourth argument.
            check(unsafe { libc::semctl(id, 0, libc::IPC_RMID) }).map(|_| ())
        }

        #[allow(clippy::cast_possible_truncation)] // 0o4000 has 12 bits.
        const NO_WAIT: libc::c_short = libc::IPC_NOWAIT as libc::c_short;
    }

    #[cfg(test)]
    mod tests {
        use super::*;

        #[test]
        #[cfg(any(
            target_arch = "x86_64",
            target_arch = "aarch64",
            target_arch = "riscv64"
        ))]
        fn request_numbers_are_the_usual_ones() {
            use crate::abi::layout::REQUEST;
            for call in Call::ALL {
                let number = REQUEST | u32::from(call.number());
                assert_eq!(u64::from(request(*call)), u64::from(number));
            }
            assert_eq!(PROBE, Opcode::from(crate::abi::layout::PROBE_PATHS));
        }

        #[test]
        fn other_node_is_refused_before_any_ioctl() {
            let error = open(Path::new("/dev/null")).unwrap_err();
            assert_eq!(
                error.to_string(),
                "/dev/null is not the device mapper's control node"
            );
        }

        #[test]
        fn header_that_claims_more_than_the_buffer_is_not_sent() {
            use crate::buffer::Secrecy;
            let null = fs::open("/dev/null", OFlags::RDWR, Mode::empty()).unwrap();
            let mut buffer = Buffer::new(HEADER, Secrecy::Open).unwrap();
            buffer.bytes_mut().fill(0xa5);
            let refused = ioctl(&null, Call::Version, &mut buffer);
            assert_eq!(refused, Err(Errno::EINVAL));
        }
    }
}

#[cfg(not(target_os = "linux"))]
mod os {
    //! What only Linux has, on other systems: nothing.

    use std::path::Path;

    use dm_core::devid::DevNo;
    use dm_core::errno::Errno;
    use rustix::fd::{AsFd, OwnedFd};
    use rustix::fs::FileType;

    use crate::abi::Call;
    use crate::buffer::Buffer;
    use crate::control::ControlError;
    use crate::extents::Fiemap;

    pub(crate) fn ioctl(_: &OwnedFd, _: Call, _: &mut Buffer) -> Result<(), Errno> {
        Err(Errno::ENOSYS)
    }

    pub(crate) fn open(path: &Path) -> Result<OwnedFd, ControlError> {
        Err(ControlError::failed("open", path, Errno::ENODEV))
    }

    pub(crate) fn make_node(_: &Path, _: FileType, _: DevNo) -> Result<(), Errno> {
        Err(Errno::EOPNOTSUPP)
    }

    pub(crate) fn probe_paths(_: DevNo) -> Result<(), Errno> {
        Err(Errno::ENOTTY)
    }

    pub(crate) fn file_system(_: impl AsFd) -> Result<u64, Errno> {
        Err(Errno::ENOTTY)
    }

    pub(crate) fn fiemap(_: impl AsFd, _: &mut Fiemap) -> Result<(), Errno> {
        Err(Errno::ENOTTY)
    }

    pub(crate) fn listener(_: &OwnedFd) -> Result<Option<u32>, Errno> {
        Err(Errno::ENOSYS)
    }

    pub(crate) mod semaphore {
        //! No cookies without udev.

        use dm_core::errno::Errno;

        pub(crate) fn create(_: i32) -> Result<i32, Errno> {
            Err(Errno::ENOSYS)
        }

        pub(crate) fn find(_: i32) -> Result<i32, Errno> {
            Err(Errno::ENOSYS)
        }

        pub(crate) fn add(_: i32, _: i16) -> Result<(), Errno> {
            Err(Errno::ENOSYS)
        }

        pub(crate) fn value(_: i32) -> Result<u32, Errno> {
            Err(Errno::ENOSYS)
        }

        pub(crate) fn remove(_: i32) -> Result<(), Errno> {
            Err(Errno::ENOSYS)
        }
    }
}
