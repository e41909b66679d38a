//! Arrays and dictionaries in the making.

use serde::ser::{self, Serialize};

use super::super::convert::{ConvertError, Unfit, check_key, text};
use super::super::dictionary::Dictionary;
use super::super::text::Text;
use super::super::value::Value;
use super::ser::{Serializer, Written, present};

/// An array that grows.
pub(super) struct Values {
    variant: Option<&'static str>,
    values: Vec<Value>,
}

impl Values {
    pub(super) fn new(variant: Option<&'static str>, length: usize) -> Self {
        let values = Vec::with_capacity(length);
        Self { variant, values }
    }

    fn push<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), ConvertError> {
        let place = self.values.len();
        let value = value.serialize(Serializer::default()).and_then(present);
        self.values.push(value.map_err(|error| {
            let error = error.within(place);
            within_variant(self.variant, error)
        })?);
        Ok(())
    }

    fn finish(self) -> Result<Written, ConvertError> {
        in_variant(self.variant, self.values.into())
    }
}

/// A dictionary that grows.
pub(super) struct Entries {
    variant: Option<&'static str>,
    /// The key of the map's next value.
    key: Text,
    entries: Vec<(Text, Value)>,
}

impl Entries {
    pub(super) fn new(variant: Option<&'static str>, length: usize) -> Self {
        Self {
            variant,
            key: Text::default(),
            entries: Vec::with_capacity(length),
        }
    }

    fn push<T: Serialize + ?Sized>(&mut self, key: Text, value: &T) -> Result<(), ConvertError> {
        let place = |error: ConvertError| within_variant(self.variant, error.within(&key));
        let value = value.serialize(Serializer::default()).map_err(place)?;
        if let Some(value) = value {
            let key = check_key(key.clone()).map_err(|reason| place(reason.into()))?;
            self.entries.push((key, value));
        }
        Ok(())
    }

    fn finish(self) -> Result<Written, ConvertError> {
        in_variant(self.variant, Dictionary::from_unsorted(self.entries).into())
    }
}

impl ser::SerializeSeq for Values {
    type Ok = Written;
    type Error = ConvertError;

    fn serialize_element<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), ConvertError> {
        self.push(value)
    }

    fn end(self) -> Result<Written, ConvertError> {
        self.finish()
    }
}

impl ser::SerializeTuple for Values {
    type Ok = Written;
    type Error = ConvertError;

    fn serialize_element<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), ConvertError> {
        self.push(value)
    }

    fn end(self) -> Result<Written, ConvertError> {
        self.finish()
    }
}

impl ser::SerializeTupleStruct for Values {
    type Ok = Written;
    type Error = ConvertError;

    fn serialize_field<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), ConvertError> {
        self.push(value)
    }

    fn end(self) -> Result<Written, ConvertError> {
        self.finish()
    }
}

impl ser::SerializeTupleVariant for Values {
    type Ok = Written;
    type Error = ConvertError;

    fn serialize_field<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), ConvertError> {
        self.push(value)
    }

    fn end(self) -> Result<Written, ConvertError> {
        self.finish()
    }
}

impl ser::SerializeMap for Entries {
    type Ok = Written;
    type Error = ConvertError;

    fn serialize_key<T: Serialize + ?Sized>(&mut self, key: &T) -> Result<(), ConvertError> {
        self.key = match key.serialize(Serializer::default())? {
            Some(Value::String(key)) => key,
            _ => return Err(within_variant(self.variant, Unfit::Key.into())),
        };
        Ok(())
    }

    fn serialize_value<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), ConvertError> {
        let key = std::mem::take(&mut self.key);
        self.push(key, value)
    }

    fn end(self) -> Result<Written, ConvertError> {
        self.finish()
    }
}

impl ser::SerializeStruct for Entries {
    type Ok = Written;
    type Error = ConvertError;

    fn serialize_field<T: Serialize + ?Sized>(
        &mut self,
        key: &'static str,
        value: &T,
    ) -> Result<(), ConvertError> {
        self.push(text(key)?, value)
    }

    fn end(self) -> Result<Written, ConvertError> {
        self.finish()
    }
}

impl ser::SerializeStructVariant for Entries {
    type Ok = Written;
    type Error = ConvertError;

    fn serialize_field<T: Serialize + ?Sized>(
        &mut self,
        key: &'static str,
        value: &T,
    ) -> Result<(), ConvertError> {
        self.push(text(key)?, value)
    }

    fn end(self) -> Result<Written, ConvertError> {
        self.finish()
    }
}

/// What an enum's variant holds, under its name.
pub(super) fn in_variant(
    variant: Option<&'static str>,
    value: Value,
) -> Result<Written, ConvertError> {
    let Some(variant) = variant else {
        return Ok(Some(value));
    };
    let mut outer = Dictionary::with_capacity(1);
    outer
        .insert(text(variant)?, value)
        .map_err(Unfit::KeyTooLong)?;
    Ok(Some(outer.into()))
}

/// The same as seen from around the variant.
fn within_variant(variant: Option<&'static str>, error: ConvertError) -> ConvertError {
    match variant {
        Some(variant) => error.within(&Text::from(variant)),
        None => error,
    }
}
