//! Wiping of values that may hold encryption keys.

use zeroize::{Zeroize, optimization_barrier};

use super::dictionary::Dictionary;
use super::text::Text;
use super::value::Value;

/// Wipes all texts and data, and leaves what was wiped empty.
///
/// What a vector that grew has left elsewhere is not found.
impl Zeroize for Value {
    fn zeroize(&mut self) {
        match self {
            Self::Bool(value) => value.zeroize(),
            Self::Signed(value) => value.zeroize(),
            Self::Unsigned(value) => value.zeroize(),
            Self::String(text) => text.zeroize(),
            Self::Data(bytes) => bytes.zeroize(),
            Self::Array(values) => values.zeroize(),
            Self::Dict(dictionary) => dictionary.zeroize(),
        }
    }
}

/// Wipes the values, and leaves no entry.
impl Zeroize for Dictionary {
    fn zeroize(&mut self) {
        self.values_mut().for_each(Zeroize::zeroize);
        *self = Self::new();
    }
}

impl Zeroize for Text {
    fn zeroize(&mut self) {
        wipe(self.bytes_mut());
        *self = Text::EMPTY;
    }
}

/// Wipes bytes as a whole: one by one, as [`Zeroize`] does, takes many times as long, and texts may be long.
pub(crate) fn wipe(bytes: &mut [u8]) {
    bytes.fill(0);
    optimization_barrier(bytes);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_of_any_text_are_wiped() {
        for length in [0, 1, 22, 23, 100] {
            let mut text = Text::from("k".repeat(length));
            wipe(text.bytes_mut());
            assert_eq!(text.as_bytes(), vec![0; length]);
            text.zeroize();
            assert_eq!(text, "");
        }
    }

    #[test]
    fn nothing_is_left() {
        let mut line = Dictionary::new();
        line.set("params", "aes-xts 0123")
            .set("data", vec![1_u8, 2]);
        let mut value: Value = [Value::from(line.clone())].into_iter().collect();
        value.zeroize();
        assert_eq!(value, Value::Array(Vec::new()));
        line.zeroize();
        assert_eq!(line, Dictionary::new());
    }
}
