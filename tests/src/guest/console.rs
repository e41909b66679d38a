//! What a machine said: all of it to the log and the watcher, the last lines for a failure.

use std::collections::VecDeque;
use std::io::{self, Write};

/// How many lines a failure shows.
const TAIL: usize = 100;

/// A console's lines.
pub struct Console {
    label: String,
    log: Box<dyn Write + Send>,
    tail: VecDeque<String>,
    partial: Vec<u8>,
}

impl Console {
    /// A console that shows its lines on stderr under a label, and copies them to a log.
    pub fn new(label: &str, log: Box<dyn Write + Send>) -> Console {
        let (tail, partial) = (VecDeque::with_capacity(TAIL), Vec::new());
        Console {
            label: label.to_owned(),
            log,
            tail,
            partial,
        }
    }

    /// Takes what the machine wrote, and returns the lines that are complete with it.
    pub fn feed(&mut self, bytes: &[u8]) -> Vec<String> {
        self.partial.extend_from_slice(bytes);
        let Some(end) = self.partial.iter().rposition(|byte| *byte == b'\n') else {
            return Vec::new();
        };
        let rest = self.partial.split_off(end + 1);
        let text = String::from_utf8_lossy(&self.partial).into_owned();
        self.partial = rest;
        let lines: Vec<String> = text.lines().map(plain).collect();
        for line in &lines {
            self.say(line);
            // A full disk must not fail a test: the log is a convenience.
            let _ = writeln!(self.log, "{line}");
            if self.tail.len() == TAIL {
                self.tail.pop_front();
            }
            self.tail.push_back(line.clone());
        }
        lines
    }

    /// The last lines, the incomplete one too.
    pub fn tail(&self) -> Vec<String> {
        let partial = plain(&String::from_utf8_lossy(&self.partial));
        let lines = self.tail.iter().cloned();
        lines
            .chain((!partial.is_empty()).then_some(partial))
            .collect()
    }

    /// Shows a line at once. `eprintln!` would keep it until the test failed.
    pub fn say(&self, line: &str) {
        let _ = writeln!(io::stderr(), "[{}] {line}", self.label);
    }
}

/// A line without what a terminal would obey.
fn plain(line: &str) -> String {
    line.chars()
        .filter(|char| !char.is_control() || *char == '\t')
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn console() -> Console {
        Console::new("test", Box::new(io::sink()))
    }

    #[test]
    fn lines_come_when_they_are_complete() {
        let mut console = console();
        assert!(console.feed(b"one\r\ntw").len() == 1);
        assert_eq!(console.tail(), ["one", "tw"]);
        assert_eq!(console.feed(b"o\nthree\n"), ["two", "three"]);
    }

    #[test]
    fn tail_is_short() {
        let mut console = console();
        for number in 0..250 {
            console.feed(format!("{number}\n").as_bytes());
        }
        let tail = console.tail();
        assert_eq!(
            (tail.len(), tail[0].as_str(), tail[99].as_str()),
            (100, "150", "249")
        );
    }

    #[test]
    fn escapes_are_filtered() {
        assert_eq!(
            console().feed(b"\x1b[31mred\x07 \xff\n"),
            ["[31mred \u{fffd}"]
        );
    }
}
