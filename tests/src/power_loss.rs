//! Power cuts of integrity devices: what was done to the device below is recorded, and any state that a
//! power cut could leave of it can be made and judged.

use std::sync::Arc;

use dm_core::blockdev::{Blocking, MemDev, RecordDev, Recorded};
use dm_core::client::Dm;
use dm_core::command::{RemoveMode, Slot};
use dm_core::engine::{Engine, OpenDevice};
use dm_core::io::IoFlags;
use dm_core::target::FlushMode;
use dm_core::units::{Sector, SectorCount};
use fastrand::Rng;

use crate::script::{create, name, open};

/// Writes that are recorded.
const WRITES: u32 = 60;
/// A crypt on top of the device.
const ABOVE: &str = "above";

/// A device: `RESERVED TAG MODE OPTION…`.
#[derive(Clone, Debug)]
pub struct Life {
    options: String,
    block: u64,
    /// The words of a crypt on top, `BELOW` being the device.
    above: Option<String>,
}

/// What a workload did to the device below.
pub struct Recording {
    /// How the device is made.
    pub life: Life,
    /// What was there before.
    pub before: Vec<u8>,
    /// What was done.
    pub log: Vec<Recorded>,
    /// The device's sectors.
    pub sectors: u64,
    history: History,
}

/// What a workload knows to be there.
pub struct History {
    last: Vec<u32>,
    /// After so many records, each sector has at least this version.
    flushed: Vec<(usize, Vec<u32>)>,
}

/// One write of a workload.
pub struct Change {
    /// Where.
    pub start: u64,
    /// What.
    pub bytes: Vec<u8>,
    /// Whether a flush follows.
    pub flush: bool,
}

/// The bytes of a version of a sector.
fn version(sector: u64, number: u32) -> [u8; 512] {
    let mut bytes = [0; 512];
    let mut rng = Rng::with_seed(sector << 32 | u64::from(number));
    bytes.iter_mut().for_each(|byte| *byte = rng.u8(..));
    bytes[..4].copy_from_slice(&number.to_le_bytes());
    bytes
}

/// What a new device is filled with.
pub fn content(sectors: u64) -> Vec<u8> {
    (0..sectors).flat_map(|sector| version(sector, 0)).collect()
}

impl Life {
    /// A device with these options, each of whose blocks has so many sectors.
    pub fn new(options: &str, block: u64) -> Life {
        Life {
            options: options.to_owned(),
            block,
            above: None,
        }
    }

    /// The same with a crypt on top, whose tags it keeps; in `words`, `BELOW` is the device.
    #[must_use]
    pub fn under(self, words: &str) -> Life {
        Life {
            above: Some(words.to_owned()),
            ..self
        }
    }

    /// As a table has them.
    pub fn options(&self) -> &str {
        &self.options
    }

    /// The table of a device on `dev`.
    pub fn table(&self, dev: &str, sectors: u64) -> String {
        let words: Vec<&str> = self.options.split(' ').collect();
        let (fixed, options) = words.split_at(3);
        let (fixed, count, options) = (fixed.join(" "), options.len(), options.join(" "));
        format!("0 {sectors} integrity {dev} {fixed} {count} {options}")
    }

    /// Opens the device that a workload is for: `below`, or the crypt on top.
    fn open(&self, engine: &Engine, below: &str, sectors: u64) -> OpenDevice {
        let Some(words) = &self.above else {
            return open(engine, below);
        };
        let words = words.replace("BELOW", &format!("/dev/mapper/{below}"));
        let table = format!("0 {sectors} crypt {words}");
        create(engine, ABOVE, &table).expect("the crypt is made");
        open(engine, ABOVE)
    }

    /// Has `write` done to a device of so many sectors what the seed says. It returns how many records there
    /// are, where a flush was asked for and ended.
    ///
    /// # Errors
    /// The first of `write`.
    pub fn play<E>(
        &self,
        sectors: u64,
        seed: u64,
        mut write: impl FnMut(Change) -> Result<Option<usize>, E>,
    ) -> Result<History, E> {
        let mut rng = Rng::with_seed(seed);
        let last = vec![0; usize::try_from(sectors).unwrap_or_default()];
        let mut history = History {
            flushed: vec![(0, last.clone())],
            last,
        };
        for number in 1..=WRITES {
            let start = rng.u64(..sectors / self.block) * self.block;
            let length = (rng.u64(1..6) * self.block).min(sectors - start);
            let range = start..start + length;
            let bytes = range.clone().flat_map(|sector| version(sector, number));
            let change = Change {
                start,
                bytes: bytes.collect(),
                flush: rng.u8(..6) == 0,
            };
            let records = write(change)?;
            for sector in range {
                history.last[usize::try_from(sector).unwrap_or_default()] = number;
            }
            if let Some(records) = records {
                history.flushed.push((records, history.last.clone()));
            }
        }
        Ok(history)
    }

    /// What the engine does to a device below of `disk` sectors.
    ///
    /// # Panics
    /// If the engine does not make the device, or refuses a write.
    pub fn record(&self, disk: u64, seed: u64) -> Recording {
        let engine = Engine::new();
        let data = Arc::new(MemDev::new(SectorCount(disk)));
        engine.attach("data", data.clone());
        create(&engine, "probe", &self.table("data", self.block)).expect("the device is made");
        let sectors = numbers(&engine, "probe")[1];
        remove(&engine, "probe");
        create(&engine, "filled", &self.table("data", sectors)).expect("the device is made");
        let device = self.open(&engine, "filled", sectors);
        let filled = device.write_at(Sector(0), &content(sectors), IoFlags::FUA);
        filled.expect("the device is written");
        drop(device);
        if self.above.is_some() {
            remove(&engine, ABOVE);
        }
        remove(&engine, "filled");
        let before = data.content();

        let disk = MemDev::new(SectorCount(disk));
        let copied = disk.write_at(Sector(0), &before, IoFlags::empty());
        copied.expect("memory is written");
        let disk = Arc::new(RecordDev::new(disk));
        let engine = Engine::new();
        engine.attach("data", disk.clone());
        create(&engine, "cut", &self.table("data", sectors)).expect("the device is made");
        let device = self.open(&engine, "cut", sectors);
        let mut fua = Rng::with_seed(seed + 1);
        let history = self.play(sectors, seed, |change| {
            let flags = match fua.u8(..10) {
                0 => IoFlags::FUA,
                _ => IoFlags::empty(),
            };
            device.write_at(Sector(change.start), &change.bytes, flags)?;
            if !change.flush {
                return Ok::<_, dm_core::io::IoError>(None);
            }
            device.flush()?;
            Ok(Some(disk.log().len()))
        });
        Recording {
            life: self.clone(),
            before,
            log: disk.log(),
            sectors,
            history: history.expect("the device is written"),
        }
    }
}

impl History {
    /// Has each flush be where `place` says, which is told what was said of it while it was played. What has
    /// no place counts for nothing.
    pub fn placed(mut self, place: impl Fn(usize) -> Option<usize>) -> History {
        let flushed = self.flushed.into_iter();
        self.flushed = flushed
            .filter_map(|(at, least)| Some((place(at)?, least)))
            .collect();
        self
    }
}

impl Recording {
    /// Of records that something else made.
    pub fn new(life: Life, before: Vec<u8>, log: Vec<Recorded>, history: History) -> Recording {
        Recording {
            life,
            before,
            log,
            sectors: history.last.len() as u64,
            history,
        }
    }

    /// What the disk holds when the power goes with so many records ended, of which those since the last
    /// flush, and the one behind, are there as far as `keep` says.
    pub fn left(&self, upto: usize, mut keep: impl FnMut() -> bool) -> Vec<u8> {
        let mut bytes = self.before.clone();
        let flush = self.log[..upto]
            .iter()
            .rposition(|record| *record == Recorded::Flush);
        for (at, record) in self.log.iter().enumerate().take(upto + 1) {
            let (range, stored, fua) = match record {
                Recorded::Write { range, bytes, fua } => (range, bytes.clone(), *fua),
                Recorded::Zero { range, fua } => {
                    let length = range.length().buffer_length().unwrap_or_default();
                    (range, vec![0; length].into(), *fua)
                }
                _ => continue,
            };
            let durable = at < upto && (fua || flush.is_some_and(|flush| at < flush));
            for (sector, stored) in (range.start().0..).zip(stored.chunks_exact(512)) {
                if durable || keep() {
                    let place = usize::try_from(sector * 512).unwrap_or_default();
                    bytes[place..place + 512].copy_from_slice(stored);
                }
            }
        }
        bytes
    }

    /// Whether `all`, which a device read that was opened with so many records ended, has at least what was
    /// flushed, and nothing that was never written.
    ///
    /// # Errors
    /// The first sector that has not.
    pub fn judge(&self, upto: usize, all: &[u8]) -> Result<(), String> {
        let flushed = self.history.flushed.iter().rfind(|(at, _)| *at <= upto);
        let least = flushed.map_or(&[][..], |(_, least)| least);
        for ((sector, found), (least, last)) in (0..)
            .zip(all.chunks_exact(512))
            .zip(least.iter().zip(&self.history.last))
        {
            let number = found.first_chunk().copied().map(u32::from_le_bytes);
            let number = number.unwrap_or_default();
            if number < *least || number > *last || found != version(sector, number) {
                return Err(format!(
                    "sector {sector} has version {number} of {least} to {last}"
                ));
            }
        }
        Ok(())
    }

    /// Opens what is left in the engine, and judges what it reads.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn check(&self, upto: usize, left: &[u8]) -> Result<(), String> {
        let disk = MemDev::new(SectorCount(left.len() as u64 / 512));
        let said = |error: dm_core::io::IoError| error.to_string();
        disk.write_at(Sector(0), left, IoFlags::empty())
            .map_err(said)?;
        let engine = Engine::new();
        engine.attach("data", Arc::new(disk));
        create(&engine, "back", &self.life.table("data", self.sectors))
            .map_err(|error| error.report())?;
        // In mode B, tags are made where bits were set; then all must be right.
        while let [_, _, made] = numbers(&engine, "back")[..]
            && made < self.sectors
        {
            std::thread::sleep(std::time::Duration::from_millis(1));
        }
        let mut all = vec![0; usize::try_from(self.sectors * 512).unwrap_or_default()];
        let device = self.life.open(&engine, "back", self.sectors);
        device.read_at(Sector(0), &mut all).map_err(said)?;
        self.judge(upto, &all)
    }
}

/// The numbers of a device's status: mismatches, sectors, and where making tags is at.
///
/// # Panics
/// If there is no such device.
pub fn numbers(engine: &Engine, device: &str) -> Vec<u64> {
    let status = Dm::new(engine).status(name(device), Slot::Active, FlushMode::NoFlush);
    let (_, lines) = status.expect("the device is there");
    let words = lines[0].params.split(' ');
    words.filter_map(|word| word.parse().ok()).collect()
}

fn remove(engine: &Engine, device: &str) {
    let removed = Dm::new(engine).remove(name(device), RemoveMode::IfUnused);
    removed.expect("nobody has the device open");
}
