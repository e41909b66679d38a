//! Threads for what may not be done on the submitter's.

use std::collections::{BinaryHeap, VecDeque};
use std::panic::{self, AssertUnwindSafe};
use std::sync::{Condvar, LazyLock, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use crate::locks::lock;
use crate::target::Work;

/// Threads that take work from one queue. They start when there is work for them, and end when
/// there has been none for a while.
pub(crate) struct Workers {
    name: &'static str,
    most: usize,
    queue: Mutex<Queue>,
    more: Condvar,
}

#[derive(Default)]
struct Queue {
    work: VecDeque<Work>,
    threads: usize,
    idle: usize,
}

/// How long a thread without work stays.
const LINGER: Duration = Duration::from_secs(10);

/// For system calls that block. More than there are processors, since they mostly wait.
static BLOCKING: LazyLock<Workers> = LazyLock::new(|| Workers::new("dm-io", 16));

/// For ciphers and hashes: as many as there are processors.
static COMPUTE: LazyLock<Workers> = LazyLock::new(|| {
    Workers::new(
        "dm-compute",
        thread::available_parallelism().map_or(1, usize::from),
    )
});

static TIMER: LazyLock<Timer> = LazyLock::new(Timer::start);

/// Runs `work`, which may block, on another thread.
pub(crate) fn blocking(work: Work) {
    BLOCKING.push(work);
}

/// Runs `work`, which must not block, on another thread.
pub(crate) fn compute(work: Work) {
    COMPUTE.push(work);
}

/// Runs `work` on a compute thread once `delay` is over.
pub(crate) fn after(delay: Duration, work: Work) {
    TIMER.push(delay, work);
}

impl Workers {
    fn new(name: &'static str, most: usize) -> Workers {
        Workers {
            name,
            most,
            queue: Mutex::default(),
            more: Condvar::new(),
        }
    }

    fn push(&'static self, work: Work) {
        let mut queue = lock(&self.queue);
        queue.work.push_back(work);
        if queue.idle >= queue.work.len() {
            self.more.notify_one();
        } else if queue.threads < self.most {
            queue.threads += 1;
            drop(queue);
            let started = thread::Builder::new()
                .name(self.name.into())
                .spawn(|| self.serve());
            if started.is_err() {
                let mut queue = lock(&self.queue);
                queue.threads -= 1;
                if queue.threads == 0 {
                    // No thread to be had at all: better late on this one than never.
                    drop(queue);
                    self.drain();
                }
            }
        }
    }

    fn serve(&self) {
        let mut queue = lock(&self.queue);
        loop {
            if let Some(work) = queue.work.pop_front() {
                drop(queue);
                run(work);
                queue = lock(&self.queue);
                continue;
            }
            queue.idle += 1;
            let (woken, timeout) = self
                .more
                .wait_timeout(queue, LINGER)
                .unwrap_or_else(PoisonError::into_inner);
            queue = woken;
            queue.idle -= 1;
            if timeout.timed_out() && queue.work.is_empty() {
                queue.threads -= 1;
                return;
            }
        }
    }

    fn drain(&self) {
        loop {
            let Some(work) = lock(&self.queue).work.pop_front() else {
                return;
            };
            run(work);
        }
    }
}

/// One thread that starts work at its time.
struct Timer {
    queue: Mutex<BinaryHeap<Timed>>,
    changed: Condvar,
}

struct Timed {
    due: Instant,
    work: Work,
}

impl Timer {
    fn start() -> Timer {
        thread::Builder::new()
            .name("dm-timer".into())
            .spawn(|| TIMER.serve())
            .expect("a thread for the timer");
        Timer {
            queue: Mutex::default(),
            changed: Condvar::new(),
        }
    }

    fn push(&self, delay: Duration, work: Work) {
        lock(&self.queue).push(Timed {
            due: Instant::now() + delay,
            work,
        });
        self.changed.notify_one();
    }

    fn serve(&self) {
        let mut queue = lock(&self.queue);
        loop {
            let Some(next) = queue.peek() else {
                queue = self
                    .changed
                    .wait(queue)
                    .unwrap_or_else(PoisonError::into_inner);
                continue;
            };
            let left = next.due.saturating_duration_since(Instant::now());
            if left.is_zero() {
                if let Some(timed) = queue.pop() {
                    compute(timed.work);
                }
            } else {
                let waited = self.changed.wait_timeout(queue, left);
                queue = waited.unwrap_or_else(PoisonError::into_inner).0;
            }
        }
    }
}

/// A panic in one piece of work, whose request then completes as lost, ends no thread.
fn run(work: Work) {
    if panic::catch_unwind(AssertUnwindSafe(work)).is_err() {
        tracing::error!("a worker's job panicked");
    }
}

/// The earliest first.
impl Ord for Timed {
    fn cmp(&self, other: &Timed) -> std::cmp::Ordering {
        other.due.cmp(&self.due)
    }
}

impl PartialOrd for Timed {
    fn partial_cmp(&self, other: &Timed) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Timed {
    fn eq(&self, other: &Timed) -> bool {
        self.due == other.due
    }
}

impl Eq for Timed {}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use super::*;

    #[test]
    fn all_work_is_done_though_it_outnumbers_the_threads() {
        let (sender, receiver) = mpsc::channel();
        for number in 0..500 {
            let sender = sender.clone();
            blocking(Box::new(move || sender.send(number).unwrap()));
        }
        drop(sender);
        let mut seen: Vec<u32> = receiver.iter().collect();
        seen.sort_unstable();
        assert_eq!(seen, (0..500).collect::<Vec<_>>());
    }

    #[test]
    fn timer_keeps_the_order_of_time() {
        let (sender, receiver) = mpsc::channel();
        for delay in [60, 5, 30] {
            let sender = sender.clone();
            after(
                Duration::from_millis(delay),
                Box::new(move || sender.send(delay).unwrap()),
            );
        }
        drop(sender);
        assert_eq!(receiver.iter().collect::<Vec<_>>(), [5, 30, 60]);
    }
}
