//! Tables that the driver can be given.
//!
//! It checks no order, gap or overlap, and reads words that are not there. What is refused here either crashes that
//! kernel, or makes a table that is not the one that was meant (quirks 7, 9, 14 to 16 and 20).

use std::fmt::Write as _;

use dm_core::table::{ParamError, Reason, TableError, TableLine, Word, Words};
use dm_core::units::{Sector, SectorCount};

/// The most stripes of a striped line: the driver's words are in an array of 10.
pub const STRIPES_MAX: u32 = 4;

/// The most bytes of a device's path. The driver opens a longer one too, but shows only so much of it in the table.
pub const PATH_MAX: usize = 31;

/// The lines with their parameters as the driver reads them: one blank between words, and no backslash before anything.
///
/// Targets that are not known here have theirs as they are.
pub(super) fn table(lines: &[TableLine]) -> Result<Vec<TableLine>, TableError> {
    if lines.is_empty() {
        return Err(TableError::whole(Reason::NoLines));
    }
    let mut end = Sector::ZERO;
    let line = |(at, line): (usize, &TableLine)| {
        let checked = line.range_after(end).map_err(ParamError::from);
        let params = checked.and_then(|range| {
            end = range.end();
            params(line)
        });
        let params = params.map_err(|error| TableError::at(at + 1, line, error))?;
        let target = line.target.clone();
        Ok(TableLine {
            target,
            params,
            ..*line
        })
    };
    lines.iter().enumerate().map(line).collect()
}

fn params(line: &TableLine) -> Result<String, ParamError> {
    if line.params.contains('\0') {
        // The driver would get no string at all, and read one.
        return Err(Reason::Other("the parameters have a NUL".into()).into());
    }
    let mut words = Words::new(&line.params);
    let written = match line.target.as_str() {
        "linear" => leg(&mut words)?,
        "striped" => striped(&mut words, line.length)?,
        "zero" => String::new(),
        _ => return Ok(line.params.clone()),
    };
    words.end()?;
    Ok(written)
}

fn striped(words: &mut Words<'_>, length: SectorCount) -> Result<String, ParamError> {
    let word = words.next("number of stripes")?;
    let count = word.positive("number of stripes")?;
    if count > STRIPES_MAX {
        return Err(word.error(Reason::TooLarge {
            what: "number of stripes",
            limit: STRIPES_MAX.into(),
        }));
    }
    let chunk_word = words.next("chunk size")?;
    let chunk = chunk_word.sectors("chunk size")?;
    let row = chunk.0 * u64::from(count);
    if !length.0.is_multiple_of(row) {
        return Err(chunk_word.error(Reason::NotDivisible {
            what: "the length",
            length,
            by: "the chunks of all stripes",
            divisor: row,
        }));
    }
    let mut written = format!("{count} {chunk}");
    for _ in 0..count {
        // Writing to a string can not fail.
        let _ = write!(written, " {}", leg(words)?);
    }
    Ok(written)
}

/// A device and where it starts there.
fn leg(words: &mut Words<'_>) -> Result<String, ParamError> {
    let device = words.next("device")?;
    let start = words.next("start sector on the device")?;
    let start = start.sector("start sector on the device")?;
    Ok(format!("{} {start}", path(&device)?))
}

/// The path that a word is. The driver knows neither numbers nor a way to write a blank.
fn path<'a>(word: &'a Word<'_>) -> Result<&'a str, ParamError> {
    let path = word.text.as_ref();
    let wrong = |reason: &str| Err(word.error(Reason::Other(reason.into())));
    if !path.starts_with('/') {
        return wrong("the driver takes a block device's path, from / on, and nothing else");
    }
    if path.contains([' ', '\t']) {
        return wrong("the driver takes no path with blanks");
    }
    if path.len() > PATH_MAX {
        let found = path.len();
        return Err(word.error(Reason::Other(format!(
            "the path has {found} bytes, of which the driver would show {PATH_MAX}: use a shorter one, or a link"
        ))));
    }
    Ok(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn checked(text: &str) -> Result<Vec<String>, String> {
        let lines = TableLine::parse_table(text).unwrap();
        let lines = table(&lines).map_err(|error| error.to_string())?;
        Ok(lines.iter().map(TableLine::to_string).collect())
    }

    fn refused(text: &str, reason: &str) {
        assert_eq!(checked(text), Err(reason.into()), "{text}");
    }

    #[test]
    fn good_lines_pass_with_one_blank_between_words() {
        for text in [
            "0 8 linear /dev/wd0a 5",
            "0 128 striped 2 16 /dev/wd0a 0 /dev/wd1a 64",
            "0 8 zero",
            "0 8 error",
            "0 8 delay anything goes",
        ] {
            assert_eq!(checked(text), Ok(vec![text.into()]));
        }
        let tabs = checked("0 8 linear /dev/wd0a\t  5").unwrap();
        assert_eq!(tabs, ["0 8 linear /dev/wd0a 5"]);
        // Our grammar's backslash is not the driver's.
        let escaped = checked(r"0 8 linear /dev/a\\b 5").unwrap();
        assert_eq!(escaped, [r"0 8 linear /dev/a\b 5"]);
    }

    /// Quirk 7: the kernel crashes.
    #[test]
    fn what_crashes_the_kernel_is_refused() {
        refused("", "the table has no lines");
        refused("0 8 linear", "line 1: linear: the device is missing");
        refused(
            "0 8 zero\n8 8 linear /dev/wd0a",
            "line 2: linear: the start sector on the device is missing",
        );
        let five = " /dev/wd0a 0".repeat(5);
        refused(
            &format!("0 80 striped 5 16{five}"),
            "line 1: striped: word 1 \"5\": the number of stripes is more than 4",
        );
        refused(
            "0 32 striped 2 16 /dev/wd0a 0",
            "line 1: striped: the device is missing",
        );
        refused(
            "0 8 striped",
            "line 1: striped: the number of stripes is missing",
        );
        let nul = TableLine {
            params: "a\0b".into(),
            .."0 8 delay a".parse::<TableLine>().unwrap()
        };
        let error = table(&[nul]).unwrap_err().to_string();
        assert_eq!(error, "line 1: delay: the parameters have a NUL");
    }

    /// Quirk 15: the kernel divides by zero at the first request, and takes the count modulo 256.
    #[test]
    fn chunk_zero_and_no_stripes_are_refused() {
        refused(
            "0 8 striped 1 0 /dev/wd0a 0",
            "line 1: striped: word 2 \"0\": the chunk size is zero",
        );
        refused(
            "0 8 striped 0 8",
            "line 1: striped: word 1 \"0\": the number of stripes is zero",
        );
        refused(
            "0 8 striped 257 8 /dev/wd0a 0",
            "line 1: striped: word 1 \"257\": the number of stripes is more than 4",
        );
        refused(
            "0 8 striped 2 8 /dev/wd0a 0 /dev/wd1a 0",
            "line 1: striped: word 2 \"8\": the length of 8 sectors is not divisible by the chunks of all stripes, 16",
        );
    }

    /// Quirks 14 and 19: requests go to both lines, or the last sectors are out of reach.
    #[test]
    fn gap_overlap_and_a_start_behind_zero_are_refused() {
        refused(
            "8 8 zero",
            "line 1: zero: starts at sector 8, but the table must start at 0",
        );
        refused(
            "0 8 zero\n9 8 zero",
            "line 2: zero: starts at sector 9, which leaves a gap after sector 8",
        );
        refused(
            "0 8 zero\n7 8 zero",
            "line 2: zero: starts at sector 7, within the line before, which ends at 8",
        );
        refused("0 0 zero", "line 1: zero: the length is zero");
        refused(
            "0 8 zero\n8 18446744073709551615 zero",
            "line 2: zero: the end of 18446744073709551615 sectors from 8 overflows",
        );
    }

    /// The kernel reads leading digits, or 0, and ignores further words.
    #[test]
    fn words_that_the_kernel_reads_otherwise_are_refused() {
        refused(
            "0 8 linear /dev/wd0a 0x10",
            "line 1: linear: word 2 \"0x10\": the start sector on the device is not a decimal number",
        );
        refused(
            "0 8 linear /dev/wd0a 1 2",
            "line 1: linear: word 3 \"2\": is one word too many",
        );
        refused(
            "0 8 zero 1",
            "line 1: zero: word 1 \"1\": is one word too many",
        );
    }

    /// Quirk 20 for the long one.
    #[test]
    fn paths_that_the_kernel_takes_otherwise_are_refused() {
        for word in ["wd0a", "14:0"] {
            refused(
                &format!("0 8 linear {word} 0"),
                &format!(
                    "line 1: linear: word 1 {word:?}: the driver takes a block device's path, from / on, and nothing else"
                ),
            );
        }
        refused(
            r"0 8 linear /dev/my\ disk 0",
            "line 1: linear: word 1 \"/dev/my disk\": the driver takes no path with blanks",
        );
        let path = format!("/dev/{}", "d".repeat(26));
        assert!(checked(&format!("0 8 linear {path} 0")).is_ok());
        let error = checked(&format!("0 8 linear {path}d 0")).unwrap_err();
        assert!(
            error.contains("the path has 32 bytes, of which the driver would show 31"),
            "{error}"
        );
    }
}
