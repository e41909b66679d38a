//! Tables over exports of NBD servers.

use std::os::unix::net::UnixListener;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use dm_core::blockdev::{BlockDev, Blocking, Fault, FaultDev, MemDev, NbdDev, Patience, Then};
use dm_core::component::TableMode;
use dm_core::engine::Engine;
use dm_core::errno::Errno;
use dm_core::io::{IoFlags, IoOp};
use dm_core::units::{Sector, SectorCount, SectorRange};
use dm_tests::model::random_bytes;
use dm_tests::script::{create, name, open};
use dm_tests::watchdog::Watchdog;
use dm_tools::export::nbd::{self, Server};

const SECTORS: u64 = 4096;

/// A machine elsewhere: a disk, served under the name `disk`.
struct Remote {
    folder: tempfile::TempDir,
    engine: Engine,
    disk: Arc<MemDev>,
    fault: Arc<FaultDev>,
    server: Option<Server>,
}

impl Remote {
    fn new() -> Remote {
        let engine = Engine::new();
        let disk = Arc::new(MemDev::new(SectorCount(SECTORS)));
        let fault = Arc::new(FaultDev::new(disk.clone()));
        engine.attach("memory", fault.clone());
        create(&engine, "disk", &format!("0 {SECTORS} linear memory 0")).unwrap();
        let folder = tempfile::tempdir().unwrap();
        let mut remote = Remote {
            folder,
            engine,
            disk,
            fault,
            server: None,
        };
        remote.start();
        remote
    }

    fn socket(&self) -> PathBuf {
        self.folder.path().join("nbd.sock")
    }

    fn uri(&self) -> String {
        nbd::uri(&self.socket(), &name("disk"))
    }

    fn start(&mut self) {
        let _ = std::fs::remove_file(self.socket());
        let listener = UnixListener::bind(self.socket()).unwrap();
        self.server = Some(Server::start(self.engine.clone(), listener).unwrap());
    }

    fn stop(&mut self) {
        let _ = std::fs::remove_file(self.socket());
        self.server = None;
    }
}

/// Fractions of a second, so that a test need not wait for longer.
fn hasty() -> Patience {
    let mut patience = Patience::DEFAULT;
    patience.connect = Duration::from_millis(500);
    patience.reply = Duration::from_millis(300);
    patience.reconnect = Duration::from_millis(300);
    patience.pause = Duration::from_millis(20);
    patience.again = Duration::from_millis(100);
    patience
}

fn reach(remote: &Remote, patience: Patience) -> Arc<NbdDev> {
    let uri = remote.uri().parse().unwrap();
    Arc::new(NbdDev::open(&uri, TableMode::ReadWrite, patience).unwrap())
}

/// A device striped over remote exports in chunks of 8 sectors.
fn striped(engine: &Engine, words: &[String]) {
    let stripes: String = words.iter().map(|word| format!(" {word} 0")).collect();
    let count = words.len() as u64;
    let table = format!("0 {} striped {count} 8{stripes}", SECTORS * count);
    create(engine, "vol", &table).unwrap();
}

#[test]
fn stripe_over_three_remote_exports_reads_what_it_wrote() {
    let _watchdog = Watchdog::start("a remote stripe", Duration::from_secs(60));
    let remotes = [0, 1, 2].map(|_| Remote::new());
    let engine = Engine::new();
    striped(&engine, &remotes.each_ref().map(Remote::uri));
    let vol = open(&engine, "vol");
    let mut rng = fastrand::Rng::with_seed(3);
    let mut model = vec![0; usize::try_from(3 * SECTORS * 512).unwrap()];
    for round in 0..300 {
        let (at, count) = (rng.usize(..12000), rng.usize(1..200));
        let bytes = random_bytes(&mut rng, count * 512);
        let flags = match round % 3 {
            0 => IoFlags::FUA,
            _ => IoFlags::empty(),
        };
        vol.write_at(Sector(at as u64), &bytes, flags).unwrap();
        model[at * 512..][..bytes.len()].copy_from_slice(&bytes);
    }
    let zeroes = SectorRange::new(Sector(100), SectorCount(3000)).unwrap();
    vol.write_zeroes(zeroes, IoFlags::empty()).unwrap();
    model[100 * 512..3100 * 512].fill(0);
    vol.discard(SectorRange::new(Sector(12000), SectorCount(100)).unwrap())
        .unwrap();
    vol.flush().unwrap();
    let mut read = vec![0; 12000 * 512];
    vol.read_at(Sector(0), &mut read).unwrap();
    assert!(read == model[..read.len()], "other bytes came back");
    // Chunk by chunk: the second remote has the second.
    let mut chunk = [0; 8 * 512];
    remotes[1].disk.read_at(Sector(0), &mut chunk).unwrap();
    assert!(chunk == model[8 * 512..16 * 512]);
}

#[test]
fn losing_one_server_fails_its_stripes_only_until_it_is_back() {
    let _watchdog = Watchdog::start("a lost server", Duration::from_secs(60));
    let mut remotes = [0, 1, 2].map(|_| Remote::new());
    let engine = Engine::new();
    for (at, remote) in remotes.iter().enumerate() {
        engine.attach(&format!("remote{at}"), reach(remote, hasty()));
    }
    striped(&engine, &[0, 1, 2].map(|at| format!("remote{at}")));
    let vol = open(&engine, "vol");
    vol.write_at(Sector(0), &[7; 24 * 512], IoFlags::empty())
        .unwrap();
    remotes[1].stop();
    let mut chunk = [0; 8 * 512];
    for round in 0..3 {
        vol.read_at(Sector(0), &mut chunk).unwrap();
        vol.read_at(Sector(16), &mut chunk).unwrap();
        let error = vol.read_at(Sector(8), &mut chunk).unwrap_err();
        assert_eq!(error.errno(), Errno::EIO, "round {round}");
    }
    remotes[1].start();
    thread::sleep(hasty().again);
    vol.read_at(Sector(8), &mut chunk).unwrap();
    assert_eq!(chunk, [7; 8 * 512]);
}

#[test]
fn requests_survive_servers_that_come_and_go() {
    let _watchdog = Watchdog::start("a server that comes and goes", Duration::from_secs(60));
    let mut remote = Remote::new();
    let mut patience = hasty();
    patience.reply = Duration::from_secs(10);
    patience.reconnect = Duration::from_secs(10);
    let dev = reach(&remote, patience);
    let stop = Arc::new(AtomicBool::new(false));
    let writers: Vec<_> = (0..4_u64)
        .map(|number| {
            let (dev, stop) = (dev.clone(), stop.clone());
            thread::spawn(move || {
                let mut rng = fastrand::Rng::with_seed(number);
                let mut done = 0;
                while !stop.load(Ordering::Relaxed) {
                    let at = Sector(number * 1000 + rng.u64(..900));
                    let bytes = random_bytes(&mut rng, 512 * 64);
                    let mut read = vec![0; bytes.len()];
                    dev.write_at(at, &bytes, IoFlags::empty()).unwrap();
                    dev.read_at(at, &mut read).unwrap();
                    assert!(read == bytes, "other bytes came back");
                    done += 1;
                }
                done
            })
        })
        .collect();
    for _ in 0..15 {
        thread::sleep(Duration::from_millis(50));
        remote.stop();
        thread::sleep(Duration::from_millis(10));
        remote.start();
    }
    stop.store(true, Ordering::Relaxed);
    for writer in writers {
        assert!(writer.join().unwrap() > 10);
    }
}

#[test]
fn server_that_does_not_answer_fails_requests_in_time() {
    let _watchdog = Watchdog::start("a silent server", Duration::from_secs(60));
    let remote = Remote::new();
    let dev = reach(&remote, hasty());
    remote.fault.inject(Fault {
        op: Some(IoOp::Read),
        range: Some(SectorRange::from_zero(SectorCount(8))),
        after: 0,
        then: Then::Hold,
        times: None,
    });
    let start = Instant::now();
    let error = dev.read_at(Sector(0), &mut [0; 512]).unwrap_err();
    assert_eq!(error.errno(), Errno::EIO);
    assert!(start.elapsed() < Duration::from_secs(20));
    dev.write_at(Sector(0), &[1; 512], IoFlags::empty())
        .unwrap();
    remote.fault.release();
}

#[test]
fn errors_of_the_server_reach_the_request_that_they_belong_to() {
    let remote = Remote::new();
    let dev = reach(&remote, Patience::DEFAULT);
    remote.fault.inject(Fault {
        op: Some(IoOp::Write),
        range: Some(SectorRange::from_zero(SectorCount(8))),
        after: 0,
        then: Then::Fail(Errno::ENOSPC.into()),
        times: None,
    });
    let error = dev.write_at(Sector(7), &[1; 1024], IoFlags::empty());
    assert_eq!(error.unwrap_err().errno(), Errno::ENOSPC);
    dev.write_at(Sector(8), &[1; 1024], IoFlags::empty())
        .unwrap();
}

#[test]
fn what_is_no_export_is_refused_in_words() {
    let remote = Remote::new();
    let engine = Engine::new();
    let refused = |word: &str| {
        let error = engine.probe(word).unwrap_err();
        (error.errno, error.to_string())
    };
    let (errno, reason) = refused(&remote.uri().replace("/disk", "/nonesuch"));
    assert_eq!(errno, Errno::ENOENT);
    assert!(
        reason.contains("no active device has this name"),
        "{reason}"
    );
    assert_eq!(
        refused("nbd+unix:///disk?socket=/nonexistent").0,
        Errno::ENOENT
    );
    assert_eq!(refused("nbd+unix:///disk").0, Errno::EINVAL);
    let secure = refused("nbds+unix:///disk?socket=/nonexistent");
    assert_eq!(secure.0, Errno::EOPNOTSUPP);
    let number = engine.probe(&remote.uri()).unwrap();
    assert_eq!(number.0, engine.probe(&remote.uri()).unwrap().0);
    assert_eq!(number.1.size, SectorCount(SECTORS));
    assert_eq!(reach(&remote, Patience::DEFAULT).info().size, number.1.size);
}
