//! Texts that may hold keys.

use zeroize::Zeroizing;

use crate::proplib::{Dictionary, Text, Value, append_dictionary};

/// Bytes of a tag pair and its line.
const TAGS: usize = 32;

/// Bytes that the writer has ready behind what it wrote.
const AHEAD: usize = 1024;

/// Writes a dictionary into memory that is wiped afterwards, and never grows meanwhile: a vector that
/// does leaves its bytes behind. Memory that is not written to is none.
pub(crate) fn write_secret(dictionary: &Dictionary) -> Zeroizing<Vec<u8>> {
    let room = AHEAD + most_of(dictionary, 0);
    let mut text = Zeroizing::new(Vec::with_capacity(room));
    append_dictionary(dictionary, &mut text);
    text
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
            let text = write_secret(&hard);
            assert_eq!(*text, write_dictionary(&hard));
            assert!(text.capacity() < 2 * room, "{depth}");
            assert!(text.len() + AHEAD <= room, "{depth}");
        }
    }
}
