//! The threads between a device's requests and its server.

use std::collections::{BTreeMap, VecDeque};
use std::io::{self, IoSlice, Read, Write};
use std::mem;
use std::os::fd::OwnedFd;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Instant;

use rustix::net::Shutdown;

use crate::errno::Errno;
use crate::io::Io;
use crate::locks::lock;
use crate::nbd::{CommandKind, Cookie, Framing, NbdErrno, NbdUri, Request, SimpleReply};

use super::connect::{Connection, Export, Socket};
use super::errand::Errand;
use super::secure::Secure;
use super::{IN_FLIGHT_BYTES, IN_FLIGHT_REQUESTS, Patience};

/// What the threads of a device share.
pub(super) struct Link {
    uri: NbdUri,
    secure: Option<Arc<dyn Secure>>,
    export: Export,
    patience: Patience,
    state: Mutex<State>,
    more: Condvar,
}

#[derive(Default)]
struct State {
    /// Not sent yet, or to be sent again.
    queue: VecDeque<Errand>,
    /// Sent, by cookie.
    sent: BTreeMap<u64, Errand>,
    /// Bytes of what is sent.
    bytes: usize,
    next: u64,
    /// Counts connections.
    generation: u64,
    /// The way to end the connection, while there is one.
    connection: Option<OwnedFd>,
    /// When the last try to connect failed, while requests fail for that.
    given_up: Option<Instant>,
    closing: bool,
}

impl Link {
    pub(super) fn new(
        uri: NbdUri,
        secure: Option<Arc<dyn Secure>>,
        patience: Patience,
        export: Export,
    ) -> Link {
        Link {
            uri,
            secure,
            export,
            patience,
            state: Mutex::default(),
            more: Condvar::new(),
        }
    }

    /// Starts to serve requests through `connection`.
    pub(super) fn start(self: &Arc<Self>, connection: Connection) -> io::Result<()> {
        let socket = self.adopt(connection)?;
        let link = self.clone();
        thread::Builder::new()
            .name("nbd-link".into())
            .spawn(move || link.send(Some(socket)))
            .map(|_| ())
    }

    pub(super) fn submit(&self, io: Io) {
        let errand = Errand::new(io);
        if errand.is_needless(&self.export) {
            return errand.end(Ok(()));
        }
        let mut state = lock(&self.state);
        if let Some(since) = state.given_up {
            if since.elapsed() < self.patience.again {
                drop(state);
                return errand.end(Err(Errno::EIO.into()));
            }
            // This one is worth another try, and those that come meanwhile wait for it.
            state.given_up = None;
        }
        state.queue.push_back(errand);
        drop(state);
        self.more.notify_one();
    }

    /// Nobody uses the device any more.
    pub(super) fn close(&self) {
        lock(&self.state).closing = true;
        self.more.notify_one();
    }

    /// Uses a new connection: its replies are read from now on.
    fn adopt(self: &Arc<Self>, connection: Connection) -> io::Result<Socket> {
        if connection.export != self.export {
            let reason = "the export is another one now";
            return Err(io::Error::new(io::ErrorKind::InvalidData, reason));
        }
        let (handle, reader) = (connection.socket.handle()?, connection.socket.reader()?);
        let generation = {
            let mut state = lock(&self.state);
            state.generation += 1;
            state.connection = Some(handle);
            state.given_up = None;
            state.generation
        };
        let link = self.clone();
        thread::Builder::new()
            .name("nbd-replies".into())
            .spawn(move || {
                let end = link.receive(reader, generation);
                link.lost(generation, &end.err().unwrap_or_else(left));
            })?;
        Ok(connection.socket)
    }

    /// The connection of `generation` is no more: what was sent is to be sent again.
    fn lost(&self, generation: u64, error: &io::Error) {
        let mut state = lock(&self.state);
        if !state.is_connected(generation) {
            return;
        }
        if !state.closing {
            tracing::warn!(uri = %self.uri, %error, "an NBD connection broke");
        }
        state.drop_connection();
        drop(state);
        self.more.notify_one();
    }

    /// Sends requests until the device is closed.
    fn send(self: Arc<Self>, mut socket: Option<Socket>) {
        loop {
            let state = self.wait_for_work();
            if state.closing && state.queue.is_empty() {
                let last = socket.filter(|_| state.connection.is_some());
                drop(state);
                return self.say_goodbye(last);
            }
            let (connected, generation) = (state.connection.is_some(), state.generation);
            drop(state);
            if !connected {
                socket = self.reconnect();
                continue;
            }
            if let Some(stream) = &mut socket
                && let Err(error) = self.send_batch(stream, generation)
            {
                self.lost(generation, &error);
            }
        }
    }

    /// Waits until there is something to be sent, a connection to be made, or an end. Ends a
    /// connection whose server does not answer.
    fn wait_for_work(&self) -> MutexGuard<'_, State> {
        let mut state = lock(&self.state);
        loop {
            if state.closing || (!state.queue.is_empty() && state.has_room()) {
                return state;
            }
            let oldest = state.sent.values().map(|errand| errand.since).min();
            state = match oldest {
                None => self
                    .more
                    .wait(state)
                    .unwrap_or_else(PoisonError::into_inner),
                Some(since) => {
                    let left = self.patience.reply.saturating_sub(since.elapsed());
                    if left.is_zero() && state.connection.is_some() {
                        tracing::warn!(uri = %self.uri, "an NBD server does not answer");
                        state.drop_connection();
                        self.fail_old(state);
                        state = lock(&self.state);
                        continue;
                    }
                    let waited = self.more.wait_timeout(state, left);
                    waited.unwrap_or_else(PoisonError::into_inner).0
                }
            };
        }
    }

    /// Sends what there is room for, unless the connection of `generation` is no more: who ends a
    /// connection takes back what was sent, and would miss what is sent after that.
    fn send_batch(&self, stream: &mut Socket, generation: u64) -> io::Result<()> {
        let mut heads = Vec::new();
        {
            let mut state = lock(&self.state);
            while state.is_connected(generation)
                && state.has_room()
                && let Some(mut errand) = state.queue.pop_front()
            {
                let cookie = state.next;
                match errand.head(Cookie(cookie), &self.export) {
                    Ok((head, payload)) => {
                        state.next += 1;
                        state.bytes += errand.weight(&self.export);
                        errand.since = Instant::now();
                        heads.push((head, payload, errand.data(&self.export)));
                        state.sent.insert(cookie, errand);
                    }
                    Err(errno) => {
                        drop(state);
                        errand.end(Err(errno.into()));
                        state = lock(&self.state);
                    }
                }
            }
        }
        let mut slices = Vec::new();
        for (head, payload, data) in &heads {
            slices.push(IoSlice::new(head));
            slices.extend(payload.slices(data));
        }
        let mut rest = &mut slices[..];
        while !rest.is_empty() {
            let most = rest.len().min(1000);
            match stream.write_vectored(&rest[..most]) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(written) => IoSlice::advance_slices(&mut rest, written),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// Tries to reach the server again, for a while; then all that waits fails.
    fn reconnect(self: &Arc<Self>) -> Option<Socket> {
        let end = Instant::now() + self.patience.reconnect;
        loop {
            let tried = Connection::open(&self.uri, self.patience.connect, self.secure.as_deref());
            let error = match tried.and_then(|connection| self.adopt(connection)) {
                Ok(socket) => return Some(socket),
                Err(error) => error,
            };
            let over = Instant::now() >= end || lock(&self.state).closing;
            if over {
                tracing::error!(uri = %self.uri, %error, "an NBD server can not be reached");
                self.fail_all();
                return None;
            }
            thread::sleep(self.patience.pause);
        }
    }

    /// What was asked for again and again without an answer fails.
    fn fail_old(&self, mut state: MutexGuard<'_, State>) {
        let limit = self.patience.reply + self.patience.reconnect;
        let all = mem::take(&mut state.queue).into_iter();
        let (old, young) = all.partition(|errand| errand.born.elapsed() >= limit);
        state.queue = young;
        drop(state);
        let old: VecDeque<Errand> = old;
        for errand in old {
            errand.end(Err(Errno::EIO.into()));
        }
    }

    fn fail_all(&self) {
        let mut state = lock(&self.state);
        state.given_up = Some(Instant::now());
        let all = mem::take(&mut state.queue);
        drop(state);
        for errand in all {
            errand.end(Err(Errno::EIO.into()));
        }
    }

    /// Reads replies until the connection ends.
    fn receive(&self, socket: Socket, generation: u64) -> io::Result<()> {
        let mut stream = io::BufReader::with_capacity(64 << 10, socket);
        loop {
            let mut head = [0; 16];
            stream.read_exact(&mut head)?;
            let wrong = |error| io::Error::new(io::ErrorKind::InvalidData, error);
            let reply = SimpleReply::decode(&head).map_err(wrong)?;
            let Some(errand) = self.take_sent(generation, reply.cookie) else {
                let reason = "a reply to no request";
                return Err(io::Error::new(io::ErrorKind::InvalidData, reason));
            };
            self.answered(errand, reply.error, &mut stream)?;
        }
    }

    fn take_sent(&self, generation: u64, cookie: Cookie) -> Option<Errand> {
        let mut state = lock(&self.state);
        if state.generation != generation {
            return None;
        }
        let errand = state.sent.remove(&cookie.0)?;
        state.bytes -= errand.weight(&self.export);
        Some(errand)
    }

    /// One part of a request is answered.
    fn answered(
        &self,
        mut errand: Errand,
        error: Option<NbdErrno>,
        stream: &mut impl Read,
    ) -> io::Result<()> {
        if let Some(error) = error {
            errand.end(Err(Errno::from(error).into()));
            self.more.notify_one();
            return Ok(());
        }
        let filled = errand
            .room(&self.export)
            .into_iter()
            .try_for_each(|room| stream.read_exact(room));
        // A read whose data did not come is as if it had not been asked for.
        let finished = filled.is_ok() && errand.advance(&self.export);
        if finished {
            errand.end(Ok(()));
        } else {
            lock(&self.state).queue.push_front(errand);
        }
        self.more.notify_one();
        filled
    }

    fn say_goodbye(&self, socket: Option<Socket>) {
        let request = Request {
            command: CommandKind::Disconnect,
            flags: Default::default(),
            cookie: Cookie(0),
            offset: Default::default(),
            length: Default::default(),
        };
        if let (Some(mut socket), Ok(head)) = (socket, request.encode(Framing::Simple)) {
            // Who does not want to hear it is gone already.
            let _ = socket.write_all(&head);
        }
        lock(&self.state).drop_connection();
    }
}

fn left() -> io::Error {
    io::Error::new(io::ErrorKind::UnexpectedEof, "the server left")
}

impl State {
    /// Whether the connection of `generation` is there.
    fn is_connected(&self, generation: u64) -> bool {
        self.generation == generation && self.connection.is_some()
    }

    fn has_room(&self) -> bool {
        self.sent.len() < IN_FLIGHT_REQUESTS && self.bytes < IN_FLIGHT_BYTES
    }

    /// Ends the connection. What was sent goes to the front of the queue, in its order.
    fn drop_connection(&mut self) {
        if let Some(connection) = self.connection.take() {
            let _ = rustix::net::shutdown(&connection, Shutdown::Both);
        }
        self.bytes = 0;
        for (_, errand) in mem::take(&mut self.sent).into_iter().rev() {
            self.queue.push_front(errand);
        }
    }
}
