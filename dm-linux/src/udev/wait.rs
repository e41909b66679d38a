//! Waiting for udev, which ends whatever udev does.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant, SystemTime};

use dm_core::devid::DevNo;

use super::waiter::Settled;
use super::{Change, Cookie, CookieError, UdevState};
use crate::mangle::raw;
use crate::nodes::Nodes;

/// The first pause between two looks; each is half as long again as the one before.
const PAUSE: Duration = Duration::from_micros(200);

/// The longest pause.
const LONGEST: Duration = Duration::from_millis(10);

/// How often udev itself is looked at.
const LOOK: Duration = Duration::from_millis(250);

/// For how long all must be as udev's rules leave it, before it is believed that udev is through
/// and can not say so.
const SETTLED: Duration = Duration::from_secs(1);

/// By how much the kernel's clock for files may be behind.
const COARSE: Duration = Duration::from_millis(20);

/// How a wait ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ending {
    /// Udev's rules are through.
    Through,
    /// There is no udev to wait for.
    NoUdev,
    /// All is as it should be, though udev did not say that it is through.
    Seen,
    /// Time is up, or udev is gone.
    Unanswered(UdevState),
    /// The caller does not want to wait any longer.
    GivenUp,
}

/// When a wait ends whatever udev does.
#[derive(Clone, Copy)]
pub(super) struct Limit<'a> {
    pub(super) deadline: Instant,
    /// Set when the caller does not want to wait any longer.
    pub(super) interrupt: Option<&'a AtomicBool>,
}

/// How the nodes of several commands' devices should be in the end.
pub(super) struct Wanted<'a> {
    nodes: &'a Nodes,
    data: PathBuf,
    began: SystemTime,
    devices: BTreeMap<Vec<u8>, Option<DevNo>>,
}

impl<'a> Wanted<'a> {
    pub(super) fn new(
        nodes: &'a Nodes,
        run: &Path,
        began: SystemTime,
        changes: &[Change],
    ) -> Wanted<'a> {
        let mut devices = BTreeMap::new();
        for change in changes {
            match change {
                Change::Resumed { name, number } => {
                    devices.insert(name.clone(), Some(*number));
                }
                Change::Renamed { from, to, number } => {
                    devices.insert(from.clone(), None);
                    devices.insert(to.clone(), Some(*number));
                }
                Change::Removed { name } => {
                    devices.insert(name.clone(), None);
                }
                Change::Other => {}
            }
        }
        Wanted {
            nodes,
            data: run.join("data"),
            began,
            devices,
        }
    }

    /// Whether the nodes are as they should be.
    fn is_right(&self) -> bool {
        let mut devices = self.devices.iter();
        devices.all(|(name, number)| self.nodes.is_right(name, *number).unwrap_or(false))
    }

    /// Whether udev wrote down what it found at each device since the commands.
    fn is_written_down(&self) -> bool {
        let mut there = self.devices.values().flatten();
        there.all(|number| {
            let path = self
                .data
                .join(format!("b{}:{}", number.major, number.minor));
            let written = std::fs::metadata(path).and_then(|found| found.modified());
            written.is_ok_and(|at| at + COARSE >= self.began)
        })
    }

    /// Puts right what is not.
    pub(super) fn mend(&self, settled: &mut Settled) {
        for (name, number) in &self.devices {
            if self.nodes.is_right(name, *number) == Ok(true) {
                continue;
            }
            match self.nodes.mend(name, *number) {
                Ok(()) => settled.mended.push(raw(name)),
                Err(error) => settled.wrong.push(error),
            }
        }
    }
}

/// Pauses that grow.
struct Pauses<'a> {
    next: Duration,
    limit: Limit<'a>,
    looked: Instant,
}

impl<'a> Pauses<'a> {
    fn until(limit: Limit<'a>) -> Pauses<'a> {
        Pauses {
            next: PAUSE,
            limit,
            looked: Instant::now(),
        }
    }

    /// Pauses; says how it ends if time is up, udev is gone or nobody wants to wait.
    fn pause(&mut self, state: impl Fn() -> UdevState) -> Option<Ending> {
        let now = Instant::now();
        let interrupt = self.limit.interrupt;
        if interrupt.is_some_and(|it| it.load(Ordering::SeqCst)) {
            return Some(Ending::GivenUp);
        }
        if now >= self.limit.deadline {
            return Some(Ending::Unanswered(state()));
        }
        if now.duration_since(self.looked) >= LOOK {
            self.looked = now;
            let state = state();
            if !state.has_nodes() {
                return Some(Ending::Unanswered(state));
            }
        }
        thread::sleep(self.next.min(self.limit.deadline - now));
        self.next = (self.next * 3 / 2).min(LONGEST);
        None
    }
}

/// Waits until udev counted all events down.
pub(super) fn wait_for_count(
    cookie: &Cookie,
    wanted: &Wanted<'_>,
    state: impl Fn() -> UdevState,
    limit: Limit<'_>,
) -> Ending {
    let mut pauses = Pauses::until(limit);
    // For the one who waits. Whatever is wrong with the cookie shows below.
    let _ = cookie.complete();
    let mut right_since = None;
    loop {
        match cookie.count() {
            Ok(0) => return Ending::Through,
            Ok(_) => {}
            // Somebody removed it, so that nothing more will be heard of it.
            Err(_) => return wait_for_nodes(wanted, state, limit),
        }
        // Udev may be where it does not see the semaphore: it acts, and never counts down.
        match wanted.is_written_down() && wanted.is_right() {
            true if !wanted.devices.is_empty() => {
                let since = *right_since.get_or_insert_with(Instant::now);
                if since.elapsed() >= SETTLED {
                    return Ending::Seen;
                }
            }
            _ => right_since = None,
        }
        if let Some(ending) = pauses.pause(&state) {
            return ending;
        }
    }
}

/// Waits until the nodes are as they should be.
pub(super) fn wait_for_nodes(
    wanted: &Wanted<'_>,
    state: impl Fn() -> UdevState,
    limit: Limit<'_>,
) -> Ending {
    let mut pauses = Pauses::until(limit);
    loop {
        if wanted.is_right() {
            return Ending::Seen;
        }
        if let Some(ending) = pauses.pause(&state) {
            return ending;
        }
    }
}

/// Waits for a cookie that others use, as `dmsetup udevreleasecookie` does, and removes it.
///
/// Returns how many events were left when the time was up.
///
/// # Errors
/// [`CookieError::Missing`] if somebody else removes it first.
pub fn release(cookie: Cookie, timeout: Duration) -> Result<u32, CookieError> {
    match cookie.complete() {
        // Somebody waits for it already.
        Ok(()) | Err(CookieError::Complete(_)) => {}
        Err(error) => return Err(error),
    }
    let mut pauses = Pauses::until(Limit {
        deadline: Instant::now() + timeout,
        interrupt: None,
    });
    loop {
        let left = cookie.count()?;
        let state = || UdevState::Running { pid: None };
        if left == 0 || pauses.pause(state).is_some() {
            cookie.remove()?;
            return Ok(left);
        }
    }
}
