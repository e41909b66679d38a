//! Io that checks itself while tables are swapped under it.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};

use dm_core::names::DmName;

use super::disk::Disk;
use super::layout::{Random, first_difference};

/// The most bytes of a request.
const REQUEST_MAX: usize = 128 << 10;

/// The bytes of a sector.
const SECTOR: usize = 512;

/// A client at work.
pub(super) struct Live {
    stop: Arc<AtomicBool>,
    thread: JoinHandle<Result<Done, String>>,
}

/// What it did.
#[derive(Clone, Debug, Default)]
pub(super) struct Done {
    /// What the device holds now.
    pub(super) model: Vec<u8>,
    /// How many writes.
    pub(super) writes: u64,
    /// How many reads.
    pub(super) reads: u64,
    /// The bytes of both.
    pub(super) bytes: u64,
}

impl Live {
    /// Writes and reads on the device, which holds `model`, over a connection of its own.
    pub(super) fn start(socket: &Path, name: &DmName, model: Vec<u8>) -> Result<Live, String> {
        let mut disk = Disk::connect(socket, name)?;
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = stop.clone();
        let work = move || {
            let mut done = Done {
                model,
                ..Done::default()
            };
            let mut random = Random::new(3);
            while !stopped.load(Ordering::Relaxed) {
                done.round(&mut disk, &mut random)?;
            }
            done.check(&mut disk)?;
            Ok(done)
        };
        let thread = thread::Builder::new().name("live".into()).spawn(work);
        Ok(Live {
            stop,
            thread: thread.map_err(|error| format!("no thread: {error}"))?,
        })
    }

    /// Ends it, after a last look at the whole device.
    pub(super) fn finish(self) -> Result<Done, String> {
        self.stop.store(true, Ordering::Relaxed);
        self.thread
            .join()
            .unwrap_or_else(|_| Err("the client's thread panicked".into()))
    }
}

impl Done {
    /// A write somewhere, and a read of what it wrote with what is around it.
    fn round(&mut self, disk: &mut Disk, random: &mut Random) -> Result<(), String> {
        let sectors = 1 + random.below(REQUEST_MAX / SECTOR);
        let start = random.below(self.model.len() / SECTOR - sectors) * SECTOR;
        let end = start + sectors * SECTOR;
        for word in self.model[start..end].chunks_exact_mut(8) {
            word.copy_from_slice(&random.next().to_le_bytes());
        }
        disk.write(start as u64, &self.model[start..end])
            .map_err(|errno| format!("write: {errno}"))?;
        self.writes += 1;
        self.bytes += (end - start) as u64;
        let from = start.saturating_sub(REQUEST_MAX);
        let to = self.model.len().min(end + REQUEST_MAX);
        self.compare(disk, from, to)
    }

    /// Reads the whole device.
    fn check(&mut self, disk: &mut Disk) -> Result<(), String> {
        (0..self.model.len())
            .step_by(REQUEST_MAX)
            .try_for_each(|from| self.compare(disk, from, self.model.len().min(from + REQUEST_MAX)))
    }

    fn compare(&mut self, disk: &mut Disk, from: usize, to: usize) -> Result<(), String> {
        let mut read = vec![0xa5; to - from];
        disk.read(from as u64, &mut read)
            .map_err(|errno| format!("read: {errno}"))?;
        self.reads += 1;
        self.bytes += read.len() as u64;
        match first_difference(&read, &self.model[from..to]) {
            None => Ok(()),
            Some(offset) => Err(format!("byte {} is wrong", from + offset)),
        }
    }
}
