//! The requests of a queue: done at once where they can be, and handed on where not.

use std::io;
use std::mem;
use std::os::fd::OwnedFd;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use bytes::{Bytes, BytesMut};
use dm_core::blockdev::{BlockDev, Haste, Quick};
use dm_core::errno::Errno;
use dm_core::io::{Io, IoData, IoFlags, IoResult};
use dm_core::units::{SECTOR_BYTES, Sector, SectorCount, SectorRange};
use tracing::warn;

use super::abi::{Descriptor, Operation, RequestFlags};
use super::sys::{Queue, Told};

/// What completed on other threads.
struct Done {
    list: Mutex<Vec<(u16, Io, IoResult)>>,
    waker: OwnedFd,
    /// The queue's own thread, which looks before it waits.
    own: thread::ThreadId,
}

/// Serves a queue until the device ends. Once it is `left`, requests get no answer any more: the
/// driver has them until another server comes.
pub(super) fn serve(
    mut queue: Queue,
    depth: u16,
    device: &dyn BlockDev,
    left: &AtomicBool,
) -> io::Result<()> {
    let commit = |queue: &mut Queue, tag, result| match left.load(Ordering::SeqCst) {
        true => Ok(()),
        false => queue.commit(tag, result),
    };
    let done = Arc::new(Done {
        list: Mutex::default(),
        waker: queue.waker()?,
        own: thread::current().id(),
    });
    for tag in 0..depth {
        queue.fetch(tag)?;
    }
    let mut told = Vec::new();
    // Requests that other threads work on.
    let mut away = 0_usize;
    while queue.is_open() || away > 0 {
        queue.wait(&mut told)?;
        for told in told.drain(..) {
            let Told::Request(tag) = told else {
                continue;
            };
            let request = queue.descriptor(tag);
            match at_once(&mut queue, tag, &request, device) {
                Some(result) => commit(&mut queue, tag, result)?,
                None => {
                    away += 1;
                    hand_on(&mut queue, tag, &request, device, &done);
                }
            }
        }
        for (tag, io, result) in done.take() {
            away -= 1;
            let result = finish(queue.buffer(tag), &io, result);
            commit(&mut queue, tag, result)?;
        }
    }
    Ok(())
}

impl Done {
    fn take(&self) -> Vec<(u16, Io, IoResult)> {
        let mut list = self.list.lock().unwrap_or_else(PoisonError::into_inner);
        mem::take(&mut list)
    }

    fn push(&self, tag: u16, io: Io, result: IoResult) {
        let mut list = self.list.lock().unwrap_or_else(PoisonError::into_inner);
        list.push((tag, io, result));
        let first = list.len() == 1;
        drop(list);
        if first && thread::current().id() != self.own {
            let woken = rustix::io::write(&self.waker, &[1, 0, 0, 0, 0, 0, 0, 0]);
            if let Err(error) = woken {
                warn!(%error, "a ublk queue can not be woken");
            }
        }
    }
}

fn failed(errno: Errno) -> i32 {
    -errno.linux()
}

/// The bytes of a read or a write, if they fit the buffer.
fn length(request: &Descriptor, buffer: &[u8]) -> Option<usize> {
    let length = usize::try_from(request.sectors)
        .ok()?
        .checked_mul(SECTOR_BYTES)?;
    (length <= buffer.len()).then_some(length)
}

/// Does a read or a write here and now, if that takes no waiting and goes well; or says what is
/// wrong with a request.
fn at_once(
    queue: &mut Queue,
    tag: u16,
    request: &Descriptor,
    device: &dyn BlockDev,
) -> Option<i32> {
    let start = Sector(request.start);
    let buffer = queue.buffer(tag);
    let write = match request.operation {
        Operation::Read => false,
        Operation::Write => true,
        Operation::Other(_) => return Some(failed(Errno::EOPNOTSUPP)),
        _ => return None,
    };
    let Some(length) = length(request, buffer) else {
        return Some(failed(Errno::EINVAL));
    };
    let data = match write {
        true if request.flags.contains(RequestFlags::FUA) => return None,
        true => Quick::Write(&buffer[..length]),
        false => Quick::Read(&mut buffer[..length]),
    };
    let done = device.quick(start, data, Haste::AtOnce);
    // At most a few hundred kilobytes.
    done.then(|| i32::try_from(length).unwrap_or(i32::MAX))
}

fn hand_on(
    queue: &mut Queue,
    tag: u16,
    request: &Descriptor,
    device: &dyn BlockDev,
    done: &Arc<Done>,
) {
    let io = match prepare(queue.buffer(tag), request) {
        Some(io) => io,
        None => {
            let failed = Err(Errno::EINVAL.into());
            return done.push(tag, Io::flush(), failed);
        }
    };
    let done = done.clone();
    device.submit(io.on_complete(move |io, result| done.push(tag, io, result)));
}

fn prepare(buffer: &[u8], request: &Descriptor) -> Option<Io> {
    let start = Sector(request.start);
    let range = SectorRange::new(start, SectorCount(request.sectors.into()));
    let io = match request.operation {
        Operation::Read => Io::read(start, BytesMut::zeroed(length(request, buffer)?)).ok()?,
        Operation::Write => {
            let data = &buffer[..length(request, buffer)?];
            Io::write(start, Bytes::copy_from_slice(data)).ok()?
        }
        Operation::Flush => Io::flush(),
        Operation::Discard => Io::discard(range?),
        Operation::WriteZeroes => Io::write_zeroes(range?),
        Operation::Other(_) => return None,
    };
    let mut flags = IoFlags::empty();
    flags.set(IoFlags::FUA, request.flags.contains(RequestFlags::FUA));
    let zeroes = request.operation == Operation::WriteZeroes;
    flags.set(
        IoFlags::NO_UNMAP,
        zeroes && request.flags.contains(RequestFlags::NO_UNMAP),
    );
    Some(io.with_flags(flags))
}

/// What the driver is told: bytes, or an error below zero.
fn finish(buffer: &mut [u8], io: &Io, result: IoResult) -> i32 {
    if let Err(error) = result {
        return failed(error.errno());
    }
    let mut at = 0;
    if let IoData::Read(parts) = io.data() {
        for part in parts {
            buffer[at..at + part.len()].copy_from_slice(part);
            at += part.len();
        }
    } else {
        at = io.data().length();
    }
    i32::try_from(at).unwrap_or(i32::MAX)
}
