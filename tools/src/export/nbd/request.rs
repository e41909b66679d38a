//! Requests that go the long way: submitted to the device, and answered when they complete.

use bytes::{Bytes, BytesMut};
use dm_core::blockdev::{self, BlockDev, ExtentKind};
use dm_core::errno::Errno;
use dm_core::io::{Io, IoFlags, IoResult};
use dm_core::nbd::{
    AllocationFlags, BlockStatus, ByteCount, Chunk, CommandFlags, CommandKind, Extent, NbdErrno,
    ReplyFlags, ReplyTo, Request,
};
use dm_core::units::{SECTOR_BYTES, Sector, SectorCount, SectorRange};

use super::PAYLOAD_MAX;
use super::handshake::{ALLOCATION_ID, Session};
use super::odd;
use super::replies::{Body, Counted};

/// The most of a device that one block status request describes; clients ask for the rest.
const STATUS_SECTORS: u64 = (128 << 20) / SECTOR_BYTES as u64;

/// The most extents in one reply.
const STATUS_EXTENTS: usize = 4096;

/// A request on its way, and where its reply goes.
pub(super) struct Pending {
    pub(super) reply_to: ReplyTo,
    pub(super) counted: Counted,
}

/// Whether a request changes the device.
pub(super) fn changes(request: &Request) -> bool {
    matches!(
        request.command,
        CommandKind::Write | CommandKind::WriteZeroes | CommandKind::Trim
    )
}

/// Starts a request, or answers why it can not be.
pub(super) fn submit(session: &Session, request: &Request, data: Bytes, pending: Pending) {
    match prepare(session, request, data) {
        Ok(Prepared::Io(io)) => {
            let permit = changes(request).then(|| session.edges.permit());
            // What is read ahead stays here.
            let ahead = request.command == CommandKind::Cache;
            session.device.submit(io.on_complete(move |mut io, result| {
                drop(permit);
                if ahead {
                    drop(io.take_data());
                }
                pending.complete(io, result);
            }));
        }
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
        CommandKind::Cache => {
            let most = SectorCount(u64::from(PAYLOAD_MAX) / SECTOR_BYTES as u64);
            let (front, _) = range.split_at(most.min(range.length()));
            let length = front.length().buffer_length().ok_or(NbdErrno::Overflow)?;
            Io::read(front.start(), BytesMut::zeroed(length)).map_err(invalid)?
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
    Ok(Prepared::Io(io.with_flags(flags_of(request))))
}

fn flags_of(request: &Request) -> IoFlags {
    let mut flags = IoFlags::empty();
    flags.set(IoFlags::FUA, request.flags.contains(CommandFlags::FUA));
    flags.set(
        IoFlags::NO_UNMAP,
        request.flags.contains(CommandFlags::NO_HOLE),
    );
    flags
}

/// What a client is told of a request behind the end.
fn outside(request: &Request) -> NbdErrno {
    match request.command {
        CommandKind::Write | CommandKind::WriteZeroes => NbdErrno::NoSpace,
        _ => NbdErrno::Invalid,
    }
}

/// The sectors that a request is about, if they are whole sectors of the export.
pub(super) fn range_of(session: &Session, request: &Request) -> Result<SectorRange, NbdErrno> {
    let sector = SECTOR_BYTES as u64;
    let (offset, length) = (request.offset.0, request.length.0);
    if length == 0 || !offset.is_multiple_of(sector) || !length.is_multiple_of(sector) {
        return Err(NbdErrno::Invalid);
    }
    let range = SectorRange::new(Sector(offset / sector), SectorCount(length / sector));
    match range.filter(|range| range.end().0 <= session.size.0) {
        Some(range) => Ok(range),
        None => Err(outside(request)),
    }
}

impl Pending {
    fn fail(self, error: NbdErrno) {
        self.counted.send(self.reply_to.error(error), Body::None);
    }

    /// Does a request that is no whole number of blocks, and waits for it.
    pub(super) fn run_odd(self, session: &Session, request: &Request, data: &[u8]) {
        let size = session.size.bytes().unwrap_or(u64::MAX);
        let end = request.offset.0.checked_add(request.length.0);
        let fast = request.flags.contains(CommandFlags::FAST_ZERO);
        if end.is_none_or(|end| end > size) {
            return self.fail(outside(request));
        }
        if fast {
            return self.fail(NbdErrno::NotSupported);
        }
        let flags = flags_of(request);
        match odd::run(&*session.device, &session.edges, request, data, flags) {
            Ok(read) if request.command == CommandKind::Read => {
                let length = u32::try_from(read.len()).unwrap_or(u32::MAX);
                let to = &self.reply_to;
                match to.data(to.offset, length, ReplyFlags::DONE) {
                    Ok(head) => self.counted.send(head, Body::Bytes(read.freeze())),
                    Err(_) => self.fail(NbdErrno::Io),
                }
            }
            Ok(_) => self.counted.send(self.reply_to.done(), Body::None),
            Err(errno) => self.fail(errno.into()),
        }
    }

    fn complete(self, mut io: Io, result: IoResult) {
        if let Err(error) = result {
            return self.fail(error.errno().into());
        }
        let (to, length) = (&self.reply_to, io.data().length());
        if io.is_write() || length == 0 {
            return self.counted.send(to.done(), Body::None);
        }
        let length = u32::try_from(length).unwrap_or(u32::MAX);
        match to.data(to.offset, length, ReplyFlags::DONE) {
            Ok(head) => self.counted.send(head, Body::Read(io.take_data())),
            Err(_) => self.fail(NbdErrno::Io),
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
            Ok(()) => self.counted.send_bytes(bytes.freeze()),
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
