//! The main job's random tables, on the kernel and on the engine over the same disks: what one
//! writes, the other reads, and the disks hold what a model says.

use std::ops::Range;
use std::path::Path;

use dm_core::backend::Backend;
use dm_core::blockdev::Blocking;
use dm_core::client::Dm;
use dm_core::command::{RemoveMode, Slot};
use dm_core::component::TableMode;
use dm_core::devid::DevNo;
use dm_core::engine::Engine;
use dm_core::errno::Errno;
use dm_core::error::DmError;
use dm_core::table::TableLine;
use dm_core::target::FlushMode;
use dm_linux::Linux;
use dm_tests::model::{Content, Mapped, Place, SECTOR, Stack, random_bytes};
use dm_tests::scenario::{Disk, EngineDisk, KernelDisk};
use dm_tests::script;
use fastrand::Rng;

use crate::shell::run;

/// Writes of each driver to a stack.
const WRITES: usize = 8;

/// Sectors of a disk that are looked at, of which a stack has fewer.
const DISK_SECTORS: usize = 1500;

/// What the sectors hold that no table maps.
const UNUSED: u8 = 0x5a;

/// The ram disks and as many loop devices; a stack has at most eight base devices.
const DISKS: [&str; 8] = [
    "/dev/ram0",
    "/dev/loop0",
    "/dev/ram1",
    "/dev/loop1",
    "/dev/ram2",
    "/dev/loop2",
    "/dev/ram3",
    "/dev/loop3",
];

/// The first hundred stacks.
pub(crate) fn random_tables_agree() -> Result<(), String> {
    all_agree(0..100)
}

/// The second hundred, apart, so that neither check takes long.
pub(crate) fn more_random_tables_agree() -> Result<(), String> {
    all_agree(100..200)
}

fn all_agree(seeds: Range<u64>) -> Result<(), String> {
    let kernel = Linux::open().map_err(|error| error.report())?;
    let loops = || DISKS.iter().filter(|disk| disk.starts_with("/dev/loop"));
    for disk in loops() {
        let backing = disk.replace("/dev/", "/tmp/tables-");
        std::fs::write(&backing, vec![UNUSED; DISK_SECTORS * SECTOR])
            .map_err(|error| format!("{backing}: {error}"))?;
        run(&format!("losetup {disk} {backing}"))?;
    }
    let done = seeds.into_iter().try_for_each(|seed| {
        let done = agree(&kernel, &mut Rng::with_seed(seed));
        done.map_err(|reason| format!("seed {seed}: {reason}"))
    });
    for disk in loops() {
        run(&format!("losetup -d {disk}"))?;
    }
    done
}

/// A random stack on both drivers.
fn agree(kernel: &Linux, rng: &mut Rng) -> Result<(), String> {
    let stack = Stack::usual(rng, &|at| DISKS[at].into());
    let mut content = Content::random(rng, &stack);
    let mut disks = DISKS[..stack.bases.len()]
        .iter()
        .map(|path| open_node(path))
        .collect::<Result<Vec<_>, _>>()?;
    for (disk, bytes) in disks.iter_mut().zip(&content.0) {
        let written = disk.write(0, &whole(bytes));
        written.map_err(|errno| format!("filling a disk: {errno}"))?;
    }
    let engine = Engine::new();
    for device in &stack.devices {
        build(&engine, device)?;
    }
    let mut made = 0;
    let done = stack
        .devices
        .iter()
        .try_for_each(|device| {
            made += 1;
            build(kernel, device)
        })
        .and_then(|()| {
            look_alike(kernel, &engine, &stack)?;
            bytes_agree(rng, &engine, &stack, &mut content)
        });
    let removed = stack.devices[..made].iter().rev().try_for_each(|device| {
        let removed = Dm::new(kernel).remove(script::name(&device.name), RemoveMode::IfUnused);
        removed.map_err(|error| error.report())
    });
    done.and(removed)?;
    for (at, (disk, bytes)) in disks.iter_mut().zip(&content.0).enumerate() {
        let mut found = vec![0xa5; DISK_SECTORS * SECTOR];
        let read = disk.read(0, &mut found);
        read.map_err(|errno| format!("reading {}: {errno}", DISKS[at]))?;
        if found != whole(bytes) {
            return Err(format!("{} is not as the model says", DISKS[at]));
        }
    }
    Ok(())
}

/// All that is looked at of a disk of which a stack has `bytes`.
fn whole(bytes: &[u8]) -> Vec<u8> {
    let mut whole = bytes.to_vec();
    whole.resize(DISK_SECTORS * SECTOR, UNUSED);
    whole
}

fn build(driver: &dyn Backend, device: &Mapped) -> Result<(), String> {
    let built = script::create(driver, &device.name, &device.table);
    built.map_err(|error| format!("{}\n{}", error.report(), device.table))
}

fn open_node(path: &str) -> Result<KernelDisk, String> {
    let opened = KernelDisk::open(Path::new(path), TableMode::ReadWrite);
    opened.map_err(|errno| format!("{path}: {errno}"))
}

/// Table, status and dependencies of each device are equal.
fn look_alike(kernel: &Linux, engine: &Engine, stack: &Stack) -> Result<(), String> {
    for device in &stack.devices {
        let shown = |driver| show(driver, &device.name).map_err(|error| error.report());
        let (kernel, engine) = (shown(kernel)?, shown(engine)?);
        if kernel != engine {
            return Err(format!("the kernel says\n{kernel}and the engine\n{engine}"));
        }
    }
    Ok(())
}

/// What a driver says of a device, without the major number that it gives mapped devices.
fn show(driver: &dyn Backend, device: &str) -> Result<String, DmError> {
    let (dm, device) = (Dm::new(driver), script::name(device));
    let info = dm.info(device.clone(), Slot::Active)?;
    let number = |number: DevNo| match number.major == info.number.major {
        true => format!("dm-{}", number.minor),
        false => number.to_string(),
    };
    let mut text = format!("{} #{}\n", info.name, info.number.minor);
    let mut show = |lines: Vec<TableLine>| {
        for line in lines {
            let line = line.to_string();
            let words = line.split(' ').map(|word| match word.parse() {
                Ok(found) => number(found),
                Err(_) => word.to_owned(),
            });
            text.push_str(&words.collect::<Vec<_>>().join(" "));
            text.push('\n');
        }
    };
    show(dm.table(device.clone(), Slot::Active)?.1);
    show(dm.status(device.clone(), Slot::Active, FlushMode::Flush)?.1);
    let deps = dm.deps(device, Slot::Active)?;
    let mut deps: Vec<String> = deps.iter().map(|dep| number(dep.number)).collect();
    deps.sort();
    Ok(text + &deps.join(" ") + "\n")
}

/// Writes through the kernel's devices are read through the engine's, then the reverse.
///
/// The engine reads and writes the disks' page cache, past which the kernel's devices go: it comes
/// second, to a cache that is empty, and flushes before the kernel reads.
fn bytes_agree(
    rng: &mut Rng,
    engine: &Engine,
    stack: &Stack,
    content: &mut Content,
) -> Result<(), String> {
    let nodes = stack.devices.iter();
    let nodes = nodes.map(|device| open_node(&format!("/dev/mapper/{}", device.name)));
    let mut nodes = nodes.collect::<Result<Vec<_>, _>>()?;
    let opened = stack.devices.iter();
    let opened = opened.map(|device| EngineDisk(script::open(engine, &device.name)));
    let mut opened: Vec<EngineDisk> = opened.collect();
    write_some(rng, &mut nodes, stack, content).map_err(|reason| format!("kernel: {reason}"))?;
    read_all(&mut opened, stack, content).map_err(|reason| format!("engine: {reason}"))?;
    write_some(rng, &mut opened, stack, content).map_err(|reason| format!("engine: {reason}"))?;
    for disk in &mut opened {
        let flushed = disk.0.flush();
        flushed.map_err(|error| format!("flush: {}", error.errno()))?;
    }
    read_all(&mut nodes, stack, content).map_err(|reason| format!("kernel: {reason}"))
}

/// Random writes, each read back, mostly to the top.
fn write_some<D: Disk>(
    rng: &mut Rng,
    disks: &mut [D],
    stack: &Stack,
    content: &mut Content,
) -> Result<(), String> {
    for _ in 0..WRITES {
        let at = match rng.u8(0..4) {
            0 => rng.usize(..disks.len()),
            _ => disks.len() - 1,
        };
        let device = &stack.devices[at];
        let start = rng.usize(..device.places.len());
        let most = if rng.bool() { 16 } else { 400 };
        let count = rng.usize(1..=(device.places.len() - start).min(most));
        let bytes = random_bytes(rng, count * SECTOR);
        let wanted = content
            .write(device, start, &bytes)
            .then_some(())
            .ok_or(Errno::EIO);
        let found = disks[at].write(start as u64, &bytes);
        if found != wanted {
            let name = &device.name;
            return Err(format!(
                "write {name} {start}+{count}: {found:?}, not {wanted:?}"
            ));
        }
        read(&mut disks[at], device, content, start, count)?;
    }
    Ok(())
}

/// The whole of the top device, in runs of sectors that fail or do not.
fn read_all<D: Disk>(disks: &mut [D], stack: &Stack, content: &Content) -> Result<(), String> {
    let (top, device) = (disks.len() - 1, stack.top());
    let fails = |place: &Place| *place == Place::Error;
    let mut start = 0;
    for run in device.places.chunk_by(|a, b| fails(a) == fails(b)) {
        read(&mut disks[top], device, content, start, run.len())?;
        start += run.len();
    }
    Ok(())
}

fn read<D: Disk>(
    disk: &mut D,
    device: &Mapped,
    content: &Content,
    start: usize,
    count: usize,
) -> Result<(), String> {
    let mut bytes = vec![0xa5; count * SECTOR];
    let found = disk.read(start as u64, &mut bytes).map(|()| bytes);
    let wanted = content.read(device, start, count).ok_or(Errno::EIO);
    if found == wanted {
        return Ok(());
    }
    let name = &device.name;
    Err(match (found, wanted) {
        (Ok(_), Ok(_)) => format!("read {name} {start}+{count}: other bytes"),
        (found, wanted) => {
            let (found, wanted) = (found.map(|_| ()), wanted.map(|_| ()));
            format!("read {name} {start}+{count}: {found:?}, not {wanted:?}")
        }
    })
}
