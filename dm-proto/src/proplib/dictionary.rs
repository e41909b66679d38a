//! Values by key.

use std::{fmt, slice};

use thiserror::Error;

use crate::netbsd::keys;

use super::text::Text;
use super::value::Value;

/// Longest key in bytes.
pub const MAX_KEY: usize = 128;

/// Keys of device-mapper commands whose values may hold encryption keys.
const MASKED: [&str; 2] = [keys::MESSAGE, keys::PARAMS];

/// A sorted map from keys to values.
///
/// The typed getters give `None` for an absent key and for a value of another type or out of range, exactly where
/// libprop's `prop_dictionary_get_*` fail.
///
/// # Shape
/// One sorted vector: cheap for the handful of keys that commands have. To [`set`](Dictionary::set) a key costs time
/// in the number of keys behind it; reading a large dictionary from text does not.
///
/// # Examples
/// ```
/// use dm_proto::proplib::Dictionary;
///
/// let mut segment = Dictionary::new();
/// segment.set("type", "linear").set("start", 0_u64);
/// assert_eq!(segment.string("type"), Some("linear"));
/// assert_eq!(segment.uint64("start"), Some(0));
/// assert_eq!(segment.uint64("type"), None);
/// ```
///
/// # Source
/// prop_dictionary(3), prop_dictionary_util(3).
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Dictionary {
    entries: Vec<(Text, Value)>,
}

/// A key longer than [`MAX_KEY`] bytes, which libprop can not hold.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("key of {length} bytes is longer than {MAX_KEY}")]
#[non_exhaustive]
pub struct KeyTooLong {
    /// The key's length in bytes.
    pub length: usize,
}

impl Dictionary {
    /// A dictionary without keys.
    pub const fn new() -> Self {
        Self {
            entries: Vec::new(),
        }
    }

    /// A dictionary without keys, with room for some.
    pub fn with_capacity(keys: usize) -> Self {
        Self {
            entries: Vec::with_capacity(keys),
        }
    }

    /// Number of keys.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether there is no key.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Sets a key that the program names, in place of its former value.
    ///
    /// # Panics
    /// If the key is longer than [`MAX_KEY`]: keys from elsewhere go through [`insert`](Dictionary::insert).
    pub fn set(&mut self, key: &str, value: impl Into<Value>) -> &mut Self {
        assert!(key.len() <= MAX_KEY, "key longer than {MAX_KEY} bytes");
        self.put(key.into(), value.into());
        self
    }

    /// Sets any key and gives its former value.
    ///
    /// # Errors
    /// [`KeyTooLong`] past [`MAX_KEY`] bytes.
    pub fn insert(
        &mut self,
        key: impl Into<Text>,
        value: impl Into<Value>,
    ) -> Result<Option<Value>, KeyTooLong> {
        let key = key.into();
        match key.len() {
            0..=MAX_KEY => Ok(self.put(key, value.into())),
            length => Err(KeyTooLong { length }),
        }
    }

    /// Removes a key and gives its value.
    pub fn remove(&mut self, key: impl AsRef<[u8]>) -> Option<Value> {
        let at = self.find(key.as_ref()).ok()?;
        Some(self.entries.remove(at).1)
    }

    /// The value of a key.
    pub fn get(&self, key: impl AsRef<[u8]>) -> Option<&Value> {
        let at = self.find(key.as_ref()).ok()?;
        Some(&self.entries[at].1)
    }

    /// The value of a key, to change.
    pub fn get_mut(&mut self, key: impl AsRef<[u8]>) -> Option<&mut Value> {
        let at = self.find(key.as_ref()).ok()?;
        Some(&mut self.entries[at].1)
    }

    /// Whether the key has a value.
    pub fn contains(&self, key: impl AsRef<[u8]>) -> bool {
        self.find(key.as_ref()).is_ok()
    }

    /// A boolean.
    pub fn bool(&self, key: &str) -> Option<bool> {
        self.get(key)?.bool()
    }

    /// An integer, if it fits.
    pub fn int32(&self, key: &str) -> Option<i32> {
        self.get(key)?.int32()
    }

    /// An integer, if libprop's getter gives it: see [`Value::uint32`].
    pub fn uint32(&self, key: &str) -> Option<u32> {
        self.get(key)?.uint32()
    }

    /// An integer, if it fits.
    pub fn int64(&self, key: &str) -> Option<i64> {
        self.get(key)?.int64()
    }

    /// An integer, if it is not negative.
    pub fn uint64(&self, key: &str) -> Option<u64> {
        self.get(key)?.uint64()
    }

    /// A string, if it is UTF-8.
    pub fn string(&self, key: &str) -> Option<&str> {
        self.get(key)?.string()
    }

    /// A string, whatever its bytes.
    pub fn text(&self, key: &str) -> Option<&Text> {
        self.get(key)?.text()
    }

    /// Data.
    pub fn data(&self, key: &str) -> Option<&[u8]> {
        self.get(key)?.data()
    }

    /// An array.
    pub fn array(&self, key: &str) -> Option<&[Value]> {
        self.get(key)?.array()
    }

    /// A dictionary.
    pub fn dict(&self, key: &str) -> Option<&Dictionary> {
        self.get(key)?.dict()
    }

    /// The entries in the order of their keys' bytes.
    pub fn iter(&self) -> Iter<'_> {
        Iter(self.entries.iter())
    }

    /// The values, to wipe them.
    pub(super) fn values_mut(&mut self) -> impl Iterator<Item = &mut Value> {
        self.entries.iter_mut().map(|(_, value)| value)
    }

    /// Takes entries whose keys rise strictly.
    pub(super) fn from_sorted(entries: Vec<(Text, Value)>) -> Self {
        debug_assert!(entries.is_sorted_by(|one, next| one.0 < next.0));
        Self { entries }
    }

    /// Takes entries in any order; of equal keys the last one stays.
    pub(super) fn from_unsorted(mut entries: Vec<(Text, Value)>) -> Self {
        entries.sort_by(|one, other| one.0.cmp(&other.0));
        entries.dedup_by(|later, kept| {
            let same = later.0 == kept.0;
            if same {
                std::mem::swap(later, kept);
            }
            same
        });
        Self { entries }
    }

    fn put(&mut self, key: Text, value: Value) -> Option<Value> {
        if self.entries.last().is_none_or(|(last, _)| *last < key) {
            self.entries.push((key, value));
            return None;
        }
        match self.find(key.as_bytes()) {
            Ok(at) => Some(std::mem::replace(&mut self.entries[at].1, value)),
            Err(at) => {
                self.entries.insert(at, (key, value));
                None
            }
        }
    }

    fn find(&self, key: &[u8]) -> Result<usize, usize> {
        self.entries
            .binary_search_by(|(held, _)| held.as_bytes().cmp(key))
    }
}

/// Shows no value that may hold a key: a table line's parameters, a message.
impl fmt::Debug for Dictionary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut map = f.debug_map();
        for (key, value) in self {
            match MASKED.iter().any(|masked| key == masked) {
                true => map.entry(key, &format_args!("…")),
                false => map.entry(key, value),
            };
        }
        map.finish()
    }
}

impl<'a> IntoIterator for &'a Dictionary {
    type Item = (&'a Text, &'a Value);
    type IntoIter = Iter<'a>;

    fn into_iter(self) -> Iter<'a> {
        self.iter()
    }
}

impl IntoIterator for Dictionary {
    type Item = (Text, Value);
    type IntoIter = std::vec::IntoIter<(Text, Value)>;

    fn into_iter(self) -> Self::IntoIter {
        self.entries.into_iter()
    }
}

/// The entries of a [`Dictionary`], in the order of their keys' bytes.
#[derive(Debug, Clone)]
pub struct Iter<'a>(slice::Iter<'a, (Text, Value)>);

impl<'a> Iterator for Iter<'a> {
    type Item = (&'a Text, &'a Value);

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        self.0.next().map(|(key, value)| (key, value))
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        self.0.size_hint()
    }
}

impl ExactSizeIterator for Iter<'_> {}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys(dictionary: &Dictionary) -> Vec<String> {
        dictionary.iter().map(|(key, _)| key.to_string()).collect()
    }

    #[test]
    fn keys_are_sorted_by_bytes() {
        let mut dictionary = Dictionary::new();
        dictionary.set("é", 1).set("a", 2).set("Z", 3).set("", 4);
        assert_eq!(keys(&dictionary), ["", "Z", "a", "é"]);
        assert_eq!(dictionary.int32("Z"), Some(3));
    }

    #[test]
    fn debug_shows_no_encryption_key() {
        let mut line = Dictionary::new();
        line.set("params", "aes-xts 0123 0 /dev/sda 0")
            .set("type", "crypt");
        assert_eq!(
            format!("{line:?}"),
            r#"{"params": …, "type": String("crypt")}"#
        );
        let mut message = Dictionary::new();
        message.set("cmd_data", vec![Value::from(line)]);
        message.set("message", Value::Data(b"key set 0123\0".to_vec()));
        let shown = format!("{message:?}");
        assert!(!shown.contains("0123") && !shown.contains("48"), "{shown}");
    }

    #[test]
    fn set_replaces() {
        let mut dictionary = Dictionary::new();
        dictionary.set("a", 1).set("b", 2).set("a", "x");
        assert_eq!(dictionary.len(), 2);
        assert_eq!(dictionary.string("a"), Some("x"));
        assert_eq!(dictionary.insert("b", 5), Ok(Some(Value::Signed(2))));
        assert_eq!(dictionary.remove("a"), Some("x".into()));
        assert_eq!(dictionary.remove("a"), None);
        assert!(dictionary.contains("b") && !dictionary.contains("a"));
    }

    #[test]
    fn unsorted_entries_keep_the_last_of_equal_keys() {
        let entry = |key: &str, value: i32| (Text::from(key), Value::from(value));
        let dictionary = Dictionary::from_unsorted(vec![
            entry("b", 1),
            entry("a", 2),
            entry("b", 3),
            entry("a", 4),
            entry("b", 5),
        ]);
        assert_eq!(keys(&dictionary), ["a", "b"]);
        assert_eq!(dictionary.int32("a"), Some(4));
        assert_eq!(dictionary.int32("b"), Some(5));
    }

    #[test]
    fn key_of_129_bytes_is_refused() {
        let mut dictionary = Dictionary::new();
        assert_eq!(dictionary.insert("k".repeat(128), true), Ok(None));
        assert_eq!(
            dictionary.insert("k".repeat(129), true),
            Err(KeyTooLong { length: 129 })
        );
    }
}
