//! From text to values.

use memchr::memchr;

use super::dictionary::Dictionary;
use super::error::{Fault, ReadError, Reason};
use super::limits::Limits;
use super::parser::Parser;
use super::tag::Element;
use super::value::Value;

/// Whose rules a text must meet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum Dialect {
    /// libprop in a process.
    #[default]
    Userland,
    /// libprop in the kernel, which refuses integers past `i64` that do not start with `0x`.
    Kernel,
}

/// Reads property lists.
///
/// A text ends at its first NUL, if it has one; what follows `</plist>` is ignored. Where libprop would run on behind
/// the NUL, this is [`Reason::End`].
///
/// # Examples
/// ```
/// use dm_proto::proplib::{Dialect, Reader};
///
/// let text = b"<plist><dict><key>a</key><integer>9223372036854775808</integer></dict></plist>";
/// let reader = Reader::new();
/// assert_eq!(reader.read_dictionary(text)?.uint64("a"), Some(1 << 63));
/// assert!(reader.dialect(Dialect::Kernel).read_dictionary(text).is_err());
/// # Ok::<(), dm_proto::proplib::ReadError>(())
/// ```
///
/// # Source
/// `prop_dictionary_internalize`, `prop_array_internalize`.
#[derive(Debug, Clone, Copy, Default)]
pub struct Reader {
    limits: Limits,
    dialect: Dialect,
}

impl Reader {
    /// A reader with the default limits, as in userland.
    pub fn new() -> Self {
        Self::default()
    }

    /// The same reader with other limits.
    #[must_use]
    pub fn limits(self, limits: Limits) -> Self {
        Self { limits, ..self }
    }

    /// The same reader with other rules.
    #[must_use]
    pub fn dialect(self, dialect: Dialect) -> Self {
        Self { dialect, ..self }
    }

    /// Reads a dictionary or an array.
    ///
    /// # Errors
    /// Where libprop gives NULL, and past the limits.
    pub fn read(&self, bytes: &[u8]) -> Result<Value, ReadError> {
        self.parse(bytes, |element| {
            matches!(element, Element::Dict | Element::Array)
        })
    }

    /// Reads a dictionary.
    ///
    /// # Errors
    /// As [`Reader::read`]; [`Reason::Root`] for an array.
    pub fn read_dictionary(&self, bytes: &[u8]) -> Result<Dictionary, ReadError> {
        match self.parse(bytes, |element| element == Element::Dict)? {
            Value::Dict(dictionary) => Ok(dictionary),
            _ => unreachable!("a dict element gives a dictionary"),
        }
    }

    fn parse(&self, bytes: &[u8], root: fn(Element) -> bool) -> Result<Value, ReadError> {
        let limit = self.limits.size;
        if bytes.len() > limit {
            let fault = Fault::new(0, Reason::Size { limit });
            return Err(ReadError::new(bytes, fault));
        }
        let parse = |text| Parser::new(text, self.limits, self.dialect).document(root);
        parse(bytes).or_else(|fault| {
            // To look for a NUL at first would take as long as to copy the text; a NUL within is a fault anyhow.
            let end = memchr(0, bytes).unwrap_or(bytes.len());
            let text = &bytes[..end];
            let read = match end == bytes.len() {
                true => Err(fault),
                false => parse(text),
            };
            read.map_err(|fault| ReadError::new(text, fault))
        })
    }
}

/// Reads a dictionary or an array as libprop does in userland.
///
/// # Errors
/// As [`Reader::read`].
pub fn read(bytes: &[u8], limits: &Limits) -> Result<Value, ReadError> {
    Reader::new().limits(*limits).read(bytes)
}

/// Reads a dictionary as libprop does in userland.
///
/// # Errors
/// As [`Reader::read_dictionary`].
pub fn read_dictionary(bytes: &[u8], limits: &Limits) -> Result<Dictionary, ReadError> {
    Reader::new().limits(*limits).read_dictionary(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fault(text: &str) -> (usize, usize, Reason) {
        let error = read(text.as_bytes(), &Limits::default()).expect_err(text);
        (error.line, error.column, error.reason)
    }

    /// Puts a value on the third line of a text, behind one tab.
    fn fault_in(value: &str) -> (usize, usize, Reason) {
        fault(&format!(
            "<plist><dict>\n\t<key>k</key>\n\t{value}\n</dict></plist>"
        ))
    }

    #[test]
    fn fault_names_line_and_column() {
        let expected = |expected| Reason::Expected { expected };
        assert_eq!(fault(""), (1, 1, Reason::End));
        assert_eq!(fault("hello"), (1, 1, Reason::NotTag));
        assert_eq!(fault("\n<dict/>"), (2, 1, expected("plist")));
        assert_eq!(fault("<plist/>"), (1, 1, Reason::Empty));
        assert_eq!(fault("<plist ><dict/>"), (1, 1, Reason::Tag));
        assert_eq!(fault("<plist a=\"b\"><dict/>"), (1, 1, Reason::Attribute));
        assert_eq!(fault("<plist>\n<true/>"), (2, 1, Reason::Root));
        assert_eq!(fault("<plist>\n<dict/>\nx"), (3, 1, expected("/plist")));
        assert_eq!(fault("<plist>\n<dict/>"), (2, 8, Reason::End));
        assert_eq!(fault("<plist><dict>\n x"), (2, 2, Reason::NotTag));
        assert_eq!(fault("<plist><dict>\n<true/>"), (2, 1, expected("key")));
        assert_eq!(fault("<plist><dict>\n</array>"), (2, 1, expected("/dict")));
        assert_eq!(
            fault("<plist><dict><key>a</dict>"),
            (1, 20, expected("/key"))
        );
        assert_eq!(fault("<plist><dict><key>a<key>"), (1, 20, expected("/key")));
        assert_eq!(fault("<plist><dict/><plist>"), (1, 15, expected("/plist")));
        assert_eq!(fault("<plist><array>\n<key>"), (2, 1, Reason::Key));
    }

    #[test]
    fn fault_in_a_value_names_its_place() {
        let expected = |expected| Reason::Expected { expected };
        assert_eq!(fault_in(""), (4, 1, Reason::EndTag));
        assert_eq!(fault_in("<real>1</real>"), (3, 2, Reason::Element));
        assert_eq!(fault_in("<true></true>"), (3, 2, Reason::Boolean));
        assert_eq!(fault_in("<dict a=\"b\"/>"), (3, 2, Reason::Tag));
        assert_eq!(fault_in("<dict a=\"b\">"), (3, 2, Reason::Attribute));
        assert_eq!(fault_in("<integer/>"), (3, 2, Reason::Empty));
        assert_eq!(fault_in("<integer>x</integer>"), (3, 11, Reason::Integer));
        assert_eq!(fault_in("<integer>5</key>"), (3, 12, expected("/integer")));
        let long = "<integer>18446744073709551616</integer>";
        assert_eq!(fault_in(long), (3, 11, Reason::Range));
        assert_eq!(fault_in("<string>a&b;"), (3, 11, Reason::Entity));
        assert_eq!(fault_in("<string>a</dict>"), (3, 11, expected("/string")));
        assert_eq!(fault_in("<string>a<string>"), (3, 11, expected("/string")));
        assert_eq!(
            fault_in("<integer>5<integer>"),
            (3, 12, expected("/integer"))
        );
        assert_eq!(fault_in("<string><!-- -->"), (3, 10, Reason::Markup));
        assert_eq!(fault_in("<data>A*EC</data>"), (3, 9, Reason::Base64));
        assert_eq!(fault_in("<data>AAE</data>"), (3, 11, Reason::Base64));
        assert_eq!(
            fault_in("<data size=\"4\">AAEC</data>"),
            (3, 2, Reason::DataSize)
        );
    }

    #[test]
    fn key_of_128_bytes_is_the_longest() {
        let text = |length| {
            format!(
                "<plist><dict><key>{}</key><true/></dict></plist>",
                "k".repeat(length)
            )
        };
        assert!(read(text(128).as_bytes(), &Limits::default()).is_ok());
        assert_eq!(fault(&text(129)), (1, 19, Reason::KeyLength));
    }

    #[test]
    fn last_of_equal_keys_wins() {
        let text = "<plist><dict><key>b</key><true/><key>a</key><string>1</string>\
            <key>b</key><false/><key>a</key><string>2</string></dict></plist>";
        let dictionary = read_dictionary(text.as_bytes(), &Limits::default()).expect("reads");
        assert_eq!(dictionary.len(), 2);
        assert_eq!(dictionary.bool("b"), Some(false));
        assert_eq!(dictionary.string("a"), Some("2"));
    }

    #[test]
    fn arrays_have_any_length_whatever_is_guessed() {
        for (short, long) in [(0, 300), (64, 0), (65, 1), (200, 300), (1000, 1000)] {
            let items = "<dict></dict>".repeat(short)
                + &"<array><string>longer than those before</string></array>".repeat(long);
            let text = format!("<plist><array>{items}</array></plist>");
            let value = read(text.as_bytes(), &Limits::default()).expect("reads");
            assert_eq!(value.array().map(<[Value]>::len), Some(short + long));
        }
    }

    /// What libprop's scanner lets pass beyond the captured vectors.
    #[test]
    fn odd_texts_of_libprop_are_read() {
        for text in [
            "<plist version \"1\"><dict/></plist>",
            "<plist><dict></dict a=\"b\"></plist x=\"y\">",
            "<plist><array></integer>5</integer></data>AA==</data></array></plist>",
            "<<!---><plist><dict/></plist>",
            "<!DOCTYPE plistness><!-- --><plist><!----><dict/></plist>",
            "<plist><dict><key a>b=\"c>\">k</key ><\"=\"\"><true/></dict></plist>",
        ] {
            let result = read(text.as_bytes(), &Limits::default());
            assert!(result.is_ok(), "{text}: {result:?}");
        }
    }

    #[test]
    fn nul_ends_the_text() {
        let limits = Limits::default();
        assert!(read(b"<plist><dict/></plist>\0\xff", &limits).is_ok());
        let error = read(b"<plist><dict/>\0</plist>", &limits).expect_err("cut");
        assert_eq!((error.offset, error.reason), (14, Reason::End));
    }

    /// In comments, declarations, names, attributes, text: the text up to the NUL is what counts.
    #[test]
    fn nul_anywhere_is_the_end() {
        let text = "<?xml ?><!DOCTYPE plist><<!-- c --><plist version=\"1.0\"><!-- c -->\n<dict>\n\t<key>usual</key>\n\
            \t<integer>0x1f</integer>\n\t<key>short</key>\n\t<string>text</string>\n\t<key>a&amp;b</key><data size=\"2\">AA E=</data>\
            <key>c</key a=\"b\"><array><true/><string>x&lt;y</string><integer> -7 </integer></array></dict></plist>x";
        let end = text.len() - 1;
        assert!(read(text.as_bytes(), &Limits::default()).is_ok());
        for at in 0..text.len() {
            let mut bytes = text.as_bytes().to_vec();
            bytes[at] = 0;
            let cut = read(&bytes[..at], &Limits::default());
            assert_eq!(cut.is_ok(), at >= end, "{at}");
            assert_eq!(read(&bytes, &Limits::default()), cut, "{at}");
        }
    }

    #[test]
    fn array_is_no_dictionary() {
        let error = read_dictionary(b"<plist>\n <array/></plist>", &Limits::default());
        assert_eq!(
            error.expect_err("an array").to_string(),
            "property list: line 2, column 2: wrong top-level element"
        );
    }

    /// Every prefix and every one-byte change ends in a value or in an error whose place lies in the text.
    #[test]
    fn damaged_texts_never_panic() {
        let text = "<?xml ?><!DOCTYPE plist><plist version=\"1.0\"><!-- c --><dict><key>a&amp;</key>\
            <integer>0x1f</integer><key>b</key><data size=\"2\">AA E=</data><key>c</key>\
            <array><true/><string>x&lt;</string><integer>-7</integer></array></dict></plist>";
        let check = |bytes: &[u8]| {
            if let Err(error) = read(bytes, &Limits::default()) {
                assert!(error.offset <= bytes.len());
                assert!(error.line == 1 || bytes.contains(&b'\n'));
            }
        };
        for at in 0..text.len() {
            check(&text.as_bytes()[..at]);
            for byte in *b"\0\n <>/\"=&!-0x\xff" {
                let mut bytes = text.as_bytes().to_vec();
                bytes[at] = byte;
                check(&bytes);
                bytes.remove(at);
                check(&bytes);
            }
        }
    }
}
