//! One request to a block device, from submission to its single completion.

mod data;
mod error;
mod tags;

use alloc::boxed::Box;
use core::fmt;
use core::mem;

use bytes::{Bytes, BytesMut};
use smallvec::SmallVec;

use crate::units::{Sector, SectorCount, SectorRange};

pub use data::IoData;
pub use error::{IoError, IoResult, IoShapeError};
pub use tags::IoTags;

/// What a request does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum IoOp {
    /// Fill the buffers from the range.
    Read,
    /// Store the buffers to the range.
    Write,
    /// Make all that was completed before durable. It has no range.
    Flush,
    /// The range's content is no longer needed. Advisory: a device may ignore it.
    Discard,
    /// The range reads as zeroes from now on. Not advisory.
    WriteZeroes,
}

bitflags::bitflags! {
    /// How a request is done.
    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
    pub struct IoFlags: u8 {
        /// Durable before the completion (force unit access).
        const FUA = 1 << 0;
        /// Write-zeroes keeps the space allocated.
        const NO_UNMAP = 1 << 1;
    }
}

/// Called once with the request and how it ended.
///
/// It may run on any thread, and within `submit` itself: it must not block for long, nor wait for
/// another request.
pub type Completion = Box<dyn FnOnce(Io, IoResult) + Send>;

/// One request, as the kernel's bio: what, where, how, with which buffers, and what then.
///
/// The completion fires exactly once: on [`Io::complete`], or with [`IoError::Lost`] if the
/// request is dropped before, so that a bug in a driver shows and nobody hangs.
pub struct Io {
    op: IoOp,
    flags: IoFlags,
    range: SectorRange,
    data: IoData,
    tags: Option<Box<IoTags>>,
    token: u64,
    completion: Option<Completion>,
}

impl Io {
    /// Reads as much as `buffer` holds, from `start` on.
    ///
    /// # Errors
    /// [`IoShapeError`] if the buffer is no whole number of sectors, or the range overflows.
    pub fn read(start: Sector, buffer: BytesMut) -> Result<Io, IoShapeError> {
        let range = range_of(start, buffer.len())?;
        Ok(Io::new(
            IoOp::Read,
            range,
            IoData::Read(SmallVec::from_buf([buffer])),
        ))
    }

    /// Writes all of `buffer`, from `start` on.
    ///
    /// # Errors
    /// [`IoShapeError`] if the buffer is no whole number of sectors, or the range overflows.
    pub fn write(start: Sector, buffer: Bytes) -> Result<Io, IoShapeError> {
        let range = range_of(start, buffer.len())?;
        Ok(Io::new(
            IoOp::Write,
            range,
            IoData::Write(SmallVec::from_buf([buffer])),
        ))
    }

    /// Makes durable what was completed before.
    pub fn flush() -> Io {
        Io::new(IoOp::Flush, SectorRange::default(), IoData::None)
    }

    /// Gives `range` up.
    pub fn discard(range: SectorRange) -> Io {
        Io::new(IoOp::Discard, range, IoData::None)
    }

    /// Makes `range` read as zeroes.
    pub fn write_zeroes(range: SectorRange) -> Io {
        Io::new(IoOp::WriteZeroes, range, IoData::None)
    }

    /// A request over several buffers, for a driver that builds its own.
    ///
    /// # Errors
    /// [`IoShapeError`] if the buffers are no whole number of sectors, or the range overflows.
    pub fn with_data(op: IoOp, start: Sector, data: IoData) -> Result<Io, IoShapeError> {
        let range = range_of(start, data.length())?;
        Ok(Io::new(op, range, data))
    }

    fn new(op: IoOp, range: SectorRange, data: IoData) -> Io {
        Io {
            op,
            flags: IoFlags::empty(),
            range,
            data,
            tags: None,
            token: 0,
            completion: None,
        }
    }

    /// The same request with `flags`.
    #[must_use]
    pub fn with_flags(mut self, flags: IoFlags) -> Io {
        self.flags = flags;
        self
    }

    /// The same request with what is to happen at its end.
    ///
    /// # Panics
    /// If it has a completion already: two owners would both wait for it.
    #[must_use]
    pub fn on_complete(mut self, completion: impl FnOnce(Io, IoResult) + Send + 'static) -> Io {
        self.set_completion(Box::new(completion));
        self
    }

    pub(crate) fn set_completion(&mut self, completion: Completion) {
        assert!(self.completion.is_none(), "a request has one completion");
        self.completion = Some(completion);
    }

    /// Takes the completion out, to put one's own before it.
    pub(crate) fn take_completion(&mut self) -> Option<Completion> {
        self.completion.take()
    }

    /// What it does.
    pub fn op(&self) -> IoOp {
        self.op
    }

    /// How it is done.
    pub fn flags(&self) -> IoFlags {
        self.flags
    }

    /// Where it goes.
    pub fn range(&self) -> SectorRange {
        self.range
    }

    /// Whether it changes what the device holds.
    pub fn is_write(&self) -> bool {
        matches!(self.op, IoOp::Write | IoOp::Discard | IoOp::WriteZeroes)
    }

    /// Its buffers.
    pub fn data(&self) -> &IoData {
        &self.data
    }

    /// Its buffers, to be filled.
    pub fn data_mut(&mut self) -> &mut IoData {
        &mut self.data
    }

    /// Its buffers, taken out: after the end, or by a target that sends others in their place.
    pub fn take_data(&mut self) -> IoData {
        mem::take(&mut self.data)
    }

    /// Puts buffers back that [`Io::take_data`] took.
    pub fn set_data(&mut self, data: IoData) {
        self.data = data;
    }

    /// The tags that go with its data: those of a write to be stored, those of a read to be
    /// filled.
    pub fn tags(&self) -> Option<&IoTags> {
        self.tags.as_deref()
    }

    /// The tags, to be filled.
    pub fn tags_mut(&mut self) -> Option<&mut IoTags> {
        self.tags.as_deref_mut()
    }

    /// Its tags, taken out.
    pub fn take_tags(&mut self) -> Option<Box<IoTags>> {
        self.tags.take()
    }

    /// Has tags go with its data, in place of those that did.
    pub fn set_tags(&mut self, tags: Option<Box<IoTags>>) {
        self.tags = tags;
    }

    /// Sends it elsewhere.
    ///
    /// # Panics
    /// If the range overflows there, which table checking rules out.
    pub fn move_to(&mut self, start: Sector) {
        self.range = self
            .range
            .moved_to(start)
            .expect("a mapped range stays within 64 bits");
    }

    /// Does it in another way.
    pub fn set_flags(&mut self, flags: IoFlags) {
        self.flags = flags;
    }

    /// Cuts the first `count` sectors off as a request of their own, without a completion. No
    /// bytes are copied.
    pub(crate) fn split_front(&mut self, count: SectorCount) -> Io {
        let (front, rest) = self.range.split_at(count);
        let bytes = count.buffer_length().unwrap_or(usize::MAX);
        self.range = rest;
        Io {
            op: self.op,
            flags: self.flags,
            range: front,
            data: self.data.split_front(bytes),
            tags: self
                .tags
                .as_mut()
                .map(|tags| Box::new(tags.split_front(bytes))),
            token: 0,
            completion: None,
        }
    }

    /// The same request as a new one without a completion. The buffers go with it; this one keeps
    /// its completion and its place.
    pub(crate) fn take_body(&mut self) -> Io {
        Io {
            op: self.op,
            flags: self.flags,
            range: self.range,
            data: mem::take(&mut self.data),
            tags: self.tags.take(),
            token: 0,
            completion: None,
        }
    }

    /// What the target that saw it last noted down.
    pub fn token(&self) -> u64 {
        self.token
    }

    /// Notes something down for the time when it comes back, such as the path that it took. Each
    /// mapped device that a request crosses keeps a note of its own.
    pub fn set_token(&mut self, token: u64) {
        self.token = token;
    }

    /// Ends the request.
    pub fn complete(mut self, result: IoResult) {
        if let Some(completion) = self.completion.take() {
            completion(self, result);
        }
    }

    /// Fills a read's buffers with zeroes.
    pub fn fill_zero(&mut self) {
        if let IoData::Read(buffers) = &mut self.data {
            for buffer in buffers {
                buffer.fill(0);
            }
        }
    }
}

fn range_of(start: Sector, bytes: usize) -> Result<SectorRange, IoShapeError> {
    match SectorCount::from_buffer_length(bytes) {
        Some(length) if !length.is_zero() => {
            SectorRange::new(start, length).ok_or(IoShapeError::Overflow)
        }
        _ => Err(IoShapeError::PartialSector { bytes }),
    }
}

impl Drop for Io {
    fn drop(&mut self) {
        if let Some(completion) = self.completion.take() {
            let token = self.token;
            let mut lost = self.take_body();
            lost.token = token;
            completion(lost, Err(IoError::Lost));
        }
    }
}

/// Without the bytes: they are the user's.
impl fmt::Debug for Io {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} {}", self.op, self.range)?;
        match self.flags.is_empty() {
            true => Ok(()),
            false => write!(f, " {:?}", self.flags),
        }
    }
}

#[cfg(test)]
mod tests {
    use alloc::sync::Arc;
    use alloc::vec::Vec;
    use core::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    fn numbered(sectors: usize) -> BytesMut {
        (0..sectors * 512)
            .map(|i| u8::try_from(i / 512).unwrap())
            .collect()
    }

    #[test]
    fn dropped_request_completes_as_lost() {
        let seen = Arc::new(AtomicUsize::new(0));
        let count = seen.clone();
        let io = Io::flush().on_complete(move |_, result| {
            assert_eq!(result, Err(IoError::Lost));
            count.fetch_add(1, Ordering::SeqCst);
        });
        drop(io);
        assert_eq!(seen.load(Ordering::SeqCst), 1);
    }

    #[test]
    fn completion_fires_once() {
        let seen = Arc::new(AtomicUsize::new(0));
        let count = seen.clone();
        let io = Io::flush().on_complete(move |io, _| {
            count.fetch_add(1, Ordering::SeqCst);
            io.complete(Ok(()));
        });
        io.complete(Ok(()));
        assert_eq!(seen.load(Ordering::SeqCst), 1);
    }

    #[test]
    fn split_and_append_restore_one_buffer_without_copying() {
        let buffer = numbered(8);
        let place = buffer.as_ptr();
        let mut io = Io::read(Sector(10), buffer).unwrap();
        let mut front = io.split_front(SectorCount(3));
        assert_eq!(
            (front.range().start(), front.range().length()),
            (Sector(10), SectorCount(3))
        );
        assert_eq!(
            (io.range().start(), io.range().length()),
            (Sector(13), SectorCount(5))
        );
        let mut data = front.take_data();
        data.append(io.take_data());
        let IoData::Read(buffers) = data else {
            panic!()
        };
        assert_eq!(buffers.len(), 1);
        assert_eq!(buffers[0].as_ptr(), place);
        assert_eq!(buffers[0], numbered(8));
    }

    #[test]
    fn split_cuts_through_several_buffers() {
        let all = numbered(6).freeze();
        let parts = [0..512, 512..2048, 2048..3072].map(|part| all.slice(part));
        let data = IoData::Write(parts.into_iter().collect());
        let mut io = Io::with_data(IoOp::Write, Sector(0), data).unwrap();
        let front = io.split_front(SectorCount(2));
        let bytes = |io: &Io| -> Vec<u8> {
            let IoData::Write(buffers) = io.data() else {
                panic!()
            };
            buffers
                .iter()
                .flat_map(|buffer| buffer.iter().copied())
                .collect()
        };
        assert_eq!(bytes(&front), &all[..1024]);
        assert_eq!(bytes(&io), &all[1024..]);
    }

    #[test]
    fn partial_sector_is_no_request() {
        assert!(matches!(
            Io::read(Sector(0), BytesMut::zeroed(100)),
            Err(IoShapeError::PartialSector { bytes: 100 })
        ));
        assert!(Io::read(Sector(0), BytesMut::new()).is_err());
    }
}
