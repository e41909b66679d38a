//! A request's way: its range is taken, data moves, tags are compared or stored.
//!
//! Tags that share sectors with others' are read and written back under a lock of their own.

use std::borrow::Cow;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use crate::errno::Errno;
use crate::format::integrity::DISCARDED;
use crate::io::{Io, IoData, IoFlags, IoOp, IoResult};
use crate::locks::lock;
use crate::target::buffers::{HASHED_AT_ONCE, gathered};
use crate::typed::integrity::Mode;
use crate::units::{Sector, SectorCount, SectorRange};

use super::core::{Core, Span, sectors, written};

/// Blocks that the journal has.
pub(super) type Overlay = Vec<Over>;

/// A block that the journal has: which one of a request, its bytes and its tag.
pub(super) struct Over {
    pub(super) block: usize,
    pub(super) bytes: Vec<u8>,
    pub(super) tag: Vec<u8>,
}

impl Core {
    /// Starts a request for whole blocks that lie in one area.
    pub(super) fn start(self: Arc<Self>, io: Io) {
        if let Some(errno) = self.failure() {
            return io.complete(Err(errno.into()));
        }
        if self.parts.journaling.is_some() && io.op() != IoOp::Read && !self.keeper.runs() {
            // The device was taken away under its users.
            return io.complete(Err(Errno::EIO.into()));
        }
        match (io.op(), &self.parts.journaling) {
            (IoOp::Read, _) => {
                let (core, range) = (self.clone(), sectors(&io));
                let work = move || core.read(io);
                self.requests.take(range, Box::new(work));
            }
            (IoOp::Discard, Some(_)) => self.keeper.discard(io),
            // The range is taken when it is written to its place.
            (_, Some(_)) => {
                let core = self.clone();
                self.hash(io.range().length(), move || core.journal(io));
            }
            (_, None) => {
                let (core, range) = (self.clone(), sectors(&io));
                let work = move || {
                    let next = core.clone();
                    core.hash(io.range().length(), move || next.write_marked(io));
                };
                self.requests.take(range, Box::new(work));
            }
        }
    }

    fn finish(&self, io: Io, result: IoResult) {
        self.requests.give(&sectors(&io), &*self.host);
        io.complete(result);
    }

    /// Puts a write into the journal.
    fn journal(&self, io: Io) {
        let data = written(&io);
        let tags = self.tags_for(&io, &data);
        self.write_to_journal(io, data, tags);
    }

    fn read(self: Arc<Self>, mut io: Io) {
        let at = self.layout().data(io.range().start());
        // What comes into the journal from now on need not be seen.
        let overlay = self.overlay(sectors(&io));
        let Ok(below) = Io::with_data(IoOp::Read, at, io.take_data()) else {
            return self.finish(io, Err(Errno::EIO.into()));
        };
        let core = self.clone();
        self.data()
            .dev()
            .submit(below.on_complete(move |mut below, result| {
                io.set_data(below.take_data());
                let checks = core.parts.hash.is_some() && core.parts.mode != Mode::Recovery;
                match result {
                    Ok(()) if checks || io.tags().is_some() => core.read_tags(io, overlay),
                    Ok(()) => {
                        core.lay_over(&mut io, &overlay);
                        core.finish(io, Ok(()));
                    }
                    result => core.finish(io, result),
                }
            }));
    }

    fn read_tags(self: Arc<Self>, mut io: Io, overlay: Overlay) {
        let span = self.span(&io);
        let Some(below) = span.read() else {
            return self.finish(io, Err(Errno::EIO.into()));
        };
        let core = self.clone();
        self.meta()
            .dev()
            .submit(below.on_complete(move |mut below, result| {
                let there = gathered(below.take_data());
                let next = core.clone();
                next.hash(io.range().length(), move || match result {
                    Ok(()) => {
                        let there = &there[span.skip..][..span.bytes];
                        let result = match io.tags_mut() {
                            Some(tags) => {
                                tags.fill(0, there);
                                Ok(())
                            }
                            None => core.compare(&io, there, &overlay),
                        };
                        core.lay_over(&mut io, &overlay);
                        core.finish(io, result);
                    }
                    result => core.finish(io, result),
                });
            }));
    }

    /// Does work on so much of data, on a worker if it is much.
    fn hash(&self, length: SectorCount, work: impl FnOnce() + Send + 'static) {
        match length <= HASHED_AT_ONCE {
            true => work(),
            false => self.host.compute(Box::new(work)),
        }
    }

    /// Whether a read's data has these tags, but for what is laid over it.
    fn compare(&self, io: &Io, there: &[u8], overlay: &Overlay) -> IoResult {
        let size = self.layout().tag_size();
        let first = io.range().start().0;
        let tags = self.tags_of(first, &read_bytes(io));
        if tags == there {
            return Ok(());
        }
        let recalculated = self.recalculated();
        let pairs = tags.chunks_exact(size).zip(there.chunks_exact(size));
        for (at, (tag, there)) in pairs.enumerate() {
            let discarded = self.parts.discards && there.iter().all(|byte| *byte == DISCARDED);
            if tag == there || discarded || overlay.iter().any(|over| over.block == at) {
                continue;
            }
            let sector = first + ((at as u64) << self.layout().block_shift());
            if recalculated.is_some_and(|end| sector >= end) || self.is_stale(sector) {
                continue;
            }
            self.mismatches.fetch_add(1, Ordering::Relaxed);
            let device = self.data().number();
            tracing::error!(%device, sector, "integrity: a tag is wrong");
            return Err(Errno::EILSEQ.into());
        }
        Ok(())
    }

    /// Whether the bitmap says that a sector's tag may be wrong.
    fn is_stale(&self, sector: u64) -> bool {
        let Some(bitmaps) = &self.parts.bitmaps else {
            return false;
        };
        !lock(&bitmaps.bits).stale.none(sector..sector + 1)
    }

    /// Writes data and tags, behind the bit that says so.
    fn write_marked(self: Arc<Self>, io: Io) {
        let range = sectors(&io);
        self.when_marked(range, |core, result| match result {
            Ok(()) => core.write(io),
            result => core.finish(io, result),
        });
    }

    fn write(self: Arc<Self>, io: Io) {
        let range = io.range();
        let at = self.layout().data(range.start());
        let (tags, below) = if io.op() == IoOp::Discard {
            let tags = vec![DISCARDED; self.span(&io).bytes];
            (tags, SectorRange::new(at, range.length()).map(Io::discard))
        } else {
            let data = written(&io);
            let tags = self.tags_for(&io, &data);
            (tags, Io::write(at, data).ok())
        };
        let Some(below) = below else {
            return self.finish(io, Err(Errno::EIO.into()));
        };
        // Zeroes that must be stored keep their space: what is below is a write.
        let below = below.with_flags(io.flags() & IoFlags::FUA);
        let core = self.clone();
        self.data()
            .dev()
            .submit(below.on_complete(move |_, result| match result {
                // Without a hash, tags are those that came with the request, if any did.
                Ok(()) if core.parts.hash.is_some() || io.tags().is_some() => {
                    core.store(io, tags);
                }
                result => core.finish(io, result),
            }));
    }

    /// Stores tags among those that share their sectors.
    fn store(self: Arc<Self>, io: Io, tags: Vec<u8>) {
        let span = self.span(&io);
        let core = self.clone();
        let range = span.sectors.clone();
        let work = move || {
            let Some(below) = span.read() else {
                return core.stored(&span, io, Err(Errno::EIO.into()));
            };
            let next = core.clone();
            core.meta()
                .dev()
                .submit(below.on_complete(move |mut below, result| {
                    let mut bytes = gathered(below.take_data());
                    if result.is_err() {
                        return next.stored(&span, io, result);
                    }
                    bytes[span.skip..][..span.bytes].copy_from_slice(&tags);
                    let start = Sector(span.sectors.start);
                    let Ok(write) = Io::write(start, bytes.into()) else {
                        return next.stored(&span, io, Err(Errno::EIO.into()));
                    };
                    let write = write.with_flags(io.flags() & IoFlags::FUA);
                    let last = next.clone();
                    next.meta()
                        .dev()
                        .submit(write.on_complete(move |_, result| {
                            last.stored(&span, io, result);
                        }));
                }));
        };
        self.tags.take(range, Box::new(work));
    }

    /// The tags of a write: those that came with it, or those that a hash makes of its bytes.
    fn tags_for(&self, io: &Io, data: &[u8]) -> Vec<u8> {
        match io.tags() {
            Some(tags) => tags.gathered().into(),
            None => self.tags_of(io.range().start().0, data),
        }
    }

    /// Puts blocks of the journal, and their tags, over what was read.
    fn lay_over(&self, io: &mut Io, overlay: &Overlay) {
        let (each, size) = (self.block_bytes(), self.layout().tag_size());
        for over in overlay {
            if let Some(tags) = io.tags_mut() {
                tags.fill(over.block * size, &over.tag);
            }
            io.data_mut().fill(over.block * each, &over.bytes);
        }
    }

    fn stored(&self, span: &Span, io: Io, result: IoResult) {
        self.tags.give(&span.sectors, &*self.host);
        self.finish(io, result);
    }
}

/// The bytes that a read got.
fn read_bytes(io: &Io) -> Cow<'_, [u8]> {
    match io.data() {
        IoData::Read(buffers) if buffers.len() == 1 => Cow::Borrowed(&buffers[0]),
        IoData::Read(buffers) => Cow::Owned(buffers.concat()),
        _ => Cow::Borrowed(&[]),
    }
}
