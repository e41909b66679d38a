//! A request's way: its range is taken, data moves, tags are compared or stored.
//!
//! Tags that share sectors with others' are read and written back under a lock of their own.

use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::{Bytes, BytesMut};
use smallvec::SmallVec;

use crate::component::Component;
use crate::errno::Errno;
use crate::format::integrity::{Layout, TagHash};
use crate::io::{Io, IoData, IoFlags, IoOp, IoResult};
use crate::target::Host;
use crate::units::{SECTOR_BYTES, Sector, SectorRange};

use super::ranges::Ranges;

/// What a tag of a discarded block is full of.
const DISCARDED: u8 = 0xf6;

/// What all requests share.
pub(super) struct Core {
    pub(super) host: Arc<dyn Host>,
    pub(super) layout: Layout,
    pub(super) hash: Box<dyn TagHash>,
    pub(super) data: Component,
    /// The tags' own device.
    pub(super) meta: Option<Component>,
    /// Reads are compared with their tags.
    pub(super) checks: bool,
    pub(super) discards: bool,
    /// The sector up to which there are tags, where they were not made for all.
    pub(super) recalculated: Option<u64>,
    pub(super) mismatches: AtomicU64,
    pub(super) requests: Ranges,
    /// Sectors of tags, in sectors of their device.
    pub(super) tags: Ranges,
}

/// Where the tags of a run of blocks are.
struct Span {
    /// Sectors of the tags' device.
    sectors: Range<u64>,
    /// The first tag's first byte in them.
    skip: usize,
    bytes: usize,
}

impl Core {
    /// Starts a request for whole blocks that lie in one area.
    pub(super) fn start(self: Arc<Self>, io: Io) {
        let range = sectors(&io);
        let core = self.clone();
        let work = move || match io.op() {
            IoOp::Read => core.read(io),
            _ => {
                let host = core.host.clone();
                host.compute(Box::new(move || core.write(io)));
            }
        };
        self.requests.take(range, Box::new(work));
    }

    fn finish(&self, io: Io, result: IoResult) {
        self.requests.give(&sectors(&io), &*self.host);
        io.complete(result);
    }

    fn read(self: Arc<Self>, mut io: Io) {
        let at = self.layout.data(io.range().start());
        let Ok(below) = Io::with_data(IoOp::Read, at, io.take_data()) else {
            return self.finish(io, Err(Errno::EIO.into()));
        };
        let core = self.clone();
        self.data
            .dev()
            .submit(below.on_complete(move |mut below, result| {
                io.set_data(below.take_data());
                match result {
                    Ok(()) if core.checks => core.read_tags(io),
                    result => core.finish(io, result),
                }
            }));
    }

    fn read_tags(self: Arc<Self>, io: Io) {
        let span = self.span(&io);
        let Some(below) = span.read() else {
            return self.finish(io, Err(Errno::EIO.into()));
        };
        let core = self.clone();
        self.meta()
            .dev()
            .submit(below.on_complete(move |mut below, result| {
                let host = core.host.clone();
                let there = gathered(below.take_data());
                host.compute(Box::new(move || match result {
                    Ok(()) => {
                        let result = core.compare(&io, &there[span.skip..][..span.bytes]);
                        core.finish(io, result);
                    }
                    result => core.finish(io, result),
                }));
            }));
    }

    /// Whether a read's data has these tags.
    fn compare(&self, io: &Io, there: &[u8]) -> IoResult {
        let mut tag = vec![0; self.layout.tag_size()];
        let mut result = Ok(());
        let mut there = there.chunks_exact(tag.len());
        self.each_block(io, |sector, block| {
            let there = there.next().unwrap_or_default();
            if result.is_err() || self.recalculated.is_some_and(|end| sector >= end) {
                return;
            }
            self.hash.tag(sector, block, &mut tag);
            let discarded = self.discards && there.iter().all(|byte| *byte == DISCARDED);
            if tag != there && !discarded {
                self.mismatches.fetch_add(1, Ordering::Relaxed);
                let device = self.data.number();
                tracing::error!(%device, sector, "integrity: a tag is wrong");
                result = Err(Errno::EILSEQ.into());
            }
        });
        result
    }

    fn write(self: Arc<Self>, mut io: Io) {
        let range = io.range();
        let mut tags = Vec::new();
        if io.op() == IoOp::WriteZeroes {
            let bytes = range.length().buffer_length().unwrap_or_default();
            io.set_data(IoData::Write(SmallVec::from_buf([Bytes::from(vec![
                0;
                bytes
            ])])));
        }
        let at = self.layout.data(range.start());
        let below = if io.op() == IoOp::Discard {
            tags.resize(self.span(&io).bytes, DISCARDED);
            SectorRange::new(at, range.length()).map(Io::discard)
        } else {
            self.each_block(&io, |sector, block| {
                let from = tags.len();
                tags.resize(from + self.layout.tag_size(), 0);
                self.hash.tag(sector, block, &mut tags[from..]);
            });
            Io::with_data(IoOp::Write, at, io.take_data()).ok()
        };
        let Some(below) = below else {
            return self.finish(io, Err(Errno::EIO.into()));
        };
        // Zeroes that must be stored keep their space: what is below is a write.
        let below = below.with_flags(io.flags() & IoFlags::FUA);
        let core = self.clone();
        self.data
            .dev()
            .submit(below.on_complete(move |mut below, result| {
                if io.op() == IoOp::Write {
                    io.set_data(below.take_data());
                }
                match result {
                    Ok(()) => core.store(io, tags),
                    result => core.finish(io, result),
                }
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

    fn stored(&self, span: &Span, io: Io, result: IoResult) {
        self.tags.give(&span.sectors, &*self.host);
        self.finish(io, result);
    }

    fn meta(&self) -> &Component {
        self.meta.as_ref().unwrap_or(&self.data)
    }

    fn span(&self, io: &Io) -> Span {
        let range = io.range();
        let first = self.layout.tag(range.start());
        let blocks = range.length().0 / self.layout.block().0;
        let bytes = blocks * self.layout.tag_size() as u64;
        let unit = SECTOR_BYTES as u64;
        Span {
            sectors: first / unit..(first + bytes).div_ceil(unit),
            skip: usize::try_from(first % unit).unwrap_or_default(),
            bytes: usize::try_from(bytes).unwrap_or_default(),
        }
    }

    /// Looks at each block of a request's data.
    fn each_block(&self, io: &Io, mut look: impl FnMut(u64, &[u8])) {
        let size = self.layout.block().buffer_length().unwrap_or(usize::MAX);
        let mut sector = io.range().start().0;
        let mut look = |block: &[u8]| {
            look(sector, block);
            sector += self.layout.block().0;
        };
        let whole: Vec<u8>;
        let bytes: &[u8] = match io.data() {
            IoData::Read(buffers) if buffers.len() == 1 => &buffers[0],
            IoData::Write(buffers) if buffers.len() == 1 => &buffers[0],
            IoData::Read(buffers) => {
                whole = buffers.concat();
                &whole
            }
            IoData::Write(buffers) => {
                whole = buffers.concat();
                &whole
            }
            IoData::None => &[],
        };
        bytes.chunks_exact(size).for_each(&mut look);
    }
}

impl Span {
    fn read(&self) -> Option<Io> {
        let sectors = usize::try_from(self.sectors.end - self.sectors.start).ok()?;
        let buffer = BytesMut::zeroed(sectors * SECTOR_BYTES);
        Io::read(Sector(self.sectors.start), buffer).ok()
    }
}

fn sectors(io: &Io) -> Range<u64> {
    io.range().start().0..io.range().end().0
}

fn gathered(data: IoData) -> Vec<u8> {
    match data {
        IoData::Read(mut buffers) if buffers.len() == 1 => buffers.remove(0).into(),
        IoData::Read(buffers) => buffers.concat(),
        _ => Vec::new(),
    }
}
