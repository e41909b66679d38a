//! Entries of dictionaries as libprop writes them, each read in one go.
//!
//! What is written in any other way, or is wrong, is left to the parser, which would read the same from these.

use super::number;
use super::scan;
use super::text::Text;
use super::value::Value;

const INTEGER: u64 = u64::from_le_bytes(*b"<integer");
const STRING: u64 = u64::from_le_bytes(*b"<string>");

/// Bytes that are enough for a short key between its tags, two indents and the start of the value's tag.
const WINDOW: usize = 64;

/// Bytes in which a short key ends.
const SHORT: usize = 24;

const EMPTY_INTEGER: (Text, Value) = (Text::EMPTY, Value::Unsigned(0));
const EMPTY_STRING: (Text, Value) = (Text::EMPTY, Value::String(Text::EMPTY));

/// Adds the entry that a text starts with, if its value is a hexadecimal integer or a string, and gives what follows.
///
/// The entry is built in its place: to move what was just written in pieces costs more than to write it.
#[inline(always)]
pub(super) fn read<'a>(text: &'a [u8], entries: &mut Vec<(Text, Value)>) -> Option<&'a [u8]> {
    let window = text.first_chunk::<WINDOW>()?;
    let start = scan::usual_indent(window)? + 5;
    if window[start - 5..][..5] != *b"<key>" {
        return None;
    }
    let length = scan::before_markup(&window[start..][..SHORT])?;
    let end = start + length;
    if window[end..][..6] != *b"</key>" {
        return None;
    }
    let tag = end + 6 + scan::usual_indent(&window[end + 6..])?;
    let key = &text[start..];
    let inner = &text[tag + 8..];
    match scan::word(&window[tag..]) {
        INTEGER => {
            let digits = inner.strip_prefix(b">0x")?;
            let (number, taken) = number::short_hex(digits)?;
            let rest = digits[taken..].strip_prefix(b"</integer>")?;
            let (place, value) = push(entries, EMPTY_INTEGER);
            place.set_head(key, length);
            if let Value::Unsigned(place) = value {
                *place = number;
            }
            Some(rest)
        }
        STRING => {
            let taken = scan::before_markup(inner)?;
            let rest = inner[taken..].strip_prefix(b"</string>")?;
            let (place, value) = push(entries, EMPTY_STRING);
            place.set_head(key, length);
            if let Value::String(place) = value {
                place.set_head(inner, taken);
            }
            Some(rest)
        }
        _ => None,
    }
}

/// Adds an entry that is still to be filled in.
#[inline(always)]
fn push(entries: &mut Vec<(Text, Value)>, empty: (Text, Value)) -> &mut (Text, Value) {
    let place = entries.len();
    entries.push(empty);
    &mut entries[place]
}

#[cfg(test)]
mod tests {
    use super::super::{Dialect, Dictionary, Limits, Reader, Reason, read_dictionary};
    use super::*;

    fn dictionary(entries: &str) -> String {
        format!("<plist version=\"1.0\">\n<dict>{entries}\n</dict>\n</plist>\n")
    }

    /// Values in every way of writing that this file knows, and in others.
    const VALUES: &[&str] = &[
        "<integer>0x10</integer>",
        "<integer>0xffffffffffffffff</integer>",
        "<integer>0x10000000000000000</integer>",
        "<integer>-5</integer>",
        "<integer>9223372036854775808</integer>",
        "<integer></integer>",
        "<integer>0x</integer>",
        "<integer> 5 </integer>",
        "<integer>5</string>",
        "<integer>5</integer",
        "<integer/>",
        "<integers>5</integers>",
        "<string></string>",
        "<string>linear</string>",
        "<string>a text that is longer than those that need no allocation</string>",
        "<string>a&amp;b</string>",
        "<string>a&b;</string>",
        "<string>a</integer>",
        "<string/>",
        "<string >a</string>",
        "<true/>",
        "<dict><key>a</key><integer>0x1</integer></dict>",
        "<key>a</key>",
    ];

    /// A blank before each tag keeps this file from looking at it.
    #[test]
    fn parser_reads_the_same() {
        for dialect in [Dialect::Userland, Dialect::Kernel] {
            let reader = Reader::new().dialect(dialect);
            for value in VALUES {
                let usual = dictionary(&format!("\n\t<key>k</key>\n\t{value}"));
                let other = dictionary(&format!("\n\t <key>k</key>\n\t {value}"));
                let (usual, other) = (
                    reader.read_dictionary(usual.as_bytes()),
                    reader.read_dictionary(other.as_bytes()),
                );
                match (usual, other) {
                    (Err(usual), Err(other)) => assert_eq!(usual.reason, other.reason, "{value}"),
                    (usual, other) => assert_eq!(usual.ok(), other.ok(), "{value}"),
                }
            }
        }
    }

    #[test]
    fn entry_ends_where_the_next_begins() {
        let text = b"\n\t<key>start</key>\n\t<integer>0x32</integer>\n\t<key>and more that is long enough for a window";
        let mut entries = Vec::new();
        let rest = read(text, &mut entries);
        assert_eq!(rest, Some(&text[43..]));
        assert_eq!(entries, [("start".into(), Value::Unsigned(0x32))]);
        for length in 0..43 {
            assert_eq!(read(&text[..length], &mut entries), None);
        }
        assert_eq!(entries.len(), 1);
    }

    #[test]
    fn limits_and_order_hold() {
        let entry = |key: &str| format!("\n\t<key>{key}</key>\n\t<integer>0x1</integer>");
        let text = dictionary(&[entry("b"), entry("a"), entry("b")].concat());
        let read = |items| {
            let limits = Limits {
                items,
                ..Limits::default()
            };
            read_dictionary(text.as_bytes(), &limits)
        };
        let mut expected = Dictionary::new();
        expected.set("a", 1_u64).set("b", 1_u64);
        assert_eq!(read(4), Ok(expected));
        let reason = read(3).map_err(|error| error.reason);
        assert_eq!(reason, Err(Reason::Items { limit: 3 }));
        let text = dictionary(&entry(&"k".repeat(129)));
        let reason = read_dictionary(text.as_bytes(), &Limits::default());
        assert_eq!(reason.map_err(|error| error.reason), Err(Reason::KeyLength));
    }
}
