//! Many requests at a time, most of which are done on the quick way: each gets its own answer.

use std::fs::{self, File};
use std::io::{Read, Write};
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};

use dm_core::client::Dm;
use dm_core::command::SuspendOptions;
use dm_core::engine::Engine;
use dm_core::nbd::{CommandFlags, CommandKind, NbdErrno};
use dm_tests::nbd_batch::{Batch, connect, request};
use dm_tests::script::{create, name};
use dm_tools::export::nbd::{Server, Service};

const BLOCK: usize = 4096;

struct Served {
    _server: Server,
    engine: Engine,
    folder: tempfile::TempDir,
}

/// An export of a file of `blocks`.
fn serve(blocks: u64) -> Served {
    serve_as(blocks, |service| service)
}

/// The same, as `how` says.
fn serve_as(blocks: u64, how: impl FnOnce(Service) -> Service) -> Served {
    let folder = tempfile::tempdir().unwrap();
    let disk = folder.path().join("disk.img");
    let file = File::create(&disk).unwrap();
    file.set_len(blocks * BLOCK as u64).unwrap();
    let engine = Engine::new();
    let table = format!("0 {} linear {} 0", blocks * 8, disk.display());
    create(&engine, "vol", &table).unwrap();
    let listener = UnixListener::bind(folder.path().join("nbd.sock")).unwrap();
    let _server = Server::start(how(Service::new(engine.clone())), listener).unwrap();
    Served {
        _server,
        engine,
        folder,
    }
}

impl Served {
    fn disk(&self) -> PathBuf {
        self.folder.path().join("disk.img")
    }

    fn socket(&self) -> PathBuf {
        self.folder.path().join("nbd.sock")
    }
}

fn block(byte: usize) -> Vec<u8> {
    vec![byte.to_le_bytes()[0]; BLOCK]
}

fn set_len(path: &Path, bytes: u64) {
    let file = File::options().write(true).open(path).unwrap();
    file.set_len(bytes).unwrap();
}

#[test]
fn eio_of_a_file_reaches_its_request_and_no_other_of_the_batch() {
    let served = serve(64);
    let mut stream = connect(&served.socket(), "vol").unwrap();
    let mut batch = Batch::default();
    for at in 0..64 {
        batch.write((at * BLOCK) as u64, &block(at + 1), CommandFlags::empty());
    }
    assert!(batch.run(&mut stream).unwrap().iter().all(Result::is_ok));
    // Behind its new end the file has nothing to read.
    set_len(&served.disk(), 32 * BLOCK as u64);
    for _ in 0..20 {
        let mut batch = Batch::default();
        let places: Vec<usize> = (0..64).map(|at| at * 37 % 64).collect();
        for at in &places {
            batch.read((at * BLOCK) as u64, BLOCK);
        }
        for (at, answer) in places.iter().zip(batch.run(&mut stream).unwrap()) {
            match at {
                0..32 => assert_eq!(answer.as_deref(), Ok(&block(at + 1)[..]), "block {at}"),
                _ => assert_eq!(answer, Err(NbdErrno::Io), "block {at}"),
            }
        }
    }
    set_len(&served.disk(), 64 * BLOCK as u64);
    let mut batch = Batch::default();
    batch.read(63 * BLOCK as u64, BLOCK);
    assert_eq!(batch.run(&mut stream).unwrap(), [Ok(block(0))]);
}

#[test]
fn large_reads_come_whole_from_memory_and_from_the_disk_and_fail_alone() {
    read_large(&serve(1024));
}

#[test]
fn large_reads_that_are_lent_come_whole_and_fail_alone() {
    read_large(&serve_as(1024, Service::steady));
}

#[test]
fn what_was_read_before_a_suspend_is_what_the_client_takes_after_it() {
    const LENGTH: usize = 128 << 10;
    let served = serve(64);
    fs::write(served.disk(), vec![1; 64 * BLOCK]).unwrap();
    let mut stream = connect(&served.socket(), "vol").unwrap();
    let read = request(CommandKind::Read, 0, 0, LENGTH as u64);
    stream.write_all(&read).unwrap();
    let mut head = [0; 16];
    stream.read_exact(&mut head).unwrap();
    let dm = Dm::new(served.engine.clone());
    dm.suspend(name("vol"), SuspendOptions::default()).unwrap();
    fs::write(served.disk(), vec![2; 64 * BLOCK]).unwrap();
    let mut data = vec![0; LENGTH];
    stream.read_exact(&mut data).unwrap();
    assert!(data.iter().all(|byte| *byte == 1));
}

#[test]
fn large_writes_are_stored_whole_and_fail_alone() {
    const LARGE: usize = 256 << 10;
    const ERROR: std::ops::Range<usize> = 8000 * 512..8008 * 512;
    const END: usize = 16_000 * 512;
    let served = serve(2000);
    let disk = served.disk();
    let file = disk.display();
    let table = format!("0 8000 linear {file} 0\n8000 8 error\n8008 7992 linear {file} 8008");
    create(&served.engine, "broken", &table).unwrap();
    let mut stream = connect(&served.socket(), "broken").unwrap();
    let mut model = vec![0; END];
    let mut rng = fastrand::Rng::with_seed(3);
    for _ in 0..60 {
        let (mut batch, mut expected) = (Batch::default(), Vec::new());
        for _ in 0..rng.usize(1..6) {
            let length = [LARGE, LARGE + 512, 64 << 10, 512, 1 << 20, 100 << 10][rng.usize(..6)];
            let at = rng.usize(..=(END - length) / 512) * 512;
            let fails = at < ERROR.end && at + length > ERROR.start;
            // How much of one that fails is stored is nobody's to know: it brings what is there.
            if !fails {
                model[at..at + length].fill_with(|| rng.u8(..));
            }
            batch.write(at as u64, &model[at..at + length], CommandFlags::empty());
            expected.push(match fails {
                true => Err(NbdErrno::Io),
                false => Ok(Vec::new()),
            });
        }
        assert_eq!(batch.run(&mut stream).unwrap(), expected);
    }
    assert!(fs::read(&disk).unwrap() == model);
}

#[test]
fn large_write_that_comes_in_very_small_pieces_is_stored() {
    const LENGTH: usize = 64 << 10;
    let served = serve(64);
    let mut stream = connect(&served.socket(), "vol").unwrap();
    let bytes: Vec<u8> = (0..3 * LENGTH)
        .map(|at| (at % 251).to_le_bytes()[0])
        .collect();
    for (at, data) in bytes.chunks(LENGTH).enumerate() {
        let head = request(CommandKind::Write, 0, (at * LENGTH) as u64, LENGTH as u64);
        stream.write_all(&head).unwrap();
        // More of them than a pipe holds.
        for piece in data.chunks(7) {
            stream.write_all(piece).unwrap();
        }
        stream.read_exact(&mut [0; 16]).unwrap();
    }
    assert!(fs::read(served.disk()).unwrap()[..3 * LENGTH] == bytes);
}

fn read_large(served: &Served) {
    const LARGE: usize = 256 << 10;
    let mut stream = connect(&served.socket(), "vol").unwrap();
    let content: Vec<u8> = (0..8 * LARGE)
        .map(|at| (at % 4093).to_le_bytes()[0])
        .collect();
    // A hole behind what is written.
    let mut disk = content.clone();
    disk.resize(1024 * BLOCK, 0);
    let mut batch = Batch::default();
    for (at, bytes) in content.chunks(LARGE).enumerate() {
        batch.write((at * LARGE) as u64, bytes, CommandFlags::empty());
    }
    assert!(batch.run(&mut stream).unwrap().iter().all(Result::is_ok));
    // Of all lengths, from within pages, and over the beginning of the hole.
    let places: Vec<(usize, usize)> = (0..64)
        .map(|at| {
            let length = [64 << 10, 4096, LARGE, LARGE + 512, 1 << 20, 68 << 10][at % 6];
            ((at * 61 * 512) % (10 * LARGE), length)
        })
        .collect();
    for forgotten in [false, true] {
        if forgotten {
            let file = File::open(served.disk()).unwrap();
            file.sync_all().unwrap();
            // NetBSD can not be told to forget.
            #[cfg(target_os = "linux")]
            rustix::fs::fadvise(&file, 0, None, rustix::fs::Advice::DontNeed).unwrap();
        }
        for _ in 0..3 {
            let mut batch = Batch::default();
            for (at, length) in &places {
                batch.read(*at as u64, *length);
            }
            for ((at, length), answer) in places.iter().zip(batch.run(&mut stream).unwrap()) {
                let answer = answer.unwrap();
                assert!(answer == disk[*at..at + length], "{length} bytes at {at}");
            }
        }
    }
    // Behind its new end the file has nothing to read.
    set_len(&served.disk(), 4 * LARGE as u64);
    let mut batch = Batch::default();
    for at in 0..8 {
        batch.read((at * LARGE) as u64, LARGE);
    }
    for (at, answer) in batch.run(&mut stream).unwrap().into_iter().enumerate() {
        match at {
            0..4 => assert!(answer.unwrap() == disk[at * LARGE..][..LARGE], "{at}"),
            _ => assert_eq!(answer, Err(NbdErrno::Io), "{at}"),
        }
    }
}

#[test]
fn reading_ahead_brings_no_bytes_and_fails_behind_the_end() {
    let served = serve(64);
    let mut stream = connect(&served.socket(), "vol").unwrap();
    let mut batch = Batch::default();
    batch.write(0, &block(3), CommandFlags::empty());
    batch.cache(0, 64 * BLOCK as u64);
    batch.cache(100, 1000);
    batch.cache(63 * BLOCK as u64, 2 * BLOCK as u64);
    batch.read(0, BLOCK);
    let answers = batch.run(&mut stream).unwrap();
    let none = || Ok(Vec::new());
    let outside = Err(NbdErrno::Invalid);
    assert_eq!(answers, [none(), none(), none(), outside, Ok(block(3))]);
}

#[test]
fn write_of_part_of_a_block_loses_nothing_of_a_whole_one_in_its_batch() {
    let served = serve(64);
    let mut streams = [0, 1].map(|_| connect(&served.socket(), "vol").unwrap());
    for round in 1..200_usize {
        let whole = block(round % 100 + 100);
        let part = vec![(round % 100).to_le_bytes()[0]; 100];
        // Durable writes go the long way, behind which the partial one could overtake.
        let flags = match round % 2 {
            0 => CommandFlags::FUA,
            _ => CommandFlags::empty(),
        };
        std::thread::scope(|scope| {
            for (at, stream) in streams.iter_mut().enumerate() {
                let (whole, part) = (&whole, &part);
                scope.spawn(move || {
                    let mut batch = Batch::default();
                    for at in 0..8 {
                        batch.write((at * BLOCK) as u64, whole, flags);
                    }
                    for within in 0..8 {
                        let at = within * BLOCK + 300 * at + 50;
                        batch.write(at as u64, part, CommandFlags::empty());
                    }
                    let answers = batch.run(stream).unwrap();
                    assert!(answers.iter().all(Result::is_ok));
                });
            }
        });
        let disk = fs::read(served.disk()).unwrap();
        for (at, byte) in disk[..8 * BLOCK].iter().enumerate() {
            let partly = matches!(at % BLOCK, 50..150 | 350..450);
            let allowed = *byte == whole[0] || (partly && *byte == part[0]);
            assert!(allowed, "round {round}: byte {at} is {byte}");
        }
    }
}
