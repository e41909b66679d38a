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
            Ok(Some(pid)) => of_process(pid),
            Err(Errno::ECONNREFUSED | Errno::ENOENT) => UdevState::Dead,
            // It has more to do than it can take on.
            Err(Errno::EAGAIN) => UdevState::Running { pid: None },
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

fn of_process(pid: u32) -> UdevState {
    match process_state(&fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default()) {
        Some('T' | 't') => return UdevState::Stopped { pid },
        Some('Z' | 'X') => return UdevState::Dead,
        _ => {}
    }
    let namespace = |process: &str| fs::read_link(format!("/proc/{process}/ns/ipc"));
    match (namespace("self"), namespace(&pid.to_string())) {
        (Ok(ours), Ok(its)) if ours != its => UdevState::Foreign { pid },
        _ => UdevState::Running { pid: Some(pid) },
    }
}

/// The state in a process's `stat`: the word behind its name, which may hold anything.
fn process_state(stat: &str) -> Option<char> {
    let (_, behind) = stat.rsplit_once(')')?;
    behind.trim_start().chars().next()
}

impl fmt::Display for UdevState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            UdevState::Absent => f.write_str("udev does not run"),
            UdevState::Dead => f.write_str("udev was killed"),
            UdevState::Running { pid: None } => f.write_str("udev runs"),
            UdevState::Running { pid: Some(pid) } => write!(f, "udev runs (process {pid})"),
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
            let expected = [pid, None].map(|pid| UdevState::Running { pid });
            assert!(expected.contains(&state), "{state}");
        }
        drop(socket);
        assert_eq!(UdevState::look(run.path()), UdevState::Dead);
    }

    #[test]
    fn state_stands_behind_the_name() {
        assert_eq!(process_state("12 (a) T (b)) S 1 12"), Some('S'));
        assert_eq!(process_state("12 (udevd) T 1 12"), Some('T'));
        assert_eq!(process_state(""), None);
    }
}
