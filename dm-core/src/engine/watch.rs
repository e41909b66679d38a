//! Telling those who watch all devices that something happened.

use std::io::{self, Read, Write};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::net::UnixStream;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, Weak};

use crate::errno::Errno;
use crate::error::{DmError, ErrorKind};
use crate::events::Watch;
use crate::locks::lock;

use super::event::Events;

/// Who is told of changes: those who wait for the count of them, and those who hear a bell.
pub(super) struct Watchers {
    /// Never 0, which everybody may wait for another than.
    count: Arc<Events>,
    bells: Mutex<Vec<Weak<Bell>>>,
}

/// Rings once after it was armed.
#[derive(Debug)]
struct Bell {
    armed: AtomicBool,
    rings: UnixStream,
}

/// A bell, and the end where it is heard.
#[derive(Debug)]
struct EngineWatch {
    bell: Arc<Bell>,
    heard: UnixStream,
}

impl Watchers {
    pub(super) fn new() -> Watchers {
        let count = Arc::<Events>::default();
        count.raise();
        Watchers {
            count,
            bells: Mutex::default(),
        }
    }

    /// The count of changes.
    pub(super) fn count(&self) -> &Arc<Events> {
        &self.count
    }

    /// Something is other than before. Who looks from now on sees it.
    pub(super) fn changed(&self) {
        self.count.raise();
        if self.count.number() == 0 {
            self.count.raise();
        }
        lock(&self.bells).retain(|bell| match bell.upgrade() {
            Some(bell) => {
                bell.ring();
                true
            }
            None => false,
        });
    }

    /// A descriptor that tells of changes.
    pub(super) fn watch(&self) -> Result<Box<dyn Watch>, DmError> {
        let (rings, heard) = UnixStream::pair().map_err(|error| failed(&error))?;
        for end in [&rings, &heard] {
            end.set_nonblocking(true).map_err(|error| failed(&error))?;
        }
        let bell = Arc::new(Bell {
            armed: AtomicBool::new(false),
            rings,
        });
        lock(&self.bells).push(Arc::downgrade(&bell));
        Ok(Box::new(EngineWatch { bell, heard }))
    }
}

impl Bell {
    fn ring(&self) {
        if self.armed.swap(false, Ordering::SeqCst) {
            // It holds what was not heard yet: then there is no need for more.
            let _ = (&self.rings).write(&[1]);
        }
    }
}

impl Watch for EngineWatch {
    fn arm(&mut self) -> Result<(), DmError> {
        // In this order: what rings in between is heard once too often, and never too seldom.
        let mut rung = [0; 16];
        loop {
            match self.heard.read(&mut rung) {
                Ok(0) => break,
                Ok(_) => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(failed(&error)),
            }
        }
        self.bell.armed.store(true, Ordering::SeqCst);
        Ok(())
    }
}

impl AsFd for EngineWatch {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.heard.as_fd()
    }
}

fn failed(error: &io::Error) -> DmError {
    let failure = DmError::new(ErrorKind::Io).with_errno(Errno::from(error));
    failure.about("watch", None)
}
