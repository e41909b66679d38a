//! The engine behind a daemon: commands through its control socket, bytes through its exports.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use dm_core::backend::{Backend, Capabilities, Features};
use dm_core::client::Dm;
use dm_core::command::{Command, Create, RemoveMode, Reply, Slot};
use dm_core::component::TableMode;
use dm_core::devid::DevNo;
use dm_core::errno::Errno;
use dm_core::error::{DmError, ErrorKind};
use dm_core::events::Watch;
use dm_core::names::DmName;
use dm_core::nbd::TransmissionFlags;
use dm_proto::socket::SocketBackend;
use dm_tools::export::client::{ClientError, NbdClient};

use super::drivers::BASE_SECTORS;
use super::play::{Disk, World, play};
use super::step::Step;
use crate::script;

/// How long the daemon may take to notice that a client went.
const LIMIT: Duration = Duration::from_secs(10);

/// A running daemon's sockets. Each command has a connection of its own, so that a wait holds up
/// nobody.
#[derive(Clone, Debug)]
struct Daemon {
    control: PathBuf,
    exports: PathBuf,
}

impl Backend for Daemon {
    fn capabilities(&self) -> Capabilities {
        Capabilities::new("daemon", Features::all())
    }

    fn call(&self, command: Command) -> Result<Reply, DmError> {
        SocketBackend::connect(&self.control)?.call(command)
    }

    fn watch(&self) -> Result<Box<dyn Watch>, DmError> {
        SocketBackend::connect(&self.control)?.watch()
    }
}

/// A client of an export, which counts as the device's user.
struct ExportDisk {
    client: Option<NbdClient>,
    number: DevNo,
    daemon: Daemon,
}

impl ExportDisk {
    fn open(daemon: &Daemon, device: &str, mode: TableMode) -> Result<ExportDisk, Errno> {
        let name = DmName::new(device).map_err(|_| Errno::EINVAL)?;
        let info = Dm::new(daemon).info(name, Slot::Active);
        let number = info.map_err(|_| Errno::ENOENT)?.number;
        let client = NbdClient::connect_unix(&daemon.exports, device).map_err(|error| {
            // Why an export is refused is text; that there is none yet is the one reason here.
            match error {
                ClientError::Option(_) => Errno::ENXIO,
                other => Errno::from(&other),
            }
        })?;
        let read_only = client.flags().contains(TransmissionFlags::READ_ONLY);
        let disk = ExportDisk {
            client: Some(client),
            number,
            daemon: daemon.clone(),
        };
        match mode {
            TableMode::ReadWrite if read_only => Err(Errno::EACCES),
            _ => Ok(disk),
        }
    }

    /// The client, for a request that ends within the export: a server sees no others.
    fn client(&mut self, start: u64, bytes: &[u8]) -> Result<&mut NbdClient, Errno> {
        let client = self.client.as_mut().ok_or(Errno::EBADF)?;
        match start * 512 + bytes.len() as u64 <= client.size() {
            true => Ok(client),
            false => Err(Errno::EIO),
        }
    }

    fn users(&self) -> Option<u32> {
        let info = Dm::new(&self.daemon).info(self.number, Slot::Active);
        info.ok().map(|info| info.open_count)
    }
}

impl Disk for ExportDisk {
    fn read(&mut self, start: u64, bytes: &mut [u8]) -> Result<(), Errno> {
        let done = self.client(start, bytes)?.read(start * 512, bytes);
        done.map_err(|error| Errno::from(&error))
    }

    fn write(&mut self, start: u64, bytes: &[u8]) -> Result<(), Errno> {
        let done = self.client(start, bytes)?.write(start * 512, bytes);
        done.map_err(|error| Errno::from(&error))
    }
}

/// A close that the daemon noticed, as the next step expects.
impl Drop for ExportDisk {
    fn drop(&mut self) {
        let before = self.users();
        self.client = None;
        let deadline = Instant::now() + LIMIT;
        while before.is_some() && self.users() >= before && Instant::now() < deadline {
            thread::sleep(Duration::from_millis(1));
        }
    }
}

/// Plays `steps` on the daemon whose sockets are in `runtime`, with base devices in `disks`. The
/// daemon has no other user meanwhile.
///
/// # Errors
/// If the daemon does not answer, or the base devices can not be made.
pub fn play_on_daemon(
    runtime: &Path,
    disks: &Path,
    steps: &[Step],
) -> Result<Vec<String>, DmError> {
    let daemon = Daemon {
        control: runtime.join("control.sock"),
        exports: runtime.join("nbd.sock"),
    };
    let bases = ["base0", "base1"].map(|base| disks.join(base).to_string_lossy().into_owned());
    let mut numbers = Vec::new();
    for base in &bases {
        let failed = |error: io::Error| DmError::because(ErrorKind::Io, format!("{base}: {error}"));
        let file = File::create(base).map_err(failed)?;
        file.set_len(BASE_SECTORS * 512).map_err(failed)?;
        numbers.push(number_of(&daemon, base)?);
    }
    let open = |device: &str, mode: TableMode| {
        let disk = ExportDisk::open(&daemon, device, mode)?;
        Ok(Box::new(disk) as Box<dyn Disk>)
    };
    let world = World {
        backend: &daemon,
        open: &open,
        bases: &bases,
        numbers: &numbers,
    };
    Ok(play(steps, &world))
}

/// The number that the engine gives a file, which it keeps.
fn number_of(daemon: &Daemon, base: &str) -> Result<DevNo, DmError> {
    let (dm, probe) = (Dm::new(daemon), script::name("probe"));
    dm.create(Create::new(probe.clone()))?;
    script::load(daemon, "probe", &format!("0 1 linear {base} 0"))?;
    let deps = dm.deps(probe.clone(), Slot::Inactive)?;
    dm.remove(probe, RemoveMode::IfUnused)?;
    let dep = deps
        .first()
        .ok_or_else(|| DmError::new(ErrorKind::Protocol))?;
    Ok(dep.number)
}
