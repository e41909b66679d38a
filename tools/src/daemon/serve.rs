//! The daemon's life.

use std::fs;
use std::io;
use std::os::unix::net::UnixListener;
use std::path::Path;
use std::process;
use std::sync::{Arc, mpsc};
use std::thread;
use std::time::Duration;

use dm_core::backend::Backend;
use dm_core::command::{Command, RemoveMode};
use dm_core::engine::Engine;
use dm_core::error::ErrorKind;
use nix::unistd;
use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::iterator::Signals;
use tracing::{error, info, warn};

use crate::export::nbd;
use crate::export::tls::Connector;
use crate::failure::Failure;
use crate::runtime::RuntimeDir;
use crate::ublk;

use super::attach::Unused;
use super::control::Control;
use super::hub::Hub;
use super::lock::DaemonLock;
use super::order::DaemonStatus;
use super::restore::{Restored, restore};
use super::{Start, journal, log};

/// How long requests under way may take at the end.
const DRAIN_LIMIT: Duration = Duration::from_secs(2);

/// How long the end may take. What hangs then is left to the kernel.
const END_LIMIT: Duration = Duration::from_secs(8);

/// Leaves the terminal, the folder and the files of whoever started this process.
///
/// It must run before this process opens any file, since it closes all but the first three.
pub(crate) fn detach() -> Result<(), Failure> {
    let fds = Path::new("/dev/fd");
    let open: Vec<i32> = match fs::read_dir(fds) {
        Ok(entries) => entries
            .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok())
            .filter(|fd| *fd > 2)
            .collect(),
        Err(_) => Vec::new(),
    };
    for fd in open {
        // One of them was the folder's own.
        let _ = unistd::close(fd);
    }
    rustix::process::setsid().map_err(|error| {
        Failure::io(
            "leave the terminal of",
            Path::new("the starter"),
            &error.into(),
        )
    })?;
    let root = Path::new("/");
    std::env::set_current_dir(root).map_err(|error| Failure::io("change to", root, &error))
}

/// Is the daemon of `dir` until it is told to stop.
pub(crate) fn serve(dir: &RuntimeDir, start: Start) -> Result<(), Failure> {
    dir.ensure()?;
    let Some(lock) = DaemonLock::take(dir)? else {
        return Err(Failure::because(
            ErrorKind::Busy,
            "a daemon is running already",
        ));
    };
    log::init();
    ublk::serve_from_here();
    let failed = |what: &'static str| {
        let path = dir.path().to_owned();
        move |error: io::Error| Failure::io(what, &path, &error)
    };
    let signals = Signals::new([SIGINT, SIGTERM]).map_err(failed("watch for signals in"))?;
    let engine = Engine::new();
    engine.set_secure(Arc::new(Connector));
    let hub = Arc::new(Hub::new(engine.clone(), dir.clone()));
    let restored = match start {
        Start::Empty => empty(dir),
        Start::Restore => {
            let path = dir.journal();
            let saved = journal::read(&path).map_err(|error| Failure::io("read", &path, &error))?;
            let restored = restore(&engine, &saved);
            hub.restore_attached(&saved);
            hub.record();
            restored
        }
    };
    for problem in &restored.problems {
        warn!("{problem}");
    }
    let status = DaemonStatus {
        pid: process::id(),
        version: env!("CARGO_PKG_VERSION").into(),
        restored: u32::try_from(restored.devices).unwrap_or(u32::MAX),
        problems: restored.problems,
        ..DaemonStatus::default()
    };
    // The control socket comes last: who can connect to it finds all the rest.
    let exports = nbd::Server::start(engine.clone(), bind(&dir.nbd())?)
        .map_err(failed("start a thread for"))?;
    let (stop, stopped) = mpsc::channel();
    forward(signals, stop.clone()).map_err(failed("watch for signals in"))?;
    let control = Control::start(hub.clone(), status, bind(&dir.control())?, stop)
        .map_err(failed("start a thread for"))?;
    info!("ready in {}, pid {}", dir.path().display(), process::id());
    // The senders live in threads that do not end; an error would mean the same as a word.
    let _ = stopped.recv();
    info!("stopping");
    limit_end().map_err(failed("start a thread for"))?;
    unlink(&dir.control());
    control.stop();
    unlink(&dir.nbd());
    let unused = hub.leave_used();
    end_exports(exports, unused, &engine).map_err(failed("start a thread for"))?;
    info!("stopped");
    drop(lock);
    Ok(())
}

/// What there is to say of a daemon that starts without devices: block devices of the one before are
/// not ended by that.
fn empty(dir: &RuntimeDir) -> Restored {
    let saved = journal::read(&dir.journal()).unwrap_or_default();
    let left = saved.iter().filter_map(|saved| {
        let block = saved.block?;
        ublk::is_there(block.number, block.mark).then(|| {
            format!(
                "{}: /dev/ublkb{} of the daemon before holds its requests: dmctl daemon --stop, then \
                 dmctl daemon --restore",
                saved.name, block.number
            )
        })
    });
    Restored {
        problems: left.collect(),
        ..Restored::default()
    }
}

/// Listens on `path`, in the place of a socket that a daemon left behind.
fn bind(path: &Path) -> Result<UnixListener, Failure> {
    unlink(path);
    UnixListener::bind(path).map_err(|error| Failure::io("listen on", path, &error))
}

fn unlink(path: &Path) {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            warn!("cannot remove {}: {error}", path.display());
        }
        _ => {}
    }
}

fn forward(mut signals: Signals, stop: mpsc::Sender<()>) -> io::Result<()> {
    let watch = move || {
        for signal in signals.forever() {
            info!("signal {signal}");
            if stop.send(()).is_err() {
                return;
            }
        }
    };
    thread::Builder::new()
        .name("signals".into())
        .spawn(watch)
        .map(drop)
}

/// Ends the exports, and the block devices that nobody uses, with an answer to what is under way. A
/// suspended device gives none, and nobody can resume it any more: what it holds fails.
fn end_exports(exports: nbd::Server, unused: Vec<Unused>, engine: &Engine) -> io::Result<()> {
    let (done, ended) = mpsc::channel();
    let end = move || {
        thread::scope(|scope| {
            for unused in unused {
                scope.spawn(|| unused.end());
            }
            exports.stop();
        });
        // The other side may have gone on without.
        let _ = done.send(());
    };
    thread::Builder::new().name("exports".into()).spawn(end)?;
    if ended.recv_timeout(DRAIN_LIMIT).is_err() {
        warn!("requests of clients hang; they fail");
        let mode = RemoveMode::Forced;
        if let Err(error) = engine.call(Command::RemoveAll { mode }) {
            warn!("{}", error.report());
        }
        let _ = ended.recv_timeout(DRAIN_LIMIT);
    }
    Ok(())
}

/// Ends the process when its end takes too long.
fn limit_end() -> io::Result<()> {
    let watch = || {
        thread::sleep(END_LIMIT);
        error!("the end takes too long");
        process::exit(1);
    };
    thread::Builder::new()
        .name("end".into())
        .spawn(watch)
        .map(drop)
}
