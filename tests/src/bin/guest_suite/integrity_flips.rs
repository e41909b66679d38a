//! integrity with flipped bits: each field of the superblock and of the journal, the bitmap, tags and data. Both
//! sides refuse the same, find the same blocks wrong, and count them alike.

use std::fmt::Write as _;

use dm_core::format::integrity::{Devices, Flags, Journal, Layout, SUPERBLOCK_SECTORS, Superblock};
use dm_core::units::{Sector, SectorCount};
use fastrand::Rng;

use crate::integrity_life::made_by_kernel;
use crate::integrity_sides::{Image, Open, Side, attach, detach, on};
use crate::shell::equal;

/// A byte of the superblock and a bit in it: each field once at least.
const FIELDS: &[(usize, u8)] = &[
    (0, 0),
    (8, 2),
    (8, 3),
    (9, 0),
    (9, 4),
    (10, 0),
    (12, 0),
    (12, 1),
    (14, 3),
    (16, 4),
    (20, 1),
    (24, 0),
    (24, 1),
    (24, 2),
    (24, 3),
    (24, 4),
    (28, 0),
    (29, 0),
    (30, 0),
    (32, 3),
    (36, 0),
    (40, 0),
    (48, 0),
    (100, 0),
];

/// Flips in the journal or bitmap, each alone, of a device unless more are asked for.
const IN_JOURNAL: usize = 2;

/// Flips in tags and data, so many at once.
const BEHIND: usize = 20;

const DEVICES: &[&str] = &[
    "0 - J internal_hash:crc32c fix_padding journal_sectors:200",
    "0 - J internal_hash:crc32c fix_padding fix_hmac journal_mac:hmac(sha256):0808 journal_sectors:200",
    "0 - B internal_hash:crc32c fix_padding sectors_per_bit:16",
];

/// Both sides say the same of each.
pub(crate) fn flips_are_found_alike() -> Result<(), String> {
    let (mut flips, times) = (0, times().unwrap_or(1));
    for (seed, options) in (0..).zip(DEVICES) {
        let mut rng = Rng::with_seed(seed);
        let done = made_by_kernel(options, &mut rng).and_then(|(image, sectors)| {
            // What a superblock says, the first device shows.
            let fields = FIELDS.iter().filter(|_| seed == 0);
            let mut groups: Vec<Vec<(usize, u8)>> = fields.map(|flip| vec![*flip]).collect();
            let behind = behind_superblock(&image.0[0])?;
            groups.extend(behind.into_iter().map(|(at, bit)| vec![(at, bit)]));
            let end = image.0[0].len();
            let mut flip = |from, to| (rng.usize(from..to), rng.u8(..8));
            groups.extend((0..IN_JOURNAL * times).map(|_| vec![flip(4096, 4096 + 8192)]));
            groups.extend((0..times).map(|_| {
                let some = (0..BEHIND).map(|_| flip(end / 4, end));
                some.collect()
            }));
            for group in groups {
                let mut image = image.clone();
                for (at, bit) in &group {
                    image.0[0][*at] ^= 1 << bit;
                }
                let kernel = seen(Side::Kernel, options, &image, sectors)?;
                let engine = seen(Side::Engine, options, &image, sectors)?;
                equal(&format!("flips {group:?}: the engine"), &engine, &kernel)?;
                flips += group.len();
            }
            Ok(())
        });
        detach();
        done.map_err(|reason| format!("{options}: {reason}"))?;
    }
    println!("{flips} flips");
    Ok(())
}

/// A byte and a bit of each field of journal or bitmap, of a tag, and of data.
fn behind_superblock(disk: &[u8]) -> Result<Vec<(usize, u8)>, String> {
    let superblock = Superblock::read(disk).map_err(|error| error.to_string())?;
    let size = Devices::One(SectorCount(disk.len() as u64 / 512));
    let layout = Layout::new(&superblock, Sector(0), size, 0).map_err(|error| error.to_string())?;
    let bytes = |number: u64| usize::try_from(number).unwrap_or(usize::MAX);
    let mut flips = vec![
        (bytes(layout.tag(Sector(3))), 5),
        (bytes(layout.data(Sector(5)).0) * 512 + 100, 1),
    ];
    let start = bytes(SUPERBLOCK_SECTORS.0) * 512;
    if superblock.flags.contains(Flags::DIRTY_BITMAP) {
        flips.extend([(start, 0), (start, 7)]);
        return Ok(flips);
    }
    // A section whose first entry is used.
    let journal = Journal::new(layout);
    let sections = disk[start..].chunks(layout.section_bytes());
    let mut sections = sections.take(bytes(layout.sections().into()));
    let used = sections.position(|section| journal.sector(section, 0).is_some());
    let used = used.ok_or("no section's first entry is used")?;
    let section = start + used * layout.section_bytes();
    let data = section + 8 * 512;
    flips.extend([
        // Its sector, whether it is used, the end of the block's sector, its tag.
        (section, 1),
        (section + 4, 0),
        (section + 8, 3),
        (section + 16, 6),
        // What may be a MAC, and the commit ids of sectors of entries and of data.
        (section + 496, 2),
        (section + 504, 4),
        (section + 511, 0),
        (data + 504, 7),
        // The block.
        (data + 77, 5),
    ]);
    Ok(flips)
}

/// `DM_FLIPS=4` looks at so many times the flips, and at what is left out otherwise.
pub(crate) fn times() -> Option<usize> {
    std::env::var("DM_FLIPS").ok()?.parse().ok()
}

/// What a side makes of an image.
fn seen(side: Side, options: &str, image: &Image, sectors: u64) -> Result<String, String> {
    attach(image)?;
    let mut seen = String::new();
    let opened = on(side, options, sectors, |disk: &mut Open<'_>, _| {
        let (mut wrong, mut hash) = (Vec::new(), 0_u64);
        let mut bytes = [0; 512];
        for sector in 0..sectors {
            match disk.read(sector, &mut bytes) {
                Ok(()) => {
                    for byte in bytes {
                        hash = hash.wrapping_mul(0x0100_0000_01b3) ^ u64::from(byte);
                    }
                }
                Err(_) => wrong.push(sector),
            }
        }
        let status = disk.mismatches()?;
        // Where nothing can be read, how often that was tried is no matter.
        let status = match wrong.len() as u64 == sectors {
            true => "-".to_owned(),
            false => status,
        };
        let _ = write!(
            seen,
            "{} wrong: {wrong:?}, {status} counted, {hash:x}",
            wrong.len()
        );
        Ok(())
    });
    match opened {
        Ok(()) => Ok(seen),
        Err(_) if seen.is_empty() => Ok("refused".into()),
        Err(reason) => Err(reason),
    }
}
