//! Requests: read, checked, submitted to the device, and answered when they complete.

use std::io::{self, ErrorKind, Read};

use bytes::{Bytes, BytesMut};
use dm_core::blockdev::{self, BlockDev, ExtentKind};
use dm_core::errno::Errno;
use dm_core::io::{Io, IoFlags, IoResult};
use dm_core::nbd::{
    AllocationFlags, BlockStatus, ByteCount, Chunk, CommandFlags, CommandKind, Extent, NbdErrno,
    ReplyFlags, ReplyTo, Request, RequestView,
};
use dm_core::units::{SECTOR_BYTES, Sector, SectorCount, SectorRange};
use tracing::debug;

use super::PAYLOAD_MAX;
use super::handshake::{ALLOCATION_ID, Session, read_or_end};
use super::replies::{Body, Counted, InFlight, Replies};
use super::stream::Stream;

/// The most of a device that one block status request describes; clients ask for the rest.
const STATUS_SECTORS: u64 = (128 << 20) / SECTOR_BYTES as u64;

/// The most extents in one reply.
const STATUS_EXTENTS: usize = 4096;

/// A request on its way, and where its reply goes.
struct Pending {
    reply_to: ReplyTo,
    replies: Replies,
    counted: Counted,
}

/// Serves a client's requests until it leaves.
pub(super) fn run<S: Stream>(session: Session, mut stream: S) -> io::Result<()> {
    let (replies, writer) = Replies::start(stream.try_clone()?)?;
    let served = serve(&session, &mut stream, &replies);
    // The writer ends with the last reply under way: only then is the device closed.
    drop(replies);
    let written = writer
        .join()
        .unwrap_or_else(|_| Err(io::Error::other("the writer panicked")));
    drop(session);
    served.and(written)
}

fn serve(session: &Session, stream: &mut impl Read, replies: &Replies) -> io::Result<()> {
    // Most requests come in batches: one system call reads many heads.
    let mut stream = io::BufReader::with_capacity(64 << 10, stream);
    let in_flight = InFlight::default();
    let mut bytes = [0; 32];
    let bytes = &mut bytes[..session.framing.request_size()];
    loop {
        if !read_or_end(&mut stream, bytes)? {
            return Ok(());
        }
        let view = RequestView::new(session.framing, bytes)
            .map_err(|error| io::Error::new(ErrorKind::InvalidData, error))?;
        let (reply_to, payload) = (ReplyTo::new(&view), view.payload_length());
        let request = Request::parse(view);
        if let Ok(Request {
            command: CommandKind::Disconnect,
            ..
        }) = request
        {
            return Ok(());
        }
        let wanted = match &request {
            Ok(Request {
                command: CommandKind::Read,
                length,
                ..
            }) => *length,
            _ => payload,
        };
        if wanted.0 > PAYLOAD_MAX.into() {
            // A payload of such a size is not worth reading past.
            if payload.0 > PAYLOAD_MAX.into() {
                return Err(io::Error::new(
                    ErrorKind::InvalidData,
                    "a request is too large",
                ));
            }
            let counted = in_flight.count(0);
            replies.send(reply_to.error(NbdErrno::Overflow), Body::None, counted);
            continue;
        }
        let size = usize::try_from(wanted.0).unwrap_or(usize::MAX);
        let pending = Pending {
            reply_to,
            replies: replies.clone(),
            counted: in_flight.count(size),
        };
        let mut data = Bytes::new();
        if payload.0 > 0 {
            let mut buffer = BytesMut::zeroed(size);
            stream.read_exact(&mut buffer)?;
            data = buffer.freeze();
        }
        match request {
            Ok(request) => submit(session, &request, data, pending),
            Err(error) => {
                debug!(%error, "an NBD request was refused");
                pending.fail(NbdErrno::Invalid);
            }
        }
    }
}

/// Starts a request, or answers why it can not be.
fn submit(session: &Session, request: &Request, data: Bytes, pending: Pending) {
    match prepare(session, request, data) {
        Ok(Prepared::Io(io)) => session.device.submit(io.on_complete(move |io, result| {
            pending.complete(io, result);
        })),
        Ok(Prepared::Status(range)) => pending.status(&*session.device, range, request.flags),
        Err(error) => pending.fail(error),
    }
}

enum Prepared {
    Io(Io),
    Status(SectorRange),
}

fn prepare(session: &Session, request: &Request, data: Bytes) -> Result<Prepared, NbdErrno> {
    if request.command == CommandKind::Flush {
        return Ok(Prepared::Io(Io::flush()));
    }
    let range = range_of(session, request)?;
    let invalid = |_| NbdErrno::Invalid;
    let io = match request.command {
        CommandKind::Read => {
            let length = range.length().buffer_length().ok_or(NbdErrno::Overflow)?;
            Io::read(range.start(), BytesMut::zeroed(length)).map_err(invalid)?
        }
        CommandKind::Write => Io::write(range.start(), data).map_err(invalid)?,
        CommandKind::Trim => Io::discard(range),
        CommandKind::WriteZeroes if !request.flags.contains(CommandFlags::FAST_ZERO) => {
            Io::write_zeroes(range)
        }
        CommandKind::BlockStatus if session.block_status => return Ok(Prepared::Status(range)),
        CommandKind::BlockStatus => return Err(NbdErrno::Invalid),
        _ => return Err(NbdErrno::NotSupported),
    };
    let mut flags = IoFlags::empty();
    flags.set(IoFlags::FUA, request.flags.contains(CommandFlags::FUA));
    flags.set(
        IoFlags::NO_UNMAP,
        request.flags.contains(CommandFlags::NO_HOLE),
    );
    Ok(Prepared::Io(io.with_flags(flags)))
}

/// The sectors that a request is about, if they are whole sectors of the export.
fn range_of(session: &Session, request: &Request) -> Result<SectorRange, NbdErrno> {
    let sector = SECTOR_BYTES as u64;
    let (offset, length) = (request.offset.0, request.length.0);
    if length == 0 || !offset.is_multiple_of(sector) || !length.is_multiple_of(sector) {
        return Err(NbdErrno::Invalid);
    }
    let range = SectorRange::new(Sector(offset / sector), SectorCount(length / sector));
    match range.filter(|range| range.end().0 <= session.size.0) {
        Some(range) => Ok(range),
        None => Err(match request.command {
            CommandKind::Write | CommandKind::WriteZeroes => NbdErrno::NoSpace,
            _ => NbdErrno::Invalid,
        }),
    }
}

impl Pending {
    fn fail(self, error: NbdErrno) {
        self.replies
            .send(self.reply_to.error(error), Body::None, self.counted);
    }

    fn complete(self, mut io: Io, result: IoResult) {
        if let Err(error) = result {
            return self.fail(error.errno().into());
        }
        match io.data().length() {
            0 => self
                .replies
                .send(self.reply_to.done(), Body::None, self.counted),
            _ if io.is_write() => self
                .replies
                .send(self.reply_to.done(), Body::None, self.counted),
            length => {
                let length = u32::try_from(length).unwrap_or(u32::MAX);
                let head = self
                    .reply_to
                    .data(self.reply_to.offset, length, ReplyFlags::DONE);
                match head {
                    Ok(head) => self
                        .replies
                        .send(head, Body::Read(io.take_data()), self.counted),
                    Err(_) => self.fail(NbdErrno::Io),
                }
            }
        }
    }

    /// Answers what lies in the front of `range`.
    fn status(self, device: &dyn BlockDev, range: SectorRange, flags: CommandFlags) {
        let most = SectorCount(range.length().0.min(STATUS_SECTORS));
        let (front, _) = range.split_at(most);
        match device.extents(front) {
            Ok(extents) => {
                let count = if flags.contains(CommandFlags::REQ_ONE) {
                    1
                } else {
                    STATUS_EXTENTS
                };
                let extents = extents.into_iter().take(count).map(allocation).collect();
                let status = BlockStatus {
                    context: ALLOCATION_ID,
                    extents,
                };
                self.send_status(status);
            }
            Err(error) => self.fail(error.errno().into()),
        }
    }

    fn send_status(self, status: BlockStatus) {
        let chunk = Chunk::BlockStatus(status);
        let mut bytes = BytesMut::new();
        let to = &self.reply_to;
        match chunk.encode(to, ReplyFlags::DONE, &mut bytes) {
            Ok(()) => {
                self.replies.send_bytes(bytes.freeze(), self.counted);
            }
            Err(_) => self.fail(Errno::EIO.into()),
        }
    }
}

fn allocation(extent: blockdev::Extent) -> Extent {
    let flags = match extent.kind {
        ExtentKind::Data => AllocationFlags::empty(),
        ExtentKind::Hole => AllocationFlags::HOLE | AllocationFlags::ZERO,
        ExtentKind::Zero => AllocationFlags::ZERO,
    };
    let bytes = extent.range.length().bytes().unwrap_or(u64::MAX);
    Extent {
        length: ByteCount(bytes),
        status: flags.bits(),
    }
}
