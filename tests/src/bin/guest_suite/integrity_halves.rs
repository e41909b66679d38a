//! integrity whose tags one side has half made: the other goes on where it stopped.

use std::fs::{self, File};
use std::path::Path;
use std::thread;
use std::time::Duration;

use dm_core::backend::Backend;
use dm_core::client::Dm;
use dm_core::command::RemoveMode;
use dm_core::component::TableMode;
use dm_core::engine::Engine;
use dm_core::format::integrity::{Flags, Superblock};
use dm_core::names::DmName;
use dm_linux::Linux;
use dm_tests::power_loss::Life;
use dm_tests::scenario::{Disk, EngineDisk, KernelDisk};

use crate::integrity_sides::{Side, provided};
use crate::shell::{self, equal, read_at, run, shown, write_at};

const NAME: &str = "guest-integrity-half";
const FILE: &str = "/tmp/integrity-half";
const DEVICE: &str = "/dev/loop0";

/// Some steps, of 16 MiB each, so that it can be ended between the first and the last.
const BYTES: u64 = 36 << 20;

/// Where there are bytes that are no zeroes, in and behind the first step.
const MARKED: [u64; 3] = [3 << 20, 19 << 20, 34 << 20];

/// How often a side may be too fast to be stopped.
const TRIES: usize = 20;

const OPTIONS: &str = "0 - D internal_hash:crc32c fix_padding recalculate";

/// Either side stops, and the other goes on.
pub(crate) fn half_made_tags_are_gone_on_with() -> Result<(), String> {
    for (first, second) in [(Side::Kernel, Side::Engine), (Side::Engine, Side::Kernel)] {
        let carried = carried(first, second);
        let _ = run(&format!("losetup -d {DEVICE}"));
        let _ = fs::remove_file(FILE);
        carried.map_err(|reason| format!("from {first:?} to {second:?}: {reason}"))?;
    }
    Ok(())
}

fn carried(first: Side, second: Side) -> Result<(), String> {
    let mut stopped = Err("it is never stopped half way".to_owned());
    for _ in 0..TRIES {
        let file = File::create(FILE).and_then(|file| file.set_len(BYTES));
        file.map_err(|error| format!("{FILE}: {error}"))?;
        for (at, number) in MARKED.iter().zip(1..) {
            write_at(FILE, *at, &[number; 8192])?;
        }
        if !Path::new("/sys/block/loop0/loop").exists() {
            run(&format!("losetup {DEVICE} {FILE}"))?;
        }
        let sectors = started(first)?;
        let superblock = Superblock::read(&read_at(FILE, 0, 512)?);
        let superblock = superblock.map_err(|error| error.to_string())?;
        let made = superblock.recalculated.0;
        if superblock.flags.contains(Flags::RECALCULATING) && made > 0 && made < sectors {
            stopped = Ok((sectors, made));
            break;
        }
    }
    let (sectors, made) = stopped?;
    finished(second, sectors, made)?;
    let superblock = Superblock::read(&read_at(FILE, 0, 512)?);
    let superblock = superblock.map_err(|error| error.to_string())?;
    equal(
        "where the tags end",
        &superblock.recalculated.0.to_string(),
        &sectors.to_string(),
    )
}

/// Has a side begin, and stops it when it is on its way. The device's sectors.
fn started(side: Side) -> Result<u64, String> {
    let begin = |dm: &Dm<&dyn Backend>| -> Result<u64, String> {
        create(dm, 1)?;
        let sectors = provided(&shown(dm, &name())?);
        remove(dm)?;
        let sectors = sectors?;
        create(dm, sectors)?;
        let (_, mut made) = numbers(dm)?;
        while made == Some(0) {
            thread::sleep(Duration::from_millis(5));
            made = numbers(dm)?.1;
        }
        remove(dm)?;
        Ok(sectors)
    };
    match side {
        Side::Kernel => {
            let kernel = Linux::open().map_err(|error| error.report())?;
            begin(&Dm::new(&kernel))
        }
        Side::Engine => begin(&Dm::new(&Engine::new())),
    }
}

/// Has a side go on, which it does from `made` on, and reads it all.
fn finished(side: Side, sectors: u64, made: u64) -> Result<(), String> {
    let go_on = |dm: &Dm<&dyn Backend>| -> Result<(), String> {
        create(dm, sectors)?;
        loop {
            match numbers(dm)? {
                (_, Some(now)) if now < made => {
                    return Err(format!("it goes back from {made} to {now}"));
                }
                (_, Some(now)) if now < sectors => thread::sleep(Duration::from_millis(5)),
                _ => return Ok(()),
            }
        }
    };
    match side {
        Side::Kernel => {
            let kernel = Linux::open().map_err(|error| error.report())?;
            let dm = Dm::new(&kernel as &dyn Backend);
            let done = go_on(&dm).and_then(|()| {
                let node = format!("/dev/mapper/{NAME}");
                let disk = KernelDisk::open(Path::new(&node), TableMode::ReadOnly);
                let mut disk = disk.map_err(|errno| format!("{node}: {errno}"))?;
                read(&mut disk, sectors)?;
                equal("wrong tags", &numbers(&dm)?.0, "0")
            });
            let removed = remove(&dm);
            done.and(removed)
        }
        Side::Engine => {
            let engine = Engine::new();
            let dm = Dm::new(&engine as &dyn Backend);
            go_on(&dm)?;
            let disk = engine.open(&name().into(), TableMode::ReadOnly);
            read(
                &mut EngineDisk(disk.map_err(|error| error.report())?),
                sectors,
            )?;
            equal("wrong tags", &numbers(&dm)?.0, "0")
        }
    }
    .map_err(|reason| format!("{side:?}: {reason}"))
}

/// Reads all. What was marked is there, tags of the other side among it.
fn read(disk: &mut impl Disk, sectors: u64) -> Result<(), String> {
    let (mut bytes, mut found) = (vec![0; 1 << 20], 0);
    for start in (0..sectors).step_by(bytes.len() / 512) {
        let length = bytes
            .len()
            .min(usize::try_from((sectors - start) * 512).unwrap_or(usize::MAX));
        let read = disk.read(start, &mut bytes[..length]);
        read.map_err(|errno| format!("sector {start}: {errno}"))?;
        found += bytes[..length].iter().filter(|byte| **byte != 0).count();
    }
    equal(
        "bytes that are no zeroes",
        &found.to_string(),
        &(MARKED.len() * 8192).to_string(),
    )
}

fn create(dm: &Dm<&dyn Backend>, sectors: u64) -> Result<(), String> {
    let table = Life::new(OPTIONS, 1).table(DEVICE, sectors);
    shell::create_in(dm, &name(), &table).map_err(|error| error.report())
}

fn remove(dm: &Dm<&dyn Backend>) -> Result<(), String> {
    let removed = dm.remove(name(), RemoveMode::IfUnused);
    removed.map(drop).map_err(|error| error.report())
}

/// Wrong tags, and how far tags are made.
fn numbers(dm: &Dm<&dyn Backend>) -> Result<(String, Option<u64>), String> {
    let shown = shown(dm, &name())?;
    let status = shown.lines().last().unwrap_or_default();
    let words: Vec<&str> = status.split(' ').collect();
    let made = words.get(5).and_then(|word| word.parse().ok());
    Ok((words.get(3).copied().unwrap_or_default().to_owned(), made))
}

fn name() -> DmName {
    DmName::new(NAME).expect("the name is short")
}
