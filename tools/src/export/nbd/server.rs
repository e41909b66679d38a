//! Accepts connections and ends them.

use std::collections::BTreeMap;
use std::io;
use std::net::Shutdown;
use std::os::unix::net::{UnixListener, UnixStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use dm_core::engine::Engine;
use tracing::{debug, warn};

use super::{CONNECTIONS_MAX, handshake, transmission};

/// How long [`Server::stop`] waits for requests under way.
const DRAIN: Duration = Duration::from_secs(10);

/// Serves an engine's devices on a listening socket until it is stopped or dropped.
pub struct Server {
    shared: Arc<Shared>,
    listener: UnixListener,
    accepting: Option<JoinHandle<()>>,
}

struct Shared {
    engine: Engine,
    stopping: AtomicBool,
    connections: Mutex<Connections>,
    ended: Condvar,
}

#[derive(Default)]
struct Connections {
    next: u64,
    open: BTreeMap<u64, UnixStream>,
}

impl Server {
    /// Starts to serve `engine` on `listener`.
    ///
    /// # Errors
    /// If the listener can not be shared with a thread, or none can be had.
    pub fn start(engine: Engine, listener: UnixListener) -> io::Result<Server> {
        let shared = Arc::new(Shared {
            engine,
            stopping: AtomicBool::new(false),
            connections: Mutex::default(),
            ended: Condvar::new(),
        });
        let (accepter, accepted) = (listener.try_clone()?, shared.clone());
        let accepting = thread::Builder::new()
            .name("nbd-accept".into())
            .spawn(move || accepted.accept(&accepter))?;
        Ok(Server {
            shared,
            listener,
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
        self.shared.stopping.store(true, Ordering::SeqCst);
        // Wakes the accepting thread: a listening socket that is shut down accepts no more.
        if rustix::net::shutdown(&self.listener, rustix::net::Shutdown::Both).is_err() {
            self.wake();
        }
        if let Some(accepting) = self.accepting.take() {
            // It only panics if memory is exhausted; nothing is left to do about it.
            let _ = accepting.join();
        }
        self.shared.drain();
    }

    /// Connects to itself, where a listening socket can not be shut down.
    fn wake(&self) {
        if let Ok(address) = self.listener.local_addr() {
            let _ = UnixStream::connect_addr(&address);
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.end();
    }
}

impl Shared {
    fn accept(self: &Arc<Self>, listener: &UnixListener) {
        loop {
            let accepted = listener.accept();
            if self.stopping.load(Ordering::SeqCst) {
                return;
            }
            match accepted {
                Ok((stream, _)) => {
                    if let Err(error) = self.admit(stream) {
                        warn!(%error, "a connection was refused");
                    }
                }
                Err(error) => {
                    // Descriptors may be exhausted for the moment.
                    warn!(%error, "no connection could be accepted");
                    thread::sleep(Duration::from_millis(100));
                }
            }
        }
    }

    fn admit(self: &Arc<Self>, stream: UnixStream) -> io::Result<()> {
        let number = {
            let mut connections = self.lock();
            if connections.open.len() >= CONNECTIONS_MAX {
                return Err(io::Error::other("there are too many connections"));
            }
            let number = connections.next;
            connections.next += 1;
            connections.open.insert(number, stream.try_clone()?);
            number
        };
        let shared = self.clone();
        let spawned = thread::Builder::new()
            .name("nbd-read".into())
            .spawn(move || {
                serve(&shared.engine, stream);
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
            let _ = stream.shutdown(Shutdown::Read);
        }
        while !connections.open.is_empty() {
            let left = end.saturating_duration_since(Instant::now());
            if left.is_zero() {
                for stream in connections.open.values() {
                    let _ = stream.shutdown(Shutdown::Both);
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

/// One client, from its greeting to its end.
fn serve(engine: &Engine, mut stream: UnixStream) {
    match handshake::run(engine, &mut stream) {
        Ok(Some(session)) => {
            let name = session.name.clone();
            match transmission::run(session, stream) {
                Ok(()) => debug!(%name, "an NBD client left"),
                Err(error) => warn!(%name, %error, "an NBD connection broke"),
            }
        }
        Ok(None) => debug!("an NBD client left during the handshake"),
        Err(error) => warn!(%error, "an NBD handshake failed"),
    }
}
