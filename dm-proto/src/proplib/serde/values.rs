//! Property lists in other formats, and within a program's types.

use std::fmt;

use serde::de::{Error, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::super::base64;
use super::super::convert::{check_key, text};
use super::super::dictionary::Dictionary;
use super::super::text::Text;
use super::super::value::Value;

/// What data is called on its way to our own serializer, which keeps its bytes; others pass by the name.
pub(super) const DATA: &str = "dm_proto::proplib::Data";

/// What a string that is no UTF-8 is called on its way to our own serializer.
pub(super) const TEXT: &str = "dm_proto::proplib::Text";

/// Most values that are made room for on the word of another format.
const TRUSTED: usize = 1024;

impl Serialize for Value {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Bool(value) => serializer.serialize_bool(*value),
            Self::Signed(number) => serializer.serialize_i64(*number),
            Self::Unsigned(number) => serializer.serialize_u64(*number),
            Self::String(text) => text.serialize(serializer),
            Self::Data(bytes) => serializer.serialize_newtype_struct(DATA, &RawData(bytes)),
            Self::Array(values) => serializer.collect_seq(values),
            Self::Dict(dictionary) => dictionary.serialize(serializer),
        }
    }
}

impl Serialize for Dictionary {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self)
    }
}

impl Serialize for Text {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.as_str() {
            Some(string) => serializer.serialize_str(string),
            None => serializer.serialize_newtype_struct(TEXT, &RawText(self)),
        }
    }
}

/// Data as a format takes it.
struct RawData<'a>(&'a [u8]);

impl Serialize for RawData<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match serializer.is_human_readable() {
            true => {
                let mut text = Vec::new();
                base64::encode(self.0, &mut text);
                serializer.serialize_str(&String::from_utf8_lossy(&text))
            }
            false => serializer.serialize_bytes(self.0),
        }
    }
}

/// A string that is no UTF-8, as a format takes it.
struct RawText<'a>(&'a Text);

impl Serialize for RawText<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match serializer.is_human_readable() {
            true => serializer.serialize_str(&self.0.to_string_lossy()),
            false => serializer.serialize_bytes(self.0.as_bytes()),
        }
    }
}

impl<'de> Deserialize<'de> for Value {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ValueVisitor)
    }
}

impl<'de> Deserialize<'de> for Dictionary {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(DictionaryVisitor)
    }
}

impl<'de> Deserialize<'de> for Text {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_string(TextVisitor)
    }
}

struct ValueVisitor;

impl<'de> Visitor<'de> for ValueVisitor {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value that libprop has")
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_i64<E: Error>(self, number: i64) -> Result<Value, E> {
        Ok(Value::Signed(number))
    }

    fn visit_u64<E: Error>(self, number: u64) -> Result<Value, E> {
        Ok(Value::Unsigned(number))
    }

    fn visit_str<E: Error>(self, string: &str) -> Result<Value, E> {
        TextVisitor.visit_str(string).map(Value::String)
    }

    fn visit_bytes<E: Error>(self, bytes: &[u8]) -> Result<Value, E> {
        Ok(bytes.into())
    }

    fn visit_byte_buf<E: Error>(self, bytes: Vec<u8>) -> Result<Value, E> {
        Ok(bytes.into())
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        Value::deserialize(deserializer)
    }

    /// A string of ours that is no UTF-8.
    fn visit_newtype_struct<D: Deserializer<'de>>(
        self,
        deserializer: D,
    ) -> Result<Value, D::Error> {
        deserializer
            .deserialize_bytes(TextVisitor)
            .map(Value::String)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut elements: A) -> Result<Value, A::Error> {
        let mut values = Vec::with_capacity(elements.size_hint().unwrap_or(0).min(TRUSTED));
        while let Some(value) = elements.next_element()? {
            values.push(value);
        }
        Ok(Value::Array(values))
    }

    fn visit_map<A: MapAccess<'de>>(self, entries: A) -> Result<Value, A::Error> {
        DictionaryVisitor.visit_map(entries).map(Value::Dict)
    }
}

struct DictionaryVisitor;

impl<'de> Visitor<'de> for DictionaryVisitor {
    type Value = Dictionary;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a dictionary")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Dictionary, A::Error> {
        let mut entries = Vec::with_capacity(map.size_hint().unwrap_or(0).min(TRUSTED));
        while let Some((key, value)) = map.next_entry()? {
            entries.push((check_key(key).map_err(A::Error::custom)?, value));
        }
        Ok(Dictionary::from_unsorted(entries))
    }
}

struct TextVisitor;

impl Visitor<'_> for TextVisitor {
    type Value = Text;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a string")
    }

    fn visit_str<E: Error>(self, string: &str) -> Result<Text, E> {
        text(string).map_err(E::custom)
    }

    fn visit_bytes<E: Error>(self, bytes: &[u8]) -> Result<Text, E> {
        match memchr::memchr(0, bytes) {
            None => Ok(Text::from_nul_free(bytes)),
            Some(_) => Err(E::custom(super::Unfit::Nul)),
        }
    }
}
