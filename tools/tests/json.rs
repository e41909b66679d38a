//! `--json`: one document a command, with one schema.

mod common;

use serde_json::Value;

use common::Home;

#[test]
fn each_verb_answers_in_json() {
    let home = Home::new();
    let image = home.image("disk.img", 64);
    let create = home.json(&[
        "create",
        "vol0",
        "--table",
        "0 8 linear disk.img 8\n8 8 zero",
    ]);
    assert_eq!(create["command"], "create");
    assert_eq!(create["device"]["name"], "vol0");
    assert_eq!(create["device"]["major"], 253);
    assert_eq!(create["device"]["uuid"], Value::Null);
    assert_eq!(home.json(&["ls"])["devices"][0]["minor"], 0);
    let table = home.json(&["table", "vol0"]);
    let table = &table["devices"][0];
    assert_eq!(
        table["lines"][0]["params"],
        format!("{} 8", image.display())
    );
    assert_eq!(table["lines"][1]["start"], 8);
    assert_eq!(table["deps"][0]["device"], image.display().to_string());
    assert_eq!(table["deps"][0]["major"], 4095);
    assert_eq!(
        home.json(&["status"])["devices"][0]["lines"][1]["status"],
        ""
    );
    assert_eq!(home.json(&["info"])["devices"][0]["open_count"], 0);
    assert_eq!(home.json(&["deps"])["devices"][0]["deps"][0]["minor"], 0);
    assert_eq!(home.json(&["targets"])["targets"][0]["name"], "linear");
    assert!(home.json(&["version"])["driver"].is_string());
    assert!(home.json(&["export", "vol0"])["uri"].is_string());
    assert_eq!(
        home.json(&["load", "vol0", "--table", "0 8 zero"])["device"]["inactive_table"],
        true
    );
    assert_eq!(
        home.json(&["suspend", "vol0"])["devices"][0]["suspended"],
        true
    );
    assert_eq!(
        home.json(&["resume", "vol0"])["devices"][0]["suspended"],
        false
    );
    assert_eq!(
        home.json(&["clear", "vol0"])["devices"][0]["inactive_table"],
        false
    );
    assert_eq!(
        home.json(&["rename", "vol0", "vol1"])["device"]["name"],
        "vol1"
    );
    assert_eq!(home.json(&["wait", "vol1", "0"])["device"]["name"], "vol1");
    assert_eq!(home.json(&["remove", "vol1"])["removed"][0], "vol1");
    assert_eq!(home.json(&["remove_all"])["left"], Value::Array(Vec::new()));
    assert!(home.json(&["completions", "bash"])["script"].is_string());
    assert!(home.json(&["daemon", "--status"])["pid"].is_u64());
}

#[test]
fn failure_in_json_is_on_stdout_in_fields() {
    let home = Home::new();
    let error = &home.json(&["info", "none"])["error"];
    assert_eq!(error["kind"], "not-found");
    assert_eq!(
        (error["errno"].as_i64(), error["errno_name"].as_str()),
        (Some(6), Some("ENXIO"))
    );
    assert_eq!(
        (error["command"].as_str(), error["device"].as_str()),
        (Some("info"), Some("none"))
    );
    let ended = home.run(&["--json", "create", "a", "--table", "0 8 zero\n8 8 linear"]);
    assert_eq!(ended.code, Some(6));
    let document: Value = serde_json::from_str(&ended.stdout).unwrap();
    assert_eq!(document["error"]["kind"], "invalid-table");
    assert_eq!(document["error"]["line"], 2);
    assert_eq!(
        ended.stderr.lines().next(),
        document["error"]["message"]
            .as_str()
            .map(|m| format!("dmctl: {m}"))
            .as_deref()
    );
    let usage = home.json(&["info", "-j", "1"]);
    assert_eq!(usage["error"]["kind"], "usage");
    let message = usage["error"]["message"].as_str().unwrap();
    assert!(
        message.ends_with("not provided: --minor <MINOR>"),
        "{message}"
    );
    let unknown = home.json(&["crate", "a"]);
    let hint = unknown["error"]["hints"][0].as_str().unwrap();
    assert!(hint.contains("'create'"), "{hint}");
    home.ok(&["create", "a", "--notable"]);
    let both = home.json(&["table", "a", "b", "c"]);
    assert_eq!(both["devices"][0]["name"], "a");
    assert_eq!(both["errors"].as_array().unwrap().len(), 2);
}

#[test]
fn numbers_are_exact_up_to_64_bits() {
    let home = Home::new();
    let length = i64::MAX / 512;
    home.ok(&["create", "big", "--table", &format!("0 {length} zero")]);
    assert_eq!(home.ok(&["table", "big"]), format!("0 {length} zero \n"));
    assert_eq!(
        home.json(&["table", "big"])["devices"][0]["lines"][0]["length"].as_i64(),
        Some(length)
    );
}
