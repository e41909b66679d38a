//! Error numbers, the same on every platform.

use core::fmt;

/// An errno with Linux's numbers, whatever the host is.
///
/// The kernel backends translate their own numbers at the border, so that a program that matches
/// on `Errno::EBUSY` works on the engine, on Linux and on NetBSD.
///
/// # Source
/// `asm-generic/errno-base.h` and `asm-generic/errno.h`.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Errno(i32);

/// Every number that has a name here: number, symbol, text.
#[rustfmt::skip]
const NAMED: &[(Errno, &str, &str)] = &[
    (Errno::EPERM, "EPERM", "operation not permitted"),
    (Errno::ENOENT, "ENOENT", "no such file or directory"),
    (Errno::EINTR, "EINTR", "interrupted"),
    (Errno::EIO, "EIO", "input/output error"),
    (Errno::ENXIO, "ENXIO", "no such device or address"),
    (Errno::E2BIG, "E2BIG", "argument list too long"),
    (Errno::EBADF, "EBADF", "bad file descriptor"),
    (Errno::EAGAIN, "EAGAIN", "resource temporarily unavailable"),
    (Errno::ENOMEM, "ENOMEM", "cannot allocate memory"),
    (Errno::EACCES, "EACCES", "permission denied"),
    (Errno::ENOTBLK, "ENOTBLK", "block device required"),
    (Errno::EBUSY, "EBUSY", "device or resource busy"),
    (Errno::EEXIST, "EEXIST", "file exists"),
    (Errno::ENODEV, "ENODEV", "no such device"),
    (Errno::ENOTDIR, "ENOTDIR", "not a directory"),
    (Errno::EISDIR, "EISDIR", "is a directory"),
    (Errno::EINVAL, "EINVAL", "invalid argument"),
    (Errno::ENFILE, "ENFILE", "too many open files in system"),
    (Errno::EMFILE, "EMFILE", "too many open files"),
    (Errno::ENOTTY, "ENOTTY", "inappropriate ioctl for device"),
    (Errno::EFBIG, "EFBIG", "file too large"),
    (Errno::ENOSPC, "ENOSPC", "no space left on device"),
    (Errno::EROFS, "EROFS", "read-only file system"),
    (Errno::EPIPE, "EPIPE", "broken pipe"),
    (Errno::ERANGE, "ERANGE", "numerical result out of range"),
    (Errno::EDEADLK, "EDEADLK", "resource deadlock avoided"),
    (Errno::ENAMETOOLONG, "ENAMETOOLONG", "file name too long"),
    (Errno::ENOSYS, "ENOSYS", "function not implemented"),
    (Errno::ELOOP, "ELOOP", "too many levels of symbolic links"),
    (Errno::EIDRM, "EIDRM", "identifier removed"),
    (Errno::ENODATA, "ENODATA", "no data available"),
    (Errno::EPROTO, "EPROTO", "protocol error"),
    (Errno::EOVERFLOW, "EOVERFLOW", "value too large for defined data type"),
    (Errno::EILSEQ, "EILSEQ", "invalid or incomplete multibyte or wide character"),
    (Errno::EOPNOTSUPP, "EOPNOTSUPP", "operation not supported"),
    (Errno::ECONNRESET, "ECONNRESET", "connection reset by peer"),
    (Errno::ENOBUFS, "ENOBUFS", "no buffer space available"),
    (Errno::ENOTCONN, "ENOTCONN", "transport endpoint is not connected"),
    (Errno::ESHUTDOWN, "ESHUTDOWN", "cannot send after transport endpoint shutdown"),
    (Errno::ETIMEDOUT, "ETIMEDOUT", "connection timed out"),
    (Errno::ECONNREFUSED, "ECONNREFUSED", "connection refused"),
    (Errno::EDQUOT, "EDQUOT", "disk quota exceeded"),
];

#[rustfmt::skip]
#[allow(missing_docs)] // NAMED has the texts
impl Errno {
    pub const EPERM: Errno = Errno(1);
    pub const ENOENT: Errno = Errno(2);
    pub const EINTR: Errno = Errno(4);
    pub const EIO: Errno = Errno(5);
    pub const ENXIO: Errno = Errno(6);
    pub const E2BIG: Errno = Errno(7);
    pub const EBADF: Errno = Errno(9);
    pub const EAGAIN: Errno = Errno(11);
    pub const ENOMEM: Errno = Errno(12);
    pub const EACCES: Errno = Errno(13);
    pub const ENOTBLK: Errno = Errno(15);
    pub const EBUSY: Errno = Errno(16);
    pub const EEXIST: Errno = Errno(17);
    pub const ENODEV: Errno = Errno(19);
    pub const ENOTDIR: Errno = Errno(20);
    pub const EISDIR: Errno = Errno(21);
    pub const EINVAL: Errno = Errno(22);
    pub const ENFILE: Errno = Errno(23);
    pub const EMFILE: Errno = Errno(24);
    pub const ENOTTY: Errno = Errno(25);
    pub const EFBIG: Errno = Errno(27);
    pub const ENOSPC: Errno = Errno(28);
    pub const EROFS: Errno = Errno(30);
    pub const EPIPE: Errno = Errno(32);
    pub const ERANGE: Errno = Errno(34);
    pub const EDEADLK: Errno = Errno(35);
    pub const ENAMETOOLONG: Errno = Errno(36);
    pub const ENOSYS: Errno = Errno(38);
    pub const ELOOP: Errno = Errno(40);
    pub const EIDRM: Errno = Errno(43);
    pub const ENODATA: Errno = Errno(61);
    pub const EPROTO: Errno = Errno(71);
    pub const EOVERFLOW: Errno = Errno(75);
    pub const EILSEQ: Errno = Errno(84);
    pub const EOPNOTSUPP: Errno = Errno(95);
    pub const ECONNRESET: Errno = Errno(104);
    pub const ENOBUFS: Errno = Errno(105);
    pub const ENOTCONN: Errno = Errno(107);
    pub const ESHUTDOWN: Errno = Errno(108);
    pub const ETIMEDOUT: Errno = Errno(110);
    pub const ECONNREFUSED: Errno = Errno(111);
    pub const EDQUOT: Errno = Errno(122);
}

impl Errno {
    /// The errno with Linux's number `number`.
    pub const fn from_linux(number: i32) -> Errno {
        Errno(number)
    }

    /// Linux's number.
    pub const fn linux(self) -> i32 {
        self.0
    }

    /// The symbol, such as `EBUSY`, if this crate knows it.
    pub fn name(self) -> Option<&'static str> {
        NAMED.iter().find(|row| row.0 == self).map(|row| row.1)
    }
}

/// The text, such as `device or resource busy`.
impl fmt::Display for Errno {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match NAMED.iter().find(|row| row.0 == *self) {
            Some(row) => f.write_str(row.2),
            None => write!(f, "errno {}", self.0),
        }
    }
}

/// The symbol, such as `EBUSY`.
impl fmt::Debug for Errno {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.name() {
            Some(name) => f.write_str(name),
            None => write!(f, "Errno({})", self.0),
        }
    }
}

#[cfg(feature = "std")]
impl From<&std::io::Error> for Errno {
    /// The errno of an operating system error; `EIO` where there is none.
    ///
    /// Hosts number the older errnos alike and the newer ones not, so the error's kind decides
    /// before its number.
    fn from(error: &std::io::Error) -> Errno {
        use std::io::ErrorKind;

        match error.kind() {
            ErrorKind::NotFound => Errno::ENOENT,
            ErrorKind::PermissionDenied if error.raw_os_error() == Some(1) => Errno::EPERM,
            ErrorKind::PermissionDenied => Errno::EACCES,
            ErrorKind::AlreadyExists => Errno::EEXIST,
            ErrorKind::StorageFull => Errno::ENOSPC,
            ErrorKind::QuotaExceeded => Errno::EDQUOT,
            ErrorKind::FileTooLarge => Errno::EFBIG,
            ErrorKind::ReadOnlyFilesystem => Errno::EROFS,
            ErrorKind::Unsupported => Errno::EOPNOTSUPP,
            ErrorKind::TimedOut => Errno::ETIMEDOUT,
            ErrorKind::ConnectionRefused => Errno::ECONNREFUSED,
            ErrorKind::ConnectionReset => Errno::ECONNRESET,
            ErrorKind::BrokenPipe => Errno::EPIPE,
            ErrorKind::InvalidFilename => Errno::ENAMETOOLONG,
            ErrorKind::WouldBlock => Errno::EAGAIN,
            ErrorKind::OutOfMemory => Errno::ENOMEM,
            ErrorKind::Interrupted => Errno::EINTR,
            ErrorKind::IsADirectory => Errno::EISDIR,
            ErrorKind::NotADirectory => Errno::ENOTDIR,
            ErrorKind::ResourceBusy => Errno::EBUSY,
            ErrorKind::UnexpectedEof => Errno::EIO,
            _ => error
                .raw_os_error()
                .filter(|number| (1..=34).contains(number) && *number != 11)
                .map_or(Errno::EIO, Errno),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::format;

    #[test]
    fn display_is_lower_case_and_debug_is_the_symbol() {
        assert_eq!(format!("{}", Errno::EBUSY), "device or resource busy");
        assert_eq!(format!("{:?}", Errno::EBUSY), "EBUSY");
        assert_eq!(format!("{}", Errno::from_linux(9999)), "errno 9999");
    }

    #[test]
    fn io_error_keeps_its_errno() {
        let error = std::io::Error::from_raw_os_error(28);
        assert_eq!(Errno::from(&error), Errno::ENOSPC);
    }
}
