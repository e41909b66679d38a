//! integrity, both directions: what one side formats and writes, the other reads and goes on with,
//! and both find the same tags wrong.

use std::fs;
use std::path::Path;

use dm_core::backend::Backend;
use dm_core::blockdev::Blocking;
use dm_core::client::Dm;
use dm_core::command::RemoveMode;
use dm_core::component::TableMode;
use dm_core::engine::Engine;
use dm_core::errno::Errno;
use dm_core::error::DmError;
use dm_core::names::DmName;
use dm_linux::Linux;
use dm_tests::scenario::{Disk, EngineDisk, KernelDisk};
use fastrand::Rng;

use crate::integrity_sides::provided;
use crate::shell::{self, equal, run, shown, write};

const NAME: &str = "guest-integrity";
const DATA: (&str, &str) = ("/tmp/integrity-data", "/dev/loop0");
const META: (&str, &str) = ("/tmp/integrity-meta", "/dev/loop1");
const BYTES: usize = 2 << 20;

/// Blocks of one request, where it does not matter: requests are what takes time.
const RUN: usize = 32;

/// A device: the hash, the options of a table, and those by which dmctl makes the same.
struct Combination {
    table: &'static [&'static str],
    made: &'static str,
    block: u64,
    own_device: bool,
}

const fn of(table: &'static [&'static str], made: &'static str, block: u64) -> Combination {
    Combination {
        table,
        made,
        block,
        own_device: false,
    }
}

const COMBINATIONS: &[Combination] = &[
    of(&["internal_hash:crc32c"], "--integrity-legacy-padding", 512),
    of(&["internal_hash:crc32c", "fix_padding"], "", 512),
    of(&["internal_hash:crc32", "fix_padding"], "-I crc32", 512),
    of(&["internal_hash:sha1", "fix_padding"], "-I sha1", 512),
    of(
        &["internal_hash:sha256", "fix_padding", "block_size:4096"],
        "-I sha256 -s 4096",
        4096,
    ),
    of(
        &[
            "internal_hash:sha256",
            "fix_padding",
            "interleave_sectors:256",
        ],
        "-I sha256 --interleave-sectors=256",
        512,
    ),
    of(
        &[
            "internal_hash:crc32c",
            "fix_padding",
            "block_size:1024",
            "interleave_sectors:64",
        ],
        "-s 1024 --interleave-sectors=64",
        1024,
    ),
    of(
        &["internal_hash:hmac(sha256):0707", "fix_padding"],
        "-I hmac-sha256 --integrity-key-file=/tmp/integrity-key --integrity-legacy-hmac",
        512,
    ),
    of(
        &["internal_hash:hmac(sha1):0707", "fix_padding", "fix_hmac"],
        "-I hmac-sha1 --integrity-key-file=/tmp/integrity-key",
        512,
    ),
    Combination {
        table: &["internal_hash:crc32c", "meta_device:/dev/loop1"],
        made: "--data-device=/tmp/integrity-data",
        block: 512,
        own_device: true,
    },
];

/// The kernel formats and writes, the engine reads and writes, the kernel reads.
pub(crate) fn kernels_goes_on_here() -> Result<(), String> {
    all(Maker::Kernel)
}

/// dmctl formats, and so on.
pub(crate) fn ours_goes_on_in_the_kernel() -> Result<(), String> {
    all(Maker::Ours)
}

#[derive(Clone, Copy, PartialEq)]
enum Maker {
    Kernel,
    Ours,
}

fn all(maker: Maker) -> Result<(), String> {
    write("/tmp/integrity-key", &[7, 7])?;
    for (seed, combination) in (0..).zip(COMBINATIONS) {
        let done = one(maker, combination, &mut Rng::with_seed(seed));
        let _ = run("dmsetup remove guest-integrity");
        for (path, device) in [DATA, META] {
            let _ = run(&format!("losetup -d {device}"));
            let _ = fs::remove_file(path);
        }
        done.map_err(|reason| format!("combination {seed}, {:?}: {reason}", combination.table))?;
    }
    println!("{} combinations", COMBINATIONS.len());
    Ok(())
}

fn one(maker: Maker, combination: &Combination, rng: &mut Rng) -> Result<(), String> {
    for (path, _) in [DATA, META] {
        write(path, &vec![0; BYTES])?;
    }
    if maker == Maker::Ours {
        let device = if combination.own_device {
            META.0
        } else {
            DATA.0
        };
        run(&format!(
            "dmctl integrity format {device} {}",
            combination.made
        ))?;
    }
    for (path, device) in [DATA, META] {
        run(&format!("losetup {device} {path}"))?;
    }
    let kernel = Linux::open().map_err(|error| error.report())?;
    // The first use: one block is enough to learn how many there are.
    let block = combination.block / 512;
    let sectors = in_kernel(&kernel, combination, block, |_, shown| provided(shown))?;
    let size = usize::try_from(combination.block).map_err(|error| error.to_string())?;
    let blocks = sectors / block;
    let mut content: Vec<Vec<u8>> = (0..blocks).map(|_| vec![0; size]).collect();
    let mut theirs = String::new();
    in_kernel(&kernel, combination, sectors, |disk, shown| {
        if maker == Maker::Ours {
            same(disk, &content, block)?;
        }
        theirs = shown.to_owned();
        // What was never written has no tag, if the kernel formatted.
        for (run, blocks) in (0..).zip(content.chunks_mut(RUN)) {
            blocks.iter_mut().for_each(|bytes| rng.fill(bytes));
            let written = disk.write(run * RUN as u64 * block, &blocks.concat());
            written.map_err(|errno| format!("the kernel writes run {run}: {errno}"))?;
        }
        Ok(())
    })?;
    in_engine(combination, sectors, |disk, shown| {
        equal("what the engine shows", shown, &theirs)?;
        same(disk, &content, block)?;
        for _ in 0..40 {
            let index = rng.u64(..blocks);
            let bytes: Vec<u8> = (0..size).map(|_| rng.u8(..)).collect();
            let written = disk.write(index * block, &bytes);
            written.map_err(|errno| format!("the engine writes block {index}: {errno}"))?;
            content[usize::try_from(index).unwrap_or_default()] = bytes;
        }
        disk.0
            .flush()
            .map_err(|error| format!("flush: {}", error.errno()))
    })?;
    in_kernel(&kernel, combination, sectors, |disk, _| {
        same(disk, &content, block)
    })?;
    flipped(&kernel, combination, sectors, rng)
}

/// Both find the same blocks wrong when bits are flipped behind the superblock and the journal.
fn flipped(
    kernel: &Linux,
    combination: &Combination,
    sectors: u64,
    rng: &mut Rng,
) -> Result<(), String> {
    let devices: &[_] = if combination.own_device {
        &[DATA, META]
    } else {
        &[DATA]
    };
    for (at, (path, _)) in devices.iter().enumerate() {
        let mut bytes = fs::read(path).map_err(|error| format!("{path}: {error}"))?;
        // The journal of so small a device ends before this.
        let from = if combination.own_device && at == 0 {
            0
        } else {
            256 << 10
        };
        for _ in 0..10 {
            let at = rng.usize(from..bytes.len() / 2);
            bytes[at] ^= 1 << rng.u8(..8);
        }
        write(path, &bytes)?;
    }
    let block = combination.block / 512;
    let mut found = Vec::new();
    in_kernel(kernel, combination, sectors, |disk, _| {
        // Through the page cache, every errno is this one.
        found = wrong(disk, sectors, block, Errno::EIO)?;
        Ok(())
    })?;
    in_engine(combination, sectors, |disk, _| {
        let ours = wrong(disk, sectors, block, Errno::EILSEQ)?;
        equal(
            "what the engine finds",
            &format!("{ours:?}"),
            &format!("{found:?}"),
        )
    })
}

/// The blocks that can not be read, each for that reason.
fn wrong(
    disk: &mut impl Disk,
    sectors: u64,
    block: u64,
    reason: Errno,
) -> Result<Vec<u64>, String> {
    let size = usize::try_from(block * 512).unwrap_or_default();
    let blocks: Vec<u64> = (0..sectors / block).collect();
    let mut wrong = Vec::new();
    for run in blocks.chunks(RUN) {
        let mut bytes = vec![0; run.len() * size];
        if disk.read(run[0] * block, &mut bytes).is_ok() {
            continue;
        }
        for index in run {
            match disk.read(index * block, &mut bytes[..size]) {
                Ok(()) => {}
                Err(errno) if errno == reason => wrong.push(*index),
                Err(errno) => return Err(format!("block {index}: {errno}, not {reason}")),
            }
        }
    }
    Ok(wrong)
}

fn same(disk: &mut impl Disk, content: &[Vec<u8>], block: u64) -> Result<(), String> {
    for (run, blocks) in (0..).zip(content.chunks(RUN)) {
        let wanted = blocks.concat();
        let mut bytes = vec![0xa5; wanted.len()];
        match disk.read(run * RUN as u64 * block, &mut bytes) {
            Ok(()) if bytes == wanted => {}
            Ok(()) => return Err(format!("run {run} has other bytes")),
            Err(errno) => return Err(format!("run {run}: {errno}")),
        }
    }
    Ok(())
}

fn in_kernel<T>(
    kernel: &Linux,
    combination: &Combination,
    sectors: u64,
    work: impl FnOnce(&mut KernelDisk, &str) -> Result<T, String>,
) -> Result<T, String> {
    let dm = Dm::new(kernel);
    create(&dm, combination, sectors).map_err(|error| format!("the kernel: {}", error.report()))?;
    let node = format!("/dev/mapper/{NAME}");
    let opened = KernelDisk::open(Path::new(&node), TableMode::ReadWrite);
    let done = opened
        .map_err(|errno| format!("{node}: {errno}"))
        .and_then(|mut disk| work(&mut disk, &shown(&dm, &name())?))
        .map_err(|reason| format!("kernel: {reason}"));
    let removed = dm.remove(name(), RemoveMode::IfUnused);
    removed.map_err(|error| error.report())?;
    done
}

fn in_engine(
    combination: &Combination,
    sectors: u64,
    work: impl FnOnce(&mut EngineDisk, &str) -> Result<(), String>,
) -> Result<(), String> {
    let engine = Engine::new();
    let dm = Dm::new(&engine);
    create(&dm, combination, sectors).map_err(|error| format!("the engine: {}", error.report()))?;
    let opened = engine.open(&name().into(), TableMode::ReadWrite);
    let mut disk = EngineDisk(opened.map_err(|error| error.report())?);
    work(&mut disk, &shown(&dm, &name())?).map_err(|reason| format!("engine: {reason}"))
}

fn create<B: Backend>(dm: &Dm<B>, combination: &Combination, sectors: u64) -> Result<(), DmError> {
    let options = combination.table;
    let table = format!(
        "0 {sectors} integrity {} 0 - D {} {}",
        DATA.1,
        options.len(),
        options.join(" ")
    );
    shell::create_in(dm, &name(), &table)
}

fn name() -> DmName {
    DmName::new(NAME).expect("the name is short")
}
