//! What verbs say: text for people, JSON for programs, both of the same replies.

pub(crate) mod escape;
pub(crate) mod human;
pub(crate) mod json;
pub(crate) mod terminal;
pub(crate) mod tree;

use std::io::{self, Write};

use serde_json::{Map, Value};

use crate::failure::Failure;

/// The version of the JSON documents' schema. It changes when a field goes or changes its meaning,
/// not when one is added.
pub(crate) const SCHEMA: u32 = 1;

/// What a verb has to say on stdout.
#[derive(Debug, Default)]
pub(crate) struct Answer {
    /// For people.
    pub(crate) text: String,
    /// For programs: the fields behind `schema` and `command`.
    pub(crate) fields: Map<String, Value>,
}

/// Which of the two stdout gets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Format {
    /// Text.
    Text,
    /// One JSON document, even if the verb fails.
    Json,
}

impl Answer {
    /// Adds a field.
    pub(crate) fn field(&mut self, name: &str, value: impl Into<Value>) {
        self.fields.insert(name.into(), value.into());
    }

    /// The answer as stdout gets it; a failure is part of a JSON document.
    pub(crate) fn render(self, format: Format, command: &str, failure: Option<&Failure>) -> String {
        match format {
            Format::Text => self.text,
            Format::Json => {
                let mut document = Map::new();
                document.insert("schema".into(), SCHEMA.into());
                document.insert("command".into(), command.into());
                document.extend(self.fields);
                document.extend(failure.map(Failure::fields).unwrap_or_default());
                format!("{}\n", Value::Object(document))
            }
        }
    }
}

/// Writes data to stdout. Who reads no further has what they want.
pub(crate) fn write_stdout(text: &(impl AsRef<[u8]> + ?Sized)) -> io::Result<()> {
    let mut stdout = io::stdout().lock();
    match stdout
        .write_all(text.as_ref())
        .and_then(|()| stdout.flush())
    {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        other => other,
    }
}

/// Says a line on stderr. There is nowhere to say that this failed.
pub(crate) fn talk(line: &str) {
    let _ = writeln!(io::stderr().lock(), "{}", escape::printable(line));
}
