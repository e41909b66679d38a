//! The sockets that NBD is spoken over.

use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::time::Duration;

/// A connected socket. Its clones are the same connection.
pub trait Stream: Read + Write + AsFd + Into<OwnedFd> + Send + Sized + 'static {
    /// Another handle of the connection.
    ///
    /// # Errors
    /// What the system answers.
    fn try_clone(&self) -> io::Result<Self>;

    /// How long a read may take; `None` for ever.
    ///
    /// # Errors
    /// What the system answers.
    fn set_read_timeout(&self, limit: Option<Duration>) -> io::Result<()>;
}

impl Stream for UnixStream {
    fn try_clone(&self) -> io::Result<UnixStream> {
        self.try_clone()
    }

    fn set_read_timeout(&self, limit: Option<Duration>) -> io::Result<()> {
        self.set_read_timeout(limit)
    }
}

impl Stream for TcpStream {
    fn try_clone(&self) -> io::Result<TcpStream> {
        self.try_clone()
    }

    fn set_read_timeout(&self, limit: Option<Duration>) -> io::Result<()> {
        self.set_read_timeout(limit)
    }
}
