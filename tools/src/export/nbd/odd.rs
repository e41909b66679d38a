//! Requests that begin or end within one of the device's blocks.
//!
//! A write then keeps the rest of its first and its last block as they are: they are read before, while
//! no other write of the export is under way.

use bytes::{Buf, BytesMut};
use dm_core::blockdev::{BlockDev, Blocking};
use dm_core::errno::Errno;
use dm_core::io::{IoFlags, IoResult};
use dm_core::nbd::{CommandKind, Request};
use dm_core::units::{SECTOR_BYTES, Sector, SectorCount, SectorRange};

use super::PAYLOAD_MAX;
use super::edges::Edges;

const SECTOR: u64 = SECTOR_BYTES as u64;

/// Bytes of the largest block.
const BLOCK_MAX: usize = 64 << 10;

/// Does a request, which lies on the device, and waits for it. A read's bytes.
pub(super) fn run(
    device: &dyn BlockDev,
    edges: &Edges,
    request: &Request,
    data: &[u8],
    flags: IoFlags,
) -> Result<BytesMut, Errno> {
    let (from, length) = (request.offset.0, request.length.0);
    let to = from + length;
    match request.command {
        CommandKind::Read => return read(device, edges.block(), from, to),
        CommandKind::Cache => {
            let to = to.min(from + u64::from(PAYLOAD_MAX));
            return read(device, edges.block(), from, to);
        }
        CommandKind::Write => write(device, edges, from, data, flags),
        // Advisory: what is only part of a block stays.
        CommandKind::Trim => {
            match sectors(
                from.next_multiple_of(edges.block()),
                to - to % edges.block(),
            ) {
                Some(inner) => device.discard(inner),
                None => Ok(()),
            }
        }
        CommandKind::WriteZeroes => zero(device, edges, from, to, flags),
        _ => return Err(Errno::EINVAL),
    }
    .map_err(|error| error.errno())?;
    Ok(BytesMut::new())
}

/// The sectors from byte `from` to byte `to`, if there are any.
fn sectors(from: u64, to: u64) -> Option<SectorRange> {
    let count = to.checked_sub(from).filter(|bytes| *bytes > 0)? / SECTOR;
    SectorRange::new(Sector(from / SECTOR), SectorCount(count))
}

/// A number of bytes that fits the memory, since a payload's limit was checked.
fn bytes(count: u64) -> usize {
    usize::try_from(count).unwrap_or(usize::MAX)
}

fn read(device: &dyn BlockDev, block: u64, from: u64, to: u64) -> Result<BytesMut, Errno> {
    let (first, last) = (from - from % block, to.next_multiple_of(block));
    let mut buffer = BytesMut::zeroed(bytes(last - first));
    device
        .read_at(Sector(first / SECTOR), &mut buffer)
        .map_err(|error| error.errno())?;
    buffer.advance(bytes(from - first));
    buffer.truncate(bytes(to - from));
    Ok(buffer)
}

fn write(device: &dyn BlockDev, edges: &Edges, from: u64, data: &[u8], flags: IoFlags) -> IoResult {
    let to = from + data.len() as u64;
    let block = edges.block();
    let (first, last) = (from - from % block, to.next_multiple_of(block));
    let mut buffer = vec![0; bytes(last - first)];
    let _alone = edges.alone();
    if from > first {
        device.read_at(Sector(first / SECTOR), &mut buffer[..bytes(block)])?;
    }
    if last > to {
        let tail = buffer.len() - bytes(block);
        device.read_at(Sector((last - block) / SECTOR), &mut buffer[tail..])?;
    }
    buffer[bytes(from - first)..][..data.len()].copy_from_slice(data);
    device.write_at(Sector(first / SECTOR), &buffer, flags)
}

fn zero(device: &dyn BlockDev, edges: &Edges, from: u64, to: u64, flags: IoFlags) -> IoResult {
    static ZEROES: [u8; BLOCK_MAX] = [0; BLOCK_MAX];
    let block = edges.block();
    let part = |from: u64, to: u64| match from < to {
        true => write(
            device,
            edges,
            from,
            &ZEROES[..bytes(to - from)],
            flags & IoFlags::FUA,
        ),
        false => Ok(()),
    };
    let inner = from.next_multiple_of(block).min(to);
    part(from, inner)?;
    let end = (to - to % block).max(inner);
    if let Some(range) = sectors(inner, end) {
        device.write_zeroes(range, flags)?;
    }
    part(end, to)
}

#[cfg(test)]
mod tests {
    use dm_core::blockdev::MemDev;
    use dm_core::nbd::{ByteCount, ByteOffset, CommandFlags, Cookie};

    use super::*;

    #[test]
    fn partial_sectors_keep_the_rest() {
        let device = MemDev::new(SectorCount(16));
        let edges = Edges::of("partial_sectors_keep_the_rest", 1024);
        let mut model = vec![0; 16 * 512];
        let mut seed = 1_u64;
        let mut random = |below: u64| {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            (seed >> 33) % below
        };
        for round in 0..2000_u64 {
            let offset = random(16 * 512 - 1);
            let length = 1 + random((16 * 512 - offset).min(1500));
            let request = |command| Request {
                command,
                flags: CommandFlags::empty(),
                cookie: Cookie(0),
                offset: ByteOffset(offset),
                length: ByteCount(length),
            };
            let (from, to) = (bytes(offset), bytes(offset + length));
            let data = vec![u8::try_from(round % 251).unwrap(); to - from];
            let none = IoFlags::empty();
            let run = |command, data: &[u8]| run(&device, &edges, &request(command), data, none);
            match random(3) {
                0 => {
                    run(CommandKind::Write, &data).unwrap();
                    model[from..to].copy_from_slice(&data);
                }
                1 => {
                    run(CommandKind::WriteZeroes, &[]).unwrap();
                    model[from..to].fill(0);
                }
                _ => {
                    let read = run(CommandKind::Read, &[]).unwrap();
                    assert!(read == model[from..to], "round {round}");
                }
            }
        }
    }
}
