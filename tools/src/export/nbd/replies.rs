//! The way back: replies, written by a thread of their own in batches.

use std::io::{self, IoSlice, Write};
use std::net::Shutdown;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};

use bytes::Bytes;
use dm_core::io::IoData;
use dm_core::nbd::Head;

use super::stream::Stream;
use super::{IN_FLIGHT_BYTES, IN_FLIGHT_REQUESTS};

/// The most replies that one system call writes.
const BATCH: usize = 64;

/// A reply, and what its request counts for.
pub(super) struct Reply {
    head: Option<Head>,
    body: Body,
    _counted: Counted,
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
pub(super) struct Replies(Sender<Reply>);

/// The requests of a connection that are under way, and their bytes.
#[derive(Clone, Default)]
pub(super) struct InFlight(Arc<(Mutex<Load>, Condvar)>);

#[derive(Default)]
struct Load {
    requests: usize,
    bytes: usize,
}

/// One request under way; counted out when it is dropped, which its reply does once it is written.
pub(super) struct Counted {
    in_flight: InFlight,
    bytes: usize,
}

impl Replies {
    /// Starts a thread that writes to `stream`. It ends when all clones are dropped, and all
    /// requests with them. If writing fails, it ends the connection, so that its reader sees it.
    pub(super) fn start<S: Stream>(stream: S) -> io::Result<(Replies, JoinHandle<io::Result<()>>)> {
        let (sender, receiver) = channel();
        let writer = thread::Builder::new()
            .name("nbd-write".into())
            .spawn(move || write_all(stream, &receiver))?;
        Ok((Replies(sender), writer))
    }

    /// Sends a reply.
    pub(super) fn send(&self, head: Head, body: Body, counted: Counted) {
        // With the connection goes the reply.
        let _ = self.0.send(Reply {
            head: Some(head),
            body,
            _counted: counted,
        });
    }

    /// Sends a reply that was put together whole.
    pub(super) fn send_bytes(&self, bytes: Bytes, counted: Counted) {
        let _ = self.0.send(Reply {
            head: None,
            body: Body::Bytes(bytes),
            _counted: counted,
        });
    }
}

fn write_all<S: Stream>(mut stream: S, replies: &Receiver<Reply>) -> io::Result<()> {
    let mut result = Ok(());
    while let Ok(first) = replies.recv() {
        let mut batch = vec![first];
        batch.extend(replies.try_iter().take(BATCH - 1));
        if result.is_ok() {
            result = write_batch(&mut stream, &batch);
            if result.is_err() {
                // The reader ends; what is under way is still counted out here.
                let _ = stream.shutdown(Shutdown::Both);
            }
        }
    }
    result
}

fn write_batch(stream: &mut impl Write, batch: &[Reply]) -> io::Result<()> {
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
    while !rest.is_empty() {
        // More slices than the system takes at once are more than one call.
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

impl InFlight {
    /// Counts a request of `bytes` in, when there is room for it.
    pub(super) fn count(&self, bytes: usize) -> Counted {
        let mut load = self.lock();
        while load.requests >= IN_FLIGHT_REQUESTS
            || (load.requests > 0 && load.bytes + bytes > IN_FLIGHT_BYTES)
        {
            load = self.0.1.wait(load).unwrap_or_else(PoisonError::into_inner);
        }
        load.requests += 1;
        load.bytes += bytes;
        drop(load);
        Counted {
            in_flight: self.clone(),
            bytes,
        }
    }

    fn lock(&self) -> MutexGuard<'_, Load> {
        self.0.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        let mut load = self.in_flight.lock();
        load.requests -= 1;
        load.bytes -= self.bytes;
        drop(load);
        self.in_flight.0.1.notify_one();
    }
}
