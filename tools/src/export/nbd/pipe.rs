//! A pipe between the page cache and the socket: pages go through it without a copy.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::io::Errno;
use rustix::pipe::{PipeFlags, SpliceFlags, fcntl_setpipe_size, pipe_with, splice};

/// Pages of the largest reply that goes through, and as many again, since a head and parts of pages
/// take whole ones.
const CAPACITY: usize = 2 * PASSED_MAX;

/// Bytes of the largest reply.
const PASSED_MAX: usize = 512 << 10;

/// How many large reads go the other way after one that had to.
const LEFT_OUT: u32 = 64;

/// A reply on its way: its head, and behind that what the device puts in.
pub(super) struct Pipe {
    way_in: OwnedFd,
    way_out: OwnedFd,
    /// Bytes of the reply that it holds.
    held: usize,
}

/// The pipe of a connection, which most never need.
#[derive(Default)]
pub(super) struct Lazy {
    pipe: Option<Pipe>,
    left_out: u32,
}

impl Lazy {
    /// The pipe, empty, for a reply of so many bytes; none where there can be none, or for a while
    /// after a reply that did not go through it.
    pub(super) fn for_reply(&mut self, bytes: usize) -> Option<&mut Pipe> {
        if bytes > PASSED_MAX {
            return None;
        }
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

    /// What is in the pipe is no reply.
    pub(super) fn give_up(&mut self) {
        self.pipe = None;
        self.left_out = LEFT_OUT;
    }

    /// Whether it holds a reply.
    pub(super) fn is_filled(&self) -> bool {
        self.pipe.as_ref().is_some_and(|pipe| pipe.held > 0)
    }

    /// Moves the reply to the socket, and waits for its room.
    ///
    /// If the client is gone that brings a SIGPIPE, which programs in Rust ignore from their start.
    pub(super) fn send(&mut self, socket: &OwnedFd) -> io::Result<()> {
        let Some(pipe) = &mut self.pipe else {
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

    /// Puts a reply in; false if there is something in the pipe then that is none.
    pub(super) fn put(
        &mut self,
        head: &[u8],
        length: usize,
        fill: impl FnOnce(BorrowedFd<'_>) -> bool,
    ) -> bool {
        let begun = rustix::io::write(&self.way_in, head) == Ok(head.len());
        let filled = begun && fill(self.way_in.as_fd());
        if filled {
            self.held = head.len() + length;
        }
        filled
    }
}
