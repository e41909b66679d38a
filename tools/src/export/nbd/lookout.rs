//! How a connection's thread waits for the next requests: awake for a moment, then asleep.
//!
//! To wake a thread on an idle processor takes longer than to serve a small request, tens of microseconds in a virtual
//! machine, and a client that asks for one thing at a time pays for it each time. So the thread looks out for the next
//! request before it sleeps, where that has been worth it lately: a client that is idle or slow is soon slept for, and
//! the processors are never all taken by threads that look out.

use std::os::fd::AsFd;
use std::sync::LazyLock;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};

/// How long to look out: somewhat longer than it takes to be woken.
const WINDOW: Duration = Duration::from_micros(100);

/// The most waits in a row that are slept through at once after vain lookouts.
const ASLEEP_MAX: u32 = 1023;

/// Threads that look out now.
static AWAKE: AtomicUsize = AtomicUsize::new(0);

/// How many may: clients need processors, too, and on a single one a lookout keeps away what it is for.
static AWAKE_MAX: LazyLock<usize> =
    LazyLock::new(|| thread::available_parallelism().map_or(0, |processors| processors.get() / 2));

/// What a connection learned of its client's habits.
#[derive(Default)]
pub(super) struct Lookout {
    /// Waits that are still slept through at once.
    asleep: u32,
    /// How many these were at first; doubled by each vain lookout.
    learned: u32,
}

/// A thread that looks out, until it does not.
struct Awake;

impl Awake {
    fn new() -> Option<Awake> {
        let others = AWAKE.fetch_add(1, Ordering::Relaxed);
        // Made in any case, so that it is counted out.
        let awake = Awake;
        (others < *AWAKE_MAX).then_some(awake)
    }
}

impl Drop for Awake {
    fn drop(&mut self) {
        AWAKE.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Lookout {
    /// Looks whether there is something to be received, as long as that is worth it.
    pub(super) fn look(&mut self, socket: &impl AsFd) {
        if self.asleep > 0 {
            self.asleep -= 1;
            return;
        }
        let Some(_awake) = Awake::new() else {
            return;
        };
        let begin = Instant::now();
        while begin.elapsed() < WINDOW {
            let mut one = [PollFd::new(socket, PollFlags::IN)];
            // What is wrong is found by who receives.
            if poll(&mut one, Some(&Timespec::default())) != Ok(0) {
                self.learned = 0;
                return;
            }
        }
        self.learned = (2 * self.learned + 1).min(ASLEEP_MAX);
        self.asleep = self.learned;
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::os::unix::net::UnixStream;

    use super::*;

    #[test]
    fn client_that_lets_wait_is_slept_for_and_one_that_does_not_is_looked_out_for() {
        let (mut client, socket) = UnixStream::pair().unwrap();
        let mut lookout = Lookout::default();
        if *AWAKE_MAX == 0 {
            lookout.look(&socket);
            assert_eq!(lookout.learned, 0);
            return;
        }
        let mut slept = Vec::new();
        for _ in 0..20 {
            while lookout.asleep > 0 {
                lookout.look(&socket);
            }
            lookout.look(&socket);
            slept.push(lookout.asleep);
        }
        assert_eq!(slept[..4], [1, 3, 7, 15]);
        assert_eq!(slept[19], ASLEEP_MAX);
        while lookout.asleep > 0 {
            lookout.look(&socket);
        }
        client.write_all(b"1").unwrap();
        lookout.look(&socket);
        assert_eq!((lookout.asleep, lookout.learned), (0, 0));
        // No more look out than may.
        let awake: Vec<Option<Awake>> = (0..=*AWAKE_MAX).map(|_| Awake::new()).collect();
        assert!(awake.last().unwrap().is_none());
    }
}
