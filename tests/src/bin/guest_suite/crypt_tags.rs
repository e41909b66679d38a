//! crypt over integrity, both directions: what one side encrypts and tags, the other reads and goes on
//! with, and both find the same sectors wrong.

use std::ops::ControlFlow;
use std::path::Path;

use dm_core::backend::Backend;
use dm_core::blockdev::Blocking;
use dm_core::client::Dm;
use dm_core::command::{RemoveMode, Slot};
use dm_core::component::TableMode;
use dm_core::engine::Engine;
use dm_core::format::integrity::{Devices, Layout, Superblock};
use dm_core::target::FlushMode;
use dm_core::units::{Sector, SectorCount};
use dm_linux::Linux;
use dm_tests::model::random_bytes;
use dm_tests::scenario::{Disk, EngineDisk, KernelDisk};
use dm_tests::script;
use fastrand::Rng;

use crate::integrity_sides::{DISKS, Image, Side, attach, detach};
use crate::shell::{equal, equal_sectors, target_minor};

const BELOW: &str = "guest-tags";
const ABOVE: &str = "guest-tags-crypt";

/// A pair of devices.
struct Case {
    cipher: &'static str,
    key: usize,
    /// crypt's options.
    options: &'static str,
    /// Bytes of integrity's tags, its mode, and the size of its blocks.
    tag: u16,
    mode: char,
    block: u64,
}

const fn case(
    cipher: &'static str,
    key: usize,
    options: &'static str,
    below: (u16, char, u64),
) -> Case {
    Case {
        cipher,
        key,
        options,
        tag: below.0,
        mode: below.1,
        block: below.2,
    }
}

const XTS: &str = "capi:authenc(hmac(sha256),xts(aes))-plain64";
const XTS_RANDOM: &str = "capi:authenc(hmac(sha256),xts(aes))-random";
const CHACHA: &str = "capi:rfc7539(chacha20,poly1305)-random";

const CASES: &[Case] = &[
    case(
        "capi:gcm(aes)-random",
        32,
        "1 integrity:28:aead",
        (28, 'J', 512),
    ),
    case(
        "capi:gcm(aes)-plain64",
        16,
        "2 integrity:16:aead sector_size:4096",
        (16, 'D', 4096),
    ),
    case(
        "capi:gcm(aes)-random",
        24,
        "1 integrity:24:aead",
        (40, 'D', 512),
    ),
    case(CHACHA, 32, "1 integrity:28:aead", (28, 'D', 512)),
    case(
        CHACHA,
        32,
        "2 integrity:28:aead sector_size:4096",
        (28, 'J', 4096),
    ),
    case(
        "capi:aegis128-random",
        16,
        "1 integrity:32:aead",
        (32, 'J', 512),
    ),
    case(
        "capi:aegis128-plain64",
        16,
        "2 integrity:16:aead sector_size:4096",
        (16, 'D', 4096),
    ),
    case(XTS, 96, "1 integrity:32:aead", (32, 'J', 512)),
    case(
        XTS,
        96,
        "3 integrity:32:aead sector_size:4096 iv_large_sectors",
        (32, 'D', 4096),
    ),
    case(XTS, 64, "1 integrity:20:aead", (20, 'D', 512)),
    case(XTS_RANDOM, 96, "1 integrity:48:aead", (48, 'D', 512)),
    case(
        XTS_RANDOM,
        96,
        "2 integrity:48:aead sector_size:4096",
        (48, 'J', 4096),
    ),
    case(
        "capi:authenc(hmac(sha256),cbc(aes))-essiv:sha256",
        64,
        "1 integrity:32:aead",
        (32, 'J', 512),
    ),
    case(
        "capi:authenc(hmac(sha512),xts(serpent))-plain64",
        128,
        "2 integrity:64:aead sector_size:2048",
        (64, 'J', 2048),
    ),
    case(
        "capi:authenc(hmac(sha1),cbc(aes))-plain64be",
        36,
        "1 integrity:20:aead",
        (20, 'D', 512),
    ),
    case("aes-xts-random", 64, "1 integrity:16:none", (16, 'J', 512)),
    case(
        "capi:xts(aes)-random",
        64,
        "2 integrity:20:none sector_size:4096",
        (20, 'D', 4096),
    ),
    case("aes-cbc-random", 32, "", (16, 'D', 512)),
    case(
        XTS,
        80,
        "2 integrity:32:aead integrity_key_size:16",
        (32, 'D', 512),
    ),
];

/// The version of crypt that knows `integrity_key_size:`.
const KEY_SIZE_SINCE: u32 = 28;

/// Whose devices: the ones whose wrong sectors are looked for.
const FLIPPED: [usize; 5] = [0, 4, 7, 12, 15];

/// What one side writes, the other reads and goes on with; both show the same.
pub(crate) fn bytes_are_the_kernels() -> Result<(), String> {
    let old = target_minor("crypt")? < KEY_SIZE_SINCE;
    let known = |case: &&Case| !(old && case.options.contains("integrity_key_size"));
    let cases = CASES.iter().filter(known);
    let done = cases.enumerate().try_for_each(|(seed, case)| {
        let maker = match seed % 2 {
            0 => Side::Kernel,
            _ => Side::Engine,
        };
        let rng = &mut Rng::with_seed(seed as u64);
        both_ways(case, maker, rng)
            .map(drop)
            .map_err(|reason| format!("{}, {}, {maker:?}: {reason}", case.cipher, case.options))
    });
    detach();
    println!(
        "{} cases, each both ways",
        CASES.iter().filter(known).count()
    );
    done
}

/// Flipped bits of data and tags, and sectors that changed places, are found in the same sectors.
pub(crate) fn wrong_sectors_are_the_kernels() -> Result<(), String> {
    let done = FLIPPED.iter().enumerate().try_for_each(|(seed, at)| {
        let case = &CASES[*at];
        let rng = &mut Rng::with_seed(seed as u64);
        let maker = [Side::Kernel, Side::Engine][seed % 2];
        both_ways(case, maker, rng)
            .and_then(|made| wrong_alike(case, &made, rng))
            .map_err(|reason| format!("{}, {}: {reason}", case.cipher, case.options))
    });
    detach();
    done
}

/// What is left in the end, how many sectors there are, and the tables.
fn both_ways(case: &Case, maker: Side, rng: &mut Rng) -> Result<(Image, u64, Tables), String> {
    let other = match maker {
        Side::Kernel => Side::Engine,
        Side::Engine => Side::Kernel,
    };
    attach(&Image::default())?;
    let sectors = provided(case, maker)?;
    let key: String = random_bytes(rng, case.key)
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    let table = Tables::of(case, sectors, &key);
    let bytes = usize::try_from(sectors * 512).unwrap_or_default();
    let content = random_bytes(rng, bytes);
    let (mut ours, mut theirs) = (String::new(), String::new());
    on(maker, &table, |disk, shown| {
        ours = shown;
        disk.write(0, &content)
            .map_err(|errno| format!("writing: {errno}"))?;
        same(disk, &content)
    })?;
    let mut next = content.clone();
    on(other, &table, |disk, shown| {
        theirs = shown;
        same(disk, &content)?;
        let block = usize::try_from(case.block).unwrap_or(512);
        for at in [0, 3, 8] {
            let part = &mut next[at * block..][..2 * block];
            part.copy_from_slice(&random_bytes(rng, 2 * block));
            let start = (at * block / 512) as u64;
            disk.write(start, part)
                .map_err(|errno| format!("writing: {errno}"))?;
        }
        Ok(())
    })?;
    equal("what the other side shows", &theirs, &ours)?;
    on(maker, &table, |disk, _| same(disk, &next))?;
    Ok((Image::taken()?, sectors, table))
}

fn wrong_alike(
    case: &Case,
    (image, sectors, table): &(Image, u64, Tables),
    rng: &mut Rng,
) -> Result<(), String> {
    let disk = &image.0[0];
    let superblock = Superblock::read(disk).map_err(|error| error.to_string())?;
    let size = SectorCount(disk.len() as u64 / 512);
    let layout = Layout::new(&superblock, Sector(0), Devices::One(size), 0);
    let layout = layout.map_err(|error| error.to_string())?;
    let step = case.block / 512;
    let block = |number: u64| number * step;
    let data = |number: u64| {
        usize::try_from(layout.data(Sector(block(number))).0 * 512).unwrap_or_default()
    };
    let tag = |number: u64| usize::try_from(layout.tag(Sector(block(number)))).unwrap_or_default();
    let mut wrong = image.clone();
    let (bytes, tags) = (&mut wrong.0[0], usize::from(case.tag));
    let each = usize::try_from(case.block).unwrap_or(512);
    bytes[data(1) + rng.usize(..each)] ^= 1 << rng.u8(..8);
    bytes[tag(3) + rng.usize(..tags)] ^= 1 << rng.u8(..8);
    // These change places, with their tags.
    for at in 0..each {
        bytes.swap(data(5) + at, data(6) + at);
    }
    for at in 0..tags {
        bytes.swap(tag(5) + at, tag(6) + at);
    }
    let mut found = Vec::new();
    let mut failed = Vec::new();
    for side in [Side::Kernel, Side::Engine] {
        attach(&wrong)?;
        on(side, table, |disk, _| {
            failed.clear();
            let mut hash = 0_u64;
            let mut bytes = vec![0; each];
            for number in 0..(sectors / step).min(40) {
                match disk.read(block(number), &mut bytes) {
                    Ok(()) => bytes.iter().for_each(|byte| {
                        hash = hash.wrapping_mul(0x0100_0000_01b3) ^ u64::from(*byte);
                    }),
                    // A node's page cache says EIO of every error.
                    Err(_) => failed.push(number),
                }
            }
            found.push(format!("{failed:?}, the others {hash:x}"));
            Ok(())
        })?;
    }
    println!("{}: {}", case.cipher, found[0]);
    equal("what the engine finds", &found[1], &found[0])?;
    let wanted: &[u64] = match case.options.contains("aead") {
        true => &[1, 3, 5, 6],
        // Nothing proves anything.
        false => &[],
    };
    match failed == wanted {
        true => Ok(()),
        false => Err(format!("blocks {failed:?} are wrong, not {wanted:?}")),
    }
}

/// The tables of both devices.
struct Tables {
    below: String,
    above: String,
}

impl Tables {
    fn of(case: &Case, sectors: u64, key: &str) -> Tables {
        let Case {
            cipher, options, ..
        } = case;
        Tables {
            below: below(case, sectors),
            above: format!("0 {sectors} crypt {cipher} {key} 8 /dev/mapper/{BELOW} 0 {options}"),
        }
    }
}

fn below(case: &Case, sectors: u64) -> String {
    let Case {
        tag, mode, block, ..
    } = case;
    format!(
        "0 {sectors} integrity {} 0 {tag} {mode} 4 fix_padding journal_sectors:100 interleave_sectors:256 block_size:{block}",
        DISKS[0].1
    )
}

/// Has a side make the device below, and asks for its sectors.
fn provided(case: &Case, side: Side) -> Result<u64, String> {
    let ask = |driver: &dyn Backend| -> Result<u64, String> {
        let said = |error: dm_core::error::DmError| error.report();
        script::create(driver, BELOW, &below(case, case.block / 512)).map_err(said)?;
        let dm = Dm::new(driver);
        let status = dm.status(script::name(BELOW), Slot::Active, FlushMode::Flush);
        dm.remove(script::name(BELOW), RemoveMode::IfUnused)
            .map_err(said)?;
        let line = status.map_err(said)?.1.remove(0);
        let sectors = line
            .params
            .split(' ')
            .nth(1)
            .and_then(|word| word.parse().ok());
        let sectors: u64 = sectors.ok_or("no sectors are told")?;
        Ok(sectors / (case.block / 512) * (case.block / 512))
    };
    match side {
        Side::Kernel => ask(&Linux::open().map_err(|error| error.report())?),
        Side::Engine => ask(&Engine::new()),
    }
}

/// Makes both devices on a side, and works with the upper one.
fn on(
    side: Side,
    tables: &Tables,
    work: impl FnOnce(&mut dyn Disk, String) -> Result<(), String>,
) -> Result<(), String> {
    let done = match side {
        Side::Kernel => {
            let kernel = Linux::open().map_err(|error| error.report())?;
            let done = made(&kernel, tables).and_then(|shown| {
                let node = format!("/dev/mapper/{ABOVE}");
                let disk = KernelDisk::open(Path::new(&node), TableMode::ReadWrite);
                work(
                    &mut disk.map_err(|errno| format!("{node}: {errno}"))?,
                    shown,
                )
            });
            removed(&kernel, done)
        }
        Side::Engine => {
            let engine = Engine::new();
            let done = made(&engine, tables).and_then(|shown| {
                let mut disk = EngineDisk(script::open(&engine, ABOVE));
                let done = work(&mut disk, shown);
                let flushed = disk.0.flush().map_err(|error| error.to_string());
                done.and(flushed)
            });
            removed(&engine, done)
        }
    };
    done.map_err(|reason| format!("{side:?}: {reason}"))
}

/// Makes both, and says what they show, but for crypt's device.
fn made(driver: &dyn Backend, tables: &Tables) -> Result<String, String> {
    let mut shown = String::new();
    for (device, table) in [(BELOW, &tables.below), (ABOVE, &tables.above)] {
        let created = script::create(driver, device, table);
        created.map_err(|error| format!("{table}: {}", error.report()))?;
    }
    for device in [BELOW, ABOVE] {
        let dm = Dm::new(driver);
        let table = dm.table(script::name(device), Slot::Active);
        let status = dm.status(script::name(device), Slot::Active, FlushMode::Flush);
        let lines = table.and_then(|table| Ok((table.1, status?.1)));
        let (table, status) = lines.map_err(|error| error.report())?;
        let skipped = if device == ABOVE { 3 } else { usize::MAX };
        for line in table.iter().chain(&status) {
            let words = line.params.split(' ').enumerate();
            let words = words.filter(|(at, _)| *at != skipped).map(|(_, word)| word);
            shown.push_str(&words.collect::<Vec<_>>().join(" "));
            shown.push('\n');
        }
    }
    Ok(shown)
}

fn removed(driver: &dyn Backend, done: Result<(), String>) -> Result<(), String> {
    let dm = Dm::new(driver);
    for device in [ABOVE, BELOW] {
        // Who ends a request may hold its table for a moment longer.
        let removed = dm.remove_retrying(script::name(device), RemoveMode::IfUnused, |tries| {
            std::thread::sleep(std::time::Duration::from_millis(5));
            match tries < 400 {
                true => ControlFlow::Continue(()),
                false => ControlFlow::Break(()),
            }
        });
        if done.is_ok() {
            removed.map_err(|error| format!("{device}: {}", error.report()))?;
        }
    }
    done
}

fn same(disk: &mut dyn Disk, content: &[u8]) -> Result<(), String> {
    let mut found = vec![0; content.len()];
    disk.read(0, &mut found)
        .map_err(|errno| format!("reading: {errno}"))?;
    equal_sectors(&found, content)
}
