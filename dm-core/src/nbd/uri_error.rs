//! What can be wrong with a URI.

use alloc::string::String;

use thiserror::Error;

use super::error::WireError;

/// Why text is no NBD URI.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum UriError {
    /// Another scheme, or none.
    #[error("not an NBD URI")]
    Scheme,
    /// No `//` behind the scheme.
    #[error("no // behind the scheme")]
    NoAuthority,
    /// A user before the host without TLS, or one that none can be.
    #[error("a user belongs to nbds:// and is a name")]
    User,
    /// No host where the scheme needs one.
    #[error("no host")]
    NoHost,
    /// A host that none can be.
    #[error("bad host {host:?}")]
    Host {
        /// The host.
        host: String,
    },
    /// A host where the scheme has none.
    #[error("host with a Unix socket")]
    HostWithSocket,
    /// A port that is no number from 1 to 65,535.
    #[error("bad port {port:?}")]
    Port {
        /// The port.
        port: String,
    },
    /// A percent sign without two hexadecimal digits.
    #[error("bad percent encoding")]
    Percent,
    /// A character that must be percent-encoded.
    #[error("character {character:?} must be percent-encoded")]
    Character {
        /// The character.
        character: char,
    },
    /// An export name that the protocol can not carry.
    #[error("bad export name")]
    Export {
        /// What is wrong with it.
        #[source]
        source: WireError,
    },
    /// No socket where the scheme needs one.
    #[error("no socket")]
    NoSocket,
    /// The same parameter twice.
    #[error("parameter {name:?} twice")]
    Twice {
        /// The parameter.
        name: String,
    },
    /// A parameter that this scheme does not have.
    #[error("unknown parameter {name:?}")]
    Parameter {
        /// The parameter.
        name: String,
    },
}
