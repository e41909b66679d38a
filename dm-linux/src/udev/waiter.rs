//! Who sees to it that nodes are there once a command is done.

use std::fmt;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use super::state::Process;
use super::wait::{Ending, Limit, Wanted, wait_for_count, wait_for_nodes};
use super::{Change, Cookie, CookieError, UdevFlags, UdevState};
use crate::nodes::{NodeError, NodePolicy, Nodes};

/// How long udev may take unless the caller says otherwise. Its own limit for an event is longer;
/// who needs more than this waits for other reasons than rules.
pub(super) const TIMEOUT: Duration = Duration::from_secs(30);

/// Sees to it that devices' nodes are as commands made them.
///
/// A command that may change a node begins with a ticket, which says what the kernel is told, and
/// ends with settling what was changed. A command that failed settles its ticket without changes.
pub trait Waiter: fmt::Debug + Send + Sync {
    /// What goes with the next command.
    ///
    /// # Errors
    /// [`CookieError`] if the command must not be sent: the cookie that it was to have is none.
    fn begin(&self) -> Result<Ticket, CookieError>;

    /// Waits until nodes are as `changes` say, or makes them so.
    fn settle(&self, ticket: Ticket, changes: &[Change]) -> Settled;

    /// Whether it does anything about nodes now.
    fn has_nodes(&self) -> bool;

    /// Whether nodes are there when a command returns, so that no batch needs to wait for them.
    fn is_immediate(&self) -> bool;
}

/// What goes with commands until their nodes are settled.
#[derive(Debug)]
pub struct Ticket {
    flags: UdevFlags,
    cookie: Option<Cookie>,
    /// Whether the cookie is somebody else's to wait for and to remove.
    joined: bool,
    began: Instant,
}

/// How nodes came to be as they are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum How {
    /// They are somebody else's to wait for.
    Left,
    /// This crate made them.
    Own,
    /// Udev's rules are through.
    Udev,
    /// Udev made them, but can not say whether it is through.
    Seen,
    /// Udev did not answer in time, or is gone.
    Unanswered(UdevState),
    /// The wait was interrupted: udev may make them yet.
    GivenUp,
}

/// What became of the nodes of one or several commands.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Settled {
    /// How they came to be.
    pub how: How,
    /// How long that took.
    pub waited: Duration,
    /// The nodes that udev should have made or removed and this crate did, by the devices' names.
    pub mended: Vec<String>,
    /// The nodes that are not as they should be, and why.
    pub wrong: Vec<NodeError>,
}

/// Whether udev is waited for where it runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Wait {
    Yes,
    No,
}

/// Waits for udev where it runs, and makes the nodes where it does not, or does not answer.
#[derive(Debug)]
pub struct Udev {
    run: PathBuf,
    nodes: Nodes,
    flags: UdevFlags,
    timeout: Duration,
    interrupt: Option<Arc<AtomicBool>>,
    join: Option<u32>,
    wait: Wait,
    /// The process that was udev when it was last looked at.
    process: Mutex<Option<Process>>,
    /// Whether udev was found to be through without counting down.
    blind: AtomicBool,
}

impl Ticket {
    /// A ticket without a cookie.
    pub fn new(flags: UdevFlags) -> Ticket {
        Ticket {
            flags,
            cookie: None,
            joined: false,
            began: Instant::now(),
        }
    }

    /// A ticket with a cookie that somebody else waits for.
    pub fn joined(flags: UdevFlags, cookie: Cookie) -> Ticket {
        Ticket {
            cookie: Some(cookie),
            joined: true,
            ..Ticket::new(flags)
        }
    }

    /// Another ticket with the same cookie, for a command whose nodes are settled with this one's.
    ///
    /// # Errors
    /// [`CookieError::Missing`] if somebody removed the cookie.
    pub fn share(&self) -> Result<Ticket, CookieError> {
        match &self.cookie {
            None => Ok(Ticket::new(self.flags)),
            Some(cookie) => Ok(Ticket::joined(self.flags, Cookie::find(cookie.value())?)),
        }
    }

    /// The same without the cookie: nobody is left who would count it down.
    #[must_use]
    pub(crate) fn alone(self) -> Ticket {
        let mut ticket = Ticket::new(self.flags);
        ticket.began = self.began;
        ticket
    }

    /// The event number that goes with the command.
    pub fn event(&self) -> u32 {
        let base = self.cookie.as_ref().map_or(0, Cookie::base);
        self.flags.event(base)
    }

    /// A command is sent, which will raise an event.
    ///
    /// # Errors
    /// As [`Cookie::expect`].
    pub fn expect(&self) -> Result<(), CookieError> {
        self.cookie.as_ref().map_or(Ok(()), Cookie::expect)
    }

    /// The command raised no event.
    ///
    /// # Errors
    /// As [`Cookie::complete`].
    pub fn complete(&self) -> Result<(), CookieError> {
        self.cookie.as_ref().map_or(Ok(()), Cookie::complete)
    }
}

/// A cookie of one's own goes with its ticket, also where the ticket is not settled.
impl Drop for Ticket {
    fn drop(&mut self) {
        if let (Some(cookie), false) = (self.cookie.take(), self.joined) {
            // Somebody else may have removed it.
            let _ = cookie.remove();
        }
    }
}

impl Settled {
    /// Nodes that are as they should be.
    pub fn new(how: How, waited: Duration) -> Settled {
        Settled {
            how,
            waited,
            mended: Vec::new(),
            wrong: Vec::new(),
        }
    }

    /// Whether somebody should know.
    pub fn is_trouble(&self) -> bool {
        matches!(self.how, How::Unanswered(_) | How::GivenUp) || !self.wrong.is_empty()
    }
}

impl Udev {
    /// Waits for the udev whose folder is `/run/udev`.
    pub fn new() -> Udev {
        Udev::at("/run/udev", Nodes::new(NodePolicy::Always))
    }

    /// Another udev, and where its nodes are.
    pub fn at(run: impl Into<PathBuf>, nodes: Nodes) -> Udev {
        Udev {
            run: run.into(),
            nodes,
            flags: UdevFlags::PRIMARY_SOURCE,
            timeout: TIMEOUT,
            interrupt: None,
            join: None,
            wait: Wait::Yes,
            process: Mutex::new(None),
            blind: AtomicBool::new(false),
        }
    }

    /// The same, which tells udev's rules this. With [`UdevFlags::DISABLE_DM_RULES`], the nodes
    /// are made here.
    #[must_use]
    pub fn flags(self, flags: UdevFlags) -> Udev {
        let flags = flags | UdevFlags::PRIMARY_SOURCE;
        Udev { flags, ..self }
    }

    /// The same with another time-out.
    #[must_use]
    pub fn timeout(self, timeout: Duration) -> Udev {
        Udev { timeout, ..self }
    }

    /// The same, whose waits end soon after `interrupt` is set: by a handler of Ctrl-C, say, which
    /// would leave the cookie behind if it ended the process.
    #[must_use]
    pub fn interrupt(self, interrupt: Arc<AtomicBool>) -> Udev {
        let interrupt = Some(interrupt);
        Udev { interrupt, ..self }
    }

    /// The same, whose commands join a cookie that somebody else waits for.
    #[must_use]
    pub fn join(self, cookie: u32) -> Udev {
        let join = Some(cookie);
        Udev { join, ..self }
    }

    /// The same, which does not wait: where udev runs, nodes come a little after a command.
    #[must_use]
    pub fn leave(self) -> Udev {
        let wait = Wait::No;
        Udev { wait, ..self }
    }

    /// What udev looks like.
    pub fn state(&self) -> UdevState {
        let mut process = self.process.lock().unwrap_or_else(PoisonError::into_inner);
        match (UdevState::look(&self.run), *process) {
            // A stopped udev takes one connection, and then none.
            (UdevState::Busy, Some(known)) => known.look().unwrap_or(UdevState::Busy),
            (state, _) => {
                *process = Process::of(state);
                state
            }
        }
    }

    fn own(&self, changes: &[Change], settled: &mut Settled) {
        let failed = changes.iter().filter_map(|it| self.nodes.follow(it).err());
        settled.wrong.extend(failed);
    }
}

impl Waiter for Udev {
    fn begin(&self) -> Result<Ticket, CookieError> {
        if let Some(value) = self.join {
            return Ok(Ticket::joined(self.flags, Cookie::find(value)?));
        }
        let mut ticket = Ticket::new(self.flags);
        let state = self.state();
        let counts = state.has_nodes() && !matches!(state, UdevState::Foreign { .. });
        let wait = self.wait == Wait::Yes && !self.blind.load(Ordering::Relaxed);
        if counts && wait {
            match Cookie::create() {
                Ok(cookie) => ticket.cookie = Some(cookie),
                // The nodes show as well when udev is through, if later.
                Err(error) => tracing::warn!("{error}: udev can not say when it is through"),
            }
        }
        Ok(ticket)
    }

    fn settle(&self, ticket: Ticket, changes: &[Change]) -> Settled {
        let mut settled = Settled::new(How::Left, Duration::ZERO);
        let ours = ticket.flags.contains(UdevFlags::DISABLE_DM_RULES);
        let leave = self.wait == Wait::No && self.state().has_nodes();
        if ticket.joined || leave {
            if ours {
                self.own(changes, &mut settled);
            }
            return settled;
        }
        let began = SystemTime::now() - ticket.began.elapsed();
        let wanted = Wanted::new(&self.nodes, &self.run, began, changes);
        let limit = Limit {
            deadline: Instant::now() + self.timeout,
            interrupt: self.interrupt.as_deref(),
        };
        let ending = match ticket.cookie {
            _ if changes.is_empty() => Ending::Through,
            None if !self.state().has_nodes() => Ending::NoUdev,
            None => wait_for_nodes(&wanted, || self.state(), limit),
            Some(ref cookie) => wait_for_count(cookie, &wanted, || self.state(), limit),
        };
        settled.waited = ticket.began.elapsed();
        drop(ticket);
        settled.how = match ending {
            Ending::Through if changes.is_empty() => How::Left,
            Ending::Through => How::Udev,
            Ending::NoUdev => How::Own,
            Ending::Seen => How::Seen,
            Ending::Unanswered(state) => How::Unanswered(state),
            Ending::GivenUp => How::GivenUp,
        };
        if settled.how == How::Own || ours {
            self.own(changes, &mut settled);
            return settled;
        }
        if ending == Ending::GivenUp {
            return settled;
        }
        if ending == Ending::Seen {
            self.blind.store(true, Ordering::Relaxed);
        }
        wanted.mend(&mut settled);
        settled
    }

    fn has_nodes(&self) -> bool {
        true
    }

    fn is_immediate(&self) -> bool {
        self.join.is_none() && !self.state().has_nodes()
    }
}

impl Default for Udev {
    fn default() -> Udev {
        Udev::new()
    }
}

impl<W: Waiter + ?Sized> Waiter for Box<W> {
    fn begin(&self) -> Result<Ticket, CookieError> {
        (**self).begin()
    }

    fn settle(&self, ticket: Ticket, changes: &[Change]) -> Settled {
        (**self).settle(ticket, changes)
    }

    fn has_nodes(&self) -> bool {
        (**self).has_nodes()
    }

    fn is_immediate(&self) -> bool {
        (**self).is_immediate()
    }
}

/// Waits for nobody.
impl Waiter for Nodes {
    fn begin(&self) -> Result<Ticket, CookieError> {
        Ok(Ticket::new(UdevFlags::PRIMARY_SOURCE))
    }

    fn settle(&self, ticket: Ticket, changes: &[Change]) -> Settled {
        if !self.ours() {
            return Settled::new(How::Left, Duration::ZERO);
        }
        let mut settled = Settled::new(How::Own, ticket.began.elapsed());
        let failed = changes.iter().filter_map(|it| self.follow(it).err());
        settled.wrong.extend(failed);
        settled
    }

    fn has_nodes(&self) -> bool {
        self.ours()
    }

    fn is_immediate(&self) -> bool {
        true
    }
}

/// One line.
impl fmt::Display for Settled {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.how {
            How::Left => f.write_str("nodes are left to others")?,
            How::Own => f.write_str("nodes are made here")?,
            How::Udev => f.write_str("udev is through")?,
            How::Seen => f.write_str("udev made the nodes")?,
            How::GivenUp => f.write_str("udev was not waited for to the end")?,
            How::Unanswered(state) => {
                let waited = self.waited.as_secs_f32();
                write!(f, "udev did not answer within {waited:.1} s: {state}")?;
            }
        }
        if !self.mended.is_empty() {
            write!(f, "; put right here: {}", self.mended.join(", "))?;
        }
        for wrong in &self.wrong {
            write!(f, "; {wrong}")?;
        }
        Ok(())
    }
}
