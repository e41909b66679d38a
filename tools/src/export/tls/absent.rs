//! What there is without the feature.

use std::io;
use std::os::unix::net::UnixStream;
use std::thread::JoinHandle;

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
