//! Why a verb failed, as a user and a calling program see it.

use std::io;
use std::path::Path;

use dm_core::errno::Errno;
use dm_core::error::{DmError, ErrorKind};
use dm_core::table::TableError;
use serde_json::{Map, Value, json};

/// A failed verb: the error, what may help, and further errors of a verb over several devices.
#[derive(Clone, Debug)]
pub(crate) struct Failure(Box<Parts>);

#[derive(Clone, Debug)]
struct Parts {
    error: DmError,
    usage: bool,
    hints: Vec<String>,
    more: Vec<Failure>,
}

impl Failure {
    /// The command line is wrong.
    pub(crate) fn usage(reason: impl Into<String>) -> Failure {
        let mut failure = Failure::because(ErrorKind::Invalid, reason);
        failure.0.usage = true;
        failure
    }

    /// A failure with a reason in words.
    pub(crate) fn because(kind: ErrorKind, reason: impl Into<String>) -> Failure {
        DmError::because(kind, reason).into()
    }

    /// The operating system refused `what` on `path`.
    pub(crate) fn io(what: &str, path: &Path, error: &io::Error) -> Failure {
        let kind = match error.kind() {
            io::ErrorKind::NotFound => ErrorKind::NotFound,
            io::ErrorKind::PermissionDenied => ErrorKind::Permission,
            io::ErrorKind::AddrInUse | io::ErrorKind::ResourceBusy => ErrorKind::Busy,
            io::ErrorKind::AlreadyExists => ErrorKind::Exists,
            _ => ErrorKind::Io,
        };
        let errno = Errno::from(error);
        // An error without an errno has words of its own.
        let why = error
            .raw_os_error()
            .map_or_else(|| error.to_string(), |_| errno.to_string());
        let reason = format!("cannot {what} {}: {why}", path.display());
        DmError::because(kind, reason).with_errno(errno).into()
    }

    /// Several failures as one, which has the first one's kind.
    pub(crate) fn all(failures: Vec<Failure>) -> Result<(), Failure> {
        let mut failures = failures.into_iter();
        match failures.next() {
            None => Ok(()),
            Some(mut first) => {
                // What a driver lacks, it lacks for all devices.
                let again = first.error().reason();
                let lacks = first.error().kind == ErrorKind::Unsupported;
                let others = failures.filter(|other| !lacks || other.error().reason() != again);
                first.0.more.extend(others);
                Err(first)
            }
        }
    }

    /// The same with something that may help.
    #[must_use]
    pub(crate) fn hint(mut self, hint: impl Into<String>) -> Failure {
        let hint = hint.into();
        if !self.0.hints.contains(&hint) {
            self.0.hints.push(hint);
        }
        self
    }

    /// The same with the command and device that it is about, unless they are known.
    #[must_use]
    pub(crate) fn about(mut self, command: &'static str, device: Option<String>) -> Failure {
        self.0.error = self.0.error.about(command, device);
        self
    }

    /// The same with the device or file that it is about, unless one is known.
    #[must_use]
    pub(crate) fn of(mut self, device: impl ToString) -> Failure {
        let known = &mut self.0.error.context.device;
        known.get_or_insert_with(|| device.to_string());
        self
    }

    /// The error.
    pub(crate) fn error(&self) -> &DmError {
        &self.0.error
    }

    /// What may help.
    pub(crate) fn hints(&self) -> impl Iterator<Item = &str> {
        self.0.hints.iter().map(String::as_str)
    }

    /// Whether nothing is known that may help.
    pub(crate) fn is_without_hints(&self) -> bool {
        self.0.hints.is_empty()
    }

    /// Whether a look at a device found none.
    pub(crate) fn misses_device(&self) -> bool {
        let DmError { kind, context, .. } = &self.0.error;
        *kind == ErrorKind::NotFound
            && context.device.is_some()
            && matches!(context.command, Some("info" | "status"))
    }

    /// Whether the command line is wrong.
    pub(crate) fn is_usage(&self) -> bool {
        self.0.usage
    }

    /// The exit code.
    pub(crate) fn code(&self) -> u8 {
        if self.0.usage {
            return 2;
        }
        match self.0.error.kind {
            ErrorKind::Permission => 3,
            ErrorKind::NotFound => 4,
            ErrorKind::Busy | ErrorKind::Exists => 5,
            ErrorKind::InvalidTable => 6,
            ErrorKind::Protocol => 7,
            ErrorKind::Interrupted => 130,
            _ => 1,
        }
    }

    /// What stderr gets, line by line, from a program of that name.
    pub(crate) fn lines(&self, program: &str) -> Vec<String> {
        let mut lines = vec![format!("{program}: {}", self.0.error.report())];
        lines.extend(self.0.hints.iter().map(|hint| format!("hint: {hint}")));
        lines.extend(self.0.more.iter().flat_map(|more| more.lines(program)));
        lines
    }

    /// What `error` of a JSON document gets; `errors` has all of several.
    pub(crate) fn fields(&self) -> Map<String, Value> {
        let mut fields = Map::new();
        fields.insert("error".into(), self.json());
        if !self.0.more.is_empty() {
            let all = std::iter::once(self)
                .chain(&self.0.more)
                .map(Failure::json)
                .collect();
            fields.insert("errors".into(), Value::Array(all));
        }
        fields
    }

    fn json(&self) -> Value {
        let DmError { kind, context, .. } = &self.0.error;
        let kind = if self.0.usage { "usage" } else { kind.word() };
        json!({
            "kind": kind,
            "errno": context.errno.map(Errno::linux),
            "errno_name": context.errno.and_then(Errno::name),
            "command": context.command,
            "device": context.device,
            "line": context.line,
            "message": self.0.error.report(),
            "hints": self.0.hints,
        })
    }
}

impl From<DmError> for Failure {
    fn from(error: DmError) -> Failure {
        let table = std::error::Error::source(&error).and_then(|source| source.downcast_ref());
        let remedy = table.and_then(TableError::remedy);
        let (hints, more) = (remedy.into_iter().collect(), Vec::new());
        Failure(Box::new(Parts {
            error,
            usage: false,
            hints,
            more,
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exit_codes_are_those_of_the_style_page() {
        let code = |kind| Failure::from(DmError::new(kind)).code();
        assert_eq!(code(ErrorKind::Invalid), 1);
        assert_eq!(code(ErrorKind::Permission), 3);
        assert_eq!(code(ErrorKind::NotFound), 4);
        assert_eq!(code(ErrorKind::Busy), 5);
        assert_eq!(code(ErrorKind::Exists), 5);
        assert_eq!(code(ErrorKind::InvalidTable), 6);
        assert_eq!(code(ErrorKind::Protocol), 7);
        assert_eq!(code(ErrorKind::Interrupted), 130);
        assert_eq!(Failure::usage("x").code(), 2);
    }

    #[test]
    fn several_failures_keep_all_messages_and_the_first_code() {
        let first =
            Failure::from(DmError::new(ErrorKind::NotFound)).about("remove", Some("a".into()));
        let second = Failure::from(DmError::new(ErrorKind::Busy)).about("remove", Some("b".into()));
        let both = Failure::all(vec![first, second]).unwrap_err();
        assert_eq!(both.code(), 4);
        assert_eq!(
            both.lines("dmctl"),
            [
                "dmctl: remove a: no such device",
                "dmctl: remove b: device or resource busy"
            ]
        );
        assert_eq!(both.fields()["errors"].as_array().unwrap().len(), 2);
    }
}
