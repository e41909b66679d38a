//! The way back: replies, sent by whoever has them, as many at a time as there are.
//!
//! # Shape
//! One thread at a time owns the sending side. The connection's own thread owns it while it works
//! on a batch of requests, and sends the batch's replies at its end. A request that completes
//! elsewhere meanwhile leaves its reply with the owner; when there is none, its thread becomes the
//! owner until no reply is left. Such a thread has other work to do, so it does not wait for a
//! client that does not read: it leaves the rest to a thread that does.

use std::io::{self, IoSlice};
use std::mem;
use std::os::fd::{BorrowedFd, OwnedFd};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;

use bytes::Bytes;
use dm_core::io::IoData;
use dm_core::nbd::Head;
use rustix::net::{SendAncillaryBuffer, SendFlags, Shutdown};

use super::pipe::Lender;
use super::{IN_FLIGHT_BYTES, IN_FLIGHT_REQUESTS};

/// The most replies that wait for the end of a batch.
const BATCH: usize = 64;

/// The most slices that one system call takes.
const SLICES_MAX: usize = 1000;

/// Bytes of replies that the connection's thread sends at once: what a client asks for that has 64
/// requests of 4 KiB under way, so that it is woken once for all of them.
const ENOUGH: usize = 256 << 10;

/// Replies without data that are sent at once: the client makes its next writes while these are done.
const RIPE: usize = 32;

/// Room for replies before they are sent.
const CAPACITY: usize = 512 << 10;

/// A reply, and what its request counts for.
struct Reply {
    head: Option<Head>,
    body: Body,
    counted: usize,
}

/// What follows a reply's head.
pub(super) enum Body {
    /// Nothing.
    None,
    /// A read's buffers.
    Read(IoData),
    /// Bytes that were put together for it, a head among them.
    Bytes(Bytes),
}

/// Where replies are handed in. Clones feed the same connection.
#[derive(Clone)]
pub(super) struct Replies(Arc<Shared>);

struct Shared {
    socket: OwnedFd,
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    ready: Vec<Reply>,
    /// A thread owns the sending side.
    owned: bool,
    /// Requests under way, and their bytes, up to where their replies are sent.
    requests: usize,
    bytes: usize,
    /// Threads that wait for a change.
    waiting: usize,
    broken: Option<io::Error>,
}

/// Whether a send may wait for the client.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Patience {
    Waits,
    GoesOn,
}

/// The replies of a batch, of the connection's own thread.
pub(super) struct Outbox {
    replies: Replies,
    bytes: Box<[u8]>,
    filled: usize,
    /// How many of these replies have no data.
    empty: usize,
    /// Holds a reply at the most, and none while requests are waited for.
    lender: Lender,
    /// It owns the sending side.
    owner: bool,
}

/// One request under way, counted until its reply is sent.
pub(super) struct Counted {
    replies: Replies,
    bytes: usize,
    sent: bool,
}

impl Replies {
    pub(super) fn new(socket: OwnedFd) -> Replies {
        Replies(Arc::new(Shared {
            socket,
            state: Mutex::default(),
            changed: Condvar::new(),
        }))
    }

    /// Waits until every request has its reply, and says whether all could be sent.
    pub(super) fn finish(&self) -> io::Result<()> {
        let mut state = self.0.lock();
        while state.requests > 0 || state.owned {
            state = self.0.wait(state);
        }
        state.broken.take().map_or(Ok(()), Err)
    }
}

impl Counted {
    /// Sends the reply.
    pub(super) fn send(self, head: Head, body: Body) {
        self.reply(Some(head), body);
    }

    /// Sends a reply that was put together whole.
    pub(super) fn send_bytes(self, bytes: Bytes) {
        self.reply(None, Body::Bytes(bytes));
    }

    fn reply(mut self, head: Option<Head>, body: Body) {
        self.sent = true;
        let counted = self.bytes;
        let mut state = self.replies.0.lock();
        state.ready.push(Reply {
            head,
            body,
            counted,
        });
        if !state.owned {
            state.owned = true;
            self.replies.0.drain(state, Patience::GoesOn);
        }
    }
}

/// A request without a reply, which is a bug elsewhere, is none under way any more.
impl Drop for Counted {
    fn drop(&mut self) {
        if !self.sent {
            self.replies.0.lock().count_out(1, self.bytes);
            self.replies.0.changed.notify_all();
        }
    }
}

impl State {
    fn count_out(&mut self, requests: usize, bytes: usize) {
        self.requests -= requests;
        self.bytes -= bytes;
    }

    fn is_full(&self, more: usize) -> bool {
        self.requests >= IN_FLIGHT_REQUESTS
            || (self.requests > 0 && self.bytes + more > IN_FLIGHT_BYTES)
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn wait<'a>(&self, mut state: MutexGuard<'a, State>) -> MutexGuard<'a, State> {
        state.waiting += 1;
        let waited = self.changed.wait(state);
        let mut state = waited.unwrap_or_else(PoisonError::into_inner);
        state.waiting -= 1;
        state
    }

    /// Sends what is ready until nothing is, as the owner, and gives the ownership up.
    fn drain<'a>(self: &'a Arc<Self>, mut state: MutexGuard<'a, State>, patience: Patience) {
        loop {
            if state.ready.is_empty() {
                state.owned = false;
                return self.tell(state);
            }
            let batch = mem::take(&mut state.ready);
            drop(state);
            let sent = self.send(&batch, 0, patience);
            match sent {
                Ok(all) if all == length(&batch) => state = self.count_out(batch),
                Ok(sent) => return self.hand_over(batch, sent),
                Err(error) => {
                    self.fail(error);
                    state = self.count_out(batch);
                }
            }
        }
    }

    fn tell(&self, state: MutexGuard<'_, State>) {
        let waiting = state.waiting > 0;
        drop(state);
        if waiting {
            self.changed.notify_all();
        }
    }

    fn count_out(&self, batch: Vec<Reply>) -> MutexGuard<'_, State> {
        let (count, bytes) = (batch.len(), batch.iter().map(|reply| reply.counted).sum());
        // Before the lock is taken: buffers are given back.
        drop(batch);
        let mut state = self.lock();
        state.count_out(count, bytes);
        if state.waiting > 0 {
            self.changed.notify_all();
        }
        state
    }

    /// Leaves a batch, of which `sent` bytes are sent, and the ownership to a thread that may wait.
    fn hand_over(self: &Arc<Self>, batch: Vec<Reply>, sent: usize) {
        let (shared, batch) = (self.clone(), Mutex::new(Some(batch)));
        let batch = Arc::new(batch);
        let left = batch.clone();
        let rest = move || {
            let taken = left.lock().unwrap_or_else(PoisonError::into_inner).take();
            if let Some(batch) = taken {
                if let Err(error) = shared.send(&batch, sent, Patience::Waits) {
                    shared.fail(error);
                }
                let state = shared.count_out(batch);
                shared.drain(state, Patience::Waits);
            }
        };
        let name = thread::Builder::new().name("nbd-late".into());
        if let Err(error) = name.spawn(rest) {
            // Without a thread the connection can not go on.
            self.fail(error);
            let taken = batch.lock().unwrap_or_else(PoisonError::into_inner).take();
            let state = self.count_out(taken.unwrap_or_default());
            self.drain(state, Patience::GoesOn);
        }
    }

    /// Ends the connection, so that its reader sees it. What is under way is still counted out.
    fn fail(&self, error: io::Error) {
        let _ = rustix::net::shutdown(&self.socket, Shutdown::Both);
        self.lock().broken.get_or_insert(error);
    }

    /// Sends the replies behind their first `skipped` bytes; how many bytes of all are sent then,
    /// which without patience may be fewer.
    fn send(&self, batch: &[Reply], skipped: usize, patience: Patience) -> io::Result<usize> {
        let mut slices: Vec<IoSlice<'_>> = Vec::with_capacity(batch.len() * 2);
        for reply in batch {
            slices.extend(reply.head.iter().map(|head| IoSlice::new(head)));
            match &reply.body {
                Body::Read(IoData::Read(buffers)) => {
                    slices.extend(buffers.iter().map(|buffer| IoSlice::new(buffer)));
                }
                Body::Bytes(bytes) => slices.push(IoSlice::new(bytes)),
                Body::None | Body::Read(_) => {}
            }
        }
        let mut rest = &mut slices[..];
        IoSlice::advance_slices(&mut rest, skipped);
        let sent = self.send_slices(rest, patience)?;
        Ok(skipped + sent)
    }

    fn send_slices(&self, mut rest: &mut [IoSlice<'_>], patience: Patience) -> io::Result<usize> {
        let mut flags = SendFlags::NOSIGNAL;
        flags.set(SendFlags::DONTWAIT, patience == Patience::GoesOn);
        let mut all = 0;
        while !rest.is_empty() {
            let most = rest.len().min(SLICES_MAX);
            let mut none = SendAncillaryBuffer::default();
            match rustix::net::sendmsg(&self.socket, &rest[..most], &mut none, flags) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(sent) => {
                    all += sent;
                    IoSlice::advance_slices(&mut rest, sent);
                }
                Err(rustix::io::Errno::INTR) => {}
                Err(rustix::io::Errno::AGAIN) if patience == Patience::GoesOn => break,
                Err(error) => return Err(error.into()),
            }
        }
        Ok(all)
    }
}

fn length(batch: &[Reply]) -> usize {
    let of = |reply: &Reply| {
        reply.head.map_or(0, |head| head.len())
            + match &reply.body {
                Body::None => 0,
                Body::Read(data) => data.length(),
                Body::Bytes(bytes) => bytes.len(),
            }
    };
    batch.iter().map(of).sum()
}

impl Outbox {
    pub(super) fn new(replies: Replies) -> Outbox {
        Outbox {
            replies,
            bytes: vec![0; CAPACITY].into(),
            filled: 0,
            empty: 0,
            lender: Lender::default(),
            owner: false,
        }
    }

    /// A batch of requests begins: what completes from now on is sent at its end.
    pub(super) fn begin(&mut self) {
        let mut state = self.replies.0.lock();
        self.owner |= !state.owned;
        state.owned = true;
    }

    /// Counts a request in that goes the long way, when there is room for it.
    pub(super) fn count(&mut self, bytes: usize) -> Counted {
        let shared = self.replies.0.clone();
        let mut state = shared.lock();
        if state.is_full(bytes) || state.ready.len() >= BATCH {
            drop(state);
            self.flush();
            state = shared.lock();
            while state.is_full(bytes) {
                state = shared.wait(state);
            }
            self.owner = !state.owned;
            state.owned = true;
        }
        state.requests += 1;
        state.bytes += bytes;
        drop(state);
        Counted {
            replies: self.replies.clone(),
            bytes,
            sent: false,
        }
    }

    /// Adds a reply without data.
    pub(super) fn push(&mut self, head: &Head) {
        self.read(head, 0, |_| true);
    }

    /// Adds a reply with `length` bytes of data, if there is room for so many, and `fill` has them.
    /// Whether it did.
    pub(super) fn read(
        &mut self,
        head: &Head,
        length: usize,
        fill: impl FnOnce(&mut [u8]) -> bool,
    ) -> bool {
        let wanted = head.len() + length;
        if wanted > self.bytes.len() {
            return false;
        }
        if self.filled + wanted > self.bytes.len() {
            self.flush();
            self.begin();
        }
        let (front, data) = self.bytes[self.filled..][..wanted].split_at_mut(head.len());
        if !fill(data) {
            return false;
        }
        front.copy_from_slice(head);
        self.filled += wanted;
        self.empty += usize::from(length == 0);
        if self.filled >= ENOUGH || self.empty >= RIPE {
            self.flush();
            self.begin();
        }
        true
    }

    /// Sends a reply with `length` bytes of data that never come into this process's memory, if `fill`
    /// can move them into a pipe. Whether it did.
    pub(super) fn lend(
        &mut self,
        head: &Head,
        length: usize,
        fill: impl FnOnce(BorrowedFd<'_>) -> bool,
    ) -> bool {
        let put = self.lender.put(head, length, fill);
        if put {
            self.flush();
            self.begin();
        }
        put
    }

    /// Sends all replies that there are, and gives the sending side up.
    pub(super) fn flush(&mut self) {
        let shared = self.replies.0.clone();
        let some = self.filled > 0 || self.lender.is_filled();
        let mut state = shared.lock();
        while !self.owner && state.owned && some {
            state = shared.wait(state);
            self.owner = !state.owned;
            state.owned |= self.owner;
        }
        if !self.owner && some {
            (self.owner, state.owned) = (true, true);
        }
        if !self.owner {
            return;
        }
        if some {
            let broken = state.broken.is_some();
            drop(state);
            if !broken && let Err(error) = self.send_own(&shared) {
                shared.fail(error);
            }
            (self.filled, self.empty) = (0, 0);
            state = shared.lock();
        }
        self.owner = false;
        shared.drain(state, Patience::Waits);
    }

    fn send_own(&mut self, shared: &Shared) -> io::Result<()> {
        let mut bytes = [IoSlice::new(&self.bytes[..self.filled])];
        if self.filled > 0 {
            shared.send_slices(&mut bytes, Patience::Waits)?;
        }
        self.lender.send(&shared.socket)
    }
}
