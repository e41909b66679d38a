//! What the driver's errnos mean.

use dm_core::errno::Errno;
use dm_core::error::{DmError, ErrorKind};

use crate::abi::{Call, Flags};

/// The driver refused; the second field says more, where more is known.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{errno}: {hint}")]
struct Refused {
    errno: Errno,
    hint: &'static str,
}

/// What is left to do where the kernel tells nobody else.
const LOG: &str = "the kernel log says why";

/// The error for an ioctl that gave `errno`. `flags` are the request's.
///
/// The kind is what a program acts upon, so it depends on the ioctl as far as the kernel gives one
/// errno for several things. The table is in the crate's documentation.
pub(crate) fn refused(call: Call, flags: Flags, errno: Errno) -> DmError {
    let (kind, hint) = meaning(call, flags, errno);
    DmError::new(kind)
        .with_errno(errno)
        .with_source(Refused { errno, hint })
}

/// The error for a load that gave `ENXIO` though its device is there.
pub(crate) fn component_missing() -> DmError {
    let (errno, hint) = (Errno::ENXIO, "a device that the table names is not there");
    DmError::new(ErrorKind::InvalidTable)
        .with_errno(errno)
        .with_source(Refused { errno, hint })
}

/// The error for a probe of paths that gave `errno`.
pub(crate) fn probe_refused(errno: Errno) -> DmError {
    let (kind, hint) = match errno {
        Errno::ENOTTY => (
            ErrorKind::Unsupported,
            "the active table is no multipath one",
        ),
        Errno::EPERM | Errno::EACCES => (
            ErrorKind::Permission,
            "only root may, with CAP_SYS_ADMIN outside of any container",
        ),
        Errno::ENOTCONN => (ErrorKind::Io, "no path answers"),
        Errno::EAGAIN => (ErrorKind::Busy, "the device is suspended"),
        Errno::EINTR => (ErrorKind::Interrupted, "try again"),
        Errno::ENXIO | Errno::ENODEV => (ErrorKind::NotFound, "the device is gone"),
        Errno::ENOENT => (ErrorKind::Unsupported, "the device has no node in /dev"),
        _ => (ErrorKind::Io, LOG),
    };
    DmError::new(kind)
        .with_errno(errno)
        .with_source(Refused { errno, hint })
}

fn meaning(call: Call, flags: Flags, errno: Errno) -> (ErrorKind, &'static str) {
    match (errno, call) {
        (Errno::EPERM | Errno::EACCES, Call::TableLoad) => (
            ErrorKind::Permission,
            "only root may, and a read-only device needs a read-only table",
        ),
        (Errno::EPERM | Errno::EACCES, _) => (
            ErrorKind::Permission,
            "only root may, with CAP_SYS_ADMIN outside of any container",
        ),
        (Errno::EINTR, _) => (ErrorKind::Interrupted, "a signal came: try again"),
        (Errno::ENOTTY, _) => (
            ErrorKind::Unsupported,
            "this kernel's driver has no such command: a newer one may",
        ),
        (Errno::ENOMEM, _) => (
            ErrorKind::Io,
            "the kernel has no memory left for it: free some and try again",
        ),
        // The kernel loses the EBUSY of a minor number that is taken.
        (Errno::ENXIO, Call::DevCreate) => (ErrorKind::Exists, "the minor number is taken"),
        (Errno::ENXIO, _) => (
            ErrorKind::NotFound,
            "there is no such device, or it is gone: list those that are there",
        ),
        (Errno::EBUSY, Call::DevCreate) => {
            (ErrorKind::Exists, "the name, uuid or minor number is taken")
        }
        (Errno::EBUSY, Call::DevRename) if flags.contains(Flags::UUID) => {
            (ErrorKind::Exists, "the uuid is taken")
        }
        (Errno::EBUSY, Call::DevRename) => (ErrorKind::Exists, "the name is taken"),
        (Errno::EBUSY, Call::TableLoad) => {
            (ErrorKind::Busy, "a device that the table names is in use")
        }
        (Errno::EBUSY, Call::DevRemove) => (
            ErrorKind::Busy,
            "it is open, or a table stands on it: remove that first, or this one deferred",
        ),
        (Errno::EBUSY, _) => (
            ErrorKind::Busy,
            "somebody uses or changes the device: try again later",
        ),
        (Errno::EIO, Call::TableLoad) => (ErrorKind::Io, LOG),
        (_, Call::TableLoad) => (ErrorKind::InvalidTable, LOG),
        (Errno::EINVAL, Call::DevRename) if flags.contains(Flags::UUID) => {
            (ErrorKind::Invalid, "the device has a uuid, which stays")
        }
        (Errno::EINVAL, Call::DevSuspend) if !flags.contains(Flags::SUSPEND) => (
            ErrorKind::Invalid,
            "the device has no table, or the kernel log says why",
        ),
        (Errno::EINVAL, Call::Version) => (
            ErrorKind::Protocol,
            "the driver speaks another version of the interface: only 4 is known here",
        ),
        (Errno::EINVAL, Call::GetTargetVersion) => (
            ErrorKind::NotFound,
            "there is no such target, and no module that has it",
        ),
        (Errno::EINVAL, Call::DevSetGeometry) => (
            ErrorKind::Invalid,
            "the geometry is out of the driver's range",
        ),
        (Errno::EINVAL, Call::TargetMsg) => (ErrorKind::Invalid, LOG),
        (Errno::EINVAL, _) => (ErrorKind::Invalid, LOG),
        (Errno::EOPNOTSUPP | Errno::ENOSYS, _) => (
            ErrorKind::Unsupported,
            "the running kernel can not: a newer one may",
        ),
        // A target's word on a message, such as ENODATA for a thin device that is not there.
        (errno, Call::TargetMsg) if errno != Errno::EIO => (
            ErrorKind::Invalid,
            "the target refuses: the kernel log says why",
        ),
        _ => (ErrorKind::Io, LOG),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn same_errno_is_another_kind_for_another_ioctl() {
        let kind = |call, errno| refused(call, Flags::empty(), errno).kind;
        assert_eq!(kind(Call::DevCreate, Errno::EBUSY), ErrorKind::Exists);
        assert_eq!(kind(Call::DevRename, Errno::EBUSY), ErrorKind::Exists);
        assert_eq!(kind(Call::DevRemove, Errno::EBUSY), ErrorKind::Busy);
        assert_eq!(
            kind(Call::TableLoad, Errno::EINVAL),
            ErrorKind::InvalidTable
        );
        assert_eq!(kind(Call::TargetMsg, Errno::EINVAL), ErrorKind::Invalid);
        assert_eq!(kind(Call::TargetMsg, Errno::ENODATA), ErrorKind::Invalid);
    }

    #[test]
    fn refusal_says_errno_and_hint() {
        let error = refused(Call::TableLoad, Flags::empty(), Errno::EINVAL);
        let error = error.about("load", Some("vol0".into()));
        assert_eq!(
            error.report(),
            "load vol0: invalid argument: the kernel log says why"
        );
        assert_eq!(error.context.errno, Some(Errno::EINVAL));
        let error = refused(Call::DevStatus, Flags::empty(), Errno::ENXIO);
        assert_eq!(
            error.about("info", Some("x".into())).report(),
            "info x: no such device or address: \
             there is no such device, or it is gone: list those that are there"
        );
    }
}
