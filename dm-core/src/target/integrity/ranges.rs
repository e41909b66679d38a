//! Ranges of which one user at a time has each part.

use std::collections::VecDeque;
use std::ops::Range;
use std::sync::{Mutex, mpsc};

use crate::locks::lock;
use crate::target::{Host, Work};

/// Ranges that are taken, and who waits for which, in the order in which they came.
#[derive(Default)]
pub(super) struct Ranges(Mutex<State>);

#[derive(Default)]
struct State {
    taken: Vec<Range<u64>>,
    waiting: VecDeque<(Range<u64>, Work)>,
}

impl Ranges {
    /// Takes `range`, and does `work` once it is free: at once, or later on a worker.
    pub(super) fn take(&self, range: Range<u64>, work: Work) {
        {
            let mut state = lock(&self.0);
            if !state.is_free(&range, &state.waiting) {
                state.waiting.push_back((range, work));
                return;
            }
            state.taken.push(range);
        }
        work();
    }

    /// Takes `range`, and waits until it is free. Not to be called from a completion or a worker.
    pub(super) fn hold(&self, range: Range<u64>) {
        let (free, wait) = mpsc::sync_channel(1);
        let work = move || {
            // Who waits does not go away.
            let _ = free.send(());
        };
        self.take(range, Box::new(work));
        let _ = wait.recv();
    }

    /// Gives `range` back.
    pub(super) fn give(&self, range: &Range<u64>, host: &dyn Host) {
        let mut free = Vec::new();
        {
            let mut state = lock(&self.0);
            if let Some(at) = state.taken.iter().position(|taken| taken == range) {
                state.taken.swap_remove(at);
            }
            let mut still = VecDeque::new();
            while let Some((range, work)) = state.waiting.pop_front() {
                if state.is_free(&range, &still) {
                    state.taken.push(range);
                    free.push(work);
                } else {
                    still.push_back((range, work));
                }
            }
            state.waiting = still;
        }
        for work in free {
            host.compute(work);
        }
    }
}

impl State {
    /// Whether `range` meets none that is taken, and none of those that came before it and wait.
    fn is_free(&self, range: &Range<u64>, earlier: &VecDeque<(Range<u64>, Work)>) -> bool {
        let earlier = earlier.iter().map(|(range, _)| range);
        let mut others = self.taken.iter().chain(earlier);
        !others.any(|other| meet(other, range))
    }
}

fn meet(one: &Range<u64>, other: &Range<u64>) -> bool {
    one.start < other.end && other.start < one.end
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::time::Duration;

    use super::*;

    /// Works at once.
    struct Here;

    impl Host for Here {
        fn compute(&self, work: Work) {
            work();
        }

        fn after(&self, _: Duration, work: Work) {
            work();
        }

        fn raise_event(&self) {}
    }

    #[test]
    fn who_meets_another_waits_for_it_in_order() {
        let (ranges, done) = (Ranges::default(), Arc::new(AtomicUsize::new(0)));
        let count = |ranges: &Ranges, range| {
            let counter = done.clone();
            let work = move || {
                counter.fetch_add(1, Ordering::SeqCst);
            };
            ranges.take(range, Box::new(work));
            done_now(&done)
        };
        fn done_now(done: &AtomicUsize) -> usize {
            done.load(Ordering::SeqCst)
        }
        assert_eq!(count(&ranges, 0..8), 1);
        assert_eq!(count(&ranges, 8..16), 2);
        assert_eq!(count(&ranges, 4..12), 2);
        // It meets only one that waits, and comes after it.
        assert_eq!(count(&ranges, 11..12), 2);
        ranges.give(&(0..8), &Here);
        assert_eq!(done_now(&done), 2);
        ranges.give(&(8..16), &Here);
        assert_eq!(done_now(&done), 3);
        ranges.give(&(4..12), &Here);
        assert_eq!(done_now(&done), 4);
    }
}
