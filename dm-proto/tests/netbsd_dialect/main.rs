//! NetBSD's dialect over an engine: where the io goes, and what two dialects over one engine do to each other.
//!
//! The replies themselves are compared with the kernel's in `tests/tests/netbsd_replay.rs`.

mod machine;
mod random;

use dm_core::backend::Backend;
use dm_core::blockdev::Blocking;
use dm_core::command::{Command, Create, RemoveMode};
use dm_core::devid::DevId;
use dm_core::io::IoFlags;
use dm_core::names::DmName;
use dm_core::units::{Sector, SectorCount};
use dm_proto::netbsd::{Caller, LIMITS, command};
use dm_proto::proplib::{Dictionary, Value, read_dictionary, write_dictionary};
use dm_proto::server::Server;

use machine::{EXISTS, Machine};

const SUSPEND: u32 = 0x2;
const ACTIVE_PRESENT: u32 = 0x20;
const INACTIVE_PRESENT: u32 = 0x40;

#[test]
fn io_goes_to_the_disks() {
    let machine = Machine::new();
    machine.device(
        "d",
        "0 16 linear /dev/1 8\n16 64 striped 2 16 /dev/2 0 /dev/3 0",
    );
    let sectors = [0, 15, 16, 31, 32, 47, 48, 79];
    let bytes: Vec<_> = sectors.map(|sector| machine.byte("d", sector)).to_vec();
    assert_eq!(bytes, [1, 1, 2, 2, 3, 3, 2, 3].map(Some));
    let write = machine
        .open("d")
        .write_at(Sector(4), &[9; 512], IoFlags::empty());
    assert_eq!(write, Ok(()));
    assert_eq!(machine.disks[1].content()[12 * 512], 9);
}

#[test]
fn second_resume_drops_the_table() {
    let machine = Machine::new();
    machine.device("d", "0 8 linear /dev/1 0");
    assert_eq!(machine.byte("d", 0), Some(1));
    machine.on("resume", "d");
    assert_eq!(machine.byte("d", 0), None);
    assert_eq!(machine.driver.mapped(1).unwrap().size, SectorCount(0));
    // The device's own flag says otherwise.
    let info = machine.on("info", "d").uint32("flags").unwrap();
    assert_eq!(info & ACTIVE_PRESENT, 0);
    let suspend = machine.on("suspend", "d").uint32("flags").unwrap();
    assert_eq!(suspend, ACTIVE_PRESENT | SUSPEND | EXISTS);
}

#[test]
fn device_without_a_table_stays_so_in_the_engine() {
    let machine = Machine::new();
    machine.on("create", "d");
    machine.on("resume", "d");
    assert!(machine.engine_names().is_empty());
}

#[test]
fn suspended_device_takes_io() {
    let machine = Machine::new();
    machine.device("d", "0 8 linear /dev/1 0");
    machine.on("suspend", "d");
    assert_eq!(machine.byte("d", 0), Some(1));
}

#[test]
fn rename_onto_another_loses_the_device() {
    let machine = Machine::new();
    machine.device("a", "0 8 linear /dev/1 0");
    machine.device("b", "0 8 linear /dev/2 0");
    let user = machine.open("b");
    let new = ["a"].into_iter().collect::<Value>();
    let reply = machine.send("rename", &[("name", "b".into()), ("cmd_data", new)]);
    assert_eq!(reply.uint32("minor"), Some(2));
    assert_eq!(machine.names(), ["a"]);
    assert_eq!(machine.engine_names(), ["a"]);
    assert!(user.read_at(Sector(0), &mut [0; 512]).is_err());
    assert_eq!(machine.byte("a", 0), Some(1));
}

#[test]
fn name_that_the_engine_can_not_have_gets_another() {
    let machine = Machine::new();
    machine.device("plain", "0 8 linear /dev/0 0");
    machine.device("a/b", "0 8 linear /dev/1 0");
    assert_eq!(machine.byte("netbsd-2", 0), Some(1));
    let rename = |from: &str, to: &str| {
        let new = [to].into_iter().collect::<Value>();
        machine.send("rename", &[("name", from.into()), ("cmd_data", new)]);
    };
    rename("a/b", "c");
    assert_eq!(machine.byte("c", 0), Some(1));
    rename("c", "control");
    assert_eq!(machine.byte("netbsd-2", 0), Some(1));
    assert_eq!(machine.names(), ["plain", "control"]);
}

#[test]
fn device_in_use_is_removed() {
    let machine = Machine::new();
    machine.device("d", "0 8 linear /dev/1 0");
    let user = machine.open("d");
    machine.on("remove", "d");
    assert!(machine.names().is_empty() && machine.engine_names().is_empty());
    assert!(user.read_at(Sector(0), &mut [0; 512]).is_err());
    let again = machine.on("remove", "d");
    assert_eq!(again.uint32("flags"), Some(0));
}

#[test]
fn overlapping_lines_do_not_both_get_a_write() {
    let machine = Machine::new();
    machine.device("d", "0 100 linear /dev/1 0\n50 100 linear /dev/2 0");
    let device = machine.open("d");
    let before = [1, 2].map(|disk: usize| machine.disks[disk].content());
    for sector in [50, 99] {
        let write = device.write_at(Sector(sector), &[9; 512], IoFlags::empty());
        assert!(write.is_err());
    }
    let across = device.write_at(Sector(49), &[1; 1024], IoFlags::empty());
    assert!(across.is_err());
    let after = [1, 2].map(|disk: usize| machine.disks[disk].content());
    assert!(before == after);
    assert_eq!(
        (machine.byte("d", 49), machine.byte("d", 100)),
        (Some(1), Some(2))
    );
}

#[test]
fn what_the_kernel_divides_by_zero_with_fails() {
    let machine = Machine::new();
    machine.device(
        "d",
        "0 64 striped 2 0 /dev/1 0 /dev/2 0\n64 8 linear /dev/3 0",
    );
    assert_eq!(
        (machine.byte("d", 0), machine.byte("d", 64)),
        (None, Some(3))
    );
    machine.device("e", "0 64 striped 0 16");
    assert_eq!(machine.byte("e", 0), None);
}

#[test]
fn past_the_end_of_a_disk_only_that_fails() {
    let machine = Machine::new();
    machine.device("d", "0 64 linear /dev/1 992");
    assert_eq!(
        (machine.byte("d", 7), machine.byte("d", 8)),
        (Some(1), None)
    );
}

#[test]
fn device_does_not_stand_on_itself() {
    let machine = Machine::new();
    machine.device("a", "0 8 linear /dev/1 0");
    let flags = |reply: Dictionary| reply.uint32("flags").unwrap();
    assert_eq!(
        flags(machine.reload("a", "0 8 linear /dev/mapper/a 0")),
        EXISTS
    );
    machine.device("b", "0 8 linear /dev/mapper/a 0");
    assert_eq!(
        flags(machine.reload("a", "0 8 linear /dev/mapper/b 0")),
        EXISTS
    );
    assert_eq!(machine.byte("b", 0), Some(1));
    // Both slots that are not active close a circle only once they are.
    machine.on("create", "c");
    machine.on("create", "d");
    let loaded = EXISTS | INACTIVE_PRESENT;
    assert_eq!(
        flags(machine.reload("c", "0 8 linear /dev/mapper/d 0")),
        loaded
    );
    assert_eq!(
        flags(machine.reload("d", "0 8 linear /dev/mapper/c 0")),
        loaded
    );
    machine.on("resume", "c");
    machine.on("resume", "d");
    assert_eq!((machine.byte("c", 0), machine.byte("d", 0)), (None, None));
}

#[test]
fn device_above_follows_the_length_of_the_one_below() {
    let machine = Machine::new();
    machine.device("low", "0 8 linear /dev/1 0");
    machine.device("high", "0 16 linear /dev/mapper/low 0");
    assert_eq!(
        (machine.byte("high", 7), machine.byte("high", 8)),
        (Some(1), None)
    );
    machine.reload("low", "0 16 linear /dev/2 0");
    machine.on("resume", "low");
    assert_eq!(
        (machine.byte("high", 7), machine.byte("high", 8)),
        (Some(2), Some(2))
    );
}

#[test]
fn absent_minor_is_none() {
    let machine = Machine::new();
    machine.on("create", "a");
    assert_eq!(machine.send("info", &[]).uint32("flags"), Some(0));
    let none = machine.send("info", &[("minor", 0_u32.into())]);
    assert_eq!(none.uint32("flags"), Some(0));
    // As a signed number it is below zero.
    let huge = machine.send("info", &[("minor", u32::MAX.into()), ("name", "a".into())]);
    assert_eq!(huge.uint32("minor"), Some(1));
}

#[test]
fn only_root_may_change_things() {
    let machine = Machine::new();
    machine.device("a", "0 8 linear /dev/1 0");
    let other = |command: &str| machine.send_as(Caller::Other, command, &[("name", "a".into())]);
    for command in [
        "create", "reload", "resume", "suspend", "clear", "rename", "remove",
    ] {
        let reply = other(command);
        assert_eq!(reply.len(), 4, "{command}: {reply:?}");
        let version = [4_u32, 16, 0].into_iter().collect::<Value>();
        assert_eq!(reply.get("version"), Some(&version));
    }
    assert_eq!(other("info").uint32("target_count"), Some(1));
    assert_eq!(machine.byte("a", 0), Some(1));
}

#[test]
fn unknown_command_is_echoed() {
    let machine = Machine::new();
    machine.on("create", "a");
    for command in [
        "remove_all",
        "waitevent",
        "message",
        "setgeometry",
        "INFO",
        "",
    ] {
        assert_eq!(machine.on(command, "a").len(), 4, "{command}");
    }
    assert_eq!(machine.names(), ["a"]);
}

#[test]
fn dialects_have_devices_of_their_own() {
    let machine = Machine::new();
    let engine = |name: &str, mode| Command::Remove {
        device: DevId::Name(DmName::new(name).unwrap()),
        mode,
    };
    let create = Create::new(DmName::new("a").unwrap());
    machine.engine.call(Command::Create(create)).unwrap();
    machine.device("a", "0 8 linear /dev/1 0");
    assert_eq!(machine.byte("netbsd-1", 0), Some(1));
    assert_eq!(machine.names(), ["a"]);
    // What the other dialect took away comes back with the next table.
    let gone = engine("netbsd-1", RemoveMode::Forced);
    machine.engine.call(gone).unwrap();
    machine.reload("a", "0 8 linear /dev/2 0");
    machine.on("resume", "a");
    assert_eq!(machine.byte("netbsd-1", 0), Some(2));
}

#[test]
fn server_speaks_both() {
    let machine = Machine::new();
    let server = Server::with_netbsd(machine.driver);
    let call = |command| machine.engine.call(command);
    let respond = |request: &Dictionary| {
        let text = server.respond(&write_dictionary(request), &call);
        read_dictionary(&text, &LIMITS).unwrap()
    };
    let reply = respond(&command::encode(&Command::Version));
    assert_eq!(reply.string("reply"), Some("version"));
    let mut request = Dictionary::new();
    request
        .set("command", "version")
        .set("version", [4_u32, 0].into_iter().collect::<Value>());
    let reply = respond(&request);
    assert_eq!(reply.array("version").map(<[Value]>::len), Some(3));
    // The kernel's reader takes no such decimal number, so that its driver never sees the request.
    let text = b"<plist><dict><key>command</key><string>version</string><key>n</key>\
        <integer>9223372036854775808</integer></dict></plist>";
    let reply = server.respond(text, &call);
    let reply = read_dictionary(&reply, &LIMITS).unwrap();
    assert_eq!(reply.string("error_kind"), Some("protocol"));
}
