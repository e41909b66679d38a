//! Work on all processors.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;

use dm_core::error::ErrorKind;

use crate::failure::Failure;

/// Does `work` for each number below `count`, on all processors; each of them has a `state` of its
/// own. The first failure ends it all.
pub(in crate::cli) fn each<S>(
    count: u64,
    state: impl Fn() -> S + Sync,
    work: impl Fn(&mut S, u64) -> Result<(), Failure> + Sync,
) -> Result<(), Failure> {
    let next = AtomicU64::new(0);
    let failed = AtomicBool::new(false);
    let serve = || {
        let mut state = state();
        while !failed.load(Ordering::Relaxed) {
            let number = next.fetch_add(1, Ordering::Relaxed);
            if number >= count {
                break;
            }
            work(&mut state, number).inspect_err(|_| failed.store(true, Ordering::Relaxed))?;
        }
        Ok(())
    };
    let threads = thread::available_parallelism().map_or(1, usize::from) as u64;
    thread::scope(|scope| {
        let others: Vec<_> = (1..threads.min(count))
            .map(|_| scope.spawn(serve))
            .collect();
        let mut result = serve();
        for other in others {
            let died = || Failure::because(ErrorKind::Io, "a thread panicked");
            result = result.and(other.join().unwrap_or_else(|_| Err(died())));
        }
        result
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_number_is_done_once() {
        let sum = AtomicU64::new(0);
        each(
            1000,
            || (),
            |(), number| {
                sum.fetch_add(number, Ordering::Relaxed);
                Ok(())
            },
        )
        .unwrap();
        assert_eq!(sum.into_inner(), 999 * 500);
    }

    #[test]
    fn failure_ends_it() {
        let result = each(
            u64::MAX,
            || (),
            |(), number| match number {
                7 => Err(Failure::because(ErrorKind::Io, "seven")),
                _ => Ok(()),
            },
        );
        assert_eq!(result.unwrap_err().error().reason(), "seven");
    }
}
