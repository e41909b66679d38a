//! A device of the engine's as a client of its NBD export has it.

use std::fs;
use std::os::unix::net::UnixListener;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};

use dm_core::blockdev::{NbdDev, Patience};
use dm_core::component::TableMode;
use dm_core::engine::Engine;
use dm_tools::export::nbd::{self, Server};

use crate::script::name;

/// A device, exported and opened by a client.
pub struct Export {
    /// As the client has it.
    pub disk: NbdDev,
    _server: Server,
    socket: PathBuf,
}

impl Export {
    /// Exports a device of the engine's, and opens it.
    ///
    /// # Panics
    /// If that fails.
    pub fn of(engine: &Engine, device: &str, mode: TableMode) -> Export {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let file = format!("dm-export-{}-{number}.sock", std::process::id());
        let socket = std::env::temp_dir().join(file);
        let listener = UnixListener::bind(&socket).expect("a socket is made");
        let server = Server::start(engine.clone(), listener).expect("the export starts");
        let uri = nbd::uri(&socket, &name(device)).parse();
        let uri = uri.expect("it is an address");
        let disk = NbdDev::open(&uri, mode, Patience::DEFAULT).expect("the export opens");
        Export {
            disk,
            _server: server,
            socket,
        }
    }
}

impl Drop for Export {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.socket);
    }
}
