//! How rows look: aligned columns, or cells with a separator, names or quotes.

use super::Column;
use super::cell::Cell;
use super::field::Kind;

/// What stands above the columns.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Headings {
    /// Nothing.
    None,
    /// Short words.
    #[default]
    Short,
    /// The fields' names.
    Names,
}

/// How a report looks.
#[derive(Clone, Debug)]
pub(crate) struct Layout {
    /// What stands above the columns.
    pub(crate) headings: Headings,
    /// What stands between cells.
    pub(crate) separator: String,
    /// Whether cells are as wide as their column.
    pub(crate) aligned: bool,
    /// Whether a cell has its field's name in front, as a shell variable.
    pub(crate) named: bool,
    /// Whether such a cell is in quotes.
    pub(crate) quoted: bool,
    /// Whether a field is a line, and a row a column.
    pub(crate) turned: bool,
}

impl Default for Layout {
    fn default() -> Layout {
        Layout {
            headings: Headings::Short,
            separator: " ".into(),
            aligned: true,
            named: false,
            quoted: true,
            turned: false,
        }
    }
}

impl Layout {
    /// Rows as text. Columns get as wide as they must, and stay so.
    pub(super) fn lay_out(&self, columns: &mut [Column], rows: &[Vec<Cell>]) -> String {
        if rows.is_empty() {
            return String::new();
        }
        for (at, column) in columns.iter_mut().enumerate() {
            let widest = rows.iter().map(|row| row[at].text.len()).max();
            column.width = column.width.max(widest.unwrap_or_default());
            if self.headings == Headings::Names {
                column.width = column.width.max(column.field.id.len());
            }
        }
        let shown: Vec<usize> = (0..columns.len()).filter(|at| columns[*at].shown).collect();
        let mut text = String::new();
        if self.turned {
            for at in shown {
                let heading = self.heading(&columns[at]).map(str::to_owned);
                let cells = rows.iter().map(|row| self.cell(&columns[at], &row[at]));
                let line: Vec<String> = match heading {
                    Some(heading) => [heading].into_iter().chain(cells).collect(),
                    None => cells.collect(),
                };
                text.push_str(&line.join(&self.separator));
                text.push('\n');
            }
            return text;
        }
        if self.headings != Headings::None {
            let heading = |at: &usize| {
                let column = &columns[*at];
                let heading = self.heading(column).unwrap_or_default();
                match self.aligned {
                    true => format!("{heading:<width$.width$}", width = column.width),
                    false => heading.to_owned(),
                }
            };
            let line: Vec<String> = shown.iter().map(heading).collect();
            text.push_str(&line.join(&self.separator));
            text.push('\n');
        }
        for row in rows {
            let cells = shown.iter().map(|at| self.cell(&columns[*at], &row[*at]));
            let line: Vec<String> = cells.collect();
            text.push_str(&line.join(&self.separator));
            text.push('\n');
        }
        text
    }

    fn heading(&self, column: &Column) -> Option<&'static str> {
        match self.headings {
            Headings::None => None,
            Headings::Short => Some(column.field.heading),
            Headings::Names => Some(column.field.id),
        }
    }

    fn cell(&self, column: &Column, cell: &Cell) -> String {
        let text = match (self.aligned, column.field.kind) {
            (false, _) => cell.text.clone(),
            (true, kind) => {
                // Counted in bytes, as dmsetup does.
                let gap = " ".repeat(column.width.saturating_sub(cell.text.len()));
                match kind {
                    Kind::Text => format!("{}{gap}", cell.text),
                    Kind::Number | Kind::Size => format!("{gap}{}", cell.text),
                }
            }
        };
        if !self.named {
            return text;
        }
        let name = column.field.id.to_ascii_uppercase();
        let quote = if self.quoted { "'" } else { "" };
        format!("DM_{name}={quote}{text}{quote}")
    }
}
