//! What a command fails with.

use alloc::string::{String, ToString};
use alloc::sync::Arc;
use core::error::Error;
use core::fmt;

use crate::errno::Errno;
use crate::table::TableError;

/// What kind of failure it is: match on this.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// No such device.
    NotFound,
    /// The name, uuid or number is taken.
    Exists,
    /// The device is in use.
    Busy,
    /// The table is wrong; the source is a [`TableError`] where the engine found it.
    InvalidTable,
    /// The command can not be obeyed as it stands, or not in the device's state.
    Invalid,
    /// Not allowed for this user.
    Permission,
    /// The driver does not have it.
    Unsupported,
    /// The other side did not speak the protocol.
    Protocol,
    /// The wait was given up.
    Interrupted,
    /// Talking to the driver failed.
    Io,
}

/// What a command was about when it failed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct ErrorContext {
    /// The command, such as `load`.
    pub command: Option<&'static str>,
    /// The device as the caller said it.
    pub device: Option<String>,
    /// The table line, counted from 1.
    pub line: Option<usize>,
    /// The errno, which the driver gave or would give.
    pub errno: Option<Errno>,
}

/// A command's failure: its kind, what it was about, and why.
///
/// Displays as one lower-case line without the source's text; [`DmError::report`] adds that.
#[derive(Clone, Debug)]
pub struct DmError {
    /// What kind of failure it is.
    pub kind: ErrorKind,
    /// What it was about.
    pub context: ErrorContext,
    source: Option<Arc<dyn Error + Send + Sync>>,
}

/// A reason in words, as the source of a [`DmError`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
struct Because(String);

impl ErrorKind {
    /// Every kind.
    pub const ALL: &'static [ErrorKind] = &[
        ErrorKind::NotFound,
        ErrorKind::Exists,
        ErrorKind::Busy,
        ErrorKind::InvalidTable,
        ErrorKind::Invalid,
        ErrorKind::Permission,
        ErrorKind::Unsupported,
        ErrorKind::Protocol,
        ErrorKind::Interrupted,
        ErrorKind::Io,
    ];

    /// A word for it, in JSON and on the wire.
    pub const fn word(self) -> &'static str {
        match self {
            ErrorKind::NotFound => "not-found",
            ErrorKind::Exists => "exists",
            ErrorKind::Busy => "busy",
            ErrorKind::InvalidTable => "invalid-table",
            ErrorKind::Invalid => "invalid",
            ErrorKind::Permission => "permission",
            ErrorKind::Unsupported => "unsupported",
            ErrorKind::Protocol => "protocol",
            ErrorKind::Interrupted => "interrupted",
            ErrorKind::Io => "io",
        }
    }

    /// The kind that [`ErrorKind::word`] gave.
    pub fn from_word(word: &str) -> Option<ErrorKind> {
        ErrorKind::ALL
            .iter()
            .copied()
            .find(|kind| kind.word() == word)
    }

    /// The errno that Linux's driver gives for it.
    pub const fn errno(self) -> Errno {
        match self {
            ErrorKind::NotFound => Errno::ENXIO,
            ErrorKind::Exists | ErrorKind::Busy => Errno::EBUSY,
            ErrorKind::InvalidTable | ErrorKind::Invalid => Errno::EINVAL,
            ErrorKind::Permission => Errno::EACCES,
            ErrorKind::Unsupported => Errno::EOPNOTSUPP,
            ErrorKind::Protocol => Errno::EPROTO,
            ErrorKind::Interrupted => Errno::EINTR,
            ErrorKind::Io => Errno::EIO,
        }
    }
}

impl DmError {
    /// A failure of `kind`, with the errno that belongs to it.
    pub fn new(kind: ErrorKind) -> DmError {
        let context = ErrorContext {
            errno: Some(kind.errno()),
            ..ErrorContext::default()
        };
        DmError {
            kind,
            context,
            source: None,
        }
    }

    /// A failure of `kind` with a reason in words.
    pub fn because(kind: ErrorKind, reason: impl Into<String>) -> DmError {
        DmError::new(kind).with_source(Because(reason.into()))
    }

    /// The same with the error behind it.
    #[must_use]
    pub fn with_source(mut self, source: impl Error + Send + Sync + 'static) -> DmError {
        self.source = Some(Arc::new(source));
        self
    }

    /// The same with `errno`.
    #[must_use]
    pub fn with_errno(mut self, errno: Errno) -> DmError {
        self.context.errno = Some(errno);
        self
    }

    /// The same with the command and the device that it was about, unless they are known.
    #[must_use]
    pub fn about(mut self, command: &'static str, device: Option<String>) -> DmError {
        self.context.command.get_or_insert(command);
        if self.context.device.is_none() {
            self.context.device = device;
        }
        self
    }

    /// The same with the table line that it was about.
    #[must_use]
    pub fn at_line(mut self, line: usize) -> DmError {
        self.context.line = Some(line);
        self
    }

    /// Why, in words: the texts of the sources, or else the kind's.
    pub fn reason(&self) -> String {
        let mut text = String::new();
        let mut source: Option<&(dyn Error + 'static)> = self.source();
        while let Some(error) = source {
            let next = error.to_string();
            // A transparent error says the same as its source.
            if !text.ends_with(&next) {
                if !text.is_empty() {
                    text.push_str(": ");
                }
                text.push_str(&next);
            }
            source = error.source();
        }
        match (text.is_empty(), self.context.errno) {
            (false, _) => text,
            (true, _) if self.kind == ErrorKind::NotFound => "no such device".into(),
            (true, Some(errno)) => errno.to_string(),
            (true, None) => self.kind.word().into(),
        }
    }

    /// The whole message: `load vol0: line 2: striped: the chunk size is zero`.
    pub fn report(&self) -> String {
        let mut text = String::new();
        for part in [self.context.command, self.context.device.as_deref()]
            .into_iter()
            .flatten()
        {
            if !text.is_empty() {
                text.push(' ');
            }
            text.push_str(part);
        }
        if !text.is_empty() {
            text.push_str(": ");
        }
        text + &self.reason()
    }
}

impl From<TableError> for DmError {
    fn from(error: TableError) -> DmError {
        let found = DmError::new(ErrorKind::InvalidTable).with_errno(error.errno());
        let found = if error.line > 0 {
            found.at_line(error.line)
        } else {
            found
        };
        found.with_source(error)
    }
}

impl Error for DmError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.source
            .as_deref()
            .map(|source| source as &(dyn Error + 'static))
    }
}

impl fmt::Display for DmError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let context = &self.context;
        f.write_str(context.command.unwrap_or("command"))?;
        if let Some(device) = &context.device {
            write!(f, " {device}")?;
        }
        f.write_str(" failed")?;
        match context.errno {
            Some(errno) => write!(f, ": {errno}"),
            None => write!(f, ": {}", self.kind.word()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::table::TableLine;

    #[test]
    fn report_says_command_device_line_and_reason() {
        let wrong = TableLine::parse_table("0 8 zero\n8 x zero").unwrap_err();
        let error = DmError::from(wrong).about("load", Some("vol0".into()));
        assert_eq!(
            error.report(),
            "load vol0: line 2: \"x\": the length is not a decimal number"
        );
        assert_eq!(error.context.line, Some(2));
        assert_eq!(error.to_string(), "load vol0 failed: invalid argument");
    }

    #[test]
    fn kinds_have_distinct_words() {
        for kind in ErrorKind::ALL {
            assert_eq!(ErrorKind::from_word(kind.word()), Some(*kind));
        }
    }

    #[test]
    fn missing_device_is_said_in_words() {
        let error = DmError::new(ErrorKind::NotFound).about("info", Some("x".into()));
        assert_eq!(error.report(), "info x: no such device");
    }
}
