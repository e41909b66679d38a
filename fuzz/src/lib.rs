//! What fuzz targets share.

use dm_proto::proplib::{Limits, Value, read, write};

/// Says that a value is read back from its text as it was, and that its text is then the same.
///
/// # Panics
/// If not.
pub fn same_text(value: &Value) {
    let text = write(value);
    match read(&text, &Limits::default()) {
        Ok(again) => {
            assert_eq!(again, *value, "what is written is read back");
            assert_eq!(write(&again), text, "a text in canonical form stays");
        }
        // libprop, too, refuses its own `<data/>`.
        Err(error) => assert!(holds_empty_data(value), "{error}"),
    }
}

fn holds_empty_data(value: &Value) -> bool {
    match value {
        Value::Data(bytes) => bytes.is_empty(),
        Value::Array(values) => values.iter().any(holds_empty_data),
        Value::Dict(dictionary) => dictionary.iter().any(|(_, value)| holds_empty_data(value)),
        _ => false,
    }
}
