//! What there is without the feature.

use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::thread::JoinHandle;
use std::time::Duration;

use dm_core::blockdev::nbd::Secure;
use dm_core::nbd::NbdUri;

use super::{Credentials, TlsError};
use crate::export::nbd::Stream;

/// A server's side of TLS; there is none in this build.
#[derive(Clone)]
pub struct Tls(());

impl Tls {
    /// Reads what the server needs.
    ///
    /// # Errors
    /// Always: it is not built in.
    pub fn read(_: &Credentials) -> Result<Tls, TlsError> {
        Err(TlsError::Absent)
    }

    pub(in crate::export) fn accept<S: Stream>(
        &self,
        _: S,
    ) -> io::Result<(UnixStream, JoinHandle<()>)> {
        Err(io::ErrorKind::Unsupported.into())
    }
}

/// A client's side of TLS; there is none in this build.
#[derive(Clone, Copy, Debug, Default)]
pub struct Connector;

impl Secure for Connector {
    fn begin(&self, _: OwnedFd, _: &NbdUri, _: Duration) -> io::Result<UnixStream> {
        let reason = TlsError::Absent.to_string();
        Err(io::Error::new(io::ErrorKind::Unsupported, reason))
    }
}
