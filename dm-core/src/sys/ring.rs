//! Transfers between files and memory that no thread waits for, through io_uring.
//!
//! # Shape
//! One thread has the ring. It gives the kernel what others left in a list, waits for what the kernel
//! completes, and says so, all by one system call a turn. It is woken through an event only if the list
//! was empty. So the kernel never runs a completion on a thread that waits for something else.

use std::collections::{BTreeMap, VecDeque};
use std::fs::File;
use std::io::{self, ErrorKind};
use std::mem;
use std::os::fd::{AsRawFd, OwnedFd};
use std::panic::{self, AssertUnwindSafe};
use std::sync::{Arc, LazyLock, Mutex};
use std::thread::{self, ThreadId};
use std::time::Duration;

use io_uring::squeue::Entry;
use io_uring::{IoUring, opcode, types};
use rustix::event::{EventfdFlags, eventfd};

use crate::io::IoData;
use crate::locks::lock;

/// The most transfers that the kernel has at a time; more wait here.
const UNDER_WAY_MAX: usize = 256;

/// The most buffers of one system call.
const SLICES_MAX: usize = 1024;

/// The mark of the ring's own event, which is no transfer's number.
const EVENT: u64 = u64::MAX;

/// `POLLIN` of poll(2).
const POLL_IN: u32 = 1;

/// The switch: `off` leaves all to threads.
const SWITCH: &str = "DM_IO_URING";

static RING: LazyLock<Option<Ring>> = LazyLock::new(|| {
    if std::env::var_os(SWITCH).is_some_and(|word| word == "off") {
        return None;
    }
    let started = Ring::start();
    if let Err(error) = &started {
        tracing::debug!(%error, "there is no io_uring, threads do its work");
    }
    started.ok()
});

/// What is told of a transfer at its end: its memory, and how many bytes were moved.
pub(crate) type Ended = Box<dyn FnOnce(IoData, io::Result<usize>) + Send>;

/// A transfer between memory and a file, which may move fewer bytes than there are.
pub(crate) struct Transfer {
    pub(crate) file: Arc<File>,
    /// Where in the file the memory begins, in bytes.
    pub(crate) at: u64,
    /// Bytes of the memory that were moved before.
    pub(crate) skip: usize,
    /// What is read or written, which the kernel has until the transfer ends; none if what was written
    /// before is to be durable.
    pub(crate) data: IoData,
    pub(crate) ended: Ended,
}

/// A transfer as the kernel is told of it.
struct Entered {
    transfer: Transfer,
    /// Names the memory of `transfer`, and is read by the kernel.
    slices: Vec<libc::iovec>,
}

/// Where transfers are handed in.
pub(crate) struct Ring {
    list: Mutex<Vec<Transfer>>,
    event: OwnedFd,
    thread: ThreadId,
}

/// The ring, where the kernel has io_uring and it is not switched off.
pub(crate) fn ring() -> Option<&'static Ring> {
    RING.as_ref()
}

impl Ring {
    fn start() -> io::Result<Ring> {
        let entries = u32::try_from(UNDER_WAY_MAX * 2).unwrap_or(u32::MAX);
        // Kernels before 6.1 know less of what would spare them work.
        let ring = IoUring::builder()
            .setup_single_issuer()
            .setup_coop_taskrun()
            .setup_r_disabled()
            .build(entries)
            .or_else(|_| IoUring::builder().setup_r_disabled().build(entries))?;
        let event = eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)?;
        let own = event.try_clone()?;
        let thread = thread::Builder::new().name("dm-ring".into());
        let thread = thread.spawn(move || {
            let enabled = ring.submitter().register_enable_rings();
            // It was made to be enabled, by the one thread that is to use it.
            enabled.expect("a ring can be enabled");
            Turns::new(ring, own).serve();
        })?;
        Ok(Ring {
            list: Mutex::default(),
            event,
            thread: thread.thread().id(),
        })
    }

    /// Starts a transfer.
    pub(crate) fn push(&self, transfer: Transfer) {
        let mut list = lock(&self.list);
        list.push(transfer);
        let first = list.len() == 1;
        drop(list);
        // The ring's own thread looks before it waits.
        if first && thread::current().id() != self.thread {
            let woken = rustix::io::write(&self.event, &[1, 0, 0, 0, 0, 0, 0, 0]);
            // The thread takes the whole count whenever it wakes.
            woken.expect("an event counts far enough");
        }
    }
}

/// The ring as its thread has it.
struct Turns {
    ring: IoUring,
    event: OwnedFd,
    waiting: VecDeque<Transfer>,
    under_way: BTreeMap<u64, Entered>,
    next: u64,
    /// The kernel tells of the event.
    watched: bool,
}

impl Turns {
    fn new(ring: IoUring, event: OwnedFd) -> Turns {
        Turns {
            ring,
            event,
            waiting: VecDeque::new(),
            under_way: BTreeMap::new(),
            next: 0,
            watched: false,
        }
    }

    fn serve(mut self) {
        let mut done = Vec::new();
        loop {
            if let Some(ring) = &*RING {
                self.waiting.extend(mem::take(&mut *lock(&ring.list)));
            }
            self.enter();
            match self.ring.submit_and_wait(1) {
                Ok(_) => {}
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => {
                    // Memory may be short for the moment. Nothing is lost: the entries are still there.
                    tracing::warn!(%error, "io_uring does not take more");
                    thread::sleep(Duration::from_millis(1));
                }
            }
            done.extend(
                self.ring
                    .completion()
                    .map(|entry| (entry.user_data(), entry.result())),
            );
            for (number, result) in done.drain(..) {
                self.end(number, result);
            }
        }
    }

    /// Tells the kernel of what waits, and of the event.
    fn enter(&mut self) {
        if !self.watched {
            let event = types::Fd(self.event.as_raw_fd());
            let entry = opcode::PollAdd::new(event, POLL_IN)
                .build()
                .user_data(EVENT);
            // SAFETY: the entry names no memory, and the descriptor lives as long as the ring.
            self.watched = unsafe { self.ring.submission().push(&entry) }.is_ok();
        }
        while self.under_way.len() < UNDER_WAY_MAX
            && let Some(transfer) = self.waiting.pop_front()
        {
            let number = self.next;
            self.next += 1;
            let entered = Entered::new(transfer);
            let entry = entered.entry().user_data(number);
            // SAFETY: the entry names the memory of `entered` and its list of slices, which are on the
            // heap and stay there in `under_way`, used by nobody, until the transfer's completion was
            // taken; and its file, which `entered` keeps open. The thread never ends, and drops none
            // of it before.
            if unsafe { self.ring.submission().push(&entry) }.is_err() {
                self.waiting.push_front(entered.transfer);
                return;
            }
            self.under_way.insert(number, entered);
        }
    }

    fn end(&mut self, number: u64, result: i32) {
        if number == EVENT {
            self.watched = false;
            // What it counted is of no interest.
            let _ = rustix::io::read(&self.event, &mut [0; 8]);
            return;
        }
        let Some(entered) = self.under_way.remove(&number) else {
            return;
        };
        let moved = usize::try_from(result)
            .map_err(|_| io::Error::from_raw_os_error(result.wrapping_neg()));
        let Transfer {
            file, data, ended, ..
        } = entered.transfer;
        // Before who waits hears of the end, and may count on the file to be closed next.
        drop(file);
        // A panic, by which a request completes as lost, ends no thread.
        if panic::catch_unwind(AssertUnwindSafe(|| ended(data, moved))).is_err() {
            tracing::error!("the end of a transfer panicked");
        }
    }
}

impl Entered {
    fn new(mut transfer: Transfer) -> Entered {
        let mut slices = Vec::new();
        let mut skip = transfer.skip;
        let mut add = |address: *mut u8, length: usize| {
            let skipped = skip.min(length);
            skip -= skipped;
            if length > skipped && slices.len() < SLICES_MAX {
                slices.push(libc::iovec {
                    iov_base: address.wrapping_add(skipped).cast(),
                    iov_len: length - skipped,
                });
            }
        };
        match &mut transfer.data {
            IoData::None => {}
            IoData::Read(buffers) => buffers
                .iter_mut()
                .for_each(|buffer| add(buffer.as_mut_ptr(), buffer.len())),
            IoData::Write(buffers) => buffers
                .iter()
                .for_each(|buffer| add(buffer.as_ptr().cast_mut(), buffer.len())),
        }
        Entered { transfer, slices }
    }

    fn entry(&self) -> Entry {
        let file = types::Fd(self.transfer.file.as_raw_fd());
        let at = self.transfer.at + self.transfer.skip as u64;
        let slices = self.slices.as_ptr();
        let count = u32::try_from(self.slices.len()).unwrap_or(u32::MAX);
        match self.transfer.data {
            IoData::Read(_) => opcode::Readv::new(file, slices, count).offset(at).build(),
            IoData::Write(_) => opcode::Writev::new(file, slices, count).offset(at).build(),
            IoData::None => opcode::Fsync::new(file)
                .flags(types::FsyncFlags::DATASYNC)
                .build(),
        }
    }
}
