//! Bytes looked at eight at a time.

use memchr::memchr3;

/// Bytes looked at here before memchr takes over, which is quicker on longer runs only.
const SHORT: usize = 32;

const ONES: u64 = u64::from_le_bytes([0x01; 8]);
const HIGHS: u64 = u64::from_le_bytes([0x80; 8]);

/// The first eight bytes of a text as one number, the first byte lowest; 0 for a shorter text.
#[inline]
pub(super) fn word(text: &[u8]) -> u64 {
    text.first_chunk()
        .map_or(0, |head| u64::from_le_bytes(*head))
}

/// The lowest bytes of a word, the others 0.
#[inline]
pub(super) const fn low_bytes(word: u64, bytes: usize) -> u64 {
    match bytes {
        0 => 0,
        1..8 => word & (u64::MAX >> (64 - 8 * bytes)),
        _ => word,
    }
}

/// Length of the newline and tabs that a text starts with, if they are few and nothing blank follows.
#[inline]
pub(super) fn usual_indent(text: &[u8]) -> Option<usize> {
    const INDENT: u64 = u64::from_le_bytes(*b"\n\t\t\t\t\t\t\t");
    let length = first_byte(word(text) ^ INDENT);
    let next = text.get(length)?;
    (*next > b' ').then_some(length)
}

/// Length of the text before the next `<`, `&` or NUL.
#[inline]
pub(super) fn before_markup(text: &[u8]) -> Option<usize> {
    let mut at = 0;
    while let Some(head) = text[at..].first_chunk()
        && at < SHORT
    {
        let word = u64::from_le_bytes(*head);
        let markup = zero_bytes(word ^ (ONES * 0x3c)) | zero_bytes(word ^ (ONES * 0x26));
        let found = markup | zero_bytes(word);
        if found != 0 {
            return Some(at + first_byte(found));
        }
        at += 8;
    }
    memchr3(b'<', b'&', 0, &text[at..]).map(|found| at + found)
}

/// The first byte that is written as an entity.
#[inline]
pub(super) fn find_escaped(text: &[u8]) -> Option<usize> {
    memchr3(b'<', b'>', b'&', text)
}

/// Whether one of 22 bytes is written as an entity.
#[inline]
pub(super) fn has_markup(text: &[u8; 22]) -> bool {
    let found = |at: usize| {
        let word = word(&text[at..]);
        // '<' and '>' differ in one bit.
        let brackets = (word | (ONES * 0x02)) ^ (ONES * 0x3e);
        zero_bytes(brackets) | zero_bytes(word ^ (ONES * 0x26))
    };
    found(0) | found(8) | found(14) != 0
}

/// The high bit of each byte that is 0, and perhaps of bytes above the first of them.
#[inline]
fn zero_bytes(word: u64) -> u64 {
    word.wrapping_sub(ONES) & !word & HIGHS
}

/// The lowest byte that is not 0; 8 if there is none.
#[inline]
fn first_byte(word: u64) -> usize {
    usize::try_from(word.trailing_zeros() / 8).unwrap_or(8)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn markup_is_found_at_any_place() {
        for length in 0..80 {
            for at in 0..=length {
                let mut text = vec![b'='; length];
                if at < length {
                    text[at] = b"<&\0"[at % 3];
                    text[at + 1..].fill(b'<');
                }
                assert_eq!(before_markup(&text), (at < length).then_some(at));
            }
        }
    }

    /// Bytes beside `<`, `&` and NUL, and those whose borrow could reach a neighbour.
    #[test]
    fn no_other_byte_is_markup() {
        let others: Vec<u8> = (0..=255).filter(|byte| !b"<&\0".contains(byte)).collect();
        for other in others {
            assert_eq!(before_markup(&[other; 24]), None);
            let mut text = [other; 24];
            text[5] = b'<';
            assert_eq!(before_markup(&text), Some(5), "behind {other}");
        }
    }

    #[test]
    fn has_markup_agrees_with_find_escaped() {
        for byte in 0..=255 {
            for at in 0..22 {
                let mut text = [b'k'; 22];
                text[at] = byte;
                assert_eq!(has_markup(&text), find_escaped(&text).is_some());
            }
        }
    }

    #[test]
    fn only_one_newline_and_tabs_are_usual() {
        assert_eq!(usual_indent(b"\n\t\t<key>k"), Some(3));
        assert_eq!(usual_indent(b"\n\t\t\t\t\t\t<"), Some(7));
        assert_eq!(usual_indent(b"<key>k</key>"), Some(0));
        assert_eq!(usual_indent(b"\n\t <key>k"), None);
        assert_eq!(usual_indent(b"\n\t\r<key>k"), None);
        assert_eq!(usual_indent(b"\n\t\t\t\t\t\t\t\t<"), None);
        assert_eq!(usual_indent(b"\n\t<"), None);
    }

    #[test]
    fn low_bytes_keep_their_number() {
        assert_eq!(low_bytes(u64::MAX, 0), 0);
        assert_eq!(low_bytes(u64::MAX, 3), 0xff_ffff);
        assert_eq!(low_bytes(u64::MAX, 7), u64::MAX >> 8);
        assert_eq!(low_bytes(u64::MAX, 9), u64::MAX);
    }
}
