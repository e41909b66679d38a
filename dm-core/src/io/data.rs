//! The buffers of a request.

use bytes::{Bytes, BytesMut};
use smallvec::SmallVec;

/// The buffers of a request, which it owns until it completes.
#[derive(Clone, Debug, Default)]
pub enum IoData {
    /// None: flush, discard, write-zeroes.
    #[default]
    None,
    /// Where a read goes, in the order of the range.
    Read(SmallVec<[BytesMut; 1]>),
    /// What a write stores, in the order of the range. Shared, so that a mirror can send it twice.
    Write(SmallVec<[Bytes; 1]>),
}

impl IoData {
    /// Bytes in all buffers.
    pub fn length(&self) -> usize {
        match self {
            IoData::None => 0,
            IoData::Read(buffers) => buffers.iter().map(BytesMut::len).sum(),
            IoData::Write(buffers) => buffers.iter().map(Bytes::len).sum(),
        }
    }

    /// Puts `bytes` into a read's buffers, from byte `at` on, as far as there is room.
    pub fn fill(&mut self, at: usize, bytes: &[u8]) {
        let IoData::Read(buffers) = self else {
            return;
        };
        let (mut skip, mut rest) = (at, bytes);
        for buffer in buffers {
            let there = buffer.get_mut(skip..).unwrap_or_default();
            let now = there.len().min(rest.len());
            there[..now].copy_from_slice(&rest[..now]);
            (skip, rest) = (skip.saturating_sub(buffer.len()), &rest[now..]);
        }
    }

    /// Takes the first `bytes` off the front, without copying.
    pub(super) fn split_front(&mut self, bytes: usize) -> IoData {
        match self {
            IoData::None => IoData::None,
            IoData::Read(buffers) => IoData::Read(split_buffers(
                buffers,
                bytes,
                BytesMut::len,
                BytesMut::split_to,
            )),
            IoData::Write(buffers) => {
                IoData::Write(split_buffers(buffers, bytes, Bytes::len, Bytes::split_to))
            }
        }
    }

    /// Puts `next` behind these buffers; neighbours of one allocation become one buffer again.
    pub fn append(&mut self, next: IoData) {
        match (&mut *self, next) {
            (IoData::Read(buffers), IoData::Read(next)) => {
                for buffer in next {
                    match buffers.last_mut() {
                        Some(last) if last.as_ptr_range().end == buffer.as_ptr() => {
                            last.unsplit(buffer);
                        }
                        _ => buffers.push(buffer),
                    }
                }
            }
            (IoData::Write(buffers), IoData::Write(next)) => buffers.extend(next),
            (IoData::None, next) => *self = next,
            (_, _) => {}
        }
    }
}

/// Moves whole buffers, and a part of the one that `bytes` ends in, from the front of `from`.
fn split_buffers<B>(
    from: &mut SmallVec<[B; 1]>,
    bytes: usize,
    length: fn(&B) -> usize,
    split_to: fn(&mut B, usize) -> B,
) -> SmallVec<[B; 1]> {
    let mut front = SmallVec::new();
    let mut wanted = bytes;
    let mut whole = 0;
    for buffer in from.iter_mut() {
        if wanted < length(buffer) {
            if wanted > 0 {
                front.push(split_to(buffer, wanted));
            }
            wanted = 0;
            break;
        }
        wanted -= length(buffer);
        whole += 1;
    }
    assert_eq!(wanted, 0, "a request holds as many bytes as its range");
    let partial = front.pop();
    front.extend(from.drain(..whole));
    front.extend(partial);
    front
}
