//! What --json prints is what docs/schema.json says.

#![allow(clippy::unwrap_used)] // clippy knows helpers for no tests

mod common;

use common::Home;
use serde_json::Value;

/// Checks a value against a schema, as far as ours goes, and says where it is wrong.
fn check(root: &Value, schema: &Value, value: &Value, place: &str) -> Result<(), String> {
    if let Some(name) = schema["$ref"].as_str() {
        let name = name.strip_prefix("#/$defs/").unwrap();
        return check(root, &root["$defs"][name], value, place);
    }
    let is = |kind: &str| match kind {
        "object" => value.is_object(),
        "array" => value.is_array(),
        "string" => value.is_string(),
        "integer" => value.is_u64() || value.is_i64(),
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
    for (name, of) in schema["properties"].as_object().into_iter().flatten() {
        if let Some(value) = value.get(name) {
            check(root, of, value, &format!("{place}.{name}"))?;
        }
    }
    for (at, item) in value.as_array().into_iter().flatten().enumerate() {
        if !schema["items"].is_null() {
            check(root, &schema["items"], item, &format!("{place}[{at}]"))?;
        }
    }
    Ok(())
}

fn schema() -> Value {
    serde_json::from_str(include_str!("../../docs/schema.json")).unwrap()
}

#[test]
fn every_verbs_document_keeps_to_the_schema() {
    let home = Home::new();
    let image = home.image("disk.img", 64);
    let image = image.to_str().unwrap();
    let table = format!("0 32 linear {image} 0\n32 8 zero");
    let schema = schema();
    for words in [
        vec!["create", "low", "--uuid", "U", "--table", &table],
        vec!["create", "top", "--table", "0 16 linear /dev/mapper/low 8"],
        vec!["ls"],
        vec!["ls", "--tree"],
        vec!["info"],
        vec!["info", "-c"],
        vec![
            "info",
            "-c",
            "-o",
            "name,minor,devs_used,names_using_dev",
            "-S",
            "minor>=0",
        ],
        vec!["table"],
        vec!["status"],
        vec!["deps"],
        vec!["tree"],
        vec!["graph"],
        vec!["graph", "--format", "dot"],
        vec!["save"],
        vec!["targets"],
        vec!["version"],
        vec!["doctor"],
        vec!["splitname", "vg-lv"],
        vec!["suspend", "top"],
        vec!["resume", "top"],
        vec!["load", "top", "--table", "0 16 error"],
        vec!["clear", "top"],
        vec!["rename", "top", "tip"],
        vec!["wipe_table", "tip"],
        vec!["wait", "tip", "9"],
        vec!["man", "create"],
        vec!["completions", "bash"],
        vec!["remove", "tip", "nope"],
        vec!["info", "nope"],
        vec!["create", "bad", "--table", "0 8 nosuch"],
        vec!["nosuch"],
        vec!["remove_all"],
    ] {
        let document = home.json(&words);
        if let Err(wrong) = check(&schema, &schema, &document, "$") {
            panic!("{words:?}: {wrong}");
        }
    }
}

#[test]
fn schema_refuses_what_is_wrong() {
    let schema = schema();
    let wrong = |document: Value| check(&schema, &schema, &document, "$").unwrap_err();
    assert!(wrong(serde_json::json!({ "schema": 2, "command": "ls" })).contains("is not 1"));
    assert!(wrong(serde_json::json!({ "schema": 1 })).contains("command"));
    let device = serde_json::json!({ "schema": 1, "command": "ls", "devices": [{ "name": 7 }] });
    assert!(wrong(device).contains("$.devices[0].name"));
}
