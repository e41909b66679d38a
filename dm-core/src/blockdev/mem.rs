//! A device in memory.

use std::sync::Mutex;

use crate::errno::Errno;
use crate::io::{Io, IoData, IoOp, IoResult};
use crate::locks::lock;
use crate::units::{SECTOR_BYTES, Sector, SectorCount, SectorRange};

use super::{BlockDev, DevInfo, Haste, Quick};

/// A device in memory: zeroes at first, gone with its last user.
pub struct MemDev {
    bytes: Mutex<Vec<u8>>,
    info: DevInfo,
}

impl MemDev {
    /// A device of `size` zeroes.
    ///
    /// # Panics
    /// If there can not be so much memory.
    pub fn new(size: SectorCount) -> MemDev {
        let bytes = size
            .buffer_length()
            .expect("a memory device fits the address space");
        MemDev {
            bytes: Mutex::new(vec![0; bytes]),
            info: DevInfo::new(size),
        }
    }

    /// The same with other limits than the default ones.
    #[must_use]
    pub fn with_info(self, change: impl FnOnce(&mut DevInfo)) -> MemDev {
        let mut info = self.info;
        change(&mut info);
        MemDev { info, ..self }
    }

    /// A copy of all that it holds.
    pub fn content(&self) -> Vec<u8> {
        lock(&self.bytes).clone()
    }

    /// Does `io`, without completing it.
    pub(super) fn apply(&self, io: &mut Io) -> IoResult {
        if io.op() == IoOp::Flush {
            return Ok(());
        }
        check(&self.info, io)?;
        let mut bytes = lock(&self.bytes);
        let from = usize::try_from(io.range().start().0).unwrap_or(usize::MAX) * SECTOR_BYTES;
        let length = io.range().length().buffer_length().unwrap_or(usize::MAX);
        let mut place = &mut bytes[from..from + length];
        match (io.op(), io.data_mut()) {
            (IoOp::Read, IoData::Read(buffers)) => {
                for buffer in buffers {
                    let (head, tail) = place.split_at_mut(buffer.len());
                    buffer.copy_from_slice(head);
                    place = tail;
                }
            }
            (IoOp::Write, IoData::Write(buffers)) => {
                for buffer in buffers {
                    let (head, tail) = place.split_at_mut(buffer.len());
                    head.copy_from_slice(buffer);
                    place = tail;
                }
            }
            (IoOp::Discard | IoOp::WriteZeroes, _) => place.fill(0),
            (_, _) => return Err(Errno::EINVAL.into()),
        }
        Ok(())
    }
}

/// Whether a device with `info` can do `io` at all.
pub(super) fn check(info: &DevInfo, io: &Io) -> IoResult {
    if io.op() == IoOp::Flush {
        return Ok(());
    }
    if info.read_only && io.is_write() {
        return Err(Errno::EROFS.into());
    }
    check_range(info, io.range())
}

/// Whether `range` lies on the device and is whole blocks of it.
pub(super) fn check_range(info: &DevInfo, range: SectorRange) -> IoResult {
    let block = u64::from(info.limits.logical_block) / SECTOR_BYTES as u64;
    // A power of two.
    let aligned = (range.start().0 | range.length().0) & (block - 1) == 0;
    match info.range().contains(range) {
        false => Err(Errno::EIO.into()),
        true if !aligned => Err(Errno::EINVAL.into()),
        true => Ok(()),
    }
}

impl BlockDev for MemDev {
    fn submit(&self, mut io: Io) {
        let result = self.apply(&mut io);
        io.complete(result);
    }

    fn quick(&self, start: Sector, buffer: Quick<'_>, _: Haste) -> bool {
        let range = buffer
            .sectors()
            .and_then(|count| SectorRange::new(start, count));
        let Some(range) = range.filter(|range| check_range(&self.info, *range).is_ok()) else {
            return false;
        };
        let from = usize::try_from(range.start().0).unwrap_or(usize::MAX) * SECTOR_BYTES;
        let mut bytes = lock(&self.bytes);
        match buffer {
            Quick::Read(buffer) => buffer.copy_from_slice(&bytes[from..][..buffer.len()]),
            Quick::Write(_) if self.info.read_only => return false,
            Quick::Write(buffer) => bytes[from..][..buffer.len()].copy_from_slice(buffer),
            Quick::IntoPipe(..) | Quick::FromPipe(..) => return false,
        }
        true
    }

    fn info(&self) -> DevInfo {
        self.info
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::blockdev::Blocking;
    use crate::io::IoFlags;
    use crate::units::Sector;

    #[test]
    fn reads_back_what_was_written() {
        let dev = MemDev::new(SectorCount(8));
        dev.write_at(Sector(3), &[7; 1024], IoFlags::empty())
            .unwrap();
        let mut all = [1; 8 * 512];
        dev.read_at(Sector(0), &mut all).unwrap();
        assert!(
            all.iter()
                .enumerate()
                .all(|(at, byte)| { *byte == if (1536..2560).contains(&at) { 7 } else { 0 } })
        );
    }

    #[test]
    fn request_past_the_end_fails_and_changes_nothing() {
        let dev = MemDev::new(SectorCount(2));
        let result = dev.write_at(Sector(1), &[7; 1024], IoFlags::empty());
        assert_eq!(result, Err(Errno::EIO.into()));
        assert_eq!(dev.content(), vec![0; 1024]);
    }

    #[test]
    fn partial_block_is_refused() {
        let dev = MemDev::new(SectorCount(16)).with_info(|info| info.limits.logical_block = 4096);
        assert_eq!(
            dev.read_at(Sector(1), &mut [0; 512]),
            Err(Errno::EINVAL.into())
        );
        assert_eq!(dev.read_at(Sector(8), &mut [0; 4096]), Ok(()));
    }
}
