//! Requests that are waited for.

use std::sync::{Arc, Condvar, Mutex, PoisonError};

use bytes::{Bytes, BytesMut};

use crate::errno::Errno;
use crate::io::{Io, IoData, IoError, IoFlags, IoResult};
use crate::units::{Sector, SectorRange};

use super::{BlockDev, Haste, Quick};

/// Waits for a device's answer: reads and writes as a file has them.
///
/// Not to be called from a completion.
pub trait Blocking: BlockDev {
    /// Submits `io` and waits until it is done.
    fn run(&self, io: Io) -> (Io, IoResult) {
        let slot = Arc::new((Mutex::new(None), Condvar::new()));
        let filled = slot.clone();
        self.submit(io.on_complete(move |io, result| {
            *filled.0.lock().unwrap_or_else(PoisonError::into_inner) = Some((io, result));
            filled.1.notify_one();
        }));
        let mut done = slot.0.lock().unwrap_or_else(PoisonError::into_inner);
        loop {
            match done.take() {
                Some(end) => return end,
                None => done = slot.1.wait(done).unwrap_or_else(PoisonError::into_inner),
            }
        }
    }

    /// Fills `buffer` from `start` on.
    ///
    /// # Errors
    /// What the device answers; `EINVAL` if the buffer is no whole number of sectors.
    fn read_at(&self, start: Sector, buffer: &mut [u8]) -> IoResult {
        if self.quick(start, Quick::Read(buffer), Haste::CallerWaits) {
            return Ok(());
        }
        let io = Io::read(start, BytesMut::zeroed(buffer.len())).map_err(|_| Errno::EINVAL)?;
        let (mut io, result) = self.run(io);
        result?;
        if let IoData::Read(filled) = io.take_data() {
            let mut rest = buffer;
            for part in filled {
                let (head, tail) = rest.split_at_mut(part.len());
                head.copy_from_slice(&part);
                rest = tail;
            }
        }
        Ok(())
    }

    /// Stores `buffer` from `start` on.
    ///
    /// # Errors
    /// What the device answers; `EINVAL` if the buffer is no whole number of sectors.
    fn write_at(&self, start: Sector, buffer: &[u8], flags: IoFlags) -> IoResult {
        if flags.is_empty() && self.quick(start, Quick::Write(buffer), Haste::CallerWaits) {
            return Ok(());
        }
        let io = Io::write(start, Bytes::copy_from_slice(buffer)).map_err(|_| Errno::EINVAL)?;
        self.run(io.with_flags(flags)).1
    }

    /// Makes durable what was written.
    ///
    /// # Errors
    /// What the device answers.
    fn flush(&self) -> IoResult {
        self.run(Io::flush()).1
    }

    /// Gives `range` up.
    ///
    /// # Errors
    /// What the device answers.
    fn discard(&self, range: SectorRange) -> IoResult {
        self.run(Io::discard(range)).1
    }

    /// Makes `range` read as zeroes.
    ///
    /// # Errors
    /// What the device answers.
    fn write_zeroes(&self, range: SectorRange, flags: IoFlags) -> IoResult {
        self.run(Io::write_zeroes(range).with_flags(flags)).1
    }
}

impl<D: BlockDev + ?Sized> Blocking for D {}

impl From<IoError> for std::io::Error {
    fn from(error: IoError) -> std::io::Error {
        std::io::Error::other(error)
    }
}
