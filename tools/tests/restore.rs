//! The way back after a crash: `dmctl daemon --restore`.

#![allow(clippy::unwrap_used)] // clippy knows helpers for no tests

mod common;

use std::fs;

use serde_json::Value;

use common::Home;

/// What must be the same after a restore.
fn state(home: &Home) -> Vec<Value> {
    let mut all = Vec::new();
    for arguments in [
        &["info"][..],
        &["table"],
        &["table", "--inactive"],
        &["deps"],
    ] {
        let mut document = home.json(arguments);
        for device in document["devices"].as_array_mut().unwrap() {
            device["event"] = Value::Null;
        }
        all.push(document);
    }
    all
}

#[test]
fn restore_brings_back_what_a_crash_took() {
    let home = Home::new();
    home.image("disk one.img", 64);
    // The names sort against the order in which they must be made.
    home.ok(&[
        "create",
        "c-base",
        "-m",
        "5",
        "-u",
        "BASE",
        "--table",
        "0 32 linear disk\\ one.img 8\n32 8 zero",
    ]);
    home.ok(&[
        "create",
        "b-middle",
        "--table",
        "0 16 striped 2 8 /dev/mapper/c-base 0 253:5 8",
    ]);
    home.ok(&[
        "create",
        "a-top",
        "-r",
        "--table",
        "0 16 linear /dev/mapper/b-middle 0",
    ]);
    home.ok(&["load", "c-base", "--table", "0 40 error"]);
    home.ok(&["create", "held", "--table", "0 8 zero"]);
    home.ok(&["suspend", "held"]);
    home.ok(&["create", "bare", "--notable"]);
    home.ok(&["create", "gone", "--notable"]);
    home.ok(&["remove", "gone"]);
    let before = state(&home);
    home.kill_daemon();
    home.ok(&["daemon", "--restore"]);
    assert_eq!(state(&home), before);
    assert_eq!(home.json(&["daemon", "--status"])["restored"], 5);
    // And once more, from the journal that the restored daemon wrote.
    home.kill_daemon();
    home.ok(&["daemon", "--restore"]);
    assert_eq!(state(&home), before);
}

#[test]
fn restore_says_what_is_missing_and_keeps_the_journal() {
    let home = Home::new();
    let image = home.image("disk.img", 64);
    home.ok(&["create", "lost", "--table", "0 8 linear disk.img 0"]);
    home.ok(&["create", "kept", "--table", "0 8 zero"]);
    home.kill_daemon();
    fs::remove_file(image).unwrap();
    let stderr = home.fails(1, &["daemon", "--restore"]);
    assert!(
        stderr.starts_with("dmctl: daemon: not restored: lost: load lost: line 1: linear: "),
        "{stderr}"
    );
    assert_eq!(home.ok(&["table", "kept"]), "0 8 zero \n");
    let before = fs::read_to_string(home.runtime().join("journal.before.plist")).unwrap();
    assert!(before.contains("disk.img 0"), "{before}");
}

#[test]
fn restore_does_not_touch_a_running_daemon() {
    let home = Home::new();
    home.ok(&["create", "vol0", "--table", "0 8 zero"]);
    let stderr = home.fails(5, &["daemon", "--restore"]);
    assert!(
        stderr.contains("a daemon is running already, with pid "),
        "{stderr}"
    );
    home.fails(5, &["daemon", "--foreground"]);
    assert_eq!(home.ok(&["ls"]), "vol0\t(253:0)\n");
    home.ok(&["daemon", "--stop"]);
    home.ok(&["daemon", "--restore"]);
    assert_eq!(
        home.ok(&["table", "vol0"]),
        "0 8 zero \n",
        "the journal outlives an end in order"
    );
}

#[test]
fn torn_journal_is_said_and_not_overwritten() {
    let home = Home::new();
    home.ok(&["create", "vol0", "--table", "0 8 zero"]);
    home.kill_daemon();
    let path = home.runtime().join("journal.plist");
    let whole = fs::read(&path).unwrap();
    fs::write(&path, &whole[..whole.len() / 2]).unwrap();
    let stderr = home.fails(1, &["daemon", "--restore"]);
    assert!(
        stderr.contains("cannot read ") && stderr.contains("journal.plist"),
        "{stderr}"
    );
    assert_eq!(fs::read(&path).unwrap(), &whole[..whole.len() / 2]);
}
