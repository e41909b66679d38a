//! The client's end of being told what happens.

use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::net::UnixStream;
use std::time::Duration;

use dm_core::command::{Command, Reply};
use dm_core::error::{DmError, ErrorKind};
use dm_core::events::{Watch, is_readable};

use crate::socket::{receive, send};

/// A connection on which the daemon answers once something happens.
#[derive(Debug)]
pub(crate) struct SocketWatch {
    stream: UnixStream,
    /// The daemon's count of what happened, as it last said.
    known: u32,
    /// Whether the daemon is to answer.
    asked: bool,
}

impl SocketWatch {
    /// Takes a connection. The daemon is asked for its count.
    pub(crate) fn new(stream: UnixStream) -> Result<SocketWatch, DmError> {
        let mut watch = SocketWatch {
            stream,
            known: 0,
            asked: false,
        };
        watch.ask()?;
        watch.hear()?;
        Ok(watch)
    }

    fn ask(&mut self) -> Result<(), DmError> {
        let known = self.known;
        send(&mut self.stream, &Command::Watch { known })?;
        self.asked = true;
        Ok(())
    }

    fn hear(&mut self) -> Result<(), DmError> {
        let known = self.known;
        self.asked = false;
        match receive(&mut self.stream, &Command::Watch { known })? {
            Reply::Changes(count) => {
                self.known = count;
                Ok(())
            }
            _ => {
                let reason = "the daemon's reply belongs to another command";
                Err(DmError::because(ErrorKind::Protocol, reason))
            }
        }
    }
}

impl Watch for SocketWatch {
    fn arm(&mut self) -> Result<(), DmError> {
        if self.asked {
            if !is_readable(&self.stream, Some(Duration::ZERO))? {
                return Ok(());
            }
            self.hear()?;
        }
        self.ask()
    }
}

impl AsFd for SocketWatch {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.stream.as_fd()
    }
}
