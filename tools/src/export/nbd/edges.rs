//! What keeps writes of parts of blocks apart from all other writes of an export.
//!
//! A write of part of a block keeps the rest of the block as it is: it is read before. Whatever is
//! written to that block in between would be lost, also by another client, so that such a write is
//! alone. All other writes are counted while they are under way, which costs them two steps of an
//! atomic counter.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, Weak};

use dm_core::nbd::Request;

/// The exports that some client has open.
static ALL: Mutex<BTreeMap<String, Weak<Traffic>>> = Mutex::new(BTreeMap::new());

/// Somebody is alone, or waits until it is.
const ALONE: u32 = 1 << 31;

/// The writes of an export, as its clients share it.
#[derive(Default)]
struct Traffic {
    /// How many are under way, and [`ALONE`].
    writes: AtomicU32,
    /// Held by who is alone.
    alone: Mutex<()>,
    waiting: Mutex<()>,
    changed: Condvar,
}

/// What such requests need to know of an export; each of its clients has it.
pub(super) struct Edges {
    traffic: Arc<Traffic>,
    /// Bytes.
    block: u64,
}

/// A write of whole blocks, while it is under way.
pub(super) struct Permit(Arc<Traffic>);

/// The same of one that is done on the spot.
pub(super) struct Pass<'a>(&'a Traffic);

/// A write of parts of blocks, while no other is under way.
pub(super) struct Alone<'a> {
    traffic: &'a Traffic,
    _guard: MutexGuard<'a, ()>,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Edges {
    /// Those of the export that is called so, whose requests have to be whole `block`s.
    pub(super) fn of(export: &str, block: u32) -> Edges {
        let block = u64::from(block);
        let mut all = lock(&ALL);
        all.retain(|_, traffic| traffic.strong_count() > 0);
        if let Some(traffic) = all.get(export).and_then(Weak::upgrade) {
            return Edges { traffic, block };
        }
        let traffic = Arc::default();
        all.insert(export.into(), Arc::downgrade(&traffic));
        Edges { traffic, block }
    }

    /// Bytes of a block.
    pub(super) fn block(&self) -> u64 {
        self.block
    }

    /// Whether a request is no whole number of blocks, and not empty.
    pub(super) fn are_met_by(&self, request: &Request) -> bool {
        let (offset, length) = (request.offset.0, request.length.0);
        (offset | length) & (self.block - 1) != 0 && length > 0
    }

    /// Lets a write of whole blocks begin: at once, or when nobody is alone any more.
    pub(super) fn permit(&self) -> Permit {
        self.traffic.enter();
        Permit(self.traffic.clone())
    }

    /// The same, if it is done on the spot.
    pub(super) fn pass(&self) -> Pass<'_> {
        self.traffic.enter();
        Pass(&self.traffic)
    }

    /// Lets a write of parts of blocks begin, when no other is under way.
    pub(super) fn alone(&self) -> Alone<'_> {
        let traffic = &*self.traffic;
        let guard = lock(&traffic.alone);
        traffic.writes.fetch_or(ALONE, Ordering::Relaxed);
        let waiting = lock(&traffic.waiting);
        let busy = |_: &mut ()| traffic.writes.load(Ordering::Acquire) != ALONE;
        drop(traffic.changed.wait_while(waiting, busy));
        Alone {
            traffic,
            _guard: guard,
        }
    }
}

impl Traffic {
    fn enter(&self) {
        while self.writes.fetch_add(1, Ordering::Acquire) & ALONE != 0 {
            self.leave();
            let waiting = lock(&self.waiting);
            let alone = |_: &mut ()| self.writes.load(Ordering::Relaxed) & ALONE != 0;
            drop(self.changed.wait_while(waiting, alone));
        }
    }

    fn leave(&self) {
        if self.writes.fetch_sub(1, Ordering::Release) == ALONE + 1 {
            self.tell();
        }
    }

    /// Under the lock, so that nobody looks before and waits after.
    fn tell(&self) {
        let _waiting = lock(&self.waiting);
        self.changed.notify_all();
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        self.0.leave();
    }
}

impl Drop for Pass<'_> {
    fn drop(&mut self) {
        self.0.leave();
    }
}

impl Drop for Alone<'_> {
    fn drop(&mut self) {
        self.traffic.writes.fetch_and(!ALONE, Ordering::Release);
        self.traffic.tell();
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicBool;
    use std::thread;

    use super::*;

    #[test]
    fn who_is_alone_sees_no_other_write() {
        let edges = Edges::of("who_is_alone_sees_no_other_write", 512);
        let (busy, alone) = (AtomicU32::new(0), AtomicBool::new(false));
        thread::scope(|scope| {
            for _ in 0..3 {
                scope.spawn(|| {
                    for _ in 0..2000 {
                        let _pass = edges.pass();
                        busy.fetch_add(1, Ordering::SeqCst);
                        assert!(!alone.load(Ordering::SeqCst));
                        busy.fetch_sub(1, Ordering::SeqCst);
                    }
                });
            }
            for _ in 0..2 {
                scope.spawn(|| {
                    for _ in 0..500 {
                        let _alone = edges.alone();
                        assert!(!alone.swap(true, Ordering::SeqCst), "two are alone");
                        assert_eq!(busy.load(Ordering::SeqCst), 0);
                        alone.store(false, Ordering::SeqCst);
                    }
                });
            }
        });
        assert_eq!(edges.traffic.writes.load(Ordering::SeqCst), 0);
    }
}
