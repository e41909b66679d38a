//! What happens to devices, as it happens, on any driver.

use alloc::boxed::Box;
use alloc::collections::VecDeque;
use alloc::vec::Vec;
use core::fmt;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, RawFd};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};

use crate::backend::Backend;
use crate::client::Dm;
use crate::command::DeviceEntry;
use crate::difference::{Difference, differences};
use crate::errno::Errno;
use crate::error::{DmError, ErrorKind};

/// A descriptor that tells that something happened to a device, which
/// [`Backend::watch`] gives.
pub trait Watch: AsFd + fmt::Debug + Send {
    /// Makes the descriptor readable from the next thing on that happens. Until then it is not,
    /// unless something happened since it was last made so.
    ///
    /// # Errors
    /// What the driver answers; the watch is of no more use if the driver is gone.
    fn arm(&mut self) -> Result<(), DmError>;
}

/// What happens to all devices: made, removed, renamed, given a uuid, events raised.
///
/// A driver only says that something happened. This makes it say so first, lists the devices then,
/// and compares: what happens after the list was asked for is said, so that nothing is lost. A
/// device that comes and goes between two lists is in neither. On Linux a table that is swapped
/// wakes nobody.
///
/// An iterator blocks, and ends only with an error; [`Events::wait`] has a time-out; and with an
/// async runtime one waits until the descriptor is readable and asks for [`Events::differences`],
/// as dm-tools' example `events` does with tokio.
///
/// # Examples
/// ```
/// use dm_core::client::Dm;
/// use dm_core::command::Create;
/// use dm_core::difference::Difference;
/// use dm_core::engine::Engine;
/// use dm_core::events::Events;
/// use dm_core::names::DmName;
///
/// let driver = Engine::new(); // or dm_linux::Linux::open()?, or a daemon's socket
/// let mut events = Events::new(driver.clone())?;
/// Dm::new(driver).create(Create::new(DmName::new("vol0")?))?;
/// match events.next() {
///     Some(Ok(Difference::Added(device))) => assert_eq!(device.name.as_str(), "vol0"),
///     other => panic!("{other:?}"),
/// }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Events<B> {
    dm: Dm<B>,
    watch: Box<dyn Watch>,
    known: Vec<DeviceEntry>,
    waiting: VecDeque<Difference>,
}

impl<B: Backend> Events<B> {
    /// What happens from now on.
    ///
    /// # Errors
    /// [`ErrorKind::Unsupported`] from a driver that does not tell; else what it answers.
    pub fn new(driver: B) -> Result<Events<B>, DmError> {
        let mut events = Events {
            watch: driver.watch().map_err(|error| error.about("watch", None))?,
            dm: Dm::new(driver),
            known: Vec::new(),
            waiting: VecDeque::new(),
        };
        events.differences()?;
        Ok(events)
    }

    /// The devices as they were last seen.
    pub fn devices(&self) -> &[DeviceEntry] {
        &self.known
    }

    /// What happened since this was last asked, without waiting. From then on the descriptor is
    /// readable as soon as more happens.
    ///
    /// # Errors
    /// What the driver answers. Nothing is lost: what happened is among what the next call tells.
    pub fn differences(&mut self) -> Result<Vec<Difference>, DmError> {
        self.watch.arm()?;
        let now = self.dm.list()?;
        let found = differences(&self.known, &now);
        self.known = now;
        Ok(found)
    }

    /// The next difference, or none if nothing happens in that time.
    ///
    /// # Errors
    /// As [`Events::differences`].
    pub fn wait(&mut self, timeout: Duration) -> Result<Option<Difference>, DmError> {
        self.next_until(Some(Instant::now() + timeout))
    }

    fn next_until(&mut self, deadline: Option<Instant>) -> Result<Option<Difference>, DmError> {
        loop {
            if let Some(difference) = self.waiting.pop_front() {
                return Ok(Some(difference));
            }
            self.waiting = self.differences()?.into();
            if !self.waiting.is_empty() {
                continue;
            }
            let left = deadline.map(|it| it.saturating_duration_since(Instant::now()));
            if left == Some(Duration::ZERO) {
                return Ok(None);
            }
            is_readable(&self.watch, left)?;
        }
    }
}

/// Blocks, and ends only with an error.
impl<B: Backend> Iterator for Events<B> {
    type Item = Result<Difference, DmError>;

    fn next(&mut self) -> Option<Result<Difference, DmError>> {
        self.next_until(None).transpose()
    }
}

impl<B> AsFd for Events<B> {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.watch.as_fd()
    }
}

/// For tokio and others that take descriptors by their number.
impl<B> AsRawFd for Events<B> {
    fn as_raw_fd(&self) -> RawFd {
        self.as_fd().as_raw_fd()
    }
}

/// Waits until a descriptor is readable, for at most that time; whether it is. A signal ends the
/// wait, too.
///
/// # Errors
/// [`ErrorKind::Io`] if the system refuses.
pub fn is_readable(descriptor: impl AsFd, timeout: Option<Duration>) -> Result<bool, DmError> {
    let timeout = timeout.and_then(|it| Timespec::try_from(it).ok());
    let mut polled = [PollFd::new(&descriptor, PollFlags::IN)];
    match poll(&mut polled, timeout.as_ref()) {
        Ok(readable) => Ok(readable > 0),
        Err(rustix::io::Errno::INTR) => Ok(false),
        Err(error) => {
            let errno = Errno::from(&std::io::Error::from(error));
            let failure = DmError::new(ErrorKind::Io).with_errno(errno);
            Err(failure.about("poll", None))
        }
    }
}

#[cfg(test)]
mod tests {
    use std::thread;

    use super::*;
    use crate::command::{Create, Load, RemoveMode, SuspendOptions};
    use crate::engine::Engine;
    use crate::names::{DmName, DmUuid};
    use crate::table::TableLine;

    fn name(text: &str) -> DmName {
        DmName::new(text).unwrap()
    }

    fn is_quiet(events: &Events<Engine>) -> bool {
        !is_readable(events, Some(Duration::ZERO)).unwrap()
    }

    #[test]
    fn descriptor_is_readable_from_the_next_change_on() {
        let engine = Engine::new();
        let mut events = Events::new(engine.clone()).unwrap();
        let dm = Dm::new(engine);
        assert!(is_quiet(&events));
        dm.list().unwrap();
        assert!(is_quiet(&events), "looking is no change");
        let mut tells = |what: &str| {
            assert!(!is_quiet(&events), "{what}");
            let found = events.differences().unwrap();
            assert!(is_quiet(&events), "{what}");
            assert_eq!(events.differences().unwrap(), [], "{what}");
            found
        };
        dm.create(Create::new(name("a"))).unwrap();
        assert!(matches!(&tells("create")[..], [Difference::Added(_)]));
        dm.rename(name("a"), name("b")).unwrap();
        assert!(matches!(&tells("rename")[..], [Difference::Renamed { .. }]));
        dm.set_uuid(name("b"), DmUuid::new("U").unwrap()).unwrap();
        assert!(matches!(&tells("setuuid")[..], [Difference::Identified(_)]));
        let table = TableLine::parse_table("0 8 zero").unwrap();
        dm.load(Load::new(name("b"), table)).unwrap();
        dm.resume(name("b"), SuspendOptions::default()).unwrap();
        dm.rename(name("b"), name("a")).unwrap();
        assert!(matches!(
            &tells("rename of an active one")[..],
            [
                Difference::Renamed { .. },
                Difference::Raised { before: 0, .. }
            ]
        ));
        dm.remove(name("a"), RemoveMode::IfUnused).unwrap();
        assert!(matches!(&tells("remove")[..], [Difference::Removed(_)]));
        dm.create(Create::new(name("a"))).unwrap();
        tells("create");
        dm.remove_all(RemoveMode::IfUnused).unwrap();
        assert!(matches!(&tells("remove_all")[..], [Difference::Removed(_)]));
    }

    #[test]
    fn deferred_removal_is_told_when_it_comes() {
        use crate::component::TableMode;
        let engine = Engine::new();
        let dm = Dm::new(engine.clone());
        dm.create(Create::new(name("a"))).unwrap();
        let table = TableLine::parse_table("0 8 zero").unwrap();
        dm.load(Load::new(name("a"), table)).unwrap();
        dm.resume(name("a"), SuspendOptions::default()).unwrap();
        let user = engine
            .open(&name("a").into(), TableMode::ReadWrite)
            .unwrap();
        let mut events = Events::new(engine).unwrap();
        dm.remove(name("a"), RemoveMode::Deferred).unwrap();
        assert_eq!(events.differences().unwrap(), []);
        drop(user);
        assert!(matches!(events.next(), Some(Ok(Difference::Removed(_)))));
    }

    #[test]
    fn none_is_lost_among_threads_and_watchers() {
        const THREADS: usize = 8;
        const DEVICES: usize = 60;
        let engine = Engine::new();
        let watchers: Vec<_> = (0..3)
            .map(|_| {
                let events = Events::new(engine.clone()).unwrap();
                thread::spawn(move || {
                    let is_added =
                        |it: &Result<Difference, DmError>| matches!(it, Ok(Difference::Added(_)));
                    events.filter(is_added).take(THREADS * DEVICES).count()
                })
            })
            .collect();
        thread::scope(|scope| {
            for thread in 0..THREADS {
                let dm = Dm::new(&engine);
                scope.spawn(move || {
                    for at in 0..DEVICES {
                        let made = Create::new(name(&format!("vol-{thread}-{at}")));
                        dm.create(made).unwrap();
                    }
                });
            }
        });
        for watcher in watchers {
            assert_eq!(watcher.join().unwrap(), THREADS * DEVICES);
        }
    }

    #[test]
    fn time_out_ends_a_wait() {
        let mut events = Events::new(Engine::new()).unwrap();
        assert_eq!(events.wait(Duration::from_millis(2)).unwrap(), None);
    }
}
