//! The table that a user wrote: where it comes from, and whose folder its paths are in.

use std::fs;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};

use clap::Args;
use dm_core::devid::{DevId, DevNo};
use dm_core::error::{DmError, ErrorKind};
use dm_core::names::DmName;
use dm_core::table::{EscapedWord, TableLine, Words};
use dm_core::typed::{self, Reader, Role};

use crate::failure::Failure;

/// Whether a backslash in a table is itself, as in dmsetup's, whose library writes each one twice.
/// Else it is the driver's: what is behind it is no blank, and no backslash, but part of a word.
static BACKSLASH_IS_ITSELF: AtomicBool = AtomicBool::new(false);

/// Takes tables as dmsetup does from now on, in this process.
pub(super) fn read_as_dmsetup() {
    BACKSLASH_IS_ITSELF.store(true, Ordering::Relaxed);
}

/// Where a table is read from: an argument, a file, or else stdin.
#[derive(Debug, Args)]
pub(super) struct TableSource {
    /// The table itself; lines are separated by line feeds
    #[arg(long, value_name = "TABLE", conflicts_with = "file")]
    table: Option<String>,
    /// A file with the table; without it and --table, stdin
    #[arg(value_name = "FILE")]
    file: Option<PathBuf>,
}

/// A table as the driver is to get it.
#[derive(Debug)]
pub(super) struct TableText {
    /// Its lines.
    pub(super) lines: Vec<TableLine>,
    /// The place of each line in the text, counted from 1.
    pub(super) places: Vec<usize>,
    /// What the text is called.
    pub(super) source: String,
}

impl TableSource {
    /// The file as it was typed.
    pub(super) fn file_word(&self) -> Option<String> {
        let file = self.file.as_ref()?;
        Some(file.to_string_lossy().into_owned())
    }

    /// The same with a file that may have been typed in another's place.
    pub(super) fn with_file(&self, words: &[String]) -> Result<TableSource, Failure> {
        let file = match (words, &self.file) {
            ([], _) => None,
            ([_], Some(file)) => Some(file.clone()),
            ([word], None) => Some(PathBuf::from(word)),
            _ => return Err(Failure::usage("there is more than one file")),
        };
        if file.is_some() && self.table.is_some() {
            return Err(Failure::usage("there are a file and --table"));
        }
        Ok(TableSource {
            table: self.table.clone(),
            file,
        })
    }

    /// Reads the table for `device`.
    pub(super) fn read(&self, device: &DevId) -> Result<TableText, Failure> {
        self.read_unnamed()
            .map_err(|failure| failure.about("load", Some(device.to_string())))
    }

    /// The table of an argument, or else of a file, or else of stdin.
    pub(super) fn of(table: Option<String>, file: Option<PathBuf>) -> TableSource {
        TableSource { table, file }
    }

    /// Reads the table for no device.
    pub(super) fn read_unnamed(&self) -> Result<TableText, Failure> {
        let mut table = self.read_as_it_stands()?;
        for line in &mut table.lines {
            if let Some(params) = absolute(line)? {
                line.params = params;
            }
        }
        Ok(table)
    }

    /// Reads lines, of a table or of a status, whose paths stay as they are.
    pub(super) fn read_as_it_stands(&self) -> Result<TableText, Failure> {
        let (source, bytes) = match (&self.table, &self.file) {
            (Some(text), _) => ("--table".into(), text.clone().into_bytes()),
            (None, Some(file)) => {
                let bytes = fs::read(file).map_err(|error| Failure::io("read", file, &error))?;
                (file.display().to_string(), bytes)
            }
            (None, None) => ("stdin".into(), read_stdin()?),
        };
        Ok(parse(bytes, source)?)
    }
}

/// All that stdin has, as text.
pub(super) fn stdin() -> Result<String, Failure> {
    String::from_utf8(read_stdin()?).map_err(|_| Failure::usage("stdin is not UTF-8"))
}

/// The table of a device, from a text that has more than that.
pub(super) fn parse_named(text: String, name: &DmName) -> Result<TableText, Failure> {
    let parsed = parse(text.into_bytes(), format!("{name}'s table"));
    parsed.map_err(|error| Failure::from(error).about("load", Some(name.to_string())))
}

fn read_stdin() -> Result<Vec<u8>, Failure> {
    let mut bytes = Vec::new();
    io::stdin()
        .lock()
        .read_to_end(&mut bytes)
        .map_err(|error| Failure::io("read", Path::new("stdin"), &error))?;
    Ok(bytes)
}

fn parse(bytes: Vec<u8>, source: String) -> Result<TableText, DmError> {
    let text = String::from_utf8(bytes).map_err(|error| {
        let good = &error.as_bytes()[..error.utf8_error().valid_up_to()];
        let line = good.iter().filter(|byte| **byte == b'\n').count() + 1;
        DmError::because(ErrorKind::InvalidTable, format!("line {line}: not UTF-8")).at_line(line)
    })?;
    let mut lines = TableLine::parse_table(&text)?;
    if BACKSLASH_IS_ITSELF.load(Ordering::Relaxed) {
        for line in &mut lines {
            line.params = line.params.replace('\\', r"\\");
        }
    }
    let places = text
        .lines()
        .enumerate()
        .filter(|(_, line)| !line.split('#').next().unwrap_or_default().trim().is_empty())
        .map(|(at, _)| at + 1)
        .collect();
    Ok(TableText {
        lines,
        places,
        source,
    })
}

/// A line's parameters with absolute paths; `None` if they stay as they are.
///
/// The driver runs in another folder, so that a relative path means something only here.
fn absolute(line: &TableLine) -> Result<Option<String>, DmError> {
    let Some(kind) = typed::kind(line.target.as_str()) else {
        return Ok(None);
    };
    let mut notes = Vec::new();
    // What is wrong the driver says; the words before it have been read.
    let _ = kind.params(Reader::new(&line.params).noting(&mut notes));
    let device_at = |at: usize| match notes.get(at)?.role {
        Role::Device => Some(0),
        Role::DeviceIn { at } => Some(at),
        _ => None,
    };
    let mut rest = Words::new(&line.params);
    let mut words = Vec::new();
    let mut changed = false;
    while let Ok(word) = rest.next("word") {
        let parts = device_at(words.len()).and_then(|at| word.text.split_at_checked(at));
        if let Some((option, device)) = parts.filter(|(_, device)| is_relative(device)) {
            let whole = std::path::absolute(device)
                .ok()
                .and_then(|path| path.into_os_string().into_string().ok());
            let Some(whole) = whole else {
                let reason = format!("the path of {:?} is not UTF-8", word.text);
                return Err(DmError::because(ErrorKind::InvalidTable, reason));
            };
            words.push(EscapedWord(&format!("{option}{whole}")).to_string());
            changed = true;
        } else {
            words.push(EscapedWord(&word.text).to_string());
        }
    }
    Ok(changed.then(|| words.join(" ")))
}

/// Whether a DEV word is a path from the current folder on: not a number, a URI or an absolute
/// path.
fn is_relative(word: &str) -> bool {
    let uri = ["nbd://", "nbds://", "nbd+unix://", "nbds+unix://"];
    !(word.is_empty()
        || word.starts_with('/')
        || word.parse::<DevNo>().is_ok()
        || uri.iter().any(|scheme| word.starts_with(scheme)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(line: &str) -> String {
        let source = TableSource::of(Some(line.into()), None);
        source.read_unnamed().unwrap().lines[0].to_string()
    }

    fn here(name: &str) -> String {
        let path = std::env::current_dir().unwrap().join(name);
        EscapedWord(path.to_str().unwrap()).to_string()
    }

    #[test]
    fn relative_devices_become_absolute() {
        assert_eq!(
            shown("0 8 linear disk.img 384"),
            format!("0 8 linear {} 384", here("disk.img"))
        );
        assert_eq!(
            shown(r"0 8 striped 2 8 a\ b 0 sub/c 8"),
            format!("0 8 striped 2 8 {} 0 {} 8", here("a b"), here("sub/c"))
        );
        assert_eq!(
            shown("0 8 crypt aes-xts-plain64 00ff 0 disk.img 0"),
            format!("0 8 crypt aes-xts-plain64 00ff 0 {} 0", here("disk.img"))
        );
        assert_eq!(
            shown("0 8 integrity disk.img 0 4 J 2 meta_device:tags recalculate"),
            format!(
                "0 8 integrity {} 0 4 J 2 meta_device:{} recalculate",
                here("disk.img"),
                here("tags")
            )
        );
    }

    #[test]
    fn numbers_uris_and_absolute_paths_stay() {
        for line in [
            "0 8 linear 253:0  384",
            "0 8 linear /dev/sda 384",
            "0 8 linear nbd://host/export 0",
            "0 8 linear nbd+unix:///vol0?socket=/run/nbd 0",
            "0 8 other disk.img 0",
            "0 8 crypt aes 00 0 8:0 0",
            "0 8 linear",
            "0 8 zero",
        ] {
            assert_eq!(shown(line), line);
        }
    }

    #[test]
    fn places_count_comments_and_blank_lines() {
        let table = parse(
            "# head\n\n0 8 zero\n8 8 error # tail\n".into(),
            "test".into(),
        )
        .unwrap();
        assert_eq!(table.places, [3, 4]);
    }

    #[test]
    fn bytes_that_are_no_text_name_the_line() {
        let error = parse(b"0 8 zero\n\xff".to_vec(), "test".into()).unwrap_err();
        assert_eq!(error.report(), "line 2: not UTF-8");
        assert_eq!(error.context.line, Some(2));
    }
}
