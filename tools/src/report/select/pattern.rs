//! Regular expressions as libdm has them: `.` `[]` `*` `+` `?` `|` `()` `^` `$`, and a backslash
//! before what is meant itself. Braces mean themselves.

use regex_lite::Regex;

/// Reads a regular expression, which matches anywhere in a text unless it is anchored.
pub(super) fn pattern(text: &str) -> Result<Regex, String> {
    let mut out = String::with_capacity(text.len() + 8);
    let mut letters = text.chars();
    let mut in_class = false;
    while let Some(letter) = letters.next() {
        match letter {
            '\\' => match letters.next() {
                None => return Err("it ends in a backslash".into()),
                Some('n') => out.push_str("\\n"),
                Some('r') => out.push_str("\\r"),
                Some('t') => out.push_str("\\t"),
                Some(letter) => out.push_str(&regex_lite::escape(letter.encode_utf8(&mut [0; 4]))),
            },
            '[' if !in_class => {
                in_class = true;
                out.push('[');
            }
            ']' if in_class => {
                in_class = false;
                out.push(']');
            }
            '[' | '&' | '~' if in_class => {
                out.push('\\');
                out.push(letter);
            }
            '{' | '}' if !in_class => {
                out.push('\\');
                out.push(letter);
            }
            letter => out.push(letter),
        }
    }
    Regex::new(&out).map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_are_libdms() {
        for (text, yes, no) in [
            ("a.c", "xabcx", "ac"),
            ("^a", "ab", "ba"),
            ("b$", "ab", "ba"),
            ("a{2}", "a{2}", "aa"),
            ("[a&&b]", "&", "c"),
            ("\\.", "a.b", "ab"),
            ("\\d", "d", "1"),
            ("(one|two)+", "twotwo", "three"),
            ("[^x]", "y", "x"),
        ] {
            let pattern = pattern(text).unwrap();
            assert!(pattern.is_match(yes), "{text} {yes}");
            assert!(!pattern.is_match(no), "{text} {no}");
        }
        assert!(pattern("a(").is_err());
        assert!(pattern("a\\").is_err());
    }
}
