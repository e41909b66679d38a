//! A field of reports, and how one is named.

use std::fmt::Write;

use crate::failure::Failure;
use crate::nearest::nearest;

use super::cell::Cell;
use super::fields::FIELDS;
use super::object::Object;

/// A field that any report can have.
#[derive(Debug)]
pub(crate) struct Field {
    /// What it is part of.
    pub(crate) group: Group,
    /// How it is compared, and at which side of its column it stands.
    pub(crate) kind: Kind,
    /// Its column's heading.
    pub(crate) heading: &'static str,
    /// Its column's least width.
    pub(crate) width: usize,
    /// Its name.
    pub(crate) id: &'static str,
    /// What it says.
    pub(crate) about: &'static str,
    /// Reads it.
    pub(crate) read: fn(&Object<'_>) -> Result<Cell, Failure>,
}

/// How a field is compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// As text.
    Text,
    /// As a number.
    Number,
    /// As a size, with units.
    Size,
}

/// What a field is part of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Group {
    /// Names.
    Name,
    /// A device's state.
    Info,
    /// What its table stands on.
    Deps,
    /// What stands on it.
    Tree,
    /// The parts of an LVM name.
    Split,
    /// Counters of an area.
    Stats,
    /// The area itself.
    Region,
    /// The report's own.
    Special,
}

bitflags::bitflags! {
    /// Several groups.
    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
    pub(crate) struct Groups: u32 {
        const NAME = 1 << Group::Name as u32;
        const INFO = 1 << Group::Info as u32;
        const DEPS = 1 << Group::Deps as u32;
        const TREE = 1 << Group::Tree as u32;
        const SPLIT = 1 << Group::Split as u32;
        const STATS = 1 << Group::Stats as u32;
        const REGION = 1 << Group::Region as u32;
        const SPECIAL = 1 << Group::Special as u32;
    }
}

/// The field that says whether its row is selected.
pub(super) const SELECTED: &str = "selected";

/// The groups, with what their fields are together called in a list of fields, and their titles.
const GROUPS: &[(Group, &str, &str)] = &[
    (Group::Name, "name", "Mapped Device Name"),
    (Group::Info, "info", "Mapped Device Information"),
    (
        Group::Deps,
        "deps",
        "Mapped Device Relationship Information",
    ),
    (
        Group::Tree,
        "tree",
        "Mapped Device Relationship Information",
    ),
    (Group::Split, "splitname", "Mapped Device Name Components"),
    (Group::Stats, "stats", "Mapped Device Statistics"),
    (
        Group::Region,
        "region",
        "Mapped Device Statistics Region Information",
    ),
    (Group::Special, "special", "Special"),
];

impl Group {
    /// Itself alone.
    pub(crate) fn bit(self) -> Groups {
        Groups::from_bits_truncate(1 << self as u32)
    }
}

impl Kind {
    /// As help calls it.
    pub(super) fn word(self) -> &'static str {
        match self {
            Kind::Text => "string",
            Kind::Number => "number",
            Kind::Size => "size",
        }
    }
}

/// A name as it is compared: without underscores and capitals.
fn canonical(name: &str) -> String {
    let letters = name.chars().filter(|letter| *letter != '_');
    letters.map(|letter| letter.to_ascii_lowercase()).collect()
}

/// The field with that name.
pub(super) fn find(name: &str) -> Option<&'static Field> {
    let name = canonical(name);
    FIELDS.iter().find(|field| canonical(field.id) == name)
}

/// The groups that `GROUP_all` means; none of them for `all`, which depends on the report.
pub(super) fn all_of(word: &str) -> Option<Groups> {
    let word = canonical(word);
    if word == "all" {
        return Some(Groups::empty());
    }
    let of = word.strip_suffix("all")?;
    let group = GROUPS.iter().find(|(_, prefix, _)| *prefix == of)?;
    Some(group.0.bit())
}

/// That there is no such field.
pub(super) fn unknown(name: &str) -> Failure {
    let (reason, hint) = unknown_words(name);
    Failure::usage(reason).hint(hint)
}

/// The same in words: the reason, and what may help.
pub(super) fn unknown_words(name: &str) -> (String, String) {
    let reason = format!("there is no field {name:?}");
    let names = FIELDS.iter().map(|field| field.id);
    let hint = match nearest(name, names) {
        Some(near) => format!("there is {near}; -o help lists all fields"),
        None => "-o help lists all fields".to_owned(),
    };
    (reason, hint)
}

/// How much of a field help says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Detail {
    /// What it says.
    About,
    /// And how it is compared.
    Kind,
}

/// The list of fields.
pub(crate) fn help(detail: Detail) -> String {
    let mut text = String::new();
    let mut last = "";
    let width = FIELDS.iter().map(|field| field.id.len()).max();
    let width = width.unwrap_or_default();
    for field in FIELDS {
        let Some((group, prefix, title)) = GROUPS.iter().find(|it| it.0 == field.group) else {
            continue;
        };
        if *title != last {
            let line = "-".repeat(title.len() + 7);
            let gap = if last.is_empty() { "" } else { " \n" };
            // Writing to a String does not fail.
            let _ = writeln!(text, "{gap}{title} Fields\n{line}");
            if detail == Detail::About && *group != Group::Special {
                let all = format!("{prefix}_all");
                let _ = writeln!(text, "  {all:<width$} - All fields in this section.");
            }
            last = title;
        }
        let _ = write!(text, "  {:<width$} - {}", field.id, field.about);
        let _ = match (detail, field.id) {
            (Detail::About, _) => writeln!(text),
            (Detail::Kind, "help" | "?") => {
                writeln!(text, " [unselectable {}]", field.kind.word())
            }
            (Detail::Kind, _) => writeln!(text, " [{}]", field.kind.word()),
        };
    }
    text.push_str(" \n");
    text
}
