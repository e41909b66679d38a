//! A mapped device as a block device of Linux, through the kernel's ublk driver.
//!
//! # Shape
//! The driver gives requests to queues, one for each processor and at most four. Each queue has a
//! thread, a ring of io_uring, and [`DEPTH`] buffers of [`REQUEST_MAX`] bytes, which are all the
//! memory that reads and writes take which the device can do at once; one that takes longer has a
//! buffer of its own besides. What other threads complete is answered by the queue's own.
//!
//! When the server dies, the device stays and holds its requests. A new server adopts it by its
//! number, and gets those again that were not answered.
//!
//! # Source
//! `Documentation/block/ublk.rst`.

mod abi;
mod control;
mod queue;
mod sys;

use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::thread::{self, JoinHandle};

use dm_core::blockdev::BlockDev;
use tracing::warn;

use self::control::Handle;
use self::sys::Queue;

/// Requests of a queue that are under way at a time.
pub const DEPTH: u16 = 64;

/// The most bytes that one request reads or writes.
pub const REQUEST_MAX: u32 = 256 << 10;

/// A block device that is served.
pub struct Ublk {
    handle: Handle,
    queues: Vec<JoinHandle<()>>,
    stopped: bool,
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
        let handle = Handle::new(number, &device.info())?;
        let mut ublk = Ublk {
            handle,
            queues: Vec::new(),
            stopped: false,
        };
        let info = ublk.handle.info;
        // It can be opened once.
        let door = ublk.handle.open()?;
        for number in 0..info.queues {
            let file = door.try_clone().map_err(UblkError::Driver)?;
            let device = device.clone();
            let bytes = usize::try_from(info.max_io_bytes).unwrap_or(usize::MAX);
            let queue = Queue::open(file, number, info.depth, bytes).map_err(UblkError::Driver)?;
            let serve = move || {
                if let Err(error) = queue::serve(queue, info.depth, &*device) {
                    warn!(%error, "a ublk queue ended");
                }
            };
            let name = thread::Builder::new().name(format!("ublk-{number}"));
            ublk.queues
                .push(name.spawn(serve).map_err(UblkError::Driver)?);
        }
        drop(door);
        ublk.handle.begin()?;
        Ok(ublk)
    }

    /// Its number.
    pub fn number(&self) -> u32 {
        self.handle.info.device
    }

    /// Its node.
    pub fn node(&self) -> PathBuf {
        format!("/dev/ublkb{}", self.number()).into()
    }

    /// Ends the device: its users get errors from now on, and requests under way their answers.
    ///
    /// # Errors
    /// If the driver refuses.
    pub fn stop(mut self) -> Result<(), UblkError> {
        self.end()
    }

    fn end(&mut self) -> Result<(), UblkError> {
        self.stopped = true;
        self.handle.stop()?;
        for queue in self.queues.drain(..) {
            // It only panics if memory is exhausted.
            let _ = queue.join();
        }
        self.handle.delete();
        Ok(())
    }
}

impl Drop for Ublk {
    fn drop(&mut self) {
        if !self.stopped
            && let Err(error) = self.end()
        {
            warn!(%error, "a ublk device stays");
        }
    }
}
