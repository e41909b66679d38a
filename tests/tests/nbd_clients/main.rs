//! The NBD export, used by the clients that people use, and by our own.

mod offers;
mod programs;

use std::fs;
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};

use dm_core::engine::Engine;
use dm_tests::script::name;
use dm_tools::export::client::NbdClient;
use dm_tools::export::nbd::{self, Server};

/// An engine whose devices are served in a folder of their own.
struct Served {
    engine: Engine,
    _server: Server,
    folder: tempfile::TempDir,
}

impl Served {
    fn new() -> Served {
        let folder = tempfile::tempdir().unwrap();
        let engine = Engine::new();
        let listener = UnixListener::bind(folder.path().join("nbd.sock")).unwrap();
        let server = Server::start(engine.clone(), listener).unwrap();
        Served {
            engine,
            _server: server,
            folder,
        }
    }

    fn path(&self, file: &str) -> PathBuf {
        self.folder.path().join(file)
    }

    fn socket(&self) -> PathBuf {
        self.path("nbd.sock")
    }

    fn uri(&self, device: &str) -> String {
        nbd::uri(&self.socket(), &name(device))
    }

    fn client(&self, device: &str) -> NbdClient {
        NbdClient::connect_unix(&self.socket(), device).unwrap()
    }

    /// A file of `bytes`, as a base device.
    fn disk(&self, file: &str, bytes: u64) -> String {
        let path = self.path(file);
        fs::File::create(&path).unwrap().set_len(bytes).unwrap();
        path.to_str().unwrap().into()
    }
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}
