//! From values to a program's types.

use std::fmt::Display;
use std::{iter, slice};

use serde::de::value::{BorrowedBytesDeserializer, BorrowedStrDeserializer};
use serde::de::{
    self, DeserializeSeed, Deserializer, EnumAccess, MapAccess, SeqAccess, Unexpected,
    VariantAccess, Visitor,
};
use serde::forward_to_deserialize_any;

use super::super::convert::{ConvertError, Unfit};
use super::super::dictionary::{Dictionary, Iter};
use super::super::text::Text;
use super::super::value::Value;

impl de::Error for ConvertError {
    fn custom<T: Display>(message: T) -> Self {
        Unfit::Other(message.to_string()).into()
    }
}

impl<'de> Deserializer<'de> for &'de Value {
    type Error = ConvertError;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ConvertError> {
        match self {
            Value::Bool(value) => visitor.visit_bool(*value),
            Value::Signed(number) => visitor.visit_i64(*number),
            Value::Unsigned(number) => visitor.visit_u64(*number),
            Value::String(text) => text.deserialize_any(visitor),
            Value::Data(bytes) => visitor.visit_borrowed_bytes(bytes),
            Value::Array(values) => Elements::visit(values, visitor),
            Value::Dict(dictionary) => dictionary.deserialize_any(visitor),
        }
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ConvertError> {
        visitor.visit_some(self)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, ConvertError> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        name: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, ConvertError> {
        match self {
            Value::Dict(dictionary) => dictionary.deserialize_enum(name, variants, visitor),
            Value::String(text) => text.deserialize_enum(name, variants, visitor),
            other => Err(de::Error::invalid_type(
                other.unexpected(),
                &"a variant's name, or a dictionary with that one key",
            )),
        }
    }

    fn deserialize_str<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ConvertError> {
        match self {
            Value::String(text) => text.deserialize_str(visitor),
            other => other.deserialize_any(visitor),
        }
    }

    fn deserialize_string<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ConvertError> {
        self.deserialize_str(visitor)
    }

    fn deserialize_bytes<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ConvertError> {
        self.deserialize_str(visitor)
    }

    fn deserialize_byte_buf<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ConvertError> {
        self.deserialize_str(visitor)
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char unit unit_struct seq tuple tuple_struct map struct
        identifier ignored_any
    }
}

impl Value {
    fn unexpected(&self) -> Unexpected<'_> {
        match self {
            Self::Bool(value) => Unexpected::Bool(*value),
            Self::Signed(number) => Unexpected::Signed(*number),
            Self::Unsigned(number) => Unexpected::Unsigned(*number),
            Self::String(text) => Unexpected::Bytes(text.as_bytes()),
            Self::Data(bytes) => Unexpected::Bytes(bytes),
            Self::Array(_) => Unexpected::Seq,
            Self::Dict(_) => Unexpected::Map,
        }
    }
}

impl<'de> Deserializer<'de> for &'de Dictionary {
    type Error = ConvertError;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ConvertError> {
        visitor.visit_map(Entries {
            entries: self.iter(),
            current: None,
        })
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ConvertError> {
        visitor.visit_some(self)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, ConvertError> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, ConvertError> {
        let mut entries = self.iter();
        match (entries.next(), entries.next()) {
            (Some((name, value)), None) => visitor
                .visit_enum(Variant { name, value })
                .map_err(|error: ConvertError| error.within(name)),
            _ => Err(de::Error::invalid_length(
                self.len(),
                &"a dictionary with one key",
            )),
        }
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf unit unit_struct seq tuple
        tuple_struct map struct identifier ignored_any
    }
}

impl<'de> Deserializer<'de> for &'de Text {
    type Error = ConvertError;

    /// What is no UTF-8 comes as bytes in a newtype, so that a value can tell it from data.
    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ConvertError> {
        match self.as_str() {
            Some(string) => visitor.visit_borrowed_str(string),
            None => visitor.visit_newtype_struct(BorrowedBytesDeserializer::new(self.as_bytes())),
        }
    }

    fn deserialize_str<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ConvertError> {
        match self.as_str() {
            Some(string) => visitor.visit_borrowed_str(string),
            None => visitor.visit_borrowed_bytes(self.as_bytes()),
        }
    }

    fn deserialize_string<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ConvertError> {
        self.deserialize_str(visitor)
    }

    fn deserialize_bytes<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ConvertError> {
        self.deserialize_str(visitor)
    }

    fn deserialize_byte_buf<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ConvertError> {
        self.deserialize_str(visitor)
    }

    fn deserialize_identifier<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ConvertError> {
        self.deserialize_str(visitor)
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ConvertError> {
        visitor.visit_some(self)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, ConvertError> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, ConvertError> {
        let name = self.as_str().ok_or(Unfit::NotUtf8)?;
        visitor.visit_enum(BorrowedStrDeserializer::new(name))
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char unit unit_struct seq tuple tuple_struct map struct
        ignored_any
    }
}

/// The values of an array, one by one.
struct Elements<'de> {
    values: iter::Enumerate<slice::Iter<'de, Value>>,
}

impl<'de> Elements<'de> {
    fn visit<V: Visitor<'de>>(values: &'de [Value], visitor: V) -> Result<V::Value, ConvertError> {
        let mut elements = Self {
            values: values.iter().enumerate(),
        };
        let visited = visitor.visit_seq(&mut elements)?;
        match elements.values.len() {
            0 => Ok(visited),
            _ => Err(de::Error::invalid_length(values.len(), &"fewer values")),
        }
    }
}

impl<'de> SeqAccess<'de> for &mut Elements<'de> {
    type Error = ConvertError;

    fn next_element_seed<T: DeserializeSeed<'de>>(
        &mut self,
        seed: T,
    ) -> Result<Option<T::Value>, ConvertError> {
        let Some((place, value)) = self.values.next() else {
            return Ok(None);
        };
        let element = seed.deserialize(value).map(Some);
        element.map_err(|error| error.within(place))
    }

    fn size_hint(&self) -> Option<usize> {
        Some(self.values.len())
    }
}

/// The entries of a dictionary, one by one.
struct Entries<'de> {
    entries: Iter<'de>,
    /// The entry of which only the key is read.
    current: Option<(&'de Text, &'de Value)>,
}

impl<'de> MapAccess<'de> for Entries<'de> {
    type Error = ConvertError;

    fn next_key_seed<K: DeserializeSeed<'de>>(
        &mut self,
        seed: K,
    ) -> Result<Option<K::Value>, ConvertError> {
        self.current = self.entries.next();
        let Some((key, _)) = self.current else {
            return Ok(None);
        };
        let read = seed.deserialize(key).map(Some);
        read.map_err(|error| error.within(key))
    }

    fn next_value_seed<T: DeserializeSeed<'de>>(
        &mut self,
        seed: T,
    ) -> Result<T::Value, ConvertError> {
        let (key, value) = self.current.take().ok_or(Unfit::Nothing)?;
        seed.deserialize(value).map_err(|error| error.within(key))
    }

    fn size_hint(&self) -> Option<usize> {
        Some(self.entries.len())
    }
}

/// A variant that holds something.
struct Variant<'de> {
    name: &'de Text,
    value: &'de Value,
}

impl<'de> EnumAccess<'de> for Variant<'de> {
    type Error = ConvertError;
    type Variant = Content<'de>;

    fn variant_seed<V: DeserializeSeed<'de>>(
        self,
        seed: V,
    ) -> Result<(V::Value, Content<'de>), ConvertError> {
        Ok((seed.deserialize(self.name)?, Content(self.value)))
    }
}

/// What a variant holds.
struct Content<'de>(&'de Value);

impl<'de> VariantAccess<'de> for Content<'de> {
    type Error = ConvertError;

    fn unit_variant(self) -> Result<(), ConvertError> {
        let expected = &"the name of this variant alone";
        Err(de::Error::invalid_type(self.0.unexpected(), expected))
    }

    fn newtype_variant_seed<T: DeserializeSeed<'de>>(
        self,
        seed: T,
    ) -> Result<T::Value, ConvertError> {
        seed.deserialize(self.0)
    }

    fn tuple_variant<V: Visitor<'de>>(
        self,
        length: usize,
        visitor: V,
    ) -> Result<V::Value, ConvertError> {
        self.0.deserialize_tuple(length, visitor)
    }

    fn struct_variant<V: Visitor<'de>>(
        self,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, ConvertError> {
        self.0.deserialize_struct("", fields, visitor)
    }
}
