//! From values to text.

use super::dictionary::Dictionary;
use super::text::Text;
use super::value::Value;
use super::walk::Walk;

/// What stands before the top-level value.
pub(super) const HEADER: &[u8] = b"<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n\
<!DOCTYPE plist PUBLIC \"-//Apple Computer//DTD PLIST 1.0//EN\" \"http://www.apple.com/DTDs/PropertyList-1.0.dtd\">\n\
<plist version=\"1.0\">\n";

/// Room for a small command, so that only long texts grow.
const SMALL: usize = 1024;

/// Writes a value as libprop does, without the NUL that ends it in memory.
///
/// libprop reads only dictionaries and arrays at the top, and no data without bytes; what holds the like is written
/// all the same, as libprop writes it.
///
/// # Source
/// `prop_dictionary_externalize`, `prop_array_externalize`.
pub fn write(value: &Value) -> Vec<u8> {
    let mut text = Vec::with_capacity(SMALL);
    append(value, &mut text);
    text
}

/// Writes a dictionary as libprop does, without the NUL that ends it in memory.
pub fn write_dictionary(dictionary: &Dictionary) -> Vec<u8> {
    let mut text = Vec::with_capacity(SMALL);
    append_dictionary(dictionary, &mut text);
    text
}

/// Appends what [`write()`] gives, to use a buffer again.
pub fn append(value: &Value, text: &mut Vec<u8>) {
    text.extend_from_slice(HEADER);
    let mut walk = Walk::new(text);
    walk.value(value);
    walk.finish();
}

/// Appends what [`write_dictionary`] gives, to use a buffer again.
pub fn append_dictionary(dictionary: &Dictionary, text: &mut Vec<u8>) {
    text.extend_from_slice(HEADER);
    let mut walk = Walk::new(text);
    walk.dict(dictionary);
    walk.finish();
}

/// Appends what [`append_dictionary`] would, if the dictionary had also a `key` with an array of what `items` gives, each
/// of which is wiped once it is written: a long table is at no time held as values.
pub fn append_with_items(
    dictionary: &Dictionary,
    key: &str,
    items: impl Iterator<Item = Value>,
    text: &mut Vec<u8>,
) {
    debug_assert!(!dictionary.contains(key), "the key is there already");
    text.extend_from_slice(HEADER);
    let key = Text::from(key);
    let mut walk = Walk::new(text).into_dict();
    let mut entries = dictionary.iter().peekable();
    while let Some((before, value)) = entries.next_if(|(before, _)| **before < key) {
        walk.entry(before, value);
    }
    let mut walk = walk.items(&key, items);
    for (behind, value) in entries {
        walk.entry(behind, value);
    }
    walk.out_of_dict().finish();
}

/// Ends a text with the NUL that libprop counts as part of it.
#[must_use]
pub fn terminate(mut text: Vec<u8>) -> Vec<u8> {
    text.push(0);
    text
}

#[cfg(test)]
mod tests {
    use super::super::walk::{FOOTER, MOST_ROOM};
    use super::super::{Limits, read};
    use super::*;

    /// A tiny generator, the same sequence on every machine (xorshift64*).
    struct Random(u64);

    impl Random {
        fn next(&mut self) -> u64 {
            self.0 ^= self.0 >> 12;
            self.0 ^= self.0 << 25;
            self.0 ^= self.0 >> 27;
            self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
        }

        fn below(&mut self, bound: u64) -> u64 {
            (self.next() >> 32) % bound
        }

        fn bytes(&mut self, most: u64) -> Vec<u8> {
            let length = self.below(most + 1);
            (0..length)
                .map(|_| match self.below(4) {
                    0 => b"<>&\"'\n\t ="[usize::try_from(self.below(9)).expect("below 9")],
                    1 => self.next().to_le_bytes()[0].max(1),
                    _ => b'a' + self.next().to_le_bytes()[0] % 26,
                })
                .collect()
        }

        fn value(&mut self, depth: u64) -> Value {
            match self.below(if depth == 0 { 5 } else { 7 }) {
                0 => Value::Bool(self.below(2) == 0),
                1 => {
                    let shift = self.below(64);
                    Value::Signed(self.next().cast_signed() >> shift)
                }
                2 => Value::Unsigned(self.next() >> self.below(64)),
                3 => Value::String(self.bytes(40).into()),
                4 => {
                    let mut bytes = self.bytes(40);
                    bytes.push(0);
                    Value::Data(bytes)
                }
                5 => (0..self.below(6)).map(|_| self.value(depth - 1)).collect(),
                _ => self.dictionary(depth).into(),
            }
        }

        fn dictionary(&mut self, depth: u64) -> Dictionary {
            let mut dictionary = Dictionary::new();
            for _ in 0..self.below(8) {
                let (key, value) = (self.bytes(128), self.value(depth - 1));
                dictionary.insert(key, value).expect("a short key");
            }
            dictionary
        }
    }

    fn body(value: impl Into<Value>) -> String {
        let text = write(&value.into());
        let body = &text[HEADER.len()..text.len() - FOOTER.len()];
        String::from_utf8(body.to_vec()).expect("written from UTF-8")
    }

    #[test]
    fn random_values_come_back_equal() {
        let mut random = Random(0x9e37_79b9_7f4a_7c15);
        for _ in 0..2000 {
            let value = Value::Dict(random.dictionary(5));
            let text = write(&value);
            assert_eq!(read(&text, &Limits::default()).as_ref(), Ok(&value));
            assert_eq!(read(&terminate(text), &Limits::default()), Ok(value));
        }
    }

    #[test]
    fn numbers_are_decimal_or_hexadecimal() {
        assert_eq!(body(0_i64), "<integer>0</integer>\n");
        assert_eq!(body(i64::MIN), "<integer>-9223372036854775808</integer>\n");
        assert_eq!(body(0_u64), "<integer>0x0</integer>\n");
        assert_eq!(body(0x1f0_u64), "<integer>0x1f0</integer>\n");
        assert_eq!(body(u64::MAX), "<integer>0xffffffffffffffff</integer>\n");
    }

    #[test]
    fn only_brackets_and_ampersand_are_escaped() {
        let mut dictionary = Dictionary::new();
        dictionary.set("<k>", "&\"'\r\u{1}>");
        assert_eq!(
            body(dictionary),
            "<dict>\n\t<key>&lt;k&gt;</key>\n\t<string>&amp;\"'\r\u{1}&gt;</string>\n</dict>\n"
        );
    }

    #[test]
    fn indent_grows_past_the_table_of_tabs() {
        let value = (0..70).fold(Value::from(true), |value, _| [value].into_iter().collect());
        let tabs = "\t".repeat(70);
        assert!(body(value).contains(&format!("\n{tabs}<true/>\n{}</array>\n", &tabs[1..])));
    }

    #[test]
    fn long_texts_cross_every_border() {
        for length in 150..250 {
            let text = "k".repeat(length);
            let value: Value = (0..60).map(|_| text.as_str()).collect();
            let text = write(&value);
            assert_eq!(
                text.len(),
                HEADER.len() + 17 + 60 * (length + 19) + FOOTER.len()
            );
            assert_eq!(read(&text, &Limits::default()), Ok(value));
        }
    }

    #[test]
    fn room_for_a_long_array_is_made_at_once() {
        let segment = |start: u64| {
            let mut segment = Dictionary::new();
            segment.set("type", "linear").set("start", start);
            segment.set("params", format!("/dev/rwd1a {start}"));
            Value::Dict(segment)
        };
        for length in [1, 100, 10_000] {
            let value: Value = (0..length).map(|at| segment(at << 14)).collect();
            let text = write(&value);
            assert_eq!(read(&text, &Limits::default()), Ok(value));
            let much = text.len() + text.len() / 2;
            assert!(text.capacity() <= much.max(SMALL), "{length}");
        }
        // A first value that is not like the rest costs no more than the limit.
        let mut values = vec![Value::Data(vec![0; 1 << 20])];
        values.resize(10_000, true.into());
        assert!(write(&values.into()).capacity() <= MOST_ROOM + SMALL);
    }

    #[test]
    fn items_that_are_made_meanwhile_give_the_same_text() {
        let item = |at: u64| {
            let mut item = Dictionary::new();
            item.set("number", at)
                .set("more", Value::Array(vec![at.into()]));
            Value::Dict(item)
        };
        for count in [0, 1, 31, 32, 33, 200] {
            for key in ["a", "middle", "z", "<&>"] {
                let mut rest = Dictionary::new();
                rest.set("b", "x").set("n", Value::Array(vec![true.into()]));
                rest.set("y", Dictionary::new());
                let mut text = Vec::new();
                append_with_items(&rest, key, (0..count).map(item), &mut text);
                rest.set(key, (0..count).map(item).collect::<Value>());
                assert_eq!(text, write_dictionary(&rest), "{count} {key}");
            }
        }
    }

    /// A trap of libprop's, kept since other readers of the text expect its bytes.
    #[test]
    fn data_without_bytes_is_written_but_not_read() {
        let value: Value = [Value::Data(Vec::new())].into_iter().collect();
        assert_eq!(body(value.clone()), "<array>\n\t<data/>\n</array>\n");
        assert!(read(&write(&value), &Limits::default()).is_err());
    }

    #[test]
    fn append_keeps_what_is_there() {
        let mut text = b"kept".to_vec();
        append_dictionary(&Dictionary::new(), &mut text);
        assert_eq!(
            text,
            [b"kept", &write_dictionary(&Dictionary::new())[..]].concat()
        );
        assert_eq!(
            write_dictionary(&Dictionary::new()),
            write(&Dictionary::new().into())
        );
    }
}
