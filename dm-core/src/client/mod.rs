//! A driver's commands as methods.

mod change;
mod query;

use alloc::vec::Vec;

use crate::backend::{Backend, Capabilities};
use crate::command::{Command, DeviceInfo, Reply};
use crate::error::{DmError, ErrorKind};
use crate::table::TableLine;

/// A driver's commands, one method each.
#[derive(Clone, Debug)]
pub struct Dm<B> {
    backend: B,
}

/// The driver answered another command than the one it was asked.
fn mismatch(_: Reply) -> DmError {
    DmError::because(
        ErrorKind::Protocol,
        "the driver's reply belongs to another command",
    )
}

impl<B: Backend> Dm<B> {
    /// The commands of `backend`.
    pub const fn new(backend: B) -> Dm<B> {
        Dm { backend }
    }

    /// The driver.
    pub const fn backend(&self) -> &B {
        &self.backend
    }

    /// The driver, without its methods.
    pub fn into_backend(self) -> B {
        self.backend
    }

    /// What the driver can do.
    pub fn capabilities(&self) -> Capabilities {
        self.backend.capabilities()
    }

    /// Asks for any command, and gets what `pick` takes from its reply.
    fn ask<T>(
        &self,
        command: Command,
        pick: impl FnOnce(Reply) -> Result<T, Reply>,
    ) -> Result<T, DmError> {
        let (verb, device) = (command.verb(), command.device());
        self.backend
            .call(command)
            .and_then(|reply| pick(reply).map_err(mismatch))
            .map_err(|error| error.about(verb, device))
    }

    fn ask_device(&self, command: Command) -> Result<DeviceInfo, DmError> {
        self.ask(command, |reply| match reply {
            Reply::Device(info) => Ok(info),
            other => Err(other),
        })
    }

    fn ask_done(&self, command: Command) -> Result<(), DmError> {
        self.ask(command, |reply| match reply {
            Reply::Done => Ok(()),
            other => Err(other),
        })
    }

    fn ask_lines(&self, command: Command) -> Result<(DeviceInfo, Vec<TableLine>), DmError> {
        self.ask(command, |reply| match reply {
            Reply::Lines(info, lines) => Ok((info, lines)),
            other => Err(other),
        })
    }
}
