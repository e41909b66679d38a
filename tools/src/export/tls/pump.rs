//! What moves bytes between a client under TLS and the server.

use std::io::{self, ErrorKind, Read, Write};
use std::net::Shutdown;
use std::os::unix::net::UnixStream;

use openssl::ssl::{self, ErrorCode, SslStream};
use rustix::event::{PollFd, PollFlags, poll};
use rustix::io::ioctl_fionbio;

use crate::export::nbd::Stream;

/// Bytes that are moved at a time, each way: several of TLS's records.
const CAPACITY: usize = 128 << 10;

/// Bytes on one way.
struct Lane {
    bytes: Box<[u8]>,
    begin: usize,
    end: usize,
    /// No more will come.
    ended: bool,
}

/// What a try to read or write came to.
enum Tried {
    Moved(usize),
    /// The socket must be ready so first.
    Waits(PollFlags),
    Ended,
}

/// What the sockets must be ready for before anything goes on.
struct Waits {
    client: PollFlags,
    server: PollFlags,
    moved: bool,
}

impl Lane {
    fn new() -> Lane {
        Lane {
            bytes: vec![0; CAPACITY].into(),
            begin: 0,
            end: 0,
            ended: false,
        }
    }

    fn held(&self) -> &[u8] {
        &self.bytes[self.begin..self.end]
    }

    fn is_empty(&self) -> bool {
        self.begin == self.end
    }

    /// Nothing is left to be moved, now or later.
    fn is_done(&self) -> bool {
        self.ended && self.is_empty()
    }

    /// Reads, if it is empty. What the socket must be ready for, if it is to be tried again.
    fn fill(
        &mut self,
        read: impl FnOnce(&mut [u8]) -> io::Result<Tried>,
    ) -> io::Result<Option<PollFlags>> {
        if self.ended || !self.is_empty() {
            return Ok(None);
        }
        (self.begin, self.end) = (0, 0);
        match read(&mut self.bytes)? {
            Tried::Moved(count) => self.end = count,
            Tried::Waits(flags) => return Ok(Some(flags)),
            Tried::Ended => self.ended = true,
        }
        Ok(Some(PollFlags::empty()))
    }

    /// Writes what there is; as [`Lane::fill`].
    fn drain(
        &mut self,
        write: impl FnOnce(&[u8]) -> io::Result<Tried>,
    ) -> io::Result<Option<PollFlags>> {
        if self.is_empty() {
            return Ok(None);
        }
        match write(self.held())? {
            Tried::Moved(count) => self.begin += count,
            Tried::Waits(flags) => return Ok(Some(flags)),
            Tried::Ended => return Err(ErrorKind::BrokenPipe.into()),
        }
        Ok(Some(PollFlags::empty()))
    }
}

/// Moves bytes both ways until the server, or the client, has ended the connection.
///
/// # Errors
/// If the client breaks it, or does not keep to TLS.
pub(super) fn pump<S: Stream>(mut client: SslStream<S>, mut server: UnixStream) -> io::Result<()> {
    ioctl_fionbio(client.get_ref(), true)?;
    server.set_nonblocking(true)?;
    let (mut requests, mut replies) = (Lane::new(), Lane::new());
    let mut told = false;
    while !replies.is_done() {
        let mut waits = Waits {
            client: PollFlags::empty(),
            server: PollFlags::empty(),
            moved: false,
        };
        waits.of_client(requests.fill(|bytes| secure(client.ssl_read(bytes)))?);
        waits.of_server(requests.drain(|bytes| plain(server.write(bytes), PollFlags::OUT))?);
        waits.of_server(replies.fill(|bytes| plain(server.read(bytes), PollFlags::IN))?);
        waits.of_client(replies.drain(|bytes| secure(client.ssl_write(bytes)))?);
        if requests.is_done() && !told {
            // The server answers what it has, and ends its side.
            server.shutdown(Shutdown::Write)?;
            told = true;
        }
        if !waits.moved {
            // A socket that nothing waits for is left out: its end would be told again and again.
            let mut ready: Vec<PollFd<'_>> = Vec::with_capacity(2);
            if !waits.client.is_empty() {
                ready.push(PollFd::new(client.get_ref(), waits.client));
            }
            if !waits.server.is_empty() {
                ready.push(PollFd::new(&server, waits.server));
            }
            match poll(&mut ready, None) {
                Ok(_) | Err(rustix::io::Errno::INTR) => {}
                Err(error) => return Err(error.into()),
            }
        }
    }
    // A client that is gone needs no good-bye.
    let _ = client.shutdown();
    Ok(())
}

impl Waits {
    fn of_client(&mut self, flags: Option<PollFlags>) {
        self.client |= flags.unwrap_or(PollFlags::empty());
        self.moved |= flags.is_some_and(|flags| flags.is_empty());
    }

    fn of_server(&mut self, flags: Option<PollFlags>) {
        self.server |= flags.unwrap_or(PollFlags::empty());
        self.moved |= flags.is_some_and(|flags| flags.is_empty());
    }
}

fn secure(tried: Result<usize, ssl::Error>) -> io::Result<Tried> {
    let error = match tried {
        Ok(count) => return Ok(Tried::Moved(count)),
        Err(error) => error,
    };
    match error.code() {
        ErrorCode::WANT_READ => Ok(Tried::Waits(PollFlags::IN)),
        ErrorCode::WANT_WRITE => Ok(Tried::Waits(PollFlags::OUT)),
        ErrorCode::ZERO_RETURN => Ok(Tried::Ended),
        _ => Err(error.into_io_error().unwrap_or_else(io::Error::other)),
    }
}

fn plain(tried: io::Result<usize>, ready: PollFlags) -> io::Result<Tried> {
    match tried {
        Ok(0) => Ok(Tried::Ended),
        Ok(count) => Ok(Tried::Moved(count)),
        Err(error) if error.kind() == ErrorKind::WouldBlock => Ok(Tried::Waits(ready)),
        Err(error) if error.kind() == ErrorKind::Interrupted => Ok(Tried::Waits(ready)),
        Err(error) => Err(error),
    }
}
