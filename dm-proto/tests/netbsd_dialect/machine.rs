//! A driver over an engine, with disks.

use std::sync::Arc;

use dm_core::backend::Backend;
use dm_core::blockdev::{Blocking, MemDev};
use dm_core::component::TableMode;
use dm_core::devid::{DevId, DevNo};
use dm_core::engine::{Engine, OpenDevice};
use dm_core::io::IoFlags;
use dm_core::names::DmName;
use dm_core::table::TableLine;
use dm_core::units::{Sector, SectorCount};
use dm_proto::netbsd::{Caller, Disk, NetbsdServer, Nodes};
use dm_proto::proplib::{Dictionary, Value};

/// The flag of a request that means a device.
pub(crate) const EXISTS: u32 = 0x4;

/// A driver over an engine with the disks `/dev/0` to `/dev/3`, of 1000 sectors that hold their number.
pub(crate) struct Machine {
    pub(crate) engine: Engine,
    pub(crate) driver: NetbsdServer,
    pub(crate) disks: Vec<Arc<MemDev>>,
}

struct Disks;

impl Nodes for Disks {
    fn disk(&self, path: &str) -> Option<Disk> {
        let minor: u32 = path.strip_prefix("/dev/")?.parse().ok()?;
        let number = DevNo { major: 14, minor };
        (minor < 4).then(|| Disk {
            number,
            size: SectorCount(1000),
            word: path.into(),
        })
    }
}

impl Machine {
    pub(crate) fn new() -> Machine {
        let engine = Engine::new();
        let disk = |number: u8| {
            let disk = Arc::new(MemDev::new(SectorCount(1000)));
            let content = vec![number; 512_000];
            disk.write_at(Sector(0), &content, IoFlags::empty())
                .expect("a disk in memory takes all");
            engine.attach(&format!("/dev/{number}"), disk.clone());
            disk
        };
        let disks = (0..4).map(disk).collect();
        Machine {
            driver: NetbsdServer::new(Disks),
            engine,
            disks,
        }
    }

    pub(crate) fn send_as(
        &self,
        caller: Caller,
        command: &str,
        keys: &[(&str, Value)],
    ) -> Dictionary {
        let mut request = Dictionary::new();
        request.set("command", command).set("flags", EXISTS);
        let version = [4_u32, 0, 0].into_iter().collect::<Value>();
        request.set("version", version);
        for (key, value) in keys {
            request.set(key, value.clone());
        }
        let call = |command| self.engine.call(command);
        self.driver.answer(request, caller, &call)
    }

    pub(crate) fn send(&self, command: &str, keys: &[(&str, Value)]) -> Dictionary {
        self.send_as(Caller::Root, command, keys)
    }

    pub(crate) fn on(&self, command: &str, name: &str) -> Dictionary {
        self.send(command, &[("name", name.into())])
    }

    pub(crate) fn reload(&self, name: &str, table: &str) -> Dictionary {
        let lines = TableLine::parse_table(table).expect(table);
        let segment = |line: &TableLine| {
            let mut segment = Dictionary::new();
            segment
                .set("start", line.start.0)
                .set("length", line.length.0)
                .set("type", line.target.as_str())
                .set("params", line.params.as_str());
            segment
        };
        let data = lines.iter().map(segment).collect::<Value>();
        self.send("reload", &[("name", name.into()), ("cmd_data", data)])
    }

    /// Makes a device with a table.
    pub(crate) fn device(&self, name: &str, table: &str) {
        self.on("create", name);
        self.reload(name, table);
        self.on("resume", name);
    }

    pub(crate) fn open(&self, name: &str) -> OpenDevice {
        let id = DevId::Name(DmName::new(name).expect(name));
        self.engine.open(&id, TableMode::ReadWrite).expect(name)
    }

    /// The first byte of a sector; none if it can not be read.
    pub(crate) fn byte(&self, name: &str, sector: u64) -> Option<u8> {
        let mut buffer = [0xa5; 512];
        let read = self.open(name).read_at(Sector(sector), &mut buffer);
        read.ok().map(|()| buffer[0])
    }

    /// Writes its disk's number and its own into each sector.
    pub(crate) fn number_sectors(&self) {
        for (number, disk) in (0_u64..).zip(&self.disks) {
            for sector in 0..1000_u64 {
                let mut bytes = [0; 512];
                bytes[..8].copy_from_slice(&number.to_le_bytes());
                bytes[8..16].copy_from_slice(&sector.to_le_bytes());
                disk.write_at(Sector(sector), &bytes, IoFlags::empty())
                    .expect("a disk in memory takes all");
            }
        }
    }

    /// The disk and the sector there, which a sector holds since [`Machine::number_sectors`].
    pub(crate) fn numbered(&self, name: &str, sector: u64) -> Option<(u64, u64)> {
        let mut bytes = [0xa5; 512];
        let read = self.open(name).read_at(Sector(sector), &mut bytes);
        let number = |at: usize| Some(u64::from_le_bytes(*bytes[at..].first_chunk()?));
        read.ok().and_then(|()| Some((number(0)?, number(8)?)))
    }

    pub(crate) fn names(&self) -> Vec<String> {
        let reply = self.send("names", &[]);
        let names = reply.array("cmd_data").into_iter().flatten();
        let name = |item: &Value| Some(item.dict()?.string("name")?.to_owned());
        let names: Option<_> = names.map(name).collect();
        names.expect("a list has names")
    }

    pub(crate) fn engine_names(&self) -> Vec<String> {
        let names = self.engine.active_names();
        names.iter().map(ToString::to_string).collect()
    }
}
