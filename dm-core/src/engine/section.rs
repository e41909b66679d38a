//! Where quick requests are, without a count that they would share.
//!
//! # Shape
//! Each thread has a mark of its own: a number that is odd while the thread is inside a section. Who
//! closes a gate looks at every mark after that, and waits for each odd one to change once. A thread
//! makes its mark odd first and looks at the gate then, so that either the closer sees the mark or
//! the thread sees the closed gate.

use std::sync::Arc;

use super::sync::{AtomicUsize, Mutex, Ordering, in_one_order, lock, pause};

/// The marks of all threads.
pub(super) struct Sections(Mutex<Vec<Arc<Mark>>>);

/// A thread's mark; on a cache line of its own, since it changes with each request.
#[repr(align(128))]
pub(super) struct Mark(AtomicUsize);

/// Inside, until dropped.
pub(super) struct Inside<'a>(&'a Mark);

impl Sections {
    pub(super) fn new() -> Sections {
        Sections(Mutex::new(Vec::new()))
    }

    /// A mark for one thread.
    pub(super) fn join(&self) -> Arc<Mark> {
        let mark = Arc::new(Mark(AtomicUsize::new(0)));
        lock(&self.0).push(mark.clone());
        mark
    }

    fn leave(&self, mark: &Arc<Mark>) {
        lock(&self.0).retain(|other| !Arc::ptr_eq(other, mark));
    }

    /// Waits until each thread that is inside has left once, or `give_up` says so, which is asked now
    /// and then. Whether all have.
    pub(super) fn wait(&self, mut give_up: impl FnMut() -> bool) -> bool {
        in_one_order();
        // A thread that joins later sees the closed gate: it takes this lock first.
        let marks = lock(&self.0).clone();
        for mark in marks {
            let seen = mark.0.load(Ordering::SeqCst);
            if seen % 2 == 0 {
                continue;
            }
            let mut tries = 0;
            while mark.0.load(Ordering::SeqCst) == seen {
                if give_up() {
                    return false;
                }
                pause(tries);
                tries += 1;
            }
        }
        true
    }
}

impl Mark {
    /// Enters. A section within a section is part of it.
    pub(super) fn enter(&self) -> Option<Inside<'_>> {
        // Only its own thread changes it.
        if self.0.load(Ordering::Relaxed) % 2 == 1 {
            return None;
        }
        // SeqCst, as is the look at the gate that follows, and the closer's two.
        self.0.fetch_add(1, Ordering::SeqCst);
        in_one_order();
        Some(Inside(self))
    }
}

impl Drop for Inside<'_> {
    fn drop(&mut self) {
        // What was done inside is seen by who sees this.
        let inside = self.0.0.load(Ordering::Relaxed);
        self.0.0.store(inside.wrapping_add(1), Ordering::Release);
    }
}

static ALL: std::sync::LazyLock<Sections> = std::sync::LazyLock::new(Sections::new);

/// Every engine's sections: a thread has one mark, whatever engines it uses.
pub(super) fn all() -> &'static Sections {
    &ALL
}

struct Own(Arc<Mark>);

impl Drop for Own {
    fn drop(&mut self) {
        ALL.leave(&self.0);
    }
}

thread_local! {
    static OWN: Own = Own(ALL.join());
}

/// Does `work` in a section; it must not wait for a suspend.
pub(super) fn within<R>(work: impl FnOnce() -> R) -> R {
    OWN.with(|own| {
        let _inside = own.0.enter();
        work()
    })
}
