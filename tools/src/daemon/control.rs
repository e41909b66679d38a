//! The control socket: connections, their requests and their ends.

use std::collections::HashMap;
use std::io;
use std::net::Shutdown;
use std::os::unix::net::{UnixListener, UnixStream};
use std::sync::mpsc::{Receiver, Sender, TrySendError, sync_channel};
use std::sync::{Arc, Condvar, Mutex};
use std::thread;
use std::time::Duration;

use dm_core::engine::Cancel;
use dm_proto::frame::{FRAME_MAX, read_frame, write_frame};
use dm_proto::proplib::write_dictionary;
use dm_proto::server::Server;
use tracing::{debug, warn};
use zeroize::Zeroizing;

use crate::failure::Failure;

use super::hub::Hub;
use super::order::{DaemonStatus, InUse, Order, write_failure};
use super::{CONNECTIONS_MAX, QUEUE_MAX, lock_state};

/// How long the commands under way get at the end.
const GRACE: Duration = Duration::from_secs(3);

/// How long to wait when a connection can not be taken, for want of descriptors say.
const PAUSE: Duration = Duration::from_millis(50);

/// The control socket at work.
pub(super) struct Control {
    shared: Arc<Shared>,
}

/// What its threads share.
struct Shared {
    hub: Arc<Hub>,
    /// Answers in both dialects; NetBSD's has devices of its own.
    server: Server,
    /// What a status starts from.
    status: DaemonStatus,
    /// Whom to tell that the daemon is to end.
    stop: Sender<()>,
    connections: Mutex<Connections>,
    left: Condvar,
}

#[derive(Default)]
struct Connections {
    /// No more are taken.
    closed: bool,
    last: u64,
    open: HashMap<u64, Connection>,
}

/// What it takes to end a connection from outside.
struct Connection {
    stream: UnixStream,
    cancel: Cancel,
}

impl Control {
    /// Answers on `listener` from now on. An order to stop goes to `stop`.
    pub(super) fn start(
        hub: Arc<Hub>,
        status: DaemonStatus,
        listener: UnixListener,
        stop: Sender<()>,
    ) -> io::Result<Control> {
        let (connections, left) = (Mutex::default(), Condvar::new());
        let shared = Arc::new(Shared {
            server: Server::new(hub.engine().clone()),
            hub,
            status,
            stop,
            connections,
            left,
        });
        let control = Control {
            shared: shared.clone(),
        };
        thread::Builder::new()
            .name("control".into())
            .spawn(move || {
                for stream in listener.incoming() {
                    if let Err(error) = stream.and_then(|stream| Shared::admit(&shared, stream)) {
                        warn!("a connection is not taken: {error}");
                        thread::sleep(PAUSE);
                    }
                }
            })?;
        Ok(control)
    }

    /// Gives up what waits, lets the other commands end, and closes all connections.
    pub(super) fn stop(&self) {
        let mut connections = lock_state(&self.shared.connections);
        connections.closed = true;
        for connection in connections.open.values() {
            connection.cancel.cancel();
            // Its reader sees an end; replies can still be written.
            let _ = connection.stream.shutdown(Shutdown::Read);
        }
        let wait = self
            .shared
            .left
            .wait_timeout_while(connections, GRACE, |connections| {
                !connections.open.is_empty()
            });
        if let Ok((connections, late)) = wait
            && late.timed_out()
        {
            warn!(
                "{} connection(s) did not end in time",
                connections.open.len()
            );
        }
    }
}

impl Shared {
    /// Takes a connection if its peer may have one.
    fn admit(shared: &Arc<Shared>, stream: UnixStream) -> io::Result<()> {
        let (peer, own) = (peer_uid(&stream)?, rustix::process::geteuid().as_raw());
        if peer != own && peer != 0 {
            warn!("user {peer} is turned away");
            return Ok(());
        }
        let cancel = Cancel::new();
        let copy = stream.try_clone()?;
        let mut connections = lock_state(&shared.connections);
        if connections.closed {
            return Ok(());
        }
        if connections.open.len() >= CONNECTIONS_MAX {
            warn!("a connection is turned away: there are {CONNECTIONS_MAX}");
            return Ok(());
        }
        connections.last += 1;
        let id = connections.last;
        connections.open.insert(
            id,
            Connection {
                stream: copy,
                cancel: cancel.clone(),
            },
        );
        drop(connections);
        let guard = Guard {
            shared: shared.clone(),
            id,
        };
        thread::Builder::new()
            .name(format!("control-{id}"))
            .spawn(move || {
                if let Err(why) = guard.shared.serve(id, &stream, &cancel) {
                    warn!("connection {id} is closed: {why}");
                }
                drop(guard);
            })?;
        Ok(())
    }

    /// Reads requests and passes them on, until the connection ends. Then what still waits for one
    /// is given up, since nobody would hear of it.
    fn serve(&self, id: u64, stream: &UnixStream, cancel: &Cancel) -> Result<(), String> {
        let (sender, requests) = sync_channel::<Zeroizing<Vec<u8>>>(QUEUE_MAX);
        thread::scope(|scope| {
            let executor = thread::Builder::new().name(format!("command-{id}"));
            executor
                .spawn_scoped(scope, move || self.execute(requests, stream, cancel))
                .map_err(|error| error.to_string())?;
            // Read without a buffer, which would keep keys.
            let mut input = stream;
            let end = loop {
                let frame = match read_frame(&mut input, FRAME_MAX) {
                    Ok(Some(frame)) => frame,
                    Ok(None) => break Ok(()),
                    Err(error) => break Err(error.to_string()),
                };
                if !may_be_a_request(&frame) {
                    break Err(format!("{} bytes that are no request", frame.len()));
                }
                match sender.try_send(frame) {
                    Ok(()) => {}
                    Err(TrySendError::Full(_)) => {
                        break Err(format!("more than {QUEUE_MAX} requests wait"));
                    }
                    Err(TrySendError::Disconnected(_)) => break Ok(()),
                }
            };
            cancel.cancel();
            drop(sender);
            if end.is_err() {
                // The executor may be writing to a peer that does not read.
                let _ = stream.shutdown(Shutdown::Both);
            }
            end
        })
    }

    /// Obeys requests one by one.
    fn execute(
        &self,
        requests: Receiver<Zeroizing<Vec<u8>>>,
        stream: &UnixStream,
        cancel: &Cancel,
    ) {
        // However this ends, a panic included, the reader must not wait for more.
        let _end = EndRead(stream);
        for request in requests {
            let mut ends = false;
            // It may hold a table with keys, as the request may.
            let reply = Zeroizing::new(match Order::read(&request) {
                Some(order) => {
                    let stop = matches!(order, Order::Stop(_));
                    let obeyed = self.obey(order);
                    ends = stop && obeyed.is_ok();
                    obeyed.unwrap_or_else(|failure| write_failure(&failure))
                }
                None => self
                    .server
                    .respond(&request, &|command| self.hub.call(command, cancel)),
            });
            let mut output = stream;
            if let Err(error) = write_frame(&mut output, &reply) {
                debug!("a reply was not wanted: {error}");
                return;
            }
            if ends {
                // The daemon ends already if nobody listens.
                let _ = self.stop.send(());
            }
        }
    }

    /// Obeys an order, and writes what there is to say.
    fn obey(&self, order: Order) -> Result<Vec<u8>, Failure> {
        debug!("order: {order:?}");
        match order {
            Order::Attach(name) => {
                let attached = self.hub.attach(&name)?;
                return Ok(write_dictionary(&attached.write()));
            }
            Order::Detach(name, in_use) => self.hub.detach(&name, in_use)?,
            Order::Stop(InUse::Refuse) => self.hub.refuse_if_used()?,
            Order::Stop(InUse::Force) | Order::Status => {}
        }
        let dm = dm_core::client::Dm::new(self.hub.engine().clone());
        let devices = dm.list().map(|list| list.len()).unwrap_or_default();
        let devices = u32::try_from(devices).unwrap_or(u32::MAX);
        let mut status = DaemonStatus {
            devices,
            attached: self.hub.attached_as(),
            ..self.status.clone()
        };
        status.problems.extend(self.hub.problem());
        status.problems.extend(self.hub.attached_problems());
        Ok(status.write())
    }
}

/// Takes a connection off the list.
struct Guard {
    shared: Arc<Shared>,
    id: u64,
}

impl Drop for Guard {
    fn drop(&mut self) {
        lock_state(&self.shared.connections).open.remove(&self.id);
        self.shared.left.notify_all();
    }
}

/// Ends the reading side of a connection.
struct EndRead<'a>(&'a UnixStream);

impl Drop for EndRead<'_> {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.0.shutdown(Shutdown::Read);
    }
}

/// Whether a frame has the look of a dictionary or an order; the rest is not worth a reply.
fn may_be_a_request(frame: &[u8]) -> bool {
    let first = frame.iter().find(|byte| !byte.is_ascii_whitespace());
    first == Some(&b'<') || Order::read(frame).is_some()
}

/// Whose process is at the other end.
#[cfg(any(target_os = "linux", target_os = "android"))]
fn peer_uid(stream: &UnixStream) -> io::Result<u32> {
    Ok(rustix::net::sockopt::socket_peercred(stream)?.uid.as_raw())
}

/// Whose process is at the other end.
#[cfg(not(any(target_os = "linux", target_os = "android")))]
fn peer_uid(stream: &UnixStream) -> io::Result<u32> {
    Ok(nix::unistd::getpeereid(stream)?.0.as_raw())
}
