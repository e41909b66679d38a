//! Text that others chose: kept from steering the terminal.

use std::borrow::Cow;
use std::fmt::Write;

/// `text` with each control character as `\xNN`, byte by byte.
///
/// Besides C0 and C1 these are the marks that turn the direction of writing, which can make one
/// name look like another.
pub(crate) fn printable(text: &str) -> Cow<'_, str> {
    if !text.contains(steers) {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len() + 8);
    for c in text.chars() {
        if steers(c) {
            for byte in c.encode_utf8(&mut [0; 4]).bytes() {
                // Writing to a String does not fail.
                let _ = write!(out, "\\x{byte:02x}");
            }
        } else {
            out.push(c);
        }
    }
    Cow::Owned(out)
}

fn steers(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escapes_become_visible() {
        assert_eq!(printable("\x1b[31mred"), "\\x1b[31mred");
        assert_eq!(printable("a\nb\tc"), "a\\x0ab\\x09c");
        assert_eq!(printable("\u{9b}1m"), "\\xc2\\x9b1m");
        assert_eq!(printable("a\u{202e}b"), "a\\xe2\\x80\\xaeb");
    }

    #[test]
    fn plain_text_stays() {
        assert!(matches!(printable("völ 0"), Cow::Borrowed("völ 0")));
    }
}
