//! From and to the values of the plist crate.
//!
//! Its integers do not know whether they were written in hexadecimal. What is not negative becomes
//! [`Value::Unsigned`], the form that every getter gives and that NetBSD's kernel reads in full; what is negative
//! becomes [`Value::Signed`].

use super::convert::{self, ConvertError, Unfit};
use super::dictionary::Dictionary;
use super::text::Text;
use super::value::Value;

/// Takes a value over.
///
/// # Errors
/// Real numbers, dates and uids by name, as libprop has none; strings with a NUL; keys past
/// [`MAX_KEY`](super::MAX_KEY) bytes.
impl TryFrom<plist::Value> for Value {
    type Error = ConvertError;

    fn try_from(value: plist::Value) -> Result<Self, ConvertError> {
        Ok(match value {
            plist::Value::Boolean(value) => Self::Bool(value),
            plist::Value::Integer(number) => match (number.as_unsigned(), number.as_signed()) {
                (Some(number), _) => Self::Unsigned(number),
                (None, Some(number)) => Self::Signed(number),
                (None, None) => return Err(Unfit::Range.into()),
            },
            plist::Value::String(string) => Self::String(convert::text(&string)?),
            plist::Value::Data(bytes) => Self::Data(bytes),
            plist::Value::Array(values) => Self::Array(array(values)?),
            plist::Value::Dictionary(dictionary) => Self::Dict(dictionary.try_into()?),
            plist::Value::Real(_) => return Err(Unfit::Real.into()),
            plist::Value::Date(_) => return Err(Unfit::Date.into()),
            plist::Value::Uid(_) => return Err(Unfit::Uid.into()),
            _ => return Err(Unfit::Unknown.into()),
        })
    }
}

/// Takes a dictionary over, its keys sorted.
///
/// # Errors
/// As for a [`Value`].
impl TryFrom<plist::Dictionary> for Dictionary {
    type Error = ConvertError;

    fn try_from(dictionary: plist::Dictionary) -> Result<Self, ConvertError> {
        let entry = |(key, value): (String, plist::Value)| {
            let step = Text::from(&key);
            let entry = || {
                Ok((
                    convert::check_key(convert::text(&key)?)?,
                    Value::try_from(value)?,
                ))
            };
            entry().map_err(|error: ConvertError| error.within(&step))
        };
        let entries: Result<_, _> = dictionary.into_iter().map(entry).collect();
        entries.map(Self::from_unsorted)
    }
}

/// Hands a value on.
///
/// # Errors
/// Strings and keys that are no UTF-8.
impl TryFrom<Value> for plist::Value {
    type Error = ConvertError;

    fn try_from(value: Value) -> Result<Self, ConvertError> {
        Ok(match value {
            Value::Bool(value) => Self::Boolean(value),
            Value::Signed(number) => Self::Integer(number.into()),
            Value::Unsigned(number) => Self::Integer(number.into()),
            Value::String(text) => Self::String(string(&text)?),
            Value::Data(bytes) => Self::Data(bytes),
            Value::Array(values) => Self::Array(array(values)?),
            Value::Dict(dictionary) => Self::Dictionary(dictionary.try_into()?),
        })
    }
}

/// Hands a dictionary on.
///
/// # Errors
/// As for a [`Value`].
impl TryFrom<Dictionary> for plist::Dictionary {
    type Error = ConvertError;

    fn try_from(dictionary: Dictionary) -> Result<Self, ConvertError> {
        let entry = |(key, value): (Text, Value)| {
            let entry = || Ok((string(&key)?, plist::Value::try_from(value)?));
            entry().map_err(|error: ConvertError| error.within(&key))
        };
        dictionary.into_iter().map(entry).collect()
    }
}

fn array<A, B: TryFrom<A, Error = ConvertError>>(values: Vec<A>) -> Result<Vec<B>, ConvertError> {
    let value = |(at, value): (usize, A)| B::try_from(value).map_err(|error| error.within(at));
    values.into_iter().enumerate().map(value).collect()
}

fn string(text: &Text) -> Result<String, Unfit> {
    text.as_str().map(str::to_owned).ok_or(Unfit::NotUtf8)
}

#[cfg(test)]
mod tests {
    use std::time::SystemTime;

    use super::super::{Limits, MAX_KEY, read_dictionary, write_dictionary};
    use super::*;

    fn nested(value: impl Into<plist::Value>) -> plist::Value {
        let mut dictionary = plist::Dictionary::new();
        dictionary.insert(
            "k".into(),
            plist::Value::Array(vec![true.into(), value.into()]),
        );
        plist::Value::Dictionary(dictionary)
    }

    fn refusal(value: impl Into<plist::Value>) -> String {
        Value::try_from(nested(value)).unwrap_err().to_string()
    }

    #[test]
    fn every_type_of_libprops_comes_back() {
        let mut inner = Dictionary::new();
        inner.set("s", "<&>").set("d", vec![0_u8, 1, 2]);
        let mut dictionary = Dictionary::new();
        dictionary
            .set("bool", true)
            .set("negative", -5)
            .set("large", u64::MAX)
            .set("array", vec![Value::from(inner), false.into()]);
        let theirs = plist::Dictionary::try_from(dictionary.clone()).unwrap();
        assert_eq!(Dictionary::try_from(theirs), Ok(dictionary));
    }

    #[test]
    fn what_is_not_negative_becomes_unsigned() {
        let theirs = plist::Value::try_from(Value::Signed(5)).unwrap();
        assert_eq!(Value::try_from(theirs), Ok(Value::Unsigned(5)));
    }

    #[test]
    fn keys_become_sorted() {
        let mut theirs = plist::Dictionary::new();
        theirs.insert("b".into(), true.into());
        theirs.insert("a".into(), false.into());
        let ours = Dictionary::try_from(theirs).unwrap();
        let text = write_dictionary(&ours);
        assert_eq!(read_dictionary(&text, &Limits::default()), Ok(ours));
    }

    #[test]
    fn what_libprop_lacks_is_refused_by_name_and_place() {
        assert_eq!(refusal(1.5), "k.1: libprop has no real numbers");
        let date = plist::Date::from(SystemTime::UNIX_EPOCH);
        assert_eq!(refusal(date), "k.1: libprop has no dates");
        let uid = plist::Value::Uid(plist::Uid::new(5));
        assert_eq!(refusal(uid), "k.1: libprop has no uids");
        assert_eq!(refusal("a\0b"), "k.1: libprop's strings hold no NUL");
        let mut long = plist::Dictionary::new();
        long.insert("k".repeat(MAX_KEY + 1), true.into());
        let error = Dictionary::try_from(long).unwrap_err();
        assert!(matches!(error.reason, Unfit::KeyTooLong(_)));
    }

    #[test]
    fn bytes_that_are_no_utf8_are_refused() {
        let value: Value = [Value::String(b"\xff"[..].into())].into_iter().collect();
        let error = plist::Value::try_from(value).unwrap_err();
        assert_eq!(error.to_string(), "0: not UTF-8");
    }
}
