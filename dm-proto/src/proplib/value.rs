//! One value of a property list.

use super::dictionary::Dictionary;
use super::text::Text;

/// A value: a scalar, an array or a dictionary.
///
/// Each typed getter gives `None` for a value of another type. Equality is that of the written text: `Signed(5)` and
/// `Unsigned(5)` differ.
///
/// # Examples
/// ```
/// use dm_proto::proplib::Value;
///
/// assert_eq!(Value::from(5_u64), Value::Unsigned(5));
/// assert_eq!(Value::from(5_u64).int32(), Some(5));
/// assert_eq!(Value::from("linear").string(), Some("linear"));
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Value {
    /// `<true/>` or `<false/>`.
    Bool(bool),
    /// An integer written in decimal.
    Signed(i64),
    /// An integer written in hexadecimal.
    Unsigned(u64),
    /// A C string.
    String(Text),
    /// Bytes, written in base64. libprop refuses to read what it writes for no bytes.
    Data(Vec<u8>),
    /// Values in order.
    Array(Vec<Value>),
    /// Values by key.
    Dict(Dictionary),
}

impl Value {
    /// The boolean.
    pub fn bool(&self) -> Option<bool> {
        match self {
            Self::Bool(value) => Some(*value),
            _ => None,
        }
    }

    /// The integer, if it fits.
    pub fn int32(&self) -> Option<i32> {
        match self {
            Self::Signed(value) => i32::try_from(*value).ok(),
            Self::Unsigned(value) => i32::try_from(*value).ok(),
            _ => None,
        }
    }

    /// The integer, if libprop's getter gives it.
    ///
    /// A signed integer past `i32::MAX` counts as 64 bits wide there, so that it is refused even if it fits.
    pub fn uint32(&self) -> Option<u32> {
        match self {
            Self::Signed(value) => i32::try_from(*value).ok()?.try_into().ok(),
            Self::Unsigned(value) => u32::try_from(*value).ok(),
            _ => None,
        }
    }

    /// The integer, if it fits.
    pub fn int64(&self) -> Option<i64> {
        match self {
            Self::Signed(value) => Some(*value),
            Self::Unsigned(value) => i64::try_from(*value).ok(),
            _ => None,
        }
    }

    /// The integer, if it is not negative.
    pub fn uint64(&self) -> Option<u64> {
        match self {
            Self::Signed(value) => u64::try_from(*value).ok(),
            Self::Unsigned(value) => Some(*value),
            _ => None,
        }
    }

    /// The string, if it is UTF-8.
    pub fn string(&self) -> Option<&str> {
        self.text()?.as_str()
    }

    /// The string, whatever its bytes.
    pub fn text(&self) -> Option<&Text> {
        match self {
            Self::String(text) => Some(text),
            _ => None,
        }
    }

    /// The data's bytes.
    pub fn data(&self) -> Option<&[u8]> {
        match self {
            Self::Data(bytes) => Some(bytes),
            _ => None,
        }
    }

    /// The array's values.
    pub fn array(&self) -> Option<&[Value]> {
        match self {
            Self::Array(values) => Some(values),
            _ => None,
        }
    }

    /// The dictionary.
    pub fn dict(&self) -> Option<&Dictionary> {
        match self {
            Self::Dict(dictionary) => Some(dictionary),
            _ => None,
        }
    }
}

impl From<bool> for Value {
    fn from(value: bool) -> Self {
        Self::Bool(value)
    }
}

impl From<i32> for Value {
    fn from(value: i32) -> Self {
        Self::Signed(value.into())
    }
}

impl From<i64> for Value {
    fn from(value: i64) -> Self {
        Self::Signed(value)
    }
}

impl From<u32> for Value {
    fn from(value: u32) -> Self {
        Self::Unsigned(value.into())
    }
}

impl From<u64> for Value {
    fn from(value: u64) -> Self {
        Self::Unsigned(value)
    }
}

impl From<Text> for Value {
    fn from(text: Text) -> Self {
        Self::String(text)
    }
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Self::String(text.into())
    }
}

impl From<String> for Value {
    fn from(text: String) -> Self {
        Self::String(text.into())
    }
}

impl From<Vec<u8>> for Value {
    fn from(bytes: Vec<u8>) -> Self {
        Self::Data(bytes)
    }
}

impl From<&[u8]> for Value {
    fn from(bytes: &[u8]) -> Self {
        Self::Data(bytes.to_vec())
    }
}

impl From<Vec<Value>> for Value {
    fn from(values: Vec<Value>) -> Self {
        Self::Array(values)
    }
}

impl From<Dictionary> for Value {
    fn from(dictionary: Dictionary) -> Self {
        Self::Dict(dictionary)
    }
}

impl<V: Into<Value>> FromIterator<V> for Value {
    /// An array.
    fn from_iter<I: IntoIterator<Item = V>>(values: I) -> Self {
        Self::Array(values.into_iter().map(Into::into).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn getters_give_only_their_type() {
        let values = [
            Value::from(true),
            Value::from(-1),
            Value::from(1_u32),
            Value::from("a"),
            Value::from(vec![1_u8]),
            Value::from(Vec::<Value>::new()),
            Value::from(Dictionary::new()),
        ];
        for (at, value) in values.iter().enumerate() {
            assert_eq!(value.bool().is_some(), at == 0);
            assert_eq!(value.int64().is_some(), at == 1 || at == 2);
            assert_eq!(value.uint64().is_some(), at == 2);
            assert_eq!(value.text().is_some(), at == 3);
            assert_eq!(value.data().is_some(), at == 4);
            assert_eq!(value.array().is_some(), at == 5);
            assert_eq!(value.dict().is_some(), at == 6);
        }
    }

    #[test]
    fn string_is_utf8_and_text_is_any() {
        let value = Value::from(Text::from(&b"\xff"[..]));
        assert_eq!(value.string(), None);
        assert_eq!(value.text().map(Text::as_bytes), Some(&b"\xff"[..]));
    }

    #[test]
    fn signed_past_i32_is_no_uint32() {
        assert_eq!(Value::Signed(0x7fff_ffff).uint32(), Some(0x7fff_ffff));
        assert_eq!(Value::Signed(0x8000_0000).uint32(), None);
        assert_eq!(Value::Unsigned(0x8000_0000).uint32(), Some(0x8000_0000));
    }

    #[test]
    fn iterator_makes_array() {
        assert_eq!(
            ["a", "b"].into_iter().collect::<Value>(),
            Value::Array(vec!["a".into(), "b".into()])
        );
    }
}
