//! A device with a disklabel of its own before its eyes.

use bytes::Bytes;

use crate::errno::Errno;
use crate::io::{Io, IoData, IoError, IoOp};
use crate::units::{SECTOR_BYTES, SectorCount, SectorRange};

use super::{BlockDev, DevInfo, Extent, ExtentKind, push_extent};

/// A device whose first sectors are others than its own, and can not be written: a disklabel, as
/// [`front`](crate::disklabel::front) makes it.
///
/// What the device has there stays, and is not to be seen.
pub struct LabelledDev<D> {
    below: D,
    front: Bytes,
}

impl<D: BlockDev> LabelledDev<D> {
    /// Puts `front` over the first sectors of `below`. A partial last sector does not count.
    pub fn new(below: D, front: Vec<u8>) -> LabelledDev<D> {
        let front = Bytes::from(front);
        LabelledDev { below, front }
    }

    /// The sectors that it serves itself.
    fn own(&self) -> SectorRange {
        SectorRange::from_zero(SectorCount::from_bytes_floor(self.front.len() as u64))
    }

    /// Fills a read that lies in the front.
    fn fill(&self, io: &mut Io) {
        let start = usize::try_from(io.range().start().0).unwrap_or(usize::MAX);
        let mut rest = &self.front[start.saturating_mul(SECTOR_BYTES)..];
        if let IoData::Read(buffers) = io.data_mut() {
            for buffer in buffers {
                let (part, behind) = rest.split_at(buffer.len());
                buffer.copy_from_slice(part);
                rest = behind;
            }
        }
    }
}

impl<D: BlockDev> BlockDev for LabelledDev<D> {
    fn submit(&self, mut io: Io) {
        let (own, range) = (self.own().end(), io.range());
        if io.op() == IoOp::Flush || range.is_empty() || range.start() >= own {
            return self.below.submit(io);
        }
        if io.is_write() {
            return io.complete(Err(Errno::EROFS.into()));
        }
        if range.end() <= own {
            self.fill(&mut io);
            return io.complete(Ok(()));
        }
        let mut rest = io.take_body();
        let mut head = rest.split_front(own.since(range.start()).unwrap_or_default());
        self.fill(&mut head);
        self.below.submit(rest.on_complete(move |mut rest, result| {
            let mut data = head.take_data();
            data.append(rest.take_data());
            io.set_data(data);
            io.complete(result);
        }));
    }

    fn info(&self) -> DevInfo {
        self.below.info()
    }

    fn extents(&self, range: SectorRange) -> Result<Vec<Extent>, IoError> {
        let own = self.own().end().max(range.start()).min(range.end());
        let (head, rest) = range.split_at(own.since(range.start()).unwrap_or_default());
        let mut extents = Vec::new();
        let kind = ExtentKind::Data;
        push_extent(&mut extents, Extent { range: head, kind });
        if !rest.is_empty() {
            for extent in self.below.extents(rest)? {
                push_extent(&mut extents, extent);
            }
        }
        Ok(extents)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::blockdev::{Blocking, MemDev};
    use crate::disklabel::{FixedText, Port, Survey, front};
    use crate::io::IoFlags;
    use crate::units::Sector;

    fn labelled(port: Port) -> (LabelledDev<MemDev>, u64) {
        let size = SectorCount(1000);
        let front = front(port, size, FixedText::default()).unwrap();
        let below = MemDev::new(size);
        below
            .write_at(Sector(0), &[7; 1000 * 512], IoFlags::empty())
            .unwrap();
        (LabelledDev::new(below, front), port.reserved().0)
    }

    #[test]
    fn first_sectors_are_the_label_and_the_rest_the_device() {
        for port in Port::ALL {
            let (dev, own) = labelled(port);
            let mut all = vec![0; 1000 * 512];
            dev.read_at(Sector(0), &mut all).unwrap();
            let own_bytes = usize::try_from(own).unwrap() * 512;
            assert_eq!(all[..own_bytes], dev.front);
            assert!(all[own_bytes..].iter().all(|byte| *byte == 7));
            assert_eq!(Survey::of(&mut all).unwrap().labels.len(), 1, "{port}");
            // Every cut gives the same.
            for start in 0..own + 2 {
                for length in [1, 2, 3, 70] {
                    let mut part = vec![0; length * 512];
                    dev.read_at(Sector(start), &mut part).unwrap();
                    let at = usize::try_from(start).unwrap() * 512;
                    assert_eq!(part, all[at..at + part.len()], "{start}+{length}");
                }
            }
        }
    }

    #[test]
    fn first_sectors_can_not_be_written() {
        let (dev, own) = labelled(Port::Amd64);
        let refused = Err(IoError::Errno(Errno::EROFS));
        let none = IoFlags::empty();
        for start in [0, 1, own - 1] {
            let two = SectorRange::new(Sector(start), SectorCount(2)).unwrap();
            assert_eq!(dev.write_at(Sector(start), &[1; 1024], none), refused);
            assert_eq!(dev.discard(two), refused);
            assert_eq!(dev.write_zeroes(two, none), refused);
        }
        dev.write_at(Sector(own), &[1; 512], none).unwrap();
        dev.flush().unwrap();
        let below = dev.below.content();
        let own = usize::try_from(own).unwrap() * 512;
        assert!(below[..own].iter().all(|byte| *byte == 7));
        assert_eq!(below[own], 1);
    }

    #[test]
    fn what_the_device_refuses_is_refused() {
        let (dev, own) = labelled(Port::Sparc);
        assert!(dev.read_at(Sector(999), &mut [0; 1024]).is_err());
        assert!(
            dev.read_at(Sector(own - 1), &mut vec![0; 1000 * 512])
                .is_err()
        );
    }

    #[test]
    fn label_is_data_whatever_lies_below() {
        let front = front(Port::Amd64, SectorCount(1000), FixedText::default()).unwrap();
        let dev = LabelledDev::new(MemDev::new(SectorCount(1000)), front);
        for (start, length, label) in [(0, 1000, 65), (64, 4, 1), (65, 4, 0), (10, 5, 5)] {
            let range = SectorRange::new(Sector(start), SectorCount(length)).unwrap();
            let extents = dev.extents(range).unwrap();
            let total: u64 = extents.iter().map(|extent| extent.range.length().0).sum();
            assert_eq!(total, length);
            let first = extents[0];
            let is_label = first.kind == ExtentKind::Data && first.range.length().0 >= label;
            assert!(label == 0 || is_label, "{extents:?}");
        }
    }
}
