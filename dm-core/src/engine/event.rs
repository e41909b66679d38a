//! Event numbers, waiting for them, and giving up waiting.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, PoisonError};

use crate::locks::lock;

/// A device's event number.
#[derive(Default)]
pub(super) struct Events {
    state: Mutex<EventState>,
    raised: Condvar,
}

#[derive(Clone, Copy, Default)]
struct EventState {
    number: u32,
    over: bool,
}

/// How a wait for an event ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Waited {
    /// The number is another one.
    Raised,
    /// The device is gone.
    Over,
    /// The wait was given up.
    GivenUp,
}

/// Gives a blocked command up, from another thread. Clones are one.
#[derive(Clone, Default)]
pub struct Cancel(Arc<CancelState>);

#[derive(Default)]
struct CancelState {
    cancelled: AtomicBool,
    waiting: Mutex<Vec<Arc<Events>>>,
}

impl Events {
    /// The last event's number.
    pub(super) fn number(&self) -> u32 {
        lock(&self.state).number
    }

    /// Something happened.
    pub(super) fn raise(&self) {
        let mut state = lock(&self.state);
        state.number = state.number.wrapping_add(1);
        drop(state);
        self.raised.notify_all();
    }

    /// The device is gone.
    pub(super) fn end(&self) {
        lock(&self.state).over = true;
        self.raised.notify_all();
    }

    /// Waits until the number is another than `known`.
    pub(super) fn wait(self: &Arc<Events>, known: u32, cancel: &Cancel) -> Waited {
        cancel.waits_for(self);
        let mut state = lock(&self.state);
        let end = loop {
            if state.number != known {
                break Waited::Raised;
            }
            if state.over {
                break Waited::Over;
            }
            if cancel.is_cancelled() {
                break Waited::GivenUp;
            }
            state = self
                .raised
                .wait(state)
                .unwrap_or_else(PoisonError::into_inner);
        };
        drop(state);
        cancel.waits_no_more(self);
        end
    }
}

impl Cancel {
    /// Not cancelled yet.
    pub fn new() -> Cancel {
        Cancel::default()
    }

    /// Ends what waits with it, now and from now on.
    pub fn cancel(&self) {
        self.0.cancelled.store(true, Ordering::SeqCst);
        for events in lock(&self.0.waiting).iter() {
            // The lock makes sure that the waiter either has not looked yet or is waiting.
            drop(lock(&events.state));
            events.raised.notify_all();
        }
    }

    /// Whether it was cancelled.
    pub fn is_cancelled(&self) -> bool {
        self.0.cancelled.load(Ordering::SeqCst)
    }

    fn waits_for(&self, events: &Arc<Events>) {
        lock(&self.0.waiting).push(events.clone());
    }

    fn waits_no_more(&self, events: &Arc<Events>) {
        let mut waiting = lock(&self.0.waiting);
        if let Some(at) = waiting.iter().position(|other| Arc::ptr_eq(other, events)) {
            waiting.swap_remove(at);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::thread;

    use super::*;

    #[test]
    fn old_number_does_not_wait() {
        let events = Arc::new(Events::default());
        events.raise();
        assert_eq!(events.wait(0, &Cancel::new()), Waited::Raised);
    }

    #[test]
    fn wait_ends_with_a_raise_the_device_or_the_caller() {
        let (events, cancel) = (Arc::new(Events::default()), Cancel::new());
        for (end, wanted) in [
            (
                (|events, _| events.raise()) as fn(&Events, &Cancel),
                Waited::Raised,
            ),
            (|_, cancel| cancel.cancel(), Waited::GivenUp),
            (|events, _| events.end(), Waited::Over),
        ] {
            let cancel = if wanted == Waited::Over {
                Cancel::new()
            } else {
                cancel.clone()
            };
            let waiter = {
                let (events, cancel, known) = (events.clone(), cancel.clone(), events.number());
                thread::spawn(move || events.wait(known, &cancel))
            };
            end(&events, &cancel);
            assert_eq!(waiter.join().unwrap(), wanted);
        }
    }
}
