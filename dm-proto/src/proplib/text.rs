//! Byte strings: keys and string values.

use std::borrow::Cow;
use std::cmp::Ordering;
use std::fmt;
use std::hash::{Hash, Hasher};

use memchr::memchr;

use super::scan;

/// Bytes that fit in the value itself.
pub(super) const INLINE: usize = 22;

/// A C string: bytes without a NUL, most often UTF-8.
///
/// libprop hands on whatever bytes it was given, so a text may be no UTF-8: [`as_str`](Text::as_str) tells, `Display`
/// puts U+FFFD in the place of what it can not show. Order is that of the bytes.
///
/// # Shape
/// 24 bytes; a text of up to 22 bytes needs no allocation. What is made from bytes with a NUL in them ends before
/// it, as in C.
#[derive(Clone)]
pub struct Text(Repr);

#[derive(Clone)]
enum Repr {
    Inline { length: u8, bytes: [u8; INLINE] },
    Heap(Box<[u8]>),
}

impl Text {
    /// No byte.
    pub(super) const EMPTY: Self = Self(Repr::Inline {
        length: 0,
        bytes: [0; INLINE],
    });

    /// The bytes, without a NUL.
    #[inline]
    pub fn as_bytes(&self) -> &[u8] {
        match &self.0 {
            Repr::Inline { length, bytes } => &bytes[..usize::from(*length)],
            Repr::Heap(bytes) => bytes,
        }
    }

    /// The bytes, to wipe them.
    pub(super) fn bytes_mut(&mut self) -> &mut [u8] {
        match &mut self.0 {
            Repr::Inline { length, bytes } => &mut bytes[..usize::from(*length)],
            Repr::Heap(bytes) => bytes,
        }
    }

    /// The text, if it is UTF-8.
    pub fn as_str(&self) -> Option<&str> {
        std::str::from_utf8(self.as_bytes()).ok()
    }

    /// The text, with U+FFFD where it is no UTF-8.
    pub fn to_string_lossy(&self) -> Cow<'_, str> {
        String::from_utf8_lossy(self.as_bytes())
    }

    /// Length in bytes.
    #[inline]
    pub fn len(&self) -> usize {
        self.as_bytes().len()
    }

    /// Whether there is no byte.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The bytes of a short text with NULs behind them, and its length.
    #[inline]
    pub(super) fn inline(&self) -> Option<(&[u8; INLINE], usize)> {
        match &self.0 {
            Repr::Inline { length, bytes } => Some((bytes, usize::from(*length))),
            Repr::Heap(_) => None,
        }
    }

    /// The first eight bytes, the first byte highest. There is no NUL, so that a shorter text comes first.
    #[inline]
    fn first_word(&self) -> u64 {
        match &self.0 {
            Repr::Inline { bytes, .. } => scan::word(bytes).swap_bytes(),
            Repr::Heap(bytes) => scan::word(bytes).swap_bytes(),
        }
    }

    #[inline(never)]
    fn cmp_bytes(&self, other: &Self) -> Ordering {
        self.as_bytes().cmp(other.as_bytes())
    }

    /// Takes the first bytes of a text that is known to hold no NUL; looks at more of it to be quick.
    #[inline(always)]
    pub(super) fn from_head(text: &[u8], length: usize) -> Self {
        let mut head = Self::default();
        head.set_head(text, length);
        head
    }

    /// As [`from_head`](Text::from_head), in place.
    #[inline(always)]
    pub(super) fn set_head(&mut self, text: &[u8], length: usize) {
        match (&mut self.0, text.first_chunk::<24>(), u8::try_from(length)) {
            (Repr::Inline { length: to, bytes }, Some(head), Ok(short)) if length <= INLINE => {
                *to = short;
                let mut put = |at: usize| {
                    let word = scan::word(&head[at..]);
                    let kept = scan::low_bytes(word, length.saturating_sub(at));
                    let to = &mut bytes[at..INLINE.min(at + 8)];
                    to.copy_from_slice(&kept.to_le_bytes()[..to.len()]);
                };
                put(0);
                put(8);
                put(16);
            }
            _ => *self = Self::from_nul_free(&text[..length]),
        }
    }

    /// Takes bytes that are known to hold no NUL.
    pub(super) fn from_nul_free(source: &[u8]) -> Self {
        match u8::try_from(source.len()) {
            Ok(length) if source.len() <= INLINE => {
                let mut bytes = [0; INLINE];
                bytes[..source.len()].copy_from_slice(source);
                Self(Repr::Inline { length, bytes })
            }
            _ => Self(Repr::Heap(source.into())),
        }
    }
}

impl Default for Text {
    #[inline]
    fn default() -> Self {
        Self::EMPTY
    }
}

impl From<&[u8]> for Text {
    fn from(bytes: &[u8]) -> Self {
        let end = memchr(0, bytes).unwrap_or(bytes.len());
        Self::from_nul_free(&bytes[..end])
    }
}

impl From<&str> for Text {
    fn from(text: &str) -> Self {
        Self::from(text.as_bytes())
    }
}

impl From<String> for Text {
    fn from(text: String) -> Self {
        Self::from(text.as_bytes())
    }
}

impl From<&String> for Text {
    fn from(text: &String) -> Self {
        Self::from(text.as_bytes())
    }
}

impl From<Vec<u8>> for Text {
    fn from(bytes: Vec<u8>) -> Self {
        Self::from(bytes.as_slice())
    }
}

impl From<&Text> for Text {
    fn from(text: &Text) -> Self {
        text.clone()
    }
}

impl AsRef<[u8]> for Text {
    fn as_ref(&self) -> &[u8] {
        self.as_bytes()
    }
}

impl PartialEq for Text {
    fn eq(&self, other: &Self) -> bool {
        self.as_bytes() == other.as_bytes()
    }
}

impl Eq for Text {}

impl PartialEq<str> for Text {
    fn eq(&self, other: &str) -> bool {
        self.as_bytes() == other.as_bytes()
    }
}

impl PartialEq<&str> for Text {
    fn eq(&self, other: &&str) -> bool {
        self.as_bytes() == other.as_bytes()
    }
}

impl PartialOrd for Text {
    #[inline]
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Text {
    #[inline(always)]
    fn cmp(&self, other: &Self) -> Ordering {
        match self.first_word().cmp(&other.first_word()) {
            Ordering::Equal => self.cmp_bytes(other),
            unequal => unequal,
        }
    }
}

impl Hash for Text {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.as_bytes().hash(state);
    }
}

impl fmt::Debug for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.to_string_lossy(), f)
    }
}

impl fmt::Display for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.to_string_lossy(), f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn holds_any_length() {
        for length in 0..100 {
            let source = vec![b'k'; length];
            let text = Text::from(source.as_slice());
            assert_eq!(text.as_bytes(), source);
            assert_eq!(text.len(), length);
            assert_eq!(text.is_empty(), length == 0);
        }
        assert_eq!(size_of::<Text>(), 24);
    }

    #[test]
    fn head_of_a_text_is_cut_anywhere() {
        for length in 0..40 {
            for more in 0..40 {
                let text: Vec<u8> = (1..=length + more).collect();
                let head = Text::from_head(&text, usize::from(length));
                assert_eq!(head.as_bytes(), &text[..usize::from(length)]);
            }
        }
    }

    #[test]
    fn ends_before_nul() {
        assert_eq!(Text::from("vol\0ume"), "vol");
        assert_eq!(Text::from("\0"), Text::default());
    }

    #[test]
    fn invalid_utf8_stays_as_it_is() {
        let text = Text::from(&b"a\xff"[..]);
        assert_eq!(text.as_str(), None);
        assert_eq!(text.as_bytes(), b"a\xff");
        assert_eq!(text.to_string(), "a\u{fffd}");
    }

    #[test]
    fn order_is_that_of_bytes() {
        let long = "z".repeat(40);
        let mut texts = [
            Text::from("é"),
            Text::from(&long),
            Text::from("Z"),
            Text::from("a"),
            Text::from(""),
        ];
        texts.sort();
        assert_eq!(texts, ["", "Z", "a", long.as_str(), "é"]);
    }
}
