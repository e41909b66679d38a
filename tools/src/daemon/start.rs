//! How a client finds the daemon, and starts it if there is none.

use std::env;
use std::os::unix::net::UnixStream;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use dm_core::error::ErrorKind;
use dm_proto::socket::SocketBackend;

use crate::failure::Failure;
use crate::runtime::RuntimeDir;

use super::lock::DaemonLock;
use super::order::{DaemonStatus, InUse, Order};
use super::{Start, log};

/// How long a daemon may take until it listens. A restore of large tables takes its time.
const LIMIT: Duration = Duration::from_secs(30);

/// How long its end may take; longer than it allows itself.
const STOP_LIMIT: Duration = Duration::from_secs(10);

/// How often it is tried.
const PAUSE: Duration = Duration::from_millis(5);

/// Connects to the daemon in `dir`, which is started if there is none.
pub(crate) fn connect_or_start(dir: &RuntimeDir) -> Result<SocketBackend, Failure> {
    let (stream, _) = start(dir, Start::Empty)?;
    Ok(SocketBackend::connected(stream, &dir.control()))
}

/// Makes sure that a daemon answers in `dir`, and gives its first answer and the connection.
///
/// A daemon that has the lock, but does not answer, is coming up, or dying: it is waited for. Of
/// several that are started at once one gets the lock, and the others end without a word, or are
/// called off; so a child that ended well is no failure.
pub(crate) fn start(dir: &RuntimeDir, how: Start) -> Result<(UnixStream, DaemonStatus), Failure> {
    dir.ensure()?;
    let deadline = Instant::now() + LIMIT;
    let mut child: Option<Child> = None;
    let mut log_end = 0;
    loop {
        if let Some(connected) = Order::Status.connect(&dir.control())? {
            if let Some(child) = child.filter(|child| child.id() != connected.1.pid) {
                call_off(child);
            }
            return Ok(connected);
        }
        match child.as_mut().map(Child::try_wait) {
            None if DaemonLock::wait_free(dir, Duration::ZERO)? => {
                let (started, end) = spawn(dir, how)?;
                (child, log_end) = (Some(started), end);
            }
            None | Some(Ok(None)) => {}
            Some(Ok(Some(status))) if status.success() => child = None,
            Some(_) => return Err(no_start(dir, log_end, "the daemon did not start")),
        }
        if Instant::now() >= deadline {
            let why = format!("no daemon answers within {} seconds", LIMIT.as_secs());
            return Err(no_start(dir, log_end, &why));
        }
        thread::sleep(PAUSE);
    }
}

/// Ends the daemon in `dir`, and waits for its end; `None` if there is none.
///
/// # Errors
/// It refuses while a block device of its is in use, unless that is to be left waiting.
pub(crate) fn stop(dir: &RuntimeDir, in_use: InUse) -> Result<Option<DaemonStatus>, Failure> {
    if !dir.path().exists() {
        return Ok(None);
    }
    dir.check()?;
    let ended = Order::Stop(in_use).send(&dir.control())?;
    if DaemonLock::wait_free(dir, STOP_LIMIT)? {
        return Ok(ended);
    }
    let reason = format!(
        "the daemon did not end within {} seconds",
        STOP_LIMIT.as_secs()
    );
    let failure = Failure::because(ErrorKind::Busy, reason);
    Err(failure.hint(format!("its pid is in {}", dir.lock().display())))
}

/// Starts a daemon; with it comes the place in the log where its words start.
fn spawn(dir: &RuntimeDir, how: Start) -> Result<(Child, u64), Failure> {
    let log = log::open(dir)?;
    let failed = |error| Failure::io("start a daemon in", dir.path(), &error);
    let end = log.metadata().map_err(failed)?.len();
    let mut command = Command::new(env::current_exe().map_err(failed)?);
    command
        .args(["daemon", "--detached"])
        .env("DM_RUNTIME_DIR", dir.path());
    if how == Start::Restore {
        command.arg("--restore");
    }
    let errors = log.try_clone().map_err(failed)?;
    command.stdin(Stdio::null()).stdout(log).stderr(errors);
    Ok((command.spawn().map_err(failed)?, end))
}

/// Ends a child that is not the daemon, so that it does not become one once that is stopped.
fn call_off(mut child: Child) {
    // Both fail only for a child that has ended.
    let _ = child.kill();
    let _ = child.wait();
}

fn no_start(dir: &RuntimeDir, log_end: u64, why: &str) -> Failure {
    let said = log::tail(dir, log_end);
    let reason = said.map_or_else(|| why.to_owned(), |said| format!("{why}: {said}"));
    let failure = Failure::because(ErrorKind::Io, reason);
    failure.hint(format!("see {}", dir.log().display()))
}
