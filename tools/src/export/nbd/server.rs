//! Accepts connections and ends them.

use std::collections::BTreeMap;
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, poll};
use rustix::net::{Shutdown, shutdown};
use tracing::{debug, warn};

use super::handshake::{self, Outcome, Security, Session};
use super::{Listener, Service, Stream, transmission};

/// How long [`Server::stop`] waits for requests under way.
const DRAIN: Duration = Duration::from_secs(10);

/// Serves an engine's devices on a listening socket until it is stopped or dropped.
pub struct Server {
    shared: Arc<Shared>,
    /// Held by nobody else: the accepting thread sees it go.
    open: Option<UnixStream>,
    accepting: Option<JoinHandle<()>>,
}

struct Shared {
    service: Service,
    connections: Mutex<Connections>,
    ended: Condvar,
}

#[derive(Default)]
struct Connections {
    next: u64,
    open: BTreeMap<u64, OwnedFd>,
}

impl Server {
    /// Starts to serve what `service` is, such as an engine, on `listener`.
    ///
    /// # Errors
    /// If there are no descriptors or no thread to be had.
    pub fn start(service: impl Into<Service>, listener: impl Into<Listener>) -> io::Result<Server> {
        let listener = listener.into();
        let shared = Arc::new(Shared {
            service: service.into(),
            connections: Mutex::default(),
            ended: Condvar::new(),
        });
        listener.set_nonblocking()?;
        let (open, end) = UnixStream::pair()?;
        let accepted = shared.clone();
        let accepting = thread::Builder::new()
            .name("nbd-accept".into())
            .spawn(move || accepted.accept(&listener, &end))?;
        Ok(Server {
            shared,
            open: Some(open),
            accepting: Some(accepting),
        })
    }

    /// How many clients are connected.
    pub fn connections(&self) -> usize {
        self.shared.lock().open.len()
    }

    /// Takes no more clients and no more requests, waits for those under way, and ends.
    pub fn stop(mut self) {
        self.end();
    }

    fn end(&mut self) {
        self.open = None;
        if let Some(accepting) = self.accepting.take() {
            // It only panics if memory is exhausted; nothing is left to do about it.
            let _ = accepting.join();
        }
        self.shared.drain();
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.end();
    }
}

impl Shared {
    /// Accepts connections until the other side of `end` is closed.
    ///
    /// Not every system wakes who waits in `accept` when the listening socket is shut down.
    fn accept(self: &Arc<Self>, listener: &Listener, end: &UnixStream) {
        loop {
            let mut waiting = [
                PollFd::new(listener, PollFlags::IN),
                PollFd::new(end, PollFlags::IN),
            ];
            let polled = poll(&mut waiting, None).map_err(io::Error::from);
            if !waiting[1].revents().is_empty() {
                return;
            }
            match polled.and_then(|_| self.take(listener)) {
                Ok(Ok(())) => {}
                Ok(Err(error)) => warn!(%error, "a connection was refused"),
                Err(error) if nothing_yet(&error) => {}
                Err(error) => {
                    // Descriptors may be exhausted for the moment.
                    warn!(%error, "no connection could be accepted");
                    thread::sleep(Duration::from_millis(100));
                }
            }
        }
    }

    /// Accepts a client, and says whether it was admitted.
    fn take(self: &Arc<Self>, listener: &Listener) -> io::Result<io::Result<()>> {
        // The BSDs pass the listening socket's mode on.
        Ok(match listener {
            Listener::Unix(listener) => {
                let (stream, _) = listener.accept()?;
                let ready = stream.set_nonblocking(false);
                ready.and_then(|()| self.admit(stream))
            }
            Listener::Tcp(listener) => {
                let (stream, _) = listener.accept()?;
                let ready = stream.set_nonblocking(false);
                // Replies go in batches as it is.
                let ready = ready.and_then(|()| stream.set_nodelay(true));
                ready.and_then(|()| self.admit(stream))
            }
        })
    }

    fn admit<S: Stream>(self: &Arc<Self>, stream: S) -> io::Result<()> {
        let number = {
            let mut connections = self.lock();
            if connections.open.len() >= self.service.max_clients {
                return Err(io::Error::other("there are too many connections"));
            }
            let number = connections.next;
            connections.next += 1;
            connections.open.insert(number, stream.try_clone()?.into());
            number
        };
        let shared = self.clone();
        let spawned = thread::Builder::new()
            .name("nbd-read".into())
            .spawn(move || {
                serve(&shared.service, stream);
                shared.remove(number);
            });
        if spawned.is_err() {
            self.remove(number);
        }
        spawned.map(|_| ())
    }

    fn remove(&self, number: u64) {
        self.lock().open.remove(&number);
        self.ended.notify_all();
    }

    /// Ends all connections: what was read is answered first, within a time limit.
    fn drain(&self) {
        let end = Instant::now() + DRAIN;
        let mut connections = self.lock();
        for stream in connections.open.values() {
            // One that is closed already is none to wait for.
            let _ = shutdown(stream, Shutdown::Read);
        }
        while !connections.open.is_empty() {
            let left = end.saturating_duration_since(Instant::now());
            if left.is_zero() {
                for stream in connections.open.values() {
                    let _ = shutdown(stream, Shutdown::Both);
                }
                return;
            }
            let waited = self.ended.wait_timeout(connections, left);
            connections = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    fn lock(&self) -> MutexGuard<'_, Connections> {
        self.connections
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

fn nothing_yet(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted
    )
}

/// Serves one client on a connected socket, from its greeting to its end, on this thread.
pub fn serve<S: Stream>(service: &Service, stream: S) {
    match converse(service, stream) {
        Ok(()) => debug!("an NBD client left"),
        Err(error) => warn!(%error, "an NBD handshake failed"),
    }
}

fn converse<S: Stream>(service: &Service, mut stream: S) -> io::Result<()> {
    let Some(client) = handshake::greet(&mut stream)? else {
        return Ok(());
    };
    match handshake::options(service, Security::Plain, client, &mut stream)? {
        Outcome::Left => {}
        Outcome::Transmission(session) => transmit(*session, stream),
        Outcome::Tls(tls) => {
            let (mut plain, pump) = tls.accept(stream)?;
            let outcome = handshake::options(service, Security::Tls, client, &mut plain);
            if let Ok(Outcome::Transmission(session)) = outcome {
                transmit(*session, plain);
            } else {
                drop(plain);
                outcome?;
            }
            // Only then has the client all replies. It panics if memory is exhausted.
            let _ = pump.join();
        }
    }
    Ok(())
}

fn transmit<S: Stream>(session: Session, stream: S) {
    let name = session.name.clone();
    if let Err(error) = transmission::run(session, stream) {
        warn!(%name, %error, "an NBD connection broke");
    }
}
