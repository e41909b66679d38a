//! What happens to devices, as it happens.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use dm_core::client::Dm;
use dm_core::command::DeviceEntry;
use dm_core::difference::{Difference, differences};
use dm_core::error::{DmError, ErrorKind};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fd::{AsFd, BorrowedFd};

use crate::backend::Linux;
use crate::control::Control;
use crate::nodes::{NodePolicy, Nodes};
use crate::sys::{Sys, errno};

/// What happens to all devices: made, removed, renamed, given a uuid, events raised.
///
/// The kernel only says that something happened. This arms its poll first, lists the devices then,
/// and compares: what happens after the arming makes the descriptor readable again, so that nothing
/// is lost. A table that is swapped raises its device's number without waking anybody, and shows
/// with what happens next.
///
/// An iterator blocks and never ends; [`Events::wait`] has a time-out; and with an async runtime one
/// waits until the descriptor ([`AsFd`]) is readable and asks for [`Events::differences`], as the
/// example `events` does with tokio.
///
/// # Examples
/// ```no_run
/// use dm_linux::events::Events;
///
/// for difference in Events::open()? {
///     println!("{:?}", difference?);
/// }
/// # Ok::<(), dm_core::error::DmError>(())
/// ```
#[derive(Debug)]
pub struct Events<S = Control> {
    linux: Linux<S>,
    known: Vec<DeviceEntry>,
    waiting: VecDeque<Difference>,
}

impl Events {
    /// What happens from now on, on a descriptor of its own.
    ///
    /// # Errors
    /// As [`Linux::open`]; [`ErrorKind::Unsupported`] from a driver older than 4.37.
    pub fn open() -> Result<Events, DmError> {
        Events::new(Linux::open_with(Nodes::new(NodePolicy::Never))?)
    }

    /// The next difference, or none if nothing happens in that time.
    ///
    /// # Errors
    /// What the driver answers.
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
            self.poll(left)?;
        }
    }

    fn poll(&self, timeout: Option<Duration>) -> Result<(), DmError> {
        let timeout = timeout.and_then(|it| Timespec::try_from(it).ok());
        let descriptor = self.linux.sys().descriptor()?;
        let mut polled = [PollFd::new(&descriptor, PollFlags::IN)];
        match poll(&mut polled, timeout.as_ref()) {
            Ok(_) | Err(rustix::io::Errno::INTR) => Ok(()),
            Err(error) => Err(DmError::new(ErrorKind::Io)
                .with_errno(errno(error))
                .about("poll", None)),
        }
    }
}

impl<S: Sys> Events<S> {
    /// What happens from now on. Nobody else may arm the poll of this backend's descriptor.
    ///
    /// # Errors
    /// As [`Linux::arm_poll`].
    pub fn new(linux: Linux<S>) -> Result<Events<S>, DmError> {
        let mut events = Events {
            linux,
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
    /// What the driver answers.
    pub fn differences(&mut self) -> Result<Vec<Difference>, DmError> {
        self.linux.arm_poll()?;
        let now = Dm::new(&self.linux).list()?;
        let found = differences(&self.known, &now);
        self.known = now;
        Ok(found)
    }
}

/// Blocks, and ends only with an error.
impl Iterator for Events {
    type Item = Result<Difference, DmError>;

    fn next(&mut self) -> Option<Result<Difference, DmError>> {
        self.next_until(None).transpose()
    }
}

impl AsFd for Events {
    fn as_fd(&self) -> BorrowedFd<'_> {
        let descriptor = self.linux.sys().descriptor();
        descriptor.expect("it was opened when the first list was asked for")
    }
}
