//! One request and what became of it.

use dm_core::command::Command;
use dm_core::errno::Errno;
use dm_core::error::{DmError, ErrorKind};
use dm_proto::netbsd::LIMITS;
use dm_proto::netbsd::client::{self, Outcome};
use dm_proto::proplib::{Dictionary, read_dictionary};

use crate::sys::Sys;

/// A request that may be sent.
pub(crate) struct Request {
    dictionary: Dictionary,
    text: Vec<u8>,
}

impl Request {
    /// The request for a command.
    ///
    /// # Errors
    /// If it must not be sent, or is too long.
    pub(crate) fn new(command: &Command) -> Result<Request, DmError> {
        let dictionary = client::encode(command)?;
        let text = client::write(&dictionary)?;
        Ok(Request { dictionary, text })
    }

    /// Sends it. The outcome is what the reply tells.
    pub(crate) fn send(&self, sys: &impl Sys) -> Result<(Outcome, Dictionary), DmError> {
        sys.ready()?;
        let text = sys.ioctl(&self.text).map_err(refused)?;
        let reply = read(&text)?;
        let outcome = Outcome::of(&self.dictionary, &reply).map_err(wrong)?;
        tracing::debug!(
            "netbsd: {:?}: {outcome:?}",
            self.dictionary.string("command")
        );
        Ok((outcome, reply))
    }
}

/// Sends a command and gives the reply if it is sure that it was obeyed, or may have been.
pub(crate) fn obeyed(sys: &impl Sys, command: &Command) -> Result<Dictionary, DmError> {
    let (outcome, reply) = Request::new(command)?.send(sys)?;
    match outcome.failure() {
        Some(error) => Err(error),
        None => Ok(reply),
    }
}

/// A reply that breaks the protocol's rules.
pub(crate) fn wrong(error: impl std::error::Error + Send + Sync + 'static) -> DmError {
    DmError::new(ErrorKind::Protocol).with_source(error)
}

fn read(text: &[u8]) -> Result<Dictionary, DmError> {
    match text.last() {
        Some(0) => read_dictionary(text, &LIMITS).map_err(wrong),
        Some(_) => {
            let reason = "the reply has no NUL behind it";
            Err(DmError::because(ErrorKind::Protocol, reason))
        }
        None => Err(DmError::because(ErrorKind::Protocol, "the reply is empty")),
    }
}

/// The ioctl itself failed: nothing was done.
fn refused(errno: Errno) -> DmError {
    let (kind, reason) = match errno {
        Errno::ENOTTY => (
            ErrorKind::Unsupported,
            "the node is not the device mapper's",
        ),
        Errno::EIO => (ErrorKind::Protocol, "the kernel can not read the request"),
        Errno::EINVAL => (
            ErrorKind::Protocol,
            "the kernel takes no request of that length",
        ),
        Errno::EPROTO => (ErrorKind::Protocol, "the kernel gave no reply"),
        Errno::EFBIG => (ErrorKind::Protocol, "the kernel's reply is too long"),
        Errno::EPERM | Errno::EACCES => (ErrorKind::Permission, "only root may do this"),
        Errno::EINTR => (ErrorKind::Interrupted, "a signal came"),
        Errno::ENXIO | Errno::ENODEV => (ErrorKind::Unsupported, "the driver is gone"),
        _ => return DmError::new(ErrorKind::Io).with_errno(errno),
    };
    DmError::because(kind, reason).with_errno(errno)
}
