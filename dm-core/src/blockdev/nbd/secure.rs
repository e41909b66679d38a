//! Connections under TLS, which who uses the engine makes for it.

use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::time::Duration;

use crate::nbd::NbdUri;

/// What makes connections to servers under TLS.
///
/// The engine has no TLS of its own, since its libraries are large, and there are several.
pub trait Secure: Send + Sync {
    /// Begins TLS on `socket`, which is connected to the server that `uri` names and has agreed to it,
    /// and gives the plain end of the connection. No step waits for longer than `limit`.
    ///
    /// # Errors
    /// If the server does not prove who it is, or does not know the client.
    fn begin(&self, socket: OwnedFd, uri: &NbdUri, limit: Duration) -> io::Result<UnixStream>;
}
