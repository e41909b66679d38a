//! What --json prints is what docs/schema.json says.

#![allow(clippy::unwrap_used)] // clippy knows helpers for no tests

mod common;

use common::Home;
use serde_json::Value;

/// The words of JSON Schema that the schema may have, and that are checked here.
const WORDS: &[&str] = &[
    "$ref",
    "additionalProperties",
    "anyOf",
    "const",
    "description",
    "enum",
    "items",
    "oneOf",
    "properties",
    "required",
    "type",
];

/// Checks a value against a schema, as far as ours goes, and says where it is wrong.
fn check(root: &Value, schema: &Value, value: &Value, place: &str) -> Result<(), String> {
    for word in schema.as_object().unwrap().keys() {
        let head = place == "$" && ["$schema", "$defs", "title"].contains(&word.as_str());
        assert!(head || WORDS.contains(&word.as_str()), "unknown: {word}");
    }
    if let Some(name) = schema["$ref"].as_str() {
        return check(root, resolved(root, name), value, place);
    }
    if let Some(all) = schema["oneOf"].as_array() {
        // Of the verbs' documents, the command says which one is meant.
        let meant = |of: &&Value| {
            let of = resolved(root, of["$ref"].as_str().unwrap());
            of["properties"]["command"]["const"] == value["command"]
        };
        let meant = all
            .iter()
            .find(meant)
            .ok_or(format!("{place}: {} is no verb", value["command"]))?;
        return check(root, meant, value, place);
    }
    if let Some(all) = schema["anyOf"].as_array() {
        let wrong: Vec<String> = all
            .iter()
            .filter_map(|of| check(root, of, value, place).err())
            .collect();
        return match wrong.len() < all.len() {
            true => Ok(()),
            false => Err(wrong.join("; or ")),
        };
    }
    let is = |kind: &str| match kind {
        "object" => value.is_object(),
        "array" => value.is_array(),
        "string" => value.is_string(),
        "integer" => value.is_u64() || value.is_i64(),
        "number" => value.is_number(),
        "boolean" => value.is_boolean(),
        "null" => value.is_null(),
        other => panic!("the schema has the type {other}"),
    };
    let fits = match &schema["type"] {
        Value::Null => true,
        Value::String(kind) => is(kind),
        Value::Array(kinds) => kinds.iter().any(|kind| is(kind.as_str().unwrap())),
        other => panic!("the schema has the type {other}"),
    };
    if !fits {
        return Err(format!("{place}: {value} is no {}", schema["type"]));
    }
    if !schema["const"].is_null() && schema["const"] != *value {
        return Err(format!("{place}: {value} is not {}", schema["const"]));
    }
    if let Some(values) = schema["enum"].as_array()
        && !values.contains(value)
    {
        return Err(format!("{place}: {value} is none of {values:?}"));
    }
    for name in schema["required"].as_array().into_iter().flatten() {
        if value.get(name.as_str().unwrap()).is_none() {
            return Err(format!("{place}: {name} is missing"));
        }
    }
    for (name, value) in value.as_object().into_iter().flatten() {
        let place = format!("{place}.{name}");
        match schema["properties"].get(name) {
            Some(of) => check(root, of, value, &place)?,
            None if schema["additionalProperties"] == false => {
                return Err(format!("{place} is not in the schema"));
            }
            None if schema["additionalProperties"].is_object() => {
                check(root, &schema["additionalProperties"], value, &place)?;
            }
            None => {}
        }
    }
    for (at, item) in value.as_array().into_iter().flatten().enumerate() {
        if !schema["items"].is_null() {
            check(root, &schema["items"], item, &format!("{place}[{at}]"))?;
        }
    }
    Ok(())
}

fn resolved<'a>(root: &'a Value, name: &str) -> &'a Value {
    let found = root.pointer(name.strip_prefix('#').unwrap());
    found.unwrap_or_else(|| panic!("there is no {name}"))
}

fn schema() -> Value {
    serde_json::from_str(include_str!("../../docs/schema.json")).unwrap()
}

/// What is asked: each verb, in an order in which devices come and go; `IMAGE` and `DISK` are
/// files.
const LINES: &[&str] = &[
    "create low --uuid U --table|0 32 linear IMAGE 0\n32 8 zero",
    "create top --table|0 16 linear /dev/mapper/low 8",
    "create --concise|one,,,,0 8 zero;two,,,,0 8 error",
    "ls",
    "ls --target linear",
    "ls --tree",
    "info",
    "info top",
    "info -c",
    "info -c -o name,minor,devs_used,names_using_dev -S minor>=0",
    "info -c --count 2 --interval 1 -o name",
    "table",
    "table --concise",
    "status",
    "deps",
    "tree",
    "graph",
    "graph --format dot",
    "save",
    "measure",
    "targets",
    "target-version linear",
    "version",
    "doctor",
    "splitname vg-lv",
    "export top",
    "attach top nope",
    "detach top nope",
    "daemon --status",
    "explain top",
    "explain --target striped",
    "check --table|0 8 zero",
    "check --table|0 8 linear",
    "stats create top --areas 2",
    "stats create low",
    "stats create low",
    "stats group low --regions 0,1 --alias both",
    "stats list",
    "stats report --count 1",
    "stats print top --allregions",
    "stats clear top --allregions",
    "stats ungroup low --groupid 0",
    "stats delete low --allregions",
    "stats create --filemap IMAGE",
    "top --count 1 --interval 0.1",
    "suspend top",
    "resume top",
    "load top --table|0 16 error",
    "clear top",
    "rename top tip",
    "message tip 0 hi",
    "setgeometry tip 1 1 16 0",
    "wipe_table tip",
    "wait tip 9",
    "mknodes",
    "mangle",
    "man create",
    "completions bash",
    "completions --names",
    "verity format IMAGE IMAGE.tree --salt - --root-hash-file IMAGE.root --fec-device IMAGE.codes",
    "verity dump IMAGE.tree",
    "verity verify IMAGE IMAGE.tree --root-hash-file IMAGE.root",
    "verity verify IMAGE.codes IMAGE.tree --root-hash-file IMAGE.root --fec-device IMAGE",
    "verity repair IMAGE IMAGE.tree --root-hash-file IMAGE.root --fec-device IMAGE.codes",
    "verity open IMAGE checked IMAGE.tree --root-hash-file IMAGE.root",
    "verity close checked",
    "integrity format DISK --journal-size 65536",
    "integrity dump DISK",
    "integrity check DISK",
    "integrity open DISK tagged",
    "integrity close tagged",
    "luks format IMAGE --header DISK -d IMAGE.root --pbkdf pbkdf2 --iterations 1000",
    "luks dump DISK",
    "luks test-passphrase DISK -d IMAGE.root",
    "luks add-key DISK -d IMAGE.root --new-key-file IMAGE --pbkdf pbkdf2 --iterations 1000",
    "luks remove-key DISK -d IMAGE",
    "luks dump IMAGE",
    "luks open IMAGE plain --header DISK -d IMAGE.root",
    "luks close plain",
    "label create DISK --force",
    "label show DISK",
    "label check IMAGE",
    "label plan IMAGE",
    "plist IMAGE",
    "udevcookies",
    "udevflags 0xd4d0001",
    "udevcomplete 0xd4d0001",
    "udevreleasecookie 0xd4d0001",
    "watch --seconds 0",
    "apply --dry-run /dev/null",
    "apply --prune /dev/null",
    "remove low nope",
    "info nope",
    "create bad --table|0 8 nosuch",
    "nosuch",
    "remove_all",
];

/// Verbs that no line above says, and why.
const ELSEWHERE: &[(&str, &str)] = &[
    ("quickstart", "it prints for people"),
    ("run", "it serves until it is ended"),
    (
        "udevcomplete_all",
        "it would take other tests' cookies away",
    ),
    ("udevcreatecookie", "it leaves a semaphore"),
];

#[test]
fn every_verbs_document_keeps_to_the_schema() {
    let home = Home::new();
    let image = home.image("disk.img", 64);
    let image = image.to_str().unwrap();
    let disk = format!("{image}.disk");
    std::fs::File::create(&disk)
        .unwrap()
        .set_len(1 << 20)
        .unwrap();
    let schema = schema();
    let mut asked: Vec<String> = ELSEWHERE.iter().map(|row| row.0.to_owned()).collect();
    asked.push(String::new());
    for line in LINES {
        let line = line.replace("IMAGE", image).replace("DISK", &disk);
        // What is behind a bar is one word.
        let (words, last) = line.split_once('|').unwrap_or((&line, ""));
        let last = Some(last).filter(|last| !last.is_empty());
        let words: Vec<&str> = ["--json"]
            .into_iter()
            .chain(words.split(' '))
            .chain(last)
            .collect();
        let ended = home.run(&words);
        for document in ended.stdout.lines() {
            let document: Value = serde_json::from_str(document)
                .unwrap_or_else(|error| panic!("{line}: {error}: {ended:?}"));
            if let Err(wrong) = check(&schema, &schema, &document, "$") {
                panic!("{line}: {wrong}");
            }
            asked.push(document["command"].as_str().unwrap().to_owned());
        }
        assert!(
            !ended.stdout.is_empty() || line.starts_with("watch"),
            "{line}: {ended:?}"
        );
    }
    let verbs = schema["$defs"]["verbs"].as_object().unwrap().keys();
    let missing: Vec<&String> = verbs
        .filter(|verb| *verb != "watch" && !asked.contains(verb))
        .collect();
    assert!(missing.is_empty(), "not asked: {missing:?}");
}

/// Objects whose fields others decide, and who does.
const OPEN: &[(&str, &str)] = &[(
    "/$defs/verbs/luks/properties/metadata",
    "LUKS2's own header",
)];

#[test]
fn every_object_of_the_schema_is_closed() {
    fn open(schema: &Value, place: &str, found: &mut Vec<String>) {
        let kinds = schema["type"].as_array().cloned().unwrap_or_default();
        let object = schema["type"] == "object" || kinds.contains(&Value::from("object"));
        if object && schema["additionalProperties"].is_null() {
            found.push(place.to_owned());
        }
        let below: Vec<(String, &Value)> = match schema {
            Value::Object(all) => all.iter().map(|(name, of)| (name.clone(), of)).collect(),
            Value::Array(all) => (0..)
                .zip(all)
                .map(|(at, of): (u32, _)| (at.to_string(), of))
                .collect(),
            _ => Vec::new(),
        };
        for (name, of) in below {
            open(of, &format!("{place}/{name}"), found);
        }
    }
    let mut found = Vec::new();
    open(&schema(), "", &mut found);
    assert_eq!(found, OPEN.iter().map(|row| row.0).collect::<Vec<_>>());
}

#[test]
fn schema_refuses_what_is_wrong() {
    let schema = schema();
    let wrong = |document: Value| check(&schema, &schema, &document, "$").unwrap_err();
    assert!(wrong(serde_json::json!({ "schema": 2, "command": "ls" })).contains("is not 1"));
    assert!(wrong(serde_json::json!({ "schema": 1 })).contains("is no verb"));
    let device = serde_json::json!({ "schema": 1, "command": "info", "devices": [{ "name": 7 }] });
    assert!(wrong(device).contains("$.devices[0]"));
    let held = serde_json::json!({ "a": "long" });
    let held = serde_json::json!({ "schema": 1, "command": "apply", "held_microseconds": held });
    assert!(wrong(held).contains("$.held_microseconds.a"));
    let more = serde_json::json!({ "schema": 1, "command": "clear", "other": 1 });
    assert_eq!(wrong(more), "$.other is not in the schema");
}
