//! `dmctl run`.

use std::fmt;
use std::fs;
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::os::unix::fs::FileTypeExt;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::process;

use clap::Args;
use dm_core::client::Dm;
use dm_core::command::{Create, Load, Slot, SuspendOptions};
use dm_core::devid::DevId;
use dm_core::engine::Engine;
use dm_core::error::ErrorKind;
use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::iterator::Signals;

use crate::export::nbd::{self, Listener};
use crate::failure::Failure;
use crate::output::{Answer, json};
use crate::runtime::{RuntimeDir, check_socket_path};

use super::commands;
use super::devices::name;
use super::label_rule::LabelRule;
use super::session::Session;
use super::table_text::{TableSource, TableText};

/// A table to be served in the foreground.
#[derive(Debug, Args)]
pub(super) struct Run {
    #[command(flatten)]
    source: TableSource,
    /// The device's name, and its export's
    #[arg(long, default_value = "disk")]
    name: String,
    /// Where to listen; else run-PID.sock in the runtime folder
    #[arg(long, value_name = "PATH")]
    socket: Option<PathBuf>,
    /// Listen on TCP instead, without encryption: for networks that are trusted
    #[arg(long, value_name = "ADDRESS:PORT", conflicts_with = "socket")]
    listen: Option<SocketAddr>,
    /// Refuse writes
    #[arg(short, long)]
    readonly: bool,
    #[command(flatten)]
    labels: LabelRule,
}

/// Where the server listens.
enum Place {
    Path(PathBuf),
    Port(SocketAddr),
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Place::Path(path) => path.display().fmt(f),
            Place::Port(address) => address.fmt(f),
        }
    }
}

impl commands::Run for Run {
    fn run(self, session: &Session, _: &mut Answer) -> Result<(), Failure> {
        let name = name(&self.name)?;
        let id = DevId::from(name.clone());
        let table = self.source.read(&id)?;
        let engine = Engine::new();
        self.labels.check(&engine, &id, &table)?;
        let TableText {
            lines,
            places,
            source,
        } = table;
        let dm = Dm::new(engine.clone());
        dm.create(Create::new(name.clone()))?;
        let load = Load::new(name.clone(), lines);
        let load = if self.readonly {
            load.read_only()
        } else {
            load
        };
        dm.load(load).map_err(|error| {
            let place = error
                .context
                .line
                .and_then(|line| places.get(line.checked_sub(1)?))
                .copied();
            let line = error.context.line;
            let failure = Failure::from(error);
            match place.filter(|place| Some(*place) != line) {
                Some(place) => failure.hint(format!("that line is line {place} of {source}")),
                None => failure,
            }
        })?;
        dm.resume(name.clone(), SuspendOptions::default())?;

        // From here on a signal is an order to end, not an end.
        let mut signals = Signals::new([SIGINT, SIGTERM])
            .map_err(|error| Failure::io("watch for signals in", Path::new("dmctl"), &error))?;
        let (listener, place) = self.listener()?;
        let server = nbd::Server::start(engine, listener)
            .map_err(|error| Failure::io("serve on", Path::new(&place.to_string()), &error))?;
        let uri = match &place {
            Place::Path(socket) => nbd::uri(socket, &name),
            Place::Port(address) => nbd::tcp_uri(*address, &name),
        };
        let mut answer = Answer {
            text: format!("{uri}\n"),
            ..Answer::default()
        };
        answer.field("uri", uri);
        answer.field("device", json::info(&dm.info(name, Slot::Active)?));
        let shown = session.show(answer);
        if shown.is_ok() {
            session.note(|| format!("serving {id}; stop with an interrupt"));
            // The iterator ends only when it is closed, which nobody does.
            signals.forever().next();
        }
        // No new client, and an end for those that are there.
        let removed = match &place {
            Place::Path(socket) => {
                fs::remove_file(socket).map_err(|error| Failure::io("remove", socket, &error))
            }
            Place::Port(_) => Ok(()),
        };
        server.stop();
        shown?;
        removed
    }
}

impl Run {
    /// Listens where it was asked to.
    fn listener(&self) -> Result<(Listener, Place), Failure> {
        if let Some(address) = self.listen {
            let failed = |error: io::Error| {
                Failure::io("listen on", Path::new(&address.to_string()), &error)
            };
            let listener = TcpListener::bind(address).map_err(failed)?;
            // Port 0 is any that is free.
            let place = Place::Port(listener.local_addr().map_err(failed)?);
            return Ok((listener.into(), place));
        }
        let socket = self.socket()?;
        Ok((listen(&socket)?.into(), Place::Path(socket)))
    }

    fn socket(&self) -> Result<PathBuf, Failure> {
        let socket = match &self.socket {
            Some(path) => {
                std::path::absolute(path).map_err(|error| Failure::io("find", path, &error))?
            }
            None => {
                let dir = RuntimeDir::from_env()?;
                dir.ensure()?;
                dir.path().join(format!("run-{}.sock", process::id()))
            }
        };
        check_socket_path(&socket)?;
        Ok(socket)
    }
}

/// Listens on `path`. A socket on which nobody listens any more is replaced; anything else that is
/// there stays.
fn listen(path: &Path) -> Result<UnixListener, Failure> {
    let failed = |error: io::Error| Failure::io("listen on", path, &error);
    match UnixListener::bind(path) {
        Err(error) if error.kind() == io::ErrorKind::AddrInUse => {}
        other => return other.map_err(failed),
    }
    // A file that is no socket refuses connections too, and may be someone's disk.
    let socket = fs::symlink_metadata(path)
        .map_err(failed)?
        .file_type()
        .is_socket();
    match UnixStream::connect(path) {
        Err(error) if socket && error.kind() == io::ErrorKind::ConnectionRefused => {
            fs::remove_file(path).map_err(failed)?;
            UnixListener::bind(path).map_err(failed)
        }
        Ok(_) => {
            let reason = format!("{}: somebody listens there", path.display());
            Err(Failure::because(ErrorKind::Busy, reason))
        }
        Err(_) if !socket => {
            let reason = format!("{}: it is there already, and no socket", path.display());
            Err(Failure::because(ErrorKind::Exists, reason))
        }
        Err(error) => Err(failed(error)),
    }
}
