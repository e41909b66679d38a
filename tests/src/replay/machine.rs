//! The machine that the conversations were captured on, with our driver.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use dm_core::backend::Backend;
use dm_core::blockdev::{Blocking, MemDev};
use dm_core::component::TableMode;
use dm_core::devid::{DevId, DevNo};
use dm_core::engine::{Engine, OpenDevice};
use dm_core::io::IoFlags;
use dm_core::units::{SECTOR_BYTES, Sector, SectorCount};
use dm_proto::netbsd::{Disk, Module, NetbsdServer, Nodes};
use dm_proto::server::Server;
use tracing::warn;

/// The block major number of the disks.
const DISK_MAJOR: u32 = 197;

/// The length of each.
const DISK_SIZE: SectorCount = SectorCount(32768);

/// A driver, its disks and the nodes in `/dev`.
pub(super) struct Machine {
    engine: Engine,
    server: Server,
    places: Places,
    images: BTreeMap<String, Arc<MemDev>>,
    open: BTreeMap<String, OpenDevice>,
}

/// What there is in `/dev`.
#[derive(Clone, Default)]
struct Places(Arc<Mutex<Dev>>);

#[derive(Default)]
struct Dev {
    disks: BTreeMap<String, Disk>,
    nodes: BTreeMap<String, Node>,
}

/// A mapped device's node.
#[derive(Clone, Copy)]
struct Node {
    minor: u32,
    kind: NodeKind,
}

/// Which kind of node.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum NodeKind {
    /// Reads any bytes, up to the end.
    Block,
    /// Reads whole sectors.
    Character,
}

impl Places {
    fn with<T>(&self, work: impl FnOnce(&mut Dev) -> T) -> T {
        work(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Nodes for Places {
    fn disk(&self, path: &str) -> Option<Disk> {
        self.with(|dev| dev.disks.get(path).cloned())
    }

    fn mapped(&self, path: &str, _: Option<u32>) -> Option<u32> {
        let node = self.with(|dev| dev.nodes.get(path).copied())?;
        (node.kind == NodeKind::Block).then_some(node.minor)
    }
}

impl Machine {
    pub(super) fn new(modules: &[Module]) -> Machine {
        let (engine, places) = (Engine::new(), Places::default());
        let driver = NetbsdServer::new(places.clone()).with_modules(modules);
        Machine {
            engine,
            server: Server::with_netbsd(driver),
            places,
            images: BTreeMap::new(),
            open: BTreeMap::new(),
        }
    }

    /// Sends a request to the driver.
    pub(super) fn send(&self, request: &[u8]) -> Vec<u8> {
        let call = |command| self.engine.call(command);
        self.server.respond(request, &call)
    }

    /// Puts a disk into `/dev`: image `diskN.img` is full of the byte `0x10 + N`.
    pub(super) fn add_disk(&mut self, path: &str, image: &str) {
        let number: u8 = image
            .trim_start_matches("disk")
            .trim_end_matches(".img")
            .parse()
            .unwrap_or_default();
        let disk = Arc::new(MemDev::new(DISK_SIZE));
        let length = DISK_SIZE.buffer_length().expect("a disk fits memory");
        let content = vec![0x10 + number; length];
        disk.write_at(Sector(0), &content, IoFlags::empty())
            .expect("a disk in memory takes all");
        self.engine.attach(path, disk.clone());
        self.images.insert(image.into(), disk);
        self.places.with(|dev| {
            let number = DevNo {
                major: DISK_MAJOR,
                minor: u32::try_from(dev.disks.len()).unwrap_or_default(),
            };
            let (size, word) = (DISK_SIZE, path.to_owned());
            dev.disks.insert(path.into(), Disk { number, size, word });
        });
    }

    /// Makes a node.
    pub(super) fn add_node(&mut self, path: &str, minor: u32, kind: NodeKind) {
        let node = Node { minor, kind };
        self.places.with(|dev| dev.nodes.insert(path.into(), node));
    }

    /// Opens a node for as long as it is not closed.
    pub(super) fn open(&mut self, path: &str) -> Result<(), String> {
        let device = self.device(path)?;
        self.open.insert(path.into(), device);
        Ok(())
    }

    pub(super) fn close(&mut self, path: &str) {
        self.open.remove(path);
    }

    /// Reads through a node.
    pub(super) fn read(&self, path: &str, from: usize, length: usize) -> Result<Vec<u8>, String> {
        let end = self.end(path, from, length)?;
        let Some((first, mut buffer)) = sectors(from, end) else {
            return Ok(Vec::new());
        };
        self.with_device(path, |device| device.read_at(first, &mut buffer))?;
        let start = from % SECTOR_BYTES;
        Ok(buffer[start..start + end - from].to_vec())
    }

    /// Writes through a node, and says how much.
    pub(super) fn write(&self, path: &str, from: usize, bytes: &[u8]) -> Result<usize, String> {
        let end = self.end(path, from, bytes.len())?;
        let Some((first, _)) = sectors(from, end) else {
            return Ok(0);
        };
        let start = from - from % SECTOR_BYTES;
        let whole = end.next_multiple_of(SECTOR_BYTES);
        let mut buffer = match (start, whole) == (from, end) {
            true => Vec::new(),
            false => self.read(path, start, whole - start)?,
        };
        buffer.resize(whole - start, 0);
        buffer[from - start..end - start].copy_from_slice(&bytes[..end - from]);
        self.with_device(path, |device| {
            device.write_at(first, &buffer, IoFlags::empty())
        })?;
        Ok(end - from)
    }

    /// What an image holds.
    pub(super) fn host(&self, image: &str, from: usize, length: usize) -> Result<Vec<u8>, String> {
        let disk = self.images.get(image).ok_or("no such image")?;
        let content = disk.content();
        let bytes = content.get(from..from + length);
        Ok(bytes.ok_or("past the end")?.to_vec())
    }

    fn node(&self, path: &str) -> Result<Node, String> {
        let node = self.places.with(|dev| dev.nodes.get(path).copied());
        node.ok_or_else(|| "ENOENT".into())
    }

    /// Where a request ends that the node's end may cut.
    fn end(&self, path: &str, from: usize, length: usize) -> Result<usize, String> {
        let node = self.node(path)?;
        let whole = from.is_multiple_of(SECTOR_BYTES) && length.is_multiple_of(SECTOR_BYTES);
        if node.kind == NodeKind::Character && !whole {
            return Err("EINVAL".into());
        }
        // Whoever has it open still asks a device that is gone.
        let size = match self.server.netbsd().mapped(node.minor) {
            Some(mapped) => mapped.size.buffer_length().unwrap_or(usize::MAX),
            None => usize::MAX,
        };
        if node.kind == NodeKind::Character && from < size && from + length > size {
            warn!("io is refused to {path}: it goes on past the end (quirk 19)");
            return Err("EINVAL".into());
        }
        Ok((from + length).min(size).max(from))
    }

    fn device(&self, path: &str) -> Result<OpenDevice, String> {
        let mapped = self.server.netbsd().mapped(self.node(path)?.minor);
        let number = mapped.and_then(|mapped| mapped.number).ok_or("EIO")?;
        self.engine
            .open(&DevId::Number(number), TableMode::ReadWrite)
            .map_err(|error| error.report())
    }

    fn with_device(
        &self,
        path: &str,
        work: impl FnOnce(&OpenDevice) -> dm_core::io::IoResult,
    ) -> Result<(), String> {
        let result = match self.open.get(path) {
            Some(device) => work(device),
            None => work(&self.device(path)?),
        };
        result.map_err(|error| error.to_string())
    }
}

/// The first sector of a run of bytes, and a buffer for all its sectors.
fn sectors(from: usize, end: usize) -> Option<(Sector, Vec<u8>)> {
    let first = from / SECTOR_BYTES;
    let count = end.div_ceil(SECTOR_BYTES) - first;
    (end > from).then(|| (Sector(first as u64), vec![0; count * SECTOR_BYTES]))
}
