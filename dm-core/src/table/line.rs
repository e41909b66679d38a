//! Lines of a table as text.

use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::fmt;
use core::str::FromStr;

use crate::names::TargetName;
use crate::units::{Sector, SectorCount, SectorRange};

use super::error::{ParamError, Reason, TableError};

/// The most lines that a table may have.
///
/// # Source
/// `DM_MAX_TARGETS` in `drivers/md/dm-core.h`.
pub const LINES_MAX: usize = 1_048_576;

/// One line of a table: `START LENGTH TARGET PARAMS`.
///
/// `FromStr` and `Display` are inverse. The parameters are only split into words when a table is
/// built.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct TableLine {
    /// The first sector of the mapped device that the line maps.
    pub start: Sector,
    /// How many it maps.
    pub length: SectorCount,
    /// How.
    pub target: TargetName,
    /// The target's parameters, trimmed.
    pub params: String,
}

impl TableLine {
    /// Reads the lines of a table: blank lines, and all from a `#` on, do not count.
    ///
    /// # Errors
    /// [`TableError`] with the number of the wrong line in `text`.
    ///
    /// # Source
    /// `_parse_line` in LVM2's `dmsetup.c`.
    pub fn parse_table(text: &str) -> Result<Vec<TableLine>, TableError> {
        let mut lines = Vec::new();
        for (at, line) in text.lines().enumerate() {
            let meant = line.split('#').next().unwrap_or_default().trim();
            if meant.is_empty() {
                continue;
            }
            if lines.len() == LINES_MAX {
                return Err(TableError::whole(Reason::TooManyLines { limit: LINES_MAX }));
            }
            lines.push(meant.parse().map_err(|error| TableError {
                line: at + 1,
                ..error
            })?);
        }
        Ok(lines)
    }

    /// The sectors that it maps, in a table whose lines before it end at `end`.
    ///
    /// # Errors
    /// If it maps none, does not start at `end`, or ends past the last sector that there can be.
    pub fn range_after(&self, end: Sector) -> Result<SectorRange, Reason> {
        let (start, length) = (self.start, self.length);
        if length.is_zero() {
            return Err(Reason::Zero { what: "length" });
        }
        if start != end {
            return Err(match (end, start) {
                (Sector::ZERO, found) => Reason::NotAtZero { found },
                (expected, found) if expected < found => Reason::Gap { expected, found },
                (expected, found) => Reason::Overlap { expected, found },
            });
        }
        SectorRange::new(start, length).ok_or(Reason::Overflow { start, length })
    }
}

impl FromStr for TableLine {
    type Err = TableError;

    fn from_str(text: &str) -> Result<TableLine, TableError> {
        let mut rest = text.trim();
        let mut word = || {
            let end = rest.find(char::is_whitespace).unwrap_or(rest.len());
            let (word, tail) = rest.split_at(end);
            rest = tail.trim_start();
            word
        };
        let (start, length, target) = (word(), word(), word());
        let wrong = |error: ParamError| TableError {
            line: 1,
            target: None,
            error,
        };
        let start = number("start sector", start).map_err(wrong)?;
        let length = number("length", length).map_err(wrong)?;
        if target.is_empty() {
            return Err(wrong(Reason::MissingWord { what: "target" }.into()));
        }
        let target = TargetName::new(target).map_err(|error| TableError {
            line: 1,
            target: Some(target.into()),
            error: Reason::Name(error).into(),
        })?;
        Ok(TableLine {
            start: Sector(start),
            length: SectorCount(length),
            target,
            params: rest.to_string(),
        })
    }
}

/// A number before the target's name. These are no parameters: the message shows the word alone.
fn number(what: &'static str, word: &str) -> Result<u64, ParamError> {
    if word.is_empty() {
        return Err(Reason::MissingWord { what }.into());
    }
    let reason = match word.bytes().all(|b| b.is_ascii_digit()) {
        false => Reason::Other(alloc::format!(
            "{word:?}: the {what} is not a decimal number"
        )),
        true => match word.parse() {
            Ok(number) => return Ok(number),
            Err(_) => Reason::Other(alloc::format!(
                "{word:?}: the {what} is more than {}",
                u64::MAX
            )),
        },
    };
    Err(reason.into())
}

impl fmt::Display for TableLine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} {}", self.start, self.length, self.target)?;
        match self.params.is_empty() {
            true => Ok(()),
            false => write!(f, " {}", self.params),
        }
    }
}

/// Without the parameters, which may hold a key.
impl fmt::Debug for TableLine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} {} …", self.start, self.length, self.target)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn line_reads_back() {
        for text in [
            "0 10240 linear /dev/sda 384",
            "5 1 zero",
            r"0 8 linear my\ disk 0",
        ] {
            assert_eq!(text.parse::<TableLine>().unwrap().to_string(), text);
        }
    }

    #[test]
    fn table_skips_blank_lines_and_comments() {
        let text = "# a comment\n\n  0 8 zero   # the rest\n\t8 8 error\n";
        let lines = TableLine::parse_table(text).unwrap();
        assert_eq!(lines.len(), 2);
        assert_eq!(lines[0].to_string(), "0 8 zero");
    }

    #[test]
    fn wrong_line_is_named_by_its_place_in_the_file() {
        let shown = |text: &str| TableLine::parse_table(text).unwrap_err().to_string();
        assert_eq!(
            shown("\n0 8 zero\n8 x zero"),
            "line 3: \"x\": the length is not a decimal number"
        );
        assert_eq!(shown("0"), "line 1: the length is missing");
        assert_eq!(shown("0 8"), "line 1: the target is missing");
        assert_eq!(
            shown("99999999999999999999 8 zero"),
            "line 1: \"99999999999999999999\": the start sector is more than 18446744073709551615"
        );
        assert_eq!(
            shown("0 8 averyveryverylong"),
            "line 1: averyveryverylong: the target name has 17 bytes, at most 15 are allowed"
        );
    }
}
