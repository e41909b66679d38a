//! A client's requests: received, done at once where they can be, and handed on where not.

use std::io::{self, ErrorKind};
use std::os::fd::OwnedFd;

use bytes::Bytes;
use dm_core::blockdev::{Haste, Quick};
use dm_core::nbd::{
    ByteCount, CommandFlags, CommandKind, NbdErrno, ReplyFlags, ReplyTo, Request, RequestView,
    WireError,
};
use dm_core::units::{SECTOR_BYTES, Sector, SectorCount, SectorRange};
use tracing::debug;

use super::PAYLOAD_MAX;
use super::handshake::Session;
use super::inbox::Inbox;
use super::lookout::Lookout;
use super::pipe::Intake;
use super::replies::{Outbox, Replies};
use super::request::{Pending, changes, range_of, submit};
use super::stream::Stream;

/// What the system may hold of replies: so much that the next request need not wait for the client
/// to take the reply to a large one.
const SEND_BUFFER: usize = 1 << 20;

/// Bytes of a read that is lent to the socket.
const LENT_MIN: usize = 64 << 10;

/// Bytes of a write that is stored as it comes.
const STREAMED_MIN: usize = 64 << 10;

/// What is stored of it at a time is a multiple of this, so that no page is written twice.
const PART: usize = 4096;

/// Serves a client's requests until it leaves.
pub(super) fn run<S: Stream>(session: Session, mut stream: S) -> io::Result<()> {
    let socket: OwnedFd = stream.try_clone()?.into();
    // Advice: the system gives what it allows.
    let _ = rustix::net::sockopt::set_socket_send_buffer_size(&socket, SEND_BUFFER);
    let replies = Replies::new(socket);
    let mut outbox = Outbox::new(replies.clone());
    let connection = Connection {
        session: &session,
        stream: &mut stream,
        lookout: Lookout::default(),
        intake: Intake::default(),
        large: false,
        inbox: Inbox::new(),
        outbox: &mut outbox,
    };
    let served = connection.serve();
    outbox.flush();
    // Only when the last request under way has its reply is the device closed.
    let sent = replies.finish();
    drop(session);
    served.and(sent)
}

/// A client's connection, as its own thread has it.
struct Connection<'a, S> {
    session: &'a Session,
    stream: &'a mut S,
    lookout: Lookout,
    intake: Intake,
    /// The last request was a large write, and the next one may come through the pipe.
    large: bool,
    inbox: Inbox,
    outbox: &'a mut Outbox,
}

/// A request whose head was received.
struct Arrival {
    reply_to: ReplyTo,
    request: Result<Request, WireError>,
    /// Bytes that follow the head.
    payload: ByteCount,
}

impl<S: Stream> Connection<'_, S> {
    fn serve(mut self) -> io::Result<()> {
        while let Some(arrival) = self.next()? {
            self.obey(arrival)?;
        }
        Ok(())
    }

    /// The next request, unless the client leaves.
    fn next(&mut self) -> io::Result<Option<Arrival>> {
        let framing = self.session.framing;
        let size = framing.request_size();
        // What follows the head of a large write is not to be copied into the inbox.
        let most = match self.large {
            true => size,
            false => usize::MAX,
        };
        self.large = false;
        if !self.receive(size, most)? {
            return Ok(None);
        }
        let view = RequestView::new(framing, &self.inbox.held()[..size])
            .map_err(|error| io::Error::new(ErrorKind::InvalidData, error))?;
        let (reply_to, payload) = (ReplyTo::new(&view), view.payload_length());
        let request = Request::parse(view);
        self.inbox.advance(size);
        let leaves = |request: &Request| request.command == CommandKind::Disconnect;
        Ok((!request.as_ref().is_ok_and(leaves)).then_some(Arrival {
            reply_to,
            request,
            payload,
        }))
    }

    /// Waits until `wanted` bytes are there, of which no more than `most` are received; false if the client left
    /// before the first. Nobody waits while there are replies to be sent.
    fn receive(&mut self, wanted: usize, most: usize) -> io::Result<bool> {
        if self.inbox.held().len() >= wanted {
            return Ok(true);
        }
        self.outbox.flush();
        if self.inbox.held().is_empty() {
            self.lookout.look(self.stream);
        }
        let received = self.inbox.fill(self.stream, wanted, most)?;
        self.outbox.begin();
        Ok(received)
    }

    fn obey(&mut self, arrival: Arrival) -> io::Result<()> {
        let Arrival {
            reply_to,
            request,
            payload,
        } = arrival;
        // A payload of such a size is not worth reading past.
        if payload.0 > PAYLOAD_MAX.into() {
            let reason = "a request is too large";
            return Err(io::Error::new(ErrorKind::InvalidData, reason));
        }
        let mut payload = usize::try_from(payload.0).unwrap_or(usize::MAX);
        let mut request = match request {
            Ok(request) => request,
            Err(error) => {
                debug!(%error, "an NBD request was refused");
                self.take(payload)?;
                self.outbox.push(&reply_to.error(NbdErrno::Invalid));
                return Ok(());
            }
        };
        if self.session.read_only && changes(&request) {
            self.take(payload)?;
            self.outbox.push(&reply_to.error(NbdErrno::Permission));
            return Ok(());
        }
        if request.command == CommandKind::Read && request.length.0 > PAYLOAD_MAX.into() {
            self.outbox.push(&reply_to.error(NbdErrno::Overflow));
            return Ok(());
        }
        if payload >= STREAMED_MIN && payload > self.inbox.held().len() {
            let done = self.stream_in(&mut request)?;
            if done == payload {
                self.outbox.push(&reply_to.done());
                return Ok(());
            }
            // The rest goes the long way.
            payload -= done;
        }
        if self.inbox.can_hold(payload) && !self.receive(payload, usize::MAX)? {
            return Err(ErrorKind::UnexpectedEof.into());
        }
        if quickly(self.session, &request, &reply_to, &self.inbox, self.outbox) {
            self.inbox.advance(payload);
            return Ok(());
        }
        let moved = match request.command {
            CommandKind::Read | CommandKind::Cache => {
                usize::try_from(request.length.0.min(PAYLOAD_MAX.into())).unwrap_or(usize::MAX)
            }
            _ => payload,
        };
        let counted = self.outbox.count(moved);
        let data = self.take(payload)?;
        let pending = Pending { reply_to, counted };
        if self.session.edges.are_met_by(&request) {
            // It is waited for: what was done before is not to wait with it.
            self.outbox.flush();
            pending.run_odd(self.session, &request, &data);
            self.outbox.begin();
        } else {
            submit(self.session, &request, data, pending);
        }
        Ok(())
    }

    /// Takes a payload out of the inbox, of which some may not have come yet.
    fn take(&mut self, payload: usize) -> io::Result<Bytes> {
        if payload == 0 {
            return Ok(Bytes::new());
        }
        let waits = payload > self.inbox.held().len();
        if waits {
            self.outbox.flush();
        }
        let data = self.inbox.take(self.stream, payload)?;
        if waits {
            self.outbox.begin();
        }
        Ok(data.freeze())
    }

    /// Stores what a large write brings as it comes, as far as that can be done at once; how much was
    /// done, which is no part of `request` any more.
    fn stream_in(&mut self, request: &mut Request) -> io::Result<usize> {
        let range = range_of(self.session, request);
        let plain = request.command == CommandKind::Write && request.flags.is_empty();
        let odd = self.session.edges.are_met_by(request);
        let (true, Ok(range)) = (plain && !odd, range) else {
            return Ok(0);
        };
        let all = range.length().buffer_length().unwrap_or(usize::MAX);
        let piped = self.intake.is_ready();
        self.large = piped;
        let mut done = match piped && self.inbox.held().is_empty() {
            true => self.pipe_in(range)?,
            false => 0,
        };
        while done < all {
            let part = storable(self.inbox.held().len(), all - done);
            if part == 0 {
                // Nothing of what follows, if the next may go through the pipe.
                let most = match piped {
                    true => all - done,
                    false => usize::MAX,
                };
                if !self.receive(PART.min(all - done), most)? {
                    return Err(ErrorKind::UnexpectedEof.into());
                }
                continue;
            }
            let at = behind(range, done);
            let data = Quick::Write(&self.inbox.held()[..part]);
            let _pass = self.session.edges.pass();
            if !self.session.device.quick(at, data, Haste::AtOnce) {
                break;
            }
            self.inbox.advance(part);
            done += part;
        }
        request.offset.0 += done as u64;
        request.length.0 -= done as u64;
        Ok(done)
    }

    /// The same through a pipe, from the front of `range` on; what came and was not stored is in the inbox then.
    fn pipe_in(&mut self, range: SectorRange) -> io::Result<usize> {
        let all = range.length().buffer_length().unwrap_or(usize::MAX);
        let (session, mut done) = (self.session, 0);
        while done < all {
            self.outbox.flush();
            let most = (all - done).min(self.inbox.capacity());
            let held = self.intake.fill(self.stream, most)?;
            self.outbox.begin();
            if held == 0 {
                return Err(ErrorKind::UnexpectedEof.into());
            }
            let part = storable(held, all - done);
            let at = behind(range, done);
            let sectors = SectorCount::from_bytes_floor(part as u64);
            let _pass = session.edges.pass();
            let gone = self.intake.store(part, |pipe| {
                let data = Quick::FromPipe(pipe, sectors);
                session.device.quick(at, data, Haste::AtOnce)
            })?;
            done += gone;
            if gone < part || part == 0 {
                let intake = &mut self.intake;
                self.inbox.refill(|buffer| intake.give_up(buffer))?;
                break;
            }
        }
        match done.is_multiple_of(SECTOR_BYTES) {
            true => Ok(done),
            false => Err(io::Error::other("a part of a sector was stored")),
        }
    }
}

/// How much is stored next of what came of a write, of which so many bytes are left.
fn storable(came: usize, left: usize) -> usize {
    match came >= left {
        true => left,
        false => came - came % PART,
    }
}

/// Where a range goes on behind its first `done` bytes.
fn behind(range: SectorRange, done: usize) -> Sector {
    Sector(range.start().0 + (done / SECTOR_BYTES) as u64)
}

/// Does a read or a write here and now, if that takes no waiting and goes well; whether it did.
fn quickly(
    session: &Session,
    request: &Request,
    reply_to: &ReplyTo,
    inbox: &Inbox,
    outbox: &mut Outbox,
) -> bool {
    let known = CommandFlags::FUA.complement();
    let (CommandKind::Read | CommandKind::Write) = request.command else {
        return false;
    };
    let (true, Ok(range)) = (known.contains(request.flags), range_of(session, request)) else {
        return false;
    };
    let (start, length) = (range.start(), range.length().buffer_length());
    let Some(length) = length else {
        return false;
    };
    if request.command == CommandKind::Write {
        let Some(data) = inbox.held().get(..length) else {
            return false;
        };
        let pass = session.edges.pass();
        let done = session
            .device
            .quick(start, Quick::Write(data), Haste::AtOnce);
        drop(pass);
        if done {
            outbox.push(&reply_to.done());
        }
        return done;
    }
    let wire_length = u32::try_from(length).unwrap_or(u32::MAX);
    let head = reply_to.data(reply_to.offset, wire_length, ReplyFlags::DONE);
    head.is_ok_and(|head| {
        let read = |part: Quick<'_>| session.device.quick(start, part, Haste::AtOnce);
        let sectors = range.length();
        let lent = session.steady
            && length >= LENT_MIN
            && outbox.lend(&head, length, |pipe| read(Quick::IntoPipe(pipe, sectors)));
        lent || outbox.read(&head, length, |data| read(Quick::Read(data)))
    })
}
