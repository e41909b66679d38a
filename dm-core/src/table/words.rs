//! The words of a target's parameters, as the kernel splits them.

use alloc::borrow::Cow;
use alloc::string::String;
use core::fmt;

use crate::units::{Sector, SectorCount};

use super::error::{ParamError, Reason};

/// Reads the words of a target's parameters one by one.
///
/// Words are separated by white space; a backslash takes the next character as it is.
///
/// # Source
/// `dm_split_args` in `drivers/md/dm-table.c`.
#[derive(Clone, Debug)]
pub struct Words<'a> {
    rest: &'a str,
    read: usize,
}

/// One word, with its place for messages.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Word<'a> {
    /// Its text, without backslashes.
    pub text: Cow<'a, str>,
    /// Its place among the parameters: 1 is the first.
    pub place: usize,
}

impl<'a> Words<'a> {
    /// The words of `params`.
    pub fn new(params: &'a str) -> Words<'a> {
        Words {
            rest: params,
            read: 0,
        }
    }

    /// How many words are left.
    pub fn remaining(&self) -> usize {
        let mut words = self.clone();
        let mut count = 0;
        while words.take().is_some() {
            count += 1;
        }
        count
    }

    /// The next word, which must be there; `what` names it in the message.
    ///
    /// # Errors
    /// If no word is left.
    pub fn next(&mut self, what: &'static str) -> Result<Word<'a>, ParamError> {
        match self.take() {
            Some(word) => Ok(word),
            None => Err(ParamError {
                word: None,
                reason: Reason::MissingWord { what },
            }),
        }
    }

    /// Nothing may be left.
    ///
    /// # Errors
    /// At the first word that is left.
    pub fn end(&mut self) -> Result<(), ParamError> {
        match self.take() {
            None => Ok(()),
            Some(word) => Err(word.error(Reason::ExtraWord)),
        }
    }

    /// Whether no word is left.
    pub fn is_empty(&self) -> bool {
        self.rest.trim_start_matches(is_space).is_empty()
    }

    fn take(&mut self) -> Option<Word<'a>> {
        let text = self.rest.trim_start_matches(is_space);
        if text.is_empty() {
            return None;
        }
        self.read += 1;
        let mut escaped: Option<String> = None;
        let mut chars = text.char_indices();
        let mut end = text.len();
        while let Some((at, c)) = chars.next() {
            if c == '\\' && at + 1 < text.len() {
                let out = escaped.get_or_insert_with(|| text[..at].into());
                if let Some((_, literal)) = chars.next() {
                    out.push(literal);
                }
            } else if is_space(c) {
                end = at;
                break;
            } else if let Some(out) = &mut escaped {
                out.push(c);
            }
        }
        self.rest = &text[end..];
        let text = escaped.map_or(Cow::Borrowed(&text[..end]), Cow::Owned);
        Some(Word {
            text,
            place: self.read,
        })
    }
}

impl Word<'_> {
    /// This word is what is wrong.
    pub fn error(&self, reason: Reason) -> ParamError {
        ParamError {
            word: Some((self.place, self.text.as_ref().into())),
            reason,
        }
    }

    /// This word is none of those that are `known` as a `what`.
    pub fn unknown(&self, what: &'static str, known: impl Into<String>) -> ParamError {
        self.error(Reason::UnknownWord {
            what,
            known: known.into(),
        })
    }

    /// A decimal number of at most 64 bits, digits only.
    ///
    /// # Errors
    /// If it is none, or does not fit.
    pub fn number(&self, what: &'static str) -> Result<u64, ParamError> {
        let text = self.text.as_ref();
        if text.is_empty() || !text.bytes().all(|b| b.is_ascii_digit()) {
            return Err(self.error(Reason::NotANumber { what }));
        }
        text.parse().map_err(|_| {
            self.error(Reason::TooLarge {
                what,
                limit: u64::MAX,
            })
        })
    }

    /// A sector on a device.
    ///
    /// # Errors
    /// If it is no number, or does not fit.
    pub fn sector(&self, what: &'static str) -> Result<Sector, ParamError> {
        self.number(what).map(Sector)
    }

    /// A count of at most 32 bits, not zero. One `+` may stand before it, as in the kernel.
    ///
    /// # Errors
    /// If it is no number, zero, or does not fit.
    pub fn positive(&self, what: &'static str) -> Result<u32, ParamError> {
        let text = self.text.as_ref();
        let digits = Word {
            text: text.strip_prefix('+').unwrap_or(text).into(),
            place: self.place,
        };
        let wrong = |reason| self.error(reason);
        match digits.number(what).map(u32::try_from) {
            Ok(Ok(0)) => Err(wrong(Reason::Zero { what })),
            Ok(Ok(value)) => Ok(value),
            Ok(Err(_)) => Err(wrong(Reason::TooLarge {
                what,
                limit: u32::MAX.into(),
            })),
            Err(error) => Err(wrong(error.reason)),
        }
    }

    /// A count of sectors, not zero, of at most 32 bits.
    ///
    /// # Errors
    /// As [`Word::positive`].
    pub fn sectors(&self, what: &'static str) -> Result<SectorCount, ParamError> {
        self.positive(what).map(|count| SectorCount(count.into()))
    }
}

/// Displays a text as one word: white space and backslashes get a backslash before them.
#[derive(Clone, Copy, Debug)]
pub struct EscapedWord<'a>(pub &'a str);

impl fmt::Display for EscapedWord<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut rest = self.0;
        while let Some(at) = rest.find(|c| c == '\\' || is_space(c)) {
            // Both are one byte long.
            write!(f, "{}\\{}", &rest[..at], &rest[at..=at])?;
            rest = &rest[at + 1..];
        }
        f.write_str(rest)
    }
}

/// C's `isspace`: vertical tab counts.
fn is_space(c: char) -> bool {
    matches!(c, ' ' | '\t'..='\r')
}

#[cfg(test)]
mod tests {
    use alloc::format;
    use alloc::vec::Vec;

    use super::*;

    fn split(params: &str) -> Vec<String> {
        let mut words = Words::new(params);
        core::iter::from_fn(|| words.take())
            .map(|word| word.text.into_owned())
            .collect()
    }

    #[test]
    fn white_space_separates() {
        assert_eq!(split("  a\tb \n c "), ["a", "b", "c"]);
        assert!(split(" \t ").is_empty());
    }

    #[test]
    fn backslash_takes_the_next_character() {
        assert_eq!(split(r"my\ disk a\\b \x"), ["my disk", r"a\b", "x"]);
        assert_eq!(split("end\\"), ["end\\"]);
    }

    #[test]
    fn written_word_reads_back() {
        for text in ["plain", "two words", "back\\slash", "tab\there", "ü ü"] {
            assert_eq!(split(&format!("{}", EscapedWord(text))), [text]);
        }
    }

    #[test]
    fn numbers_are_digits_only() {
        let word = |text: &'static str| Word {
            text: text.into(),
            place: 1,
        };
        assert_eq!(word("18446744073709551615").number("n"), Ok(u64::MAX));
        for wrong in ["", "-1", "+1", "0x10", "1k", " 1"] {
            assert!(
                matches!(
                    word(wrong).number("n"),
                    Err(ParamError {
                        reason: Reason::NotANumber { .. },
                        ..
                    })
                ),
                "{wrong:?}"
            );
        }
        assert!(matches!(
            word("18446744073709551616").number("n"),
            Err(ParamError {
                reason: Reason::TooLarge { .. },
                ..
            })
        ));
        assert_eq!(word("+8").positive("n"), Ok(8));
        assert!(word("0").positive("n").is_err());
        assert!(word("4294967296").positive("n").is_err());
    }
}
