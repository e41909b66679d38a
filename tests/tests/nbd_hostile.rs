//! Clients that lie, stall, vanish and babble hold up nobody but themselves.

use std::io::{Read, Write};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::PathBuf;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use dm_core::blockdev::{Fault, FaultDev, MemDev, Then};
use dm_core::client::Dm;
use dm_core::command::Slot;
use dm_core::engine::Engine;
use dm_core::errno::Errno;
use dm_core::nbd::CommandKind;
use dm_core::units::SectorCount;
use dm_tests::nbd_batch::{self, connect};
use dm_tests::script::{create, name};
use dm_tests::watchdog::Watchdog;
use dm_tools::export::client::NbdClient;
use dm_tools::export::nbd::{Server, Service};

struct Served {
    engine: Engine,
    disk: Arc<FaultDev>,
    server: Option<Server>,
    socket: PathBuf,
    _folder: tempfile::TempDir,
    _watchdog: Watchdog,
}

fn serve(what: &str) -> Served {
    let folder = tempfile::tempdir().unwrap();
    let socket = folder.path().join("nbd.sock");
    let engine = Engine::new();
    let disk = Arc::new(FaultDev::new(Arc::new(MemDev::new(SectorCount(1 << 17)))));
    engine.attach("disk", disk.clone());
    create(&engine, "vol", "0 131072 linear disk 0").unwrap();
    let listener = UnixListener::bind(&socket).unwrap();
    let server = Some(Server::start(engine.clone(), listener).unwrap());
    let watchdog = Watchdog::start(what, Duration::from_secs(60));
    Served {
        engine,
        disk,
        server,
        socket,
        _folder: folder,
        _watchdog: watchdog,
    }
}

impl Served {
    fn good(&self) -> NbdClient {
        NbdClient::connect_unix(&self.socket, "vol").unwrap()
    }

    /// A good client gets its answer.
    fn still_serves(&self) {
        self.good().read(0, &mut [0; 4096]).unwrap();
    }

    fn open_count(&self) -> u32 {
        Dm::new(&self.engine)
            .info(name("vol"), Slot::Active)
            .unwrap()
            .open_count
    }

    fn wait_until_closed(&self) {
        let end = Instant::now() + Duration::from_secs(20);
        while self.open_count() > 0 {
            assert!(
                Instant::now() < end,
                "a client that is gone still has the device open"
            );
            thread::sleep(Duration::from_millis(5));
        }
    }

    /// A raw connection behind the handshake, with simple replies.
    fn raw(&self) -> UnixStream {
        connect(&self.socket, "vol").unwrap()
    }
}

fn request(command: CommandKind, at: u64, length: u64) -> Vec<u8> {
    nbd_batch::request(command, 7, at, length)
}

#[test]
fn garbage_ends_only_its_own_connection() {
    let served = serve("garbage");
    let mut rng = fastrand::Rng::with_seed(5);
    for _ in 0..300 {
        let mut stream = match rng.bool() {
            true => served.raw(),
            false => UnixStream::connect(&served.socket).unwrap(),
        };
        let mut bytes = vec![0; rng.usize(..3000)];
        rng.fill(&mut bytes);
        // Sometimes a magic, so that the garbage gets further in.
        let magic: &[u8] = if rng.bool() {
            b"\0\0\0\x03IHAVEOPT"
        } else {
            b"\x25\x60\x95\x13\0\0"
        };
        let length = magic.len().min(bytes.len());
        bytes[..length].copy_from_slice(&magic[..length]);
        let _ = stream.write_all(&bytes);
    }
    served.still_serves();
    served.wait_until_closed();
}

#[test]
fn client_that_dies_in_mid_request_leaves_nothing_open() {
    let served = serve("death in mid-request");
    for cut in [1, 27, 28, 29, 28 + 4095] {
        let mut stream = served.raw();
        let mut bytes = request(CommandKind::Write, 0, 4096);
        bytes.extend([0xee; 4096]);
        stream.write_all(&bytes[..cut]).unwrap();
    }
    served.wait_until_closed();
    let mut read = [1; 4096];
    served.good().read(0, &mut read).unwrap();
    assert_eq!(
        read, [0; 4096],
        "a write that did not arrive whole changes nothing"
    );
}

#[test]
fn client_that_takes_no_replies_stalls_nobody_and_is_bounded() {
    let served = serve("a client that does not read");
    let mut stream = served.raw();
    stream
        .set_write_timeout(Some(Duration::from_secs(1)))
        .unwrap();
    let mut sent = 0;
    // Each asks for 1 MiB: what the server would hold if it did not stop reading is 10 GiB.
    for _ in 0..10_000 {
        if stream
            .write_all(&request(CommandKind::Read, 0, 1 << 20))
            .is_err()
        {
            break;
        }
        sent += 1;
    }
    for _ in 0..20 {
        served.still_serves();
    }
    assert!(sent > 0);
    drop(stream);
    served.wait_until_closed();
}

#[test]
fn stalled_device_holds_its_own_requests_only() {
    let served = serve("a device that stalls");
    served.disk.inject(Fault {
        op: Some(dm_core::io::IoOp::Write),
        range: None,
        after: 0,
        times: Some(1),
        then: Then::Hold,
    });
    let mut stalled = served.raw();
    let mut bytes = request(CommandKind::Write, 4096, 512);
    bytes.extend([7; 512]);
    stalled.write_all(&bytes).unwrap();
    while served.disk.held() == 0 {
        thread::sleep(Duration::from_millis(1));
    }
    served.still_serves();
    stalled
        .write_all(&request(CommandKind::Read, 0, 512))
        .unwrap();
    let mut reply = [0; 16 + 512];
    stalled.read_exact(&mut reply).unwrap();
    assert_eq!(reply[4..8], [0; 4], "a later read overtakes the held write");
    served.disk.release();
    let mut reply = [0; 16];
    stalled.read_exact(&mut reply).unwrap();
    assert_eq!(reply[4..8], [0; 4]);
}

#[test]
fn errors_reach_the_request_that_they_belong_to() {
    let served = serve("errors");
    let mut client = served.good();
    for (errno, seen) in [
        (Errno::ENOSPC, Errno::ENOSPC),
        (Errno::EDQUOT, Errno::ENOSPC),
        (Errno::EIO, Errno::EIO),
        (Errno::ENOMEM, Errno::ENOMEM),
    ] {
        let range = dm_core::units::SectorRange::new(dm_core::units::Sector(8), SectorCount(1));
        let then = Then::Fail(errno.into());
        served.disk.inject(Fault {
            op: None,
            range,
            after: 0,
            times: None,
            then,
        });
        client.write(0, &[1; 4096]).unwrap();
        let error = client.write(4096, &[1; 4096]).unwrap_err();
        assert_eq!(Errno::from(&error), seen);
        client.write(8192, &[1; 4096]).unwrap();
        served.disk.heal();
    }
    for (at, length, wanted) in [
        (512, 0, Errno::EINVAL),
        ((64 << 20) - 512, 1024, Errno::ENOSPC),
        ((64 << 20) - 100, 101, Errno::ENOSPC),
    ] {
        let error = client.write_zeroes(at, length).unwrap_err();
        assert_eq!(Errno::from(&error), wanted, "{at}+{length}");
    }
    client.read(0, &mut [0; 512]).unwrap();
}

#[test]
fn stop_answers_what_is_under_way_and_ends() {
    let mut served = serve("stop");
    let mut clients: Vec<_> = (0..8).map(|_| served.good()).collect();
    for client in &mut clients {
        client.write(0, &[3; 4096]).unwrap();
    }
    let start = Instant::now();
    served.server.take().unwrap().stop();
    assert!(
        start.elapsed() < Duration::from_secs(5),
        "idle clients do not delay a stop"
    );
    assert_eq!(served.open_count(), 0);
    assert!(clients[0].read(0, &mut [0; 512]).is_err());
}

#[test]
fn unknown_export_is_refused_in_words() {
    let served = serve("unknown export");
    let error = NbdClient::connect_unix(&served.socket, "nonesuch")
        .err()
        .unwrap();
    assert_eq!(
        error.to_string(),
        "the server refused: no active device has this name"
    );
    let mut only = NbdClient::connect_unix(&served.socket, "").unwrap();
    only.read(0, &mut [0; 512]).unwrap();
}

#[test]
fn stop_waits_for_a_request_under_way_and_its_client_has_the_reply() {
    let mut served = serve("stop under load");
    served.disk.inject(Fault {
        op: Some(dm_core::io::IoOp::Write),
        range: None,
        after: 0,
        times: Some(1),
        then: Then::Hold,
    });
    let mut stream = served.raw();
    let mut bytes = request(CommandKind::Write, 4096, 512);
    bytes.extend([7; 512]);
    stream.write_all(&bytes).unwrap();
    while served.disk.held() == 0 {
        thread::sleep(Duration::from_millis(1));
    }
    let server = served.server.take().unwrap();
    let stopping = thread::spawn(move || server.stop());
    // No new client comes in once it stops.
    while UnixStream::connect(&served.socket).is_ok() {
        thread::sleep(Duration::from_millis(1));
    }
    assert!(!stopping.is_finished(), "the write is under way");
    served.disk.release();
    let mut reply = [0; 16];
    stream.read_exact(&mut reply).unwrap();
    assert_eq!(reply[4..8], [0; 4]);
    stopping.join().unwrap();
    assert_eq!(served.open_count(), 0);
}

#[test]
fn client_past_the_limit_is_turned_away_until_another_leaves() {
    let served = serve("too many clients");
    let socket = served.socket.with_extension("few");
    let service = Service::new(served.engine.clone()).max_clients(2);
    let _server = Server::start(service, UnixListener::bind(&socket).unwrap()).unwrap();
    let connect = || NbdClient::connect_unix(&socket, "vol");
    let (_first, second) = (connect().unwrap(), connect().unwrap());
    assert!(connect().is_err());
    second.disconnect().unwrap();
    while connect().is_err() {
        thread::sleep(Duration::from_millis(1));
    }
}
