//! `dmctl explain`.

use std::path::Path;

use clap::Args;
use dm_core::command::Slot;
use dm_core::error::{DmError, ErrorKind};
use dm_core::table::{TableError, TableLine};
use dm_core::target::FlushMode;
use dm_core::typed::{self, KINDS, Kind, Note, OptionRow, Reader, Role, WordRow};
use serde_json::{Value, json};

use crate::failure::Failure;
use crate::output::{Answer, escape, json};

use super::commands::Run;
use super::devices::device;
use super::session::Session;
use super::table_text::TableSource;

/// Lines whose meaning is to be shown.
#[derive(Debug, Args)]
#[command(after_long_help = syntax_of_all())]
pub(super) struct Explain {
    /// A file with lines, a device whose table and status are meant, or -, which is stdin
    #[arg(value_name = "FILE|DEV", required_unless_present_any = ["table", "target"])]
    source: Option<String>,
    /// The lines themselves
    #[arg(long, value_name = "TABLE", conflicts_with = "source")]
    table: Option<String>,
    /// A target whose syntax, words and options are to be shown
    #[arg(long, value_name = "TARGET", conflicts_with_all = ["source", "table", "status"])]
    target: Option<String>,
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

/// What `--help` shows: the syntax of each target, from its page in docs/targets.
pub(super) fn syntax_of_all() -> String {
    let lines = KINDS.iter().map(|kind| format!("  {}\n", kind.syntax()));
    format!("Lines of tables:\n{}", lines.collect::<String>())
}

/// What `message --help` shows: what each target can be told.
pub(super) fn messages_of_all() -> String {
    let told = KINDS
        .iter()
        .filter_map(|kind| Some((kind.name, kind.page().messages()?)));
    let lines = told.map(|(name, messages)| format!("  {name}: {}\n", messages.replace('`', "")));
    format!(
        "Messages of targets:\n{}Any target: @stats_…, @cancel_deferred_remove\n",
        lines.collect::<String>()
    )
}

impl Run for Explain {
    fn run(self, session: &Session, answer: &mut Answer) -> Result<(), Failure> {
        if let Some(target) = &self.target {
            return of_target(target, answer);
        }
        let mut explained = Explained::default();
        let result = match self.text() {
            Some(source) => {
                let text = match self.status {
                    true => Text::Status,
                    false => Text::Params,
                };
                let table = source.read_as_it_stands()?;
                explained.all(&table.lines, &table.places, text)
            }
            None => self.live(session, &mut explained),
        };
        answer.text = explained.text;
        answer.field("lines", explained.lines);
        result
    }
}

impl Explain {
    /// Where lines are to be read from; `None` if a device is meant.
    fn text(&self) -> Option<TableSource> {
        match (&self.table, self.source.as_deref()) {
            (Some(table), _) => Some(TableSource::of(Some(table.clone()), None)),
            (None, Some("-")) => Some(TableSource::of(None, None)),
            (None, Some(file)) if Path::new(file).is_file() => {
                Some(TableSource::of(None, Some(file.into())))
            }
            _ => None,
        }
    }

    fn live(&self, session: &Session, explained: &mut Explained) -> Result<(), Failure> {
        let id = device(session, self.source.as_deref().unwrap_or_default())?;
        let dm = session.dm()?;
        let explain = |error| session.explain(error, &id);
        let (_, table) = dm.table(id.clone(), Slot::Active).map_err(explain)?;
        let status = dm.status(id.clone(), Slot::Active, FlushMode::NoFlush);
        let (_, status) = status.map_err(explain)?;
        explained.text.push_str("table\n");
        explained.all(&table, &[], Text::Params)?;
        explained.text.push_str("status\n");
        explained.all(&status, &[], Text::Status)
    }
}

/// Shows the syntax of a target, its words and its options.
fn of_target(name: &str, answer: &mut Answer) -> Result<(), Failure> {
    let Some(kind) = typed::kind(name) else {
        let failure = Failure::because(ErrorKind::NotFound, format!("nothing is known of {name}"));
        let near = typed::nearest(name, KINDS.iter().map(|kind| kind.name));
        let hint = near.map(|near| format!("there is a target {near}"));
        return Err(hint.into_iter().fold(failure, Failure::hint));
    };
    answer.text = format!("{}: {}\n  {}\n", kind.name, kind.about, kind.syntax());
    let words: Vec<WordRow> = kind.page().words().collect();
    for row in &words {
        let line = format!("  {}: {}\n", plain(row.word), plain(row.about));
        answer.text.push_str(&line);
    }
    let options: Vec<OptionRow> = kind.page().options().collect();
    for option in &options {
        let value = match option.value {
            "" => String::new(),
            value if option.word.ends_with(':') => value.into(),
            value => format!(" {value}"),
        };
        let line = format!("  {}{value}: {}\n", option.word, meaning(option));
        answer.text.push_str(&line);
    }
    if let Some(messages) = kind.page().messages() {
        let line = format!("  messages: {}\n", messages.replace('`', ""));
        answer.text.push_str(&line);
    }
    answer.field("target", kind.name);
    answer.field("about", kind.about);
    answer.field("syntax", kind.syntax());
    let words = words
        .iter()
        .map(|row| json!({ "word": row.word, "about": row.about }));
    answer.field("words", words.collect::<Value>());
    answer.field("options", options.iter().map(option).collect::<Value>());
    answer.field("messages", kind.page().messages());
    Ok(())
}

/// What is shown.
#[derive(Default)]
struct Explained {
    text: String,
    lines: Vec<Value>,
}

impl Explained {
    /// Explains lines, also those behind a wrong one. `places` are theirs in the text that the user
    /// wrote.
    fn all(&mut self, lines: &[TableLine], places: &[usize], text: Text) -> Result<(), Failure> {
        let mut wrong = Vec::new();
        for (at, line) in lines.iter().enumerate() {
            let place = places.get(at).copied().unwrap_or(at + 1);
            wrong.extend(self.line(place, line, text).err());
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
        if let Some(kind) = kind.filter(|_| text == Text::Params) {
            self.text.push_str(&format!("  {}\n", kind.syntax()));
        }
        self.text.push_str(&format!(
            "  sectors {start} to {}, {} bytes\n",
            start.0.saturating_add(length.0).saturating_sub(1),
            u128::from(length.0) * 512,
        ));
        self.words(kind, &notes);
        let typed = match &read {
            Some(Ok(typed)) => typed.clone(),
            _ => Value::Null,
        };
        self.lines.push(json!({
            "start": start.0,
            "length": length.0,
            "target": target.as_str(),
            "about": about,
            "syntax": kind.map(Kind::syntax),
            "words": notes.iter().map(|note| word(kind, note)).collect::<Value>(),
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

    fn words(&mut self, kind: Option<&Kind>, notes: &[Note]) {
        let width = notes.iter().map(|note| note.text.chars().count());
        let width = width.max().unwrap_or(0).min(40);
        for note in notes {
            let meaning = row(kind, note).map(|row| format!(": {}", meaning(&row)));
            self.text.push_str(&format!(
                "  {:>3}  {:width$}  {}{}\n",
                note.place,
                escape::printable(&note.text),
                note.what,
                meaning.unwrap_or_default(),
            ));
        }
    }
}

/// What the target's page says of a word that is an option.
fn row(kind: Option<&Kind>, note: &Note) -> Option<OptionRow> {
    let kind = kind.filter(|_| match note.role {
        Role::Option | Role::DeviceIn { .. } => true,
        Role::Key { at } => at > 0,
        _ => false,
    })?;
    kind.option(&note.text)
}

/// A page's text without its marks.
fn plain(text: &str) -> String {
    text.replace('`', "")
}

/// What an option does, its values, what is without it, and since when it is known.
fn meaning(option: &OptionRow) -> String {
    let mut text = plain(option.about);
    for (before, part) in [("; ", option.values), ("; else ", option.default)] {
        if !part.is_empty() {
            text.push_str(&format!("{before}{}", plain(part)));
        }
    }
    if let Some(since) = option.since {
        text.push_str(&format!("; since {}", since.version));
        if let Some(kernel) = since.kernel {
            text.push_str(&format!(", Linux {kernel}"));
        }
    }
    text
}

fn word(kind: Option<&Kind>, note: &Note) -> Value {
    let row = row(kind, note);
    json!({
        "place": note.place,
        "text": note.text,
        "what": note.what,
        "option": row.as_ref().map(option),
    })
}

fn option(row: &OptionRow) -> Value {
    json!({
        "word": row.word,
        "value": row.value,
        "about": row.about,
        "values": row.values,
        "default": row.default,
        "since": row.since.map(|since| since.version.to_string()),
        "linux": row.since.and_then(|since| since.kernel),
    })
}
