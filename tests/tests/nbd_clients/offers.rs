//! What an export offers and refuses, as our own client sees it.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::os::unix::net::UnixListener;
use std::thread;

use dm_core::client::Dm;
use dm_core::command::{RemoveMode, Slot};
use dm_core::errno::Errno;
use dm_core::error::ErrorKind;
use dm_tests::script::{create, name};
use dm_tests::tools::{find, run};
use dm_tools::export::client::{ClientError, NbdClient};
use dm_tools::export::nbd::{self, Server, Service};

use crate::Served;

#[test]
fn open_device_stays_unless_deferred_or_forced() {
    let served = Served::new();
    let disk = served.disk("disk.img", 1 << 20);
    let table = format!("0 2048 linear {disk} 0");
    let dm = Dm::new(&served.engine);
    create(&served.engine, "vol", &table).unwrap();
    let mut clients = [served.client("vol"), served.client("vol")];
    assert_eq!(dm.info(name("vol"), Slot::Active).unwrap().open_count, 2);
    let error = dm.remove(name("vol"), RemoveMode::IfUnused).unwrap_err();
    assert_eq!(
        (error.kind, error.context.errno),
        (ErrorKind::Busy, Some(Errno::EBUSY))
    );
    clients[0].write(0, &[1; 512]).unwrap();
    dm.remove(name("vol"), RemoveMode::Forced).unwrap();
    assert_eq!(dm.list().unwrap(), []);
    for client in &mut clients {
        let error = client.read(0, &mut [0; 512]).unwrap_err();
        assert_eq!(Errno::from(&error), Errno::EIO);
    }
    create(&served.engine, "vol", &table).unwrap();
    let mut client = served.client("vol");
    dm.remove(name("vol"), RemoveMode::Deferred).unwrap();
    let mut read = [0; 512];
    client.read(0, &mut read).unwrap();
    assert_eq!(read, [1; 512]);
    client.disconnect().unwrap();
    for _ in 0..200 {
        if dm.list().unwrap().is_empty() {
            return;
        }
        thread::sleep(std::time::Duration::from_millis(10));
    }
    panic!("the device did not go with its last client");
}

#[test]
fn read_only_device_is_exported_read_only() {
    let served = Served::new();
    let disk = served.disk("disk.img", 1 << 20);
    let lines = dm_core::table::TableLine::parse_table(&format!("0 2048 linear {disk} 0")).unwrap();
    let dm = Dm::new(&served.engine);
    dm.create(dm_core::command::Create::new(name("vol")))
        .unwrap();
    dm.load(dm_core::command::Load::new(name("vol"), lines).read_only())
        .unwrap();
    dm.resume(name("vol"), Default::default()).unwrap();
    let mut client = served.client("vol");
    assert!(
        client
            .flags()
            .contains(dm_core::nbd::TransmissionFlags::READ_ONLY)
    );
    let error = client.write(0, &[1; 512]).unwrap_err();
    assert_eq!(Errno::from(&error), Errno::EPERM);
}

#[test]
fn trim_is_offered_where_discards_go_through() {
    let served = Served::new();
    let disk = served.disk("disk.img", 1 << 20);
    let key = "5a".repeat(32);
    let crypt = |options: &str| format!("0 1024 crypt aes-xts-plain64 {key} 0 {disk} 0{options}");
    create(&served.engine, "plain", &format!("0 1024 linear {disk} 0")).unwrap();
    create(&served.engine, "silent", &crypt("")).unwrap();
    create(&served.engine, "telling", &crypt(" 1 allow_discards")).unwrap();
    let above =
        |name: &str| format!("0 1024 linear /dev/mapper/{name} 0\n1024 1024 linear {disk} 1024");
    create(&served.engine, "above", &above("silent")).unwrap();
    for (device, offered) in [
        ("plain", true),
        ("silent", false),
        ("telling", true),
        ("above", false),
    ] {
        let mut client = served.client(device);
        let flags = client.flags();
        let trim = dm_core::nbd::TransmissionFlags::SEND_TRIM;
        assert_eq!(flags.contains(trim), offered, "{device}");
        if offered {
            client.trim(0, 4096).unwrap();
        }
    }
}

#[test]
fn trim_and_write_zeroes_give_the_files_space_back() {
    let served = Served::new();
    let disk = served.disk("disk.img", 16 << 20);
    create(&served.engine, "vol", &format!("0 32768 linear {disk} 0")).unwrap();
    let mut client = served.client("vol");
    let blocks = || fs::metadata(&disk).unwrap().blocks();
    client.write(0, &vec![7; 8 << 20]).unwrap();
    client.flush().unwrap();
    let full = blocks();
    assert!(full >= 16384, "8 MiB are stored");
    client.trim(0, 4 << 20).unwrap();
    let half = blocks();
    assert!(
        half <= full - 8000,
        "{full} blocks before, {half} after a trim"
    );
    client.write_zeroes(4 << 20, 4 << 20).unwrap();
    assert!(
        blocks() <= half - 8000,
        "{half} blocks before, {} after zeroes",
        blocks()
    );
    let mut read = vec![1; 8 << 20];
    client.read(0, &mut read).unwrap();
    assert!(read.iter().all(|byte| *byte == 0));
    assert_eq!(fs::metadata(&disk).unwrap().len(), 16 << 20);
}

#[test]
fn export_for_reading_of_one_device_shows_no_other_and_takes_no_write() {
    let served = Served::new();
    let disk = served.disk("disk.img", 1 << 20);
    for (device, from) in [("vol", 0), ("other", 1024)] {
        create(
            &served.engine,
            device,
            &format!("0 1024 linear {disk} {from}"),
        )
        .unwrap();
    }
    let socket = served.path("one.sock");
    let service = Service::new(served.engine.clone())
        .only(name("vol"))
        .read_only();
    let _server = Server::start(service, UnixListener::bind(&socket).unwrap()).unwrap();
    let refused = NbdClient::connect_unix(&socket, "other").err().unwrap();
    let reason = "the server refused: no active device has this name";
    assert_eq!(refused.to_string(), reason);
    if let Some(mut info) = find("nbdinfo") {
        let said = run(info.args(["--list", &nbd::uri(&socket, &name("vol"))]));
        let said = String::from_utf8_lossy(&said.stdout);
        assert!(said.contains("vol") && !said.contains("other"), "{said}");
        assert!(said.contains("is_read_only: true"), "{said}");
    }
    // Without a name, it is the one that there is.
    let mut client = NbdClient::connect_unix(&socket, "").unwrap();
    let permission = |error: ClientError| assert_eq!(Errno::from(&error), Errno::EPERM);
    permission(client.write(0, &[1; 512]).unwrap_err());
    permission(client.write(3, &[1; 5]).unwrap_err());
    permission(client.write(0, &[1; 200_000]).unwrap_err());
    permission(client.trim(0, 512).unwrap_err());
    permission(client.write_zeroes(0, 512).unwrap_err());
    client.read(0, &mut [0; 512]).unwrap();
    // The engine's other server is not meant.
    served.client("vol").write(0, &[1; 512]).unwrap();
}
