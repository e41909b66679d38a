//! Texts that may hold keys.

use std::ops::Deref;

use crate::proplib::{Dictionary, Text, Value, append_dictionary, append_with_items, wipe};

/// Bytes of a tag pair and its line.
const TAGS: usize = 32;

/// Bytes that the writer has ready behind what it wrote.
const AHEAD: usize = 1024;

/// A text that is wiped when it is dropped. It never grew: a vector that does leaves its bytes behind.
pub struct SecretText(Vec<u8>);

impl SecretText {
    /// A dictionary's.
    pub(crate) fn of(dictionary: &Dictionary) -> SecretText {
        let mut text = Vec::with_capacity(AHEAD + most_of(dictionary, 0));
        append_dictionary(dictionary, &mut text);
        SecretText(text)
    }

    /// A dictionary's with an array of items under a key that it has not, whose texts have at most `room` bytes.
    pub(crate) fn with_items(
        dictionary: &Dictionary,
        key: &str,
        items: impl Iterator<Item = Value>,
        room: usize,
    ) -> SecretText {
        let line = TAGS + escaped(key.len());
        let room = AHEAD + most_of(dictionary, 0) + 3 * line + room;
        let mut text = Vec::with_capacity(room);
        append_with_items(dictionary, key, items, &mut text);
        debug_assert!(text.capacity() == room, "it grew");
        SecretText(text)
    }

    /// The bytes, which are the caller's to wipe.
    pub(crate) fn take(mut self) -> Vec<u8> {
        std::mem::take(&mut self.0)
    }
}

impl Deref for SecretText {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.0
    }
}

/// What was not written to holds nothing, and would cost as much.
impl Drop for SecretText {
    fn drop(&mut self) {
        wipe(&mut self.0);
    }
}

/// The most bytes that an escaped text takes.
const fn escaped(length: usize) -> usize {
    6 * length
}

fn most_of(dictionary: &Dictionary, depth: usize) -> usize {
    let depth = depth + 1;
    let entries = dictionary.iter();
    let entry =
        |(key, value): (&Text, &Value)| TAGS + depth + escaped(key.len()) + most(value, depth);
    2 * (TAGS + depth) + entries.map(entry).sum::<usize>()
}

/// The most bytes that a value takes.
fn most(value: &Value, depth: usize) -> usize {
    let line = TAGS + depth;
    match value {
        Value::String(text) => line + escaped(text.len()),
        // Base64, in lines.
        Value::Data(bytes) => 2 * line + 2 * bytes.len(),
        Value::Array(values) => {
            let values = values.iter().map(|value| most(value, depth + 1));
            2 * line + values.sum::<usize>()
        }
        Value::Dict(dictionary) => most_of(dictionary, depth),
        _ => line,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::proplib::write_dictionary;

    #[test]
    fn text_never_grows() {
        let mut hard = Dictionary::new();
        hard.set("keys & more", "\"<'>&\"".repeat(1000))
            .set("data", vec![0xa5_u8; 4000])
            .set("many", (0..2000_u64).map(Value::from).collect::<Value>())
            .set("none", Dictionary::new());
        for depth in 0..40 {
            let mut outer = Dictionary::new();
            outer.set("in", [Value::from(hard)].into_iter().collect::<Value>());
            hard = outer;
            let room = AHEAD + most_of(&hard, 0);
            let text = SecretText::of(&hard);
            assert_eq!(*text, write_dictionary(&hard));
            assert!(text.0.capacity() < 2 * room, "{depth}");
            assert!(text.len() + AHEAD <= room, "{depth}");
        }
    }
}
