//! `--dry-run` and `--show-wire`, on every verb there is.

#![allow(clippy::unwrap_used)] // clippy knows helpers for no tests

mod common;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::{fs, io};

use common::Home;
use serde_json::Value;

/// A command line, whose `|` stand for blanks within a word, and what a dry run of it says.
type Row = (&'static str, Says);

/// What a dry run says.
enum Says {
    /// The verb changes nothing: what it always says.
    AsAlways,
    /// The verb changes nothing, and no two of its answers are alike.
    Asks,
    /// What would be done, on stderr, and nothing on stdout.
    Would(&'static [&'static str]),
}

use Says::{AsAlways, Asks, Would};

/// Every verb, with every verb beneath it.
const ROWS: &[Row] = &[
    (
        "create new --table|0 8 zero",
        Would(&[
            "would create new",
            "would load new",
            "  0 8 zero",
            "would resume new",
        ]),
    ),
    (
        "create --concise|new,,,,0 8 zero",
        Would(&["would create new"]),
    ),
    (
        "load low --table|0 8 zero",
        Would(&["would load low", "  0 8 zero"]),
    ),
    (
        "load low --table|0 8 crypt aes-xts-plain64 00112233445566778899aabbccddeeff 0 disk.img 0",
        Would(&["would load low", "00000000000000000000000000000000 0 "]),
    ),
    ("resume low", Would(&["would resume low"])),
    ("suspend low", Would(&["would suspend low"])),
    ("clear low", Would(&["would clear low"])),
    ("rename low lower", Would(&["would rename low to lower"])),
    ("rename a --setuuid U-a", Would(&["would setuuid a to U-a"])),
    ("remove c", Would(&["would remove c"])),
    ("remove --force c", Would(&["would remove c"])),
    ("remove_all", Would(&["would remove_all"])),
    ("wipe_table c", Would(&["would load c", "  0 8 error"])),
    ("message c 0 hi", Would(&["would message c 0 hi"])),
    ("setgeometry c 1 1 8 0", Would(&["would setgeometry c"])),
    ("mangle low", AsAlways),
    ("wait low 9", AsAlways),
    ("ls", AsAlways),
    ("info", AsAlways),
    ("info -c", AsAlways),
    ("table", AsAlways),
    ("status", AsAlways),
    ("deps", AsAlways),
    ("measure", AsAlways),
    ("splitname vg-lv", AsAlways),
    ("targets", AsAlways),
    ("target-version linear", AsAlways),
    ("version", AsAlways),
    ("tree", AsAlways),
    ("graph", AsAlways),
    ("save", AsAlways),
    ("doctor", Asks),
    ("check --table|0 8 zero", AsAlways),
    ("explain c", AsAlways),
    ("export low", AsAlways),
    ("plist list.plist", AsAlways),
    ("completions bash", AsAlways),
    ("man create", AsAlways),
    ("man --all pages", Would(&["would write"])),
    ("watch --seconds 0", AsAlways),
    (
        "top --count 1 --interval 0.1",
        Would(&["would message low 0 @stats_create"]),
    ),
    ("apply --prune /dev/null", Asks),
    ("stats list", AsAlways),
    // Counters are zero once they were told.
    (
        "stats report --count 1",
        Would(&["would message b 0 @stats_print_clear 0"]),
    ),
    ("stats print low --allregions", AsAlways),
    (
        "stats create c",
        Would(&["would message c 0 @stats_create - /1 dmstats -"]),
    ),
    (
        "stats delete low --allregions",
        Would(&["would message low 0 @stats_delete 0"]),
    ),
    (
        "stats clear low --allregions",
        Would(&["would message low 0 @stats_clear 0"]),
    ),
    (
        "stats group low --regions 0,1",
        Would(&["would message low 0 @stats_set_aux 0"]),
    ),
    (
        "stats ungroup b --groupid 0",
        Would(&["would message b 0 @stats_set_aux 0"]),
    ),
    ("udevcreatecookie", Would(&["would make a cookie"])),
    (
        "udevreleasecookie 0xd4d0001",
        Would(&["would wait up to 30 s for the events of 0xd4d0001"]),
    ),
    ("udevcookies", Asks),
    ("udevflags 0xd4d0001", AsAlways),
    (
        "udevcomplete 0xd4d0001",
        Would(&["would count the cookie 0xd4d0001 down"]),
    ),
    ("udevcomplete 0xd4d0000", Would(&["would do nothing"])),
    ("udevcomplete_all", Would(&["would leave "])),
    ("label show label.img", AsAlways),
    ("label check label.img", AsAlways),
    ("label plan label.img", AsAlways),
    (
        "label create disk.img --port amd64 -p a:65:1024:4.2BSD",
        Would(&[
            "would write 512 bytes to disk.img from byte 512 on: a label",
            " a:       1024          65  4.2BSD",
        ]),
    ),
    ("verity dump tree.img", AsAlways),
    (
        "verity verify data.img tree.img --root-hash-file root --fec-device codes.img",
        AsAlways,
    ),
    (
        "verity format data.img new.img --salt - --root-hash-file new.root --fec-device new.codes",
        Would(&[
            "would write 512 bytes to new.img from byte 0 on",
            "would write 4096 bytes to new.img from byte 4096 on",
            "would write 8192 bytes to new.codes from byte 0 on",
            "would write the root hash to new.root",
        ]),
    ),
    (
        "verity repair bad.img tree.img --root-hash-file root --fec-device codes.img",
        Would(&[
            "would write 4096 bytes to bad.img from byte 8192 on",
            "would then write those codes anew",
        ]),
    ),
    (
        "verity open data.img v tree.img --root-hash-file root",
        Would(&["would create v", "  0 128 verity 1 ", "would resume v"]),
    ),
    ("verity close v0", Would(&["would remove v0"])),
    ("integrity dump tags.img", AsAlways),
    ("integrity check tags.img", AsAlways),
    (
        "integrity format disk.img --journal-size 65536",
        Would(&[
            "would write 108832 bytes to disk.img from byte 0 on",
            "would write 1871872 bytes to disk.img from byte 225280 on",
        ]),
    ),
    (
        "integrity format disk.img --no-wipe --journal-size 65536",
        Would(&["would write 94208 bytes to disk.img from byte 0 on"]),
    ),
    (
        "integrity open tags.img i",
        Would(&["would create i", "integrity ", "would resume i"]),
    ),
    ("integrity close i0", Would(&["would remove i0"])),
    ("luks dump vault.img", AsAlways),
    ("luks test-passphrase vault.img -d key", AsAlways),
    (
        "luks format disk.img --header head.img",
        Would(&["bytes to head.img from byte 0 on"]),
    ),
    (
        "luks add-key vault.img -d key --new-key-file key2 --pbkdf pbkdf2 --iterations 1000",
        Would(&["bytes to vault.img from byte 0 on"]),
    ),
    (
        "luks remove-key vault.img -S 0 --force",
        Would(&["bytes to vault.img from byte 0 on"]),
    ),
    (
        "luks open vault.img vault -d key",
        Would(&[
            "would create vault",
            "crypt aes-xts-plain64 0000000000",
            "would resume vault",
        ]),
    ),
    ("luks close l0", Would(&["would remove l0"])),
    (
        "run --table|0 8 linear disk.img 8",
        Would(&[
            "would serve disk as nbd+unix:///disk?socket=",
            "  0 8 linear /",
        ]),
    ),
    (
        "quickstart",
        Would(&["would make two images", "would take all of it away again"]),
    ),
    ("daemon", Would(&["would start the daemon"])),
    ("daemon --stop", Would(&["would end the daemon"])),
    ("daemon --status", AsAlways),
];

/// Verbs beneath verbs that no row tries, and why.
const LEFT_OUT: &[(&str, &str)] = &[
    ("mknodes", "the engine's devices have no nodes"),
    (
        "stats update_filemap",
        "it takes a file of a file system on a mapped device",
    ),
    ("stats version", "it is dmctl version"),
    ("stats help", "it is help"),
];

/// A home with something for each verb.
fn home() -> Home {
    let home = Home::new();
    home.ok(&["create", "low", "-u", "U-low", "--table", "0 64 zero"]);
    home.ok(&["create", "a", "--table", "0 8 linear /dev/mapper/low 0"]);
    home.ok(&["create", "b", "--table", "0 8 zero"]);
    home.ok(&["create", "c", "--table", "0 8 zero"]);
    home.ok(&["load", "c", "--table", "0 8 error"]);
    for device in ["low", "low", "b", "b"] {
        home.ok(&["stats", "create", device]);
    }
    home.ok(&["stats", "group", "b", "--regions", "0,1"]);
    for (name, sectors) in [("disk.img", 4096), ("data.img", 128), ("label.img", 4096)] {
        home.image(name, sectors);
    }
    fs::copy(home.path().join("data.img"), home.path().join("bad.img")).unwrap();
    fs::write(
        home.path().join("list.plist"),
        "<plist version=\"1.0\"><dict/></plist>",
    )
    .unwrap();
    fs::write(home.path().join("key"), "one").unwrap();
    fs::write(home.path().join("key2"), "two").unwrap();
    let sized = |name: &str, bytes| {
        fs::File::create(home.path().join(name))
            .unwrap()
            .set_len(bytes)
    };
    sized("tags.img", 1 << 20).unwrap();
    sized("vault.img", 20 << 20).unwrap();
    sized("head.img", 16 << 20).unwrap();
    for line in [
        "label create label.img --force",
        "integrity format tags.img --journal-size 65536",
        "integrity open tags.img i0",
        "luks format vault.img -d key --pbkdf pbkdf2 --iterations 1000",
        "luks open vault.img l0 -d key",
    ] {
        home.ok(&words(line));
    }
    let verity = "verity format data.img tree.img --root-hash-file root --fec-device codes.img";
    home.ok(&words(verity));
    home.ok(&words(
        "verity open data.img v0 tree.img --root-hash-file root",
    ));
    let mut bad = fs::read(home.path().join("bad.img")).unwrap();
    bad[8192] ^= 1;
    fs::write(home.path().join("bad.img"), bad).unwrap();
    home
}

fn words(line: &str) -> Vec<&str> {
    let (words, last) = line.split_once('|').unwrap_or((line, ""));
    let last = Some(last).filter(|last| !last.is_empty());
    words.split(' ').chain(last).collect()
}

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
