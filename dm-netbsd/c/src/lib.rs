//! The functions of `include/dm_netbsd.h`, for programs in C.
//!
//! All of their work is [`respond`] over a [`NetBsd`]. What is unsafe is that pointers come from
//! C: the header says what they must be.

use std::ffi::{CString, c_char, c_int, c_void};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::{ptr, slice};

use dm_core::backend::Backend;
use dm_core::devid::DevNo;
use dm_core::errno::Errno;
use dm_core::error::ErrorKind;
use dm_netbsd::NetBsd;
use dm_netbsd::control::{ControlError, Majors};
use dm_netbsd::nodes::{NodePolicy, Nodes};
use dm_netbsd::sys::Sys;
use dm_proto::netbsd::LIMITS;
use dm_proto::server::respond;

/// `struct dm_netbsd`.
pub struct Driver(Box<dyn Backend>);

/// `struct dm_netbsd_door`.
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub struct Door {
    context: *mut c_void,
    ioctl: Option<Ioctl>,
    release: Option<Release>,
    block_major: u32,
    character_major: u32,
}

type Ioctl =
    unsafe extern "C" fn(*mut c_void, *const c_void, usize, *mut *mut c_void, *mut usize) -> c_int;
type Release = unsafe extern "C" fn(*mut c_void, *mut c_void, usize);

/// A driver behind functions of C.
struct Behind {
    context: *mut c_void,
    ioctl: Ioctl,
    release: Release,
    majors: Majors,
}

// SAFETY: the header asks for functions that threads may call side by side; the context is only handed to them.
unsafe impl Send for Behind {}
// SAFETY: as above.
unsafe impl Sync for Behind {}

impl Sys for Behind {
    fn majors(&self) -> Result<Majors, ControlError> {
        Ok(self.majors)
    }

    fn ioctl(&self, request: &[u8]) -> Result<Vec<u8>, Errno> {
        let (mut reply, mut length) = (ptr::null_mut(), 0);
        // SAFETY: the header says what the function gets: its context, a text of that length, and two places to write to,
        // which live for the call.
        let errno = unsafe {
            (self.ioctl)(
                self.context,
                request.as_ptr().cast(),
                request.len(),
                &mut reply,
                &mut length,
            )
        };
        if errno != 0 {
            return Err(Errno::from(&std::io::Error::from_raw_os_error(errno)));
        }
        if reply.is_null() || length == 0 {
            return Err(Errno::EPROTO);
        }
        let text = match length > LIMITS.size {
            true => Err(Errno::EFBIG),
            // SAFETY: the header asks for `length` readable bytes at `reply`, which stay until they are released below.
            false => Ok(unsafe { slice::from_raw_parts(reply.cast::<u8>(), length) }.to_vec()),
        };
        // SAFETY: the reply is that of the call above, given back once; the slice into it is gone.
        unsafe { (self.release)(self.context, reply, length) };
        text
    }

    fn block_device(&self, _: &Path) -> Option<DevNo> {
        // Paths are the other kernel's.
        None
    }

    fn try_open(&self, _: &Path) -> Result<(), Errno> {
        Ok(())
    }

    fn privileged(&self) -> bool {
        true
    }
}

/// `dm_netbsd_open`.
///
/// # Safety
/// `driver` is null, or may be written to.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn dm_netbsd_open(driver: *mut *mut Driver) -> c_int {
    let opened = guarded(|| match NetBsd::open() {
        Ok(opened) => Ok(Driver(Box::new(opened))),
        Err(error) => Err(match error.kind {
            ErrorKind::Permission => Errno::EPERM,
            ErrorKind::Unsupported => Errno::ENXIO,
            _ => Errno::EIO,
        }),
    });
    // SAFETY: as the caller promises.
    unsafe { give(opened, driver) }
}

/// `dm_netbsd_open_door`.
///
/// # Safety
/// `door` is null, or is what the header says; `driver` is null, or may be written to.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn dm_netbsd_open_door(door: *const Door, driver: *mut *mut Driver) -> c_int {
    // SAFETY: a non-null door may be read, as the caller promises.
    let door = unsafe { door.as_ref() };
    let behind = door.and_then(|door| {
        Some(Behind {
            context: door.context,
            ioctl: door.ioctl?,
            release: door.release?,
            majors: Majors {
                character: door.character_major,
                block: door.block_major,
            },
        })
    });
    let opened = behind.ok_or(Errno::EINVAL).map(|behind| {
        let nodes = Nodes::new(NodePolicy::Never);
        Driver(Box::new(NetBsd::new(behind, nodes)))
    });
    // SAFETY: as the caller promises.
    unsafe { give(opened, driver) }
}

/// `dm_netbsd_call`.
///
/// # Safety
/// `driver` is null or one that was opened and not closed; `request` is null or has `length` readable bytes; `reply` is
/// null or may be written to.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn dm_netbsd_call(
    driver: *mut Driver,
    request: *const c_char,
    length: usize,
    reply: *mut *mut c_char,
) -> c_int {
    // SAFETY: a non-null driver is an open one, as the caller promises, and is only read.
    let driver = unsafe { driver.as_ref() };
    let (Some(driver), false, false) = (driver, request.is_null(), reply.is_null()) else {
        return Errno::EINVAL.linux();
    };
    // SAFETY: so many bytes are readable, as the caller promises; nobody changes them during the call.
    let request = unsafe { slice::from_raw_parts(request.cast::<u8>(), length) };
    let answer = guarded(|| {
        let text = respond(request, &|command| driver.0.call(command));
        // There is no NUL in a property list.
        CString::new(text).map_err(|_| Errno::EIO)
    });
    match answer {
        Ok(text) => {
            // SAFETY: `reply` is not null and may be written to, as the caller promises.
            unsafe { reply.write(text.into_raw()) };
            0
        }
        Err(errno) => errno.linux(),
    }
}

/// `dm_netbsd_free`.
///
/// # Safety
/// `reply` is null, or one of [`dm_netbsd_call`] that was not freed.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn dm_netbsd_free(reply: *mut c_char) {
    if !reply.is_null() {
        // SAFETY: it came from `CString::into_raw`, as the caller promises, and its length is as it was.
        drop(unsafe { CString::from_raw(reply) });
    }
}

/// `dm_netbsd_close`.
///
/// # Safety
/// `driver` is null, or one that was opened and not closed, which no thread uses any more.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn dm_netbsd_close(driver: *mut Driver) {
    if !driver.is_null() {
        // SAFETY: it came from `Box::into_raw` in `give`, as the caller promises.
        drop(unsafe { Box::from_raw(driver) });
    }
}

/// Hands an opened driver to C.
///
/// # Safety
/// `to` is null, or may be written to.
unsafe fn give(opened: Result<Driver, Errno>, to: *mut *mut Driver) -> c_int {
    match opened {
        _ if to.is_null() => Errno::EINVAL.linux(),
        Ok(driver) => {
            // SAFETY: it is not null, and may be written to, as the caller promises.
            unsafe { to.write(Box::into_raw(Box::new(driver))) };
            0
        }
        // Those that come here have one number everywhere.
        Err(errno) => errno.linux(),
    }
}

/// Does something without a panic that would cross into C.
fn guarded<T>(work: impl FnOnce() -> Result<T, Errno>) -> Result<T, Errno> {
    catch_unwind(AssertUnwindSafe(work)).unwrap_or(Err(Errno::EIO))
}
