//! The journal: a property list of the daemon's devices, whole or not at all.
//!
//! It is written to a file beside it, synced, and renamed into its place, so that it is always the
//! state after some command, also after a kill -9 or a full disk. Keys are not in it.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use dm_proto::proplib::{Dictionary, Limits, Value, read_dictionary, write_dictionary};

use super::saved::Saved;

/// The version of the journal's format.
const VERSION: u32 = 1;

/// A journal with its devices, as text.
pub(super) fn text(devices: &[Saved]) -> Vec<u8> {
    let mut dictionary = Dictionary::new();
    dictionary.set("version", VERSION);
    dictionary.set(
        "devices",
        devices.iter().map(Saved::write).collect::<Value>(),
    );
    write_dictionary(&dictionary)
}

/// The devices in a journal; none if there is no journal.
pub(super) fn read(path: &Path) -> io::Result<Vec<Saved>> {
    let text = match fs::read(path) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(error),
    };
    let wrong = |why: String| io::Error::new(io::ErrorKind::InvalidData, why);
    let dictionary =
        read_dictionary(&text, &Limits::default()).map_err(|error| wrong(error.to_string()))?;
    if dictionary.uint32("version") != Some(VERSION) {
        return Err(wrong("it has another version".into()));
    }
    let devices = dictionary
        .array("devices")
        .ok_or_else(|| wrong("it has no devices".into()))?;
    let saved = devices
        .iter()
        .map(|device| device.dict().and_then(Saved::read));
    saved
        .collect::<Option<_>>()
        .ok_or_else(|| wrong("a device in it is incomplete".into()))
}

/// The names of the devices in a journal.
pub(crate) fn names(path: &Path) -> io::Result<Vec<String>> {
    Ok(read(path)?.into_iter().map(|saved| saved.name).collect())
}

/// Puts `text` in the place of the journal at `path`, which stays as it is if that fails.
pub(super) fn replace(path: &Path, text: &[u8]) -> io::Result<()> {
    let beside = path.with_extension("new");
    let replaced = write(&beside, text).and_then(|()| fs::rename(&beside, path));
    if let Err(error) = replaced {
        // What was written of it would only take the room that is missing.
        let _ = fs::remove_file(&beside);
        return Err(error);
    }
    match path.parent() {
        Some(dir) => File::open(dir)?.sync_all(),
        None => Ok(()),
    }
}

fn write(path: &Path, text: &[u8]) -> io::Result<()> {
    let mut options = OpenOptions::new();
    let options = options.write(true).create(true).truncate(true).mode(0o600);
    let mut file = options.open(path)?;
    file.write_all(text)?;
    file.sync_all()
}

#[cfg(test)]
mod tests {
    use dm_core::component::TableMode;

    use super::super::attached::Block;
    use super::*;

    fn device() -> Saved {
        Saved {
            name: "vol0".into(),
            uuid: Some("u-1".into()),
            minor: 3,
            suspended: true,
            mode: TableMode::ReadWrite,
            inactive_mode: TableMode::ReadOnly,
            keyed: false,
            active: vec!["0 8 zero".into()],
            inactive: Vec::new(),
            block: Some(Block {
                number: 7,
                mark: u64::MAX,
            }),
            deferred: true,
        }
    }

    #[test]
    fn journal_reads_back() {
        let temp = tempfile::tempdir().unwrap();
        let path = temp.path().join("journal.plist");
        assert_eq!(read(&path).unwrap(), []);
        let all = [
            device(),
            Saved {
                uuid: None,
                name: "other".into(),
                block: None,
                deferred: false,
                ..device()
            },
        ];
        replace(&path, &text(&all)).unwrap();
        assert_eq!(read(&path).unwrap(), all);
        assert_eq!(names(&path).unwrap(), ["vol0", "other"]);
    }

    #[test]
    fn torn_journal_is_an_error_and_no_device_less() {
        let temp = tempfile::tempdir().unwrap();
        let path = temp.path().join("journal.plist");
        let whole = text(&[device()]);
        for length in [0, 10, whole.len() / 2] {
            fs::write(&path, &whole[..length]).unwrap();
            assert_eq!(
                read(&path).unwrap_err().kind(),
                io::ErrorKind::InvalidData,
                "{length}"
            );
        }
    }
}
