//! The way through a value that is written.

use std::slice;

use smallvec::SmallVec;
use zeroize::Zeroize;

use super::base64;
use super::dictionary::{Dictionary, Iter};
use super::line::{self, Line, Place, TABS};
use super::sink::{Sink, Window, plain};
use super::text::Text;
use super::value::Value;

/// What stands behind the top-level value.
pub(super) const FOOTER: &[u8; 9] = b"</plist>\n";

/// As long as it is copied, see [`Window::piece`].
const INTEGER_END: &[u8; 16] = b"</integer>\n\0\0\0\0\0";

const KEY_END: &[u8; 8] = b"</key>\n\0";

const STRING_END: &[u8; 16] = b"</string>\n\0\0\0\0\0\0";

/// Values from which on an array makes room ahead.
const MANY: usize = 32;

/// Most room that is made ahead. What is not written to takes no memory.
pub(super) const MOST_ROOM: usize = 32 << 20;

/// A container of which some is still to be written.
enum Open<'a> {
    Array(slice::Iter<'a, Value>),
    Dict(Iter<'a>),
}

/// Where a run of entries or values stops.
enum Stop<'a> {
    /// Behind the last of them, and the container's end.
    End,
    /// Before a key that goes through no window.
    Key(&'a Text, &'a Value),
    /// Before a value that goes through no window as a whole.
    Value(&'a Value),
}

/// Writes values, with the containers around the next one on a stack of its own.
pub(super) struct Walk<'a, 'text> {
    sink: Sink<'text>,
    /// As deep as commands go, without an allocation.
    open: SmallVec<[Open<'a>; 4]>,
    /// How many containers there are around these, which somebody else closes.
    outer: usize,
}

impl<'a, 'text> Walk<'a, 'text> {
    pub(super) fn new(text: &'text mut Vec<u8>) -> Self {
        Self {
            sink: Sink::new(text),
            open: SmallVec::new(),
            outer: 0,
        }
    }

    /// Begins a dictionary whose entries come one by one.
    pub(super) fn into_dict(mut self) -> Self {
        self.line(&line::DICT);
        self.outer += 1;
        self
    }

    /// Ends what [`into_dict`](Walk::into_dict) began.
    pub(super) fn out_of_dict(mut self) -> Self {
        self.outer -= 1;
        self.line(&line::DICT_END);
        self
    }

    /// Writes a value with all that it holds.
    pub(super) fn value(&mut self, value: &'a Value) {
        self.begin(value);
        self.drain();
    }

    /// Writes a dictionary with all that it holds.
    pub(super) fn dict(&mut self, dictionary: &'a Dictionary) {
        self.begin_dict(dictionary);
        self.drain();
    }

    /// Writes a key and its value.
    pub(super) fn entry(&mut self, key: &Text, value: &'a Value) {
        self.key(key);
        self.value(value);
    }

    /// Writes a key and an array of items that are made meanwhile, some at a time.
    pub(super) fn items(mut self, key: &Text, mut items: impl Iterator<Item = Value>) -> Self {
        self.key(key);
        let mut some: Vec<Value> = items.by_ref().take(MANY).collect();
        if some.is_empty() {
            self.line(&line::ARRAY_EMPTY);
            return self;
        }
        self.line(&line::ARRAY);
        let Self {
            mut sink,
            open,
            outer,
        } = self;
        while !some.is_empty() {
            let mut walk = Walk {
                sink,
                open: SmallVec::new(),
                outer: outer + 1,
            };
            some.iter().for_each(|value| walk.value(value));
            sink = walk.into_sink();
            some.iter_mut().for_each(Zeroize::zeroize);
            some.clear();
            some.extend(items.by_ref().take(MANY));
        }
        let mut walk = Self { sink, open, outer };
        walk.line(&line::ARRAY_END);
        walk
    }

    /// Writes the end.
    pub(super) fn finish(mut self) {
        self.piece(FOOTER, FOOTER.len());
        self.sink.flush();
    }

    /// Lets go of the values.
    fn into_sink(self) -> Sink<'text> {
        self.sink
    }

    #[inline(always)]
    fn depth(&self) -> usize {
        self.outer + self.open.len()
    }

    /// Writes what is left of the open containers.
    fn drain(&mut self) {
        while let Some(open) = self.open.pop() {
            match open {
                Open::Array(values) => self.values(values),
                Open::Dict(entries) => self.entries(entries),
            }
        }
    }

    /// Writes entries up to the next container.
    fn entries(&mut self, mut entries: Iter<'a>) {
        let outside = self.depth();
        let depth = outside + 1;
        let stop = match depth <= TABS {
            true => self.sink.fill(|window| {
                let Some((key, value)) = entries.next() else {
                    window.line(&line::DICT_END, Place::Item, outside);
                    return Some(Stop::End);
                };
                let Some((name, length)) = plain(key) else {
                    return Some(Stop::Key(key, value));
                };
                window.line(&line::KEY, Place::Item, depth);
                window.piece(name, length);
                if scalar(window, Place::Entry, depth, value).is_some() {
                    return None;
                }
                window.piece(KEY_END, 7);
                Some(Stop::Value(value))
            }),
            false => match entries.next() {
                Some((key, value)) => Stop::Key(key, value),
                None => {
                    self.line(&line::DICT_END);
                    Stop::End
                }
            },
        };
        if !matches!(stop, Stop::End) {
            self.open.push(Open::Dict(entries));
        }
        self.pass(stop);
    }

    /// Writes an array's values up to the next container.
    fn values(&mut self, mut values: slice::Iter<'a, Value>) {
        let outside = self.depth();
        let depth = outside + 1;
        let stop = match depth <= TABS {
            true => self.sink.fill(|window| {
                let Some(value) = values.next() else {
                    window.line(&line::ARRAY_END, Place::Item, outside);
                    return Some(Stop::End);
                };
                match scalar(window, Place::Item, depth, value) {
                    Some(()) => None,
                    None => Some(Stop::Value(value)),
                }
            }),
            false => match values.next() {
                Some(value) => Stop::Value(value),
                None => {
                    self.line(&line::ARRAY_END);
                    Stop::End
                }
            },
        };
        if !matches!(stop, Stop::End) {
            self.open.push(Open::Array(values));
        }
        self.pass(stop);
    }

    /// Writes what a run stopped at.
    #[inline(always)]
    fn pass(&mut self, stop: Stop<'a>) {
        match stop {
            Stop::End => {}
            Stop::Key(key, value) => {
                self.key(key);
                self.begin(value);
            }
            Stop::Value(value) => self.begin(value),
        }
    }

    /// Writes any key.
    fn key(&mut self, key: &Text) {
        self.line(&line::KEY);
        self.sink.escaped(key);
        self.piece(KEY_END, 7);
    }

    /// Writes a scalar or an empty container, or the start of a container.
    fn begin(&mut self, value: &'a Value) {
        match value {
            Value::Dict(dictionary) => self.begin_dict(dictionary),
            Value::Array(values) if values.is_empty() => self.line(&line::ARRAY_EMPTY),
            Value::Array(values) => {
                self.line(&line::ARRAY);
                if values.len() >= MANY {
                    self.make_room(values);
                }
                self.open.push(Open::Array(values.iter()));
            }
            Value::Data(bytes) if bytes.is_empty() => self.line(&line::DATA_EMPTY),
            Value::Data(bytes) => {
                self.line(&line::DATA);
                base64::encode(bytes, self.sink.long());
                self.piece(b"</data>\n", 8);
            }
            Value::String(text) if !text.is_empty() => {
                self.line(&line::STRING);
                self.sink.escaped(text);
                self.piece(STRING_END, 10);
            }
            Value::String(_) => self.line(&line::STRING_EMPTY),
            Value::Bool(_) | Value::Signed(_) | Value::Unsigned(_) => {
                let depth = self.indent();
                self.sink
                    .fill(|window| scalar(window, Place::Item, depth, value));
            }
        }
    }

    #[inline]
    fn begin_dict(&mut self, dictionary: &'a Dictionary) {
        match dictionary.is_empty() {
            true => self.line(&line::DICT_EMPTY),
            false => {
                self.line(&line::DICT);
                self.open.push(Open::Dict(dictionary.iter()));
            }
        }
    }

    /// Writes the tabs for which lines have no room, and gives how many are left.
    #[inline(always)]
    fn indent(&mut self) -> usize {
        let depth = self.depth();
        if depth > TABS {
            self.sink.tabs(depth - TABS);
        }
        depth.min(TABS)
    }

    #[inline]
    fn line(&mut self, line: &'static Line) {
        let depth = self.indent();
        self.sink.fill(|window| {
            window.line(line, Place::Item, depth);
            Some(())
        });
    }

    fn piece<const N: usize>(&mut self, bytes: &[u8; N], length: usize) {
        self.sink.fill(|window| {
            window.piece(bytes, length);
            Some(())
        });
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
fn scalar(window: &mut Window<'_>, place: Place, depth: usize, value: &Value) -> Option<()> {
    match value {
        Value::Unsigned(number) => {
            window.line(&line::UNSIGNED, place, depth);
            window.hexadecimal(*number);
            window.piece(INTEGER_END, 11);
        }
        Value::String(text) if !text.is_empty() => {
            let (bytes, length) = plain(text)?;
            window.line(&line::STRING, place, depth);
            window.piece(bytes, length);
            window.piece(STRING_END, 10);
        }
        Value::String(_) => window.line(&line::STRING_EMPTY, place, depth),
        Value::Signed(number) => {
            window.line(&line::SIGNED, place, depth);
            window.decimal(*number);
            window.piece(INTEGER_END, 11);
        }
        Value::Bool(true) => window.line(&line::TRUE, place, depth),
        Value::Bool(false) => window.line(&line::FALSE, place, depth),
        Value::Data(_) | Value::Array(_) | Value::Dict(_) => return None,
    }
    Some(())
}
