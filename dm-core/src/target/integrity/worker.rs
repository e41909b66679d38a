//! A thread that is there from a device's start to its stop.

use std::io;
use std::sync::Mutex;
use std::thread::{self, JoinHandle};

use crate::locks::lock;

/// A thread that may be started and ended more than once.
#[derive(Default)]
pub(super) struct Worker(Mutex<Option<JoinHandle<()>>>);

impl Worker {
    /// Starts it, if it is not there. What `ready` does, it finds done.
    pub(super) fn start(
        &self,
        name: &str,
        ready: impl FnOnce(),
        work: impl FnOnce() + Send + 'static,
    ) -> io::Result<()> {
        let mut thread = lock(&self.0);
        if thread.is_none() {
            ready();
            *thread = Some(thread::Builder::new().name(name.into()).spawn(work)?);
        }
        Ok(())
    }

    /// Has `tell` tell it to end, if it is there, and waits until it did.
    pub(super) fn stop(&self, tell: impl FnOnce()) {
        let Some(thread) = lock(&self.0).take() else {
            return;
        };
        tell();
        // The last user of a device may be a request that this very thread ends: then it goes on to its end by
        // itself.
        if thread.thread().id() != thread::current().id() {
            // It does not panic; if it did, there is nothing more to be said of it.
            let _ = thread.join();
        }
    }
}
