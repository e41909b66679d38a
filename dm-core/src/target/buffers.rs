//! A request's buffers, which need not be one.

use alloc::vec::Vec;

use crate::io::IoData;
use crate::units::SectorCount;

/// What is not longer is hashed on the thread that brings it: to hand it over would cost more.
pub(super) const HASHED_AT_ONCE: SectorCount = SectorCount(32);

/// A read's buffers as one.
pub(super) fn gathered(data: IoData) -> Vec<u8> {
    match data {
        IoData::Read(mut buffers) if buffers.len() == 1 => buffers.remove(0).into(),
        IoData::Read(buffers) => buffers.concat(),
        _ => Vec::new(),
    }
}
