//! Counts the requests under way through a table, and closes to let them drain.

use super::sync::{AtomicUsize, Condvar, Mutex, Ordering, lock, wait};

/// Requests enter and leave; a suspend closes the gate and waits until all have left.
///
/// # Shape
/// One word: bit 0 says that the gate is closed, the rest counts the requests inside. Who enters
/// adds to the count first and looks at the bit it found then, so that either the closer sees the
/// request or the request sees the closed gate. A table may only be swapped while the gate is
/// closed and empty; a request only looks at the table while it is inside.
pub(super) struct Gate {
    word: AtomicUsize,
    emptied: Mutex<()>,
    empty: Condvar,
}

const CLOSED: usize = 1;
const ONE: usize = 2;

impl Gate {
    /// An open gate.
    pub(super) fn new() -> Gate {
        Gate {
            word: AtomicUsize::new(0),
            emptied: Mutex::new(()),
            empty: Condvar::new(),
        }
    }

    /// Counts a request in, unless the gate is closed.
    pub(super) fn enter(&self) -> bool {
        // SeqCst: what the closer did before it closed must be seen by who finds it open again.
        if self.word.fetch_add(ONE, Ordering::SeqCst) & CLOSED == 0 {
            return true;
        }
        self.leave();
        false
    }

    /// Counts one more in, for who is inside already: it may, though the gate is closed.
    pub(super) fn enter_again(&self) {
        let before = self.word.fetch_add(ONE, Ordering::SeqCst);
        debug_assert!(before >= ONE, "only who is inside may enter a closed gate");
    }

    /// Counts a request out.
    pub(super) fn leave(&self) {
        let before = self.word.fetch_sub(ONE, Ordering::SeqCst);
        debug_assert!(before >= ONE, "more left than entered");
        if before == ONE | CLOSED {
            // The lock makes sure that the closer either has not looked yet or is waiting.
            drop(lock(&self.emptied));
            self.empty.notify_all();
        }
    }

    /// Lets no more in.
    pub(super) fn close(&self) {
        self.word.fetch_or(CLOSED, Ordering::SeqCst);
    }

    /// Lets requests in again.
    pub(super) fn open(&self) {
        self.word.fetch_and(!CLOSED, Ordering::SeqCst);
    }

    /// Whether it lets none in.
    pub(super) fn is_closed(&self) -> bool {
        self.word.load(Ordering::SeqCst) & CLOSED != 0
    }

    /// Waits until nobody is inside, or `give_up` says so, which is asked now and then. Whether
    /// nobody is.
    pub(super) fn wait_empty(&self, mut give_up: impl FnMut() -> bool) -> bool {
        let mut guard = lock(&self.emptied);
        while self.word.load(Ordering::SeqCst) >= ONE {
            if give_up() {
                return false;
            }
            guard = wait(&self.empty, guard);
        }
        true
    }
}
