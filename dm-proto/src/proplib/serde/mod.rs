//! From and to a program's own types, through serde.

mod containers;
mod de;
mod ser;
mod values;

use ::serde::{Deserialize, Serialize};

use super::convert::{ConvertError, Unfit};
use super::dictionary::Dictionary;
use super::value::Value;

/// The value of anything that serde can take apart.
///
/// # Shape
///
/// | Rust | property list |
/// |---|---|
/// | `bool` | boolean |
/// | `i8` to `i128` | integer, written in decimal |
/// | `u8` to `u128` | integer, written in hexadecimal |
/// | `String`, `char` | string |
/// | bytes (`serialize_bytes`, as the crate serde_bytes has it) | data |
/// | sequences, tuples | array |
/// | structs, maps with strings for keys | dictionary |
/// | newtypes, `Some` | what is in them |
/// | `None` in a struct or a map | no key |
/// | an enum's variant without fields | its name as a string |
/// | any other variant | a dictionary with one key, the variant's name |
/// | [`Value`], [`Dictionary`], [`Text`](super::Text) | themselves |
///
/// # Errors
/// With its place: a real number, a unit, a `None` elsewhere; an integer past 64 bits; a string with a NUL; a key that
/// is no string or longer than [`MAX_KEY`](super::MAX_KEY) bytes; and what the type itself refuses.
pub fn to_value<T: Serialize + ?Sized>(value: &T) -> Result<Value, ConvertError> {
    ser::present(value.serialize(ser::Serializer::default())?)
}

/// The dictionary of a struct or a map.
///
/// # Errors
/// As [`to_value`]; [`Unfit::NotDictionary`] for anything else.
///
/// # Examples
/// ```
/// use dm_proto::proplib::{from_dictionary, to_dictionary};
/// use serde::{Deserialize, Serialize};
///
/// #[derive(Debug, PartialEq, Serialize, Deserialize)]
/// struct Segment {
///     start: u64,
///     length: u64,
///     #[serde(rename = "type")]
///     target: String,
///     params: Option<String>,
/// }
///
/// let segment = Segment { start: 0, length: 16, target: "zero".into(), params: None };
/// let dictionary = to_dictionary(&segment)?;
/// assert_eq!(dictionary.uint64("length"), Some(16));
/// assert_eq!(dictionary.get("params"), None);
/// assert_eq!(from_dictionary::<Segment>(&dictionary)?, segment);
/// # Ok::<(), dm_proto::proplib::ConvertError>(())
/// ```
pub fn to_dictionary<T: Serialize + ?Sized>(value: &T) -> Result<Dictionary, ConvertError> {
    match to_value(value)? {
        Value::Dict(dictionary) => Ok(dictionary),
        _ => Err(Unfit::NotDictionary.into()),
    }
}

/// What serde can put together from a value, by the table of [`to_value`].
///
/// An integer may be of either form, and strings and data may be borrowed from the value.
///
/// # Errors
/// What the type can not hold, with its place.
pub fn from_value<'de, T: Deserialize<'de>>(value: &'de Value) -> Result<T, ConvertError> {
    T::deserialize(value)
}

/// What serde can put together from a dictionary.
///
/// # Errors
/// As [`from_value`].
pub fn from_dictionary<'de, T: Deserialize<'de>>(
    dictionary: &'de Dictionary,
) -> Result<T, ConvertError> {
    T::deserialize(dictionary)
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, HashMap};
    use std::net::Ipv4Addr;

    use serde_json::json;

    use super::super::{Limits, Text, read, write};
    use super::*;

    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    struct Everything {
        small: i8,
        large: u64,
        letter: char,
        name: Name,
        some: Option<String>,
        none: Option<u32>,
        pair: (bool, u16),
        numbers: Vec<i64>,
        kinds: Vec<Kind>,
        map: BTreeMap<Name, u8>,
        address: Option<Ipv4Addr>,
        raw: Value,
        #[serde(flatten)]
        rest: BTreeMap<String, Value>,
    }

    #[derive(Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
    struct Name(String);

    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    enum Kind {
        Empty,
        One(u32),
        Two(i32, String),
        Named { length: Option<u64> },
    }

    fn everything() -> Everything {
        Everything {
            small: -5,
            large: u64::MAX,
            letter: 'é',
            name: Name("vol0".into()),
            some: Some("<&>".into()),
            none: None,
            pair: (true, 7),
            numbers: vec![i64::MIN, 0],
            kinds: vec![
                Kind::Empty,
                Kind::One(1),
                Kind::Two(-2, "b".into()),
                Kind::Named { length: Some(3) },
                Kind::Named { length: None },
            ],
            map: [(Name("k".into()), 1)].into(),
            address: Some(Ipv4Addr::LOCALHOST),
            raw: vec![
                Value::from(vec![0_u8, 0xff]),
                b"\xff"[..].into(),
                raw_text(),
            ]
            .into(),
            rest: [("extra".into(), raw_text()), ("other".into(), 5.into())].into(),
        }
    }

    fn raw_text() -> Value {
        Value::String(b"a\xff"[..].into())
    }

    fn unfit<T: Serialize>(value: T) -> String {
        to_value(&value).unwrap_err().to_string()
    }

    fn misread<'de, T: Deserialize<'de> + std::fmt::Debug>(value: &'de Value) -> String {
        from_value::<T>(value).unwrap_err().to_string()
    }

    #[test]
    fn struct_comes_back_through_text() {
        let text = write(&to_value(&everything()).unwrap());
        let value = read(&text, &Limits::default()).unwrap();
        assert_eq!(from_value::<Everything>(&value), Ok(everything()));
        let dictionary = to_dictionary(&everything()).unwrap();
        assert_eq!(from_dictionary::<Everything>(&dictionary), Ok(everything()));
        assert!(!dictionary.contains("none"));
    }

    #[test]
    fn integers_keep_their_sign_and_enums_are_tagged_outside() {
        let mut named = Dictionary::new();
        named.set("Named", Dictionary::new());
        let kinds = [Kind::Empty, Kind::Named { length: None }];
        assert_eq!(
            to_value(&(5_u8, 5_i8, kinds)).unwrap(),
            Value::Array(vec![
                Value::Unsigned(5),
                Value::Signed(5),
                Value::Array(vec!["Empty".into(), named.into()]),
            ])
        );
        assert_eq!(
            from_value::<(i8, u64)>(&vec![Value::Unsigned(5), 6.into()].into()),
            Ok((5, 6))
        );
    }

    #[test]
    fn own_values_stay_themselves() {
        let mut dictionary = Dictionary::new();
        dictionary.insert(&b"\xfe"[..], raw_text()).unwrap();
        dictionary
            .set("data", vec![1_u8])
            .set("empty", Vec::<u8>::new());
        let value = Value::Array(vec![dictionary.clone().into(), true.into(), (-1).into()]);
        assert_eq!(to_value(&value), Ok(value.clone()));
        assert_eq!(from_value(&value), Ok(value));
        assert_eq!(to_dictionary(&dictionary), Ok(dictionary.clone()));
        assert_eq!(from_dictionary(&dictionary), Ok(dictionary));
        assert_eq!(
            to_value(&Text::from(&b"\xff"[..])),
            Ok(Value::String(b"\xff"[..].into()))
        );
    }

    #[test]
    fn strings_and_bytes_are_borrowed() {
        #[derive(Debug, PartialEq, Deserialize)]
        struct Borrowed<'a> {
            name: &'a str,
            data: &'a [u8],
        }
        let mut dictionary = Dictionary::new();
        dictionary.set("name", "vol0").set("data", vec![1_u8, 2]);
        let borrowed = Borrowed {
            name: "vol0",
            data: &[1, 2],
        };
        assert_eq!(from_dictionary(&dictionary), Ok(borrowed));
    }

    #[test]
    fn what_libprop_lacks_is_refused_with_its_place() {
        assert_eq!(unfit(1.5_f32), "libprop has no real numbers");
        assert_eq!(unfit(()), "libprop has no empty value");
        assert_eq!(unfit(None::<u8>), "libprop has no empty value");
        assert_eq!(
            unfit([("a", vec![Some(1), None])]),
            "0.1.1: libprop has no empty value"
        );
        assert_eq!(
            unfit(HashMap::from([("k", 1_u128 << 64)])),
            "k: integer out of range"
        );
        assert_eq!(unfit(HashMap::from([(5, 5)])), "a key must be a string");
        assert_eq!(unfit("a\0b"), "libprop's strings hold no NUL");
        let long = "k".repeat(129);
        let reason = format!("{long}: key of 129 bytes is longer than 128");
        assert_eq!(unfit(HashMap::from([(&long, 1)])), reason);
        assert_eq!(
            unfit(Kind::Two(1, "\0".into())),
            "Two.1: libprop's strings hold no NUL"
        );
        assert_eq!(to_dictionary(&5).unwrap_err().reason, Unfit::NotDictionary);
    }

    #[test]
    fn what_a_type_lacks_is_refused_with_its_place() {
        let values = Value::Array(vec![1.into(), 300.into()]);
        assert_eq!(
            misread::<Vec<u8>>(&values),
            "1: invalid value: integer `300`, expected u8"
        );
        assert!(misread::<[u16; 1]>(&values).starts_with("invalid length 2"));
        assert!(misread::<String>(&raw_text()).starts_with("invalid value: byte array"));
        assert!(misread::<Kind>(&"Other".into()).starts_with("unknown variant `Other`"));
        assert!(misread::<Kind>(&true.into()).starts_with("invalid type: boolean"));
        let mut kind = Dictionary::new();
        kind.set("Empty", true);
        assert!(misread::<Kind>(&kind.clone().into()).starts_with("Empty: invalid type"));
        kind.set("One", 1);
        assert!(misread::<Kind>(&kind.into()).starts_with("invalid length 2"));
    }

    #[test]
    fn json_has_data_in_base64_and_no_invalid_utf8() {
        let mut dictionary = Dictionary::new();
        dictionary
            .set("data", vec![0_u8, 1, 2])
            .set("large", u64::MAX)
            .set("negative", i64::MIN)
            .set("text", raw_text());
        let json = json!({
            "data": "AAEC",
            "large": u64::MAX,
            "negative": i64::MIN,
            "text": "a\u{fffd}",
        });
        assert_eq!(serde_json::to_value(&dictionary).unwrap(), json);
        let back: Dictionary = serde_json::from_value(json).unwrap();
        assert_eq!(back.get("large"), Some(&Value::Unsigned(u64::MAX)));
        assert_eq!(back.get("negative"), Some(&Value::Signed(i64::MIN)));
        assert_eq!(back.string("data"), Some("AAEC"));
    }

    #[test]
    fn json_without_a_value_of_libprops_is_refused() {
        for json in [
            "null",
            "1.5",
            "\"\\u0000\"",
            "[null]",
            "{\"a\":{\"b\":0.5}}",
        ] {
            assert!(serde_json::from_str::<Value>(json).is_err(), "{json}");
        }
        let long = format!("{{\"{}\":1}}", "k".repeat(129));
        assert!(serde_json::from_str::<Dictionary>(&long).is_err());
        assert!(serde_json::from_str::<Dictionary>("[]").is_err());
    }

    /// Beside the stack that a value of that depth needs anyway, see [`Limits`].
    #[test]
    fn greatest_depth_is_converted_on_a_threads_stack() {
        let work = || {
            let flat = Value::from(true);
            let value = (0..Limits::MAX_DEPTH).fold(flat, |value, _| vec![value].into());
            assert_eq!(to_value(&value).as_ref(), Ok(&value));
            assert_eq!(from_value(&value), Ok(value));
        };
        std::thread::spawn(work).join().expect("the stack suffices");
    }
}
