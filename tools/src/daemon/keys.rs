//! Which words of a table line are keys, and may not be written down.

use dm_core::table::{TableLine, Words};

/// What stands where a key was.
const MASK: &str = "-";

/// A line's text without its keys.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Masked {
    /// The line.
    pub(super) text: String,
    /// Whether a key is missing in it.
    pub(super) keyed: bool,
}

impl Masked {
    /// Takes the keys out of a line.
    ///
    /// # Source
    /// crypt and inlinecrypt: the second word, unless `:` says that the key is in a keyring.
    /// integrity: what follows the algorithm in `internal_hash:`, `journal_crypt:`, `journal_mac:`.
    pub(super) fn of(line: &TableLine) -> Masked {
        let mask: fn(usize, &str) -> Option<String> = match line.target.as_str() {
            "crypt" | "inlinecrypt" => second_word,
            "integrity" => integrity_option,
            _ => {
                return Masked {
                    text: line.to_string(),
                    keyed: false,
                };
            }
        };
        let mut keyed = false;
        let mut rest = Words::new(&line.params);
        let mut words = Vec::new();
        while let Ok(word) = rest.next("word") {
            let masked = mask(word.place, &word.text);
            keyed |= masked.is_some();
            words.push(masked.unwrap_or_else(|| word.text.into_owned()));
        }
        if !keyed {
            return Masked {
                text: line.to_string(),
                keyed,
            };
        }
        let TableLine {
            start,
            length,
            target,
            ..
        } = line;
        Masked {
            text: format!("{start} {length} {target} {}", words.join(" ")),
            keyed,
        }
    }
}

fn second_word(place: usize, word: &str) -> Option<String> {
    (place == 2 && !word.starts_with(':') && word != MASK).then(|| MASK.into())
}

fn integrity_option(_: usize, word: &str) -> Option<String> {
    let (option, rest) = word.split_once(':')?;
    let (algorithm, _) = rest.split_once(':')?;
    matches!(option, "internal_hash" | "journal_crypt" | "journal_mac")
        .then(|| format!("{option}:{algorithm}:{MASK}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn masked(line: &str) -> (String, bool) {
        let Masked { text, keyed } = Masked::of(&line.parse().unwrap());
        (text, keyed)
    }

    #[test]
    fn crypt_key_is_masked() {
        let (text, keyed) = masked("0 8 crypt aes-xts-plain64 0123abcd 0 /dev/sda 0");
        assert_eq!(
            (text.as_str(), keyed),
            ("0 8 crypt aes-xts-plain64 - 0 /dev/sda 0", true)
        );
    }

    #[test]
    fn keyring_reference_and_unkeyed_lines_stay() {
        for line in [
            "0 8 crypt aes-xts-plain64 :64:logon:k 0 /dev/sda 0",
            "0 8 integrity /dev/sda 0 32 J 1 internal_hash:crc32c",
            "0 8 linear /dev/sda 0",
            "0 8 zero",
        ] {
            assert_eq!(masked(line), (line.into(), false));
        }
    }

    #[test]
    fn integrity_keys_are_masked() {
        let (text, keyed) = masked(
            "0 8 integrity /dev/sda 0 32 J 2 internal_hash:hmac(sha256):ab journal_mac:x:cd",
        );
        assert!(keyed);
        assert!(
            text.ends_with("internal_hash:hmac(sha256):- journal_mac:x:-"),
            "{text}"
        );
    }
}
