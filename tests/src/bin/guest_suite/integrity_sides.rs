//! integrity devices on both sides: the disks, what is on them, and a device of either side, opened.

use std::fs;
use std::path::Path;
use std::thread;
use std::time::Duration;

use dm_core::backend::Backend;
use dm_core::blockdev::Blocking;
use dm_core::client::Dm;
use dm_core::command::RemoveMode;
use dm_core::component::TableMode;
use dm_core::engine::Engine;
use dm_core::format::integrity::{
    Devices, Flags, Journal, JournalError, Layout, Replay, SUPERBLOCK_SECTORS, Superblock,
};
use dm_core::names::DmName;
use dm_core::units::{Sector, SectorCount};
use dm_linux::Linux;
use dm_tests::power_loss::Life;
use dm_tests::scenario::{Disk, EngineDisk, KernelDisk};

use crate::shell::{self, run, shown, write, write_at};

const NAME: &str = "guest-integrity-life";
pub(crate) const DISKS: [(&str, &str); 2] = [
    ("/tmp/integrity-life-data", "/dev/loop0"),
    ("/tmp/integrity-life-meta", "/dev/loop1"),
];
pub(crate) const BYTES: usize = 384 << 10;
/// How often it is asked whether all tags are made.
const TRIES: u32 = 400;

#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Side {
    Kernel,
    Engine,
}

impl Side {
    pub(crate) fn other(self) -> Side {
        match self {
            Side::Kernel => Side::Engine,
            Side::Engine => Side::Kernel,
        }
    }
}

/// The sectors that a device tells.
pub(crate) fn provided(shown: &str) -> Result<u64, String> {
    let provided = shown.lines().last().and_then(|line| line.split(' ').nth(4));
    let provided = provided.and_then(|word| word.parse().ok());
    provided.ok_or_else(|| format!("no sectors are told: {shown}"))
}

/// What is on the disks.
#[derive(Clone, Default, PartialEq)]
pub(crate) struct Image(pub(crate) Vec<Vec<u8>>);

impl Image {
    /// What a power cut would leave now.
    pub(crate) fn taken() -> Result<Image, String> {
        // Read twice: while a bitmap is being cleared, what is read of it and of the tags is of two moments.
        let mut before = Image::read()?;
        loop {
            let now = Image::read()?;
            if now == before {
                return Ok(now);
            }
            before = now;
        }
    }

    fn read() -> Result<Image, String> {
        let disks = DISKS.iter().map(|(path, _)| fs::read(path));
        let disks: Result<_, _> = disks.collect();
        disks
            .map(Image)
            .map_err(|error| format!("reading: {error}"))
    }

    /// Whether there is something to recover.
    pub(crate) fn is_in_mid_life(&self, options: &str) -> Result<(), String> {
        let own = options.contains("meta_device");
        let disk = &self.0[usize::from(own)];
        let reserved: u64 = options
            .split(' ')
            .next()
            .and_then(|word| word.parse().ok())
            .unwrap_or_default();
        let start = usize::try_from(reserved * 512).unwrap_or_default();
        let superblock = Superblock::read(&disk[start..]).map_err(|error| error.to_string())?;
        if options.contains(" B ") {
            return match superblock.flags.contains(Flags::DIRTY_BITMAP) {
                true => Ok(()),
                false => Err("no bitmap is in use".into()),
            };
        }
        let size = SectorCount((BYTES / 512) as u64);
        let devices = match own {
            true => Devices::Two {
                data: size,
                meta: size,
            },
            false => Devices::One(size),
        };
        let layout = Layout::new(&superblock, Sector(reserved), devices, 0);
        let layout = layout.map_err(|error| error.to_string())?;
        let from = start + usize::try_from(SUPERBLOCK_SECTORS.0 * 512).unwrap_or_default();
        let sections = usize::try_from(layout.sections()).unwrap_or_default();
        let journal = &disk[from..from + sections * layout.section_bytes()];
        match Replay::of(&Journal::new(layout), journal) {
            Ok(replay) if replay.empty => Err("the journal is empty".into()),
            Ok(_) => Ok(()),
            // It is encrypted.
            Err(JournalError::Foreign { .. }) if options.contains("journal_crypt") => Ok(()),
            Err(error) => Err(error.to_string()),
        }
    }
}

/// Puts an image on the disks, which are there from the first time on.
pub(crate) fn attach(image: &Image) -> Result<(), String> {
    let empty = vec![0; BYTES];
    for (at, (path, device)) in DISKS.iter().enumerate() {
        let bytes = image.0.get(at).unwrap_or(&empty);
        if Path::new(path).exists() {
            // Nobody has the loop device open, so it has nothing of it in a cache.
            write_at(path, 0, bytes)?;
        } else {
            write(path, bytes)?;
            run(&format!("losetup {device} {path}"))?;
        }
    }
    Ok(())
}

pub(crate) fn detach() {
    for (path, device) in DISKS {
        if Path::new(path).exists() {
            let _ = run(&format!("losetup -d {device}"));
            let _ = fs::remove_file(path);
        }
    }
}

/// A side's device, opened.
pub(crate) enum Open<'a> {
    Kernel(&'a str, KernelDisk),
    Engine(&'a Engine, EngineDisk),
}

impl Open<'_> {
    pub(crate) fn read(&mut self, start: u64, bytes: &mut [u8]) -> Result<(), String> {
        let read = match self {
            Open::Kernel(_, disk) => disk.read(start, bytes),
            Open::Engine(_, disk) => disk.read(start, bytes),
        };
        read.map_err(|errno| format!("reading: {errno}"))
    }

    pub(crate) fn write(&mut self, start: u64, bytes: &[u8]) -> Result<(), String> {
        let written = match self {
            Open::Kernel(_, disk) => disk.write(start, bytes),
            Open::Engine(_, disk) => disk.write(start, bytes),
        };
        written.map_err(|errno| format!("writing: {errno}"))
    }

    /// The number of wrong tags that were met.
    pub(crate) fn mismatches(&self) -> Result<String, String> {
        let shown = match self {
            Open::Kernel(..) => {
                let kernel = Linux::open().map_err(|error| error.report())?;
                shown(&Dm::new(&kernel), &name())?
            }
            Open::Engine(engine, _) => shown(&Dm::new(*engine), &name())?,
        };
        let status = shown.lines().last().unwrap_or_default();
        Ok(status.split(' ').nth(3).unwrap_or_default().to_owned())
    }

    pub(crate) fn flush(&mut self) -> Result<(), String> {
        match self {
            Open::Kernel(node, _) => fs::File::open(node)
                .and_then(|file| file.sync_all())
                .map_err(|error| format!("fsync: {error}")),
            Open::Engine(_, disk) => disk
                .0
                .flush()
                .map_err(|error| format!("flush: {}", error.errno())),
        }
    }
}

/// Opens a device on a side, waits until its tags are made, and works with it.
pub(crate) fn on(
    side: Side,
    options: &str,
    sectors: u64,
    work: impl FnOnce(&mut Open<'_>, &str) -> Result<(), String>,
) -> Result<(), String> {
    on_device(side, DISKS[0].1, options, sectors, work)
}

/// The same on another device.
pub(crate) fn on_device(
    side: Side,
    dev: &str,
    options: &str,
    sectors: u64,
    work: impl FnOnce(&mut Open<'_>, &str) -> Result<(), String>,
) -> Result<(), String> {
    let table = Life::new(options, 1).table(dev, sectors);
    let done = match side {
        Side::Kernel => {
            let kernel = Linux::open().map_err(|error| error.report())?;
            let dm = Dm::new(&kernel);
            shell::create_in(&dm, &name(), &table)
                .map_err(|error| format!("kernel: {}", error.report()))?;
            let node = format!("/dev/mapper/{NAME}");
            let opened = KernelDisk::open(Path::new(&node), TableMode::ReadWrite);
            let done = opened
                .map_err(|errno| format!("{node}: {errno}"))
                .and_then(|disk| {
                    let shown = settled(&dm)?;
                    work(&mut Open::Kernel(&node, disk), &shown)
                });
            let removed = dm.remove(name(), RemoveMode::IfUnused);
            done.and_then(|()| removed.map(|_| ()).map_err(|error| error.report()))
        }
        Side::Engine => {
            let engine = Engine::new();
            let dm = Dm::new(&engine);
            shell::create_in(&dm, &name(), &table)
                .map_err(|error| format!("engine: {}", error.report()))?;
            let opened = engine.open(&name().into(), TableMode::ReadWrite);
            let disk = EngineDisk(opened.map_err(|error| error.report())?);
            let shown = settled(&dm)?;
            work(&mut Open::Engine(&engine, disk), &shown)
        }
    };
    done.map_err(|reason| format!("{side:?}: {reason}"))
}

/// What is shown once all tags are made.
fn settled<B: Backend>(dm: &Dm<B>) -> Result<String, String> {
    // A device that fails makes no tags.
    for tries in 0.. {
        let shown = shown(dm, &name())?;
        let last = shown.lines().last().unwrap_or_default().to_owned();
        let mut numbers = last.split(' ').skip(4).map(str::parse::<u64>);
        match (numbers.next(), numbers.next()) {
            (Some(Ok(sectors)), Some(Ok(made))) if made < sectors && tries < TRIES => {
                thread::sleep(Duration::from_millis(5));
            }
            _ => return Ok(shown),
        }
    }
    Err("tries are without end".into())
}

fn name() -> DmName {
    DmName::new(NAME).expect("the name is short")
}
