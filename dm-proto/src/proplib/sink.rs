//! Bytes on their way into a text, gathered in a block.
//!
//! Short pieces are copied with a fixed length, which is one or two moves, and only counted with their true one.

use super::scan;
use super::text::Text;

/// Bytes gathered before they are appended.
const BLOCK: usize = 4096;

/// Most bytes of the pieces between two calls of [`Sink::flush_if_full`], as they are copied.
const MARGIN: usize = 512;

/// Longest text that goes through the block.
const SHORT_TEXT: usize = 192;

/// Deepest indent that is copied with its tag.
const TABS: usize = 24;

/// Bytes copied for an indent and a tag.
const LINE: usize = TABS + 16;

/// A tag behind as many tabs as may be needed.
pub(super) struct Line {
    bytes: [u8; TABS + LINE],
    length: usize,
}

impl Line {
    /// A tag of up to 16 bytes.
    pub(super) const fn new(tag: &[u8]) -> Self {
        let mut bytes = [b'\t'; TABS + LINE];
        let mut at = 0;
        while at < tag.len() {
            bytes[TABS + at] = tag[at];
            at += 1;
        }
        Self {
            bytes,
            length: tag.len(),
        }
    }
}

/// Appends to a text.
pub(super) struct Sink<'a> {
    text: &'a mut Vec<u8>,
    block: [u8; BLOCK],
    filled: usize,
}

impl<'a> Sink<'a> {
    pub(super) fn new(text: &'a mut Vec<u8>) -> Self {
        Self {
            text,
            block: [0; BLOCK],
            filled: 0,
        }
    }

    /// Appends what is gathered.
    #[inline(never)]
    pub(super) fn flush(&mut self) {
        self.text.extend_from_slice(&self.block[..self.filled]);
        self.filled = 0;
    }

    /// Makes room for one line.
    #[inline]
    pub(super) fn flush_if_full(&mut self) {
        if self.filled > BLOCK - MARGIN {
            self.flush();
        }
    }

    /// The text, to append what is long.
    pub(super) fn long(&mut self) -> &mut Vec<u8> {
        self.flush();
        self.text
    }

    /// Writes as many tabs as the depth, and a tag.
    #[inline(always)]
    pub(super) fn line(&mut self, depth: usize, line: &'static Line) {
        let missing = TABS.saturating_sub(depth);
        if depth > TABS {
            self.deep_indent(depth - TABS);
        }
        if let Some(head) = line.bytes[missing..].first_chunk::<LINE>() {
            self.piece(head, TABS - missing + line.length);
        }
    }

    #[cold]
    #[inline(never)]
    fn deep_indent(&mut self, tabs: usize) {
        let text = self.long();
        text.resize(text.len() + tabs, b'\t');
    }

    /// Writes the first bytes of a piece.
    #[inline(always)]
    pub(super) fn piece<const N: usize>(&mut self, bytes: &[u8; N], length: usize) {
        self.block[self.filled..][..N].copy_from_slice(bytes);
        self.filled += length;
    }

    /// Writes a text with libprop's three escapes.
    #[inline(always)]
    pub(super) fn escaped(&mut self, text: &Text) {
        match text.inline() {
            Some(bytes) if !scan::has_markup(bytes) => self.piece(bytes, text.len()),
            Some(_) => self.escaped_long(text.as_bytes()),
            None => self.escaped_heap(text.as_bytes()),
        }
    }

    /// Writes an unsigned number without its `0x`.
    #[inline]
    pub(super) fn hexadecimal(&mut self, number: u64) {
        let zeros = (number | 1).leading_zeros() / 4;
        let left = number << (4 * zeros);
        let mut digits = [0; 16];
        digits[..8].copy_from_slice(&hex_digits(left >> 32).to_be_bytes());
        digits[8..].copy_from_slice(&hex_digits(left & 0xffff_ffff).to_be_bytes());
        self.piece(&digits, 16 - usize::try_from(zeros).unwrap_or(15));
    }

    /// Writes a signed number.
    pub(super) fn decimal(&mut self, number: i64) {
        let mut digits = [0; 20];
        let mut at = digits.len();
        let mut rest = number.unsigned_abs();
        loop {
            at -= 1;
            digits[at] = b'0' + (rest % 10).to_le_bytes()[0];
            rest /= 10;
            if rest == 0 {
                break;
            }
        }
        if number < 0 {
            at -= 1;
            digits[at] = b'-';
        }
        digits.rotate_left(at);
        self.piece(&digits, digits.len() - at);
    }

    #[inline(never)]
    fn escaped_heap(&mut self, bytes: &[u8]) {
        if bytes.len() > SHORT_TEXT || scan::find_escaped(bytes).is_some() {
            return self.escaped_long(bytes);
        }
        self.block[self.filled..][..bytes.len()].copy_from_slice(bytes);
        self.filled += bytes.len();
    }

    #[cold]
    #[inline(never)]
    fn escaped_long(&mut self, mut rest: &[u8]) {
        let text = self.long();
        while let Some(at) = scan::find_escaped(rest) {
            text.extend_from_slice(&rest[..at]);
            text.extend_from_slice(match rest[at] {
                b'<' => b"&lt;",
                b'>' => b"&gt;",
                _ => b"&amp;",
            });
            rest = &rest[at + 1..];
        }
        text.extend_from_slice(rest);
    }
}

/// The hexadecimal digits of a number of 32 bits, the first digit in the highest byte.
#[inline]
fn hex_digits(number: u64) -> u64 {
    let pairs = (number << 16 | number) & 0x0000_ffff_0000_ffff;
    let bytes = (pairs << 8 | pairs) & 0x00ff_00ff_00ff_00ff;
    let nibbles = (bytes << 4 | bytes) & 0x0f0f_0f0f_0f0f_0f0f;
    let letters = (nibbles + 0x0606_0606_0606_0606) >> 4 & 0x0101_0101_0101_0101;
    // A letter lies 39 = 32 + 8 - 1 behind where a digit of its value would.
    nibbles + 0x3030_3030_3030_3030 + ((letters << 5) + (letters << 3) - letters)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(write: impl FnOnce(&mut Sink<'_>)) -> String {
        let mut text = Vec::new();
        let mut sink = Sink::new(&mut text);
        write(&mut sink);
        sink.flush();
        String::from_utf8(text).expect("ASCII")
    }

    #[test]
    fn numbers_are_those_of_std() {
        for shift in 0..64 {
            for number in [
                u64::MAX >> shift,
                0x0123_4567_89ab_cdef >> shift,
                1 << shift,
            ] {
                let hexadecimal = written(|sink| sink.hexadecimal(number));
                assert_eq!(hexadecimal, format!("{number:x}"));
                let signed = number.cast_signed();
                for signed in [signed, signed.wrapping_neg()] {
                    assert_eq!(written(|sink| sink.decimal(signed)), signed.to_string());
                }
            }
        }
        assert_eq!(written(|sink| sink.hexadecimal(0)), "0");
        assert_eq!(written(|sink| sink.decimal(0)), "0");
    }

    #[test]
    fn texts_of_any_length_are_escaped() {
        for length in 0..300 {
            let plain = "k".repeat(length);
            assert_eq!(written(|sink| sink.escaped(&Text::from(&plain))), plain);
            for (raw, escape) in [("<", "&lt;"), (">", "&gt;"), ("&", "&amp;")] {
                let text = Text::from(format!("{plain}{raw}\"'é"));
                let expected = format!("{plain}{escape}\"'é");
                assert_eq!(written(|sink| sink.escaped(&text)), expected);
            }
        }
    }

    #[test]
    fn lines_have_any_indent() {
        const DICT: Line = Line::new(b"<dict>\n");
        for depth in 0..100 {
            let line = written(|sink| sink.line(depth, &DICT));
            assert_eq!(line, format!("{}<dict>\n", "\t".repeat(depth)));
        }
    }
}
