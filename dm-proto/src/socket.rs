//! The client's end of a conversation: a driver behind a Unix socket.

use std::io;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use dm_core::backend::{Backend, Capabilities, Features};
use dm_core::command::{Command, Reply};
use dm_core::errno::Errno;
use dm_core::error::{DmError, ErrorKind};
use dm_core::events::Watch;
use zeroize::Zeroizing;

use crate::frame::{FRAME_MAX, FrameError, read_frame, write_frame};
use crate::netbsd::{LIMITS, command, reply};
use crate::proplib::read_dictionary;
use crate::secret::SecretText;
use crate::watch::SocketWatch;

/// A driver behind a Unix socket: one connection, one command at a time.
///
/// While a command waits for its reply, others of the same backend wait for it; who waits for one device's event
/// connects once more. [`Backend::watch`] does so by itself.
///
/// If the daemon closed the idle connection, a call makes a new one. It does so only if the daemon can not have read
/// the whole request: no command is obeyed twice.
#[derive(Debug)]
pub struct SocketBackend {
    /// Where to connect again.
    path: Option<PathBuf>,
    /// None after a failure, and while a call has it.
    stream: Mutex<Option<UnixStream>>,
}

impl SocketBackend {
    /// Connects to the daemon that listens on `path`.
    ///
    /// # Errors
    /// [`ErrorKind::Io`] if none listens, [`ErrorKind::Permission`] if this user may not.
    pub fn connect(path: &Path) -> Result<SocketBackend, DmError> {
        Ok(SocketBackend::connected(open(path)?, path))
    }

    /// Takes a connection to the daemon that listens on `path`. It must block.
    pub fn connected(stream: UnixStream, path: &Path) -> SocketBackend {
        SocketBackend {
            path: Some(path.into()),
            stream: Mutex::new(Some(stream)),
        }
    }

    /// Takes a connection, which is not made again once it breaks. It must block.
    pub fn from_stream(stream: UnixStream) -> SocketBackend {
        SocketBackend {
            path: None,
            stream: Mutex::new(Some(stream)),
        }
    }

    /// A connection of its own.
    fn again(&self) -> Result<UnixStream, DmError> {
        let none = || DmError::because(ErrorKind::Unsupported, "there is no second connection");
        open(self.path.as_ref().ok_or_else(none)?)
    }

    /// Sends a request and gets its reply.
    fn exchange(&self, command: &Command) -> Result<Reply, DmError> {
        let request = text_of(command)?;
        let mut held = self.stream.lock().unwrap_or_else(PoisonError::into_inner);
        // Taken out, so that a connection in the midst of something is never used again.
        let (mut stream, idle) = match held.take() {
            Some(stream) => (stream, true),
            None => (self.open_again()?, false),
        };
        let mut sent = write_frame(&mut stream, &request);
        if let (Err(_), true, Some(path)) = (&sent, idle, &self.path) {
            stream = open(path)?;
            sent = write_frame(&mut stream, &request);
        }
        sent.map_err(|error| not_sent(&error))?;
        // Not kept over the wait for a reply.
        drop(request);
        let reply = receive_text(&mut stream)?;
        *held = Some(stream);
        drop(held);
        read_reply(command, &reply)
    }

    fn open_again(&self) -> Result<UnixStream, DmError> {
        let closed = || DmError::because(ErrorKind::Io, "the connection to the daemon is closed");
        open(self.path.as_ref().ok_or_else(closed)?)
    }
}

impl Backend for SocketBackend {
    fn capabilities(&self) -> Capabilities {
        Capabilities::new("socket", Features::all() - Features::PROBE_PATHS)
    }

    fn call(&self, mut command: Command) -> Result<Reply, DmError> {
        let done = self.exchange(&command);
        command.wipe();
        done.map_err(|error| error.about(command.verb(), command.device()))
    }

    fn watch(&self) -> Result<Box<dyn Watch>, DmError> {
        let watch = SocketWatch::new(self.again()?);
        watch
            .map(|watch| Box::new(watch) as Box<dyn Watch>)
            .map_err(|error| error.about("watch", None))
    }
}

fn open(path: &Path) -> Result<UnixStream, DmError> {
    UnixStream::connect(path).map_err(|error| {
        let nobody = matches!(
            error.kind(),
            io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused
        );
        let what = match nobody {
            true => format!("no daemon listens on {}", path.display()),
            false => format!("connecting to {}", path.display()),
        };
        failed(&what, &error)
    })
}

/// A request as it is sent. It may hold a table with keys.
fn text_of(command: &Command) -> Result<SecretText, DmError> {
    let text = command::write(command);
    match text.len() <= FRAME_MAX {
        true => Ok(text),
        false => {
            let reason = format!(
                "the request has {} bytes, more than {FRAME_MAX}",
                text.len()
            );
            Err(DmError::because(ErrorKind::Invalid, reason).with_errno(Errno::E2BIG))
        }
    }
}

/// Sends a request.
pub(crate) fn send(stream: &mut UnixStream, command: &Command) -> Result<(), DmError> {
    write_frame(stream, &text_of(command)?).map_err(|error| not_sent(&error))
}

/// Waits for the reply to a request, however long that takes.
pub(crate) fn receive(stream: &mut UnixStream, command: &Command) -> Result<Reply, DmError> {
    read_reply(command, &receive_text(stream)?)
}

fn receive_text(stream: &mut UnixStream) -> Result<Zeroizing<Vec<u8>>, DmError> {
    match read_frame(stream, FRAME_MAX) {
        Ok(Some(reply)) => Ok(reply),
        Ok(None) => Err(DmError::because(
            ErrorKind::Io,
            "the daemon closed the connection without a reply: whether it obeyed is not known",
        )),
        Err(FrameError::Io(error)) => Err(failed(
            "no reply came, and whether the daemon obeyed is not known",
            &error,
        )),
        Err(error @ FrameError::Cut { .. }) => Err(DmError::new(ErrorKind::Io).with_source(error)),
        Err(error) => Err(DmError::new(ErrorKind::Protocol).with_source(error)),
    }
}

fn read_reply(command: &Command, text: &[u8]) -> Result<Reply, DmError> {
    let answer = read_dictionary(text, &LIMITS)
        .map_err(|error| DmError::new(ErrorKind::Protocol).with_source(error))?;
    reply::decode(command, &Zeroizing::new(answer))
}

fn not_sent(error: &io::Error) -> DmError {
    failed("the daemon did not take the whole request", error)
}

fn failed(what: &str, error: &io::Error) -> DmError {
    let kind = match error.kind() {
        io::ErrorKind::PermissionDenied => ErrorKind::Permission,
        _ => ErrorKind::Io,
    };
    let errno = Errno::from(error);
    let reason = match error.raw_os_error() {
        Some(_) => format!("{what}: {errno}"),
        None => format!("{what}: {error}"),
    };
    DmError::because(kind, reason).with_errno(errno)
}
