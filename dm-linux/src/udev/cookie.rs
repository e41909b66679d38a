//! Cookies: semaphores that udev's rules count down, event by event.

use std::fs;
use std::time::{Duration, SystemTime};

use dm_core::errno::Errno;
use dm_core::error::{DmError, ErrorKind};

use crate::sys::semaphore;

/// The upper half of every cookie, and of the key of its semaphore.
pub const MAGIC: u16 = 0x0d4d;

/// How many keys are tried before there are too many cookies.
const TRIES: u32 = 256;

/// Where the kernel lists semaphores.
const LIST: &str = "/proc/sysvipc/sem";

/// A semaphore that counts the events which udev has not dealt with yet, and the one who waits.
///
/// # Shape
/// The semaphore's key is the cookie: [`MAGIC`] in the upper half, any number but 0 in the lower
/// one. Its value starts at 1, for the one who waits. Each command that is to raise an event adds
/// 1, and carries the lower half; udev's rules take 1 away when they are through with the event.
/// The one who waits takes 1 away, waits for 0 and removes the semaphore.
///
/// # Source
/// LVM2's `dm_udev_create_cookie` and its rule `95-dm-notify.rules`: programs that use libdevmapper
/// and this crate can use one cookie.
#[derive(Debug, PartialEq, Eq)]
pub struct Cookie {
    key: i32,
    id: i32,
}

/// What can be wrong with a cookie.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CookieError {
    /// It does not start with [`MAGIC`], or its lower half is 0.
    #[error("{0:#x} is no cookie: those are 0xd4d0001 to 0xd4dffff")]
    Value(u32),
    /// There is no such semaphore, or not in this IPC namespace.
    #[error("there is no cookie {0:#x}")]
    Missing(u32),
    /// All of its events are dealt with.
    #[error("the cookie {0:#x} expects no further event")]
    Complete(u32),
    /// No key is free.
    #[error("no cookie is free")]
    None,
    /// The kernel refused.
    #[error("cannot {step} a cookie's semaphore: {errno}")]
    Failed {
        /// What was done.
        step: &'static str,
        /// What it gave.
        errno: Errno,
    },
}

/// A cookie in the kernel's list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ListedCookie {
    /// The cookie.
    pub cookie: u32,
    /// Its semaphore's number.
    pub semaphore: i32,
    /// Its semaphore's value.
    pub value: u32,
    /// When it was last counted up or down, in seconds since 1970; 0 if never.
    pub counted: u64,
    /// When it was made, in seconds since 1970.
    pub made: u64,
}

impl Cookie {
    /// A new cookie, which expects no event yet.
    ///
    /// # Errors
    /// [`CookieError::Failed`] where the kernel has no semaphores, or no more of them.
    pub fn create() -> Result<Cookie, CookieError> {
        for _ in 0..TRIES {
            let key = key_of(fastrand::u16(1..));
            match semaphore::create(key) {
                Err(Errno::EEXIST) => {}
                Err(errno) => return Err(CookieError::failed("make", errno)),
                Ok(id) => {
                    let cookie = Cookie { key, id };
                    // For the one who waits. A new semaphore is 0, and nobody knows its key yet.
                    return match semaphore::add(id, 1) {
                        Ok(()) => Ok(cookie),
                        Err(errno) => {
                            cookie.remove()?;
                            Err(CookieError::failed("set", errno))
                        }
                    };
                }
            }
        }
        Err(CookieError::None)
    }

    /// A cookie that somebody made.
    ///
    /// # Errors
    /// [`CookieError::Value`], [`CookieError::Missing`].
    pub fn find(value: u32) -> Result<Cookie, CookieError> {
        let wrong = CookieError::Value(value);
        let key = i32::try_from(value).map_err(|_| wrong)?;
        if value >> 16 != u32::from(MAGIC) || value & 0xffff == 0 {
            return Err(wrong);
        }
        match semaphore::find(key) {
            Ok(id) => Ok(Cookie { key, id }),
            Err(Errno::ENOENT) => Err(CookieError::Missing(value)),
            Err(errno) => Err(CookieError::failed("find", errno)),
        }
    }

    /// The cookie as programs hand it on.
    pub fn value(&self) -> u32 {
        self.key.unsigned_abs()
    }

    /// The lower half, which goes with commands.
    pub fn base(&self) -> u16 {
        u16::try_from(self.value() & 0xffff).expect("it was masked")
    }

    /// Expects one more event.
    ///
    /// # Errors
    /// [`CookieError::Missing`] if somebody removed it.
    pub fn expect(&self) -> Result<(), CookieError> {
        semaphore::add(self.id, 1).map_err(|errno| self.gone("count up", errno))
    }

    /// One event was dealt with, or will not come.
    ///
    /// # Errors
    /// [`CookieError::Complete`] if none was expected, [`CookieError::Missing`] if somebody
    /// removed it.
    pub fn complete(&self) -> Result<(), CookieError> {
        match semaphore::add(self.id, -1) {
            Err(Errno::EAGAIN) => Err(CookieError::Complete(self.value())),
            other => other.map_err(|errno| self.gone("count down", errno)),
        }
    }

    /// How many events are expected, and 1 for the one who waits.
    ///
    /// # Errors
    /// [`CookieError::Missing`] if somebody removed it.
    pub fn count(&self) -> Result<u32, CookieError> {
        semaphore::value(self.id).map_err(|errno| self.gone("read", errno))
    }

    /// Takes the semaphore away. Events that come later find none, which udev's log says.
    ///
    /// # Errors
    /// [`CookieError::Missing`] if somebody else removed it.
    pub fn remove(self) -> Result<(), CookieError> {
        semaphore::remove(self.id).map_err(|errno| self.gone("remove", errno))
    }

    fn gone(&self, step: &'static str, errno: Errno) -> CookieError {
        match errno {
            Errno::EINVAL | Errno::EIDRM => CookieError::Missing(self.value()),
            _ => CookieError::failed(step, errno),
        }
    }

    /// The cookies of this IPC namespace, in the order of their semaphores.
    ///
    /// # Errors
    /// [`CookieError::Failed`] if the kernel's list can not be read.
    pub fn list() -> Result<Vec<ListedCookie>, CookieError> {
        let text = fs::read_to_string(LIST)
            .map_err(|error| CookieError::failed("list", Errno::from(&error)))?;
        let mut found = Vec::new();
        for mut listed in text.lines().filter_map(ListedCookie::read) {
            // Unless it went since.
            if let Ok(value) = semaphore::value(listed.semaphore) {
                listed.value = value;
                found.push(listed);
            }
        }
        Ok(found)
    }
}

impl ListedCookie {
    /// A line of the kernel's list: key, semid, perms, nsems, uid, gid, cuid, cgid, otime, ctime.
    fn read(line: &str) -> Option<ListedCookie> {
        let words: Vec<&str> = line.split_whitespace().collect();
        let [key, semid, _, _, _, _, _, _, counted, made] = words[..] else {
            return None;
        };
        let cookie: u32 = key.parse().ok()?;
        (cookie >> 16 == u32::from(MAGIC)).then_some(ListedCookie {
            cookie,
            semaphore: semid.parse().ok()?,
            value: 0,
            counted: counted.parse().ok()?,
            made: made.parse().ok()?,
        })
    }

    /// How long ago it was made.
    pub fn age(&self) -> Duration {
        let made = SystemTime::UNIX_EPOCH + Duration::from_secs(self.made);
        SystemTime::now().duration_since(made).unwrap_or_default()
    }
}

impl CookieError {
    fn failed(step: &'static str, errno: Errno) -> CookieError {
        CookieError::Failed { step, errno }
    }
}

impl From<CookieError> for DmError {
    fn from(error: CookieError) -> DmError {
        let kind = match error {
            CookieError::Value(_) | CookieError::Complete(_) => ErrorKind::Invalid,
            CookieError::Missing(_) => ErrorKind::NotFound,
            CookieError::Failed {
                errno: Errno::EACCES | Errno::EPERM,
                ..
            } => ErrorKind::Permission,
            _ => ErrorKind::Io,
        };
        let errno = match error {
            CookieError::Failed { errno, .. } => errno,
            _ => kind.errno(),
        };
        DmError::new(kind).with_errno(errno).with_source(error)
    }
}

fn key_of(base: u16) -> i32 {
    i32::from(MAGIC) << 16 | i32::from(base)
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[test]
    fn cookie_counts_and_goes() {
        let cookie = Cookie::create().unwrap();
        let value = cookie.value();
        assert_eq!((value >> 16, cookie.count()), (0x0d4d, Ok(1)));
        cookie.expect().unwrap();
        let other = Cookie::find(value).unwrap();
        assert_eq!((&other, other.count()), (&cookie, Ok(2)));
        other.complete().unwrap();
        other.complete().unwrap();
        assert_eq!(other.complete(), Err(CookieError::Complete(value)));
        let listed = Cookie::list().unwrap();
        let listed = listed.iter().find(|listed| listed.cookie == value).unwrap();
        assert!(listed.value == 0 && listed.age() < Duration::from_secs(60));
        cookie.remove().unwrap();
        assert_eq!(other.count(), Err(CookieError::Missing(value)));
        assert_eq!(other.expect(), Err(CookieError::Missing(value)));
        assert_eq!(Cookie::find(value), Err(CookieError::Missing(value)));
    }

    #[test]
    fn other_numbers_are_no_cookies() {
        for wrong in [0, 1, 0x0d4d_0000, 0x0d4e_0001, 0x8d4d_0001] {
            assert_eq!(Cookie::find(wrong), Err(CookieError::Value(wrong)));
        }
    }

    #[test]
    fn list_is_read_by_its_columns() {
        let line = " 223154740   7   600   1   0   0   0   0   3   1795270198";
        let listed = ListedCookie::read(line).unwrap();
        assert_eq!((listed.cookie, listed.semaphore), (0x0d4d_1234, 7));
        assert_eq!((listed.counted, listed.made), (3, 1_795_270_198));
        let other = line.replace("223154740", "1234");
        assert_eq!(ListedCookie::read(&other), None);
        assert_eq!(ListedCookie::read("  key  semid"), None);
    }
}
