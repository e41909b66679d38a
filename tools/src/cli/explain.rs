//! `dmctl explain`.

use std::io::{self, Read};
use std::path::{Path, PathBuf};

use clap::Args;
use dm_core::command::Slot;
use dm_core::error::{DmError, ErrorKind};
use dm_core::table::{TableError, TableLine};
use dm_core::target::FlushMode;
use dm_core::typed::{self, Note, Reader};
use serde_json::{Value, json};

use crate::failure::Failure;
use crate::output::{Answer, escape, json};

use super::commands::Run;
use super::devices::device;
use super::session::Session;

/// Lines whose meaning is to be shown.
#[derive(Debug, Args)]
pub(super) struct Explain {
    /// A file with lines, a device whose table and status are meant, or -, which is stdin
    #[arg(value_name = "FILE|DEV", required_unless_present = "table")]
    source: Option<String>,
    /// The lines themselves
    #[arg(long, value_name = "TABLE", conflicts_with = "source")]
    table: Option<String>,
    /// The lines are of a status, not of a table
    #[arg(long)]
    status: bool,
}

/// Of what a line is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Text {
    Params,
    Status,
}

impl Run for Explain {
    fn run(self, session: &Session, answer: &mut Answer) -> Result<(), Failure> {
        let mut explained = Explained::default();
        let result = match self.lines()? {
            Some(lines) => {
                let text = match self.status {
                    true => Text::Status,
                    false => Text::Params,
                };
                explained.all(&lines, text)
            }
            None => self.live(session, &mut explained),
        };
        answer.text = explained.text;
        answer.field("lines", explained.lines);
        result
    }
}

impl Explain {
    /// The lines of a text; `None` if a device is meant.
    fn lines(&self) -> Result<Option<Vec<TableLine>>, Failure> {
        let text = match (&self.table, self.source.as_deref()) {
            (Some(table), _) => table.clone(),
            (None, Some("-")) => {
                let mut text = String::new();
                let stdin = Path::new("stdin");
                io::stdin()
                    .lock()
                    .read_to_string(&mut text)
                    .map_err(|error| Failure::io("read", stdin, &error))?;
                text
            }
            (None, source) => {
                let file = PathBuf::from(source.unwrap_or_default());
                if !file.is_file() {
                    return Ok(None);
                }
                std::fs::read_to_string(&file)
                    .map_err(|error| Failure::io("read", &file, &error))?
            }
        };
        Ok(Some(TableLine::parse_table(&text).map_err(DmError::from)?))
    }

    fn live(&self, session: &Session, explained: &mut Explained) -> Result<(), Failure> {
        let id = device(session, self.source.as_deref().unwrap_or_default())?;
        let dm = session.dm()?;
        let explain = |error| session.explain(error, &id);
        let (_, table) = dm.table(id.clone(), Slot::Active).map_err(explain)?;
        let status = dm.status(id.clone(), Slot::Active, FlushMode::NoFlush);
        let (_, status) = status.map_err(explain)?;
        explained.text.push_str("table\n");
        explained.all(&table, Text::Params)?;
        explained.text.push_str("status\n");
        explained.all(&status, Text::Status)
    }
}

/// What is shown.
#[derive(Default)]
struct Explained {
    text: String,
    lines: Vec<Value>,
}

impl Explained {
    /// Explains lines, also those behind a wrong one.
    fn all(&mut self, lines: &[TableLine], text: Text) -> Result<(), Failure> {
        let mut wrong = Vec::new();
        for (at, line) in lines.iter().enumerate() {
            wrong.extend(self.line(at + 1, line, text).err());
        }
        Failure::all(wrong)
    }

    fn line(&mut self, number: usize, line: &TableLine, text: Text) -> Result<(), Failure> {
        let TableLine {
            start,
            length,
            target,
            params,
        } = line;
        let mut notes = Vec::new();
        let kind = typed::kind(target.as_str());
        let read = kind.map(|kind| {
            let reader = Reader::new(params).mapping(*length).noting(&mut notes);
            match text {
                Text::Params => kind.params(reader).map(|typed| json::typed(&typed)),
                Text::Status => kind.status(reader).map(|typed| json::typed(&typed)),
            }
        });
        let about = kind.map_or("a target whose text is not known", |kind| kind.about);
        let places = format!("{start} {length} {target}");
        self.text
            .push_str(&format!("{}: {about}\n", escape::printable(&places)));
        self.text.push_str(&format!(
            "  sectors {start} to {}, {} bytes\n",
            start.0.saturating_add(length.0).saturating_sub(1),
            u128::from(length.0) * 512,
        ));
        self.words(&notes);
        let typed = match &read {
            Some(Ok(typed)) => typed.clone(),
            _ => Value::Null,
        };
        self.lines.push(json!({
            "start": start.0,
            "length": length.0,
            "target": target.as_str(),
            "about": about,
            "words": notes.iter().map(word).collect::<Value>(),
            "typed": typed,
        }));
        match read {
            Some(Err(error)) => {
                let error = DmError::from(TableError::at(number, line, error));
                Err(Failure::from(error))
            }
            Some(Ok(_)) => Ok(()),
            None => Err(Failure::because(
                ErrorKind::NotFound,
                format!("line {number}: nothing is known of {target}"),
            )),
        }
    }

    fn words(&mut self, notes: &[Note]) {
        let width = notes.iter().map(|note| note.text.chars().count());
        let width = width.max().unwrap_or(0).min(40);
        for note in notes {
            self.text.push_str(&format!(
                "  {:>3}  {:width$}  {}\n",
                note.place,
                escape::printable(&note.text),
                note.what
            ));
        }
    }
}

fn word(note: &Note) -> Value {
    json!({ "place": note.place, "text": note.text, "what": note.what })
}
