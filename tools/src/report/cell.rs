//! A field of a row: what is shown, and what it is sorted and selected by.

use std::cmp::Ordering;

use serde_json::Value;

use crate::output::escape::printable;

/// A field of a row.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Cell {
    /// As it is shown.
    pub(crate) text: String,
    /// What it is sorted and selected by.
    pub(crate) key: Key,
}

/// What a cell is sorted and selected by.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Key {
    /// A text, as the driver has it.
    Text(String),
    /// A number.
    Number(u64),
    /// A number with a fraction; sizes are in sectors.
    Fraction(f64),
}

impl Cell {
    /// A text, shown so that it can not steer a terminal.
    pub(crate) fn text(text: impl Into<String>) -> Cell {
        let text = text.into();
        Cell {
            text: safe(&text),
            key: Key::Text(text),
        }
    }

    /// A number.
    pub(crate) fn number(number: impl Into<u64>) -> Cell {
        let number = number.into();
        Cell {
            text: number.to_string(),
            key: Key::Number(number),
        }
    }

    /// A number with a text of its own.
    pub(crate) fn shown(text: impl Into<String>, number: f64) -> Cell {
        Cell {
            text: text.into(),
            key: Key::Fraction(number),
        }
    }

    /// As JSON has it: numbers as numbers.
    pub(crate) fn json(self) -> Value {
        match self.key {
            Key::Text(text) => text.into(),
            Key::Number(number) => number.into(),
            Key::Fraction(number) => number.into(),
        }
    }

    /// Its place among others of its field.
    pub(crate) fn cmp(&self, other: &Cell) -> Ordering {
        match (&self.key, &other.key) {
            (Key::Text(one), Key::Text(other)) => one.cmp(other),
            _ => self.value().total_cmp(&other.value()),
        }
    }

    fn value(&self) -> f64 {
        match &self.key {
            Key::Text(_) => 0.0,
            // Past 2^53 neighbours may compare as equal, which only their order shows.
            Key::Number(number) => *number as f64,
            Key::Fraction(number) => *number,
        }
    }
}

/// A text that steers no terminal. A tab does not, and whoever looks for it in a column finds it, as
/// in dmsetup's.
fn safe(text: &str) -> String {
    let parts: Vec<_> = text.split('\t').map(printable).collect();
    parts.join("\t")
}
