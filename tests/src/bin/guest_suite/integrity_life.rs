//! integrity in mid-life: one side writes, and while its journal holds what is not in its place yet, or
//! bits are set, or tags are half made, all goes to the other side as a power cut would leave it.

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
use dm_core::error::DmError;
use dm_core::format::integrity::{
    Devices, Flags, Journal, JournalError, Layout, Replay, SUPERBLOCK_SECTORS, Superblock,
};
use dm_core::names::DmName;
use dm_core::units::{Sector, SectorCount};
use dm_linux::Linux;
use dm_tests::scenario::{Disk, EngineDisk, KernelDisk};
use fastrand::Rng;

use crate::shell::{self, equal, run, shown, write, write_at};

const NAME: &str = "guest-integrity-life";
const DISKS: [(&str, &str); 2] = [
    ("/tmp/integrity-life-data", "/dev/loop0"),
    ("/tmp/integrity-life-meta", "/dev/loop1"),
];
const BYTES: usize = 384 << 10;
/// How often it is asked whether all tags are made.
const TRIES: u32 = 400;
const AES: &str = "000102030405060708090a0b0c0d0e0f";

/// RESERVED TAG MODE OPTIONS, and the mode in which the other side goes on, if it is another.
type Life = (&'static str, &'static str);

const JOURNALS: &[Life] = &[
    ("0 - J internal_hash:crc32c", ""),
    ("0 - J internal_hash:crc32c fix_padding", ""),
    ("0 - J internal_hash:crc32 fix_padding", ""),
    (
        "0 - J internal_hash:sha1 interleave_sectors:512 fix_padding",
        "",
    ),
    (
        "0 - J internal_hash:sha256 interleave_sectors:512 fix_padding",
        "",
    ),
    (
        "0 3 J internal_hash:crc32c interleave_sectors:512 fix_padding",
        "",
    ),
    (
        "0 9 J internal_hash:sha256 interleave_sectors:512 fix_padding",
        "",
    ),
    (
        "0 100 J internal_hash:crc32c interleave_sectors:512 fix_padding",
        "",
    ),
    ("16 - J internal_hash:crc32c fix_padding", ""),
    ("0 - J internal_hash:crc32c fix_padding block_size:1024", ""),
    ("0 - J internal_hash:crc32c fix_padding block_size:2048", ""),
    (
        "0 - J internal_hash:sha256 interleave_sectors:512 fix_padding block_size:4096",
        "",
    ),
    (
        "0 - J internal_hash:crc32c fix_padding interleave_sectors:64",
        "",
    ),
    (
        "0 - J internal_hash:sha1 fix_padding interleave_sectors:256 block_size:1024",
        "",
    ),
    (
        "0 - J internal_hash:crc32c fix_padding journal_sectors:1",
        "",
    ),
    (
        "0 - J internal_hash:crc32c fix_padding journal_sectors:400 journal_watermark:90",
        "",
    ),
    ("0 - J internal_hash:crc32c meta_device:/dev/loop1", ""),
    (
        "0 - J internal_hash:sha256 meta_device:/dev/loop1 block_size:4096",
        "",
    ),
    (
        "0 - J internal_hash:hmac(sha256):0707 interleave_sectors:512 fix_padding",
        "",
    ),
    (
        "0 - J internal_hash:hmac(sha1):0707 interleave_sectors:512 fix_padding fix_hmac",
        "",
    ),
    (
        "0 - J internal_hash:crc32c fix_padding journal_mac:hmac(sha256):0808",
        "",
    ),
    (
        "0 - J internal_hash:crc32c fix_padding fix_hmac journal_mac:hmac(sha256):0808",
        "",
    ),
    (
        "0 - J internal_hash:hmac(sha256):07 interleave_sectors:512 fix_padding fix_hmac journal_mac:hmac(sha1):08",
        "",
    ),
    (
        "0 - J internal_hash:crc32c fix_padding journal_crypt:ctr(aes):KEY",
        "",
    ),
    (
        "0 - J internal_hash:crc32c fix_padding journal_crypt:cbc(aes):KEY journal_sectors:500",
        "",
    ),
    (
        "0 - J internal_hash:crc32c fix_padding block_size:4096 fix_hmac journal_crypt:cbc(aes):KEY journal_mac:hmac(sha256):08",
        "",
    ),
    ("0 8 J interleave_sectors:512 fix_padding", ""),
    ("0 - J internal_hash:crc32c fix_padding", "D"),
    (
        "0 - J internal_hash:crc32c fix_padding journal_mac:hmac(sha256):0808",
        "D",
    ),
    ("0 - J internal_hash:crc32c fix_padding", "B"),
];

// Without journal_crypt, with which a kernel's bitmap never reaches the disk: quirk 47.
const BITMAPS: &[Life] = &[
    ("0 - B internal_hash:crc32c", ""),
    (
        "0 - B internal_hash:crc32c fix_padding sectors_per_bit:1",
        "",
    ),
    (
        "0 - B internal_hash:sha256 interleave_sectors:512 fix_padding sectors_per_bit:16",
        "",
    ),
    (
        "0 - B internal_hash:sha1 fix_padding sectors_per_bit:64 interleave_sectors:64",
        "",
    ),
    (
        "0 5 B internal_hash:sha256 interleave_sectors:512 fix_padding sectors_per_bit:8",
        "",
    ),
    (
        "0 - B internal_hash:crc32c fix_padding block_size:1024 sectors_per_bit:8",
        "",
    ),
    (
        "0 - B internal_hash:sha256 interleave_sectors:512 fix_padding block_size:4096 sectors_per_bit:32",
        "",
    ),
    (
        "0 - B internal_hash:crc32c meta_device:/dev/loop1 sectors_per_bit:16",
        "",
    ),
    (
        "0 - B internal_hash:sha256 meta_device:/dev/loop1 block_size:4096",
        "",
    ),
    (
        "8 - B internal_hash:crc32c fix_padding sectors_per_bit:16 bitmap_flush_interval:60000",
        "",
    ),
    (
        "0 - B internal_hash:crc32c fix_padding sectors_per_bit:16",
        "J",
    ),
    (
        "0 - B internal_hash:crc32c fix_padding sectors_per_bit:16",
        "D",
    ),
];

/// Journals that hold what is not in its place.
pub(crate) fn journals() -> Result<(), String> {
    all(&JOURNALS[..JOURNALS.len() / 2])
}

/// The rest of them.
pub(crate) fn more_journals() -> Result<(), String> {
    all(&JOURNALS[JOURNALS.len() / 2..])
}

/// Dirty bitmaps.
pub(crate) fn bitmaps() -> Result<(), String> {
    all(BITMAPS)
}

fn all(lives: &[Life]) -> Result<(), String> {
    let lived = each(lives);
    detach();
    lived
}

fn each(lives: &[Life]) -> Result<(), String> {
    for (seed, life) in (0..).zip(lives) {
        // Whoever makes it, each side goes on with what the other left.
        let maker = match seed % 2 {
            0 => Side::Kernel,
            _ => Side::Engine,
        };
        live(life, maker, &mut Rng::with_seed(seed))
            .map_err(|reason| format!("{life:?}, made by {maker:?}: {reason}"))?;
    }
    println!("{} combinations, each both ways", lives.len());
    Ok(())
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Side {
    Kernel,
    Engine,
}

impl Side {
    fn other(self) -> Side {
        match self {
            Side::Kernel => Side::Engine,
            Side::Engine => Side::Kernel,
        }
    }
}

fn live((made, then): &Life, maker: Side, rng: &mut Rng) -> Result<(), String> {
    let made = made.replace("KEY", AES);
    let then = match *then {
        "" => made.clone(),
        mode => {
            made.replacen(" J ", &format!(" {mode} "), 1)
                .replacen(" B ", &format!(" {mode} "), 1)
        }
    };
    attach(&Image::default())?;
    let block = block_size(&made);
    let mut sectors = 0;
    on(maker, &made, block, |_, shown| {
        sectors = provided(shown)?;
        Ok(())
    })?;
    let bytes = usize::try_from(sectors * 512).unwrap_or_default();
    let mut content: Vec<u8> = (0..bytes).map(|_| rng.u8(..)).collect();
    let mut first = Image::default();
    on(maker, &made, sectors, |disk, _| {
        disk.write(0, &content)?;
        disk.flush()?;
        Ok(())
    })?;
    on(maker, &made, sectors, |disk, _| {
        scribble(disk, &mut content, block, rng)?;
        first = Image::taken()?;
        Ok(())
    })?;
    first.is_in_mid_life(&made)?;
    let mut second = Image::default();
    let mut theirs = String::new();
    attach(&first)?;
    on(maker.other(), &then, sectors, |disk, shown| {
        theirs = shown.to_owned();
        same(disk, &content)?;
        scribble(disk, &mut content, block, rng)?;
        second = Image::taken()?;
        Ok(())
    })?;
    attach(&first)?;
    on(maker, &then, sectors, |_, shown| {
        equal("what the first side shows", shown, &theirs)
    })?;
    attach(&second)?;
    on(maker, &then, sectors, |disk, _| same(disk, &content))
}

/// What a power cut leaves of a device of the kernel's, and its sectors.
pub(crate) fn made_by_kernel(options: &str, rng: &mut Rng) -> Result<(Image, u64), String> {
    attach(&Image::default())?;
    let (mut sectors, mut image) = (0, Image::default());
    on(Side::Kernel, options, 1, |_, shown| {
        sectors = provided(shown)?;
        Ok(())
    })?;
    let bytes = usize::try_from(sectors * 512).unwrap_or_default();
    let mut content: Vec<u8> = (0..bytes).map(|_| rng.u8(..)).collect();
    for last in [false, true] {
        on(Side::Kernel, options, sectors, |disk, _| {
            match last {
                false => disk.write(0, &content)?,
                true => scribble(disk, &mut content, 1, rng)?,
            }
            image = Image::taken()?;
            Ok(())
        })?;
    }
    Ok((image, sectors))
}

/// The sectors that a device tells.
fn provided(shown: &str) -> Result<u64, String> {
    let provided = shown.lines().last().and_then(|line| line.split(' ').nth(4));
    let provided = provided.and_then(|word| word.parse().ok());
    provided.ok_or_else(|| format!("no sectors are told: {shown}"))
}

fn block_size(options: &str) -> u64 {
    let size = options
        .split(' ')
        .find_map(|word| word.strip_prefix("block_size:"));
    size.and_then(|size| size.parse::<u64>().ok())
        .unwrap_or(512)
        / 512
}

/// Writes here and there, which a flush makes durable.
fn scribble(
    disk: &mut Open<'_>,
    content: &mut [u8],
    block: u64,
    rng: &mut Rng,
) -> Result<(), String> {
    let sectors = content.len() as u64 / 512;
    for _ in 0..12 {
        let start = rng.u64(..sectors / block) * block;
        let length = (rng.u64(1..3) * block).min(sectors - start);
        let at = usize::try_from(start * 512).unwrap_or_default();
        let bytes = &mut content[at..][..usize::try_from(length * 512).unwrap_or_default()];
        bytes.iter_mut().for_each(|byte| *byte = rng.u8(..));
        disk.write(start, bytes)?;
    }
    disk.flush()
}

fn same(disk: &mut Open<'_>, content: &[u8]) -> Result<(), String> {
    let mut found = vec![0; content.len()];
    disk.read(0, &mut found)?;
    let (found, wanted) = (found.chunks(512), content.chunks(512));
    match found
        .zip(wanted)
        .position(|(found, wanted)| found != wanted)
    {
        None => Ok(()),
        Some(sector) => Err(format!("sector {sector} has other bytes")),
    }
}

/// What is on the disks.
#[derive(Clone, Default)]
pub(crate) struct Image(pub(crate) Vec<Vec<u8>>);

impl Image {
    fn taken() -> Result<Image, String> {
        let disks = DISKS.iter().map(|(path, _)| fs::read(path));
        let disks: Result<_, _> = disks.collect();
        disks
            .map(Image)
            .map_err(|error| format!("reading: {error}"))
    }

    /// Whether there is something to recover.
    fn is_in_mid_life(&self, options: &str) -> Result<(), String> {
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

    fn write(&mut self, start: u64, bytes: &[u8]) -> Result<(), String> {
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

    fn flush(&mut self) -> Result<(), String> {
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
    let done = match side {
        Side::Kernel => {
            let kernel = Linux::open().map_err(|error| error.report())?;
            let dm = Dm::new(&kernel);
            create(&dm, options, sectors).map_err(|error| format!("kernel: {}", error.report()))?;
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
            create(&dm, options, sectors).map_err(|error| format!("engine: {}", error.report()))?;
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

fn create<B: Backend>(dm: &Dm<B>, options: &str, sectors: u64) -> Result<(), DmError> {
    let words: Vec<&str> = options.split(' ').collect();
    let (fixed, options) = words.split_at(3);
    let table = format!(
        "0 {sectors} integrity {} {} {} {}",
        DISKS[0].1,
        fixed.join(" "),
        options.len(),
        options.join(" ")
    );
    shell::create_in(dm, &name(), &table)
}

fn name() -> DmName {
    DmName::new(NAME).expect("the name is short")
}
