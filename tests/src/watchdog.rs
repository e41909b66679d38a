//! Ends a test that hangs, and says so.

use std::process;
use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::thread;
use std::time::Duration;

/// Ends the process if it is not dropped within its time: a deadlock fails, and does not hang.
pub struct Watchdog {
    _alive: Sender<()>,
}

impl Watchdog {
    /// `what` must be done within `limit`.
    pub fn start(what: &str, limit: Duration) -> Watchdog {
        let (alive, bark) = mpsc::channel();
        let what = what.to_owned();
        thread::spawn(move || {
            if bark.recv_timeout(limit) == Err(RecvTimeoutError::Timeout) {
                eprintln!("watchdog: {what} hangs since {limit:?}");
                process::abort();
            }
        });
        Watchdog { _alive: alive }
    }
}
