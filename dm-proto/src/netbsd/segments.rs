//! Table lines as items of `cmd_data`.

use dm_core::names::TargetName;
use dm_core::table::TableLine;
use dm_core::units::{Sector, SectorCount};

use crate::proplib::{Dictionary, Value};

use super::fields::{FieldError, Fields, text};
use super::keys;

/// One item a line.
pub(super) fn encode(lines: &[TableLine]) -> Value {
    items(lines).collect()
}

/// The same, each made when it is asked for.
pub(super) fn items(lines: &[TableLine]) -> impl Iterator<Item = Value> {
    lines.iter().map(|line| segment(line).into())
}

/// The most bytes of the items' text.
pub(super) fn room(lines: &[TableLine]) -> usize {
    /// An item with the longest numbers and neither a type nor parameters.
    const EACH: usize = 224;
    let params = |text: &str| match text.contains('\0') {
        // As data, in base64.
        true => EACH + 2 * text.len(),
        false => {
            let escaped = |byte: &&u8| matches!(byte, b'<' | b'>' | b'&');
            text.len() + 4 * text.as_bytes().iter().filter(escaped).count()
        }
    };
    let line = |line: &TableLine| EACH + line.target.as_str().len() + params(&line.params);
    lines.iter().map(line).sum()
}

/// The lines that the items of `cmd_data` are.
pub(super) fn decode(message: &Fields<'_>) -> Result<Vec<TableLine>, FieldError> {
    message.items(line)
}

fn segment(line: &TableLine) -> Dictionary {
    // In the order of the keys, so that each is put at the end.
    let mut segment = Dictionary::with_capacity(4);
    segment
        .set(keys::LENGTH, line.length.0)
        .set(keys::PARAMS, text(&line.params))
        .set(keys::START, line.start.0)
        .set(keys::TYPE, line.target.as_str());
    segment
}

fn line(segment: Fields<'_>) -> Result<TableLine, FieldError> {
    let target = segment.string(keys::TYPE)?;
    Ok(TableLine {
        start: Sector(segment.uint64(keys::START)?),
        length: SectorCount(segment.uint64(keys::LENGTH)?),
        target: TargetName::new(&target).map_err(|error| segment.wrong(keys::TYPE, error))?,
        params: segment.string(keys::PARAMS)?.into_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::proplib::write;

    /// As the real driver was sent it: `vectors/netbsd/reload/002-reload-overlap.request.plist`.
    #[test]
    fn segment_has_netbsd_shape() {
        let lines = TableLine::parse_table("50 100 linear /dev/rump_wd1a 0").unwrap();
        let text = String::from_utf8(write(&encode(&lines))).unwrap();
        let segment = "\t<dict>\n\t\t<key>length</key>\n\t\t<integer>0x64</integer>\n\t\t<key>params</key>\n\
            \t\t<string>/dev/rump_wd1a 0</string>\n\t\t<key>start</key>\n\t\t<integer>0x32</integer>\n\
            \t\t<key>type</key>\n\t\t<string>linear</string>\n\t</dict>\n";
        assert!(text.contains(segment), "{text}");
    }
}
