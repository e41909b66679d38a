//! An export of an NBD server as a block device.
//!
//! # Shape
//! One thread sends requests, as many at a time as there are, one reads the replies. When the
//! connection breaks, or the server does not answer in time, all that was sent and not answered is
//! sent again through a new one: none of it was completed, so nobody can tell. A server that can not
//! be reached for longer makes requests fail with `EIO`, until one of them finds it again.

mod connect;
mod errand;
mod link;
mod secure;

use std::sync::Arc;
use std::time::Duration;

use crate::component::{OpenError, TableMode};
use crate::errno::Errno;
use crate::io::Io;
use crate::nbd::{NbdUri, TransmissionFlags};
use crate::units::SectorCount;

use self::connect::Connection;
use self::link::Link;
pub use self::secure::Secure;
use super::mem::check;
use super::{BlockDev, DevInfo, Limits};

/// The most requests that are sent and not answered.
pub const IN_FLIGHT_REQUESTS: usize = 64;

/// How many bytes of requests may be sent and not answered when one more is sent.
pub const IN_FLIGHT_BYTES: usize = 32 << 20;

/// How long a device waits for its server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Patience {
    /// For a connection, and for each answer of its handshake.
    pub connect: Duration,
    /// For a reply, before the connection counts as broken.
    pub reply: Duration,
    /// For the server to come back, before requests fail.
    pub reconnect: Duration,
    /// Between two tries to connect.
    pub pause: Duration,
    /// After requests failed, before one of them is a reason to try again.
    pub again: Duration,
}

impl Patience {
    /// Ten seconds for a connection, 30 for a reply, 30 for a server to come back.
    pub const DEFAULT: Patience = Patience {
        connect: Duration::from_secs(10),
        reply: Duration::from_secs(30),
        reconnect: Duration::from_secs(30),
        pause: Duration::from_millis(200),
        again: Duration::from_secs(2),
    };
}

/// An export of an NBD server, reached over TCP or a Unix socket.
pub struct NbdDev {
    link: Arc<Link>,
    info: DevInfo,
}

impl NbdDev {
    /// Connects to an export.
    ///
    /// # Errors
    /// [`OpenError`] if there is no such server or export, or it may only be read and `mode` asks for
    /// more.
    pub fn open(uri: &NbdUri, mode: TableMode, patience: Patience) -> Result<NbdDev, OpenError> {
        NbdDev::open_secured(uri, mode, patience, None)
    }

    /// The same, of a server under TLS perhaps, to which `secure` makes the connections.
    ///
    /// # Errors
    /// As [`NbdDev::open`]; and if the server and the client do not come to trust each other.
    pub fn open_secured(
        uri: &NbdUri,
        mode: TableMode,
        patience: Patience,
        secure: Option<Arc<dyn Secure>>,
    ) -> Result<NbdDev, OpenError> {
        let failed = |error: std::io::Error| {
            let errno = Errno::from(&error);
            OpenError::new(errno, error.to_string())
        };
        let connection =
            Connection::open(uri, patience.connect, secure.as_deref()).map_err(failed)?;
        let export = connection.export;
        let read_only = export.flags.contains(TransmissionFlags::READ_ONLY);
        if read_only && mode == TableMode::ReadWrite {
            return Err(OpenError::new(Errno::EACCES, "the export is read-only"));
        }
        let info = DevInfo {
            read_only: mode == TableMode::ReadOnly,
            limits: Limits {
                logical_block: export.block.next_power_of_two(),
                physical_block: export.block.next_power_of_two(),
                discard: export.flags.contains(TransmissionFlags::SEND_TRIM),
                ..Limits::DEFAULT
            },
            rotational: export.flags.contains(TransmissionFlags::ROTATIONAL),
            ..DevInfo::new(SectorCount::from_bytes_floor(export.bytes))
        };
        let link = Arc::new(Link::new(uri.clone(), secure, patience, export));
        link.start(connection).map_err(failed)?;
        Ok(NbdDev { link, info })
    }
}

impl BlockDev for NbdDev {
    fn submit(&self, io: Io) {
        match check(&self.info, &io) {
            Ok(()) => self.link.submit(io),
            Err(error) => io.complete(Err(error)),
        }
    }

    fn info(&self) -> DevInfo {
        self.info
    }
}

impl Drop for NbdDev {
    fn drop(&mut self) {
        self.link.close();
    }
}
