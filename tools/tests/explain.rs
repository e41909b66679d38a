//! `dmctl explain` and `dmctl check`: what tables mean, and what is wrong with them.

mod common;

use std::fs::{self, File};

use common::Home;
use serde_json::{Value, json};

const TABLE: &str = "0 65536 striped 2 128 8:0 0 8:16 384\n65536 8 zero\n";

const EXPLAINED: &str = "\
0 65536 striped: chunks dealt to devices in turn
  START LENGTH striped N CHUNK DEV OFFSET [DEV OFFSET …]
  sectors 0 to 65535, 33554432 bytes
    1  2     number of stripes
    2  128   chunk size
    3  8:0   device
    4  0     start sector on the device
    5  8:16  device
    6  384   start sector on the device
65536 8 zero: reads as zeroes, takes any write
  START LENGTH zero
  sectors 65536 to 65543, 4096 bytes
";

#[test]
fn each_word_of_a_table_is_explained() {
    let home = Home::new();
    let ended = home.run_with(&["explain", "-"], TABLE);
    assert_eq!(
        (ended.code, ended.stdout.as_str()),
        (Some(0), EXPLAINED),
        "{}",
        ended.stderr
    );
    let ended = home.run(&["explain", "--table", TABLE]);
    assert_eq!(ended.stdout, EXPLAINED);
}

#[test]
fn wrong_word_comes_behind_the_right_ones() {
    let home = Home::new();
    let table = "0 8 linear 8:0 x\n8 8 zero";
    let ended = home.run(&["explain", "--table", table]);
    assert_eq!(ended.code, Some(6));
    assert!(
        ended.stdout.contains("  1  8:0  device\n"),
        "{}",
        ended.stdout
    );
    assert!(ended.stdout.contains("8 8 zero"), "{}", ended.stdout);
    assert!(
        ended
            .stderr
            .contains("line 1: linear: word 2 \"x\": the start sector on the device is not a"),
        "{}",
        ended.stderr
    );
}

#[test]
fn key_is_not_shown() {
    let home = Home::new();
    let table = "0 8 crypt aes-xts-plain64 5ec7e75ec7e7 0 8:0 0";
    for format in [&[][..], &["--json"]] {
        let words = [&["explain", "--table", table], format].concat();
        let ended = home.run(&words);
        let all = format!("{}{}", ended.stdout, ended.stderr);
        assert_eq!(ended.code, Some(0), "{all}");
        assert!(!all.contains("5ec7e7"), "{all}");
    }
}

#[test]
fn status_has_numbers_in_json() {
    let home = Home::new();
    let status = "0 8192 thin-pool 1 10/1024 3/512 - rw discard_passdown queue_if_no_space - 64";
    let ended = home.run(&["explain", "--status", "--json", "--table", status]);
    let document: Value = serde_json::from_str(&ended.stdout).expect("it is JSON");
    let typed = &document["lines"][0]["typed"]["working"];
    assert_eq!(typed["transaction"], 1);
    assert_eq!(typed["data"], json!({ "part": 3, "whole": 512 }));
    assert_eq!(typed["mode"], "read_write");
    assert_eq!(typed["needs_check"], false);
}

#[test]
fn each_option_is_explained_by_its_page() {
    let home = Home::new();
    let table = "0 8 crypt aes-xts-plain64 :32:logon:k 0 8:0 0 2 no_read_workqueue sector_size:512";
    let ended = home.run(&["explain", "--table", table]);
    for said in [
        "option: reads are decrypted at once, not on a worker; else off; since 1.22.0, Linux 5.9",
        "option: what is encrypted as one; 512, 1024, 2048 or 4096; else 512; since 1.17.0, Linux 4.12",
        ":32:logon:k ",
    ] {
        assert!(ended.stdout.contains(said), "{said}: {}", ended.stdout);
    }
    let ended = home.run(&["explain", "--json", "--table", table]);
    let document: Value = serde_json::from_str(&ended.stdout).expect("it is JSON");
    let option = &document["lines"][0]["words"][6]["option"];
    assert_eq!(option["word"], "no_read_workqueue");
    assert_eq!(option["linux"], "5.9");
}

#[test]
fn a_target_has_its_syntax_and_options() {
    let home = Home::new();
    let ended = home.run(&["explain", "--target", "flakey"]);
    assert!(
        ended
            .stdout
            .contains("  START LENGTH flakey DEV OFFSET UP DOWN [N FEATURE …]\n"),
        "{}",
        ended.stdout
    );
    assert!(
        ended.stdout.contains("\n  drop_writes: writes are dropped"),
        "{}",
        ended.stdout
    );
    let ended = home.run(&["explain", "--target", "flaky"]);
    assert_eq!(ended.code, Some(4));
    assert!(
        ended.stderr.contains("hint: there is a target flakey"),
        "{}",
        ended.stderr
    );
    for verb in ["explain", "check"] {
        let ended = home.run(&[verb, "--help"]);
        let syntax = "  START LENGTH linear DEV OFFSET\n";
        assert!(ended.stdout.contains(syntax), "{}", ended.stdout);
    }
}

#[test]
fn lines_are_counted_as_the_user_wrote_them() {
    let home = Home::new();
    let table = "# a comment\n\n0 8 linear 8:0\n";
    for verb in ["explain", "check"] {
        let ended = home.run(&[verb, "--table", table]);
        assert_eq!(ended.code, Some(6));
        assert!(
            ended.stderr.contains("line 3: linear: the start sector"),
            "{}",
            ended.stderr
        );
        let hint = "hint: a line is START LENGTH linear DEV OFFSET";
        assert_eq!(ended.stderr.matches(hint).count(), 1, "{}", ended.stderr);
    }
}

#[test]
fn unknown_target_is_named() {
    let home = Home::new();
    let ended = home.run(&["explain", "--table", "0 8 mystery a b"]);
    assert_eq!(ended.code, Some(4));
    assert!(ended.stderr.contains("line 1: nothing is known of mystery"));
}

#[test]
fn check_names_each_wrong_line_as_the_file_has_it() {
    let home = Home::new();
    let disk = home.path().join("disk");
    File::create(&disk)
        .and_then(|file| file.set_len(8 * 512))
        .expect("a disk");
    let disk = disk.to_str().expect("a path in UTF-8");
    let file = home.path().join("table");
    let table = format!(
        "# the volume\n0 8 linear {disk} 0\n8 8 linear {disk} 1\n\n17 8 zero x\n25 8 mystery\n"
    );
    fs::write(&file, table).expect("a table");
    let ended = home.run(&["check", file.to_str().expect("a path in UTF-8")]);
    assert_eq!(ended.code, Some(6), "{}", ended.stderr);
    let said = [
        "dmctl: check: line 3: linear: word 2 \"1\": sectors 1+8 lie past the end of the device",
        "line 5: zero: starts at sector 17, which leaves a gap after sector 16",
    ];
    for said in said {
        assert!(ended.stderr.contains(said), "{}", ended.stderr);
    }
    assert!(!ended.stderr.contains("line 2"), "{}", ended.stderr);
}

#[test]
fn right_table_is_checked_in_silence() {
    let home = Home::new();
    let ended = home.run(&["check", "--table", TABLE]);
    assert_eq!(
        (ended.code, ended.stdout.as_str(), ended.stderr.as_str()),
        (Some(0), "", "")
    );
    let ended = home.run(&["check", "--json", "--table", "0 8 mystery x"]);
    let document: Value = serde_json::from_str(&ended.stdout).expect("it is JSON");
    assert_eq!(document["unknown_targets"], json!(["mystery"]));
}

#[test]
fn missing_device_is_said() {
    let home = Home::new();
    let ended = home.run(&["check", "--table", "0 8 linear /nowhere/disk 0"]);
    assert_eq!(ended.code, Some(6));
    assert!(
        ended
            .stderr
            .ends_with("word 1 \"/nowhere/disk\": no such file or directory\n"),
        "{}",
        ended.stderr
    );
}

#[test]
fn mapped_device_without_a_node_is_left_to_the_driver() {
    let home = Home::new();
    let table = "0 8 linear /dev/mapper/dmt-no-such-node 0";
    assert_eq!(home.ok(&["check", "--table", table]), "");
}

#[test]
fn a_target_has_the_words_of_its_syntax() {
    let home = Home::new();
    let said = home.ok(&["explain", "--target", "striped"]);
    assert!(
        said.contains("\n  CHUNK: sectors in a chunk, from 1 on; "),
        "{said}"
    );
    let document = home.json(&["explain", "--target", "linear"]);
    assert_eq!(document["words"][1]["word"], "OFFSET");
}
