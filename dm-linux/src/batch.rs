//! Many commands, one wait.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use dm_core::backend::{Backend, Capabilities};
use dm_core::command::{Command, Reply};
use dm_core::error::DmError;
use dm_core::events::Watch;

use crate::backend::Linux;
use crate::control::Control;
use crate::sys::Sys;
use crate::udev::{Change, CookieError, How, Settled, Ticket, UdevFlags, Waiter};

/// Commands whose nodes are waited for together, with one cookie.
///
/// A backend itself: `Dm::new(&batch)`. Dropping it waits as [`Batch::wait`] does. Where this crate
/// makes the nodes, they are there after each command; where udev does, they are there after the
/// wait, so that tables within a batch had better name its devices by number.
///
/// # Examples
/// ```no_run
/// use dm_core::client::Dm;
/// use dm_core::command::RemoveMode;
/// use dm_core::names::DmName;
/// use dm_linux::Linux;
///
/// let linux = Linux::open()?;
/// let batch = linux.batch();
/// for name in ["vol0", "vol1", "vol2"] {
///     Dm::new(&batch).remove(DmName::new(name)?, RemoveMode::IfUnused)?;
/// }
/// let settled = batch.wait();
/// if settled.is_trouble() {
///     eprintln!("{settled}");
/// }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
#[must_use = "a batch that is dropped at once is none"]
pub struct Batch<'a, S: Sys = Control> {
    linux: Linux<&'a S>,
    recorder: Arc<Recorder>,
}

/// Hands the same ticket to all commands, and keeps what they changed.
#[derive(Debug)]
struct Recorder {
    waiter: Arc<dyn Waiter>,
    kept: Mutex<Kept>,
}

#[derive(Debug, Default)]
struct Kept {
    ticket: Option<Ticket>,
    changes: Vec<Change>,
    /// How the nodes came to be that needed no wait.
    done: Option<Settled>,
}

impl<S: Sys> Linux<S> {
    /// Commands whose nodes are waited for together.
    pub fn batch(&self) -> Batch<'_, S> {
        let recorder = Arc::new(Recorder {
            waiter: self.waiter_handle(),
            kept: Mutex::default(),
        });
        Batch {
            linux: Linux::with_waiter(self.sys(), recorder.clone()),
            recorder,
        }
    }
}

impl<S: Sys> Batch<'_, S> {
    /// Waits until all nodes are as the commands made them.
    pub fn wait(self) -> Settled {
        self.recorder.finish()
    }
}

impl<S: Sys> Backend for Batch<'_, S> {
    fn capabilities(&self) -> Capabilities {
        self.linux.capabilities()
    }

    fn call(&self, command: Command) -> Result<Reply, DmError> {
        self.linux.call(command)
    }

    fn watch(&self) -> Result<Box<dyn Watch>, DmError> {
        self.linux.watch()
    }
}

impl<S: Sys> Drop for Batch<'_, S> {
    fn drop(&mut self) {
        let settled = self.recorder.finish();
        if settled.is_trouble() {
            tracing::warn!("{settled}");
        }
    }
}

impl Recorder {
    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn finish(&self) -> Settled {
        let kept = std::mem::take(&mut *self.kept());
        let ticket = kept.ticket.unwrap_or(Ticket::new(UdevFlags::empty()));
        let mut settled = self.waiter.settle(ticket, &kept.changes);
        if let Some(done) = kept.done {
            if kept.changes.is_empty() {
                settled.how = done.how;
            }
            settled.wrong.extend(done.wrong);
        }
        settled
    }
}

impl Waiter for Recorder {
    fn begin(&self) -> Result<Ticket, CookieError> {
        let mut kept = self.kept();
        match &kept.ticket {
            Some(ticket) => ticket.share(),
            None => {
                let ticket = self.waiter.begin()?;
                kept.ticket.insert(ticket).share()
            }
        }
    }

    fn settle(&self, ticket: Ticket, changes: &[Change]) -> Settled {
        if self.waiter.is_immediate() {
            // Udev may have been there when the batch began.
            let settled = self.waiter.settle(ticket.alone(), changes);
            let mut kept = self.kept();
            match &mut kept.done {
                Some(done) => done.wrong.extend(settled.wrong.iter().cloned()),
                None => kept.done = Some(settled.clone()),
            }
            return settled;
        }
        self.kept().changes.extend_from_slice(changes);
        Settled::new(How::Left, Duration::ZERO)
    }

    fn has_nodes(&self) -> bool {
        self.waiter.has_nodes()
    }

    fn is_immediate(&self) -> bool {
        false
    }
}
