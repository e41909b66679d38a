//! Keys that both sides know, as files hold them.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use zeroize::{Zeroize, Zeroizing};

use super::TlsError;

/// Bytes of a key, at most: as many as the library takes.
const KEY_MAX: usize = 256;

/// Bytes of a key, at least: fewer could be guessed.
const KEY_MIN: usize = 16;

/// The keys, by the names of those who have them.
pub(super) struct Keys(BTreeMap<String, Zeroizing<Vec<u8>>>);

impl Keys {
    pub(super) fn read(path: &Path) -> Result<Keys, TlsError> {
        let text = fs::read_to_string(path).map_err(|source| TlsError::File {
            path: path.into(),
            source,
        })?;
        let text = Zeroizing::new(text);
        Keys::parse(&text).map_err(|reason| TlsError::Content {
            path: path.into(),
            reason,
        })
    }

    fn parse(text: &str) -> Result<Keys, String> {
        let mut keys = BTreeMap::new();
        for (at, line) in text.lines().enumerate() {
            let line_number = at + 1;
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            // A name may hold colons; no key does.
            let (name, hex) = line
                .rsplit_once(':')
                .filter(|(name, _)| !name.is_empty())
                .ok_or_else(|| format!("line {line_number} is not NAME:KEY"))?;
            let key = bytes(hex)
                .ok_or_else(|| format!("line {line_number}: the key is not hexadecimal"))?;
            if !(KEY_MIN..=KEY_MAX).contains(&key.len()) {
                return Err(format!(
                    "line {line_number}: the key has {} bytes, not {KEY_MIN} to {KEY_MAX}",
                    key.len()
                ));
            }
            if keys.insert(name.to_owned(), key).is_some() {
                return Err(format!(
                    "line {line_number}: there is one of this name already"
                ));
            }
        }
        match keys.is_empty() {
            true => Err("it has no key".into()),
            false => Ok(Keys(keys)),
        }
    }

    /// Whether there is a key of `name`.
    pub(super) fn has(&self, name: &str) -> bool {
        self.0.contains_key(name)
    }

    /// Writes the key of `name` to the front of `place`; its length, or 0 if there is none.
    pub(super) fn put(&self, name: Option<&[u8]>, place: &mut [u8]) -> usize {
        let name = name.and_then(|name| std::str::from_utf8(name).ok());
        let key = name.and_then(|name| self.0.get(name));
        match (key, key.and_then(|key| place.get_mut(..key.len()))) {
            (Some(key), Some(front)) => {
                front.copy_from_slice(key);
                key.len()
            }
            _ => 0,
        }
    }
}

fn bytes(hex: &str) -> Option<Zeroizing<Vec<u8>>> {
    let digits = hex.as_bytes();
    if !digits.len().is_multiple_of(2) {
        return None;
    }
    let mut key = Zeroizing::new(Vec::with_capacity(digits.len() / 2));
    let digit = |byte: u8| char::from(byte).to_digit(16);
    for pair in digits.chunks(2) {
        let mut byte = u8::try_from(digit(pair[0])? * 16 + digit(pair[1])?).ok()?;
        key.push(byte);
        byte.zeroize();
    }
    Some(key)
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: &str = "000102030405060708090a0b0c0d0e0f";

    #[test]
    fn keys_are_found_by_name() {
        let keys = Keys::parse(&format!("# mine\nalice:{KEY}\na:b:{KEY}ff\n")).unwrap();
        let mut place = [0; 32];
        assert_eq!(keys.put(Some(b"alice"), &mut place), 16);
        assert_eq!(
            place[..17],
            [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 0]
        );
        assert_eq!(keys.put(Some(b"a:b"), &mut place), 17);
        assert_eq!(keys.put(Some(b"bob"), &mut place), 0);
        assert_eq!(keys.put(None, &mut place), 0);
        assert_eq!(keys.put(Some(b"alice"), &mut [0; 15]), 0);
    }

    #[test]
    fn bad_lines_are_named_and_no_key_is_shown() {
        for (text, reason) in [
            ("", "it has no key"),
            ("alice\n", "line 1 is not NAME:KEY"),
            (":00", "line 1 is not NAME:KEY"),
            ("\nalice:0g", "line 2: the key is not hexadecimal"),
            ("alice:000", "line 1: the key is not hexadecimal"),
            ("alice:00ff", "line 1: the key has 2 bytes, not 16 to 256"),
        ] {
            assert_eq!(Keys::parse(text).err().as_deref(), Some(reason), "{text:?}");
        }
        let twice = format!("alice:{KEY}\nalice:{KEY}\n");
        let reason = "line 2: there is one of this name already";
        assert_eq!(Keys::parse(&twice).err().as_deref(), Some(reason));
    }
}
