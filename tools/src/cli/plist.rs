//! `dmctl plist`.

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use clap::Args;
use dm_core::error::{DmError, ErrorKind};
use dm_proto::proplib::{Dialect, Limits, ReadError, Reader, Reason, write};
use serde_json::json;

use crate::failure::Failure;
use crate::output::{Answer, Format, write_stdout};

use super::commands::Run;
use super::session::Session;

/// A property list to be checked.
#[derive(Debug, Args)]
pub(super) struct Plist {
    /// The document; - is stdin
    file: PathBuf,
    /// Hold it to the kernel's rules, which take decimal numbers up to 2^63-1 only
    #[arg(long)]
    kernel: bool,
}

impl Run for Plist {
    fn run(self, session: &Session, answer: &mut Answer) -> Result<(), Failure> {
        let limits = Limits::default();
        let bytes = self.bytes(limits.size)?;
        let dialect = match self.kernel {
            true => Dialect::Kernel,
            false => Dialect::Userland,
        };
        let value = Reader::new()
            .limits(limits)
            .dialect(dialect)
            .read(&bytes)
            .map_err(|error| self.refuse(&error, answer))?;
        let text = write(&value);
        if session.format() == Format::Text {
            // Not the answer's text, since strings may be no UTF-8.
            return write_stdout(&text)
                .map_err(|error| Failure::io("write to", Path::new("stdout"), &error));
        }
        let value = serde_json::to_value(&value).map_err(|error| {
            Failure::because(ErrorKind::Invalid, format!("no JSON can be made: {error}"))
        })?;
        answer.field("canonical", text == bytes);
        answer.field("value", value);
        Ok(())
    }
}

impl Plist {
    /// The document, of which one byte past the limit is read at most.
    fn bytes(&self, limit: usize) -> Result<Vec<u8>, Failure> {
        let most = u64::try_from(limit).unwrap_or(u64::MAX).saturating_add(1);
        let mut bytes = Vec::new();
        let read = match self.name() {
            None => io::stdin().lock().take(most).read_to_end(&mut bytes),
            Some(file) => File::open(file)
                .map_err(|error| Failure::io("open", file, &error))?
                .take(most)
                .read_to_end(&mut bytes),
        };
        match read {
            Ok(_) => Ok(bytes),
            Err(error) => Err(Failure::io("read", self.shown(), &error)),
        }
    }

    /// The file's name, if it is not stdin.
    fn name(&self) -> Option<&Path> {
        Some(self.file.as_path()).filter(|file| *file != Path::new("-"))
    }

    fn shown(&self) -> &Path {
        self.name().unwrap_or(Path::new("stdin"))
    }

    fn refuse(&self, error: &ReadError, answer: &mut Answer) -> Failure {
        let ReadError {
            line,
            column,
            offset,
            reason,
            ..
        } = error;
        let place = format!("{}: line {line}, column {column}", self.shown().display());
        answer.field(
            "fault",
            json!({
                "line": line,
                "column": column,
                "offset": offset,
                "reason": reason.to_string(),
            }),
        );
        let why = format!("{place}: {reason}");
        let failure = Failure::from(DmError::because(ErrorKind::Invalid, why).at_line(*line));
        match reason {
            Reason::Range if self.kernel => {
                failure.hint("the kernel takes numbers past 2^63-1 in hexadecimal only")
            }
            _ => failure,
        }
    }
}
