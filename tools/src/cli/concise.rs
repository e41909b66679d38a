//! Devices in one line: `NAME,UUID,MINOR,FLAGS,TABLE[,TABLE…][;…]`, with `\` before a comma, a
//! semicolon or a backslash that is meant itself.
//!
//! # Source
//! `Documentation/admin-guide/device-mapper/dm-init.rst`: the kernel takes the same as
//! `dm-mod.create=`.

use std::fmt::Write;

use dm_core::command::DeviceInfo;
use dm_core::flags::DeviceFlags;
use dm_core::table::TableLine;

use crate::failure::Failure;

/// A device of such a line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Entry {
    /// Its name.
    pub(super) name: String,
    /// Its uuid, if it has one.
    pub(super) uuid: Option<String>,
    /// Its minor number, unless the driver is to choose.
    pub(super) minor: Option<u32>,
    /// Whether writes are refused.
    pub(super) read_only: bool,
    /// Its table, a line each.
    pub(super) table: String,
}

/// What the kernel calls it.
const ARGUMENT: &str = "dm-mod.create=";

/// How many fields an entry has.
const FIELDS: usize = 5;

/// Reads the devices. The kernel's argument, also in quotes, is taken as it stands.
pub(super) fn parse(text: &str) -> Result<Vec<Entry>, Failure> {
    let text = text.trim();
    let text = match text.strip_prefix(ARGUMENT) {
        Some(text) => text.trim_matches('"'),
        None => text,
    };
    let mut entries = Vec::new();
    let mut fields = vec![String::new()];
    let mut letters = text.chars().peekable();
    let mut at_start = true;
    while let Some(letter) = letters.next() {
        let field = fields.len();
        match letter {
            '\\' => {
                let Some(meant) = letters.next() else {
                    return Err(wrong(&fields, "a backslash at the end stands for nothing"));
                };
                fields[field - 1].push(meant);
                at_start = false;
            }
            ',' if field < FIELDS => {
                fields.push(String::new());
                at_start = true;
            }
            ',' => fields[field - 1].push('\n'),
            ';' => {
                entries.push(entry(std::mem::replace(&mut fields, vec![String::new()]))?);
                at_start = true;
            }
            blank if at_start && blank.is_whitespace() => {}
            letter => {
                fields[field - 1].push(letter);
                at_start = false;
            }
        }
    }
    if fields != [""] {
        entries.push(entry(fields)?);
    }
    match entries.is_empty() {
        true => Err(Failure::usage("no device is described")),
        false => Ok(entries),
    }
}

fn entry(fields: Vec<String>) -> Result<Entry, Failure> {
    let fields: [String; FIELDS] = fields.try_into().map_err(|fields: Vec<String>| {
        wrong(
            &fields,
            "a device has five fields: name, uuid, minor, flags, table",
        )
    })?;
    let [name, uuid, minor, flags, table] = &fields;
    let minor = match minor.as_str() {
        "" => None,
        text => Some(
            text.parse()
                .map_err(|_| wrong(&fields, &format!("{text:?} is no minor number")))?,
        ),
    };
    let read_only = match flags.as_str() {
        "" | "rw" => false,
        "ro" => true,
        other => {
            return Err(wrong(
                &fields,
                &format!("the flags {other:?} are not ro or rw"),
            ));
        }
    };
    Ok(Entry {
        name: name.clone(),
        uuid: (!uuid.is_empty()).then(|| uuid.clone()),
        minor,
        read_only,
        table: table.clone(),
    })
}

fn wrong(fields: &[String], reason: &str) -> Failure {
    let name = fields.first().map_or("", String::as_str);
    // Not the table, which may have keys.
    Failure::usage(format!("device {name:?}, field {}: {reason}", fields.len()))
}

/// A device as an entry.
pub(super) fn write(text: &mut String, info: &DeviceInfo, lines: &[TableLine]) {
    quoted(text, info.name.as_str());
    text.push(',');
    quoted(text, info.uuid.as_ref().map_or("", |uuid| uuid.as_str()));
    let read_only = info.flags.contains(DeviceFlags::READ_ONLY);
    let flags = if read_only { "ro" } else { "rw" };
    // Writing to a String does not fail.
    let _ = write!(text, ",{},{flags}", info.number.minor);
    for line in lines {
        let TableLine {
            start,
            length,
            target,
            params,
        } = line;
        let _ = write!(text, ",{start} {length} {target} ");
        quoted(text, params);
    }
}

fn quoted(text: &mut String, field: &str) {
    for letter in field.chars() {
        if ",;\\".contains(letter) {
            text.push('\\');
        }
        text.push(letter);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn devices_are_read() {
        let entries = parse("one,,,,0 8 zero; two,UUID,7,ro,0 8 zero,8 8 error;").unwrap();
        assert_eq!(entries.len(), 2);
        assert_eq!(entries[0].table, "0 8 zero");
        assert_eq!(
            entries[1],
            Entry {
                name: "two".into(),
                uuid: Some("UUID".into()),
                minor: Some(7),
                read_only: true,
                table: "0 8 zero\n8 8 error".into(),
            }
        );
        assert_eq!(parse(r"a\,b\;c\\,,,,0 8 zero").unwrap()[0].name, r"a,b;c\");
    }

    #[test]
    fn kernels_argument_is_taken_as_it_stands() {
        let argument =
            "dm-mod.create=\"lroot,,,rw, 0 4096 linear 98:16 0, 4096 4096 linear 98:32 0\"";
        let entries = parse(argument).unwrap();
        assert_eq!(entries[0].name, "lroot");
        assert_eq!(entries[0].table.lines().count(), 2);
    }

    #[test]
    fn wrong_entry_is_named_without_its_table() {
        for (text, says) in [
            ("", "no device is described"),
            ("one", "device \"one\", field 1: a device has five fields"),
            ("one,,x,,0 8 zero", "\"x\" is no minor number"),
            ("one,,,wo,0 8 zero", "the flags \"wo\" are not ro or rw"),
            ("one,,,,0 8 crypt a 0011 \\", "a backslash at the end"),
        ] {
            let said = parse(text).unwrap_err().lines("dmctl").join("\n");
            assert!(said.contains(says), "{text}: {said}");
            assert!(!said.contains("0011"), "{said}");
        }
    }
}
