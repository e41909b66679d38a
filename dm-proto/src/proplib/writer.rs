//! From values to text.

use std::slice;

use smallvec::SmallVec;
use zeroize::Zeroize;

use super::base64;
use super::dictionary::{Dictionary, Iter};
use super::sink::{Line, Sink, TABS, Window, plain};
use super::text::Text;
use super::value::Value;

/// What stands before the top-level value.
pub(super) const HEADER: &[u8] = b"<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n\
<!DOCTYPE plist PUBLIC \"-//Apple Computer//DTD PLIST 1.0//EN\" \"http://www.apple.com/DTDs/PropertyList-1.0.dtd\">\n\
<plist version=\"1.0\">\n";

/// As long as it is copied, see [`Window::piece`].
const INTEGER_END: &[u8; 16] = b"</integer>\n\0\0\0\0\0";

const KEY_END: &[u8; 8] = b"</key>\n\0";

const STRING_END: &[u8; 16] = b"</string>\n\0\0\0\0\0\0";

const FOOTER: &[u8] = b"</plist>\n";

/// Room for a small command, so that only long texts grow.
const SMALL: usize = 1024;

/// Values from which on an array makes room ahead.
const MANY: usize = 32;

/// Most room that is made ahead. What is not written to takes no memory.
const MOST_ROOM: usize = 32 << 20;

static ARRAY: Line = Line::new(b"<array>\n");
static ARRAY_EMPTY: Line = Line::new(b"<array/>\n");
static ARRAY_END: Line = Line::new(b"</array>\n");
static DATA: Line = Line::new(b"<data>");
static DATA_EMPTY: Line = Line::new(b"<data/>\n");
static DICT: Line = Line::new(b"<dict>\n");
static DICT_EMPTY: Line = Line::new(b"<dict/>\n");
static DICT_END: Line = Line::new(b"</dict>\n");
static FALSE: Line = Line::new(b"<false/>\n");
static KEY: Line = Line::new(b"<key>");
static SIGNED: Line = Line::new(b"<integer>");
static STRING: Line = Line::new(b"<string>");
static STRING_EMPTY: Line = Line::new(b"<string/>\n");
static TRUE: Line = Line::new(b"<true/>\n");
static UNSIGNED: Line = Line::new(b"<integer>0x");

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
    let mut writer = Writer::new(text);
    writer.value(value);
    writer.finish();
}

/// Appends what [`write_dictionary`] gives, to use a buffer again.
pub fn append_dictionary(dictionary: &Dictionary, text: &mut Vec<u8>) {
    text.extend_from_slice(HEADER);
    let mut writer = Writer::new(text);
    writer.dict(dictionary);
    writer.finish();
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
    let mut writer = Writer::new(text);
    writer.line(&DICT);
    writer.outer = 1;
    let mut entries = dictionary.iter().peekable();
    while let Some((before, value)) = entries.next_if(|(before, _)| **before < key) {
        writer.entry(before, value);
        writer.drain();
    }
    let mut writer = writer.items(&key, items);
    for (behind, value) in entries {
        writer.entry(behind, value);
        writer.drain();
    }
    writer.outer = 0;
    writer.line(&DICT_END);
    writer.finish();
}

/// Ends a text with the NUL that libprop counts as part of it.
#[must_use]
pub fn terminate(mut text: Vec<u8>) -> Vec<u8> {
    text.push(0);
    text
}

/// A container of which some is still to be written.
enum Open<'a> {
    Array(slice::Iter<'a, Value>),
    Dict(Iter<'a>),
}

/// Walks a value, with the containers on a stack of its own.
struct Writer<'a, 'text> {
    sink: Sink<'text>,
    /// The containers around the next value; as deep as commands go, without an allocation.
    open: SmallVec<[Open<'a>; 4]>,
    /// How many there are around these, which somebody else closes.
    outer: usize,
}

impl<'a, 'text> Writer<'a, 'text> {
    fn new(text: &'text mut Vec<u8>) -> Self {
        Self {
            sink: Sink::new(text),
            open: SmallVec::new(),
            outer: 0,
        }
    }

    #[inline(always)]
    fn depth(&self) -> usize {
        self.outer + self.open.len()
    }

    /// Lets go of the values.
    fn into_sink(self) -> Sink<'text> {
        self.sink
    }

    /// Writes what is left of the open containers, and the end.
    fn finish(mut self) {
        self.drain();
        self.sink.long().extend_from_slice(FOOTER);
    }

    /// Writes what is left of the open containers.
    fn drain(&mut self) {
        while let Some(open) = self.open.last_mut() {
            match open {
                Open::Array(values) => match values.next() {
                    Some(value) => self.value(value),
                    None => self.close(&ARRAY_END),
                },
                Open::Dict(entries) => match entries.next() {
                    Some((key, value)) => self.entry(key, value),
                    None => self.close(&DICT_END),
                },
            }
        }
    }

    /// Writes a key and an array of items that are made meanwhile, some at a time.
    fn items(mut self, key: &Text, mut items: impl Iterator<Item = Value>) -> Self {
        self.long_key(key);
        let mut some: Vec<Value> = items.by_ref().take(MANY).collect();
        if some.is_empty() {
            self.line(&ARRAY_EMPTY);
            return self;
        }
        self.line(&ARRAY);
        let Self {
            mut sink,
            open,
            outer,
        } = self;
        while !some.is_empty() {
            let mut writer = Writer {
                sink,
                open: SmallVec::new(),
                outer: outer + 1,
            };
            for value in &some {
                writer.value(value);
                writer.drain();
            }
            sink = writer.into_sink();
            some.iter_mut().for_each(Zeroize::zeroize);
            some.clear();
            some.extend(items.by_ref().take(MANY));
        }
        let mut writer = Self { sink, open, outer };
        writer.line(&ARRAY_END);
        writer
    }

    /// Writes a key, and what [`value`](Writer::value) writes.
    #[inline(always)]
    fn entry(&mut self, key: &'a Text, value: &'a Value) {
        let depth = self.depth();
        let Some(name) = plain(key).filter(|_| depth <= TABS) else {
            self.long_key(key);
            return self.value(value);
        };
        let mut window = self.sink.window();
        window.line(depth, &KEY);
        window.piece(name, key.len());
        window.piece(KEY_END, 7);
        let scalar = scalar(&mut window, depth, value);
        let written = window.len();
        self.sink.keep(written);
        if scalar.is_none() {
            self.other(value);
        }
    }

    #[cold]
    #[inline(never)]
    fn long_key(&mut self, key: &Text) {
        self.line(&KEY);
        self.sink.escaped(key);
        self.piece(KEY_END, 7);
    }

    /// Writes a scalar or an empty container, or the start of a container.
    #[inline(always)]
    fn value(&mut self, value: &'a Value) {
        let depth = self.depth();
        if depth > TABS {
            return self.other(value);
        }
        let mut window = self.sink.window();
        let scalar = scalar(&mut window, depth, value);
        let written = window.len();
        self.sink.keep(written);
        if scalar.is_none() {
            self.other(value);
        }
    }

    /// As [`value`](Writer::value), for what does not go through a window as a whole.
    fn other(&mut self, value: &'a Value) {
        match value {
            Value::Array(values) if values.is_empty() => self.line(&ARRAY_EMPTY),
            Value::Array(values) => {
                self.line(&ARRAY);
                if values.len() >= MANY {
                    self.make_room(values);
                }
                self.open.push(Open::Array(values.iter()));
            }
            Value::Dict(dictionary) => self.dict(dictionary),
            Value::Data(bytes) if bytes.is_empty() => self.line(&DATA_EMPTY),
            Value::Data(bytes) => {
                self.line(&DATA);
                base64::encode(bytes, self.sink.long());
                self.piece(b"</data>\n", 8);
            }
            Value::String(text) if !text.is_empty() => {
                self.line(&STRING);
                self.sink.escaped(text);
                self.piece(STRING_END, 10);
            }
            Value::String(_) => self.line(&STRING_EMPTY),
            Value::Bool(_) | Value::Signed(_) | Value::Unsigned(_) => {
                let depth = self.depth();
                self.sink.deep_indent(depth);
                let mut window = self.sink.window();
                scalar(&mut window, depth, value);
                let written = window.len();
                self.sink.keep(written);
            }
        }
    }

    #[inline]
    fn dict(&mut self, dictionary: &'a Dictionary) {
        match dictionary.is_empty() {
            true => self.line(&DICT_EMPTY),
            false => {
                self.line(&DICT);
                self.open.push(Open::Dict(dictionary.iter()));
            }
        }
    }

    #[inline]
    fn close(&mut self, line: &'static Line) {
        self.open.pop();
        self.line(line);
    }

    #[inline]
    fn line(&mut self, line: &'static Line) {
        let depth = self.depth();
        if depth > TABS {
            self.sink.deep_indent(depth);
        }
        let mut window = self.sink.window();
        window.line(depth, line);
        let written = window.len();
        self.sink.keep(written);
    }

    fn piece<const N: usize>(&mut self, bytes: &[u8; N], length: usize) {
        let mut window = self.sink.window();
        window.piece(bytes, length);
        let written = window.len();
        self.sink.keep(written);
    }

    /// Makes room for an array's values as if all were as the first.
    #[cold]
    fn make_room(&mut self, values: &[Value]) {
        let first = values.first().map_or(0, room);
        // Numbers that count up get longer.
        let all = (first + first / 8).saturating_mul(values.len());
        self.sink.long().reserve(all.min(MOST_ROOM));
    }
}

/// About as many bytes as a value takes with its tags. Arrays within make room themselves.
fn room(value: &Value) -> usize {
    match value {
        Value::String(text) => 20 + text.len(),
        Value::Data(bytes) => 20 + bytes.len() / 3 * 4,
        Value::Dict(entries) => {
            let entry = |(key, value): (&Text, &Value)| 16 + key.len() + room(value);
            20 + entries.iter().map(entry).sum::<usize>()
        }
        Value::Bool(_) | Value::Signed(_) | Value::Unsigned(_) | Value::Array(_) => 32,
    }
}

/// Writes a value with its indent, if it fits a window.
#[inline(always)]
fn scalar(window: &mut Window<'_>, depth: usize, value: &Value) -> Option<()> {
    match value {
        Value::Unsigned(number) => {
            window.line(depth, &UNSIGNED);
            window.hexadecimal(*number);
            window.piece(INTEGER_END, 11);
        }
        Value::String(text) if !text.is_empty() => {
            let bytes = plain(text)?;
            window.line(depth, &STRING);
            window.piece(bytes, text.len());
            window.piece(STRING_END, 10);
        }
        Value::String(_) => window.line(depth, &STRING_EMPTY),
        Value::Signed(number) => {
            window.line(depth, &SIGNED);
            window.decimal(*number);
            window.piece(INTEGER_END, 11);
        }
        Value::Bool(true) => window.line(depth, &TRUE),
        Value::Bool(false) => window.line(depth, &FALSE),
        Value::Data(_) | Value::Array(_) | Value::Dict(_) => return None,
    }
    Some(())
}

#[cfg(test)]
mod tests {
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
