//! A kernel that is our own driver in NetBSD's dialect.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::{Arc, Mutex};

use dm_core::backend::Backend;
use dm_core::blockdev::MemDev;
use dm_core::devid::DevNo;
use dm_core::engine::Engine;
use dm_core::errno::Errno;
use dm_core::units::SectorCount;
use dm_netbsd::control::{ControlError, Majors};
use dm_netbsd::sys::Sys;
use dm_proto::netbsd::{Caller, Disk, Module, NetbsdServer};
use dm_proto::proplib::{Dictionary, Limits, Value, read_dictionary, terminate, write_dictionary};

/// A kernel of ours: four disks `/dev/wd0a` to `/dev/wd3a`, and mapped devices at their nodes.
pub(crate) struct Kernel {
    engine: Engine,
    driver: NetbsdServer,
    caller: Caller,
    /// Block nodes that somebody has open.
    pub(crate) open: Mutex<BTreeSet<String>>,
}

struct Disks;

fn disk(path: &str) -> Option<DevNo> {
    let minor = path.strip_prefix("/dev/wd")?.strip_suffix('a')?;
    let minor = minor.parse().ok().filter(|minor| *minor < 4)?;
    Some(DevNo { major: 197, minor })
}

impl dm_proto::netbsd::Nodes for Disks {
    fn disk(&self, path: &str) -> Option<Disk> {
        Some(Disk {
            number: disk(path)?,
            size: SectorCount(1000),
            word: path.into(),
        })
    }
}

impl Kernel {
    /// The kernel as one user has it.
    pub(crate) fn new(caller: Caller) -> Kernel {
        let engine = Engine::new();
        for number in 0..4 {
            let disk = Arc::new(MemDev::new(SectorCount(1000)));
            engine.attach(&format!("/dev/wd{number}a"), disk);
        }
        Kernel {
            engine,
            driver: NetbsdServer::new(Disks).with_modules(Module::STOCK),
            caller,
            open: Mutex::default(),
        }
    }

    /// What the driver answers, whoever asks.
    pub(crate) fn ask(&self, caller: Caller, request: Dictionary) -> Dictionary {
        let call = |command| self.engine.call(command);
        self.driver.answer(request, caller, &call)
    }
}

impl Sys for Kernel {
    fn majors(&self) -> Result<Majors, ControlError> {
        Ok(Majors {
            character: 194,
            block: 169,
        })
    }

    fn ioctl(&self, request: &[u8]) -> Result<Vec<u8>, Errno> {
        let request = read_dictionary(request, &Limits::IOCTL).map_err(|_| Errno::EIO)?;
        Ok(terminate(write_dictionary(&self.ask(self.caller, request))))
    }

    fn block_device(&self, path: &Path) -> Option<DevNo> {
        let path = path.to_str()?;
        let mapped = path.strip_prefix("/dev/mapper/").and_then(|name| {
            let mut info = Dictionary::new();
            let version: Value = [4_u32, 0, 0].into_iter().collect();
            info.set("command", "info")
                .set("name", name)
                .set("version", version);
            let minor = self.ask(Caller::Root, info).uint32("minor")?;
            Some(DevNo { major: 169, minor })
        });
        mapped.or_else(|| disk(path))
    }

    fn try_open(&self, path: &Path) -> Result<(), Errno> {
        match self.open.lock().unwrap().contains(path.to_str().unwrap()) {
            true => Err(Errno::EBUSY),
            false => Ok(()),
        }
    }

    fn privileged(&self) -> bool {
        self.caller == Caller::Root
    }
}

/// The same driver for another user.
pub(crate) struct AsOther<'a>(pub(crate) &'a Kernel);

impl Sys for AsOther<'_> {
    fn majors(&self) -> Result<Majors, ControlError> {
        self.0.majors()
    }

    fn ioctl(&self, request: &[u8]) -> Result<Vec<u8>, Errno> {
        let request = read_dictionary(request, &Limits::IOCTL).map_err(|_| Errno::EIO)?;
        let reply = self.0.ask(Caller::Other, request);
        Ok(terminate(write_dictionary(&reply)))
    }

    fn block_device(&self, path: &Path) -> Option<DevNo> {
        self.0.block_device(path)
    }

    fn try_open(&self, path: &Path) -> Result<(), Errno> {
        self.0.try_open(path)
    }

    fn privileged(&self) -> bool {
        false
    }
}
