//! Reads and writes that take no waiting, of buffers that the caller keeps.

#[cfg(feature = "std")]
use std::os::fd::BorrowedFd;

use crate::units::SectorCount;

/// The buffer of a read or a write that is done at once or not at all: whole sectors.
#[derive(Debug)]
pub enum Quick<'a> {
    /// To be filled.
    Read(&'a mut [u8]),
    /// To be stored.
    Write(&'a [u8]),
    /// To be moved into a pipe, without a copy: what comes out of it is what is stored there when it
    /// comes out. If it is not done, part of it may be in the pipe.
    #[cfg(feature = "std")]
    IntoPipe(BorrowedFd<'a>, SectorCount),
    /// To be stored out of a pipe that holds as much. If it is not done, what is not in the pipe any more is
    /// stored.
    #[cfg(feature = "std")]
    FromPipe(BorrowedFd<'a>, SectorCount),
}

/// How a read or a write is to be done at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Haste {
    /// Without waiting for a disk.
    AtOnce,
    /// On the caller's thread, which has nothing else to do.
    CallerWaits,
}

impl<'a> Quick<'a> {
    /// How many sectors it holds; `None` if they are not whole, or there are none.
    pub fn sectors(&self) -> Option<SectorCount> {
        let bytes = match self {
            Quick::Read(buffer) => buffer.len(),
            Quick::Write(buffer) => buffer.len(),
            #[cfg(feature = "std")]
            Quick::IntoPipe(_, sectors) | Quick::FromPipe(_, sectors) => {
                return Some(*sectors).filter(|it| !it.is_zero());
            }
        };
        SectorCount::from_buffer_length(bytes).filter(|sectors| !sectors.is_zero())
    }

    /// Whether it stores.
    pub fn is_write(&self) -> bool {
        match self {
            Quick::Read(_) => false,
            Quick::Write(_) => true,
            #[cfg(feature = "std")]
            Quick::IntoPipe(..) => false,
            #[cfg(feature = "std")]
            Quick::FromPipe(..) => true,
        }
    }

    /// The first `sectors` of it, and the rest.
    ///
    /// # Panics
    /// If it does not hold so many.
    #[must_use]
    pub fn split_at(self, sectors: SectorCount) -> (Quick<'a>, Quick<'a>) {
        let bytes = sectors.buffer_length().unwrap_or(usize::MAX);
        #[cfg(feature = "std")]
        let behind =
            |all: SectorCount| SectorCount(all.0.checked_sub(sectors.0).expect("it holds so many"));
        match self {
            Quick::Read(buffer) => {
                let (front, rest) = buffer.split_at_mut(bytes);
                (Quick::Read(front), Quick::Read(rest))
            }
            Quick::Write(buffer) => {
                let (front, rest) = buffer.split_at(bytes);
                (Quick::Write(front), Quick::Write(rest))
            }
            #[cfg(feature = "std")]
            Quick::IntoPipe(pipe, all) => (
                Quick::IntoPipe(pipe, sectors),
                Quick::IntoPipe(pipe, behind(all)),
            ),
            #[cfg(feature = "std")]
            Quick::FromPipe(pipe, all) => (
                Quick::FromPipe(pipe, sectors),
                Quick::FromPipe(pipe, behind(all)),
            ),
        }
    }
}
