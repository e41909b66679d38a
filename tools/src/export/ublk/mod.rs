//! A mapped device as a block device of Linux, through the kernel's ublk driver.
//!
//! # Shape
//! The driver gives requests to queues, one for each processor and at most four. Each queue has a
//! thread, a ring of io_uring, and [`DEPTH`] buffers of [`REQUEST_MAX`] bytes, which are all the
//! memory that reads and writes take which the device can do at once; one that takes longer has a
//! buffer of its own besides. What other threads complete is answered by the queue's own.
//!
//! When the server dies, or leaves, the device stays and holds its requests. A new server adopts it
//! by its number, and gets those again that were not answered. Whose it is says a mark, which the
//! driver keeps for its server.
//!
//! # Source
//! `Documentation/block/ublk.rst`.

mod abi;
mod control;
mod queue;
mod sys;

use std::io;
use std::mem;
use std::os::fd::OwnedFd;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};

use dm_core::blockdev::BlockDev;
use dm_core::units::SectorCount;
use rustix::fs::{Mode, OFlags};
use tracing::warn;

use self::control::{Handle, Origin};
use self::sys::Queue;

/// Requests of a queue that are under way at a time.
pub const DEPTH: u16 = 64;

/// The most bytes that one request reads or writes.
pub const REQUEST_MAX: u32 = 256 << 10;

/// Which block device is wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Wanted {
    /// A new one, of any number.
    Any,
    /// `/dev/ublkbN` of this N: a new one, or the one that lost its server, if it has the size.
    Numbered(u32),
    /// The one of this number and mark that lost its server, whatever its size; else a new one that
    /// bears the mark, of this number if that is free.
    Marked {
        /// Its number, if there was one.
        number: Option<u32>,
        /// What nobody else calls his, and not 0.
        mark: u64,
    },
}

/// A block device that is served.
pub struct Ublk {
    handle: Handle,
    queues: Vec<JoinHandle<()>>,
    left: Arc<AtomicBool>,
    claim: Option<OwnedFd>,
    over: bool,
}

/// Why a device can not be served.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum UblkError {
    /// The driver refuses, or is not there.
    #[error("ublk: {0}")]
    Driver(#[source] io::Error),
    /// The device has another size than before.
    #[error("ublk: the device has {was} sectors, and the table {is}")]
    Size {
        /// Of the device.
        was: u64,
        /// Of the table.
        is: u64,
    },
    /// Another server serves it.
    #[error("ublk: the device is served already")]
    Busy,
    /// Something else.
    #[error("ublk: {0}")]
    Other(String),
}

impl Ublk {
    /// Serves `device` as `/dev/ublkbN`, where N is `number` or any that is free. A device of this
    /// number that lost its server is adopted.
    ///
    /// # Errors
    /// If the driver is missing or refuses.
    pub fn start(device: Arc<dyn BlockDev>, number: Option<u32>) -> Result<Ublk, UblkError> {
        let wanted = number.map_or(Wanted::Any, Wanted::Numbered);
        let mut ublk = Ublk::prepare(device, wanted)?;
        ublk.begin()?;
        Ok(ublk)
    }

    /// Makes or adopts a block device for `device`, which waits for requests. None come before it
    /// [begins](Ublk::begin).
    ///
    /// # Errors
    /// If the driver is missing or refuses.
    pub fn prepare(device: Arc<dyn BlockDev>, wanted: Wanted) -> Result<Ublk, UblkError> {
        let handle = Handle::new(wanted, &device.info())?;
        let mut ublk = Ublk {
            handle,
            queues: Vec::new(),
            left: Arc::default(),
            claim: None,
            over: false,
        };
        let info = ublk.handle.info;
        // It can be opened once.
        let door = ublk.handle.open()?;
        for number in 0..info.queues {
            let file = door.try_clone().map_err(UblkError::Driver)?;
            let (device, left) = (device.clone(), ublk.left.clone());
            let bytes = usize::try_from(info.max_io_bytes).unwrap_or(usize::MAX);
            let queue = Queue::open(file, number, info.depth, bytes).map_err(UblkError::Driver)?;
            let serve = move || {
                if let Err(error) = queue::serve(queue, info.depth, &*device, &left) {
                    warn!(%error, "a ublk queue ended");
                }
            };
            let name = thread::Builder::new().name(format!("ublk-{number}"));
            ublk.queues
                .push(name.spawn(serve).map_err(UblkError::Driver)?);
        }
        Ok(ublk)
    }

    /// Lets its users in, or those go on who were there before. A new one is read at once: the
    /// kernel looks for partitions.
    ///
    /// # Errors
    /// If the driver refuses.
    pub fn begin(&mut self) -> Result<(), UblkError> {
        self.handle.begin()
    }

    /// Whether it was there before: it may have users who wait.
    pub fn is_adopted(&self) -> bool {
        self.handle.origin == Origin::Adopted
    }

    /// Its number.
    pub fn number(&self) -> u32 {
        self.handle.info.device
    }

    /// Its node.
    pub fn node(&self) -> PathBuf {
        node(self.number())
    }

    /// Its size, as its users see it.
    pub fn size(&self) -> SectorCount {
        SectorCount(self.handle.sectors)
    }

    /// Gives it another size, and tells its users.
    ///
    /// # Errors
    /// [`UblkError::Size`] before Linux 6.16, whose driver can not.
    pub fn resize(&mut self, size: SectorCount) -> Result<(), UblkError> {
        self.handle.resize(size.0)
    }

    /// Ends the device: its users get errors from now on, and requests under way their answers.
    ///
    /// # Errors
    /// If the driver refuses.
    pub fn stop(mut self) -> Result<(), UblkError> {
        self.end()
    }

    /// The same for whoever has [claimed](claim) it.
    ///
    /// # Errors
    /// If the driver refuses.
    pub fn stop_claimed(mut self, claim: OwnedFd) -> Result<(), UblkError> {
        self.claim = Some(claim);
        self.end()
    }

    /// Leaves the device to another server, without an answer to what is under way: it holds its
    /// requests from when this process ends.
    pub fn leave(self) {
        self.left.store(true, Ordering::SeqCst);
        // Its queues live as long as the process.
        mem::forget(self);
    }

    fn end(&mut self) -> Result<(), UblkError> {
        self.over = true;
        self.handle.stop()?;
        for queue in self.queues.drain(..) {
            // It only panics if memory is exhausted.
            let _ = queue.join();
        }
        // The driver does not delete what is open.
        self.claim = None;
        self.handle.delete();
        Ok(())
    }
}

impl Drop for Ublk {
    fn drop(&mut self) {
        if !self.over
            && let Err(error) = self.end()
        {
            warn!(%error, "a ublk device stays");
        }
    }
}

/// The node of the block device with this number.
pub fn node(number: u32) -> PathBuf {
    format!("/dev/ublkb{number}").into()
}

/// Takes the block device with this number for oneself: nobody can mount it, or claim it otherwise,
/// as long as this is open. Who only opens it still can.
///
/// # Errors
/// [`ResourceBusy`](io::ErrorKind::ResourceBusy) if it is mounted, or claimed.
pub fn claim(number: u32) -> io::Result<OwnedFd> {
    let flags = OFlags::RDONLY | OFlags::EXCL | OFlags::CLOEXEC;
    Ok(rustix::fs::open(node(number), flags, Mode::empty())?)
}

/// Whether there is a block device with this number and mark.
///
/// # Errors
/// If the driver is missing or refuses.
pub fn is_there(number: u32, mark: u64) -> Result<bool, UblkError> {
    Ok(Handle::marked(number, mark)?.is_some())
}

/// Ends a block device that lost its server, if it is there: what it holds fails. Whoever claimed it
/// hands that over.
///
/// # Errors
/// If the driver is missing or refuses.
pub fn end(number: u32, mark: u64, claim: Option<OwnedFd>) -> Result<(), UblkError> {
    let Some(mut handle) = Handle::marked(number, mark)? else {
        return Ok(());
    };
    handle.stop()?;
    drop(claim);
    handle.delete();
    Ok(())
}
