//! A device that remembers what a power cut could leave of it.

use std::sync::Mutex;

use bytes::Bytes;

use crate::io::{Io, IoData, IoFlags, IoOp};
use crate::locks::lock;
use crate::units::{SECTOR_BYTES, SectorRange};

use super::{BlockDev, DevInfo, MemDev};

/// A memory device that records each change in the order in which it was done, and each flush, so
/// that a test can build every state that a power cut could leave: what was flushed, and any part
/// of what came after.
pub struct RecordDev {
    live: MemDev,
    log: Mutex<Vec<Recorded>>,
}

/// One thing that happened to a recording device.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Recorded {
    /// Bytes were stored.
    Write {
        /// Where.
        range: SectorRange,
        /// What.
        bytes: Bytes,
        /// Durable before its completion.
        fua: bool,
    },
    /// A range was zeroed or given up.
    Zero {
        /// Where.
        range: SectorRange,
        /// Durable before its completion.
        fua: bool,
    },
    /// All before is durable.
    Flush,
}

impl RecordDev {
    /// Records what happens to `live`.
    pub fn new(live: MemDev) -> RecordDev {
        RecordDev {
            live,
            log: Mutex::new(Vec::new()),
        }
    }

    /// All that happened so far.
    pub fn log(&self) -> Vec<Recorded> {
        lock(&self.log).clone()
    }

    /// What the device holds now.
    pub fn content(&self) -> Vec<u8> {
        self.live.content()
    }

    /// What it would hold after a power cut behind the first `upto` records, of which those since
    /// the last flush survive as `keep` says; FUA writes always do.
    pub fn after_power_cut(&self, upto: usize, mut keep: impl FnMut(usize) -> bool) -> Vec<u8> {
        let log = lock(&self.log);
        let log = &log[..upto];
        let flushed = log
            .iter()
            .rposition(|record| *record == Recorded::Flush)
            .unwrap_or(0);
        let mut bytes = vec![0; self.live.content().len()];
        for (at, record) in log.iter().enumerate() {
            match record {
                Recorded::Write {
                    range,
                    bytes: stored,
                    fua,
                } => {
                    if at < flushed || *fua || keep(at) {
                        bytes[place(*range)].copy_from_slice(stored);
                    }
                }
                Recorded::Zero { range, fua } => {
                    if at < flushed || *fua || keep(at) {
                        bytes[place(*range)].fill(0);
                    }
                }
                Recorded::Flush => {}
            }
        }
        bytes
    }
}

fn place(range: SectorRange) -> std::ops::Range<usize> {
    let byte = |sector: u64| usize::try_from(sector).unwrap_or(usize::MAX) * SECTOR_BYTES;
    byte(range.start().0)..byte(range.end().0)
}

impl BlockDev for RecordDev {
    fn submit(&self, mut io: Io) {
        let mut log = lock(&self.log);
        let result = self.live.apply(&mut io);
        if result.is_ok() {
            let (range, fua) = (io.range(), io.flags().contains(IoFlags::FUA));
            match (io.op(), io.data()) {
                (IoOp::Write, IoData::Write(buffers)) => {
                    let bytes = buffers
                        .iter()
                        .flat_map(|buffer| buffer.iter().copied())
                        .collect();
                    log.push(Recorded::Write { range, bytes, fua });
                }
                (IoOp::Discard | IoOp::WriteZeroes, _) => log.push(Recorded::Zero { range, fua }),
                (IoOp::Flush, _) => log.push(Recorded::Flush),
                (_, _) => {}
            }
        }
        drop(log);
        io.complete(result);
    }

    fn info(&self) -> DevInfo {
        self.live.info()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::blockdev::Blocking;
    use crate::units::{Sector, SectorCount};

    #[test]
    fn power_cut_keeps_what_was_flushed_and_fua_writes() {
        let dev = RecordDev::new(MemDev::new(SectorCount(4)));
        dev.write_at(Sector(0), &[1; 512], IoFlags::empty())
            .unwrap();
        dev.flush().unwrap();
        dev.write_at(Sector(1), &[2; 512], IoFlags::empty())
            .unwrap();
        dev.write_at(Sector(2), &[3; 512], IoFlags::FUA).unwrap();
        let left = dev.after_power_cut(dev.log().len(), |_| false);
        assert_eq!([left[0], left[512], left[1024], left[1536]], [1, 0, 3, 0]);
    }
}
