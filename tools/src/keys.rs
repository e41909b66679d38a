//! Which words of a table line are keys, and may be neither shown nor written down.

use dm_core::table::TableLine;
use dm_core::typed::{kind, without_keys};
use zeroize::Zeroize;

/// What stands in a file where a key was.
const MASK: &str = "-";

/// The digits of the shortest key that a cipher takes.
const KEY_LEAST: usize = 32;

/// A line's text without its keys.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Masked {
    /// The line.
    pub(crate) text: String,
    /// Whether a key is missing in it.
    pub(crate) keyed: bool,
}

impl Masked {
    /// Takes the keys out of a line.
    pub(crate) fn of(line: &TableLine) -> Masked {
        let params = without_keys(line, |key| (key != MASK).then(|| MASK.into()));
        let keyed = params.is_some();
        // Never a copy of a line with its key.
        let text = match params {
            Some(params) => {
                let masked = TableLine {
                    start: line.start,
                    length: line.length,
                    target: line.target.clone(),
                    params,
                };
                masked.to_string()
            }
            None => line.to_string(),
        };
        Masked { text, keyed }
    }
}

/// Writes a digit 0 for each byte of a key, as dmsetup shows tables.
pub(crate) fn hide(line: &mut TableLine) {
    if let Some(params) = without_keys(line, |key| Some("0".repeat(key.len()))) {
        line.params.zeroize();
        line.params = params;
    }
}

/// The same for what shows what is sent: of a target that is not known, as one whose name is
/// mistyped, whatever is as long as a key and looks like one is hidden too.
pub(crate) fn hide_from_trace(line: &mut TableLine) {
    if kind(line.target.as_str()).is_some() {
        return hide(line);
    }
    let words = line.params.split_whitespace().map(|word| {
        let hex = word.len() >= KEY_LEAST && word.bytes().all(|byte| byte.is_ascii_hexdigit());
        match hex {
            true => "0".repeat(word.len()),
            false => word.into(),
        }
    });
    let params = words.collect::<Vec<_>>().join(" ");
    line.params.zeroize();
    line.params = params;
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
    fn hidden_key_has_its_length() {
        let shown = |text: &str| {
            let mut line: TableLine = text.parse().unwrap();
            hide(&mut line);
            line.to_string()
        };
        for (line, hidden) in [
            (
                "0 8 crypt aes-xts-plain64 0123abcd 0 1:0 0",
                "0 8 crypt aes-xts-plain64 00000000 0 1:0 0",
            ),
            (
                "0 8 integrity 1:0 0 32 J 1 journal_mac:hmac(sha256):ab",
                "0 8 integrity 1:0 0 32 J 1 journal_mac:hmac(sha256):00",
            ),
            (
                "0 8 crypt aes-xts-plain64 :64:logon:k 0 1:0 0",
                "0 8 crypt aes-xts-plain64 :64:logon:k 0 1:0 0",
            ),
            ("0 8 linear 1:0  0", "0 8 linear 1:0  0"),
            (
                r"0 8 crypt aes-xts-plain64 01 0 /my\ disk 0",
                r"0 8 crypt aes-xts-plain64 00 0 /my\ disk 0",
            ),
            // A wrong line's keys, too: of the option that is wrong, and behind it.
            (
                "0 8 integrity 1:0 x 32 J 9 journal_mc:hmac(sha256):ab internal_hash:hmac(md5):cd",
                "0 8 integrity 1:0 x 32 J 9 journal_mc:hmac(sha256):00 internal_hash:hmac(md5):00",
            ),
            (
                "0 8 crypt aes 0123x 0 1:0 0 9 what",
                "0 8 crypt aes 00000 0 1:0 0 9 what",
            ),
            (
                "0 8 integrity 1:0 0 32 J 1 meta_device:1:1",
                "0 8 integrity 1:0 0 32 J 1 meta_device:1:1",
            ),
            ("0 8 unknown key 1234", "0 8 unknown key 1234"),
        ] {
            assert_eq!(shown(line), hidden);
        }
    }

    #[test]
    fn trace_hides_what_looks_like_a_key_of_an_unknown_target() {
        let key = "0123456789abcdef".repeat(2);
        let mut line: TableLine = format!("0 8 crpyt aes-xts-plain64 {key} 0 /dev/sda 0")
            .parse()
            .unwrap();
        hide_from_trace(&mut line);
        let hidden = "0".repeat(32);
        let shown = format!("0 8 crpyt aes-xts-plain64 {hidden} 0 /dev/sda 0");
        assert_eq!(line.to_string(), shown);
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
