//! What a client sent and was not looked at yet.

use std::io::{self, ErrorKind, Read};

use bytes::BytesMut;

/// Bytes that are received in one system call, and kept: a batch of requests with what they write.
/// No more, so that they are in the processor's cache still when they are written.
const CAPACITY: usize = 256 << 10;

/// The most bytes that are moved to make room for more.
const MOVED_MAX: usize = 64 << 10;

/// A buffer that is filled by as few system calls as can be, and read in place.
pub(super) struct Inbox {
    bytes: Box<[u8]>,
    begin: usize,
    end: usize,
}

impl Inbox {
    pub(super) fn new() -> Inbox {
        Inbox {
            bytes: vec![0; CAPACITY].into(),
            begin: 0,
            end: 0,
        }
    }

    /// What is there.
    pub(super) fn held(&self) -> &[u8] {
        &self.bytes[self.begin..self.end]
    }

    /// Whether so many bytes can be there at once.
    pub(super) fn can_hold(&self, wanted: usize) -> bool {
        wanted <= self.bytes.len()
    }

    /// The first bytes were looked at.
    pub(super) fn advance(&mut self, count: usize) {
        self.begin += count;
        if self.begin == self.end {
            // From the front again: these bytes are still in the processor's cache.
            (self.begin, self.end) = (0, 0);
        }
    }

    /// How many bytes there is room for if there are none.
    pub(super) fn capacity(&self) -> usize {
        self.bytes.len()
    }

    /// Has nothing but what `fill` puts in, which says how many bytes these are.
    pub(super) fn refill(
        &mut self,
        fill: impl FnOnce(&mut [u8]) -> io::Result<usize>,
    ) -> io::Result<()> {
        (self.begin, self.end) = (0, 0);
        self.end = fill(&mut self.bytes)?;
        Ok(())
    }

    /// Receives until at least `wanted` bytes are there, and takes no more than `most`; false if the client
    /// ended the connection before the first of them.
    pub(super) fn fill(
        &mut self,
        stream: &mut impl Read,
        wanted: usize,
        most: usize,
    ) -> io::Result<bool> {
        let held = self.end - self.begin;
        if self.begin > 0 && (held <= MOVED_MAX || self.begin + wanted > self.bytes.len()) {
            self.bytes.copy_within(self.begin..self.end, 0);
            (self.begin, self.end) = (0, held);
        }
        let limit = self.begin.saturating_add(most).min(self.bytes.len());
        while self.end - self.begin < wanted {
            match stream.read(&mut self.bytes[self.end..limit]) {
                Ok(0) if self.begin == self.end => return Ok(false),
                Ok(0) => return Err(ErrorKind::UnexpectedEof.into()),
                Ok(count) => self.end += count,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(true)
    }

    /// Takes `size` bytes out, of which some may not have come yet.
    pub(super) fn take(&mut self, stream: &mut impl Read, size: usize) -> io::Result<BytesMut> {
        let here = size.min(self.end - self.begin);
        let mut taken = BytesMut::zeroed(size);
        taken[..here].copy_from_slice(&self.held()[..here]);
        self.advance(here);
        stream.read_exact(&mut taken[here..])?;
        Ok(taken)
    }
}
