//! The drivers that need no kernel: the engine in process, and the engine behind dictionaries.

use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::thread;

use dm_core::backend::Backend;
use dm_core::blockdev::{Blocking, MemDev};
use dm_core::component::TableMode;
use dm_core::devid::{DevId, DevNo};
use dm_core::engine::{Engine, OpenDevice};
use dm_core::errno::Errno;
use dm_core::io::IoFlags;
use dm_core::names::DmName;
use dm_core::units::{Sector, SectorCount};
use dm_proto::frame::{FRAME_MAX, read_frame, write_frame};
use dm_proto::server::respond;
use dm_proto::socket::SocketBackend;

use super::play::{Disk, World, play};
use super::step::Step;

/// Sectors of each base device.
pub const BASE_SECTORS: u64 = 16 << 11;

/// A device of an engine.
pub struct EngineDisk(pub OpenDevice);

impl Disk for EngineDisk {
    fn read(&mut self, start: u64, bytes: &mut [u8]) -> Result<(), Errno> {
        self.0
            .read_at(Sector(start), bytes)
            .map_err(|error| error.errno())
    }

    fn write(&mut self, start: u64, bytes: &[u8]) -> Result<(), Errno> {
        let written = self.0.write_at(Sector(start), bytes, IoFlags::empty());
        written.map_err(|error| error.errno())
    }
}

/// Plays `steps` on an engine of its own.
pub fn play_on_engine(steps: &[Step]) -> Vec<String> {
    let engine = Engine::new();
    play_with(&engine, &engine, steps)
}

/// Plays `steps` on an engine of its own, each command and reply going through a dictionary and a
/// socket, as a daemon's do.
///
/// # Panics
/// If there are no sockets to be had.
pub fn play_through_dictionary(steps: &[Step]) -> Vec<String> {
    let engine = Engine::new();
    let (near, mut far) = UnixStream::pair().expect("a pair of sockets");
    let server = engine.clone();
    let served = thread::spawn(move || {
        while let Ok(Some(request)) = read_frame(&mut far, FRAME_MAX) {
            let reply = respond(&request, &|command| server.call(command));
            if write_frame(&mut far, &reply).is_err() {
                return;
            }
        }
    });
    let backend = SocketBackend::from_stream(near);
    let lines = play_with(&backend, &engine, steps);
    drop(backend);
    served.join().expect("the server ends with its client");
    lines
}

fn play_with(backend: &dyn Backend, engine: &Engine, steps: &[Step]) -> Vec<String> {
    let bases = ["base0", "base1"].map(String::from);
    let numbers: Vec<DevNo> = bases
        .iter()
        .map(|base| engine.attach(base, Arc::new(MemDev::new(SectorCount(BASE_SECTORS)))))
        .collect();
    let open = |device: &str, mode: TableMode| {
        let name = DmName::new(device).map_err(|_| Errno::EINVAL)?;
        let opened = engine.open(&DevId::Name(name), mode);
        // A device that is not there has no node, in a kernel's folder.
        let errno = |error: dm_core::error::DmError| match error.kind {
            dm_core::error::ErrorKind::NotFound => Errno::ENOENT,
            _ => error.context.errno.unwrap_or(Errno::EIO),
        };
        opened
            .map(|disk| Box::new(EngineDisk(disk)) as Box<dyn Disk>)
            .map_err(errno)
    };
    let world = World {
        backend,
        open: &open,
        bases: &bases,
        numbers: &numbers,
    };
    play(steps, &world)
}
