//! Tags with what stands before them.

/// Deepest indent that is copied with its tag.
pub(super) const TABS: usize = 8;

/// Bytes copied for a line, the last of which is its length.
pub(super) const LINE: usize = 32;

pub(super) static ARRAY: Line = Line::new(b"<array>\n");
pub(super) static ARRAY_EMPTY: Line = Line::new(b"<array/>\n");
pub(super) static ARRAY_END: Line = Line::new(b"</array>\n");
pub(super) static DATA: Line = Line::new(b"<data>");
pub(super) static DATA_EMPTY: Line = Line::new(b"<data/>\n");
pub(super) static DICT: Line = Line::new(b"<dict>\n");
pub(super) static DICT_EMPTY: Line = Line::new(b"<dict/>\n");
pub(super) static DICT_END: Line = Line::new(b"</dict>\n");
pub(super) static FALSE: Line = Line::new(b"<false/>\n");
pub(super) static KEY: Line = Line::new(b"<key>");
pub(super) static SIGNED: Line = Line::new(b"<integer>");
pub(super) static STRING: Line = Line::new(b"<string>");
pub(super) static STRING_EMPTY: Line = Line::new(b"<string/>\n");
pub(super) static TRUE: Line = Line::new(b"<true/>\n");
pub(super) static UNSIGNED: Line = Line::new(b"<integer>0x");

/// What a line is written behind.
#[derive(Debug, Clone, Copy)]
pub(super) enum Place {
    /// Another line.
    Item,
    /// A key, which it ends first.
    Entry,
}

/// A tag behind as many tabs as may be needed.
pub(super) struct Line {
    items: [[u8; LINE]; TABS + 1],
    entries: [[u8; LINE]; TABS + 1],
}

impl Line {
    /// A tag of up to 16 bytes.
    pub(super) const fn new(tag: &[u8]) -> Self {
        Self {
            items: Self::behind(b"", tag),
            entries: Self::behind(b"</key>\n", tag),
        }
    }

    /// The line at a depth of up to [`TABS`].
    #[inline(always)]
    pub(super) fn at(&self, place: Place, depth: usize) -> &[u8; LINE] {
        match place {
            Place::Item => &self.items[depth],
            Place::Entry => &self.entries[depth],
        }
    }

    const fn behind(before: &[u8], tag: &[u8]) -> [[u8; LINE]; TABS + 1] {
        let mut lines = [[b'\t'; LINE]; TABS + 1];
        let mut depth = 0;
        while depth <= TABS {
            let line = &mut lines[depth];
            line[LINE - 1] = 0;
            Self::append(line, before);
            line[LINE - 1] += depth.to_le_bytes()[0];
            Self::append(line, tag);
            depth += 1;
        }
        lines
    }

    const fn append(line: &mut [u8; LINE], bytes: &[u8]) {
        let mut at = 0;
        while at < bytes.len() {
            line[line[LINE - 1] as usize] = bytes[at];
            line[LINE - 1] += 1;
            at += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_have_any_indent() {
        static LONG: Line = Line::new(b"<integer>0x");
        for depth in 0..=TABS {
            let written = |place| {
                let line = LONG.at(place, depth);
                String::from_utf8(line[..usize::from(line[LINE - 1])].to_vec()).expect("ASCII")
            };
            let tabs = "\t".repeat(depth);
            assert_eq!(written(Place::Item), format!("{tabs}<integer>0x"));
            assert_eq!(written(Place::Entry), format!("</key>\n{tabs}<integer>0x"));
        }
    }
}
