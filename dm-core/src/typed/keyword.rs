//! Words of a fixed set.

use alloc::string::String;
use alloc::vec::Vec;

/// A word of a fixed set, such as a mode.
pub trait Keyword: Copy + PartialEq + 'static {
    /// Each word and what it means. Where two words mean the same, the first is written.
    const WORDS: &'static [(&'static str, Self)];

    /// What a word means.
    fn of(word: &str) -> Option<Self> {
        let found = Self::WORDS.iter().find(|(text, _)| *text == word);
        found.map(|(_, value)| *value)
    }

    /// How it is written.
    fn text(self) -> &'static str {
        let found = Self::WORDS.iter().find(|(_, value)| *value == self);
        found.map_or("", |(text, _)| text)
    }

    /// All words, for messages.
    fn list() -> String {
        let words: Vec<&str> = Self::WORDS.iter().map(|(text, _)| *text).collect();
        words.join(", ")
    }
}
