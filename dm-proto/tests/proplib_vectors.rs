//! Every captured vector of libprop: verdicts, canonical output, getter ranges, values built through the API.

use std::fs;
use std::path::PathBuf;

use dm_proto::proplib::{Dialect, Dictionary, Limits, Reader, Text, Value, read, write};

/// The one accepted input whose output, 4 MB of tabs, was not kept.
const UNCAPTURED: &str = "array-depth-2000";

fn vector(name: &str) -> Vec<u8> {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("tests/vectors/proplib")
        .join(name);
    fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// The rows of a table, without its head.
fn rows(name: &str) -> Vec<Vec<String>> {
    let table = String::from_utf8(vector(name)).expect("tables are UTF-8");
    let rows = table.lines().skip(1);
    rows.map(|row| row.split('\t').map(str::to_owned).collect())
        .collect()
}

fn verdict(result: &Result<Value, impl Sized>) -> &'static str {
    match result {
        Ok(Value::Dict(_)) => "accepted-dict",
        Ok(Value::Array(_)) => "accepted-array",
        Ok(_) => "accepted-scalar",
        Err(_) => "rejected",
    }
}

#[test]
fn every_row_has_libprops_verdict_and_output() {
    let rows = rows("index.tsv");
    assert_eq!(rows.len(), 161);
    for row in rows {
        let [id, name, userland, kernel, same, ..] = row.as_slice() else {
            panic!("short row: {row:?}");
        };
        let input = vector(&format!("{id}-{name}.plist"));
        for (dialect, expected) in [(Dialect::Userland, userland), (Dialect::Kernel, kernel)] {
            let (expected, reparses) = match expected.strip_suffix(" REPARSE-FAILS") {
                Some(expected) => (expected, false),
                None => (expected.as_str(), true),
            };
            let result = Reader::new().dialect(dialect).read(&input);
            assert_eq!(verdict(&result), expected, "{id}-{name}: {dialect:?}");
            let Ok(value) = result else { continue };
            let output = write(&value);
            if name != UNCAPTURED && (dialect == Dialect::Userland || same == "same") {
                let expected = vector(&format!("{id}-{name}.out.plist"));
                assert!(output == expected, "{id}-{name}: {dialect:?}: other output");
            }
            // The kernel's column does not say whether its output can be read.
            if dialect == Dialect::Userland {
                let again = read(&output, &Limits::default());
                assert_eq!(again.is_ok(), reparses, "{id}-{name}: reading the output");
                assert!(again.is_err() || again == Ok(value), "{id}-{name}: changed");
            }
        }
    }
}

#[test]
fn getters_have_libprops_ranges() {
    fn shown(value: Option<impl ToString>) -> String {
        value.map_or_else(|| "fails".to_owned(), |value| value.to_string())
    }
    let rows = rows("getter-ranges.tsv");
    assert_eq!(rows.len(), 15);
    for row in rows {
        let text = format!(
            "<plist><dict><key>k</key><integer>{}</integer></dict></plist>",
            row[0]
        );
        let dictionary = Reader::new()
            .read_dictionary(text.as_bytes())
            .expect("every row is an integer");
        let unsigned = matches!(dictionary.get("k"), Some(Value::Unsigned(_)));
        assert_eq!(unsigned, row[2] == "1", "{}", row[0]);
        let values = [
            shown(dictionary.int32("k")),
            shown(dictionary.uint32("k")),
            shown(dictionary.int64("k")),
            shown(dictionary.uint64("k")),
        ];
        assert_eq!(values, row[3..7], "{}", row[0]);
    }
}

#[test]
fn array_built_through_the_api_is_libprops() {
    let array: Value = ["top"].into_iter().collect();
    assert_eq!(write(&array), vector("extern-array.plist"));
}

/// Set here in another order than that of the keys. libprop's array_add makes every number signed.
#[test]
fn dictionary_built_through_the_api_is_libprops() {
    let bytes = |length: usize| vec![0, 1, 2, 0xfd, 0xfe, 0xff, 0x80][..length].to_vec();
    let count: Vec<u8> = (0..300_u16).map(|at| at.to_le_bytes()[0]).collect();
    let added = [-5, 5, 4_294_967_295, -1, i64::MIN];
    let set = [Value::from(5_u32), Value::from(5), Value::from(u64::MAX)];
    let mut inner = Dictionary::new();
    inner.set("x", "y");
    let mut nested = Dictionary::new();
    nested.set("in", [inner].into_iter().collect::<Value>());

    let mut root = Dictionary::new();
    root.set("é", "utf8 key sorts last")
        .set("str_escapes", "<>&\"'\t\n\r\u{1}\u{7f}é")
        .set("str_empty", "")
        .set("set_uint8_255", 255_u32)
        .set("set_uint64_max", u64::MAX)
        .set("set_uint64_2^63", 1_u64 << 63)
        .set("set_uint64_0", 0_u64)
        .set("set_uint32_7", 7_u32)
        .set("set_uint16_65535", 65_535_u32)
        .set("set_int8_-128", -128)
        .set("set_int64_min", i64::MIN)
        .set("set_int64_max", i64::MAX)
        .set("set_int64_0", 0_i64)
        .set("set_int32_7", 7)
        .set("set_int16_-1", -1)
        .set("nested", nested)
        .set("key <&>\"' \n tab\t", "escaped key")
        .set("empty_dict", Dictionary::new())
        .set("empty_array", Vec::<Value>::new())
        .set("data_300", count)
        .set("data_0_to_7_bytes", (0..8).map(bytes).collect::<Value>())
        .set("bool_t", true)
        .set("bool_f", false)
        .set(
            "array_set_uint32(5) int32(5) uint64(max)",
            set.into_iter().collect::<Value>(),
        )
        .set(
            "array_add_int32(-5) uint32(5) uint32(max) uint64(max) uint64(2^63)",
            added.into_iter().collect::<Value>(),
        )
        .set("Zkey", "upper sorts before lower")
        .set("", "empty key");
    let text = String::from_utf8(write(&root.into())).expect("written from UTF-8");
    let expected = String::from_utf8(vector("extern-dict.plist")).expect("UTF-8");
    assert_eq!(text, expected);
}

#[test]
fn invalid_utf8_comes_back_as_it_was() {
    let input = vector("185-string-latin1.plist");
    let value = read(&input, &Limits::default()).expect("libprop takes it");
    let text = value.dict().and_then(|root| root.text("k"));
    assert_eq!(text.and_then(Text::as_str), None);
    assert!(text.is_some_and(|text| !text.is_empty()));
}
