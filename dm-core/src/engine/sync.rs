//! The primitives of what loom checks: std's, or loom's under `cfg(loom)`.

#[cfg(not(loom))]
pub(super) use std::sync::{
    Condvar, Mutex, MutexGuard,
    atomic::{AtomicUsize, Ordering},
};

#[cfg(loom)]
pub(super) use loom::sync::{
    Condvar, Mutex, MutexGuard,
    atomic::{AtomicUsize, Ordering},
};

/// Locks, whether or not another thread panicked with the lock.
pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex
        .lock()
        .unwrap_or_else(std::sync::PoisonError::into_inner)
}

/// Waits for a notification, or for a moment, so that who waits can look whether to give up.
#[cfg(not(loom))]
pub(super) fn wait<'a, T>(condvar: &Condvar, guard: MutexGuard<'a, T>) -> MutexGuard<'a, T> {
    let moment = std::time::Duration::from_millis(100);
    condvar
        .wait_timeout(guard, moment)
        .unwrap_or_else(std::sync::PoisonError::into_inner)
        .0
}

/// Waits for a notification: loom knows no time.
#[cfg(loom)]
pub(super) fn wait<'a, T>(condvar: &Condvar, guard: MutexGuard<'a, T>) -> MutexGuard<'a, T> {
    condvar
        .wait(guard)
        .unwrap_or_else(std::sync::PoisonError::into_inner)
}

/// Nothing: what is before it and behind it is `SeqCst` already.
#[cfg(not(loom))]
pub(super) fn in_one_order() {}

/// Stands in for the one order of all `SeqCst` accesses, which loom takes for `AcqRel`.
#[cfg(loom)]
pub(super) fn in_one_order() {
    loom::sync::atomic::fence(Ordering::SeqCst);
}

/// Lets others run, for who looks again and again whether it may go on: for longer each time, up to a
/// millisecond.
#[cfg(not(loom))]
pub(super) fn pause(tries: u32) {
    let micros = 10_u64 << tries.min(6);
    std::thread::sleep(std::time::Duration::from_micros(micros.min(1000)));
}

/// Lets others run.
#[cfg(loom)]
pub(super) fn pause(_: u32) {
    loom::thread::yield_now();
}

/// A table that one may look at while another puts a new one in.
pub(super) struct TableCell<T>(Cell<T>);

#[cfg(not(loom))]
type Cell<T> = arc_swap::ArcSwapOption<T>;

#[cfg(loom)]
type Cell<T> = Mutex<Option<std::sync::Arc<T>>>;

#[cfg(not(loom))]
impl<T> TableCell<T> {
    pub(super) fn new() -> TableCell<T> {
        TableCell(Cell::const_empty())
    }

    pub(super) fn load(&self) -> Option<std::sync::Arc<T>> {
        self.0.load_full()
    }

    /// As [`TableCell::load`], for a moment and without a count.
    pub(super) fn peek(&self) -> impl std::ops::Deref<Target = Option<std::sync::Arc<T>>> {
        self.0.load()
    }

    pub(super) fn swap(&self, next: Option<std::sync::Arc<T>>) -> Option<std::sync::Arc<T>> {
        self.0.swap(next)
    }
}

#[cfg(loom)]
impl<T> TableCell<T> {
    pub(super) fn new() -> TableCell<T> {
        TableCell(Mutex::new(None))
    }

    pub(super) fn load(&self) -> Option<std::sync::Arc<T>> {
        lock(&self.0).clone()
    }

    pub(super) fn peek(&self) -> impl std::ops::Deref<Target = Option<std::sync::Arc<T>>> {
        Box::new(self.load())
    }

    pub(super) fn swap(&self, next: Option<std::sync::Arc<T>>) -> Option<std::sync::Arc<T>> {
        std::mem::replace(&mut lock(&self.0), next)
    }
}
