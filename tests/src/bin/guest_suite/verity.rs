//! verity, both directions: what one side made is read by the other, whole or with bits flipped,
//! and both say the same of each block.

use std::fs;
use std::path::Path;

use dm_core::client::Dm;
use dm_core::command::{Create, Load, SuspendOptions};
use dm_core::component::TableMode;
use dm_core::engine::Engine;
use dm_core::errno::Errno;
use dm_core::error::DmError;
use dm_core::format::verity::Superblock;
use dm_core::names::DmName;
use dm_core::table::TableLine;
use dm_linux::Linux;
use dm_tests::scenario::{Disk, EngineDisk, KernelDisk};
use fastrand::Rng;

use crate::kernel::has_codes;
use crate::shell::{equal, run, shown, write};

pub(crate) const NAME: &str = "guest-verity";

/// Where data, tree and codes are.
pub(crate) const DISKS: [(&str, &str); 3] = [
    ("/tmp/verity-data", "/dev/loop0"),
    ("/tmp/verity-hash", "/dev/loop1"),
    ("/tmp/verity-codes", "/dev/loop2"),
];

/// How an image is made, spoilt and mapped.
struct Combination {
    /// Options of the program that makes it.
    made: &'static str,
    block: u64,
    blocks: u64,
    roots: Option<u8>,
    /// Flips in data, tree and codes.
    flips: [usize; 3],
    /// Options of the table.
    table: &'static str,
}

const fn plain(made: &'static str, block: u64, blocks: u64, flips: [usize; 3]) -> Combination {
    Combination {
        made,
        block,
        blocks,
        roots: None,
        flips,
        table: "",
    }
}

const fn coded(made: &'static str, roots: u8, blocks: u64, flips: [usize; 3]) -> Combination {
    Combination {
        made,
        block: 4096,
        blocks,
        roots: Some(roots),
        flips,
        table: "",
    }
}

const fn mapped(table: &'static str, flips: [usize; 3]) -> Combination {
    Combination {
        made: "--salt=00",
        block: 4096,
        blocks: 200,
        roots: None,
        flips,
        table,
    }
}

const COMBINATIONS: &[Combination] = &[
    plain("--salt=-", 4096, 1, [0, 0, 0]),
    plain("--salt=-", 4096, 1, [1, 0, 0]),
    plain("--salt=0011", 4096, 300, [3, 0, 0]),
    plain("--salt=0011", 4096, 300, [0, 1, 0]),
    plain("--salt=0011 --format=0", 4096, 300, [2, 1, 0]),
    plain("--hash=sha1 --format=0", 4096, 300, [1, 0, 0]),
    plain("--hash=sha1 --format=1", 4096, 300, [1, 1, 0]),
    plain("--hash=sha512", 4096, 300, [1, 1, 0]),
    plain("--hash=sha384 --format=0", 4096, 200, [1, 0, 0]),
    plain(
        "--data-block-size=512 --hash-block-size=512",
        512,
        400,
        [2, 2, 0],
    ),
    plain("--data-block-size=1024", 1024, 300, [2, 0, 0]),
    plain("--hash-block-size=1024", 4096, 200, [1, 2, 0]),
    coded("--salt=0011", 2, 300, [1, 0, 0]),
    coded("--salt=0011", 2, 300, [0, 1, 1]),
    coded("--format=0", 8, 260, [3, 1, 2]),
    coded("--hash=sha1", 9, 300, [4, 1, 0]),
    coded("--salt=0011", 24, 260, [12, 2, 8]),
    mapped(" 1 ignore_corruption", [3, 1, 0]),
    mapped(" 1 ignore_zero_blocks", [2, 0, 0]),
    mapped(" 1 check_at_most_once", [2, 0, 0]),
    mapped(" 2 ignore_zero_blocks check_at_most_once", [1, 1, 0]),
];

/// Half of them made by us.
pub(crate) fn ours_is_read_alike() -> Result<(), String> {
    all("dmctl verity")
}

/// And half by veritysetup.
pub(crate) fn veritysetups_is_read_alike() -> Result<(), String> {
    all("veritysetup")
}

fn all(maker: &str) -> Result<(), String> {
    for (seed, combination) in (0..).zip(COMBINATIONS) {
        if combination.roots.is_some() && !has_codes() {
            continue;
        }
        let done = one(maker, combination, &mut Rng::with_seed(seed));
        let _ = run("dmsetup remove guest-verity");
        for (path, device) in DISKS {
            let _ = run(&format!("losetup -d {device}"));
            let _ = fs::remove_file(path);
        }
        done.map_err(|reason| format!("combination {seed}, {}: {reason}", combination.made))?;
    }
    println!("{} combinations of {maker}", COMBINATIONS.len());
    Ok(())
}

fn one(maker: &str, combination: &Combination, rng: &mut Rng) -> Result<(), String> {
    let size = usize::try_from(combination.block).map_err(|error| error.to_string())?;
    let mut data = vec![0; size * usize::try_from(combination.blocks).map_err(|e| e.to_string())?];
    // Each fourth block is zeroes.
    for (at, block) in data.chunks_mut(size).enumerate() {
        if at % 4 != 1 {
            rng.fill(block);
        }
    }
    let [(data_path, _), (hash_path, _), (codes_path, _)] = DISKS;
    write(data_path, &data)?;
    write(hash_path, &[])?;
    write(codes_path, &[])?;
    let codes = combination
        .roots
        .map(|roots| format!(" --fec-device={codes_path} --fec-roots={roots}"));
    let codes = codes.unwrap_or_default();
    let made = combination.made;
    let said = run(&format!(
        "{maker} format {data_path} {hash_path} {made}{codes}"
    ))?;
    let root = said
        .lines()
        .find_map(|line| line.strip_prefix("Root hash:"))
        .ok_or("no root hash is told")?
        .trim()
        .to_owned();
    let verify = if maker == "veritysetup" {
        "dmctl verity"
    } else {
        "veritysetup"
    };
    run(&format!(
        "{verify} verify {data_path} {hash_path} {root}{codes}"
    ))?;
    let table = table(combination, &root)?;
    for ((path, _), flips) in DISKS.iter().zip(combination.flips) {
        flip(path, flips, rng)?;
    }
    for (path, device) in DISKS {
        // A loop device of nothing is none that a table could name.
        if fs::metadata(path).is_ok_and(|metadata| metadata.len() > 0) {
            run(&format!("losetup {device} {path}"))?;
        }
    }
    let kernel = Linux::open().map_err(|error| error.report())?;
    let engine = Engine::new();
    let dm = Dm::new(&kernel);
    create(&dm, &table).map_err(|error| format!("the kernel: {}: {table}", error.report()))?;
    create(&Dm::new(&engine), &table)
        .map_err(|error| format!("the engine: {}: {table}", error.report()))?;
    let node = format!("/dev/mapper/{NAME}");
    let mut theirs = KernelDisk::open(Path::new(&node), TableMode::ReadOnly)
        .map_err(|errno| format!("{node}: {errno}"))?;
    let opened = engine.open(&name().into(), TableMode::ReadOnly);
    let mut ours = EngineDisk(opened.map_err(|error| error.report())?);
    for index in 0..combination.blocks {
        let start = index * combination.block / 512;
        let theirs = read(&mut theirs, start, size);
        let ours = read(&mut ours, start, size);
        if theirs != ours {
            let say = |read: Result<Vec<u8>, Errno>| match read {
                Ok(_) => "bytes".to_owned(),
                Err(errno) => errno.to_string(),
            };
            let (theirs, ours) = (say(theirs), say(ours));
            return Err(format!(
                "block {index}: the kernel reads {theirs}, the engine {ours}"
            ));
        }
    }
    let (mut theirs, ours) = (shown(&dm, &name())?, shown(&Dm::new(&engine), &name())?);
    if combination.roots.is_some() && combination.flips[1] > 0 && ours.ends_with(" V\n") {
        // Quirk 43.
        theirs = theirs.replace(" verity C\n", " verity V\n");
    }
    equal("what the engine shows", &ours, &theirs)
}

/// Flips bits, but for those of the superblock, which no driver reads.
fn flip(path: &str, flips: usize, rng: &mut Rng) -> Result<(), String> {
    let mut bytes = fs::read(path).map_err(|error| format!("{path}: {error}"))?;
    let from = if path.ends_with("hash") { 512 } else { 0 };
    for _ in 0..flips {
        if from < bytes.len() {
            let at = rng.usize(from..bytes.len());
            bytes[at] ^= 1 << rng.u8(..8);
        }
    }
    write(path, &bytes)
}

fn table(combination: &Combination, root: &str) -> Result<String, String> {
    let [(_, data), (hash_path, hash), (_, codes)] = DISKS;
    let bytes = fs::read(hash_path).map_err(|error| format!("{hash_path}: {error}"))?;
    let superblock = Superblock::read(&bytes).map_err(|error| error.to_string())?;
    let start = superblock.tree_start(0).ok_or("no tree")?;
    let salt: String = superblock
        .salt
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    let salt = if salt.is_empty() { "-" } else { &salt };
    let options = match combination.roots {
        None => combination.table.to_owned(),
        Some(roots) => {
            let tree = bytes.len() as u64 / combination.block - start;
            let blocks = superblock.data_blocks + tree;
            format!(
                " 8 use_fec_from_device {codes} fec_blocks {blocks} fec_start 0 fec_roots {roots}"
            )
        }
    };
    Ok(format!(
        "0 {} verity {} {data} {hash} {} {} {} {start} {} {root} {salt}{options}",
        combination.blocks * combination.block / 512,
        superblock.hash_type.number(),
        superblock.data_block,
        superblock.hash_block,
        superblock.data_blocks,
        superblock.algorithm,
    ))
}

pub(crate) fn name() -> DmName {
    DmName::new(NAME).expect("the name is short")
}

pub(crate) fn create<B: dm_core::backend::Backend>(dm: &Dm<B>, table: &str) -> Result<(), DmError> {
    let lines = TableLine::parse_table(table)?;
    dm.create(Create::new(name()))?;
    dm.load(Load::new(name(), lines).read_only())?;
    dm.resume(name(), SuspendOptions::default())?;
    Ok(())
}

fn read(disk: &mut impl Disk, start: u64, size: usize) -> Result<Vec<u8>, Errno> {
    let mut bytes = vec![0xa5; size];
    disk.read(start, &mut bytes).map(|()| bytes)
}
