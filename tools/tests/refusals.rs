//! What is refused: by which exit code, in which words, and that nothing changes.

mod common;

use std::os::unix::fs::symlink;

use common::Home;

#[test]
fn missing_device_is_4_with_the_nearest_name() {
    let home = Home::new();
    home.ok(&["create", "vol0", "--notable"]);
    for verb in [
        "info", "table", "status", "deps", "suspend", "resume", "clear", "remove", "export",
        "attach", "detach",
    ] {
        let stderr = home.fails(4, &[verb, "vol1"]);
        assert!(
            stderr.starts_with(&format!("dmctl: {verb} vol1: no such device\n")),
            "{stderr}"
        );
        assert!(
            stderr.ends_with("hint: there is a device vol0\n"),
            "{stderr}"
        );
    }
    assert_eq!(
        home.fails(4, &["remove", "other"]),
        "dmctl: remove other: no such device\n"
    );
}

#[test]
fn taken_name_is_5() {
    let home = Home::new();
    home.ok(&["create", "a", "--notable", "-u", "U"]);
    home.fails(5, &["create", "a", "--notable"]);
    home.fails(5, &["create", "b", "--notable", "-u", "U"]);
    home.fails(5, &["create", "b", "--notable", "-m", "0"]);
    assert_eq!(home.ok(&["ls"]), "a\t(253:0)\n");
}

#[test]
fn device_under_another_is_busy_and_the_hint_says_which() {
    let home = Home::new();
    home.ok(&["create", "base", "--table", "0 8 zero"]);
    home.ok(&["create", "top", "--table", "0 8 linear /dev/mapper/base 0"]);
    let stderr = home.fails(5, &["remove", "base"]);
    assert!(
        stderr.contains("hint: top stands on it: remove that first\n"),
        "{stderr}"
    );
    home.ok(&["create", "two", "--table", "0 8 linear /dev/mapper/base 0"]);
    let stderr = home.fails(5, &["remove", "base"]);
    assert!(
        stderr.contains("hint: top and two stand on it: remove them first\n"),
        "{stderr}"
    );
    // What can be removed is, whatever the others say.
    let stderr = home.fails(5, &["remove", "base", "top", "two"]);
    assert!(stderr.starts_with("dmctl: remove base: "), "{stderr}");
    assert_eq!(home.ok(&["ls"]), "base\t(253:0)\n");
    home.ok(&["remove_all"]);
    assert_eq!(home.ok(&["ls"]), "No devices found\n");
}

/// Each wrong table, and what the message must name: the line, the word where there is one, the
/// reason.
const WRONG: &[(&str, &str)] = &[
    (
        "0 8 zero\n9 8 zero",
        "line 2: zero: starts at sector 9, which leaves a gap after sector 8",
    ),
    (
        "0 8 zero\n4 8 zero",
        "line 2: zero: starts at sector 4, within the line before",
    ),
    (
        "4 8 zero",
        "line 1: zero: starts at sector 4, but the table must start at 0",
    ),
    ("0 0 zero", "line 1: zero: the length is zero"),
    (
        "0 8 zero\n8 18446744073709551615 zero",
        "line 2: zero: the end of 18446744073709551615",
    ),
    ("0 8", "line 1: the target is missing"),
    ("0", "line 1: the length is missing"),
    (
        "x 8 zero",
        "line 1: \"x\": the start sector is not a decimal number",
    ),
    (
        "0 8k zero",
        "line 1: \"8k\": the length is not a decimal number",
    ),
    (
        "0 18446744073709551616 zero",
        "line 1: \"18446744073709551616\": the length is more than",
    ),
    ("0 8 nothing", "line 1: nothing: the target is unknown"),
    (
        "0 8 zero\n8 8 linear",
        "line 2: linear: the device is missing",
    ),
    (
        "0 8 linear disk.img",
        "line 1: linear: the start sector on the device is missing",
    ),
    (
        "0 8 linear disk.img 0 more",
        "line 1: linear: word 3 \"more\": is one word too many",
    ),
    (
        "0 8 linear disk.img 1x",
        "line 1: linear: word 2 \"1x\": the start sector on the device is not",
    ),
    (
        "0 8 linear disk.img 60",
        "line 1: linear: word 2 \"60\": sectors 60+8 lie past the end",
    ),
    ("0 8 linear no.img 0", "no.img\": "),
    ("0 8 linear . 0", "line 1: linear: word 1 "),
    ("0 8 linear 253:99 0", "line 1: linear: word 1 \"253:99\": "),
    (
        "0 8 linear /dev/mapper/vol0 0",
        "line 1: linear: word 1 \"/dev/mapper/vol0\": ",
    ),
    (
        "0 8 striped 2 0 disk.img 0 disk.img 8",
        "line 1: striped: word 2 \"0\": ",
    ),
    ("0 8 striped 2 4 disk.img 0", "line 1: striped: "),
    (
        "0 8 striped x 4 disk.img 0",
        "line 1: striped: word 1 \"x\": ",
    ),
    ("", "the table has no lines"),
];

#[test]
fn wrong_table_names_line_word_and_reason_and_the_old_one_stays() {
    let home = Home::new();
    home.image("disk.img", 64);
    home.ok(&["create", "vol0", "--table", "0 8 linear disk.img 8"]);
    home.ok(&["load", "vol0", "--table", "0 8 zero"]);
    let tables = || {
        [
            home.ok(&["table", "vol0"]),
            home.ok(&["table", "--inactive", "vol0"]),
        ]
    };
    let before = tables();
    for (table, wanted) in WRONG {
        let stderr = home.fails(6, &["load", "vol0", "--table", table]);
        assert!(
            stderr.starts_with("dmctl: load vol0: "),
            "{table:?}: {stderr}"
        );
        assert!(stderr.contains(wanted), "{table:?}: {stderr}");
        assert_eq!(tables(), before, "{table:?}");
        // A device that can not get its table is taken away again.
        let table = table.replace("/vol0", "/new");
        let wanted = wanted.replace("/vol0", "/new");
        let stderr = home.fails(6, &["create", "new", "--table", &table]);
        assert!(stderr.contains(&wanted), "{table:?}: {stderr}");
        assert!(
            stderr.starts_with("dmctl: load new: "),
            "{table:?}: {stderr}"
        );
        assert_eq!(home.ok(&["ls"]), "vol0\t(253:0)\n", "{table:?}");
    }
    let stderr = home.fails(6, &["load", "vol0", "--table", "0 8 nothing"]);
    assert!(
        stderr.contains("hint: this driver has the targets linear, striped, zero, error, "),
        "{stderr}"
    );
    let stderr = home.fails(6, &["load", "vol0", "--table", "0 8 delay disk.img 0 9"]);
    assert!(
        stderr.ends_with("\nhint: a Linux kernel may have delay\n"),
        "{stderr}"
    );
    let ended = home.run_with(&["load", "vol0"], "# first\n0 8 zero\n\n16 8 zero\n");
    assert_eq!(ended.code, Some(6));
    assert!(
        ended
            .stderr
            .contains("hint: line 2 of the table is line 4 of stdin\n"),
        "{ended:?}"
    );
}

#[test]
fn wrong_command_lines_are_2() {
    let home = Home::new();
    for arguments in [
        &["frobnicate"][..],
        &["create"],
        &["create", "a/b", "--notable"],
        &["create", "a", "--notable", "--table", "0 8 zero"],
        &["create", "a", "-m", "x", "--notable"],
        &["remove"],
        &["remove", "--force", "--deferred", "a"],
        &["info", "-j", "253"],
        &["rename", "a"],
        &["wait", "a", "-1"],
        &["--backend", "other", "ls"],
        &["completions", "other"],
    ] {
        let ended = home.run(arguments);
        assert_eq!(
            (ended.code, ended.stdout.as_str()),
            (Some(2), ""),
            "{arguments:?}: {ended:?}"
        );
        assert!(!ended.stderr.is_empty());
    }
    assert!(
        !home.runtime().join("daemon.lock").exists(),
        "no daemon was needed"
    );
}

#[test]
fn backend_of_another_system_is_said_to_be_missing_in_one_line() {
    let home = Home::new();
    let stderr = home.fails(1, &["--backend", "netbsd", "ls"]);
    assert!(
        stderr.starts_with("dmctl: ls: this system is not NetBSD\n"),
        "{stderr}"
    );
    let mut command = home.command(&["ls"]);
    command.env("DM_BACKEND", "netbsd");
    assert_eq!(common::finish(command, "").code, Some(1));
}

#[test]
fn kernel_without_device_mapper_is_said_in_one_line() {
    let home = Home::new();
    if dm_linux::probe::usable().is_ok() {
        eprintln!("SKIPPED: this host has a device mapper");
        return;
    }
    let ended = home.run(&["--backend", "linux", "ls"]);
    assert!(matches!(ended.code, Some(1 | 3)), "{ended:?}");
    assert!(ended.stderr.starts_with("dmctl: ls: "), "{ended:?}");
    assert!(
        ended
            .stderr
            .ends_with("hint: --backend engine works everywhere\n"),
        "{ended:?}"
    );
    // Then auto is the engine.
    let ended = home.run(&["--backend", "auto", "-v", "ls"]);
    assert_eq!(ended.code, Some(0));
    assert!(ended.stderr.contains("backend: the engine"), "{ended:?}");
}

#[test]
fn runtime_folder_of_others_is_refused() {
    let home = Home::new();
    std::fs::create_dir(home.path().join("real")).unwrap();
    symlink("real", home.path().join("link")).unwrap();
    let long = home.path().join("d".repeat(100));
    for (dir, code, reason) in [
        (home.path().join("link"), 3, "is a symbolic link"),
        (home.path().join("real"), 3, "is open to others"),
        (long, 1, "bytes, at most 107 are allowed"),
    ] {
        let mut command = home.command(&["ls"]);
        command.env("DM_RUNTIME_DIR", &dir);
        let ended = common::finish(command, "");
        assert_eq!(ended.code, Some(code), "{ended:?}");
        assert!(ended.stderr.contains(reason), "{ended:?}");
    }
}

#[test]
fn runtime_folder_is_chosen_by_the_environment() {
    let home = Home::new();
    let chosen = |dir: Option<&str>, xdg: Option<&str>| {
        let mut command = home.command(&["daemon", "--status"]);
        command.env("DM_RUNTIME_DIR", dir.unwrap_or_default());
        command.env("XDG_RUNTIME_DIR", xdg.unwrap_or_default());
        let stderr = common::finish(command, "").stderr;
        stderr.trim_end().rsplit(' ').next().unwrap().to_owned()
    };
    assert_eq!(
        chosen(Some("/nowhere/a/"), Some("/nowhere/b")),
        "/nowhere/a"
    );
    assert_eq!(chosen(None, Some("/nowhere/b")), "/nowhere/b/dm");
    assert_eq!(
        chosen(Some("here"), None),
        home.path().join("here").display().to_string()
    );
}

#[test]
fn refusal_names_the_verb_that_was_typed() {
    let home = Home::new();
    home.ok(&["create", "vol0", "--table", "0 8 zero"]);
    for line in [
        "luks close nosuch",
        "verity close nosuch",
        "integrity close nosuch",
        "stats report nosuch",
        "stats create nosuch",
        "top nosuch",
    ] {
        let words: Vec<&str> = line.split(' ').collect();
        let stderr = home.fails(4, &words);
        assert_eq!(stderr, format!("dmctl: {line}: no such device\n"));
    }
    // The device is there: it is the region that is not.
    let stderr = home.fails(4, &["stats", "group", "vol0", "--regions", "0"]);
    assert_eq!(stderr, "dmctl: stats group vol0: there is no region 0\n");
}

#[test]
fn refusal_names_the_file_that_has_no_header() {
    let home = Home::new();
    let image = home.image("disk.img", 64);
    let name = image.to_str().unwrap();
    for (verb, words) in [
        ("luks dump", vec![name]),
        ("luks open", vec![name, "vault"]),
        ("luks test-passphrase", vec!["other.img", "--header", name]),
    ] {
        let words: Vec<&str> = verb.split(' ').chain(words).collect();
        let stderr = home.fails(1, &words);
        let expected = format!("dmctl: {verb} {name}: there is no LUKS header\n");
        assert_eq!(stderr, expected);
    }
}

#[test]
fn what_could_not_be_saved_is_no_description() {
    let home = Home::new();
    let stderr = home.fails(4, &["save", "nosuch"]);
    assert_eq!(stderr, "dmctl: save nosuch: no such device\n");
    assert_eq!(home.ok(&["save"]), "device = []\n");
}
