//! `--dry-run` and `--show-wire`, on every verb there is.

#![allow(clippy::unwrap_used)] // clippy knows helpers for no tests

#[path = "../common/mod.rs"]
mod common;
mod rows;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::{fs, io};

use common::Home;
use rows::{LEFT_OUT, ROWS, Says, home, words};
use serde_json::Value;

use Says::{AsAlways, Asks, Would};

/// All that a dry run could have changed: the driver's devices, and each file.
fn state(home: &Home) -> (String, BTreeMap<PathBuf, Vec<u8>>) {
    let mut said = String::new();
    for line in [
        "info",
        "table",
        "table --inactive",
        "stats list --allprograms",
    ] {
        said += &home.ok(&words(line));
    }
    let mut files = BTreeMap::new();
    let mut folders = vec![home.path().to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            match fs::symlink_metadata(&path).unwrap() {
                data if data.is_dir() => folders.push(path),
                // Some are large, and full of holes: what is written last is told by its time.
                data if data.is_file() && !path.ends_with("daemon.log") => {
                    let time = data.modified().unwrap();
                    files.insert(path, format!("{} {time:?}", data.len()).into_bytes());
                }
                _ => {}
            }
        }
    }
    (said, files)
}

/// Each verb with each verb beneath it, as help lists them.
fn verbs(home: &Home) -> Vec<String> {
    let beneath = |path: &str| -> Vec<String> {
        let words = ["help", path];
        let help = home.ok(&words[..if path.is_empty() { 1 } else { 2 }]);
        let after = help.split("Commands:\n").nth(1).unwrap_or_default();
        let rows = after.lines().take_while(|line| line.starts_with(' '));
        let names = rows.filter(|line| !line.starts_with("     "));
        names
            .filter_map(|line| line.split_whitespace().next())
            .filter(|name| *name != "help")
            .map(str::to_owned)
            .collect()
    };
    beneath("")
        .into_iter()
        .flat_map(|verb| match beneath(&verb) {
            none if none.is_empty() => vec![verb],
            some => some.iter().map(|word| format!("{verb} {word}")).collect(),
        })
        .collect()
}

#[test]
fn dry_run_of_every_verb_says_what_it_would_do_and_does_nothing() {
    let home = home();
    let missing: Vec<String> = verbs(&home)
        .into_iter()
        .filter(|verb| {
            let is = |line: &str| {
                line.split(['|', ' '])
                    .zip(verb.split(' '))
                    .all(|(a, b)| a == b)
            };
            !ROWS.iter().any(|row| is(row.0)) && !LEFT_OUT.iter().any(|row| row.0 == *verb)
        })
        .collect();
    assert!(missing.is_empty(), "no dry run is tried of {missing:?}");
    let before = state(&home);
    for (line, says) in ROWS {
        let ended = home.run(&[&["--dry-run"], &words(line)[..]].concat());
        assert_eq!(ended.code, Some(0), "{line}: {ended:?}");
        match says {
            AsAlways => {
                let always = home.run(&words(line));
                assert_eq!(ended.stdout, always.stdout, "{line}");
                assert_eq!(ended.stderr, always.stderr, "{line}");
            }
            Asks => assert!(!ended.stderr.contains("would"), "{line}: {ended:?}"),
            Would(all) => {
                for said in *all {
                    assert!(
                        ended.stderr.contains(said),
                        "{line}: {said:?}: {}",
                        ended.stderr
                    );
                }
                assert!(!ended.stderr.contains("00112233"), "{line}: {ended:?}");
            }
        }
        assert!(
            state(&home) == before,
            "{line} changed something: {ended:?}"
        );
    }
}

#[test]
fn dry_run_starts_no_daemon_and_makes_no_file() {
    let home = Home::new();
    home.image("data.img", 128);
    let all =
        "man --all .; daemon; run --table|0 8 zero; verity format data.img new.img; quickstart";
    for line in all.split("; ") {
        let ended = home.run(&[&["--dry-run"], &words(line)[..]].concat());
        assert_eq!(
            (ended.code, &*ended.stdout),
            (Some(0), ""),
            "{line}: {ended:?}"
        );
        assert!(ended.stderr.starts_with("would "), "{line}: {ended:?}");
    }
    let names: io::Result<Vec<_>> = fs::read_dir(home.path()).unwrap().collect();
    let names: Vec<_> = names
        .unwrap()
        .iter()
        .map(|entry| entry.file_name())
        .collect();
    assert_eq!(names, ["data.img"]);
}

#[test]
fn dry_run_refuses_what_would_be_refused() {
    let home = home();
    for (line, reason) in [
        ("verity format data.img data.img", "data and tree overlap"),
        ("integrity format tags.img", "has an integrity superblock"),
        ("label create label.img", "has a disklabel"),
        ("luks format vault.img", "has a LUKS header"),
        (
            "luks add-key vault.img -d key2 --new-key-file key",
            "passphrase",
        ),
        ("luks remove-key vault.img -d key", "is the last one"),
        ("run --table|0 8 raid raid1 0 0", "raid"),
        ("run --table|0 8 linear", "linear"),
        ("remove nope", "nope"),
    ] {
        let ended = home.run(&[&["--dry-run"], &words(line)[..]].concat());
        assert_ne!(ended.code, Some(0), "{line}: {ended:?}");
        assert!(ended.stderr.contains(reason), "{line}: {ended:?}");
    }
}

/// Verbs with which nothing is sent, and those of which it is tried elsewhere or can not be.
const NO_WIRE: &[&str] = &[
    "check",
    "completions",
    "doctor",
    "integrity",
    "label",
    "luks",
    "man",
    "plist",
    "quickstart",
    "run",
    "splitname",
    "udevcomplete",
    "udevcomplete_all",
    "udevcookies",
    "udevcreatecookie",
    "udevflags",
    "udevreleasecookie",
    "verity",
    "daemon",
    "watch",
    "mknodes",
];

#[test]
fn wire_is_shown_of_every_verb() {
    let home = home();
    for (line, _) in ROWS {
        let words = words(line);
        // What would not end, or is not of this test.
        if [
            "run",
            "quickstart",
            "daemon",
            "udevcreatecookie",
            "udevcomplete_all",
            "man",
            "top",
        ]
        .contains(&words[0])
        {
            continue;
        }
        let ended = home.run(&[&["--show-wire", "--dry-run"], &words[..]].concat());
        let sent = ended.stderr.contains("sent:\n  <?xml");
        let nothing = ended
            .stderr
            .contains("sent: nothing, no driver was asked\n");
        assert!(sent != nothing, "{line}: {ended:?}");
        assert!(sent || NO_WIRE.contains(&words[0]), "{line}: {ended:?}");
        assert!(!ended.stderr.contains("00112233"), "{line}: {ended:?}");
    }
    // And what is not dry.
    for line in [
        "suspend c",
        "resume c",
        "load c --table|0 8 error",
        "clear c",
        "rename c d",
        "remove d",
    ] {
        let ended = home.run(&[&["--show-wire"], &words(line)[..]].concat());
        assert_eq!(ended.code, Some(0), "{line}: {ended:?}");
        assert!(
            ended.stderr.starts_with("sent:\n  <?xml"),
            "{line}: {ended:?}"
        );
        assert!(
            ended.stderr.ends_with("answered: done\n"),
            "{line}: {ended:?}"
        );
    }
}

#[test]
fn dry_run_beside_json_is_one_document() {
    let home = home();
    for (line, _) in ROWS {
        if line.starts_with("watch") {
            continue;
        }
        let ended = home.run(&[&["--json", "--dry-run"], &words(line)[..]].concat());
        let document: Value = serde_json::from_str(&ended.stdout)
            .unwrap_or_else(|error| panic!("{line}: {error}: {ended:?}"));
        assert_eq!(document["schema"], 1, "{line}: {ended:?}");
    }
}
