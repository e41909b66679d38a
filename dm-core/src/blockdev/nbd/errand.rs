//! A request on its way to a server, in as many parts as it takes.

use std::io::IoSlice;
use std::time::Instant;

use crate::blockdev::cut::Cut;
use crate::errno::Errno;
use crate::io::{Io, IoData, IoFlags, IoOp, IoResult};
use crate::nbd::{
    ByteCount, ByteOffset, CommandFlags, CommandKind, Cookie, Framing, Head, Request,
    TransmissionFlags,
};
use crate::units::SECTOR_SHIFT;

use super::connect::Export;

/// What is written where a server knows no write-zeroes.
static ZEROES: [u8; 1 << 20] = [0; 1 << 20];

/// The most bytes of one part without data; a whole number of any block.
const SPAN_MAX: u64 = 1 << 30;

/// A request and how far it is.
pub(super) struct Errand {
    io: Io,
    /// Bytes that are done.
    done: u64,
    /// All is done but for the flush that stands in for FUA.
    flushing: bool,
    /// When it was submitted.
    pub(super) born: Instant,
    /// When its part was sent.
    pub(super) since: Instant,
}

/// What a part sends behind its head.
pub(super) enum Payload {
    None,
    Zeroes(usize),
    Data,
}

impl Errand {
    pub(super) fn new(io: Io) -> Errand {
        let now = Instant::now();
        Errand {
            io,
            done: 0,
            flushing: false,
            born: now,
            since: now,
        }
    }

    pub(super) fn end(self, result: IoResult) {
        self.io.complete(result);
    }

    fn length(&self) -> u64 {
        self.io.range().length().0 << SECTOR_SHIFT
    }

    /// Whether there is nothing to be asked of such a server.
    pub(super) fn is_needless(&self, export: &Export) -> bool {
        let wanted = match self.io.op() {
            IoOp::Flush => TransmissionFlags::SEND_FLUSH,
            // Advisory.
            IoOp::Discard => TransmissionFlags::SEND_TRIM,
            _ => return false,
        };
        !export.flags.contains(wanted)
    }

    /// The bytes of the next part, and its command.
    fn part(&self, export: &Export) -> (CommandKind, u64) {
        let left = self.length() - self.done;
        let most = u64::from(export.most);
        let whole = SPAN_MAX - SPAN_MAX % u64::from(export.block);
        match self.io.op() {
            _ if self.flushing => (CommandKind::Flush, 0),
            IoOp::Flush => (CommandKind::Flush, 0),
            IoOp::Read => (CommandKind::Read, left.min(most)),
            IoOp::Write => (CommandKind::Write, left.min(most)),
            IoOp::Discard => (CommandKind::Trim, left.min(whole)),
            IoOp::WriteZeroes => {
                match export.flags.contains(TransmissionFlags::SEND_WRITE_ZEROES) {
                    true => (CommandKind::WriteZeroes, left.min(whole)),
                    false => (CommandKind::Write, left.min(most).min(ZEROES.len() as u64)),
                }
            }
        }
    }

    /// The head of the next part.
    pub(super) fn head(&self, cookie: Cookie, export: &Export) -> Result<(Head, Payload), Errno> {
        let (command, length) = self.part(export);
        let mut flags = CommandFlags::empty();
        let (fua, zeroes) = (IoFlags::FUA, CommandKind::WriteZeroes);
        let can_fua = export.flags.contains(TransmissionFlags::SEND_FUA);
        let is_write = command == CommandKind::Write || command == zeroes;
        flags.set(
            CommandFlags::FUA,
            is_write && can_fua && self.io.flags().contains(fua),
        );
        flags.set(
            CommandFlags::NO_HOLE,
            command == zeroes && self.io.flags().contains(IoFlags::NO_UNMAP),
        );
        let at = match command {
            CommandKind::Flush => 0,
            _ => (self.io.range().start().0 << SECTOR_SHIFT) + self.done,
        };
        let request = Request {
            command,
            flags,
            cookie,
            offset: ByteOffset(at),
            length: ByteCount(length),
        };
        let head = request.encode(Framing::Simple).map_err(|_| Errno::EIO)?;
        let payload = match (command, self.io.op()) {
            (CommandKind::Write, IoOp::WriteZeroes) => {
                Payload::Zeroes(usize::try_from(length).unwrap_or_default())
            }
            (CommandKind::Write, _) => Payload::Data,
            _ => Payload::None,
        };
        Ok((head, payload))
    }

    /// Bytes that the next part moves, for the limit of what is under way.
    pub(super) fn weight(&self, export: &Export) -> usize {
        match self.part(export) {
            (CommandKind::Read | CommandKind::Write, length) => {
                usize::try_from(length).unwrap_or(usize::MAX)
            }
            _ => 0,
        }
    }

    /// Where the next part lies in the buffers.
    fn cut(&self, export: &Export) -> Cut {
        let bytes = |count: u64| usize::try_from(count).unwrap_or(usize::MAX);
        let left = self.part(export).1;
        Cut {
            skip: bytes(self.done),
            left: bytes(left),
        }
    }

    /// What a write's next part stores.
    pub(super) fn data(&self, export: &Export) -> Vec<bytes::Bytes> {
        let IoData::Write(buffers) = self.io.data() else {
            return Vec::new();
        };
        let mut cut = self.cut(export);
        let parts = buffers
            .iter()
            .map(|buffer| buffer.slice(cut.of(buffer.len())));
        parts.filter(|part| !part.is_empty()).collect()
    }

    /// Where a read's next part goes; nothing for anything else.
    pub(super) fn room(&mut self, export: &Export) -> Vec<&mut [u8]> {
        let mut cut = self.cut(export);
        let reads = self.part(export).0 == CommandKind::Read;
        let IoData::Read(buffers) = self.io.data_mut() else {
            return Vec::new();
        };
        let parts = buffers.iter_mut().filter(|_| reads).map(|buffer| {
            let range = cut.of(buffer.len());
            &mut buffer[range]
        });
        parts.filter(|part| !part.is_empty()).collect()
    }

    /// The next part is done; whether that was the last.
    pub(super) fn advance(&mut self, export: &Export) -> bool {
        let (command, length) = self.part(export);
        self.done += length;
        if command == CommandKind::Flush {
            return true;
        }
        if self.done < self.length() {
            return false;
        }
        let can_fua = export.flags.contains(TransmissionFlags::SEND_FUA);
        let can_flush = export.flags.contains(TransmissionFlags::SEND_FLUSH);
        let durable = self.io.flags().contains(IoFlags::FUA);
        self.flushing = self.io.is_write() && durable && !can_fua && can_flush;
        !self.flushing
    }
}

impl Payload {
    /// Its bytes, of which `data` holds those of a write.
    pub(super) fn slices<'a>(&self, data: &'a [bytes::Bytes]) -> Vec<IoSlice<'a>> {
        match self {
            Payload::None => Vec::new(),
            Payload::Zeroes(length) => vec![IoSlice::new(&ZEROES[..*length])],
            Payload::Data => data.iter().map(|bytes| IoSlice::new(bytes)).collect(),
        }
    }
}
