//! Reads and writes past the page cache, which want their buffers at whole pages.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;

use bytes::{Bytes, BytesMut};

use crate::blockdev::cut::Cut;

/// What any system wants of a buffer's address.
pub(super) const ALIGNMENT: usize = 4096;

/// Bytes that are moved at a time.
pub(super) const CHUNK: usize = 1 << 20;

/// Memory at whole pages.
struct Bounce {
    bytes: Vec<u8>,
    begin: usize,
    length: usize,
}

impl Bounce {
    fn new(length: usize) -> Bounce {
        let bytes = vec![0; length + ALIGNMENT];
        let begin = bytes.as_ptr().align_offset(ALIGNMENT).min(ALIGNMENT);
        Bounce {
            bytes,
            begin,
            length,
        }
    }

    fn front(&mut self, length: usize) -> &mut [u8] {
        &mut self.bytes[self.begin..][..self.length.min(length)]
    }
}

/// The smallest block that the file can be read in so: a sector, or else a page.
pub(super) fn block(file: &File) -> u32 {
    let mut bounce = Bounce::new(512);
    match file.read_at(bounce.front(512), 512) {
        Ok(_) => 512,
        Err(_) => 4096,
    }
}

/// Fills the buffers from byte `at` on.
pub(super) fn read(file: &File, buffers: &mut [BytesMut], at: u64) -> io::Result<()> {
    let all = buffers.iter().map(|buffer| buffer.len()).sum::<usize>();
    let mut bounce = Bounce::new(all.min(CHUNK));
    let mut done = 0;
    while done < all {
        let part = bounce.front(all - done);
        file.read_exact_at(part, at + done as u64)?;
        let (mut cut, mut rest) = (
            Cut {
                skip: done,
                left: part.len(),
            },
            &*part,
        );
        for buffer in buffers.iter_mut() {
            let range = cut.of(buffer.len());
            let (front, behind) = rest.split_at(range.len());
            buffer[range].copy_from_slice(front);
            rest = behind;
        }
        done += part.len();
    }
    Ok(())
}

/// Stores the buffers from byte `at` on.
pub(super) fn write(file: &File, buffers: &[Bytes], at: u64) -> io::Result<()> {
    let all = buffers.iter().map(|buffer| buffer.len()).sum::<usize>();
    let mut bounce = Bounce::new(all.min(CHUNK));
    let mut done = 0;
    while done < all {
        let part = bounce.front(all - done);
        let (mut cut, mut filled) = (
            Cut {
                skip: done,
                left: part.len(),
            },
            0,
        );
        for buffer in buffers {
            let data = &buffer[cut.of(buffer.len())];
            part[filled..filled + data.len()].copy_from_slice(data);
            filled += data.len();
        }
        file.write_all_at(part, at + done as u64)?;
        done += part.len();
    }
    Ok(())
}

/// Stores zeroes from byte `from` to byte `to`.
pub(super) fn zero(file: &File, from: u64, to: u64) -> io::Result<()> {
    let length = usize::try_from(to - from).unwrap_or(usize::MAX).min(CHUNK);
    let mut bounce = Bounce::new(length);
    let mut at = from;
    while at < to {
        let part = bounce.front(usize::try_from(to - at).unwrap_or(usize::MAX));
        file.write_all_at(part, at)?;
        at += part.len() as u64;
    }
    Ok(())
}
