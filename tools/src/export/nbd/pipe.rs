//! Pipes between the page cache and the socket: pages go through them with one copy fewer.

use std::fs::File;
use std::io::{self, Read};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::event::{PollFd, PollFlags, poll};
use rustix::io::Errno;
use rustix::pipe::{PipeFlags, SpliceFlags, fcntl_setpipe_size, pipe_with, splice};

/// Pages of the largest reply that goes through, and as many again, since a head and parts of pages
/// take whole ones.
const CAPACITY: usize = 2 * LENT_MAX;

/// Bytes of the largest reply.
const LENT_MAX: usize = 512 << 10;

/// How many requests go the other way after one that had to.
const LEFT_OUT: u32 = 64;

struct Pipe {
    way_in: OwnedFd,
    way_out: OwnedFd,
    /// Bytes that it holds.
    held: usize,
}

/// A pipe that is made when it is wanted, which by most connections it never is.
#[derive(Default)]
struct Lazy {
    pipe: Option<Pipe>,
    left_out: u32,
}

/// Replies to large reads: their heads, and behind them what the device puts in.
#[derive(Default)]
pub(super) struct Lender(Lazy);

/// What large writes bring, on its way to the device.
#[derive(Default)]
pub(super) struct Intake(Lazy);

impl Pipe {
    fn new() -> io::Result<Pipe> {
        let (way_out, way_in) = pipe_with(PipeFlags::CLOEXEC | PipeFlags::NONBLOCK)?;
        fcntl_setpipe_size(&way_in, CAPACITY)?;
        Ok(Pipe {
            way_in,
            way_out,
            held: 0,
        })
    }
}

impl Lazy {
    /// The pipe, empty; none where there can be none, or for a while after it was given up.
    fn get(&mut self) -> Option<&mut Pipe> {
        if self.left_out > 0 {
            self.left_out -= 1;
            return None;
        }
        if self.pipe.is_none() {
            match Pipe::new() {
                Ok(pipe) => self.pipe = Some(pipe),
                // Users may have so much room in pipes and no more.
                Err(_) => self.left_out = LEFT_OUT,
            }
        }
        self.pipe.as_mut().filter(|pipe| pipe.held == 0)
    }

    /// What is in the pipe is of no use.
    fn give_up(&mut self) {
        self.pipe = None;
        self.left_out = LEFT_OUT;
    }
}

impl Lender {
    /// Takes a reply, of which `fill` puts `length` bytes into a pipe. Whether it did.
    pub(super) fn put(
        &mut self,
        head: &[u8],
        length: usize,
        fill: impl FnOnce(BorrowedFd<'_>) -> bool,
    ) -> bool {
        let all = head.len() + length;
        if all > LENT_MAX {
            return false;
        }
        let Some(pipe) = self.0.get() else {
            return false;
        };
        let begun = rustix::io::write(&pipe.way_in, head) == Ok(head.len());
        if !begun || !fill(pipe.way_in.as_fd()) {
            self.0.give_up();
            return false;
        }
        pipe.held = all;
        true
    }

    /// Whether it holds a reply.
    pub(super) fn is_filled(&self) -> bool {
        self.0.pipe.as_ref().is_some_and(|pipe| pipe.held > 0)
    }

    /// Moves the reply to the socket, and waits for its room.
    ///
    /// If the client is gone that brings a SIGPIPE, which programs in Rust ignore from their start.
    pub(super) fn send(&mut self, socket: &OwnedFd) -> io::Result<()> {
        let Some(pipe) = &mut self.0.pipe else {
            return Ok(());
        };
        while pipe.held > 0 {
            let none = SpliceFlags::empty();
            match splice(&pipe.way_out, None, socket, None, pipe.held, none) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(sent) => pipe.held -= sent,
                Err(Errno::INTR) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Ok(())
    }
}

impl Intake {
    /// Whether there is a pipe, with nothing in it.
    pub(super) fn is_ready(&mut self) -> bool {
        self.0.get().is_some()
    }

    /// Waits for something from the socket, and holds at most `most` bytes then; how many those are: none if the
    /// client is gone, no more than before if the pipe is full.
    pub(super) fn fill(&mut self, socket: &impl AsFd, most: usize) -> io::Result<usize> {
        let Some(pipe) = &mut self.0.pipe else {
            return Ok(0);
        };
        let mut waited = false;
        loop {
            let (more, none) = (most.saturating_sub(pipe.held), SpliceFlags::empty());
            match splice(socket, None, &pipe.way_in, None, more, none) {
                Ok(0) => return Ok(0),
                Ok(count) => {
                    pipe.held += count;
                    return Ok(pipe.held);
                }
                Err(Errno::INTR) => {}
                // It is the pipe that is full, of very small parts.
                Err(Errno::AGAIN) if waited => return Ok(pipe.held),
                Err(Errno::AGAIN) => {
                    let mut one = [PollFd::new(socket, PollFlags::IN)];
                    waited = poll(&mut one, None).is_ok();
                }
                Err(error) => return Err(error.into()),
            }
        }
    }

    /// Lets `store` take `count` bytes out; how many are gone then, which are all if it says so.
    pub(super) fn store(
        &mut self,
        count: usize,
        store: impl FnOnce(BorrowedFd<'_>) -> bool,
    ) -> io::Result<usize> {
        let Some(pipe) = &mut self.0.pipe else {
            return Ok(0);
        };
        let gone = match store(pipe.way_out.as_fd()) {
            true => count,
            false => {
                let left = rustix::io::ioctl_fionread(&pipe.way_out)?;
                pipe.held - usize::try_from(left).unwrap_or(usize::MAX).min(pipe.held)
            }
        };
        pipe.held -= gone;
        Ok(gone)
    }

    /// Puts what it holds still into `buffer`, which has room for it; how much that is. The next writes go
    /// the other way.
    pub(super) fn give_up(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let mut held = 0;
        if let Some(pipe) = self.0.pipe.take() {
            held = pipe.held;
            File::from(pipe.way_out).read_exact(&mut buffer[..held])?;
        }
        self.0.give_up();
        Ok(held)
    }
}
