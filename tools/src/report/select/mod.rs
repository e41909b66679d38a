//! Which rows of a report are wanted.

mod parse;
mod pattern;

use regex_lite::Regex;

use crate::failure::Failure;

use super::cell::{Cell, Key};
use super::field::Field;

pub(crate) use parse::help;

/// Which rows are wanted.
#[derive(Clone, Debug)]
pub(crate) struct Selection(Node);

/// A part of a selection.
#[derive(Clone, Debug)]
enum Node {
    All(Vec<Node>),
    Any(Vec<Node>),
    Not(Box<Node>),
    Test(Test),
}

/// What a field must be.
#[derive(Clone, Debug)]
struct Test {
    column: usize,
    is: Is,
}

/// How a value is compared.
#[derive(Clone, Debug)]
enum Is {
    Like(Regex),
    Unlike(Regex),
    Text(String),
    OtherText(String),
    Number(Order, f64),
}

/// How a number stands to another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Order {
    Equal,
    Other,
    AtLeast,
    More,
    AtMost,
    Less,
}

impl Selection {
    /// Every row.
    pub(super) fn all() -> Selection {
        Selection(Node::All(Vec::new()))
    }

    /// Reads a selection; `None` if help is wanted. `column` gives a field's column.
    pub(super) fn read(
        text: &str,
        column: impl FnMut(&'static Field) -> usize,
    ) -> Result<Option<Selection>, Failure> {
        match text {
            "" => Ok(Some(Selection::all())),
            "?" => Ok(None),
            _ if text.eq_ignore_ascii_case("help") => Ok(None),
            _ if text.eq_ignore_ascii_case("all") => Ok(Some(Selection::all())),
            _ => parse::parse(text, column).map(|node| Some(Selection(node))),
        }
    }

    /// Whether a row passes.
    pub(super) fn takes(&self, row: &[Cell]) -> bool {
        self.0.takes(row)
    }
}

impl Node {
    fn takes(&self, row: &[Cell]) -> bool {
        match self {
            Node::All(nodes) => nodes.iter().all(|node| node.takes(row)),
            Node::Any(nodes) => nodes.iter().any(|node| node.takes(row)),
            Node::Not(node) => !node.takes(row),
            Node::Test(test) => test.is.takes(&row[test.column].key),
        }
    }
}

impl Is {
    fn takes(&self, key: &Key) -> bool {
        match (self, key) {
            (Is::Like(pattern), Key::Text(text)) => pattern.is_match(text),
            (Is::Unlike(pattern), Key::Text(text)) => !pattern.is_match(text),
            (Is::Text(wanted), Key::Text(text)) => wanted == text,
            (Is::OtherText(wanted), Key::Text(text)) => wanted != text,
            (Is::Number(order, wanted), Key::Number(number)) => {
                order.holds(*number as f64, *wanted)
            }
            (Is::Number(order, wanted), Key::Fraction(number)) => order.holds(*number, *wanted),
            // An empty cell of a number's column has no number.
            _ => false,
        }
    }
}

impl Order {
    fn holds(self, value: f64, wanted: f64) -> bool {
        match self {
            Order::Equal => value == wanted,
            Order::Other => value != wanted,
            Order::AtLeast => value >= wanted,
            Order::More => value > wanted,
            Order::AtMost => value <= wanted,
            Order::Less => value < wanted,
        }
    }
}
