//! The device-mapper half of NetBSD's LVM2: which requests it sends for a change to a volume, with which keys.
//!
//! Each request has command, version, event_nr, flags with EXISTS and cmd_data, empty or not; name and uuid if they are
//! set, a minor number never. Made from the behaviour that facts about its libdm-nbsd-iface document.

use std::fs::{self, File};
use std::os::unix::fs::FileExt;
use std::os::unix::net::UnixStream;

use dm_proto::frame::{FRAME_MAX, read_frame, write_frame};
use dm_proto::proplib::{Dictionary, Limits, Value, read_dictionary, terminate, write_dictionary};
use dm_tools::export::client::NbdClient;

use crate::common::Home;
use crate::volume::{EXTENT, PE_START, Volume};

const SUSPEND: u32 = 0x2;
const EXISTS: u32 = 0x4;
const STATUS_TABLE: u32 = 0x10;
const ACTIVE_PRESENT: u32 = 0x20;
const INACTIVE_PRESENT: u32 = 0x40;
const SKIP_BDGET: u32 = 0x200;

/// Bytes of one request to an export.
const PIECE: usize = 1 << 20;

/// A host with disks, its daemon, and LVM2's connection to it.
pub(crate) struct Lvm {
    home: Home,
    stream: UnixStream,
}

impl Lvm {
    /// A host with as many disks, each of some extents.
    pub(crate) fn new(disks: usize, extents: u64) -> Lvm {
        let home = Home::new();
        for disk in 0..disks {
            let image = File::create(home.path().join(format!("wd{disk}"))).unwrap();
            image.set_len((PE_START + extents * EXTENT) * 512).unwrap();
        }
        // The first command starts the daemon.
        home.ok(&["ls"]);
        let stream = UnixStream::connect(home.control()).unwrap();
        Lvm { home, stream }
    }

    /// The path of a disk.
    pub(crate) fn disk(&self, disk: usize) -> String {
        let path = self.home.path().join(format!("wd{disk}"));
        path.to_str().unwrap().into()
    }

    /// `lvcreate`, `vgchange -ay`: create, reload, resume. If a step fails, what was created is removed.
    pub(crate) fn activate(&mut self, volume: &Volume) -> Result<(), &'static str> {
        assert!(!self.exists(volume), "LVM2 looks before");
        let created = self.task("create", volume, SKIP_BDGET, []);
        // Where a device of the name is there already, the reply has no minor number.
        created.uint32("minor").ok_or("create")?;
        if self.load(volume).is_err() {
            self.remove(volume);
            return Err("reload");
        }
        self.resume(volume);
        Ok(())
    }

    /// `lvextend`, `lvreduce`, `pvmove`: the new table is loaded, then the old one suspended and replaced.
    pub(crate) fn change(&mut self, volume: &Volume) {
        self.load(volume).unwrap();
        self.suspend(volume);
        self.resume(volume);
    }

    /// `lvrename`: as [`change`](Lvm::change) with the same table, renamed while it is suspended.
    pub(crate) fn rename(&mut self, volume: &mut Volume, lv: &str) {
        self.load(volume).unwrap();
        self.suspend(volume);
        let before = volume.clone();
        volume.lv = lv.into();
        let reply = self.task("rename", &before, 0, [volume.name().into()]);
        // The old name and the uuid that was asked for show that it was found.
        assert_eq!(reply.string("name"), Some(before.name().as_str()));
        assert!(reply.uint32("minor").is_some());
        self.resume(volume);
        assert!(!self.names().contains(&before.name()));
    }

    /// `lvremove`, `vgchange -an`: a reply to remove says nothing, so that LVM2 looks afterwards.
    pub(crate) fn remove(&mut self, volume: &Volume) {
        self.task("remove", volume, 0, []);
        assert!(!self.exists(volume));
    }

    /// The names of all devices, in the driver's order.
    pub(crate) fn names(&mut self) -> Vec<String> {
        let reply = self.ask(request("names", 0, []));
        let item = |item: &Value| item.dict()?.string("name").map(str::to_owned);
        let names = reply.array("cmd_data").unwrap().iter().map(item);
        names.collect::<Option<_>>().unwrap()
    }

    /// The active table in dmsetup's words.
    pub(crate) fn table(&mut self, volume: &Volume) -> String {
        let reply = self.task("table", volume, STATUS_TABLE, []);
        let line = |line: &Value| {
            let line = line.dict().unwrap();
            let number = |key| line.uint64(key).unwrap();
            let (start, length) = (number("start"), number("length"));
            let (target, params) = (line.string("type"), line.string("params"));
            format!("{start} {length} {} {}\n", target.unwrap(), params.unwrap())
        };
        let lines = reply.array("cmd_data").unwrap();
        lines.iter().map(line).collect()
    }

    /// How many devices the active table has, the same one as often as it is named.
    pub(crate) fn deps(&mut self, volume: &Volume) -> usize {
        let reply = self.task("deps", volume, 0, []);
        reply.array("cmd_data").unwrap().len()
    }

    /// Says that the volume's bytes, read through its export and found on its disks, are these.
    #[track_caller]
    pub(crate) fn assert_holds(&self, volume: &Volume, bytes: &[u8]) {
        let mut export = self.export(volume);
        assert_eq!(export.size(), volume.bytes());
        let mut read = vec![0xa5; bytes.len()];
        for (at, piece) in (0_u64..).zip(read.chunks_mut(PIECE)) {
            export.read(at * PIECE as u64, piece).unwrap();
        }
        assert!(read == bytes, "{} reads other bytes", volume.name());
        let disks: Vec<_> = (0..)
            .map_while(|disk| fs::read(self.disk(disk)).ok())
            .collect();
        for (at, sector) in (0_u64..).zip(bytes.chunks(512)) {
            let (disk, place) = volume.place(at);
            let place = usize::try_from(place * 512).unwrap();
            let found = &disks[disk][place..place + 512];
            assert!(found == sector, "sector {at} is not on wd{disk}");
        }
    }

    /// Writes through the volume's export.
    pub(crate) fn write(&self, volume: &Volume, bytes: &[u8]) {
        let mut export = self.export(volume);
        for (at, piece) in (0_u64..).zip(bytes.chunks(PIECE)) {
            export.write(at * PIECE as u64, piece).unwrap();
        }
        export.flush().unwrap();
    }

    /// Copies an extent from one disk to another behind the volumes' backs, as a mirror would.
    pub(crate) fn copy_extent(&self, from: (usize, u64), to: (usize, u64)) {
        let open = |disk| File::options().read(true).write(true).open(self.disk(disk));
        let place = |extent| (PE_START + extent * EXTENT) * 512;
        let mut bytes = vec![0; usize::try_from(EXTENT * 512).unwrap()];
        let (source, target) = (open(from.0).unwrap(), open(to.0).unwrap());
        source.read_exact_at(&mut bytes, place(from.1)).unwrap();
        target.write_all_at(&bytes, place(to.1)).unwrap();
    }

    fn export(&self, volume: &Volume) -> NbdClient {
        let socket = self.home.runtime().join("nbd.sock");
        NbdClient::connect_unix(&socket, &volume.name()).unwrap()
    }

    fn exists(&mut self, volume: &Volume) -> bool {
        let reply = self.task("info", volume, SKIP_BDGET, []);
        reply.uint32("flags").unwrap() & EXISTS != 0
    }

    /// Loads the volume's table: an error if the reply does not say that the inactive slot is filled.
    fn load(&mut self, volume: &Volume) -> Result<(), ()> {
        let disks = |disk| self.disk(disk);
        let lines: Vec<Value> = volume.lines(&disks).into_iter().map(Value::Dict).collect();
        let reply = self.task("reload", volume, 0, lines);
        match reply.uint32("flags").unwrap() & INACTIVE_PRESENT {
            0 => Err(()),
            _ => Ok(()),
        }
    }

    fn suspend(&mut self, volume: &Volume) {
        self.task("suspend", volume, SUSPEND, []);
        let info = self.task("info", volume, 0, []);
        assert_ne!(info.uint32("flags").unwrap() & SUSPEND, 0);
    }

    fn resume(&mut self, volume: &Volume) {
        self.task("resume", volume, 0, []);
        let info = self.task("info", volume, 0, []);
        let flags = info.uint32("flags").unwrap();
        assert_eq!(
            flags & (ACTIVE_PRESENT | INACTIVE_PRESENT | SUSPEND),
            ACTIVE_PRESENT
        );
        let segments = u32::try_from(volume.segments.len()).unwrap();
        assert_eq!(info.uint32("target_count"), Some(segments));
        assert_eq!(info.string("uuid"), Some(volume.uuid.as_str()));
    }

    /// Sends a request about a volume.
    fn task(
        &mut self,
        command: &str,
        volume: &Volume,
        flags: u32,
        data: impl IntoIterator<Item = Value>,
    ) -> Dictionary {
        let mut request = request(command, flags, data);
        request
            .set("name", volume.name())
            .set("uuid", volume.uuid.as_str());
        self.ask(request)
    }

    fn ask(&mut self, request: Dictionary) -> Dictionary {
        write_frame(&mut self.stream, &terminate(write_dictionary(&request))).unwrap();
        let reply = read_frame(&mut self.stream, FRAME_MAX).unwrap().unwrap();
        let reply = read_dictionary(&reply, &Limits::default()).unwrap();
        let version = reply.array("version").unwrap();
        assert_eq!(
            version[1].uint32(),
            Some(16),
            "a request of this version is taken"
        );
        reply
    }
}

fn request(command: &str, flags: u32, data: impl IntoIterator<Item = Value>) -> Dictionary {
    let mut request = Dictionary::new();
    request
        .set("command", command)
        .set("version", [4_u32, 0, 0].into_iter().collect::<Value>())
        .set("flags", EXISTS | flags)
        .set("event_nr", 0_u32)
        .set("cmd_data", data.into_iter().collect::<Value>());
    request
}
