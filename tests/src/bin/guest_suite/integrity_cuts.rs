//! integrity and power cuts, both directions: what a cut left of one side's writes, torn at 512 bytes, the
//! other recovers. `DM_CUTS=200` looks at so many states of each device, and not at a few.

use std::fs;

use dm_core::blockdev::Recorded;
use dm_core::client::Dm;
use dm_core::command::RemoveMode;
use dm_core::devid::DevId;
use dm_core::names::DmName;
use dm_core::units::{Sector, SectorCount, SectorRange};
use dm_linux::Linux;
use dm_tests::power_loss::{Life, Recording, content};
use fastrand::Rng;

use crate::integrity_sides::{BYTES, DISKS, Image, Side, attach, detach, on, on_device, provided};
use crate::shell;

/// States of each device, unless more are asked for.
const CUTS: usize = 8;

const LIVES: &[&str] = &[
    "0 - J internal_hash:crc32c fix_padding journal_sectors:200 interleave_sectors:64",
    "0 - J internal_hash:crc32c fix_padding fix_hmac journal_sectors:200 \
     journal_mac:hmac(sha256):00 journal_crypt:ctr(aes):000102030405060708090a0b0c0d0e0f",
    "0 - B internal_hash:crc32c fix_padding sectors_per_bit:16 bitmap_flush_interval:1",
];

/// The engine writes, the power goes, the kernel recovers.
pub(crate) fn ours_are_recovered_by_the_kernel() -> Result<(), String> {
    each(|life| {
        let recording = life.record(BYTES as u64 / 512, 7);
        cut(&recording, |upto, left| {
            attach(&Image(vec![left]))?;
            on(
                Side::Kernel,
                life.options(),
                recording.sectors,
                |disk, _| {
                    let bytes = usize::try_from(recording.sectors * 512).unwrap_or_default();
                    let mut all = vec![0; bytes];
                    disk.read(0, &mut all)?;
                    recording.judge(upto, &all)
                },
            )
        })
    })
}

/// The kernel writes, the power goes, the engine recovers.
pub(crate) fn kernels_are_recovered_here() -> Result<(), String> {
    each(|life| {
        let recording = recorded(life)?;
        cut(&recording, |upto, left| recording.check(upto, &left))
    })
}

fn each(check: impl Fn(&Life) -> Result<usize, String>) -> Result<(), String> {
    let mut states = 0;
    for options in LIVES {
        let checked = check(&Life::new(options, 1));
        detach();
        states += checked.map_err(|reason| format!("{options}: {reason}"))?;
    }
    println!("{states} states after a power cut");
    Ok(())
}

/// Looks at some of the states that a cut could leave.
fn cut(
    recording: &Recording,
    look: impl Fn(usize, Vec<u8>) -> Result<(), String>,
) -> Result<usize, String> {
    let cuts = std::env::var("DM_CUTS").ok();
    let cuts = cuts.and_then(|cuts| cuts.parse().ok()).unwrap_or(CUTS);
    let records = recording.log.len();
    if records < 30 {
        return Err(format!("there are {records} records alone"));
    }
    let mut rng = Rng::with_seed(13);
    for seed in 0..cuts {
        let upto = rng.usize(..records);
        let mut keep = Rng::with_seed(seed as u64);
        let most = keep.u8(1..=10);
        let left = recording.left(upto, || keep.u8(..10) < most);
        look(upto, left)
            .map_err(|reason| format!("part {seed} at {upto} of {records}: {reason}"))?;
    }
    Ok(cuts)
}

/// What the kernel does to the device below: log-writes tells it.
fn recorded(life: &Life) -> Result<Recording, String> {
    const LOGGED: &str = "guest-integrity-logged";
    attach(&Image(vec![vec![0; BYTES], vec![0; 16 * BYTES]]))?;
    let mut sectors = 0;
    on(Side::Kernel, life.options(), 1, |_, shown| {
        sectors = provided(shown)?;
        Ok(())
    })?;
    on(Side::Kernel, life.options(), sectors, |disk, _| {
        disk.write(0, &content(sectors))?;
        disk.flush()
    })?;
    let Image(mut disks) = Image::taken()?;
    let before = disks.swap_remove(0);
    let [(_, data), (log_path, log)] = DISKS;
    shell::create(
        LOGGED,
        &format!("0 {} log-writes {data} {log}", BYTES / 512),
    )?;
    let kernel = Linux::open().map_err(|error| error.report())?;
    let dm = Dm::new(&kernel);
    let logged = DmName::new(LOGGED).map_err(|error| error.to_string())?;
    let below = format!("/dev/mapper/{LOGGED}");
    let (mut marks, mut history) = (0, None);
    let played = on_device(Side::Kernel, &below, life.options(), sectors, |disk, _| {
        history = Some(life.play(sectors, 7, |change| {
            disk.write(change.start, &change.bytes)?;
            if !change.flush {
                return Ok::<_, String>(None);
            }
            disk.flush()?;
            marks += 1;
            let id = DevId::from(logged.clone());
            dm.message(id, Sector(0), format!("mark {marks}"))
                .map_err(|error| error.report())?;
            Ok(Some(marks))
        })?);
        Ok(())
    });
    let removed = dm.remove(logged.clone(), RemoveMode::IfUnused);
    played?;
    removed.map_err(|error| error.report())?;
    let bytes = fs::read(log_path).map_err(|error| format!("{log_path}: {error}"))?;
    let (records, places) = read_log(&bytes).ok_or("the log is none")?;
    if places.len() != marks {
        return Err(format!("the log has {} marks of {marks}", places.len()));
    }
    // What was flushed at a mark was so after as many records as the log has before it.
    let history = history
        .ok_or("nothing was played")?
        .placed(|mark| match mark {
            0 => Some(0),
            mark => places.get(mark - 1).copied(),
        });
    Ok(Recording::new(life.clone(), before, records, history))
}

/// The records of a log, and how many there are before each mark.
///
/// # Source
/// `Documentation/admin-guide/device-mapper/log-writes.rst`, `drivers/md/dm-log-writes.c`: a superblock, and
/// for each entry a sector that describes it and its data.
fn read_log(bytes: &[u8]) -> Option<(Vec<Recorded>, Vec<usize>)> {
    const MAGIC: u64 = 0x006a_7366_7773_6872;
    const FLUSH: u64 = 1;
    const FUA: u64 = 2;
    const DISCARD: u64 = 4;
    const MARK: u64 = 8;
    let number = |sector: &[u8], at: usize| {
        let field = sector.get(at * 8..)?.first_chunk()?;
        Some(u64::from_le_bytes(*field))
    };
    let mut sectors = bytes.chunks_exact(512);
    let superblock = sectors.next()?;
    if number(superblock, 0)? != MAGIC {
        return None;
    }
    let (mut records, mut marks) = (Vec::new(), Vec::new());
    for _ in 0..number(superblock, 2)? {
        let entry = sectors.next()?;
        let (start, count, flags) = (number(entry, 0)?, number(entry, 1)?, number(entry, 2)?);
        if flags & MARK != 0 {
            // The last mark is the target's own.
            let length = usize::try_from(number(entry, 3)?).ok()?;
            let text = entry.get(32..)?.get(..length)?;
            if text.iter().all(u8::is_ascii_digit) {
                marks.push(records.len());
            }
            continue;
        }
        if flags & FLUSH != 0 {
            records.push(Recorded::Flush);
        }
        if count == 0 {
            continue;
        }
        let range = SectorRange::new(Sector(start), SectorCount(count))?;
        let fua = flags & FUA != 0;
        records.push(match flags & DISCARD {
            0 => {
                let data = sectors.by_ref().take(usize::try_from(count).ok()?);
                let bytes = data.flatten().copied().collect::<Vec<u8>>().into();
                Recorded::Write { range, bytes, fua }
            }
            _ => Recorded::Zero { range, fua },
        });
    }
    Some((records, marks))
}
