//! Requests that the kernel works on while no thread waits for them.

use std::io;
use std::sync::Arc;

use bytes::{Buf, BytesMut};
use smallvec::SmallVec;

use crate::blockdev::cut::Cut;
use crate::errno::Errno;
use crate::io::{Io, IoData, IoError, IoFlags, IoOp, IoResult};
use crate::sys::ring::{Ring, Transfer, ring};
use crate::units::SECTOR_SHIFT;

use super::direct::{ALIGNMENT, CHUNK};
use super::{Caching, Inner, io_error};

/// Where requests wait.
pub(super) struct Kernel(&'static Ring);

/// A request and how far it is.
struct Job {
    ring: &'static Ring,
    inner: Arc<Inner>,
    io: Io,
    /// Bytes of the request.
    all: usize,
    /// Bytes that are done.
    done: usize,
    /// Bytes of the transfer under way, which begins there, that are done.
    part: usize,
}

impl Kernel {
    /// The kernel's, if it has io_uring.
    pub(super) fn there() -> Option<Kernel> {
        ring().map(Kernel)
    }

    /// Starts a read, a write or a flush.
    pub(super) fn submit(&self, inner: Arc<Inner>, io: Io) {
        let all = io.data().length();
        let job = Job {
            ring: self.0,
            inner,
            io,
            all,
            done: 0,
            part: 0,
        };
        job.go_on();
    }
}

impl Job {
    /// Starts the next transfer, or ends the request.
    fn go_on(mut self) {
        let durable = self.io.op() == IoOp::Flush || self.io.flags().contains(IoFlags::FUA);
        let data = match (self.done < self.all, self.inner.caching) {
            (true, Caching::PageCache) => self.io.take_data(),
            (true, Caching::Direct) => self.aligned(),
            (false, _) if durable => IoData::None,
            (false, _) => return self.end(Ok(())),
        };
        self.transfer(data);
    }

    /// Asks the kernel to move what is left of `data`.
    fn transfer(self, data: IoData) {
        let begin = self.io.range().start().0 << SECTOR_SHIFT;
        let ring = self.ring;
        ring.push(Transfer {
            file: self.inner.file.clone(),
            at: begin + self.done as u64,
            skip: self.part,
            data,
            ended: Box::new(move |data, moved| self.moved(data, moved)),
        });
    }

    fn moved(mut self, data: IoData, moved: io::Result<usize>) {
        match moved {
            // It is durable now.
            Ok(_) if self.done == self.all => return self.end(Ok(())),
            Ok(0) => return self.fail(data, Errno::EIO.into()),
            Ok(count) => self.part += count,
            Err(error) if again(&error) => return self.transfer(data),
            Err(error) => return self.fail(data, io_error(&error)),
        }
        let length = data.length();
        if self.part < length {
            return self.transfer(data);
        }
        self.settle(data);
        self.done += length;
        self.part = 0;
        self.go_on();
    }

    fn fail(mut self, data: IoData, error: IoError) {
        if self.inner.caching == Caching::PageCache && self.done < self.all {
            self.io.set_data(data);
        }
        self.end(Err(error));
    }

    /// Ends the request. The file is let go of first: who waited may count on it to be closed next.
    fn end(self, result: IoResult) {
        let Job { inner, io, .. } = self;
        drop(inner);
        io.complete(result);
    }

    /// Memory at whole pages for the next part, with what is to be written.
    fn aligned(&mut self) -> IoData {
        let length = (self.all - self.done).min(CHUNK);
        let mut bytes = BytesMut::zeroed(length + ALIGNMENT);
        bytes.advance(bytes.as_ptr().align_offset(ALIGNMENT).min(ALIGNMENT));
        bytes.truncate(length);
        let mut cut = Cut {
            skip: self.done,
            left: length,
        };
        match self.io.data() {
            IoData::Write(buffers) => {
                let mut filled = 0;
                for buffer in buffers {
                    let from = &buffer[cut.of(buffer.len())];
                    bytes[filled..][..from.len()].copy_from_slice(from);
                    filled += from.len();
                }
                IoData::Write(SmallVec::from_buf([bytes.freeze()]))
            }
            _ => IoData::Read(SmallVec::from_buf([bytes])),
        }
    }

    /// Takes back what a transfer moved.
    fn settle(&mut self, data: IoData) {
        if self.inner.caching == Caching::PageCache {
            return self.io.set_data(data);
        }
        let (IoData::Read(parts), IoData::Read(buffers)) = (&data, self.io.data_mut()) else {
            return;
        };
        let mut cut = Cut {
            skip: self.done,
            left: data.length(),
        };
        let mut rest: &[u8] = parts.first().map_or(&[], |part| part);
        for buffer in buffers {
            let range = cut.of(buffer.len());
            let (front, behind) = rest.split_at(range.len());
            buffer[range].copy_from_slice(front);
            rest = behind;
        }
    }
}

/// Whether a transfer is to be tried anew.
fn again(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::Interrupted | io::ErrorKind::WouldBlock
    )
}
