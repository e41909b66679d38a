//! Reports: rows of fields, chosen, selected, sorted and laid out as dmsetup does.
//!
//! # Shape
//! - `fields`: every field, in one table; `field` finds them.
//! - `object`: what a row is made of; `cell`: a field of a row.
//! - `select`: which rows are wanted.
//! - `layout`: how they look.
//! - [`Report`]: all of it together.
//!
//! # Source
//! dmsetup(8) and dmsetup's output, with which the guest's checks `beside_dmsetup_*` compare this.

mod cell;
mod field;
mod fields;
mod layout;
mod object;
mod select;

use crate::failure::Failure;

pub(crate) use cell::Cell;
pub(crate) use field::{Detail, Field, Groups, help};
pub(crate) use layout::{Headings, Layout};
pub(crate) use object::{LvmName, Object};
pub(crate) use select::{Selection, help as selection_help};

use field::{all_of, find, unknown};

/// What a report shows, as the command line says it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Wanted<'a> {
    /// The fields, with commas between; `+` in front adds them to the usual ones.
    pub(crate) fields: Option<&'a str>,
    /// The usual ones.
    pub(crate) usual: &'a str,
    /// The groups that `all` means; none for every group.
    pub(crate) groups: Groups,
    /// The fields to sort by.
    pub(crate) sort: Option<&'a str>,
    /// Which rows are wanted.
    pub(crate) selection: Option<&'a str>,
}

/// A report: its columns, and its rows so far.
#[derive(Debug)]
pub(crate) struct Report {
    columns: Vec<Column>,
    sort: Vec<SortKey>,
    selection: Selection,
    layout: Layout,
    rows: Vec<Vec<Cell>>,
}

/// A field of a report.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Column {
    /// The field.
    pub(crate) field: &'static Field,
    /// Whether it is shown; else rows are sorted or selected by it only.
    pub(crate) shown: bool,
    /// How wide it is.
    width: usize,
}

#[derive(Clone, Copy, Debug)]
struct SortKey {
    column: usize,
    descending: bool,
}

impl Report {
    /// A report without rows; `None` if what is wanted is the list of fields.
    pub(crate) fn new(wanted: &Wanted<'_>, layout: Layout) -> Result<Option<Report>, Failure> {
        let text = match wanted.fields {
            None => wanted.usual.to_owned(),
            Some(fields) => match fields.strip_prefix('+') {
                None => fields.to_owned(),
                Some(more) => format!("{},{more}", wanted.usual),
            },
        };
        let words = || text.split(',');
        if words().any(|word| word.eq_ignore_ascii_case("help") || word == "?") {
            return Ok(None);
        }
        // `all` means the groups of the other fields, too.
        let mut groups = wanted.groups;
        for word in words() {
            match find(word) {
                Some(field) => groups |= field.group.bit(),
                None => groups |= all_of(word).ok_or_else(|| unknown(word))?,
            }
        }
        let mut report = Report {
            columns: Vec::new(),
            sort: Vec::new(),
            selection: Selection::all(),
            layout,
            rows: Vec::new(),
        };
        for word in words() {
            match find(word) {
                Some(field) => report.show(field),
                None => {
                    let mut all = all_of(word).unwrap_or_default();
                    if all.is_empty() {
                        all = if groups.is_empty() {
                            Groups::all()
                        } else {
                            groups
                        };
                    }
                    fields::FIELDS
                        .iter()
                        .filter(|field| all.contains(field.group.bit()))
                        .for_each(|field| report.show(field));
                }
            }
        }
        report.sort_by(wanted.sort.unwrap_or_default())?;
        if let Some(text) = wanted.selection {
            let Some(selection) = Selection::read(text, |field| report.column_of(field))? else {
                return Ok(None);
            };
            report.selection = selection;
        }
        Ok(Some(report))
    }

    /// Which parts of objects its fields are of.
    pub(crate) fn groups(&self) -> Groups {
        let bits = self.columns.iter().map(|column| column.field.group.bit());
        bits.fold(Groups::empty(), |all, one| all | one)
    }

    /// Adds an object as a row, if it is selected.
    pub(crate) fn add(&mut self, object: &Object<'_>) -> Result<Added, Failure> {
        let mut row = Vec::with_capacity(self.columns.len());
        for column in &self.columns {
            row.push((column.field.read)(object)?);
        }
        let selected = self.selection.takes(&row);
        let tells = |column: &Column| column.field.id == field::SELECTED;
        for (cell, column) in row.iter_mut().zip(&self.columns) {
            if tells(column) {
                *cell = Cell::number(u64::from(selected));
            }
        }
        if selected
            || self
                .columns
                .iter()
                .any(|column| tells(column) && column.shown)
        {
            self.rows.push(row);
        }
        Ok(match selected {
            true => Added::Selected,
            false => Added::Rejected,
        })
    }

    /// The rows, sorted, as text; then there are none.
    pub(crate) fn take(&mut self) -> String {
        self.sort_rows();
        let rows = std::mem::take(&mut self.rows);
        self.layout.lay_out(&mut self.columns, &rows)
    }

    /// The rows, sorted, as one JSON object each; then there are none.
    pub(crate) fn take_json(&mut self) -> serde_json::Value {
        self.sort_rows();
        let rows = std::mem::take(&mut self.rows);
        let shown = |row: Vec<Cell>| -> serde_json::Value {
            let cells = self.columns.iter().zip(row);
            let cells = cells.filter(|(column, _)| column.shown);
            let fields = cells.map(|(column, cell)| (column.field.id.to_owned(), cell.json()));
            serde_json::Value::Object(fields.collect())
        };
        rows.into_iter().map(shown).collect()
    }

    fn sort_rows(&mut self) {
        let sort = &self.sort;
        self.rows.sort_by(|one, other| {
            let compare = |key: &SortKey| {
                let order = one[key.column].cmp(&other[key.column]);
                if key.descending {
                    order.reverse()
                } else {
                    order
                }
            };
            let orders = sort.iter().map(compare);
            orders.fold(std::cmp::Ordering::Equal, std::cmp::Ordering::then)
        });
    }

    fn show(&mut self, field: &'static Field) {
        self.columns.push(Column::new(field, true));
    }

    /// The column of a field, which is a hidden one if it is not shown.
    fn column_of(&mut self, field: &'static Field) -> usize {
        let same = |column: &Column| column.field.id == field.id;
        self.columns.iter().position(same).unwrap_or_else(|| {
            self.columns.push(Column::new(field, false));
            self.columns.len() - 1
        })
    }

    fn sort_by(&mut self, keys: &str) -> Result<(), Failure> {
        for word in keys.split(',').filter(|word| !word.is_empty()) {
            let (descending, name) = match word.as_bytes()[0] {
                b'-' => (true, &word[1..]),
                b'+' => (false, &word[1..]),
                _ => (false, word),
            };
            let field = find(name).ok_or_else(|| unknown(name))?;
            let column = self.column_of(field);
            if self.sort.iter().all(|key| key.column != column) {
                self.sort.push(SortKey { column, descending });
            }
        }
        Ok(())
    }
}

/// What became of an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Added {
    /// It passes the selection.
    Selected,
    /// It does not.
    Rejected,
}

impl Column {
    fn new(field: &'static Field, shown: bool) -> Column {
        Column {
            field,
            shown,
            width: field.width,
        }
    }
}

#[cfg(test)]
mod tests;
