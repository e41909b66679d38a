//! How fast verity and integrity are in the engine, beside the kernel's: figures, not a test.

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use dm_core::client::Dm;
use dm_core::command::RemoveMode;
use dm_core::component::TableMode;
use dm_core::engine::Engine;
use dm_core::format::verity::{BlockSize, HashType, Tree, algorithm};
use dm_linux::Linux;
use dm_tests::scenario::{Disk, EngineDisk, KernelDisk};
use fastrand::Rng;

use crate::integrity_sides::{self, Image, Side, attach, detach, provided};
use crate::shell::{run, write};
use crate::verity;

/// What a device holds, which caches hold, too.
const BYTES: usize = 16 << 20;

/// How long each turn takes, and how many there are.
const TURN: Duration = Duration::from_millis(400);
const TURNS: usize = 5;

/// The bytes of a request, and whether requests follow each other.
const LOADS: [(&str, usize, Order); 2] = [
    ("256 KiB in a row", 256 << 10, Order::Sequential),
    ("4 KiB anywhere", 4 << 10, Order::Random),
];

#[derive(Clone, Copy, PartialEq)]
enum Order {
    Sequential,
    Random,
}

/// Requests of one kind, for a while.
struct Load {
    bytes: usize,
    order: Order,
    end: u64,
    rng: Rng,
}

impl Load {
    /// MiB a second.
    fn run(
        &mut self,
        mut request: impl FnMut(u64, &mut [u8]) -> Result<(), String>,
    ) -> Result<f64, String> {
        let mut buffer = vec![0x5a; self.bytes];
        let slots = self.end * 512 / self.bytes as u64;
        let (start, mut count) = (Instant::now(), 0);
        while start.elapsed() < TURN {
            let slot = match self.order {
                Order::Sequential => count % slots,
                Order::Random => self.rng.u64(..slots),
            };
            request(slot * self.bytes as u64 / 512, &mut buffer)?;
            count += 1;
        }
        let bytes = count as f64 * self.bytes as f64;
        Ok(bytes / start.elapsed().as_secs_f64() / f64::from(1 << 20))
    }
}

/// Prints a row for each kind of device and of request.
pub(crate) fn figures() -> Result<(), String> {
    println!("| what | engine, MiB/s | kernel, MiB/s | engine to kernel |");
    println!("|---|---|---|---|");
    verity_reads()?;
    let options = "internal_hash:crc32c fix_padding";
    for (mode, options) in [
        ("D", format!("0 - D {options}")),
        ("J", format!("0 - J {options}")),
        (
            "J, journal of 4 MiB",
            format!("0 - J {options} journal_sectors:8192"),
        ),
        (
            "D, sha256",
            "0 - D internal_hash:sha256 fix_padding".to_owned(),
        ),
    ] {
        let done = integrity_requests(mode, &options);
        detach();
        done?;
    }
    Ok(())
}

fn row(what: &str, turns: &[(f64, f64)]) {
    let middle = |of: &dyn Fn(&(f64, f64)) -> f64| {
        let mut all: Vec<f64> = turns.iter().map(of).collect();
        all.sort_by(f64::total_cmp);
        all[all.len() / 2]
    };
    println!(
        "| {what} | {:.1} | {:.1} | {:.2} |",
        middle(&|turn| turn.0),
        middle(&|turn| turn.1),
        middle(&|turn| turn.0 / turn.1),
    );
}

fn verity_reads() -> Result<(), String> {
    let block = BlockSize::USUAL;
    let sha256 = algorithm("sha256").ok_or("no sha256")?;
    let blocks = (BYTES / block.bytes()) as u64;
    let tree = Tree::new(HashType::Normal, 32, (block, block), blocks, 0);
    let tree = tree.map_err(|error| error.to_string())?;
    let mut data = vec![0; BYTES];
    Rng::with_seed(1).fill(&mut data);
    let (hashes, root) = tree.build(&*sha256.salted(HashType::Normal, b""), &data);
    let root: String = root.iter().map(|byte| format!("{byte:02x}")).collect();
    for ((path, device), bytes) in verity::DISKS.iter().zip([&data, &hashes]) {
        write(path, bytes)?;
        run(&format!("losetup {device} {path}"))?;
    }
    let table = format!(
        "0 {} verity 1 {} {} 4096 4096 {blocks} 0 sha256 {root} -",
        BYTES / 512,
        verity::DISKS[0].1,
        verity::DISKS[1].1
    );
    let done = both_read(&table);
    let _ = run(&format!("dmsetup remove {}", verity::NAME));
    for (path, device) in &verity::DISKS[..2] {
        let _ = run(&format!("losetup -d {device}"));
        let _ = fs::remove_file(path);
    }
    done
}

fn both_read(table: &str) -> Result<(), String> {
    let kernel = Linux::open().map_err(|error| error.report())?;
    let (engine, dm) = (Engine::new(), Dm::new(&kernel));
    let failed = |error: dm_core::error::DmError| error.report();
    verity::create(&dm, table).map_err(failed)?;
    verity::create(&Dm::new(&engine), table).map_err(failed)?;
    let node = format!("/dev/mapper/{}", verity::NAME);
    let mut theirs = KernelDisk::open(Path::new(&node), TableMode::ReadOnly)
        .map_err(|errno| format!("{node}: {errno}"))?;
    let opened = engine.open(&verity::name().into(), TableMode::ReadOnly);
    let mut ours = EngineDisk(opened.map_err(failed)?);
    for (about, bytes, order) in LOADS {
        let rng = Rng::with_seed(2);
        let end = (BYTES / 512) as u64;
        let mut load = Load {
            bytes,
            order,
            end,
            rng,
        };
        let mut turns = Vec::new();
        for _ in 0..TURNS {
            let said = |errno| format!("reading: {errno}");
            let one = load.run(|at, bytes| ours.read(at, bytes).map_err(said))?;
            let other = load.run(|at, bytes| theirs.read(at, bytes).map_err(said))?;
            turns.push((one, other));
        }
        row(&format!("verity, sha256, reads of {about}"), &turns);
    }
    drop(theirs);
    let removed = dm.remove(verity::name(), RemoveMode::IfUnused);
    removed.map(drop).map_err(failed)
}

/// Each side has a device of its own after the other: both would format one.
fn integrity_requests(mode: &str, options: &str) -> Result<(), String> {
    attach(&Image(vec![vec![0; BYTES]]))?;
    let mut sectors = 0;
    integrity_sides::on(Side::Kernel, options, 1, |_, shown| {
        sectors = provided(shown)?;
        Ok(())
    })?;
    let sectors = sectors / 512 * 512;
    let mut kinds: Vec<(String, Vec<(f64, f64)>)> = Vec::new();
    for turn in 0..TURNS {
        let mut sides = Vec::new();
        for side in [Side::Engine, Side::Kernel] {
            let mut rates = Vec::new();
            integrity_sides::on(side, options, sectors, |disk, _| {
                if turn == 0 {
                    disk.write(
                        0,
                        &vec![1; usize::try_from(sectors * 512).unwrap_or_default()],
                    )?;
                }
                for (about, bytes, order) in LOADS {
                    for kind in ["writes", "reads"] {
                        let mut load = Load {
                            bytes,
                            order,
                            end: sectors,
                            rng: Rng::with_seed(3),
                        };
                        let rate = load.run(|at, bytes| match kind {
                            "writes" => disk.write(at, bytes),
                            _ => disk.read(at, bytes),
                        })?;
                        let about = format!("integrity, mode {mode}, {kind} of {about}");
                        rates.push((about, rate));
                    }
                }
                disk.flush()
            })?;
            sides.push(rates);
        }
        for (at, ((about, ours), (_, theirs))) in sides[0].iter().zip(&sides[1]).enumerate() {
            if kinds.len() <= at {
                kinds.push((about.clone(), Vec::new()));
            }
            kinds[at].1.push((*ours, *theirs));
        }
    }
    for (about, turns) in &kinds {
        row(about, turns);
    }
    Ok(())
}
