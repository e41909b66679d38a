//! Our exports, as the kernel's own drivers use them.

use std::fs::{self, File};
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use crate::shell::{command, create, equal, read_at, run, write_at};

const FILE: &str = "/run/export.img";
const SOCKET: &str = "/run/export.sock";

/// Where the device begins in the file.
const OFFSET: u64 = 8 << 9;
const SIZE: u64 = 32 << 20;

/// `dmctl run`, killed when it is dropped.
struct Serving(Child);

impl Serving {
    /// Serves a new file of zeroes.
    fn start(words: &[&str], shown: &str) -> Result<Serving, String> {
        let file = File::create(FILE).map_err(|error| error.to_string())?;
        file.set_len(OFFSET + SIZE)
            .map_err(|error| error.to_string())?;
        Serving::again(words, shown)
    }

    /// Serves the file as it is. The first line that the server prints is `shown`.
    fn again(words: &[&str], shown: &str) -> Result<Serving, String> {
        let table = format!("0 {} linear {FILE} 8", SIZE / 512);
        Serving::of_table(&table, words, shown)
    }

    fn of_table(table: &str, words: &[&str], shown: &str) -> Result<Serving, String> {
        let failed = |error: std::io::Error| error.to_string();
        let mut child = Command::new("dmctl")
            .args(["run", "--table", table, "--name", "disk"])
            .args(words)
            .stdout(Stdio::piped())
            .spawn()
            .map_err(failed)?;
        let stdout = child.stdout.take().ok_or("dmctl has no stdout")?;
        let serving = Serving(child);
        let mut line = String::new();
        let read = BufReader::new(stdout).read_line(&mut line);
        read.map_err(failed)?;
        equal("what dmctl says", line.trim(), shown)?;
        Ok(serving)
    }

    /// Asks it to end, and waits until it has.
    fn end(mut self) -> Result<(), String> {
        run(&format!("kill -TERM {}", self.0.id()))?;
        let status = self.0.wait().map_err(|error| error.to_string())?;
        equal("its end", &status.to_string(), "exit status: 0")
    }

    /// Kills it, and what it had under way.
    fn die(mut self) -> Result<(), String> {
        let failed = |error: std::io::Error| error.to_string();
        self.0.kill().map_err(failed)?;
        self.0.wait().map(drop).map_err(failed)?;
        // The file stays.
        std::mem::forget(self);
        Ok(())
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
        let _ = fs::remove_file(FILE);
        let _ = fs::remove_file(SOCKET);
    }
}

/// The kernel's nbd driver finds the export's size, and reads what it wrote to it.
pub(crate) fn kernel_nbd_reads_what_it_wrote() -> Result<(), String> {
    let shown = format!("nbd+unix:///disk?socket={SOCKET}");
    let _serving = Serving::start(&["--socket", SOCKET], &shown)?;
    run(&format!(
        "nbd-client -unix {SOCKET} /dev/nbd0 -N disk -b 512"
    ))?;
    let used = use_device();
    let ended = run("nbd-client -d /dev/nbd0");
    used.and(ended.map(drop))
}

/// A block device of the ublk driver's keeps what is written to it, also when its server is killed
/// in the midst and another one comes, and goes with its server's orderly end.
pub(crate) fn ublk_device_outlives_its_server() -> Result<(), String> {
    if !has_ublk() {
        return Ok(());
    }
    let (words, node) = (["--ublk=0"], "/dev/mapper/disk");
    let serving = Serving::start(&words, node)?;
    let size = fs::read_to_string("/sys/block/ublkb0/size").map_err(|error| error.to_string())?;
    equal("the size", size.trim(), &(SIZE / 512).to_string())?;
    write_at(node, 1024, &[7; 512])?;
    holds(7)?;
    run(&format!("blkdiscard {node}"))?;
    holds(0)?;
    let table = format!("0 {} linear {FILE} 8", SIZE / 512);
    let mut second = Command::new("dmctl");
    second.args(["run", "--table", &table, "--name", "disk", "--ublk=0"]);
    let (done, _, said) = command(&mut second)?;
    if done || !said.contains("the device is served already") {
        return Err(format!("a second server: {said}"));
    }
    keep_files(node)?;
    let verify = format!(
        "fio --name=verify --filename={node} --direct=1 --rw=randrw --bsrange=512-64k --size=32M \
         --io_size=4M --verify=crc32c --verify_fatal=1 --verify_state_save=0 --ioengine=libaio \
         --iodepth=16 --thread --output=/dev/null"
    );
    let counted = || {
        let stat = fs::read_to_string("/sys/block/ublkb0/stat").unwrap_or_default();
        let fields = stat
            .split_whitespace()
            .map(|word| word.parse::<u64>().unwrap_or(0));
        fields.take(5).sum::<u64>()
    };
    let before = counted();
    let mut words_of_fio = verify.split_whitespace();
    let mut load = Command::new(words_of_fio.next().unwrap_or_default())
        .args(words_of_fio)
        .spawn()
        .map_err(|error| error.to_string())?;
    // Requests are under way.
    while counted() < before + 200 {
        if let Some(status) = load.try_wait().map_err(|error| error.to_string())? {
            return Err(format!("fio ended early: {status}"));
        }
    }
    serving.die()?;
    let serving = Serving::again(&words, node)?;
    let status = load.wait().map_err(|error| error.to_string())?;
    equal("fio's end", &status.to_string(), "exit status: 0")?;
    keep_files(node)?;
    serving.end()?;
    equal(
        "what is left",
        &Path::new("/dev/ublkb0").exists().to_string(),
        "false",
    )?;
    equal(
        "the name",
        &fs::symlink_metadata(node).is_ok().to_string(),
        "false",
    )
}

/// Whether the kernel has the driver; if not, says so.
pub(crate) fn has_ublk() -> bool {
    if Path::new("/dev/ublk-control").exists() {
        return true;
    }
    let release = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    println!("SKIPPED: Linux {} has no ublk driver", release.trim());
    false
}

fn use_device() -> Result<(), String> {
    let size = fs::read_to_string("/sys/block/nbd0/size").map_err(|error| error.to_string())?;
    equal("the size", size.trim(), &(SIZE / 512).to_string())?;
    write_at("/dev/nbd0", 1024, &[7; 512])?;
    holds(7)?;
    run(
        "fio --name=verify --filename=/dev/nbd0 --direct=1 --rw=randrw --bsrange=512-64k \
         --size=32M --io_size=4M --verify=crc32c --verify_fatal=1 --verify_state_save=0 \
         --ioengine=psync --thread --output=/dev/null",
    )?;
    run(
        "fio --name=trim --filename=/dev/nbd0 --direct=1 --rw=trim --bs=1M --size=32M \
         --ioengine=psync --thread --output=/dev/null",
    )?;
    holds(0)?;
    keep_files("/dev/nbd0")
}

fn holds(byte: u8) -> Result<(), String> {
    let file = read_at(FILE, OFFSET + 1024, 512)?;
    equal(
        "what the file holds",
        &format!("{file:?}"),
        &format!("{:?}", [byte; 512]),
    )
}

/// A file system keeps its files when it is mounted anew, and has no fault then.
pub(crate) fn keep_files(node: &str) -> Result<(), String> {
    let (folder, file) = ("/run/mounted", "/run/mounted/file");
    let failed = |error: std::io::Error| format!("{file}: {error}");
    fs::create_dir_all(folder).map_err(failed)?;
    let content: Vec<u8> = (0..1_u32 << 20)
        .map(|at| (at % 251).to_le_bytes()[0])
        .collect();
    run(&format!("mke2fs -q -t ext4 {node}"))?;
    run(&format!("mount -t ext4 {node} {folder}"))?;
    let written = fs::write(file, &content).map_err(failed);
    run(&format!("umount {folder}"))?;
    written?;
    run(&format!("e2fsck -f -n {node}"))?;
    run(&format!("mount -t ext4 -o ro {node} {folder}"))?;
    let read = fs::read(file).map_err(failed);
    run(&format!("umount {folder}"))?;
    match read? == content {
        true => Ok(()),
        false => Err(format!("{file} has other bytes")),
    }
}

/// A disk whose 4 KiB random reads are counted: the RAM disk itself, the kernel's linear over it, ours
/// behind the ublk driver.
const READ: [&str; 3] = ["/dev/ram0", "/dev/mapper/beside", "/dev/ublkb0"];

/// 4 KiB random reads a second of each, and where the processors' time of ours goes.
pub(crate) fn ublk_figures() -> Result<(), String> {
    let serving = Serving::of_table(
        "0 65536 linear /dev/ram0 8",
        &["--ublk=0"],
        "/dev/mapper/disk",
    )?;
    create("beside", "0 65536 linear /dev/ram0 8")?;
    let mut rates = [const { Vec::new() }; 3];
    let mut spent = Vec::new();
    for _ in 0..3 {
        for (rates, node) in rates.iter_mut().zip(READ) {
            let before = processor_time(serving.0.id())?;
            let line = run(&format!(
                "fio --name=read --filename={node} --direct=1 --rw=randread --bs=4k --size=32M \
                 --time_based --runtime=5 --ioengine=libaio --iodepth=32 --thread --minimal"
            ))?;
            let after = processor_time(serving.0.id())?;
            let fields: Vec<&str> = line.split(';').collect();
            let number = |at: usize| fields.get(at).and_then(|field| field.parse::<u64>().ok());
            // The sixth of fio's fields are the KiB that were read, the eighth is the rate.
            let (Some(kib), Some(rate)) = (number(5), number(7)) else {
                return Err(format!("fio said {line}"));
            };
            rates.push(rate);
            if node == READ[2] {
                let each = |at: usize| (after[at] - before[at]) * 4 / kib.max(4);
                // Behind 5 fields of the job, 41 of its reads and 41 of its writes.
                let client = fields.get(87..89).unwrap_or_default().join(" and ");
                spent.push(format!(
                    "{} us of a read in the server, {} us in the kernel for it; fio {client}",
                    each(0),
                    each(1)
                ));
            }
        }
    }
    let medians: Vec<u64> = rates
        .iter_mut()
        .map(|rates| {
            rates.sort_unstable();
            rates[1]
        })
        .collect();
    println!("4 KiB reads a second: disk, linear, ublk: {medians:?} of {rates:?}");
    for spent in spent {
        println!("ublk: {spent}");
    }
    run("dmsetup remove beside")?;
    serving.end()
}

/// Microseconds that a process has spent in itself, and in the kernel.
fn processor_time(process: u32) -> Result<[u64; 2], String> {
    let path = format!("/proc/{process}/stat");
    let stat = fs::read_to_string(&path).map_err(|error| format!("{path}: {error}"))?;
    // The name, in parentheses, may hold blanks. Linux counts in hundredths.
    let rest = stat.rsplit_once(')').map_or("", |(_, rest)| rest);
    let mut ticks = rest.split_whitespace().skip(11).map(str::parse::<u64>);
    match (ticks.next(), ticks.next()) {
        (Some(Ok(user)), Some(Ok(system))) => Ok([user * 10_000, system * 10_000]),
        _ => Err(format!("{path} has another shape")),
    }
}
