//! Whether udev runs, and whether it can count down our cookies.

use std::fmt;
use std::fs;
use std::path::Path;

use dm_core::errno::Errno;
use rustix::fd::OwnedFd;
use rustix::net::{AddressFamily, SocketAddrUnix, SocketFlags, SocketType, connect, socket_with};

use crate::sys::{errno, listener};

/// The file in udev's folder that it listens on.
const CONTROL: &str = "control";

/// What udevd's state looks like from here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum UdevState {
    /// It has no control socket: it does not run, or not in this file system's view.
    Absent,
    /// Nobody listens on its control socket: it was killed.
    Dead,
    /// It runs.
    Running {
        /// Its process, or that of who started it; none if it can not be seen from here.
        pid: Option<u32>,
    },
    /// It takes no connection: it was stopped, or has more to do than it can.
    Busy,
    /// It was stopped by a signal.
    Stopped {
        /// Its process.
        pid: u32,
    },
    /// It runs in another IPC namespace, so that it sees none of this process's semaphores.
    Foreign {
        /// Its process.
        pid: u32,
    },
    /// It can not be found out.
    Unknown {
        /// Why.
        errno: Errno,
    },
}

impl UdevState {
    /// Looks at the udev whose folder is `run`, which is `/run/udev`. It never waits.
    pub fn look(run: &Path) -> UdevState {
        let path = run.join(CONTROL);
        if !path.exists() {
            return UdevState::Absent;
        }
        match listening(&path) {
            Ok(None) => UdevState::Running { pid: None },
            Ok(Some(pid)) => Process::find(pid).map_or(UdevState::Dead, |it| it.state),
            Err(Errno::ECONNREFUSED | Errno::ENOENT) => UdevState::Dead,
            Err(Errno::EAGAIN) => UdevState::Busy,
            Err(errno) => UdevState::Unknown { errno },
        }
    }

    /// Whether devices' nodes are udev's to make.
    pub const fn has_nodes(self) -> bool {
        !matches!(self, UdevState::Absent | UdevState::Dead)
    }
}

/// Who listens on udev's control socket.
fn listening(path: &Path) -> Result<Option<u32>, Errno> {
    let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
    let socket: OwnedFd =
        socket_with(AddressFamily::UNIX, SocketType::SEQPACKET, flags, None).map_err(errno)?;
    let address = SocketAddrUnix::new(path).map_err(errno)?;
    connect(&socket, &address).map_err(errno)?;
    listener(&socket)
}

/// A process that was once seen to listen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Process {
    pid: u32,
    /// When it started: another process with its number did so at another time.
    start: u64,
    state: UdevState,
}

impl Process {
    /// The process that listened when udev looked like `state`.
    pub(super) fn of(state: UdevState) -> Option<Process> {
        match state {
            UdevState::Running { pid: Some(pid) }
            | UdevState::Stopped { pid }
            | UdevState::Foreign { pid } => Process::find(pid),
            _ => None,
        }
    }

    /// What it looks like now, if it is still there.
    pub(super) fn look(self) -> Option<UdevState> {
        let now = Process::find(self.pid)?;
        (now.start == self.start).then_some(now.state)
    }

    fn find(pid: u32) -> Option<Process> {
        let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
        let (letter, start) = state_and_start(&stat)?;
        let namespace = |process: &str| fs::read_link(format!("/proc/{process}/ns/ipc"));
        let state = match letter {
            "Z" | "X" => return None,
            "T" | "t" => UdevState::Stopped { pid },
            _ => match (namespace("self"), namespace(&pid.to_string())) {
                (Ok(ours), Ok(its)) if ours != its => UdevState::Foreign { pid },
                _ => UdevState::Running { pid: Some(pid) },
            },
        };
        Some(Process { pid, start, state })
    }
}

/// Fields 3 and 22 of a process's `stat`; field 2, the name, may hold anything.
fn state_and_start(stat: &str) -> Option<(&str, u64)> {
    let (_, behind) = stat.rsplit_once(')')?;
    let mut words = behind.split_whitespace();
    let state = words.next()?;
    Some((state, words.nth(18)?.parse().ok()?))
}

impl fmt::Display for UdevState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            UdevState::Absent => f.write_str("udev does not run"),
            UdevState::Dead => f.write_str("udev was killed"),
            UdevState::Running { pid: None } => f.write_str("udev runs"),
            UdevState::Running { pid: Some(pid) } => write!(f, "udev runs (process {pid})"),
            UdevState::Busy => f.write_str("udev takes no connection"),
            UdevState::Stopped { pid } => write!(f, "udev is stopped (process {pid})"),
            UdevState::Foreign { pid } => {
                write!(f, "udev is in another IPC namespace (process {pid})")
            }
            UdevState::Unknown { errno } => write!(f, "udev's state is unknown: {errno}"),
        }
    }
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;
    use rustix::net::{bind, listen};

    #[test]
    fn listener_is_told_from_none() {
        let run = tempfile::tempdir().unwrap();
        let path = run.path().join(CONTROL);
        assert_eq!(UdevState::look(run.path()), UdevState::Absent);
        let flags = SocketFlags::CLOEXEC;
        let socket = socket_with(AddressFamily::UNIX, SocketType::SEQPACKET, flags, None).unwrap();
        bind(&socket, &SocketAddrUnix::new(&path).unwrap()).unwrap();
        assert_eq!(UdevState::look(run.path()), UdevState::Dead);
        listen(&socket, 1).unwrap();
        let pid = Some(std::process::id());
        // Nobody accepts: what does not fit any more is no reason to wait.
        for _ in 0..4 {
            let state = UdevState::look(run.path());
            let expected = [UdevState::Running { pid }, UdevState::Busy];
            assert!(expected.contains(&state), "{state}");
        }
        drop(socket);
        assert_eq!(UdevState::look(run.path()), UdevState::Dead);
    }

    #[test]
    fn process_is_known_again() {
        let pid = Some(std::process::id());
        let process = Process::of(UdevState::Running { pid }).unwrap();
        assert_eq!(process.look(), Some(UdevState::Running { pid }));
        let other = Process {
            start: process.start + 1,
            ..process
        };
        assert_eq!(other.look(), None);
        assert_eq!(Process::of(UdevState::Absent), None);
    }

    #[test]
    fn state_and_start_stand_behind_the_name() {
        let fields = " 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 777 20";
        let stat = format!("12 (a) T (b)) S{fields}");
        assert_eq!(state_and_start(&stat), Some(("S", 777)));
        assert_eq!(state_and_start("12 (udevd) T 1"), None);
        assert_eq!(state_and_start(""), None);
    }
}
