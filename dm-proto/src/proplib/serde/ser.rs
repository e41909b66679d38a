//! From a program's types to values.

use std::fmt::Display;

use serde::ser::{self, Serialize};

use super::super::convert::{ConvertError, Unfit, text};
use super::super::text::Text;
use super::super::value::Value;
use super::containers::{Entries, Values, in_variant};
use super::values::{DATA, TEXT};

/// A value; `None` for a `None`, which has no key.
pub(super) type Written = Option<Value>;

/// Makes values.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Serializer {
    form: Form,
}

/// What the types are told that the format is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum Form {
    /// People.
    #[default]
    Readable,
    /// Machines, which is said to one of our own values to get its bytes.
    Bytes,
}

/// A value that must be there.
pub(super) fn present(written: Written) -> Result<Value, ConvertError> {
    written.ok_or_else(|| Unfit::Nothing.into())
}

impl ser::Error for ConvertError {
    fn custom<T: Display>(message: T) -> Self {
        Unfit::Other(message.to_string()).into()
    }
}

impl ser::Serializer for Serializer {
    type Ok = Written;
    type Error = ConvertError;
    type SerializeSeq = Values;
    type SerializeTuple = Values;
    type SerializeTupleStruct = Values;
    type SerializeTupleVariant = Values;
    type SerializeMap = Entries;
    type SerializeStruct = Entries;
    type SerializeStructVariant = Entries;

    fn is_human_readable(&self) -> bool {
        self.form == Form::Readable
    }

    fn serialize_bool(self, value: bool) -> Result<Written, ConvertError> {
        Ok(Some(Value::Bool(value)))
    }

    fn serialize_i8(self, number: i8) -> Result<Written, ConvertError> {
        self.serialize_i64(number.into())
    }

    fn serialize_i16(self, number: i16) -> Result<Written, ConvertError> {
        self.serialize_i64(number.into())
    }

    fn serialize_i32(self, number: i32) -> Result<Written, ConvertError> {
        self.serialize_i64(number.into())
    }

    fn serialize_i64(self, number: i64) -> Result<Written, ConvertError> {
        Ok(Some(Value::Signed(number)))
    }

    fn serialize_i128(self, number: i128) -> Result<Written, ConvertError> {
        self.serialize_i64(number.try_into().map_err(|_| Unfit::Range)?)
    }

    fn serialize_u8(self, number: u8) -> Result<Written, ConvertError> {
        self.serialize_u64(number.into())
    }

    fn serialize_u16(self, number: u16) -> Result<Written, ConvertError> {
        self.serialize_u64(number.into())
    }

    fn serialize_u32(self, number: u32) -> Result<Written, ConvertError> {
        self.serialize_u64(number.into())
    }

    fn serialize_u64(self, number: u64) -> Result<Written, ConvertError> {
        Ok(Some(Value::Unsigned(number)))
    }

    fn serialize_u128(self, number: u128) -> Result<Written, ConvertError> {
        self.serialize_u64(number.try_into().map_err(|_| Unfit::Range)?)
    }

    fn serialize_f32(self, _: f32) -> Result<Written, ConvertError> {
        Err(Unfit::Real.into())
    }

    fn serialize_f64(self, _: f64) -> Result<Written, ConvertError> {
        Err(Unfit::Real.into())
    }

    fn serialize_char(self, value: char) -> Result<Written, ConvertError> {
        self.serialize_str(value.encode_utf8(&mut [0; 4]))
    }

    fn serialize_str(self, string: &str) -> Result<Written, ConvertError> {
        Ok(Some(Value::String(text(string)?)))
    }

    fn serialize_bytes(self, bytes: &[u8]) -> Result<Written, ConvertError> {
        Ok(Some(bytes.into()))
    }

    fn serialize_none(self) -> Result<Written, ConvertError> {
        Ok(None)
    }

    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Result<Written, ConvertError> {
        value.serialize(self)
    }

    fn serialize_unit(self) -> Result<Written, ConvertError> {
        Err(Unfit::Nothing.into())
    }

    fn serialize_unit_struct(self, _: &'static str) -> Result<Written, ConvertError> {
        Err(Unfit::Nothing.into())
    }

    fn serialize_unit_variant(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
    ) -> Result<Written, ConvertError> {
        self.serialize_str(variant)
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(
        self,
        name: &'static str,
        value: &T,
    ) -> Result<Written, ConvertError> {
        let form = match name {
            DATA | TEXT => Form::Bytes,
            _ => self.form,
        };
        Ok(match value.serialize(Self { form })? {
            Some(Value::Data(bytes)) if name == TEXT => Some(Value::String(bytes.into())),
            written => written,
        })
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        value: &T,
    ) -> Result<Written, ConvertError> {
        let value = value.serialize(self).and_then(present);
        let value = value.map_err(|error| error.within(&Text::from(variant)))?;
        in_variant(Some(variant), value)
    }

    fn serialize_seq(self, length: Option<usize>) -> Result<Values, ConvertError> {
        Ok(Values::new(None, length.unwrap_or(0)))
    }

    fn serialize_tuple(self, length: usize) -> Result<Values, ConvertError> {
        Ok(Values::new(None, length))
    }

    fn serialize_tuple_struct(
        self,
        _: &'static str,
        length: usize,
    ) -> Result<Values, ConvertError> {
        Ok(Values::new(None, length))
    }

    fn serialize_tuple_variant(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        length: usize,
    ) -> Result<Values, ConvertError> {
        Ok(Values::new(Some(variant), length))
    }

    fn serialize_map(self, length: Option<usize>) -> Result<Entries, ConvertError> {
        Ok(Entries::new(None, length.unwrap_or(0)))
    }

    fn serialize_struct(self, _: &'static str, length: usize) -> Result<Entries, ConvertError> {
        Ok(Entries::new(None, length))
    }

    fn serialize_struct_variant(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        length: usize,
    ) -> Result<Entries, ConvertError> {
        Ok(Entries::new(Some(variant), length))
    }
}
