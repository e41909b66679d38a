//! How the tour's steps are shown.

use std::env;
use std::io::{self, IsTerminal};
use std::time::Instant;

use serde_json::{Value, json};

use crate::output::escape::printable;
use crate::output::{Format, write_stdout};

/// Shows steps as they are done, and keeps them for JSON.
pub(super) struct Stage {
    format: Format,
    paint: Paint,
    steps: Vec<Value>,
}

/// Colours, or none.
#[derive(Clone, Copy)]
enum Paint {
    Plain,
    Ansi,
}

impl Stage {
    /// A stage on stdout.
    pub(super) fn new(format: Format) -> Stage {
        let plain = env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty())
            || env::var_os("TERM").is_some_and(|value| value == "dumb")
            || !io::stdout().is_terminal();
        let paint = if plain { Paint::Plain } else { Paint::Ansi };
        Stage {
            format,
            paint,
            steps: Vec::new(),
        }
    }

    /// Says what this is about.
    pub(super) fn head(&self, text: &str) {
        self.say(&format!("{}\n", self.paint.bold(text)));
    }

    /// Does a step, and shows it: its title, the commands that a user would type, what came of it.
    pub(super) fn step(
        &mut self,
        title: &str,
        commands: &[impl AsRef<str>],
        act: impl FnOnce() -> Result<String, String>,
    ) -> Result<(), String> {
        let number = self.steps.len() + 1;
        self.say(&format!(
            "\n{}\n",
            self.paint.bold(&format!("{number:>2}. {title}"))
        ));
        let mut prompt = "$ ";
        for command in commands {
            let command = command.as_ref();
            self.say(&format!(
                "    {prompt}{}\n",
                self.paint.bold(&printable(command))
            ));
            // The lines of a here-document follow without a prompt.
            prompt = match (command.ends_with("<<END"), command, prompt) {
                (true, ..) => "  ",
                (false, "END", _) => "$ ",
                (false, _, same) => same,
            };
        }
        let begun = Instant::now();
        let outcome = act();
        let (mark, text) = match &outcome {
            Ok(text) => (self.paint.green("ok"), text),
            Err(text) => (self.paint.red("FAILED"), text),
        };
        for line in text.lines() {
            self.say(&format!("      {}\n", printable(line)));
        }
        self.say(&format!("    {mark}\n"));
        let commands: Vec<&str> = commands.iter().map(AsRef::as_ref).collect();
        self.steps.push(json!({
            "title": title,
            "commands": commands,
            "ok": outcome.is_ok(),
            "result": text,
            "seconds": begun.elapsed().as_secs_f64(),
        }));
        outcome
            .map(drop)
            .map_err(|text| format!("step {number}: {text}"))
    }

    /// Says how it went.
    pub(super) fn summary(&self, text: &str, outcome: &Result<(), String>) {
        let painted = match outcome {
            Ok(()) => self.paint.green(text),
            Err(_) => self.paint.red(text),
        };
        self.say(&format!("\n{painted}\n"));
    }

    /// How many steps were done.
    pub(super) fn steps(&self) -> usize {
        self.steps.len()
    }

    /// The steps for a program.
    pub(super) fn into_json(self) -> Value {
        Value::Array(self.steps)
    }

    fn say(&self, text: &str) {
        if self.format == Format::Text {
            // The tour goes on if nobody can read it; its exit code still tells.
            let _ = write_stdout(text);
        }
    }
}

impl Paint {
    fn bold(self, text: &str) -> String {
        self.with("1", text)
    }

    fn green(self, text: &str) -> String {
        self.with("32", text)
    }

    fn red(self, text: &str) -> String {
        self.with("1;31", text)
    }

    fn with(self, code: &str, text: &str) -> String {
        match self {
            Paint::Plain => text.into(),
            Paint::Ansi => format!("\x1b[{code}m{text}\x1b[0m"),
        }
    }
}

/// A length for people.
pub(super) fn mebibytes(bytes: u64) -> String {
    let tenths = bytes.saturating_mul(10).div_ceil(1 << 20);
    match tenths % 10 {
        0 => format!("{} MiB", tenths / 10),
        rest => format!("{}.{rest} MiB", tenths / 10),
    }
}
