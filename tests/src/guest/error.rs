//! What goes wrong with a guest.

use std::error::Error;
use std::fmt;
use std::io;
use std::time::Duration;

use super::protocol::Violation;

/// A guest's failure, with the end of its console.
#[derive(Debug)]
pub struct Failure {
    /// What it is.
    pub trouble: Trouble,
    /// The last lines of the console, oldest first.
    pub console: Vec<String>,
}

impl Failure {
    /// The failure with the console's end: several lines, for people.
    pub fn report(&self) -> String {
        let mut report = self.trouble.to_string();
        let mut source = self.source();
        while let Some(error) = source {
            report.push_str(&format!(": {error}"));
            source = error.source();
        }
        if !self.console.is_empty() {
            let count = self.console.len();
            report.push_str(&format!("\n---- the console's last {count} lines\n"));
            report.push_str(&self.console.join("\n"));
            report.push_str("\n----");
        }
        report
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.trouble.fmt(f)
    }
}

impl Error for Failure {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.trouble.source()
    }
}

impl From<Trouble> for Failure {
    fn from(trouble: Trouble) -> Self {
        Failure {
            trouble,
            console: Vec::new(),
        }
    }
}

/// What kind of failure it is.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Trouble {
    /// This machine lacks what a guest needs: not the fault of what is tested.
    #[error("no guest here: {0}")]
    Unavailable(String),
    /// `tests/vm/build` failed; this is what it told.
    #[error("tests/vm/build failed: {0}")]
    Build(String),
    /// A program or file of the host failed.
    #[error("{what}")]
    Host {
        /// What was tried.
        what: String,
        /// Why it failed.
        source: io::Error,
    },
    /// The guest did not take what was written to it.
    #[error("the guest does not read its console")]
    Send(#[source] io::Error),
    /// A check failed.
    #[error("{check}: {reason}")]
    Check {
        /// Its name.
        check: String,
        /// What it says.
        reason: String,
    },
    /// The kernel panicked, or told of a bug.
    #[error("{during}: the kernel says: {line}")]
    Kernel {
        /// The check, or the part of the guest's life.
        during: String,
        /// The kernel's line.
        line: String,
    },
    /// Nothing came in time.
    #[error("{during}: not done within {} s", limit.as_secs())]
    Hang {
        /// The check, or the part of the guest's life.
        during: String,
        /// Its limit.
        limit: Duration,
    },
    /// The machine ended before its time.
    #[error("{during}: the machine ended")]
    Ended {
        /// The check, or the part of the guest's life.
        during: String,
    },
    /// A result is missing, doubled or garbled.
    #[error("the guest's account is wrong: {0}")]
    Protocol(Violation),
}
