//! Connections under TLS: with certificates, or with keys that both sides know.
//!
//! # Shape
//! After its handshake a connection is two: the client's socket, which a thread of its own reads and
//! writes through TLS, and a pair of sockets through which that thread and the server talk plainly. So
//! the server's way of sending and receiving is one for all connections.
//!
//! The library is OpenSSL, since it knows pre-shared keys of TLS 1.3 as GnuTLS's clients have them,
//! which rustls does not. It is there with the cargo feature `tls`, which links the system's, or
//! `tls-vendored`, which builds its own.

#[cfg_attr(feature = "tls", path = "openssl.rs")]
#[cfg_attr(not(feature = "tls"), path = "absent.rs")]
mod library;
#[cfg(feature = "tls")]
mod psk;
#[cfg(feature = "tls")]
mod pump;

use std::io;
use std::path::PathBuf;

pub use self::library::{Connector, Tls};

/// What a server under TLS has to prove who it is, and to know its clients.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Credentials {
    /// A folder with `server-cert.pem` and `server-key.pem`, and `ca-cert.pem` if clients are to have
    /// certificates too.
    Certificates {
        /// Where it is.
        folder: PathBuf,
        /// Whether clients need a certificate.
        clients: Clients,
    },
    /// A file of lines `NAME:KEY`, the keys in hexadecimal, as psktool writes it.
    PreShared(PathBuf),
}

/// Whether clients have to prove who they are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Clients {
    /// Any client will do.
    Unknown,
    /// A client needs a certificate that `ca-cert.pem` signed.
    Certified,
}

/// Why TLS can not be had.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TlsError {
    /// This program was built without it.
    #[error("this program was built without the feature tls")]
    Absent,
    /// A file can not be read.
    #[error("{}: {source}", path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A file does not hold what it should.
    #[error("{}: {reason}", path.display())]
    Content {
        /// Which.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
    /// The library does not do as it is told.
    #[error("TLS: {0}")]
    Library(String),
}

/// Whether a connection may go on without TLS.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TlsPolicy {
    /// A client decides.
    Offered,
    /// A client that does not want it gets nothing.
    Required,
}
