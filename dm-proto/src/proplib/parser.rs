//! The grammar of property lists.

use memchr::memchr;

use super::base64;
use super::dictionary::Dictionary;
use super::error::{Fault, Reason};
use super::lexer::Lexer;
use super::limits::Limits;
use super::number;
use super::reader::Dialect;
use super::tag::{Allowed, Element, Form, Tag};
use super::text::Text;
use super::usual;
use super::value::Value;
use super::writer::HEADER;

/// Containers in an array after which its length is guessed.
const MANY: usize = 64;

/// Keys of a command, for which the outermost dictionary makes room at once.
const COMMAND_KEYS: usize = 8;

/// Containers within each other in a command, for which room is made at once.
const COMMAND_DEPTH: usize = 4;

/// A container whose end tag is still to come.
enum Open {
    Array {
        values: Vec<Value>,
        /// Where the first one begins in the text.
        start: usize,
    },
    Dict {
        /// From the key on, a key whose value comes next has a false one.
        entries: Vec<(Text, Value)>,
        /// Whether the keys rise strictly so far, as libprop writes them.
        sorted: bool,
    },
}

impl Open {
    /// Adds an array's value, or gives the last key its value.
    #[inline(always)]
    fn put(&mut self, value: Value) {
        match self {
            Self::Array { values, .. } => values.push(value),
            Self::Dict { entries, .. } => {
                if let Some((_, last)) = entries.last_mut() {
                    *last = value;
                }
            }
        }
    }

    fn close(self) -> Value {
        match self {
            Self::Array { values, .. } => Value::Array(values),
            Self::Dict { entries, sorted } => Value::Dict(match sorted {
                true => Dictionary::from_sorted(entries),
                false => Dictionary::from_unsorted(entries),
            }),
        }
    }
}

/// Builds values from tags, with the containers on a stack of its own.
pub(super) struct Parser<'a> {
    lexer: Lexer<'a>,
    dialect: Dialect,
    limits: Limits,
    items: usize,
    open: Vec<Open>,
    /// The top-level value, once it is read.
    root: Option<Value>,
}

impl<'a> Parser<'a> {
    /// Starts before a text as [`Lexer::new`] does.
    pub(super) fn new(text: &'a [u8], limits: Limits, dialect: Dialect) -> Self {
        let depth = limits.depth.min(Limits::MAX_DEPTH);
        Self {
            lexer: Lexer::new(text),
            dialect,
            limits: Limits { depth, ..limits },
            items: 0,
            open: Vec::with_capacity(COMMAND_DEPTH),
            root: None,
        }
    }

    /// Reads a text whose top-level element meets `root`.
    pub(super) fn document(mut self, root: fn(Element) -> bool) -> Result<Value, Fault> {
        match self.lexer.rest().starts_with(HEADER) {
            true => self.lexer.advance(HEADER.len()),
            false => self.header()?,
        }
        let tag = self.lexer.tag(Allowed::Start)?;
        if !root(tag.element) {
            return Err(Fault::new(tag.offset, Reason::Root));
        }
        self.begin(tag)?;
        while !self.open.is_empty() {
            match self.next_value()? {
                Some(tag) => self.begin(tag)?,
                None => self.close(),
            }
        }
        self.lexer.close(Element::Plist, "/plist", b"\n</plist>")?;
        Ok(self.root.expect("the top-level value was begun and ended"))
    }

    /// Reads up to the top-level element, however that is written.
    #[cold]
    fn header(&mut self) -> Result<(), Fault> {
        self.lexer.skip_preamble()?;
        let plist = self.lexer.tag(Allowed::Start)?;
        if plist.element != Element::Plist {
            let expected = "plist";
            return Err(Fault::new(plist.offset, Reason::Expected { expected }));
        }
        if plist.form == Form::Empty {
            return Err(Fault::new(plist.offset, Reason::Empty));
        }
        if let Some(attribute) = self.lexer.attribute()
            && attribute.name != b"version"
        {
            return Err(Fault::new(plist.offset, Reason::Attribute));
        }
        Ok(())
    }

    /// Reads a scalar or an empty container, or opens a container.
    ///
    /// In an array libprop takes an end tag for a start tag, so `End` counts as `Start` here.
    #[inline]
    fn begin(&mut self, tag: Tag) -> Result<(), Fault> {
        if self.items == self.limits.items {
            let limit = self.items;
            return Err(Fault::new(tag.offset, Reason::Items { limit }));
        }
        self.items += 1;
        if self.lexer.attribute().is_some() && tag.element != Element::Data {
            return Err(Fault::new(tag.offset, Reason::Attribute));
        }
        match (tag.element, tag.form == Form::Empty) {
            (Element::String, false) => {
                let text = self.lexer.string()?;
                self.put(Value::String(text));
                self.lexer.close(Element::String, "/string", b"</string>")?;
            }
            (Element::Integer, false) => {
                let value = self.integer()?;
                self.put(value);
            }
            (Element::Dict, false) => {
                self.check_depth(tag)?;
                let entries = match self.open.is_empty() {
                    true => Vec::with_capacity(COMMAND_KEYS),
                    false => Vec::new(),
                };
                let sorted = true;
                self.open.push(Open::Dict { entries, sorted });
            }
            (Element::Array, false) => {
                self.check_depth(tag)?;
                let values = Vec::new();
                let start = self.lexer.offset();
                self.open.push(Open::Array { values, start });
            }
            (Element::True, true) => self.put(Value::Bool(true)),
            (Element::False, true) => self.put(Value::Bool(false)),
            (Element::String, true) => self.put(Value::String(Text::default())),
            (Element::Dict, true) => {
                self.check_depth(tag)?;
                self.put(Value::Dict(Dictionary::new()));
            }
            (Element::Array, true) => {
                self.check_depth(tag)?;
                self.put(Value::Array(Vec::new()));
            }
            (Element::Data, false) => {
                let value = self.data(tag)?;
                self.put(value);
            }
            (element, _) => return Err(Fault::new(tag.offset, not_a_value(element))),
        }
        Ok(())
    }

    #[inline]
    fn check_depth(&self, tag: Tag) -> Result<(), Fault> {
        let limit = self.limits.depth;
        match self.open.len() < limit {
            true => Ok(()),
            false => Err(Fault::new(tag.offset, Reason::Depth { limit })),
        }
    }

    #[inline(always)]
    fn put(&mut self, value: Value) {
        match self.open.last_mut() {
            Some(open) => open.put(value),
            None => self.root = Some(value),
        }
    }

    fn close(&mut self) {
        if let Some(open) = self.open.pop() {
            self.put(open.close());
            if let Some(Open::Array { values, start }) = self.open.last_mut()
                && values.len() == MANY
            {
                // As if the rest of the text were more of the same: a long array is not moved as it grows.
                let each = (self.lexer.offset() - *start) / MANY;
                let more = self.lexer.rest().len() / each.max(1);
                values.reserve_exact(more.min(self.limits.items - self.items));
            }
        }
    }

    /// Goes on in the innermost container: to the tag of its next value, or to its end (`None`).
    #[inline]
    fn next_value(&mut self) -> Result<Option<Tag>, Fault> {
        self.usual_entries();
        let tag = self.lexer.tag(Allowed::Either)?;
        let end = tag.form == Form::End;
        let Some(Open::Dict { entries, sorted }) = self.open.last_mut() else {
            return Ok((tag.element != Element::Array || !end).then_some(tag));
        };
        match (tag.element, tag.form) {
            (Element::Dict, Form::End) => Ok(None),
            (Element::Key, Form::Start) => {
                let key = self.lexer.key()?;
                *sorted = *sorted && entries.last().is_none_or(|(last, _)| *last < key);
                entries.push((key, Value::Bool(false)));
                self.lexer.close(Element::Key, "/key", b"</key>")?;
                self.lexer.tag(Allowed::Start).map(Some)
            }
            (Element::Key, Form::Empty) => Err(Fault::new(tag.offset, Reason::Empty)),
            _ => {
                let expected = if end { "/dict" } else { "key" };
                Err(Fault::new(tag.offset, Reason::Expected { expected }))
            }
        }
    }

    /// Reads the entries that come next in the innermost container, as far as they are as libprop writes them.
    #[inline(always)]
    fn usual_entries(&mut self) {
        let Some(Open::Dict { entries, sorted }) = self.open.last_mut() else {
            return;
        };
        let mut rest = self.lexer.rest();
        while self.items < self.limits.items
            && let Some(behind) = usual::read(rest, entries)
        {
            rest = behind;
            if let [.., (before, _), (last, _)] = entries.as_slice() {
                *sorted = *sorted && before < last;
            }
            self.items += 1;
        }
        self.lexer.advance(self.lexer.rest().len() - rest.len());
    }

    #[inline]
    fn integer(&mut self) -> Result<Value, Fault> {
        let start = self.lexer.offset();
        let (value, length) = number::integer(self.lexer.rest(), self.dialect)
            .map_err(|reason| Fault::new(start, reason))?;
        self.lexer.advance(length);
        if self.lexer.rest().starts_with(b"</integer>") {
            self.lexer.advance(10);
            return Ok(value);
        }
        self.lexer.skip_blanks();
        match self.lexer.rest().first() {
            None | Some(b'<') => self
                .lexer
                .close(Element::Integer, "/integer", b"</integer>")?,
            Some(_) => return Err(Fault::new(start, Reason::Integer)),
        }
        Ok(value)
    }

    #[cold]
    fn data(&mut self, tag: Tag) -> Result<Value, Fault> {
        let size = match self.lexer.attribute() {
            None => None,
            Some(attribute) if attribute.name == b"size" => {
                let size = number::whole(attribute.value)
                    .ok_or_else(|| Fault::new(tag.offset, Reason::DataSize))?;
                Some(size)
            }
            Some(_) => return Err(Fault::new(tag.offset, Reason::Attribute)),
        };
        let start = self.lexer.offset();
        let rest = self.lexer.rest();
        let end = memchr(b'<', rest).ok_or_else(|| self.lexer.end())?;
        let bytes =
            base64::decode(&rest[..end]).map_err(|at| Fault::new(start + at, Reason::Base64))?;
        if size.is_some_and(|size| u64::try_from(bytes.len()) != Ok(size)) {
            return Err(Fault::new(tag.offset, Reason::DataSize));
        }
        self.lexer.advance(end);
        self.lexer.close(Element::Data, "/data", b"</data>")?;
        Ok(Value::Data(bytes))
    }
}

/// Why an element in this form is no value.
#[cold]
fn not_a_value(element: Element) -> Reason {
    match element {
        Element::True | Element::False => Reason::Boolean,
        Element::Integer | Element::Data => Reason::Empty,
        Element::Key => Reason::Key,
        _ => Reason::Element,
    }
}
