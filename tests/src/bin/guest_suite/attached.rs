//! The daemon's devices as block devices of this kernel. `DM_KILLS=10` kills the daemon so often under
//! load, and not once.

use std::fs::{self, File};
use std::path::Path;
use std::process::{Child, Command};
use std::thread;
use std::time::{Duration, Instant};

use crate::exports::{has_ublk, keep_files};
use crate::shell::{command, equal, read_at, run, write, write_at};

const FOLDER: &str = "/run/attached";
const FILE: &str = "/run/attached.img";
const MOUNTED: &str = "/run/attached.mounted";
const SECTORS: u64 = 65536;

/// A daemon of its own, whose block devices and file are gone when it is dropped.
struct Daemon;

impl Daemon {
    fn start() -> Result<Daemon, String> {
        let file = File::create(FILE).and_then(|file| file.set_len((SECTORS + 16) << 9));
        file.map_err(|error| format!("{FILE}: {error}"))?;
        fs::create_dir_all(MOUNTED).map_err(|error| format!("{MOUNTED}: {error}"))?;
        dmctl(&["daemon"])?;
        Ok(Daemon)
    }

    /// Its process.
    fn pid(&self) -> Result<u32, String> {
        let status = dmctl(&["daemon", "--status"])?;
        let line = status.lines().find_map(|line| line.strip_prefix("Pid:"));
        let pid = line.and_then(|pid| pid.trim().parse().ok());
        pid.ok_or_else(|| format!("no pid in {status}"))
    }

    /// Kills it, and what it had under way.
    fn die(&self) -> Result<(), String> {
        run(&format!("kill -KILL {}", self.pid()?)).map(drop)
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        let _ = run(&format!("umount {MOUNTED}"));
        let _ = tried(&["detach", "--force", "-S", "open>0"]);
        let _ = tried(&["daemon", "--stop", "--hold"]);
        let _ = fs::remove_file(FILE);
    }
}

/// What dmctl says on stdout and stderr, and whether it does what it is told.
fn tried(words: &[&str]) -> Result<(bool, String, String), String> {
    let mut dmctl = Command::new("dmctl");
    dmctl.args(words).env("DM_RUNTIME_DIR", FOLDER);
    command(dmctl.env("DM_BACKEND", "engine"))
}

fn dmctl(words: &[&str]) -> Result<String, String> {
    let (done, stdout, stderr) = tried(words)?;
    match done {
        true => Ok(stdout),
        false => Err(format!("dmctl {words:?}: {stderr}")),
    }
}

/// dmctl must refuse, and say why.
fn refused(words: &[&str], why: &str) -> Result<(), String> {
    let (done, _, stderr) = tried(words)?;
    match !done && stderr.contains(why) {
        true => Ok(()),
        false => Err(format!(
            "dmctl {words:?} is not refused with {why:?}: {stderr}"
        )),
    }
}

fn is_there(path: &str) -> bool {
    fs::symlink_metadata(path).is_ok()
}

/// How many requests of the block device are answered.
fn counted() -> u64 {
    let stat = fs::read_to_string("/sys/block/ublkb0/stat").unwrap_or_default();
    let fields = stat.split_whitespace();
    let fields = fields.map(|word| word.parse::<u64>().unwrap_or(0));
    // Reads are the first field, writes the fifth.
    fields.step_by(4).take(2).sum()
}

/// Waits until more requests are answered, and others under way.
fn busy(load: &mut Child) -> Result<(), String> {
    let before = counted();
    while counted() < before + 40 {
        if let Some(status) = load.try_wait().map_err(|error| error.to_string())? {
            return Err(format!("fio ended early: {status}"));
        }
        thread::sleep(Duration::from_millis(5));
    }
    Ok(())
}

/// There must be requests that are not answered.
fn in_flight() -> Result<(), String> {
    let path = "/sys/block/ublkb0/inflight";
    let text = fs::read_to_string(path).map_err(|error| format!("{path}: {error}"))?;
    match text.split_whitespace().all(|count| count == "0") {
        true => Err("no request is under way".into()),
        false => Ok(()),
    }
}

fn size_of(device: &str) -> Result<String, String> {
    let path = format!("/sys/block/{device}/size");
    let size = fs::read_to_string(&path).map_err(|error| format!("{path}: {error}"))?;
    Ok(size.trim().to_owned())
}

/// A device of the daemon's is a block device that is mounted: its table is swapped, its io is held,
/// its daemon is killed under load, and it goes on.
pub(crate) fn device_outlives_its_daemon() -> Result<(), String> {
    if !has_ublk() {
        return Ok(());
    }
    let daemon = Daemon::start()?;
    let whole = format!("0 {SECTORS} linear {FILE} 8");
    dmctl(&["create", "first", "--table", &whole])?;
    equal(
        "the path",
        dmctl(&["attach", "first"])?.trim(),
        "/dev/mapper/first",
    )?;
    equal("the size", &size_of("ublkb0")?, &SECTORS.to_string())?;
    refused(&["attach", "first"], "the device is attached already")?;
    refused(
        &["remove", "first"],
        "hint: it is attached as /dev/ublkb0: dmctl detach first",
    )?;
    write("/dev/mapper/taken", b"no device")?;
    let other = refused(&["rename", "first", "taken"], "it is there already");
    fs::remove_file("/dev/mapper/taken").map_err(|error| error.to_string())?;
    other?;
    dmctl(&["rename", "first", "vol0"])?;
    equal(
        "the old name",
        &is_there("/dev/mapper/first").to_string(),
        "false",
    )?;
    let node = "/dev/mapper/vol0";
    keep_files(node)?;
    run(&format!("mount -t ext4 {node} {MOUNTED}"))?;
    refused(&["detach", "vol0"], "/dev/ublkb0 is mounted")?;
    refused(&["daemon", "--stop"], "/dev/ublkb0 is mounted")?;
    under_load(&daemon)?;
    run(&format!("umount {MOUNTED}"))?;
    run(&format!("e2fsck -f -n {node}"))?;
    forced_detach_is_like_a_pulled_plug(node)?;
    let more = format!("0 {} linear {FILE} 8", SECTORS + 8);
    dmctl(&["load", "vol0", "--table", &more])?;
    dmctl(&["resume", "vol0"])?;
    let status = dmctl(&["daemon", "--status"])?;
    let told = status.contains("keeps its 65536 sectors");
    let follows = size_of("ublkb0")? == (SECTORS + 8).to_string();
    equal("told or followed", &(told != follows).to_string(), "true")?;
    // One that nobody uses ends with its daemon, and comes back.
    dmctl(&["daemon", "--stop"])?;
    equal(
        "the block device",
        &is_there("/dev/ublkb0").to_string(),
        "false",
    )?;
    equal("the name", &is_there(node).to_string(), "false")?;
    dmctl(&["daemon", "--restore"])?;
    equal("the size", &size_of("ublkb0")?, &(SECTORS + 8).to_string())?;
    // Its last user is gone when it is detached, also by another daemon.
    dmctl(&["remove", "--deferred", "vol0"])?;
    daemon.die()?;
    dmctl(&["daemon", "--restore"])?;
    dmctl(&["detach", "vol0"])?;
    equal("the name", &is_there(node).to_string(), "false")?;
    equal("the devices", &dmctl(&["ls"])?, "No devices found\n")
}

/// What fio reads in a file of the mounted file system is what it wrote, whatever happens meanwhile.
fn under_load(daemon: &Daemon) -> Result<(), String> {
    let kills = std::env::var("DM_KILLS").ok();
    let kills: u64 = kills.and_then(|kills| kills.parse().ok()).unwrap_or(1);
    let loops = 1 + kills / 3;
    // It thinks, so that there is time for all of it however fast the guest is.
    let verify = format!(
        "--name=verify --filename={MOUNTED}/verify --direct=1 --rw=randrw --bsrange=4k-64k --size=12M \
         --loops={loops} --thinktime=20ms --thinktime_blocks=4 --verify=crc32c --verify_fatal=1 \
         --verify_state_save=0 --ioengine=libaio --iodepth=16 \
         --thread --output=/dev/null"
    );
    let mut load = Command::new("fio");
    let load = load.args(verify.split_whitespace()).spawn();
    let mut load = load.map_err(|error| error.to_string())?;
    let mut meanwhile = || {
        busy(&mut load)?;
        dmctl(&["suspend", "vol0"])?;
        // What is held is neither lost nor answered.
        thread::sleep(Duration::from_millis(200));
        in_flight()?;
        let held = counted();
        thread::sleep(Duration::from_millis(500));
        equal(
            "requests of a suspended device",
            &counted().to_string(),
            &held.to_string(),
        )?;
        refused(&["detach", "--force", "vol0"], "the device is suspended")?;
        dmctl(&["resume", "vol0"])?;
        busy(&mut load)?;
        let half = SECTORS / 2;
        let halves = format!(
            "0 {half} linear {FILE} 8\n{half} {half} linear {FILE} {}",
            half + 8
        );
        dmctl(&["load", "vol0", "--table", &halves])?;
        dmctl(&["resume", "vol0"])?;
        for kill in 0..kills {
            busy(&mut load)?;
            thread::sleep(Duration::from_millis(kill * 7));
            daemon.die()?;
            let ended = load.try_wait().map_err(|error| error.to_string())?;
            equal("fio's end without a daemon", &format!("{ended:?}"), "None")?;
            dmctl(&["daemon", "--restore"])?;
        }
        // Another daemon in its place, in order.
        busy(&mut load)?;
        dmctl(&["daemon", "--stop", "--hold"])?;
        equal(
            "the block device",
            &is_there("/dev/ublkb0").to_string(),
            "true",
        )?;
        dmctl(&["daemon", "--restore"]).map(drop)
    };
    let done = meanwhile();
    let status = load.wait().map_err(|error| error.to_string())?;
    done?;
    equal("fio's end", &status.to_string(), "exit status: 0")
}

/// A file system whose block device is taken away fails, and is whole when it comes back.
fn forced_detach_is_like_a_pulled_plug(node: &str) -> Result<(), String> {
    run(&format!("mount -t ext4 {node} {MOUNTED}"))?;
    write(&format!("{MOUNTED}/last"), b"not written out yet")?;
    dmctl(&["detach", "--force", "vol0"])?;
    let read = fs::read(format!("{MOUNTED}/verify")).is_ok();
    run(&format!("umount {MOUNTED}"))?;
    equal("a read without a device", &read.to_string(), "false")?;
    dmctl(&["attach", "vol0"])?;
    run(&format!("mount -t ext4 {node} {MOUNTED}"))?;
    run(&format!("umount {MOUNTED}"))?;
    run(&format!("e2fsck -f -n {node}")).map(drop)
}

/// A device whose key is in no journal has its block device again once it has its table; who reads
/// it waits meanwhile.
pub(crate) fn keyed_device_is_adopted_with_its_key() -> Result<(), String> {
    if !has_ublk() {
        return Ok(());
    }
    let daemon = Daemon::start()?;
    let table = format!(
        "0 2048 crypt aes-xts-plain64 {} 0 {FILE} 8",
        "17".repeat(64)
    );
    dmctl(&["create", "key0", "--table", &table])?;
    dmctl(&["attach", "key0"])?;
    let node = "/dev/mapper/key0";
    write_at(node, 1024, &[7; 512])?;
    daemon.die()?;
    // A daemon that starts without devices says what it does not serve.
    let status = dmctl(&["daemon"]).and_then(|_| dmctl(&["daemon", "--status"]))?;
    let left = status.contains("key0: /dev/ublkb0 of the daemon before holds its requests");
    equal("what is left is said", &left.to_string(), "true")?;
    dmctl(&["daemon", "--stop"])?;
    refused(
        &["daemon", "--restore"],
        "key0: suspended until its key is loaded",
    )?;
    let reader = thread::spawn(move || read_at(node, 1024, 512));
    thread::sleep(Duration::from_millis(300));
    equal(
        "a read that waits",
        &reader.is_finished().to_string(),
        "false",
    )?;
    dmctl(&["load", "key0", "--table", &table])?;
    dmctl(&["resume", "key0"])?;
    let read = reader.join().map_err(|_| "the reader panicked")??;
    equal(
        "what is read",
        &format!("{read:?}"),
        &format!("{:?}", [7; 512]),
    )?;
    // A removal by force takes the block device with it.
    dmctl(&["remove", "--force", "key0"])?;
    let end = Instant::now() + Duration::from_secs(10);
    while Path::new("/dev/ublkb0").exists() {
        if Instant::now() > end {
            return Err("/dev/ublkb0 outlives its device".into());
        }
        thread::sleep(Duration::from_millis(20));
    }
    drop(daemon);
    Ok(())
}
