//! The programs that people use: nbdcopy, qemu-img, qemu-io, fio, nbdfuse, and file systems' own.

use std::fs;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Instant;

use dm_core::client::Dm;
use dm_core::command::{LockFs, SuspendOptions};
use dm_core::errno::Errno;
use dm_core::target::FlushMode;
use dm_tests::model::{Content, Mix, Stack, random_bytes};
use dm_tests::script::{create, load, name};
use dm_tests::tools::{find, run};

use crate::{Served, text};

#[test]
fn nbdcopy_and_qemu_img_see_random_tables_as_the_model_does() {
    let (Some(_), Some(_)) = (find("nbdcopy"), find("qemu-img")) else {
        return;
    };
    for seed in 0..25 {
        let mut rng = fastrand::Rng::with_seed(seed);
        let served = Served::new();
        let word = |at: usize| text(&served.path(&format!("disk{at}.img"))).to_owned();
        let stack = Stack::random(&mut rng, Mix::Storing, 60, &word);
        let mut content = Content::random(&mut rng, &stack);
        for (at, bytes) in content.0.iter().enumerate() {
            fs::write(word(at), bytes).unwrap();
        }
        for device in &stack.devices {
            create(&served.engine, &device.name, &device.table).unwrap();
        }
        let top = stack.top();
        let (uri, out) = (served.uri(&top.name), served.path("out"));
        let read = || {
            run(find("nbdcopy").unwrap().args([&uri, text(&out)]));
            fs::read(&out).unwrap()
        };
        let whole = content.read(top, 0, top.places.len()).unwrap();
        assert!(read() == whole, "seed {seed}: nbdcopy reads other bytes");
        let (bytes, source) = (random_bytes(&mut rng, whole.len()), served.path("source"));
        fs::write(&source, &bytes).unwrap();
        run(find("nbdcopy")
            .unwrap()
            .args(["--flush", text(&source), &uri]));
        content.write(top, 0, &bytes);
        let wanted = content.read(top, 0, top.places.len()).unwrap();
        assert!(
            read() == wanted,
            "seed {seed}: nbdcopy reads not what it wrote"
        );
        fs::write(&source, &wanted).unwrap();
        run(find("qemu-img").unwrap().args([
            "compare",
            "-f",
            "raw",
            "-F",
            "raw",
            text(&source),
            &uri,
        ]));
        for (at, base) in content.0.iter().enumerate() {
            assert!(
                fs::read(word(at)).unwrap() == *base,
                "seed {seed}: base {at} differs"
            );
        }
    }
}

#[test]
fn filesystem_made_outside_checks_clean_through_stripes() {
    let (Some(mut mkfs), Some(mut fsck), Some(mut copy)) =
        (find("mkfs.ext4"), find("e2fsck"), find("nbdcopy"))
    else {
        return;
    };
    let served = Served::new();
    let disks: Vec<String> = (0..3)
        .map(|at| served.disk(&format!("disk{at}.img"), 16 << 20))
        .collect();
    let striped = disks
        .iter()
        .map(|disk| format!("{disk} 64"))
        .collect::<Vec<_>>()
        .join(" ");
    create(
        &served.engine,
        "vol",
        &format!("0 89856 striped 3 16 {striped}"),
    )
    .unwrap();
    let (source, out) = (served.path("source"), served.path("out"));
    fs::File::create(&source)
        .unwrap()
        .set_len(89856 * 512)
        .unwrap();
    run(mkfs.args(["-q", "-d", env!("CARGO_MANIFEST_DIR"), text(&source)]));
    run(copy.args([text(&source), &served.uri("vol")]));
    run(find("nbdcopy")
        .unwrap()
        .args([&served.uri("vol"), text(&out)]));
    run(fsck.args(["-f", "-n", text(&out)]));
    assert!(fs::read(&source).unwrap() == fs::read(&out).unwrap());
}

#[test]
fn nbdcopy_of_a_file_that_ends_within_a_sector_does_not_fail() {
    let Some(mut copy) = find("nbdcopy") else {
        return;
    };
    let served = Served::new();
    let disk = served.disk("disk.img", 1 << 20);
    create(&served.engine, "vol", &format!("0 2048 linear {disk} 0")).unwrap();
    let mut client = served.client("vol");
    client.write(700 * 1000 / 512 * 512, &[9; 4096]).unwrap();
    let bytes = random_bytes(&mut fastrand::Rng::with_seed(1), 700 * 1000);
    let source = served.path("source");
    fs::write(&source, &bytes).unwrap();
    run(copy.args([text(&source), &served.uri("vol")]));
    let mut read = vec![0; bytes.len()];
    client.read(0, &mut read).unwrap();
    assert!(read == bytes);
    // What lies behind the file's end in its last sector stays.
    let mut behind = [0; 100];
    client.read(700 * 1000, &mut behind).unwrap();
    assert_eq!(behind, [9; 100]);
    client.write_zeroes(1, 1000).unwrap();
    client.read(0, &mut read).unwrap();
    assert!(read[0] == bytes[0] && read[1..1001] == [0; 1000] && read[1001..] == bytes[1001..]);
    client.trim(511, 2).unwrap();
    let error = client.read((1 << 20) - 1, &mut [0; 2]).unwrap_err();
    assert_eq!(Errno::from(&error), Errno::EINVAL);
}

#[test]
fn qemu_io_writes_zeroes_discards_and_sees_holes() {
    let (Some(mut io), Some(mut map)) = (find("qemu-io"), find("nbdinfo")) else {
        return;
    };
    let served = Served::new();
    let disk = served.disk("disk.img", 8 << 20);
    create(
        &served.engine,
        "vol",
        &format!("0 8192 linear {disk} 0\n8192 2048 zero"),
    )
    .unwrap();
    let steps = [
        "write -P 5 0 4M",
        "write -z -u 64k 64k",
        "write -z 1M 1M",
        "discard 2M 1M",
        "read -P 5 0 64k",
        "read -P 0 64k 64k",
        "read -P 0 1M 1M",
        "read -P 5 3M 1M",
        "read -P 0 4M 1M",
        "flush",
        "write -f -P 9 512 512",
        "read -P 9 512 512",
    ];
    io.args(["-f", "raw"]);
    for step in steps {
        io.args(["-c", step]);
    }
    let said = run(io.arg(served.uri("vol")));
    let said = String::from_utf8_lossy(&said.stdout);
    assert!(
        !said.contains("failed") && !said.contains("Pattern"),
        "{said}"
    );
    let shown = run(map.args(["--map", "--json", &served.uri("vol")]));
    let shown = String::from_utf8_lossy(&shown.stdout);
    assert!(shown.contains("\"type\": 3"), "a hole shows: {shown}");
    assert!(shown.contains("\"type\": 0"), "data shows: {shown}");
}

#[test]
fn fio_verifies_what_it_wrote_under_live_swaps_suspends_and_new_connections() {
    if find("fio").is_none() {
        return;
    }
    let served = Served::new();
    let disk = served.disk("disk.img", 32 << 20);
    let tables = [
        format!("0 65536 linear {disk} 0"),
        format!("0 32768 linear {disk} 0\n32768 32768 striped 1 8 {disk} 32768"),
    ];
    create(&served.engine, "vol", &tables[0]).unwrap();
    let stop = Arc::new(AtomicBool::new(false));
    let swapper = {
        let (engine, stop, tables) = (served.engine.clone(), stop.clone(), tables.clone());
        thread::spawn(move || {
            let (dm, mut round) = (Dm::new(engine.clone()), 0);
            while !stop.load(Ordering::Relaxed) {
                let flush = match round % 3 {
                    0 => FlushMode::NoFlush,
                    _ => FlushMode::Flush,
                };
                let options = SuspendOptions::new(flush, LockFs::Skip);
                load(&engine, "vol", &tables[round % 2]).unwrap();
                if round % 4 > 1 {
                    dm.suspend(name("vol"), options).unwrap();
                    thread::sleep(std::time::Duration::from_micros(300));
                }
                dm.resume(name("vol"), options).unwrap();
                round += 1;
                thread::sleep(std::time::Duration::from_millis(5));
            }
            round
        })
    };
    // A run is a connection; the long mode has as many as fit its time.
    let seconds = std::env::var("DM_EXPORT_SECONDS").map_or(0, |text| text.parse().unwrap());
    let first: u32 = std::env::var("DM_EXPORT_SEED").map_or(1, |text| text.parse().unwrap());
    let (begin, mut runs) = (Instant::now(), 0);
    while runs < 3 || begin.elapsed().as_secs() < seconds {
        verify(&served, first + runs);
        runs += 1;
    }
    println!(
        "verified: {runs} runs in {} s, {} MiB",
        begin.elapsed().as_secs(),
        u64::from(runs) * VERIFIED_MIB
    );
    stop.store(true, Ordering::Relaxed);
    assert!(
        swapper.join().unwrap() > 10,
        "the table was swapped while fio ran"
    );
}

/// How much a run writes and reads.
const VERIFIED_MIB: u64 = 24;

/// Lets fio write, and read what it wrote, all over a device of 32 MiB.
fn verify(served: &Served, seed: u32) {
    run(find("fio").unwrap().args([
        "--name=verify",
        "--ioengine=nbd",
        &format!("--uri={}", served.uri("vol")),
        "--rw=randrw",
        "--bsrange=512-64k",
        "--blockalign=512",
        "--size=32M",
        &format!("--io_size={VERIFIED_MIB}M"),
        "--iodepth=32",
        "--verify=crc32c",
        "--verify_fatal=1",
        &format!("--randseed={seed}"),
        "--verify_state_save=0",
    ]));
}

/// What ends the mount of nbdfuse, however the test ends.
struct Mounted(PathBuf, std::process::Child);

impl Drop for Mounted {
    fn drop(&mut self) {
        let _ = std::process::Command::new("umount").arg(&self.0).status();
        let _ = self.1.wait();
    }
}

#[test]
fn nbdfuse_shows_a_device_as_a_file() {
    let Some(mut nbdfuse) = find("nbdfuse") else {
        return;
    };
    if !Path::new("/dev/fuse").exists() || !rustix::process::geteuid().is_root() {
        eprintln!("SKIPPED: nbdfuse takes /dev/fuse, and root where there is no fusermount3");
        return;
    }
    let served = Served::new();
    let disk = served.disk("disk.img", 4 << 20);
    create(&served.engine, "vol", &format!("0 4096 linear {disk} 8")).unwrap();
    let file = served.path("mounted");
    fs::write(&file, "").unwrap();
    let mut child = nbdfuse.arg(&file).arg(served.uri("vol")).spawn().unwrap();
    while fs::metadata(&file).unwrap().len() == 0 {
        assert!(child.try_wait().unwrap().is_none(), "nbdfuse ended");
        thread::sleep(std::time::Duration::from_millis(10));
    }
    let mounted = Mounted(file.clone(), child);
    assert_eq!(fs::metadata(&file).unwrap().len(), 4096 * 512);
    let bytes: Vec<u8> = (0..300_000_u32)
        .map(|at| (at % 251).to_le_bytes()[0])
        .collect();
    let opened = fs::File::options()
        .read(true)
        .write(true)
        .open(&file)
        .unwrap();
    opened.write_all_at(&bytes, 1000).unwrap();
    opened.sync_all().unwrap();
    let mut read = vec![0; bytes.len()];
    opened.read_exact_at(&mut read, 1000).unwrap();
    assert!(read == bytes);
    drop((opened, mounted));
    let stored = fs::read(&disk).unwrap();
    assert!(stored[8 * 512 + 1000..][..bytes.len()] == bytes);
}
