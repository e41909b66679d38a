//! The daemon: an engine behind a control socket, with every active device as an NBD export.
//!
//! # Shape
//! - [`start`]: a client finds the daemon, or starts it; two at once start one.
//! - [`serve`]: the daemon's life, from the lock to the last reply.
//! - `control`: connections, a reader and an executor each, so that a client's death ends its wait.
//! - `attach`, `attached`: devices that are block devices of this system's, and their states.
//! - `hub`: the engine and its journal; [`journal`] the file, `saved` what it holds, `restore` the
//!   way back.
//! - [`order`]: what a client may ask of the daemon itself.
//! - `lock`: there is one daemon a folder.
//!
//! A request is at most [`FRAME_MAX`](dm_proto::frame::FRAME_MAX) bytes: a table of 10^6 lines. Text
//! that is sent to the socket by mistake reads as a length beyond it, and is refused at its first
//! four bytes.

mod attach;
mod attached;
mod control;
mod hub;
mod lock;
mod log;
mod restore;
mod saved;

pub(crate) mod journal;
pub(crate) mod order;
pub(crate) mod serve;
pub(crate) mod start;

/// Connections at a time. Each has two threads.
const CONNECTIONS_MAX: usize = 256;

/// Requests of one connection that wait for their turn.
const QUEUE_MAX: usize = 16;

/// What a daemon starts with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Start {
    /// No devices, as after a reboot.
    Empty,
    /// The devices in the journal.
    Restore,
}

/// Locks what no panic can leave half done.
fn lock_state<T>(mutex: &std::sync::Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex
        .lock()
        .unwrap_or_else(std::sync::PoisonError::into_inner)
}
