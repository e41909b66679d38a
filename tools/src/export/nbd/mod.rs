//! The NBD export: every device with an active table, under its own name, and, as NAME/label/PORT,
//! with a disklabel before it.
//!
//! # Shape
//! A thread accepts connections. Each connection has a thread that receives requests, as many at a
//! time as there are, does at once what takes no waiting, such as a read that the page cache can
//! answer, submits the rest to the device, and sends replies, as many at a time as there are. A slow
//! client holds up only itself. A connection takes 768 KiB for its batches, and what it has under way
//! is bounded besides ([`IN_FLIGHT_BYTES`], [`IN_FLIGHT_REQUESTS`]); a client that sends more is not
//! read until it has taken replies. A large read that the page cache can answer is moved to the socket
//! through a pipe, so that its bytes are copied by nobody but the client, where no table can change
//! meanwhile; a large write comes through one, so that its bytes are copied once. Before a thread
//! sleeps it looks out for the next request for a moment.
//!
//! # Source
//! The NBD project's `doc/proto.md`: fixed newstyle, structured replies, extended headers,
//! `base:allocation`.

mod edges;
mod handshake;
mod inbox;
mod listener;
mod lookout;
mod name;
mod odd;
#[cfg_attr(not(target_os = "linux"), path = "no_pipe.rs")]
mod pipe;
mod replies;
mod request;
mod server;
mod service;
mod stream;
mod transmission;

use std::net::SocketAddr;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use dm_core::nbd::{NbdUri, Security, Text};

pub use self::listener::Listener;
pub use self::name::ExportName;
pub use self::server::{Server, serve};
pub use self::service::Service;
pub use self::stream::Stream;

/// The most bytes that one request reads or writes.
pub const PAYLOAD_MAX: u32 = 32 << 20;

/// The most bytes of requests that a connection has under way.
pub const IN_FLIGHT_BYTES: usize = 64 << 20;

/// The most requests that a connection has under way.
pub const IN_FLIGHT_REQUESTS: usize = 256;

/// The most connections at a time.
pub const CONNECTIONS_MAX: usize = 256;

/// The address of the export `name` on the server behind `socket`.
///
/// # Panics
/// If the path is empty.
pub fn uri(socket: &Path, name: impl Into<ExportName>) -> String {
    unix_uri(Security::Plain, socket, name)
}

/// The same, of a server that wants TLS perhaps.
///
/// # Panics
/// If the path is empty.
pub fn unix_uri(security: Security, socket: &Path, name: impl Into<ExportName>) -> String {
    let export = Text::lossy(name.into().to_string().as_bytes());
    NbdUri::unix(security, socket.as_os_str().as_bytes(), export)
        .map(|uri| uri.to_string())
        .expect("a listening socket has a path")
}

/// The address of the export `name` on the server that listens at `address`.
///
/// # Panics
/// If the port is zero.
pub fn tcp_uri(security: Security, address: SocketAddr, name: impl Into<ExportName>) -> String {
    let export = Text::lossy(name.into().to_string().as_bytes());
    let host = address.ip().to_string();
    NbdUri::tcp(security, &host, address.port(), export)
        .map(|uri| uri.to_string())
        .expect("a listening socket has a port")
}

#[cfg(test)]
mod tests {
    use dm_core::disklabel::Port;
    use dm_core::names::DmName;

    use super::*;

    #[test]
    fn uri_of_a_port_puts_ipv6_into_brackets() {
        let name = DmName::new("vol0").unwrap();
        let uri = |address: &str| tcp_uri(Security::Plain, address.parse().unwrap(), &name);
        assert_eq!(uri("127.0.0.1:4000"), "nbd://127.0.0.1:4000/vol0");
        assert_eq!(uri("[::1]:10809"), "nbd://[::1]/vol0");
    }

    #[test]
    fn uri_escapes_what_is_not_plain() {
        let name = DmName::new("my vol?").unwrap();
        assert_eq!(
            uri(Path::new("/run/dm/nbd.sock"), &name),
            "nbd+unix:///my%20vol%3F?socket=/run/dm/nbd.sock"
        );
        let labelled = ExportName::labelled(name, Port::Amd64);
        assert_eq!(
            uri(Path::new("/run/dm/nbd.sock"), labelled),
            "nbd+unix:///my%20vol%3F/label/amd64?socket=/run/dm/nbd.sock"
        );
    }
}
