//! A device that fails, holds and loses on demand.

use std::sync::{Arc, Mutex};

use crate::io::{Io, IoError, IoOp};
use crate::locks::lock;
use crate::units::SectorRange;

use super::{BlockDev, DevInfo};

/// Another device with faults injected: the first fault that fits a request meets it.
pub struct FaultDev {
    below: Arc<dyn BlockDev>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    faults: Vec<Fault>,
    held: Vec<Io>,
}

/// What to do to which requests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fault {
    /// Requests of this kind; `None` for all kinds.
    pub op: Option<IoOp>,
    /// Requests that touch this range; `None` for all, and for flushes.
    pub range: Option<SectorRange>,
    /// Requests that pass unharmed before the first that is met.
    pub after: usize,
    /// Requests that are met before the fault is over; `None` for no end.
    pub times: Option<usize>,
    /// What happens to them.
    pub then: Then,
}

/// What happens to a request that meets a fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Then {
    /// It fails.
    Fail(IoError),
    /// It is held until [`FaultDev::release`].
    Hold,
    /// It is dropped uncompleted, which a real driver must not do.
    Lose,
}

impl Fault {
    /// Each request of kind `op` meets `then`, without end.
    pub const fn always(op: Option<IoOp>, then: Then) -> Fault {
        Fault {
            op,
            range: None,
            after: 0,
            times: None,
            then,
        }
    }

    fn fits(&self, io: &Io) -> bool {
        let touches = |range: SectorRange| {
            let other = io.range();
            range.start() < other.end() && other.start() < range.end()
        };
        self.op.is_none_or(|op| op == io.op()) && self.range.is_none_or(touches)
    }
}

impl FaultDev {
    /// `below` without faults yet.
    pub fn new(below: Arc<dyn BlockDev>) -> FaultDev {
        FaultDev {
            below,
            state: Mutex::default(),
        }
    }

    /// Adds a fault behind those that there are.
    pub fn inject(&self, fault: Fault) {
        lock(&self.state).faults.push(fault);
    }

    /// Takes all faults away. What is held stays held.
    pub fn heal(&self) {
        lock(&self.state).faults.clear();
    }

    /// How many requests are held.
    pub fn held(&self) -> usize {
        lock(&self.state).held.len()
    }

    /// Sends the held requests on.
    pub fn release(&self) {
        let held = std::mem::take(&mut lock(&self.state).held);
        for io in held {
            self.below.submit(io);
        }
    }
}

impl State {
    fn meet(&mut self, io: &Io) -> Option<Then> {
        let at = self.faults.iter().position(|fault| fault.fits(io))?;
        let fault = &mut self.faults[at];
        if fault.after > 0 {
            fault.after -= 1;
            return None;
        }
        let then = fault.then;
        if let Some(times) = &mut fault.times {
            *times = times.saturating_sub(1);
            if *times == 0 {
                self.faults.remove(at);
            }
        }
        Some(then)
    }
}

impl BlockDev for FaultDev {
    fn submit(&self, io: Io) {
        let mut state = lock(&self.state);
        match state.meet(&io) {
            None => {
                drop(state);
                self.below.submit(io);
            }
            Some(Then::Hold) => state.held.push(io),
            Some(Then::Fail(error)) => {
                drop(state);
                io.complete(Err(error));
            }
            Some(Then::Lose) => {
                drop(state);
                drop(io);
            }
        }
    }

    fn info(&self) -> DevInfo {
        self.below.info()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::blockdev::{Blocking, MemDev};
    use crate::errno::Errno;
    use crate::io::IoFlags;
    use crate::units::{Sector, SectorCount};

    #[test]
    fn fault_meets_the_requests_that_fit_it() {
        let dev = FaultDev::new(Arc::new(MemDev::new(SectorCount(8))));
        dev.inject(Fault {
            op: Some(IoOp::Write),
            range: SectorRange::new(Sector(2), SectorCount(2)),
            after: 1,
            times: Some(1),
            then: Then::Fail(Errno::ENOSPC.into()),
        });
        let write = |at| dev.write_at(Sector(at), &[1; 512], IoFlags::empty());
        assert_eq!(write(0), Ok(()));
        assert_eq!(write(2), Ok(()));
        assert_eq!(write(3), Err(Errno::ENOSPC.into()));
        assert_eq!(write(3), Ok(()));
    }

    #[test]
    fn lost_request_still_completes() {
        let dev = FaultDev::new(Arc::new(MemDev::new(SectorCount(8))));
        dev.inject(Fault::always(None, Then::Lose));
        assert_eq!(dev.flush(), Err(IoError::Lost));
    }
}
