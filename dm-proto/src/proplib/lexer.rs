//! Tags and text, cut as libprop cuts them.

use memchr::{memchr, memmem};
use zeroize::Zeroizing;

use super::dictionary::MAX_KEY;
use super::error::{Fault, Reason};
use super::scan;
use super::tag::{Allowed, Element, Form, Tag, Usual};
use super::text::Text;

/// The one attribute a tag may have.
#[derive(Debug, Clone, Copy)]
pub(super) struct Attribute<'a> {
    pub(super) name: &'a [u8],
    pub(super) value: &'a [u8],
}

/// A place in a text.
pub(super) struct Lexer<'a> {
    text: &'a [u8],
    at: usize,
    attribute: Option<Attribute<'a>>,
}

impl<'a> Lexer<'a> {
    /// Starts before a text, where a NUL is a fault wherever it is met, though not always [`Reason::End`].
    pub(super) fn new(text: &'a [u8]) -> Self {
        Self {
            text,
            at: 0,
            attribute: None,
        }
    }

    /// The next byte's offset.
    pub(super) fn offset(&self) -> usize {
        self.at
    }

    /// What is not read yet.
    #[inline]
    pub(super) fn rest(&self) -> &'a [u8] {
        &self.text[self.at..]
    }

    /// Goes on by some bytes of [`rest`](Lexer::rest).
    #[inline]
    pub(super) fn advance(&mut self, bytes: usize) {
        self.at = self.text.len().min(self.at + bytes);
    }

    /// The attribute of the last tag.
    #[inline]
    pub(super) fn attribute(&self) -> Option<Attribute<'a>> {
        self.attribute
    }

    /// Skips the XML declaration, the DOCTYPE, and comments behind a doubled `<`, in any order and number.
    ///
    /// # Source
    /// `_prop_object_internalize_context_alloc`, which means plain comments but matches one byte late; those are
    /// skipped with the first tag.
    pub(super) fn skip_preamble(&mut self) -> Result<(), Fault> {
        loop {
            self.skip_blanks();
            let rest = self.rest();
            if rest.starts_with(b"<?xml ") || rest.starts_with(b"<!DOCTYPE plist") {
                let end = memchr(b'>', rest).ok_or_else(|| self.end())?;
                self.skip(end + 1)?;
            } else if rest.starts_with(b"<<!--") {
                self.advance(4);
                self.skip_comment()?;
            } else {
                return Ok(());
            }
        }
    }

    /// Reads the next tag.
    ///
    /// # Source
    /// `_prop_object_internalize_find_tag`.
    #[inline]
    pub(super) fn tag(&mut self, allowed: Allowed) -> Result<Tag, Fault> {
        self.skip_blanks();
        let offset = self.at;
        match Usual::find(self.rest()) {
            Some(usual) if allowed.holds(usual.form) => {
                self.at += usual.length;
                self.attribute = None;
                Ok(Tag {
                    offset,
                    element: usual.element,
                    form: usual.form,
                })
            }
            _ => self.any_tag(allowed),
        }
    }

    #[cold]
    fn any_tag(&mut self, allowed: Allowed) -> Result<Tag, Fault> {
        loop {
            self.skip_blanks();
            let offset = self.at;
            let (name_at, end) = match self.rest() {
                [b'<', b'!', ..] => {
                    self.comment(allowed)?;
                    continue;
                }
                [b'<', b'/', ..] => (offset + 2, true),
                [b'<', _, ..] => (offset + 1, false),
                [] | [b'<'] => return Err(self.end()),
                _ => return Err(Fault::new(offset, Reason::NotTag)),
            };
            let form = if end { Form::End } else { Form::Start };
            if !allowed.holds(form) {
                let reason = if end { Reason::EndTag } else { Reason::NotTag };
                return Err(Fault::new(offset, reason));
            }
            let tail = &self.text[name_at..];
            let length = tail
                .iter()
                .position(|byte| matches!(byte, b'>' | b'/') || is_blank(*byte))
                .ok_or_else(|| self.end())?;
            let mut tag = Tag {
                offset,
                element: Element::from_name(&tail[..length]),
                form,
            };
            self.attribute = None;
            self.at = name_at + length;
            match (tail[length], tail.get(length + 1)) {
                (b'>', _) => self.at += 1,
                (b'/', Some(b'>')) if !end => {
                    tag.form = Form::Empty;
                    self.at += 2;
                }
                (b'/', _) => return Err(Fault::new(offset, Reason::Tag)),
                _ => self.read_attribute(offset)?,
            }
            return Ok(tag);
        }
    }

    /// Reads the end tag of an element, `</name>` as a rule; libprop lets it have an attribute.
    #[inline(always)]
    pub(super) fn close(
        &mut self,
        element: Element,
        name: &'static str,
        usual: &'static [u8],
    ) -> Result<(), Fault> {
        if self.rest().starts_with(usual) {
            self.at += usual.len();
            return Ok(());
        }
        self.close_unusual(element, name)
    }

    #[cold]
    fn close_unusual(&mut self, element: Element, expected: &'static str) -> Result<(), Fault> {
        let expected = Reason::Expected { expected };
        let tag = self
            .tag(Allowed::End)
            .map_err(|fault| fault.replace(Reason::NotTag, expected))?;
        match tag.element == element {
            true => Ok(()),
            false => Err(Fault::new(tag.offset, expected)),
        }
    }

    /// Reads text up to the next `<`.
    #[inline(always)]
    pub(super) fn string(&mut self) -> Result<Text, Fault> {
        let rest = self.rest();
        let end = scan::before_markup(rest).ok_or_else(|| self.end())?;
        if rest[end] != b'<' {
            return Ok(Text::from_nul_free(&self.string_with_entities()?));
        }
        self.at += end;
        Ok(Text::from_head(rest, end))
    }

    /// Reads text up to the next `<` that is a key.
    #[inline(always)]
    pub(super) fn key(&mut self) -> Result<Text, Fault> {
        let start = self.at;
        let key = self.string()?;
        match key.len() {
            0..=MAX_KEY => Ok(key),
            _ => Err(Fault::new(start, Reason::KeyLength)),
        }
    }

    /// The fault of a text that ends too early.
    #[cold]
    pub(super) fn end(&self) -> Fault {
        Fault::new(self.text.len(), Reason::End)
    }

    #[inline]
    pub(super) fn skip_blanks(&mut self) {
        if let Some(indent) = scan::usual_indent(self.rest()) {
            self.at += indent;
            return;
        }
        while let Some(&byte) = self.text.get(self.at)
            && is_blank(byte)
        {
            self.at += 1;
        }
    }

    #[cold]
    fn string_with_entities(&mut self) -> Result<Zeroizing<Vec<u8>>, Fault> {
        // It may be a key: it never grows, which would leave bytes behind, as entities get shorter.
        let most = memchr(b'<', self.rest()).unwrap_or_default();
        let mut string = Zeroizing::new(Vec::with_capacity(most));
        loop {
            let rest = self.rest();
            let run = scan::before_markup(rest).ok_or_else(|| self.end())?;
            string.extend_from_slice(&rest[..run]);
            self.at += run;
            match rest[run] {
                b'<' => return Ok(string),
                0 => return Err(Fault::new(self.at, Reason::End)),
                _ => {}
            }
            let (byte, length) =
                entity(&rest[run..]).ok_or_else(|| Fault::new(self.at, Reason::Entity))?;
            string.push(byte);
            self.at += length;
        }
    }

    #[cold]
    fn comment(&mut self, allowed: Allowed) -> Result<(), Fault> {
        if allowed == Allowed::End || !self.rest().starts_with(b"<!--") {
            return Err(Fault::new(self.at, Reason::Markup));
        }
        self.advance(4);
        self.skip_comment()
    }

    fn skip_comment(&mut self) -> Result<(), Fault> {
        let end = memmem::find(self.rest(), b"-->").ok_or_else(|| self.end())?;
        self.skip(end + 3)
    }

    /// Reads a blank, `name="value"` and `>`. As in libprop, one blank may stand in the place of `=`.
    #[cold]
    fn read_attribute(&mut self, tag: usize) -> Result<(), Fault> {
        self.skip_blanks();
        let rest = self.rest();
        let name = rest
            .iter()
            .position(|byte| *byte == b'=' || is_blank(*byte))
            .ok_or_else(|| match memchr(b'>', rest) {
                Some(_) => Fault::new(tag, Reason::Tag),
                None => self.end(),
            })?;
        let Some((b'"', value)) = rest[name + 1..].split_first() else {
            return Err(Fault::new(tag, Reason::Tag));
        };
        let end = memchr(b'"', value).ok_or_else(|| self.end())?;
        if value.get(end + 1) != Some(&b'>') {
            return Err(Fault::new(tag, Reason::Tag));
        }
        self.attribute = Some(Attribute {
            name: &rest[..name],
            value: &value[..end],
        });
        self.skip(name + 2 + end + 2)
    }

    /// Goes on over bytes that are not looked at otherwise.
    #[cold]
    fn skip(&mut self, bytes: usize) -> Result<(), Fault> {
        let skipped = &self.rest()[..bytes];
        match memchr(0, skipped) {
            None => {
                self.at += bytes;
                Ok(())
            }
            Some(nul) => Err(Fault::new(self.at + nul, Reason::End)),
        }
    }
}

/// libprop's blanks, without its NUL.
#[inline]
pub(super) fn is_blank(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\n' | b'\r')
}

/// The entity at the head of a text: its byte and its length.
fn entity(text: &[u8]) -> Option<(u8, usize)> {
    const ENTITIES: [(&[u8], u8); 5] = [
        (b"&amp;", b'&'),
        (b"&lt;", b'<'),
        (b"&gt;", b'>'),
        (b"&quot;", b'"'),
        (b"&apos;", b'\''),
    ];
    ENTITIES
        .iter()
        .find(|(name, _)| text.starts_with(name))
        .map(|(name, byte)| (*byte, name.len()))
}
