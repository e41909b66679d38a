//! A request's buffers, which need not be one.

use alloc::vec::Vec;

use bytes::BytesMut;

use crate::io::IoData;

/// A read's buffers as one.
pub(super) fn gathered(data: IoData) -> Vec<u8> {
    match data {
        IoData::Read(mut buffers) if buffers.len() == 1 => buffers.remove(0).into(),
        IoData::Read(buffers) => buffers.concat(),
        _ => Vec::new(),
    }
}

/// Puts `bytes` into buffers, from `offset` on, as far as they reach.
pub(super) fn store(buffers: &mut [BytesMut], mut offset: usize, mut bytes: &[u8]) {
    for buffer in buffers {
        let skip = offset.min(buffer.len());
        let place = &mut buffer[skip..];
        let (now, later) = bytes.split_at(bytes.len().min(place.len()));
        place[..now.len()].copy_from_slice(now);
        offset -= skip;
        bytes = later;
    }
}
