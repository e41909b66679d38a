//! The thread that does what must wait for io: commits, writing out, clearing bits.

use std::collections::VecDeque;
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::errno::Errno;
use crate::io::Io;
use crate::locks::lock;

use super::core::Core;
use super::worker::Worker;

/// How long it sleeps where nothing is due.
const LONG: Duration = Duration::from_secs(3600);

/// What a device's thread is to do.
#[derive(Default)]
pub(super) struct Keeper {
    orders: Mutex<Orders>,
    changed: Condvar,
    worker: Worker,
}

#[derive(Default)]
struct Orders {
    commit: bool,
    write_out: bool,
    /// When to commit, or to clear bits, if nobody asks before.
    due: Option<Instant>,
    /// Requests that end when what came before is durable.
    flushes: Vec<Io>,
    discards: VecDeque<Io>,
    /// The thread is there, and not asked to end.
    runs: bool,
}

/// What the thread does next.
enum Task {
    Commit,
    WriteOut,
    Discard(Io),
    /// The time is over.
    Due,
    Stop,
}

impl Keeper {
    /// Starts the thread.
    pub(super) fn start(&self, core: &Arc<Core>) {
        let ready = || {
            *lock(&self.orders) = Orders {
                runs: true,
                ..Orders::default()
            };
        };
        let served = core.clone();
        let work = move || served.keeper.serve(&served);
        if let Err(error) = self.worker.start("dm-integrity", ready, work) {
            core.fail(Errno::from(&error), "starting a thread");
        }
    }

    /// Whether it takes orders.
    pub(super) fn runs(&self) -> bool {
        lock(&self.orders).runs
    }

    /// Ends the thread, and waits for what it is at.
    pub(super) fn stop(&self) {
        self.worker.stop(|| {
            lock(&self.orders).runs = false;
            self.changed.notify_all();
        });
    }

    /// Asks for a commit.
    pub(super) fn commit(&self) {
        lock(&self.orders).commit = true;
        self.changed.notify_all();
    }

    /// Asks for committed sections to be written to their places.
    pub(super) fn write_out(&self) {
        lock(&self.orders).write_out = true;
        self.changed.notify_all();
    }

    /// Ends `io` behind a commit.
    pub(super) fn flush(&self, io: Io) {
        self.order(io, |orders, io| {
            orders.flushes.push(io);
            orders.commit = true;
        });
    }

    /// Takes a discard, which waits for what the journal has of it.
    pub(super) fn discard(&self, io: Io) {
        self.order(io, |orders, io| orders.discards.push_back(io));
    }

    /// Leaves a request to the thread, if that runs.
    fn order(&self, io: Io, leave: impl FnOnce(&mut Orders, Io)) {
        let mut orders = lock(&self.orders);
        if !orders.runs {
            drop(orders);
            return io.complete(Err(Errno::EIO.into()));
        }
        leave(&mut orders, io);
        self.changed.notify_all();
    }

    /// Asks to be called in a while, unless that is asked for already.
    pub(super) fn due(&self, delay: Duration) {
        let mut orders = lock(&self.orders);
        if orders.due.is_none() {
            orders.due = Some(Instant::now() + delay);
            self.changed.notify_all();
        }
    }

    /// Nobody needs to call any more.
    pub(super) fn not_due(&self) {
        lock(&self.orders).due = None;
    }

    /// The requests that wait for the commit that begins now.
    pub(super) fn flushes(&self) -> Vec<Io> {
        std::mem::take(&mut lock(&self.orders).flushes)
    }

    fn serve(&self, core: &Arc<Core>) {
        loop {
            match self.next() {
                Task::Commit => core.commit(),
                Task::WriteOut => core.write_out(),
                Task::Discard(io) => core.discard_behind_journal(io),
                Task::Due => core.due(),
                Task::Stop => return,
            }
        }
    }

    fn next(&self) -> Task {
        let mut orders = lock(&self.orders);
        loop {
            if orders.commit {
                orders.commit = false;
                return Task::Commit;
            }
            if orders.write_out {
                orders.write_out = false;
                return Task::WriteOut;
            }
            if let Some(io) = orders.discards.pop_front() {
                return Task::Discard(io);
            }
            if !orders.runs {
                return Task::Stop;
            }
            let left = match orders.due {
                None => LONG,
                Some(due) => due.saturating_duration_since(Instant::now()),
            };
            if left.is_zero() {
                orders.due = None;
                return Task::Due;
            }
            let woken = self.changed.wait_timeout(orders, left);
            orders = woken.unwrap_or_else(PoisonError::into_inner).0;
        }
    }
}
