//! What a client may ask of the daemon itself, beside the driver's commands.
//!
//! An order is a frame of one word, which no dictionary is. Its reply is a dictionary.

use std::io;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Duration;

use dm_core::error::ErrorKind;
use dm_proto::frame::{FrameError, read_frame, write_frame};
use dm_proto::proplib::{Dictionary, Limits, Value, read_dictionary, write_dictionary};
use zeroize::Zeroizing;

use crate::failure::Failure;

/// How long an order may take.
const LIMIT: Duration = Duration::from_secs(10);

/// The most bytes of a reply.
const REPLY_MAX: usize = 1 << 20;

/// An order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Order {
    /// Say how you are.
    Status,
    /// End, in order.
    Stop,
}

/// How a daemon is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct DaemonStatus {
    /// Its process.
    pub(crate) pid: u32,
    /// Its program's version.
    pub(crate) version: String,
    /// How many devices it has.
    pub(crate) devices: u32,
    /// How many devices it had from the journal at its start.
    pub(crate) restored: u32,
    /// What it could not restore, and why; and why its journal is not up to date.
    pub(crate) problems: Vec<String>,
}

impl Order {
    const ALL: [Order; 2] = [Order::Status, Order::Stop];

    /// The order in a frame, if it is one.
    pub(super) fn read(frame: &[u8]) -> Option<Order> {
        Order::ALL
            .into_iter()
            .find(|order| order.word().as_bytes() == frame)
    }

    const fn word(self) -> &'static str {
        match self {
            Order::Status => "status",
            Order::Stop => "stop",
        }
    }

    /// Gives the order to the daemon at `socket`; `None` if there is none.
    pub(crate) fn send(self, socket: &Path) -> Result<Option<DaemonStatus>, Failure> {
        Ok(self.connect(socket)?.map(|(_, status)| status))
    }

    /// Gives the order, and keeps the connection.
    ///
    /// A daemon that was killed still takes connections for a moment, and cuts them then: that is no
    /// daemon either.
    pub(super) fn connect(
        self,
        socket: &Path,
    ) -> Result<Option<(UnixStream, DaemonStatus)>, Failure> {
        let mut stream = match UnixStream::connect(socket) {
            Ok(stream) => stream,
            Err(error) if is_nobody(&error) => return Ok(None),
            Err(error) => return Err(Failure::io("connect to", socket, &error)),
        };
        let reply = match self.talk(&mut stream) {
            Ok(Some(reply)) => reply,
            Ok(None) => return Ok(None),
            Err(error) if is_nobody(&error) => return Ok(None),
            Err(error) => return Err(Failure::io("talk to", socket, &error)),
        };
        let dictionary = read_dictionary(&reply, &Limits::default())
            .map_err(|error| Failure::because(ErrorKind::Protocol, error.to_string()))?;
        Ok(Some((stream, DaemonStatus::of(&dictionary))))
    }

    fn talk(self, stream: &mut UnixStream) -> io::Result<Option<Zeroizing<Vec<u8>>>> {
        stream.set_read_timeout(Some(LIMIT))?;
        stream.set_write_timeout(Some(LIMIT))?;
        write_frame(stream, self.word().as_bytes())?;
        let reply = read_frame(stream, REPLY_MAX).map_err(|error| match error {
            FrameError::Io(error) => error,
            FrameError::Cut { .. } => io::ErrorKind::UnexpectedEof.into(),
            other => io::Error::other(other),
        })?;
        stream.set_read_timeout(None)?;
        stream.set_write_timeout(None)?;
        Ok(reply)
    }
}

impl DaemonStatus {
    fn of(dictionary: &Dictionary) -> DaemonStatus {
        let number = |key| dictionary.uint32(key).unwrap_or_default();
        let problems = dictionary.array("problems").unwrap_or_default();
        DaemonStatus {
            pid: number("pid"),
            version: dictionary.string("version").unwrap_or_default().into(),
            devices: number("devices"),
            restored: number("restored"),
            problems: problems
                .iter()
                .filter_map(Value::string)
                .map(str::to_owned)
                .collect(),
        }
    }

    /// The reply to an order.
    pub(super) fn write(&self) -> Vec<u8> {
        let mut dictionary = Dictionary::new();
        dictionary
            .set("pid", self.pid)
            .set("version", self.version.as_str())
            .set("devices", self.devices)
            .set("restored", self.restored)
            .set(
                "problems",
                self.problems.iter().map(String::as_str).collect::<Value>(),
            );
        write_dictionary(&dictionary)
    }
}

/// Whether a connection failed because nobody listens, or nobody any more.
fn is_nobody(error: &io::Error) -> bool {
    use io::ErrorKind::{
        BrokenPipe, ConnectionRefused, ConnectionReset, NotConnected, NotFound, UnexpectedEof,
    };

    matches!(
        error.kind(),
        NotFound | ConnectionRefused | ConnectionReset | NotConnected | BrokenPipe | UnexpectedEof
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn order_reads_back_and_a_dictionary_is_none() {
        for order in Order::ALL {
            assert_eq!(Order::read(order.word().as_bytes()), Some(order));
        }
        assert_eq!(Order::read(b"<plist/>"), None);
        assert_eq!(Order::read(b""), None);
    }

    #[test]
    fn status_reads_back() {
        let status = DaemonStatus {
            pid: 7,
            version: "0.1.0".into(),
            devices: 3,
            restored: 2,
            problems: vec!["vol0: gone".into()],
        };
        let dictionary = read_dictionary(&status.write(), &Limits::default()).unwrap();
        assert_eq!(DaemonStatus::of(&dictionary), status);
    }
}
