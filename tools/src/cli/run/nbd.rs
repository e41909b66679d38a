//! A table as an NBD export.

use std::fmt;
use std::fs;
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::os::unix::fs::FileTypeExt;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::process;

use clap::Args;
use dm_core::engine::Engine;
use dm_core::error::ErrorKind;
use dm_core::names::DmName;
use dm_core::nbd::Security;

use crate::export::nbd::{self, Listener, Server, Service};
use crate::failure::Failure;
use crate::output::talk;
use crate::runtime::{RuntimeDir, check_socket_path};

use super::super::tls_args::TlsArgs;

/// How the export is served.
#[derive(Debug, Args)]
pub(super) struct NbdArgs {
    /// Where to listen; else run-PID.sock in the runtime folder
    #[arg(long, value_name = "PATH")]
    socket: Option<PathBuf>,
    /// Listen on TCP instead; without TLS, for networks that are trusted
    #[arg(long, value_name = "ADDRESS:PORT", conflicts_with = "socket")]
    listen: Option<SocketAddr>,
    /// How many clients may be connected at once
    #[arg(long, value_name = "COUNT", default_value_t = nbd::CONNECTIONS_MAX)]
    max_clients: usize,
    #[command(flatten)]
    tls: TlsArgs,
}

/// An export that is served.
pub(super) struct Export {
    server: Server,
    place: Place,
    uri: String,
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

impl NbdArgs {
    /// Serves the engine's device `name`.
    pub(super) fn start(&self, engine: Engine, name: &DmName) -> Result<Export, Failure> {
        // Nobody else has this engine.
        let mut service = Service::new(engine)
            .only(name.clone())
            .steady()
            .max_clients(self.max_clients);
        let mut security = Security::Plain;
        if let Some((tls, policy)) = self.tls.read()? {
            security = Security::Tls;
            service = service.tls(tls, policy);
        }
        let (listener, place) = self.listener()?;
        let server = Server::start(service, listener)
            .map_err(|error| Failure::io("serve on", Path::new(&place.to_string()), &error))?;
        let uri = match &place {
            Place::Path(socket) => nbd::unix_uri(security, socket, name),
            Place::Port(address) => nbd::tcp_uri(security, *address, name),
        };
        Ok(Export { server, place, uri })
    }

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
        if self.socket.is_none() {
            RuntimeDir::from_env()?.ensure()?;
        }
        Ok((listen(&socket)?.into(), Place::Path(socket)))
    }

    fn socket(&self) -> Result<PathBuf, Failure> {
        let socket = match &self.socket {
            Some(path) => {
                std::path::absolute(path).map_err(|error| Failure::io("find", path, &error))?
            }
            None => {
                let dir = RuntimeDir::from_env()?;
                dir.path().join(format!("run-{}.sock", process::id()))
            }
        };
        check_socket_path(&socket)?;
        Ok(socket)
    }

    /// Says what would be served.
    pub(super) fn rehearse(&self, name: &DmName) -> Result<(), Failure> {
        let security = match self.tls.read()? {
            Some(_) => Security::Tls,
            None => Security::Plain,
        };
        let uri = match self.listen {
            Some(address) => nbd::tcp_uri(security, address, name),
            None => nbd::unix_uri(security, &self.socket()?, name),
        };
        talk(&format!("would serve {name} as {uri}"));
        Ok(())
    }
}

impl Export {
    pub(super) fn uri(&self) -> &str {
        &self.uri
    }

    /// No new client, and an end for those that are there.
    pub(super) fn stop(self) -> Result<(), Failure> {
        let removed = match &self.place {
            Place::Path(socket) => {
                fs::remove_file(socket).map_err(|error| Failure::io("remove", socket, &error))
            }
            Place::Port(_) => Ok(()),
        };
        self.server.stop();
        removed
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
