//! The way of requests into a device's table, and the swap of that table under them.

use std::collections::VecDeque;
use std::mem;
use std::ops::Deref;
use std::sync::Arc;

use super::gate::Gate;
use super::section::Sections;
use super::sync::{AtomicUsize, Mutex, Ordering, TableCell, lock};

/// Requests of type `R` on their way into a table of type `T`.
///
/// A request is either inside, counted by the gate, or held until the gate opens again. The table
/// changes only while the gate is closed and nobody is inside, so that no request is half in the
/// old table and half in the new one.
pub(super) struct Lane<T, R> {
    gate: Gate,
    table: TableCell<T>,
    /// Counts tables.
    generation: AtomicUsize,
    held: Mutex<VecDeque<R>>,
}

impl<T, R> Lane<T, R> {
    /// An open lane without a table.
    pub(super) fn new() -> Lane<T, R> {
        Lane {
            gate: Gate::new(),
            table: TableCell::new(),
            generation: AtomicUsize::new(0),
            held: Mutex::new(VecDeque::new()),
        }
    }

    /// Counts `request` in and gives it back with the table that it finds, or holds it.
    ///
    /// Who gets it back owes a [`Lane::leave`].
    pub(super) fn enter(&self, request: R) -> Option<(R, Option<Arc<T>>)> {
        loop {
            if self.gate.enter() {
                return Some((request, self.table.load()));
            }
            let mut held = lock(&self.held);
            // The gate opens under this lock: what is put here now is seen by who opens it.
            if self.gate.is_closed() {
                held.push_back(request);
                return None;
            }
        }
    }

    /// Counts one more in, for who is inside.
    pub(super) fn enter_again(&self) {
        self.gate.enter_again();
    }

    /// Counts one out.
    pub(super) fn leave(&self) {
        self.gate.leave();
    }

    /// Holds a request that comes back, if the gate is closed.
    pub(super) fn hold(&self, request: R) -> Result<(), R> {
        let mut held = lock(&self.held);
        match self.gate.is_closed() {
            true => held.push_back(request),
            false => return Err(request),
        }
        Ok(())
    }

    /// Lets no more in, and waits until all have left or `give_up` says so: who is counted, and who
    /// is in one of `sections`. Whether all have left.
    pub(super) fn close(&self, sections: &Sections, mut give_up: impl FnMut() -> bool) -> bool {
        self.gate.close();
        self.gate.wait_empty(&mut give_up) && sections.wait(give_up)
    }

    /// The table for who is in a section that [`Lane::close`] waits for, until it leaves it; `None`
    /// while the lane is closed.
    pub(super) fn glance(&self) -> Option<impl Deref<Target = Option<Arc<T>>>> {
        match self.gate.is_closed() {
            true => None,
            false => Some(self.table.peek()),
        }
    }

    /// Opens the gate and gives out what was held, to be submitted again.
    pub(super) fn open(&self) -> VecDeque<R> {
        let mut held = lock(&self.held);
        self.gate.open();
        mem::take(&mut *held)
    }

    /// Whether requests are held.
    pub(super) fn is_closed(&self) -> bool {
        self.gate.is_closed()
    }

    /// Which table it is: another number for each. It is that of [`Lane::glance`] in the same section.
    pub(super) fn generation(&self) -> usize {
        self.generation.load(Ordering::SeqCst)
    }

    /// The table now.
    pub(super) fn table(&self) -> Option<Arc<T>> {
        self.table.load()
    }

    /// Puts another table in and gives the old one out. The lane must be closed and empty, unless
    /// the device is going away.
    pub(super) fn swap(&self, table: Option<Arc<T>>) -> Option<Arc<T>> {
        let old = self.table.swap(table);
        self.generation.fetch_add(1, Ordering::SeqCst);
        old
    }
}

#[cfg(all(test, loom))]
mod tests {
    use loom::thread;

    use super::*;

    /// A table that can tell whether it is in use after it was swapped out.
    struct Model {
        alive: AtomicUsize,
    }

    type ModelLane = Lane<Model, usize>;

    /// Tries every order of steps in which at most three threads are preempted: more would take
    /// hours, and bugs of this kind need one or two.
    fn check(steps: impl Fn() + Sync + Send + 'static) {
        let mut builder = loom::model::Builder::new();
        builder.preemption_bound = Some(3);
        builder.check(steps);
    }

    fn model() -> Arc<Model> {
        Arc::new(Model {
            alive: AtomicUsize::new(1),
        })
    }

    /// A request: it looks at the table all the while that it is inside.
    fn submit(lane: &ModelLane, done: &AtomicUsize, request: usize) {
        if let Some((request, table)) = lane.enter(request) {
            let table = table.expect("the lane always has a table");
            assert_eq!(
                table.alive.load(Ordering::SeqCst),
                1,
                "request in a dead table"
            );
            done.fetch_add(request, Ordering::SeqCst);
            assert_eq!(
                table.alive.load(Ordering::SeqCst),
                1,
                "table died under a request"
            );
            lane.leave();
        }
    }

    fn swap(lane: &ModelLane, sections: &Sections, done: &AtomicUsize) {
        assert!(lane.close(sections, || false));
        let old = lane.swap(Some(model())).expect("there was a table");
        old.alive.store(0, Ordering::SeqCst);
        for request in lane.open() {
            submit(lane, done, request);
        }
    }

    #[test]
    fn no_request_is_lost_doubled_or_in_a_dead_table() {
        check(|| {
            let lane = Arc::new(ModelLane::new());
            lane.swap(Some(model()));
            let done = Arc::new(AtomicUsize::new(0));
            let threads = [1, 16].map(|request| {
                let (lane, done) = (lane.clone(), done.clone());
                thread::spawn(move || submit(&lane, &done, request))
            });
            swap(&lane, &Sections::new(), &done);
            for thread in threads {
                thread.join().unwrap();
            }
            assert_eq!(done.load(Ordering::SeqCst), 17);
        });
    }

    #[test]
    fn request_that_enters_again_keeps_the_table_alive() {
        check(|| {
            let lane = Arc::new(ModelLane::new());
            lane.swap(Some(model()));
            let done = Arc::new(AtomicUsize::new(0));
            let other = {
                let (lane, done) = (lane.clone(), done.clone());
                thread::spawn(move || {
                    if let Some((_, table)) = lane.enter(1) {
                        lane.enter_again();
                        lane.leave();
                        let table = table.expect("the lane always has a table");
                        assert_eq!(table.alive.load(Ordering::SeqCst), 1);
                        done.fetch_add(1, Ordering::SeqCst);
                        lane.leave();
                    }
                })
            };
            swap(&lane, &Sections::new(), &done);
            other.join().unwrap();
            assert_eq!(done.load(Ordering::SeqCst), 1);
        });
    }

    #[test]
    fn quick_request_keeps_the_table_alive_or_is_turned_away() {
        check(|| {
            let lane = Arc::new(ModelLane::new());
            lane.swap(Some(model()));
            let sections = Arc::new(Sections::new());
            let done = Arc::new(AtomicUsize::new(0));
            let others = [1, 16].map(|request| {
                let (lane, sections, done) = (lane.clone(), sections.clone(), done.clone());
                thread::spawn(move || {
                    let mark = sections.join();
                    let inside = mark.enter();
                    let seen = lane.glance().map(|table| {
                        let table = table.as_ref().expect("the lane always has a table");
                        assert_eq!(table.alive.load(Ordering::SeqCst), 1);
                        done.fetch_add(request, Ordering::SeqCst);
                        assert_eq!(table.alive.load(Ordering::SeqCst), 1);
                    });
                    drop(inside);
                    if seen.is_none() {
                        submit(&lane, &done, request);
                    }
                })
            });
            swap(&lane, &sections, &done);
            for other in others {
                other.join().unwrap();
            }
            assert_eq!(done.load(Ordering::SeqCst), 17);
        });
    }

    #[test]
    fn request_handed_back_during_a_suspend_is_held_once() {
        check(|| {
            let lane = Arc::new(ModelLane::new());
            lane.swap(Some(model()));
            let done = Arc::new(AtomicUsize::new(0));
            let other = {
                let (lane, done) = (lane.clone(), done.clone());
                thread::spawn(move || {
                    if let Some((request, _)) = lane.enter(1) {
                        let back = lane.hold(request);
                        lane.leave();
                        if let Err(request) = back {
                            submit(&lane, &done, request);
                        }
                    }
                })
            };
            swap(&lane, &Sections::new(), &done);
            other.join().unwrap();
            assert_eq!(done.load(Ordering::SeqCst), 1);
        });
    }
}
