//! What a client may ask of the daemon itself, beside the driver's commands.
//!
//! An order is a frame of a word, which no dictionary starts with, and perhaps a device's name. Its
//! reply is a dictionary: what was asked for, or why not.

use std::io;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Duration;

use dm_core::error::{DmError, ErrorKind};
use dm_core::names::DmName;
use dm_proto::frame::{FrameError, read_frame, write_frame};
use dm_proto::proplib::{Dictionary, Limits, Value, read_dictionary, write_dictionary};
use zeroize::Zeroizing;

use crate::failure::Failure;

/// How long an order may take. A block device that somebody else's server is about to leave is waited
/// for.
const LIMIT: Duration = Duration::from_secs(30);

/// The most bytes of a reply.
const REPLY_MAX: usize = 1 << 20;

/// An order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Order {
    /// Say how you are.
    Status,
    /// End, in order.
    Stop(InUse),
    /// Make a device a block device.
    Attach(DmName),
    /// End a device's block device.
    Detach(DmName, InUse),
}

/// What is to be done about a block device that is mounted, or claimed by another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum InUse {
    /// Nothing: the order is refused.
    Refuse,
    /// The order is obeyed. At a detach, its users get errors; at the daemon's end, they wait.
    Force,
}

/// A device that is a block device.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct AttachedAs {
    /// Its name.
    pub(crate) name: String,
    /// Where it is found.
    pub(crate) path: String,
    /// The driver's own node.
    pub(crate) node: String,
    /// Its number among the driver's.
    pub(crate) number: u32,
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
    /// Which of its devices are block devices.
    pub(crate) attached: Vec<AttachedAs>,
    /// What it could not restore, and why; and why its journal is not up to date, or a block device
    /// not as it should be.
    pub(crate) problems: Vec<String>,
}

impl Order {
    /// The order in a frame, if it is one.
    pub(super) fn read(frame: &[u8]) -> Option<Order> {
        let text = str::from_utf8(frame).ok()?;
        match text.split_once(' ') {
            None if text == "status" => Some(Order::Status),
            None if text == "stop" => Some(Order::Stop(InUse::Refuse)),
            None if text == "stop-held" => Some(Order::Stop(InUse::Force)),
            Some((word, name)) => {
                let name = DmName::new(name).ok()?;
                match word {
                    "attach" => Some(Order::Attach(name)),
                    "detach" => Some(Order::Detach(name, InUse::Refuse)),
                    "detach-forced" => Some(Order::Detach(name, InUse::Force)),
                    _ => None,
                }
            }
            None => None,
        }
    }

    fn text(&self) -> String {
        match self {
            Order::Status => "status".into(),
            Order::Stop(InUse::Refuse) => "stop".into(),
            Order::Stop(InUse::Force) => "stop-held".into(),
            Order::Attach(name) => format!("attach {}", name.as_str()),
            Order::Detach(name, InUse::Refuse) => format!("detach {}", name.as_str()),
            Order::Detach(name, InUse::Force) => format!("detach-forced {}", name.as_str()),
        }
    }

    /// Gives the order to the daemon at `socket`, and tells how it is; `None` if there is none.
    pub(crate) fn send(self, socket: &Path) -> Result<Option<DaemonStatus>, Failure> {
        Ok(self.connect(socket)?.map(|(_, status)| status))
    }

    /// The same, and keeps the connection.
    pub(super) fn connect(
        self,
        socket: &Path,
    ) -> Result<Option<(UnixStream, DaemonStatus)>, Failure> {
        let answered = self.ask(socket)?;
        Ok(answered.map(|(stream, reply)| (stream, DaemonStatus::of(&reply))))
    }

    /// Gives the order, which is about a device, to the daemon at `socket`, which is there.
    pub(crate) fn give(self, socket: &Path) -> Result<AttachedAs, Failure> {
        match self.ask(socket)? {
            Some((_, reply)) => Ok(AttachedAs::read(&reply)),
            None => {
                let reason = "the daemon does not know the order: it is of another version";
                let failure = Failure::because(ErrorKind::Protocol, reason);
                Err(failure.hint("dmctl daemon --stop, then dmctl daemon --restore"))
            }
        }
    }

    /// A daemon that was killed still takes connections for a moment, and cuts them then: that is no
    /// daemon either.
    fn ask(self, socket: &Path) -> Result<Option<(UnixStream, Dictionary)>, Failure> {
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
        let reply = read_dictionary(&reply, &Limits::default())
            .map_err(|error| Failure::because(ErrorKind::Protocol, error.to_string()))?;
        match read_failure(&reply) {
            Some(failure) => Err(failure),
            None => Ok(Some((stream, reply))),
        }
    }

    fn talk(self, stream: &mut UnixStream) -> io::Result<Option<Zeroizing<Vec<u8>>>> {
        stream.set_read_timeout(Some(LIMIT))?;
        stream.set_write_timeout(Some(LIMIT))?;
        write_frame(stream, self.text().as_bytes())?;
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
            attached: {
                let attached = dictionary.array("attached").unwrap_or_default();
                attached
                    .iter()
                    .filter_map(Value::dict)
                    .map(AttachedAs::read)
                    .collect()
            },
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
                "attached",
                self.attached
                    .iter()
                    .map(AttachedAs::write)
                    .collect::<Value>(),
            )
            .set(
                "problems",
                self.problems.iter().map(String::as_str).collect::<Value>(),
            );
        write_dictionary(&dictionary)
    }
}

impl AttachedAs {
    fn read(dictionary: &Dictionary) -> AttachedAs {
        let text = |key| dictionary.string(key).unwrap_or_default().to_owned();
        AttachedAs {
            name: text("name"),
            path: text("path"),
            node: text("node"),
            number: dictionary.uint32("number").unwrap_or_default(),
        }
    }

    /// As a reply has it.
    pub(super) fn write(&self) -> Dictionary {
        let mut dictionary = Dictionary::new();
        dictionary
            .set("name", self.name.as_str())
            .set("path", self.path.as_str())
            .set("node", self.node.as_str())
            .set("number", self.number);
        dictionary
    }
}

/// The reply to an order that is refused.
pub(super) fn write_failure(failure: &Failure) -> Vec<u8> {
    let error = failure.error();
    let mut dictionary = Dictionary::new();
    dictionary
        .set("error-kind", error.kind.word())
        .set("error", error.reason())
        .set("hints", failure.hints().map(Value::from).collect::<Value>());
    if let Some(device) = &error.context.device {
        dictionary.set("device", device.as_str());
    }
    write_dictionary(&dictionary)
}

/// Why an order was refused, if it was.
fn read_failure(reply: &Dictionary) -> Option<Failure> {
    let kind = ErrorKind::from_word(reply.string("error-kind")?).unwrap_or(ErrorKind::Protocol);
    let mut error = DmError::because(kind, reply.string("error").unwrap_or_default());
    error.context.device = reply.string("device").map(str::to_owned);
    let hints = reply.array("hints").unwrap_or_default();
    let hints = hints.iter().filter_map(Value::string);
    Some(hints.fold(Failure::from(error), Failure::hint))
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
        let name = || DmName::new("a b").unwrap();
        for order in [
            Order::Status,
            Order::Stop(InUse::Refuse),
            Order::Stop(InUse::Force),
            Order::Attach(name()),
            Order::Detach(name(), InUse::Refuse),
            Order::Detach(name(), InUse::Force),
        ] {
            let read = Order::read(order.text().as_bytes());
            assert_eq!(read, Some(order));
        }
        for none in ["<plist/>", "", "attach", "attach ", "attach a/b", "stop it"] {
            assert_eq!(Order::read(none.as_bytes()), None, "{none}");
        }
    }

    #[test]
    fn failure_reads_back_with_its_hints() {
        let failure = Failure::because(ErrorKind::Busy, "in use")
            .about("daemon", Some("vol0".into()))
            .hint("one")
            .hint("two");
        let reply = read_dictionary(&write_failure(&failure), &Limits::default()).unwrap();
        let read = read_failure(&reply).unwrap().about("daemon", None);
        assert_eq!(read.lines("dmctl"), failure.lines("dmctl"));
        assert_eq!(read.code(), failure.code());
        let told = AttachedAs::default().write();
        assert!(read_failure(&told).is_none());
    }

    #[test]
    fn status_reads_back() {
        let status = DaemonStatus {
            pid: 7,
            version: "0.1.0".into(),
            devices: 3,
            restored: 2,
            attached: vec![AttachedAs {
                name: "vol1".into(),
                path: "/dev/mapper/vol1".into(),
                node: "/dev/ublkb3".into(),
                number: 3,
            }],
            problems: vec!["vol0: gone".into()],
        };
        let dictionary = read_dictionary(&status.write(), &Limits::default()).unwrap();
        assert_eq!(DaemonStatus::of(&dictionary), status);
    }
}
