//! The selection's grammar: `FIELD OPERATOR VALUE`, joined by `&&` or `,` and by `||` or `#`, in
//! parentheses, which `!` may precede.

use std::fmt::Write;

use crate::failure::Failure;
use crate::units::Factor;

use super::super::field::{self, Detail, Field, Kind, find};
use super::{Is, Node, Order, Test, pattern};

/// How a value is compared, longest first where one begins as another.
const OPERATORS: &[(&str, Operator, &str)] = &[
    ("=~", Operator::Like, "Matching regular expression. [regex]"),
    (
        "!~",
        Operator::Unlike,
        "Not matching regular expression. [regex]",
    ),
    (
        "=",
        Operator::Order(Order::Equal),
        "Equal to. [number, size, string]",
    ),
    (
        "!=",
        Operator::Order(Order::Other),
        "Not equal to. [number, size, string]",
    ),
    (
        ">=",
        Operator::Order(Order::AtLeast),
        "Greater than or equal to. [number, size]",
    ),
    (
        ">",
        Operator::Order(Order::More),
        "Greater than. [number, size]",
    ),
    (
        "<=",
        Operator::Order(Order::AtMost),
        "Less than or equal to. [number, size]",
    ),
    (
        "<",
        Operator::Order(Order::Less),
        "Less than. [number, size]",
    ),
    ("since", Operator::Time, "Since a time. [time]"),
    ("after", Operator::Time, "After a time. [time]"),
    ("until", Operator::Time, "Until a time. [time]"),
    ("before", Operator::Time, "Before a time. [time]"),
];

/// What joins and groups tests.
const GROUPING: &[(&str, &str)] = &[
    ("&&", "All fields must match"),
    (",", "All fields must match"),
    ("||", "At least one field must match"),
    ("#", "At least one field must match"),
    ("!", "Logical negation"),
    ("(", "Left parenthesis"),
    (")", "Right parenthesis"),
    ("[", "List start"),
    ("]", "List end"),
    ("{", "List subset start"),
    ("}", "List subset end"),
];

const AND: &[&str] = &["&&", ","];
const OR: &[&str] = &["||", "#"];
/// What ends a value that is not in quotes.
const END: &[&str] = &["&&", ",", "||", "#", ")"];

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Operator {
    Like,
    Unlike,
    Order(Order),
    Time,
}

/// What fields, operators and values there are.
pub(crate) fn help() -> String {
    let mut text = field::help(Detail::Kind);
    text.push_str("Selection operators\n-------------------\n  Comparison operators:\n");
    for (word, _, about) in OPERATORS {
        // Writing to a String does not fail.
        let _ = writeln!(text, "    {word:>6}  - {about}");
    }
    text.push_str(" \n  Logical and grouping operators:\n");
    for (word, about) in GROUPING {
        let _ = writeln!(text, "    {word:>4}  - {about}");
    }
    text.push_str(" \n");
    text
}

/// Reads a selection that is not empty.
pub(super) fn parse(
    text: &str,
    column: impl FnMut(&'static Field) -> usize,
) -> Result<Node, Failure> {
    let mut parser = Parser {
        text,
        at: 0,
        depth: 0,
        column,
    };
    let node = parser.any()?;
    parser.skip_blanks();
    match parser.rest() {
        "" => Ok(node),
        _ => Err(parser.error("&&, ||, or the end is expected")),
    }
}

/// How deep parentheses may stand in each other.
const DEPTH: usize = 100;

struct Parser<'a, C> {
    text: &'a str,
    at: usize,
    depth: usize,
    column: C,
}

impl<'a, C: FnMut(&'static Field) -> usize> Parser<'a, C> {
    fn any(&mut self) -> Result<Node, Failure> {
        let mut nodes = vec![self.all()?];
        while self.eat(OR) {
            nodes.push(self.all()?);
        }
        Ok(Node::Any(nodes))
    }

    fn all(&mut self) -> Result<Node, Failure> {
        let mut nodes = vec![self.one()?];
        while self.eat(AND) {
            nodes.push(self.one()?);
        }
        Ok(Node::All(nodes))
    }

    fn one(&mut self) -> Result<Node, Failure> {
        if self.eat(&["!"]) {
            if !self.eat(&["("]) {
                return Err(self.error("( is expected after !"));
            }
            return Ok(Node::Not(Box::new(self.group()?)));
        }
        if self.eat(&["("]) {
            return self.group();
        }
        self.test()
    }

    fn group(&mut self) -> Result<Node, Failure> {
        self.depth += 1;
        if self.depth > DEPTH {
            return Err(self.error("there are too many parentheses"));
        }
        let node = self.any()?;
        if !self.eat(&[")"]) {
            return Err(self.error(") is expected"));
        }
        self.depth -= 1;
        Ok(node)
    }

    fn test(&mut self) -> Result<Node, Failure> {
        self.skip_blanks();
        let start = self.at;
        let is_name = |letter: char| letter.is_ascii_alphanumeric() || "_-".contains(letter);
        let name = self.rest();
        let name = &name[..name.find(|letter| !is_name(letter)).unwrap_or(name.len())];
        if name.is_empty() {
            return Err(self.error("a field's name is expected"));
        }
        let known = find(name).filter(|field| !["help", "?"].contains(&field.id));
        let Some(field) = known else {
            let (reason, hint) = field::unknown_words(name);
            return Err(self.plainly(start, &reason).hint(hint));
        };
        self.at += name.len();
        self.skip_blanks();
        let operator = OPERATORS.iter().find(|row| self.rest().starts_with(row.0));
        let Some((word, operator, _)) = operator else {
            return Err(self.error("an operator is expected: =~ !~ = != >= > <= <"));
        };
        let place = self.at;
        self.at += word.len();
        self.skip_blanks();
        let wrong = |parser: &Self, what: &str| {
            let reason = format!(
                "{word} is for {what}, and {} is a {}",
                field.id,
                field.kind.word()
            );
            parser.at(place, &reason)
        };
        let is = match (operator, field.kind) {
            (Operator::Like, Kind::Text) => Is::Like(self.pattern()?),
            (Operator::Unlike, Kind::Text) => Is::Unlike(self.pattern()?),
            (Operator::Like | Operator::Unlike, _) => return Err(wrong(self, "strings")),
            (Operator::Time, _) => return Err(wrong(self, "times")),
            (Operator::Order(Order::Equal), Kind::Text) => Is::Text(self.value()?.into()),
            (Operator::Order(Order::Other), Kind::Text) => Is::OtherText(self.value()?.into()),
            (Operator::Order(_), Kind::Text) => return Err(wrong(self, "numbers")),
            (Operator::Order(order), _) => Is::Number(*order, self.number(field)?),
        };
        let column = (self.column)(field);
        Ok(Node::Test(Test { column, is }))
    }

    fn pattern(&mut self) -> Result<regex_lite::Regex, Failure> {
        let place = self.at;
        let text = match self.rest().chars().next() {
            None => return Err(self.error("a regular expression is expected")),
            Some('(') => self.quoted(')')?,
            Some('{') => self.quoted('}')?,
            Some('[') => self.quoted(']')?,
            Some(_) => self.value()?,
        };
        pattern::pattern(text).map_err(|why| {
            let reason = format!("{text:?} is no regular expression: {why}");
            self.at(place, &reason)
        })
    }

    fn value(&mut self) -> Result<&'a str, Failure> {
        if let Some(quote @ ('"' | '\'')) = self.rest().chars().next() {
            return self.quoted(quote);
        }
        let rest = self.rest();
        let ends = |at: &usize| {
            let rest = &rest[*at..];
            rest.starts_with(' ') || END.iter().any(|end| rest.trim_start().starts_with(end))
        };
        let mut places = rest.char_indices().map(|(at, _)| at);
        let value = &rest[..places.find(ends).unwrap_or(rest.len())];
        self.at += value.len();
        Ok(value)
    }

    /// What stands between the letter here and `end`.
    fn quoted(&mut self, end: char) -> Result<&'a str, Failure> {
        let inner = &self.rest()[1..];
        let Some(length) = inner.find(end) else {
            return Err(self.error(&format!("{end} is missing at the end")));
        };
        self.at += length + 2;
        Ok(&inner[..length])
    }

    fn number(&mut self, field: &Field) -> Result<f64, Failure> {
        let rest = self.rest();
        let is_digit = |letter: char| letter.is_ascii_digit() || letter == '.';
        let digits = &rest[..rest.find(|letter| !is_digit(letter)).unwrap_or(rest.len())];
        let Ok(number) = digits.parse::<f64>() else {
            return Err(self.error("a number is expected"));
        };
        let after = &rest[digits.len()..];
        let unit = after.chars().next().and_then(Factor::of);
        match (field.kind, unit) {
            (Kind::Size, unit) => {
                self.at += digits.len() + usize::from(unit.is_some());
                // As where sizes are given to LVM2.
                let unit = unit.unwrap_or(Factor::MEBI);
                Ok(unit.sectors(number))
            }
            (_, Some(_)) => {
                self.at += digits.len();
                Err(self.error(&format!("{} has no units", field.id)))
            }
            (_, None) => {
                self.at += digits.len();
                Ok(number.trunc())
            }
        }
    }

    fn eat(&mut self, words: &[&str]) -> bool {
        let rest = self.rest().trim_start();
        let Some(word) = words.iter().find(|word| rest.starts_with(**word)) else {
            return false;
        };
        self.at = self.text.len() - rest.len() + word.len();
        true
    }

    fn skip_blanks(&mut self) {
        self.at = self.text.len() - self.rest().trim_start().len();
    }

    fn rest(&self) -> &'a str {
        &self.text[self.at..]
    }

    /// What is wrong here.
    fn error(&self, reason: &str) -> Failure {
        self.at(self.at, reason)
    }

    /// What is wrong at a place, with the word there.
    fn at(&self, at: usize, reason: &str) -> Failure {
        self.plainly(at, reason).hint("-S help shows the grammar")
    }

    /// The same without a hint.
    fn plainly(&self, at: usize, reason: &str) -> Failure {
        let column = self.text[..at].chars().count() + 1;
        let place = match self.text[at..].split_whitespace().next() {
            Some(word) => format!("character {column}, at {word:?}"),
            None => "at its end".to_owned(),
        };
        Failure::usage(format!("selection, {place}: {reason}"))
    }
}
