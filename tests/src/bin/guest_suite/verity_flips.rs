//! verity with many flipped bits at once: in each level of the tree, between its digests, in data and in codes.
//! Both sides fail or repair the same blocks, and show the same.

use std::fs;
use std::path::Path;

use dm_core::client::Dm;
use dm_core::command::RemoveMode;
use dm_core::component::TableMode;
use dm_core::engine::Engine;
use dm_core::errno::Errno;
use dm_core::format::verity::{BlockSize, Encoder, Fec, HashType, Roots, Tree, algorithm};
use dm_linux::Linux;
use dm_tests::scenario::{Disk, EngineDisk, KernelDisk};
use fastrand::Rng;

use crate::integrity_flips::times;
use crate::kernel::has_codes;
use crate::shell::{equal, run, shown, write};
use crate::verity::{DISKS, NAME, create, name};

/// Small blocks, so that there are many, and three levels above them.
const BLOCK: u32 = 512;
const BLOCKS: u64 = 1024;

/// Blocks of one request, as long as they are right.
const RUN: usize = 32;

/// What is flipped in an image: bits of data, of each level from the lowest, of codes, and whether those of data
/// lie in few codewords.
struct Flips {
    hash: &'static str,
    hash_type: HashType,
    roots: Option<u8>,
    data: usize,
    levels: [usize; 3],
    codes: usize,
    near: Near,
}

#[derive(Clone, Copy, PartialEq)]
enum Near {
    Not,
    /// The blocks' bytes are of one codeword.
    Codeword,
}

const fn flips(roots: Option<u8>, data: usize, levels: [usize; 3], codes: usize) -> Flips {
    Flips {
        hash: "sha1",
        hash_type: HashType::Normal,
        roots,
        data,
        levels,
        codes,
        near: Near::Not,
    }
}

const IMAGES: &[Flips] = &[
    flips(None, 5, [6, 1, 0], 0),
    Flips {
        hash: "sha256",
        near: Near::Codeword,
        ..flips(Some(3), 10, [0; 3], 4)
    },
];

/// Those that take longer.
const MORE: &[Flips] = &[
    flips(None, 40, [0; 3], 0),
    flips(None, 2, [1, 1, 0], 0),
    flips(None, 0, [0, 0, 1], 0),
    Flips {
        hash: "sha256",
        hash_type: HashType::ChromeOs,
        ..flips(None, 10, [4, 0, 0], 0)
    },
    flips(Some(4), 20, [0; 3], 10),
    flips(Some(2), 5, [2, 1, 1], 5),
    Flips {
        near: Near::Codeword,
        ..flips(Some(24), 20, [1, 0, 0], 8)
    },
];

/// Both sides say the same of each block.
pub(crate) fn flips_are_found_alike() -> Result<(), String> {
    let mut count = 0;
    let more = (0..times().unwrap_or_default()).flat_map(|_| MORE);
    for (seed, flips) in IMAGES.iter().chain(more).enumerate() {
        if flips.roots.is_some() && !has_codes() {
            continue;
        }
        let done = one(flips, &mut Rng::with_seed(seed as u64));
        let _ = run(&format!("dmsetup remove {NAME}"));
        for (path, device) in DISKS {
            let _ = run(&format!("losetup -d {device}"));
            let _ = fs::remove_file(path);
        }
        count += done.map_err(|reason| format!("image {seed}: {reason}"))?;
    }
    println!("{count} flips");
    Ok(())
}

fn one(flips: &Flips, rng: &mut Rng) -> Result<usize, String> {
    let block = BlockSize::new(BLOCK).ok_or("no such block size")?;
    let salt = [7; 20];
    let algorithm = algorithm(flips.hash).ok_or("no such hash")?;
    let size = algorithm.digest_size();
    let tree = Tree::new(flips.hash_type, size, (block, block), BLOCKS, 0);
    let tree = tree.map_err(|error| error.to_string())?;
    let mut data = vec![0; usize::try_from(BLOCKS).unwrap_or_default() * block.bytes()];
    rng.fill(&mut data);
    let hash = algorithm.salted(flips.hash_type, &salt);
    let (mut hashes, root) = tree.build(&*hash, &data);
    let hex = |bytes: &[u8]| -> String { bytes.iter().map(|byte| format!("{byte:02x}")).collect() };
    let (mut codes, mut options) = (Vec::new(), String::new());
    let mut rounds = 1;
    if let Some(roots) = flips.roots {
        let covered = [&data[..], &hashes[..]].concat();
        let blocks = covered.len() / block.bytes();
        let roots = Roots::new(roots).ok_or("no such roots")?;
        let fec = Fec::new(roots, block, blocks as u64).map_err(|error| error.to_string())?;
        rounds = usize::try_from(fec.rounds()).unwrap_or(1);
        codes = encoded(&fec, &covered, block.bytes());
        options = format!(
            " 8 use_fec_from_device {} fec_blocks {blocks} fec_start 0 fec_roots {}",
            DISKS[2].1,
            roots.count()
        );
    }
    let mut count = 0;
    let mut flip = |bytes: &mut [u8], at: usize, bit: u8| {
        bytes[at] ^= 1 << bit;
        count += 1;
    };
    for number in 0..flips.data {
        let at = match flips.near {
            Near::Not => rng.usize(..data.len()),
            // Blocks that lie a round apart share their codewords; five are more than three roots repair.
            Near::Codeword => number % 5 * rounds * block.bytes() + number / 5 * 77,
        };
        flip(&mut data, at, rng.u8(..8));
    }
    for (level, flips) in tree.levels().iter().zip(flips.levels) {
        let from = usize::try_from(level.first).unwrap_or_default() * block.bytes();
        let length = usize::try_from(level.blocks).unwrap_or_default() * block.bytes();
        for _ in 0..flips {
            flip(&mut hashes, from + rng.usize(..length), rng.u8(..8));
        }
    }
    for _ in 0..flips.codes {
        let at = rng.usize(..codes.len());
        flip(&mut codes, at, rng.u8(..8));
    }
    for ((path, device), bytes) in DISKS.iter().zip([&data, &hashes, &codes]) {
        write(path, bytes)?;
        if !bytes.is_empty() {
            run(&format!("losetup {device} {path}"))?;
        }
    }
    let table = format!(
        "0 {BLOCKS} verity {} {} {} {BLOCK} {BLOCK} {BLOCKS} 0 {} {} {}{options}",
        flips.hash_type.number(),
        DISKS[0].1,
        DISKS[1].1,
        flips.hash,
        hex(&root),
        hex(&salt),
    );
    compare(&table, flips.roots.is_some() && flips.levels != [0; 3])?;
    Ok(count)
}

/// The codes of what is covered.
fn encoded(fec: &Fec, covered: &[u8], block: usize) -> Vec<u8> {
    let blocks: Vec<&[u8]> = covered.chunks(block).collect();
    let encoder = Encoder::new(fec.roots());
    let mut codes = vec![0; usize::try_from(fec.bytes()).unwrap_or_default()];
    for (round, codes) in (0..).zip(codes.chunks_mut(fec.round_bytes())) {
        let of = |block: Option<u64>| {
            let block = block.and_then(|block| usize::try_from(block).ok());
            block.map_or(&[][..], |block| blocks[block])
        };
        let rows: Vec<&[u8]> = fec.round(round).map(of).collect();
        encoder.encode(&rows, codes);
    }
    codes
}

/// Reads it all on both sides. Blocks of a tree that are repaired are quirk 43.
fn compare(table: &str, quirk: bool) -> Result<(), String> {
    let kernel = Linux::open().map_err(|error| error.report())?;
    let engine = Engine::new();
    let dm = Dm::new(&kernel);
    create(&dm, table).map_err(|error| format!("the kernel: {}: {table}", error.report()))?;
    create(&Dm::new(&engine), table)
        .map_err(|error| format!("the engine: {}: {table}", error.report()))?;
    let node = format!("/dev/mapper/{NAME}");
    let mut disk = KernelDisk::open(Path::new(&node), TableMode::ReadOnly)
        .map_err(|errno| format!("{node}: {errno}"))?;
    let theirs = seen(&mut disk)?;
    drop(disk);
    let opened = engine.open(&name().into(), TableMode::ReadOnly);
    let ours = seen(&mut EngineDisk(opened.map_err(|error| error.report())?))?;
    equal("what the engine reads", &ours, &theirs)?;
    let mut theirs = shown(&dm, &name())?;
    let ours = shown(&Dm::new(&engine), &name())?;
    if quirk && ours.ends_with(" V\n") {
        theirs = theirs.replace(" verity C\n", " verity V\n");
    }
    equal("what the engine shows", &ours, &theirs)?;
    let removed = dm.remove(name(), RemoveMode::IfUnused);
    removed.map(drop).map_err(|error| error.report())
}

/// The blocks that can not be read, and a sum of all others.
fn seen(disk: &mut impl Disk) -> Result<String, String> {
    let size = BLOCK as usize;
    let (mut wrong, mut sum) = (Vec::new(), 0_u64);
    let mut add = |bytes: &[u8]| {
        for byte in bytes {
            sum = sum.wrapping_mul(0x0100_0000_01b3) ^ u64::from(*byte);
        }
    };
    let mut bytes = vec![0; size * RUN];
    for first in (0..BLOCKS).step_by(RUN) {
        if disk.read(first, &mut bytes).is_ok() {
            add(&bytes);
            continue;
        }
        for block in first..first + RUN as u64 {
            let bytes = &mut bytes[..size];
            match disk.read(block, bytes) {
                Ok(()) => add(bytes),
                Err(Errno::EIO) => wrong.push(block),
                Err(errno) => return Err(format!("block {block}: {errno}")),
            }
        }
    }
    Ok(format!("{} wrong: {wrong:?}, {sum:x}", wrong.len()))
}
