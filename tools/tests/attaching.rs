//! `dmctl attach` and `detach` as far as they go without the driver: who is refused, and what a journal
//! keeps. What the driver does is tried in a guest.

#![allow(clippy::unwrap_used)] // clippy knows helpers for no tests

mod common;

use std::fs;
use std::path::Path;

use common::Home;

/// Whether this machine could make block devices, of which a test leaves none.
fn has_driver() -> bool {
    Path::new("/dev/ublk-control").exists()
}

#[test]
fn machine_without_the_driver_says_what_would_do() {
    let home = Home::new();
    home.ok(&["create", "vol0", "--table", "0 8 zero"]);
    if has_driver() {
        return;
    }
    let stderr = home.fails(1, &["attach", "vol0"]);
    let lines: Vec<&str> = stderr.lines().collect();
    assert!(lines[0].starts_with("dmctl: attach vol0: ublk"), "{stderr}");
    let hint = "hint: dmctl export vol0: the same device over NBD";
    assert!(lines.contains(&hint), "{stderr}");
    if cfg!(target_os = "linux") {
        let hint = "hint: modprobe ublk_drv, as root, on Linux 6.4 or later";
        assert!(lines.contains(&hint), "{stderr}");
    }
    // It is no block device now, and can be removed.
    let stderr = home.fails(4, &["detach", "vol0"]);
    assert_eq!(stderr, "dmctl: detach vol0: the device is not attached\n");
    assert_eq!(
        home.json(&["daemon", "--status"])["attached"],
        serde_json::json!([])
    );
    home.ok(&["remove", "vol0"]);
}

#[test]
fn device_that_can_not_be_read_is_not_attached() {
    let home = Home::new();
    home.ok(&["create", "bare", "--notable"]);
    home.ok(&["create", "held", "--table", "0 8 zero"]);
    home.ok(&["suspend", "held"]);
    assert_eq!(
        home.fails(1, &["attach", "bare", "held"]),
        "dmctl: attach bare: the device has no active table\n\
         hint: dmctl load bare, then dmctl resume bare\n\
         dmctl: attach held: the device is suspended\n\
         hint: dmctl resume held\n"
    );
}

#[test]
fn block_device_that_is_not_adopted_stays_in_the_journal_until_it_is_detached() {
    if has_driver() {
        return;
    }
    let home = Home::new();
    home.ok(&["create", "vol0", "--table", "0 8 zero"]);
    home.ok(&["daemon", "--stop"]);
    let path = home.runtime().join("journal.plist");
    let journal = fs::read_to_string(&path).unwrap();
    let ublk = "<key>name</key>\n\t\t\t<string>vol0</string>\n\t\t\t<key>ublk</key>\n\t\t\t<dict>\n\
                \t\t\t\t<key>mark</key>\n\t\t\t\t<integer>0xff</integer>\n\
                \t\t\t\t<key>number</key>\n\t\t\t\t<integer>0x7</integer>\n\t\t\t</dict>";
    let name = "<key>name</key>\n\t\t\t<string>vol0</string>";
    assert!(journal.contains(name), "{journal}");
    fs::write(&path, journal.replace(name, ublk)).unwrap();
    let stderr = home.fails(1, &["daemon", "--restore"]);
    assert!(
        stderr.starts_with(
            "dmctl: daemon: vol0: not attached again, /dev/ublkb7 holds its requests if it is there: "
        ),
        "{stderr}"
    );
    // The device itself is as good as before, and nobody has it open.
    assert_eq!(home.ok(&["table", "vol0"]), "0 8 zero \n");
    home.ok(&["create", "other", "--table", "0 8 zero"]);
    let has = |text: &str| fs::read_to_string(&path).unwrap().contains(text);
    assert!(has("<key>ublk</key>"));
    home.ok(&["detach", "vol0"]);
    assert!(!has("<key>ublk</key>"));
    assert_eq!(
        home.json(&["daemon", "--status"])["problems"],
        serde_json::json!([])
    );
}

#[test]
fn device_said_by_its_path_or_a_selection_is_meant() {
    let home = Home::new();
    home.ok(&["create", "a b", "-u", "U", "--table", "0 8 zero"]);
    for words in [
        &["detach", "/dev/mapper/a b"][..],
        &["detach", "-u", "U"],
        &["detach", "-S", "name=\"a b\""],
    ] {
        let stderr = home.fails(4, words);
        assert!(
            stderr.ends_with(": the device is not attached\n"),
            "{stderr}"
        );
    }
}
