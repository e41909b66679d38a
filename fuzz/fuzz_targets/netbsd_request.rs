//! Requests, each ended by a NUL, to the server of both dialects over an engine with three disks.
#![no_main]

use std::sync::Arc;

use dm_core::backend::Backend;
use dm_core::blockdev::{BlockDev, Blocking, MemDev};
use dm_core::command::{Command, DeviceEntry, ListFilter, Reply, Slot};
use dm_core::component::TableMode;
use dm_core::devid::{DevId, DevNo};
use dm_core::engine::{Cancel, Engine};
use dm_core::error::{DmError, ErrorKind};
use dm_core::flags::DeviceFlags;
use dm_core::table::TableLine;
use dm_core::units::{Sector, SectorCount};
use dm_fuzz::same_text;
use dm_proto::netbsd::{Disk, LIMITS, Nodes, command};
use dm_proto::proplib::{Value, read_dictionary};
use dm_proto::server::Server;
use libfuzzer_sys::fuzz_target;

const DISKS: [&str; 3] = ["/dev/wd1a", "/dev/wd2a", "/dev/wd3a"];
const SECTORS: SectorCount = SectorCount(1000);

/// The disks, and nothing of the host's.
struct Disks;

impl Nodes for Disks {
    fn disk(&self, path: &str) -> Option<Disk> {
        let minor = DISKS.iter().position(|disk| *disk == path)?;
        Some(Disk {
            number: DevNo {
                major: 0,
                minor: u32::try_from(minor).ok()?,
            },
            size: SECTORS,
            word: path.into(),
        })
    }
}

/// Obeys what touches nothing of the host's, and waits for no event.
fn obey(engine: &Engine, command: Command) -> Result<Reply, DmError> {
    let cancel = Cancel::new();
    match &command {
        Command::Wait { .. } => cancel.cancel(),
        Command::Load(load) if !load.lines.iter().all(is_harmless) => {
            return Err(DmError::new(ErrorKind::NotFound));
        }
        _ => {}
    }
    engine.call_with(command, &cancel)
}

/// Whether none of a line's words is a path or a number of the host's.
fn is_harmless(line: &TableLine) -> bool {
    line.params.split([' ', '\t', '\n', '\\']).all(|word| {
        let ours = DISKS.contains(&word) || word.starts_with("253:") || word.starts_with("4095:");
        ours || word.starts_with("/dev/mapper/vol")
            || word.bytes().all(|byte| byte.is_ascii_digit())
    })
}

fuzz_target!(|bytes: &[u8]| {
    let engine = Engine::new();
    for disk in DISKS {
        engine.attach(disk, Arc::new(MemDev::new(SECTORS)));
    }
    let server = Server::new(Disks);
    for request in bytes.split(|byte| *byte == 0).take(16) {
        let answer = server.respond(request, &|command| obey(&engine, command));
        let answer = read_dictionary(&answer, &LIMITS).expect("an answer is a dictionary");
        same_text(&Value::Dict(answer));
        if let Ok(request) = read_dictionary(request, &LIMITS)
            && let Ok(decoded) = command::decode(&request)
        {
            let again = command::decode(&command::encode(&decoded));
            assert_eq!(again.ok(), Some(decoded));
        }
    }
    read_devices(&engine);
});

/// Reads a little of each device, unless one of them would hold it.
fn read_devices(engine: &Engine) {
    let Ok(Reply::Devices(devices)) = engine.call(Command::List(ListFilter::default())) else {
        unreachable!("a list is what a list is answered with");
    };
    let held = |entry: &DeviceEntry| {
        let (device, slot) = (entry.number.into(), Slot::Active);
        let info = engine.call(Command::Info { device, slot });
        matches!(info, Ok(Reply::Device(info)) if info.flags.contains(DeviceFlags::SUSPENDED))
    };
    if devices.iter().any(held) {
        return;
    }
    for name in engine.active_names() {
        let Ok(device) = engine.open(&DevId::Name(name), TableMode::ReadOnly) else {
            continue;
        };
        let mut sectors = [0; 4096];
        let end = device.info().size.0.saturating_sub(8);
        for at in [0, end / 2, end] {
            let _refused = device.read_at(Sector(at), &mut sectors);
        }
    }
}
