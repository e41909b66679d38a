//! What is shown in the place of keys.

use alloc::string::{String, ToString};
use alloc::vec::Vec;

use crate::table::{EscapedWord, TableLine, Words};

use super::{Note, Reader, Role, Text, crypt, kind};

/// A line's parameters with what `other` says in the place of each key; `None` if there is no key,
/// or each stays. Which words are keys, the target's own reader says, also of a line that is wrong.
pub fn without_keys(line: &TableLine, other: impl Fn(&str) -> Option<String>) -> Option<String> {
    let mut notes = Vec::new();
    let reader = Reader::new(&line.params).noting(&mut notes);
    // What is wrong others say.
    let _ = kind(line.target.as_str())?.params(reader);
    replace(&line.params, &notes, other)
}

/// The same of a message, whatever target it is for.
pub fn message_without_keys(text: &str, other: impl Fn(&str) -> Option<String>) -> Option<String> {
    let mut notes = Vec::new();
    let _ = crypt::Message::read(&mut Reader::new(text).noting(&mut notes));
    replace(text, &notes, other)
}

fn replace(text: &str, notes: &[Note], other: impl Fn(&str) -> Option<String>) -> Option<String> {
    let mut replaced = false;
    let mut words = Vec::new();
    let mut rest = Words::new(text);
    while let Ok(word) = rest.next("word") {
        let note = notes.iter().find(|note| note.place == word.place);
        let (head, key) = match note.map(|note| note.role) {
            Some(Role::Key { at }) => word.text.split_at(at),
            _ => (&*word.text, ""),
        };
        let mut written = EscapedWord(head).to_string();
        match Some(key).filter(|key| !key.is_empty()).and_then(&other) {
            Some(other) => {
                replaced = true;
                written.push_str(&other);
            }
            None => written.push_str(&EscapedWord(key).to_string()),
        }
        words.push(written);
    }
    replaced.then(|| words.join(" "))
}
