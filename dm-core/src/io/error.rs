//! How requests end, and what is no request.

use crate::errno::Errno;

/// Why a request failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum IoError {
    /// The device says so.
    #[error("{0}")]
    Errno(Errno),
    /// A target hands the request back during a suspend without flush. The engine holds it until
    /// the device resumes; at any other time it becomes `EIO`, as in the kernel.
    #[error("handed back during a suspend")]
    Requeue,
    /// A driver dropped the request without completing it, which is a bug in that driver.
    #[error("lost by its driver")]
    Lost,
}

/// How a request ended.
pub type IoResult = Result<(), IoError>;

/// Why buffers and a range make no request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum IoShapeError {
    /// The buffers are empty or not a multiple of 512 bytes.
    #[error("a buffer of {bytes} bytes is not a whole number of sectors")]
    PartialSector {
        /// The bytes of all buffers.
        bytes: usize,
    },
    /// The range runs past the last sector number.
    #[error("the range overflows")]
    Overflow,
}

impl IoError {
    /// The errno that a user of the device sees.
    pub const fn errno(self) -> Errno {
        match self {
            IoError::Errno(errno) => errno,
            IoError::Requeue | IoError::Lost => Errno::EIO,
        }
    }
}

impl From<Errno> for IoError {
    fn from(errno: Errno) -> IoError {
        IoError::Errno(errno)
    }
}
