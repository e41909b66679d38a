//! Bytes on their way into a text, gathered in a block.
//!
//! Short pieces are copied with a fixed length, which is one or two moves, and only counted with their true one. They
//! go through a [`Window`] on the block, which the compiler keeps in registers.

use super::line::{LINE, Line, Place};
use super::scan;
use super::text::{INLINE, Text};

/// Bytes of a window. What is written there counts in a `u8`, behind which the longest piece has room: no place needs
/// to be checked.
const WINDOW: usize = 256 + LONGEST;

/// Bytes of the longest piece.
const LONGEST: usize = LINE;

/// Bytes gathered before they are appended.
const BLOCK: usize = 1024;

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

    /// Has something written, a key and a scalar at a time, until it gives something back.
    #[inline(always)]
    pub(super) fn fill<T>(&mut self, mut write: impl FnMut(&mut Window<'_>) -> Option<T>) -> T {
        let mut at = self.filled;
        loop {
            if at > BLOCK - WINDOW {
                self.filled = at;
                self.flush();
                at = 0;
            }
            let bytes = self.block[at..]
                .first_chunk_mut()
                .expect("room for a window was made");
            let mut window = Window { bytes, filled: 0 };
            let done = write(&mut window);
            at += usize::from(window.filled);
            if let Some(done) = done {
                self.filled = at;
                return done;
            }
        }
    }

    /// The text, to append what is long.
    pub(super) fn long(&mut self) -> &mut Vec<u8> {
        self.flush();
        self.text
    }

    /// Writes a text with libprop's three escapes.
    #[inline(never)]
    pub(super) fn escaped(&mut self, text: &Text) {
        let mut rest = text.as_bytes();
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

    /// Writes tabs.
    #[cold]
    #[inline(never)]
    pub(super) fn tabs(&mut self, tabs: usize) {
        let text = self.long();
        text.resize(text.len() + tabs, b'\t');
    }
}

/// A text that goes through a window: short, and nothing of it is escaped.
#[inline(always)]
pub(super) fn plain(text: &Text) -> Option<(&[u8; INLINE], usize)> {
    text.inline().filter(|(bytes, _)| !scan::has_markup(bytes))
}

/// Room for one key and one scalar.
pub(super) struct Window<'a> {
    bytes: &'a mut [u8; WINDOW],
    filled: u8,
}

impl Window<'_> {
    /// Writes a line.
    #[inline(always)]
    pub(super) fn line(&mut self, line: &'static Line, place: Place, depth: usize) {
        let line = line.at(place, depth);
        self.piece(line, usize::from(line[LINE - 1]));
    }

    /// Writes the first bytes of a piece.
    #[inline(always)]
    pub(super) fn piece<const N: usize>(&mut self, bytes: &[u8; N], length: usize) {
        const { assert!(N <= LONGEST, "longer than a window has room for") };
        let at = usize::from(self.filled);
        self.bytes[at..at + N].copy_from_slice(bytes);
        self.filled += length.to_le_bytes()[0];
    }

    /// Writes an unsigned number without its `0x`.
    #[inline(always)]
    pub(super) fn hexadecimal(&mut self, number: u64) {
        let zeros = (number | 1).leading_zeros() / 4;
        let length = 16 - usize::try_from(zeros).unwrap_or(15);
        let left = number << (4 * zeros);
        self.piece(&hex_digits(left >> 32).to_be_bytes(), length.min(8));
        if length > 8 {
            self.piece(&hex_digits(left & 0xffff_ffff).to_be_bytes(), length - 8);
        }
    }

    /// Writes a signed number.
    #[inline(always)]
    pub(super) fn decimal(&mut self, number: i64) {
        let (digits, length) = decimal_digits(number);
        self.piece(&digits, length);
    }
}

/// A number's digits, and how many there are.
#[inline(never)]
fn decimal_digits(number: i64) -> ([u8; 20], usize) {
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
    (digits, digits.len() - at)
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

    fn written(write: impl FnOnce(&mut Window<'_>)) -> String {
        let mut text = Vec::new();
        let mut sink = Sink::new(&mut text);
        let mut write = Some(write);
        sink.fill(|window| write.take().map(|write| write(window)));
        sink.flush();
        String::from_utf8(text).expect("ASCII")
    }

    fn escaped(source: &str) -> String {
        let mut text = Vec::new();
        let mut sink = Sink::new(&mut text);
        sink.escaped(&Text::from(source));
        String::from_utf8(text).expect("UTF-8")
    }

    #[test]
    fn numbers_are_those_of_std() {
        for shift in 0..64 {
            for number in [
                u64::MAX >> shift,
                0x0123_4567_89ab_cdef >> shift,
                1 << shift,
            ] {
                let hexadecimal = written(|window| window.hexadecimal(number));
                assert_eq!(hexadecimal, format!("{number:x}"));
                let signed = number.cast_signed();
                for signed in [signed, signed.wrapping_neg()] {
                    assert_eq!(written(|window| window.decimal(signed)), signed.to_string());
                }
            }
        }
        assert_eq!(written(|window| window.hexadecimal(0)), "0");
        assert_eq!(written(|window| window.decimal(0)), "0");
    }

    #[test]
    fn texts_of_any_length_are_escaped() {
        for length in 0..300 {
            let plain = "k".repeat(length);
            assert_eq!(escaped(&plain), plain);
            assert_eq!(
                super::plain(&Text::from(&plain)).is_some(),
                length <= INLINE
            );
            for (raw, escape) in [("<", "&lt;"), (">", "&gt;"), ("&", "&amp;")] {
                let text = format!("{plain}{raw}\"'é");
                assert_eq!(escaped(&text), format!("{plain}{escape}\"'é"));
                assert_eq!(super::plain(&Text::from(text)), None);
            }
        }
    }
}
