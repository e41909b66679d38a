//! What dmctl has besides dmsetup, as it is printed.

#![allow(clippy::unwrap_used)] // clippy knows helpers for no tests

mod common;

use common::Home;

/// A home with a stack in which one device is shared.
fn stack() -> Home {
    let home = Home::new();
    home.ok(&["create", "low", "-u", "U-low", "--table", "0 64 zero"]);
    home.ok(&["create", "a", "--table", "0 8 linear /dev/mapper/low 0"]);
    home.ok(&[
        "create",
        "b",
        "--table",
        "0 8 linear /dev/mapper/low 8\n8 8 error",
    ]);
    home.ok(&["create", "c", "--table", "0 8 linear /dev/mapper/a 0"]);
    home
}

#[test]
fn tree_is_drawn_with_sizes_and_targets() {
    let home = stack();
    assert_eq!(
        home.ok(&["tree", "--ascii"]),
        "b (253:2) 8.00k  linear,error\n\
         `-low (253:0) 32.00k  zero\n\
         c (253:3) 4.00k  linear\n\
         `-a (253:1) 4.00k  linear\n  `-low (253:0) 32.00k  zero\n"
    );
    assert_eq!(
        home.ok(&["tree", "--ascii", "--inverse"]),
        "low (253:0) 32.00k  zero\n\
         |-a (253:1) 4.00k  linear\n\
         | `-c (253:3) 4.00k  linear\n\
         `-b (253:2) 8.00k  linear,error\n"
    );
}

#[test]
fn graph_is_drawn_for_graphviz() {
    let home = stack();
    assert_eq!(
        home.ok(&["graph", "--format", "dot"]),
        include_str!("golden/graph.dot")
    );
    assert_eq!(home.ok(&["graph"]), include_str!("golden/graph.svg"));
    home.ok(&["suspend", "c"]);
    let dot = home.ok(&["graph", "--format", "dot"]);
    assert!(dot.contains("c\\n4.00k linear, suspended"), "{dot}");
    assert!(home.ok(&["graph"]).contains("fill=\"#fdecc8\""));
}

#[test]
fn devices_are_saved_as_a_description() {
    let home = stack();
    assert_eq!(home.ok(&["save"]), include_str!("golden/save.toml"));
}

#[test]
fn concise_devices_are_the_kernels_argument() {
    let home = stack();
    let all = "a,,1,rw,0 8 linear 253:0 0;b,,2,rw,0 8 linear 253:0 8,8 8 error ;\
               c,,3,rw,0 8 linear 253:1 0;low,U-low,0,rw,0 64 zero ";
    assert_eq!(home.ok(&["table", "--concise"]), format!("{all}\n"));
    let other = Home::new();
    let argument = "dm-mod.create=\"one,U-1,,rw,0 8 zero;two,,,ro,0 8 error\"";
    other.ok(&["create", "--concise", argument]);
    assert_eq!(other.ok(&["table"]), "one: 0 8 zero \ntwo: 0 8 error \n");
}

#[test]
fn doctor_names_all_that_there_is_to_see() {
    let home = Home::new();
    let found = home.json(&["doctor"]);
    let about = |finding: &serde_json::Value| finding["about"].as_str().unwrap().to_owned();
    let abouts: Vec<String> = found["findings"]
        .as_array()
        .unwrap()
        .iter()
        .map(about)
        .collect();
    for about in [
        "system",
        "control node",
        "udev",
        "ublk",
        "runtime folder",
        "backend",
    ] {
        assert!(abouts.iter().any(|it| it == about), "{about}: {abouts:?}");
    }
    for finding in found["findings"].as_array().unwrap() {
        let wrong = finding["state"] == "wrong";
        assert!(!wrong || finding["remedy"].is_string(), "{finding}");
    }
    let text = home.ok(&["doctor"]);
    for finding in found["findings"].as_array().unwrap() {
        assert!(text.contains(finding["about"].as_str().unwrap()), "{text}");
    }
}

#[test]
fn completions_know_the_devices_there_are() {
    let home = Home::new();
    // No daemon is started for it.
    assert_eq!(home.ok(&["completions", "--names"]), "");
    home.ok(&["create", "low", "--table", "0 8 zero"]);
    home.ok(&["create", "a b", "--table", "0 8 zero"]);
    home.ok(&["create", "bad\nname", "--table", "0 8 zero"]);
    assert_eq!(home.ok(&["completions", "--names"]), "a b\nlow\n");
}

#[test]
fn key_is_nowhere_but_where_it_is_asked_for() {
    let home = Home::new();
    let image = home.image("disk.img", 64);
    let key = "00112233445566778899aabbccddeeff";
    let table = |image: &str| format!("0 32 crypt aes-xts-plain64 {key}{key} 0 {image} 0");
    let right = table(image.to_str().unwrap());
    home.ok(&["create", "k", "--table", &right]);
    let wrong = table("/dev/nothing-here");
    let short = format!("0 32 crypt aes-xts-plain64 {key}00 0 {} 0", image.display());
    for words in [
        &["table"][..],
        &["table", "--concise"],
        &["table", "k"],
        &["status", "k"],
        &["save"],
        &["tree"],
        &["graph"],
        &["explain", "k"],
        &["explain", "--table", &right],
        &["check", "--table", &wrong],
        &["check", "--table", &short],
        &["create", "bad", "--table", &wrong],
        &["create", "bad", "--table", &short],
        &["load", "k", "--table", &short],
        &["load", "k", "--table", &right],
        &["message", "k", "0", "key", "set", key],
    ] {
        for options in [
            &[][..],
            &["--json"],
            &["--show-wire"],
            &["-v"],
            &["--dry-run"],
        ] {
            let all: Vec<&str> = options.iter().chain(words).copied().collect();
            let ended = home.run(&all);
            let said = ended.stdout + &ended.stderr;
            assert!(!said.contains(&key[..16]), "{all:?}: {said}");
        }
    }
    assert!(home.ok(&["table", "--showkeys", "k"]).contains(key));
    assert!(!home.log().contains(&key[..16]));
    for entry in std::fs::read_dir(home.runtime()).unwrap() {
        let bytes = std::fs::read(entry.unwrap().path()).unwrap_or_default();
        let text = String::from_utf8_lossy(&bytes).into_owned();
        assert!(!text.contains(&key[..16]), "{text}");
    }
}
