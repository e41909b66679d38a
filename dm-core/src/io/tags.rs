//! The tags that go with a request's data.

use bytes::{Bytes, BytesMut};
use smallvec::SmallVec;

use crate::blockdev::TagFormat;

use super::IoData;

/// Tags that go with a request's data, for a device that keeps them: as the kernel's integrity
/// payload of a bio.
#[derive(Clone, Debug)]
pub struct IoTags {
    format: TagFormat,
    data: IoData,
}

impl IoTags {
    /// Room for the tags that a read of `bytes` gets.
    pub fn read(format: TagFormat, bytes: usize) -> IoTags {
        let buffer = BytesMut::zeroed(format.length(bytes));
        IoTags {
            format,
            data: IoData::Read(SmallVec::from_buf([buffer])),
        }
    }

    /// The tags that go with a write.
    pub fn write(format: TagFormat, tags: Bytes) -> IoTags {
        IoTags {
            format,
            data: IoData::Write(SmallVec::from_buf([tags])),
        }
    }

    /// What they are like.
    pub fn format(&self) -> TagFormat {
        self.format
    }

    /// Bytes of all.
    pub fn length(&self) -> usize {
        self.data.length()
    }

    /// All of them, one behind the other.
    pub fn gathered(&self) -> Bytes {
        match &self.data {
            IoData::None => Bytes::new(),
            IoData::Write(buffers) if buffers.len() == 1 => buffers[0].clone(),
            IoData::Write(buffers) => buffers.concat().into(),
            IoData::Read(buffers) => buffers.concat().into(),
        }
    }

    /// Puts `tags` into the place of a read's, from byte `at` on.
    pub fn fill(&mut self, at: usize, tags: &[u8]) {
        self.data.fill(at, tags);
    }

    /// Takes those of the first `bytes` of data off.
    pub(super) fn split_front(&mut self, bytes: usize) -> IoTags {
        let length = self.format.length(bytes).min(self.data.length());
        IoTags {
            format: self.format,
            data: self.data.split_front(length),
        }
    }

    /// Puts `next` behind these.
    pub fn append(&mut self, next: IoTags) {
        self.data.append(next.data);
    }
}
