//! The kinds of tags.

use super::scan;

/// The elements of a property list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Element {
    Array,
    Data,
    Dict,
    False,
    Integer,
    Key,
    Plist,
    String,
    True,
    Other,
}

impl Element {
    #[inline]
    pub(super) fn from_name(name: &[u8]) -> Self {
        match name {
            b"array" => Self::Array,
            b"data" => Self::Data,
            b"dict" => Self::Dict,
            b"false" => Self::False,
            b"integer" => Self::Integer,
            b"key" => Self::Key,
            b"plist" => Self::Plist,
            b"string" => Self::String,
            b"true" => Self::True,
            _ => Self::Other,
        }
    }
}

/// How a tag stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    Start,
    End,
    Empty,
}

/// Which tags may stand at a place. Comments may stand wherever a start tag may.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Allowed {
    Start,
    End,
    Either,
}

impl Allowed {
    #[inline]
    pub(super) fn holds(self, form: Form) -> bool {
        match self {
            Self::Start => form != Form::End,
            Self::End => form == Form::End,
            Self::Either => true,
        }
    }
}

/// The tags that libprop writes, most frequent first, found by their first bytes.
pub(super) struct Usual {
    head: u64,
    pub(super) length: usize,
    pub(super) element: Element,
    pub(super) form: Form,
}

impl Usual {
    const ALL: [Self; 9] = [
        Self::new(b"<key>", Element::Key, Form::Start),
        Self::new(b"<string>", Element::String, Form::Start),
        Self::new(b"<integer>", Element::Integer, Form::Start),
        Self::new(b"</dict>", Element::Dict, Form::End),
        Self::new(b"<dict>", Element::Dict, Form::Start),
        Self::new(b"<true/>", Element::True, Form::Empty),
        Self::new(b"<false/>", Element::False, Form::Empty),
        Self::new(b"</array>", Element::Array, Form::End),
        Self::new(b"<array>", Element::Array, Form::Start),
    ];

    const fn new(tag: &[u8], element: Element, form: Form) -> Self {
        let mut head = [0; 8];
        let mut at = 0;
        while at < tag.len() && at < 8 {
            head[at] = tag[at];
            at += 1;
        }
        Self {
            head: u64::from_le_bytes(head),
            length: tag.len(),
            element,
            form,
        }
    }

    /// The usual tag that a text starts with. None of them lies within another.
    #[inline(always)]
    pub(super) fn find(text: &[u8]) -> Option<&'static Self> {
        let word = scan::word(text);
        Self::ALL.iter().find(|usual| {
            scan::low_bytes(word, usual.length) == usual.head
                && (usual.length <= 8 || text.get(8) == Some(&b'>'))
        })
    }
}

/// One tag.
#[derive(Debug, Clone, Copy)]
pub(super) struct Tag {
    pub(super) offset: usize,
    pub(super) element: Element,
    pub(super) form: Form,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn usual_tags_are_found_whole() {
        let found = |text: &[u8]| Usual::find(text).map(|tag| (tag.element, tag.form, tag.length));
        let integer = Some((Element::Integer, Form::Start, 9));
        assert_eq!(found(b"<integer>5"), integer);
        assert_eq!(found(b"<integer "), None);
        assert_eq!(found(b"<integer"), None);
        assert_eq!(found(b"<key>abc"), Some((Element::Key, Form::Start, 5)));
        assert_eq!(found(b"<key >abc"), None);
        assert_eq!(found(b"</dict>\n"), Some((Element::Dict, Form::End, 7)));
        assert_eq!(found(b"</dict>"), None, "too short to look at");
    }

    #[test]
    fn usual_tags_have_their_own_names() {
        for usual in &Usual::ALL {
            let head = usual.head.to_le_bytes();
            let name = head.iter().filter(|byte| byte.is_ascii_lowercase());
            let name: Vec<u8> = name.copied().collect();
            let cut = usual.element == Element::Integer;
            assert!(cut || Element::from_name(&name) == usual.element);
        }
    }
}
