//! The driver's two doors, through io_uring: the one module here with unsafe code.
#![allow(unsafe_code)]

use std::fs::File;
use std::io;
use std::mem;
use std::os::fd::{AsRawFd, OwnedFd};
use std::ptr::{self, NonNull};

use io_uring::squeue::{Entry, Entry128};
use io_uring::{IoUring, cqueue, opcode, types};
use rustix::event::{EventfdFlags, eventfd};
use rustix::mm::{MapFlags, ProtFlags, mmap, munmap};

use super::abi::{
    COMMIT_AND_FETCH_REQ, ControlCommand, DESCRIPTOR_BYTES, Descriptor, FETCH_REQ, QUEUE_STRIDE,
    QueueCommand,
};

/// The mark of the ring's own event, which is no tag.
const EVENT: u64 = u64::MAX;

/// The control device.
pub(super) struct Control {
    ring: IoUring<Entry128, cqueue::Entry>,
    file: File,
}

impl Control {
    pub(super) fn open() -> io::Result<Control> {
        let file = File::options()
            .read(true)
            .write(true)
            .open("/dev/ublk-control")?;
        let ring = IoUring::<Entry128, cqueue::Entry>::builder().build(4)?;
        Ok(Control { ring, file })
    }

    /// Does a command, and waits for it. The driver reads and writes `buffer`.
    pub(super) fn command(
        &mut self,
        number: u32,
        device: u32,
        data: u64,
        buffer: &mut [u8],
    ) -> io::Result<()> {
        let command = ControlCommand {
            device,
            length: u16::try_from(buffer.len()).unwrap_or(u16::MAX),
            address: match buffer.is_empty() {
                true => 0,
                false => buffer.as_mut_ptr().expose_provenance() as u64,
            },
            data,
        };
        let entry = opcode::UringCmd80::new(types::Fd(self.file.as_raw_fd()), number)
            .cmd(command.encode())
            .build();
        // SAFETY: the entry names `buffer`, with its length, which is borrowed until this function
        // returns; and it does not return before the completion is there.
        unsafe { self.ring.submission().push(&entry) }.map_err(io::Error::other)?;
        loop {
            match self.ring.submit_and_wait(1) {
                Ok(_) => {}
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                // Nothing of it may be under way when `buffer` is given back.
                Err(error) => panic!("io_uring does not wait: {error}"),
            }
            if let Some(done) = self.ring.completion().next() {
                return match done.result() {
                    0.. => Ok(()),
                    error => Err(io::Error::from_raw_os_error(-error)),
                };
            }
        }
    }
}

/// One queue of a device, with a buffer for each tag.
///
/// The driver copies between requests and buffers while this thread is in a call of the ring alone,
/// since its commands are worked on by the task that made them.
pub(super) struct Queue {
    ring: IoUring<Entry, cqueue::Entry>,
    file: File,
    number: u16,
    descriptors: NonNull<u8>,
    mapped: usize,
    buffers: Vec<Box<[u8]>>,
    /// Commands that the driver has.
    under_way: usize,
    event: OwnedFd,
    /// The ring tells of the event.
    watched: bool,
}

/// What the ring tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Told {
    /// There is a request with this tag.
    Request(u16),
    /// There will be none with this tag any more.
    Ended(u16),
    /// Somebody woke the queue.
    Woken,
}

impl Queue {
    pub(super) fn open(
        file: File,
        number: u16,
        depth: u16,
        buffer_bytes: usize,
    ) -> io::Result<Queue> {
        let ring = IoUring::builder()
            .setup_coop_taskrun()
            .build(u32::from(depth).next_power_of_two() * 2)?;
        let mapped = (usize::from(depth) * DESCRIPTOR_BYTES).next_multiple_of(4096);
        let at = u64::from(number) * QUEUE_STRIDE;
        let flags = MapFlags::SHARED | MapFlags::POPULATE;
        // SAFETY: a new mapping at an address of the kernel's choice touches no other memory.
        let address = unsafe { mmap(ptr::null_mut(), mapped, ProtFlags::READ, flags, &file, at) }?;
        let descriptors = NonNull::new(address.cast()).ok_or(io::ErrorKind::OutOfMemory)?;
        Ok(Queue {
            ring,
            file,
            number,
            descriptors,
            mapped,
            buffers: (0..depth).map(|_| vec![0; buffer_bytes].into()).collect(),
            under_way: 0,
            event: eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)?,
            watched: false,
        })
    }

    /// Whether the driver has any command.
    pub(super) fn is_open(&self) -> bool {
        self.under_way > 0
    }

    /// A handle of what wakes the queue when 8 bytes, a 1, are written to it.
    pub(super) fn waker(&self) -> io::Result<OwnedFd> {
        self.event.try_clone()
    }

    /// Asks for the first request with a tag.
    pub(super) fn fetch(&mut self, tag: u16) -> io::Result<()> {
        self.push(FETCH_REQ, tag, 0)
    }

    /// Says what became of a request, and asks for the next one with its tag.
    pub(super) fn commit(&mut self, tag: u16, result: i32) -> io::Result<()> {
        self.push(COMMIT_AND_FETCH_REQ, tag, result)
    }

    fn push(&mut self, number: u32, tag: u16, result: i32) -> io::Result<()> {
        let buffer = &mut self.buffers[usize::from(tag)];
        let command = QueueCommand {
            queue: self.number,
            tag,
            result,
            address: buffer.as_mut_ptr().expose_provenance() as u64,
        };
        let entry = opcode::UringCmd16::new(types::Fd(self.file.as_raw_fd()), number)
            .cmd(command.encode())
            .build()
            .user_data(tag.into());
        // SAFETY: the entry names the tag's buffer, which has as many bytes as the device's largest
        // request, stays where it is, and is leaked by `drop` if the driver has the command still.
        // It is lent out by `buffer` alone, for which `self` is borrowed, and not while the driver
        // copies, which it does within calls of the ring.
        unsafe { self.ring.submission().push(&entry) }.map_err(io::Error::other)?;
        self.under_way += 1;
        Ok(())
    }

    /// Sends the commands, and waits until there is something to tell.
    pub(super) fn wait(&mut self, told: &mut Vec<Told>) -> io::Result<()> {
        if !self.watched {
            let event = types::Fd(self.event.as_raw_fd());
            let entry = opcode::PollAdd::new(event, POLL_IN)
                .build()
                .user_data(EVENT);
            // SAFETY: the entry names no memory, and the descriptor lives as long as the ring.
            unsafe { self.ring.submission().push(&entry) }.map_err(io::Error::other)?;
            self.watched = true;
        }
        match self.ring.submit_and_wait(1) {
            Err(error) if error.kind() != io::ErrorKind::Interrupted => return Err(error),
            _ => {}
        }
        for done in self.ring.completion() {
            let Ok(tag) = u16::try_from(done.user_data()) else {
                self.watched = false;
                // What it counted is of no interest.
                let _ = rustix::io::read(&self.event, &mut [0; 8]);
                told.push(Told::Woken);
                continue;
            };
            self.under_way -= 1;
            told.push(match done.result() {
                0 => Told::Request(tag),
                _ => Told::Ended(tag),
            });
        }
        Ok(())
    }

    /// What the request with this tag is. Only of use after it was told.
    pub(super) fn descriptor(&self, tag: u16) -> Descriptor {
        let at = usize::from(tag) * DESCRIPTOR_BYTES;
        assert!(
            at + DESCRIPTOR_BYTES <= self.mapped,
            "it is one of the queue's tags"
        );
        // SAFETY: within the mapping, which is as long as `self` and can be read; any bytes are a
        // value of this type. The driver does not write to it before the tag is committed.
        let bytes = unsafe {
            ptr::read_volatile(
                self.descriptors
                    .as_ptr()
                    .add(at)
                    .cast::<[u8; DESCRIPTOR_BYTES]>(),
            )
        };
        Descriptor::decode(&bytes)
    }

    /// The buffer of a request that was told and not committed.
    pub(super) fn buffer(&mut self, tag: u16) -> &mut [u8] {
        &mut self.buffers[usize::from(tag)]
    }
}

/// `POLLIN` of poll(2).
const POLL_IN: u32 = 1;

impl Drop for Queue {
    fn drop(&mut self) {
        // SAFETY: it was mapped so by `open`, and nothing borrows from it.
        let _ = unsafe { munmap(self.descriptors.as_ptr().cast(), self.mapped) };
        if self.is_open() {
            // The driver may write to them yet.
            mem::forget(mem::take(&mut self.buffers));
        }
    }
}

// SAFETY: the mapping is this value's own, and is read through `self` alone.
unsafe impl Send for Queue {}
