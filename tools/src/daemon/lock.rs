//! There is one daemon a runtime folder: it holds a lock as long as it lives.
//!
//! The kernel drops the lock with the process, however that ends, so that nothing needs cleaning up
//! after a kill -9. The file itself stays.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::process;
use std::thread;
use std::time::{Duration, Instant};

use crate::failure::Failure;
use crate::runtime::RuntimeDir;

/// How often a lock that is held is tried.
const PAUSE: Duration = Duration::from_millis(10);

/// The right to be the daemon.
#[derive(Debug)]
pub(super) struct DaemonLock {
    _file: File,
}

impl DaemonLock {
    /// Takes the lock; `None` if a daemon holds it.
    ///
    /// It is tried once: who waited for it would become the daemon when another one is stopped.
    pub(super) fn take(dir: &RuntimeDir) -> Result<Option<DaemonLock>, Failure> {
        let mut file = open(dir)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Ok(None),
            Err(TryLockError::Error(error)) => {
                return Err(Failure::io("lock", &dir.lock(), &error));
            }
        }
        // For people who look; programs ask the daemon. It goes on if the disk is full.
        let _ = file
            .set_len(0)
            .and_then(|()| writeln!(file, "{}", process::id()));
        Ok(Some(DaemonLock { _file: file }))
    }

    /// Waits until no daemon holds the lock; whether that came to be within `limit`.
    pub(super) fn wait_free(dir: &RuntimeDir, limit: Duration) -> Result<bool, Failure> {
        let file = open(dir)?;
        let deadline = Instant::now() + limit;
        loop {
            match file.try_lock_shared() {
                Ok(()) => return Ok(true),
                Err(TryLockError::Error(error)) => {
                    return Err(Failure::io("lock", &dir.lock(), &error));
                }
                Err(TryLockError::WouldBlock) if Instant::now() >= deadline => return Ok(false),
                Err(TryLockError::WouldBlock) => thread::sleep(PAUSE),
            }
        }
    }
}

fn open(dir: &RuntimeDir) -> Result<File, Failure> {
    let path = dir.lock();
    let mut options = OpenOptions::new();
    let options = options
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600);
    options
        .open(&path)
        .map_err(|error| Failure::io("open", &path, &error))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn second_daemon_does_not_get_the_lock() {
        let temp = tempfile::tempdir().unwrap();
        let dir = RuntimeDir::new(temp.path()).unwrap();
        let first = DaemonLock::take(&dir).unwrap();
        assert!(first.is_some());
        assert!(DaemonLock::take(&dir).unwrap().is_none());
        assert!(!DaemonLock::wait_free(&dir, Duration::from_millis(20)).unwrap());
        drop(first);
        assert!(DaemonLock::wait_free(&dir, Duration::ZERO).unwrap());
        assert!(DaemonLock::take(&dir).unwrap().is_some());
    }
}
