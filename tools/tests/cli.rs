//! The verbs: what they print, and what becomes of the device.
//!
//! The texts follow the format strings in dmsetup 1.02.185's binary. They were not captured from a
//! run: that needs a kernel with a device mapper, and this host has none.

mod common;

use common::{Home, wait};

#[test]
fn device_is_shown_as_dmsetup_shows_it() {
    let home = Home::new();
    let image = home.image("disk.img", 64);
    assert_eq!(home.ok(&["ls"]), "No devices found\n");
    let table = "0 16 linear disk.img 8\n16 16 zero\n32 16 error";
    assert_eq!(
        home.ok(&["create", "vol0", "-u", "TEST-1", "--table", table]),
        ""
    );
    assert_eq!(home.ok(&["ls"]), "vol0\t(253:0)\n");
    assert_eq!(
        home.ok(&["table", "vol0"]),
        format!(
            "0 16 linear {} 8\n16 16 zero \n32 16 error \n",
            image.display()
        )
    );
    assert_eq!(
        home.ok(&["status", "vol0"]),
        "0 16 linear \n16 16 zero \n32 16 error \n"
    );
    assert_eq!(
        home.ok(&["status", "--target", "zero", "vol0"]),
        "16 16 zero \n"
    );
    assert_eq!(home.ok(&["deps", "vol0"]), "1 dependencies\t: (4095, 0)\n");
    assert_eq!(
        home.ok(&["info", "/dev/mapper/vol0"]),
        "Name:              vol0\n\
         State:             ACTIVE\n\
         Read Ahead:        0\n\
         Tables present:    LIVE\n\
         Open count:        0\n\
         Event number:      0\n\
         Major, minor:      253, 0\n\
         Number of targets: 3\n\
         UUID: TEST-1\n\n"
    );
    assert_eq!(
        home.ok(&["table", "-u", "TEST-1"]),
        home.ok(&["table", "vol0"])
    );
    assert_eq!(
        home.ok(&["table", "-j", "253", "-m", "0"]),
        home.ok(&["table", "vol0"])
    );
}

#[test]
fn lines_are_named_unless_one_device_is_asked_for() {
    let home = Home::new();
    for verb in ["table", "status", "info", "deps"] {
        assert_eq!(home.ok(&[verb]), "No devices found\n", "{verb}");
    }
    home.ok(&["create", "a", "--table", "0 8 zero"]);
    assert_eq!(home.ok(&["table"]), "a: 0 8 zero \n");
    home.ok(&["create", "b", "--notable"]);
    assert_eq!(home.ok(&["table"]), "a: 0 8 zero \nb: \n");
    assert_eq!(home.ok(&["table", "a", "b"]), "a: 0 8 zero \nb: \n");
    assert_eq!(home.ok(&["table", "b"]), "\n");
    assert_eq!(
        home.ok(&["deps"]),
        "a: 0 dependencies\t:\nb: 0 dependencies\t:\n"
    );
}

#[test]
fn targets_and_version_have_dmsetups_columns() {
    let home = Home::new();
    let targets = home.ok(&["targets"]);
    for name in ["linear", "striped", "zero", "error"] {
        assert!(
            targets
                .lines()
                .any(|line| line.starts_with(&format!("{name:<16} v1."))),
            "{targets}"
        );
    }
    let version = home.ok(&["version"]);
    let (library, driver) = version.split_once('\n').unwrap();
    assert_eq!(
        library,
        format!("Library version:   {}", env!("CARGO_PKG_VERSION"))
    );
    assert!(driver.starts_with("Driver version:    4."), "{version}");
}

#[test]
fn table_goes_through_the_inactive_slot() {
    let home = Home::new();
    home.ok(&["create", "vol0", "--table", "0 8 zero"]);
    home.ok(&["load", "vol0", "--table", "0 8 error"]);
    assert_eq!(home.ok(&["table", "vol0"]), "0 8 zero \n");
    assert_eq!(home.ok(&["table", "--inactive", "vol0"]), "0 8 error \n");
    assert!(
        home.ok(&["info", "vol0"])
            .contains("Tables present:    LIVE & INACTIVE\n")
    );
    home.ok(&["clear", "vol0"]);
    assert_eq!(home.ok(&["table", "--inactive", "vol0"]), "\n");
    home.ok(&["reload", "vol0", "--table", "0 8 error", "--readonly"]);
    home.ok(&["suspend", "--noflush", "--nolockfs", "vol0"]);
    assert!(
        home.ok(&["info", "vol0"])
            .contains("State:             SUSPENDED\n")
    );
    home.ok(&["resume", "vol0"]);
    assert_eq!(home.ok(&["table", "vol0"]), "0 8 error \n");
    assert!(
        home.ok(&["info", "vol0"])
            .contains("State:             ACTIVE (READ-ONLY)\n")
    );
}

#[test]
fn device_is_renamed_and_gets_its_uuid_once() {
    let home = Home::new();
    home.ok(&["create", "a", "--notable", "--minor", "7"]);
    home.ok(&["rename", "a", "b"]);
    assert_eq!(home.ok(&["ls"]), "b\t(253:7)\n");
    home.ok(&["rename", "b", "--setuuid", "U-1"]);
    assert!(home.ok(&["info", "b"]).contains("UUID: U-1\n"));
    home.fails(1, &["rename", "b", "--setuuid", "U-2"]);
    home.ok(&["create", "c", "--notable"]);
    home.fails(5, &["rename", "c", "b"]);
}

#[test]
fn deferred_removal_shows_and_happens() {
    let home = Home::new();
    home.ok(&["create", "base", "--table", "0 8 zero"]);
    home.ok(&["create", "top", "--table", "0 8 linear /dev/mapper/base 0"]);
    home.ok(&["remove", "--deferred", "base"]);
    assert!(
        home.ok(&["info", "base"])
            .contains("State:             ACTIVE (DEFERRED REMOVE)\n")
    );
    home.ok(&["remove", "top"]);
    assert_eq!(home.ok(&["ls"]), "No devices found\n");
}

#[test]
fn table_comes_from_a_file_or_stdin_and_paths_from_here() {
    let home = Home::new();
    let image = home.image("my disk.img", 16);
    let shown = format!(
        "0 8 linear {} 8\n",
        image.display().to_string().replace(' ', "\\ ")
    );
    std::fs::write(
        home.path().join("table"),
        "# a table\n\n0 8 linear my\\ disk.img 8 # here\n",
    )
    .unwrap();
    home.ok(&["create", "a", "table"]);
    assert_eq!(home.ok(&["table", "a"]), shown);
    let ended = home.run_with(&["create", "b"], "0 8 linear ./my\\ disk.img 8\n");
    assert_eq!((ended.code, ended.stderr.as_str()), (Some(0), ""));
    assert_eq!(home.ok(&["table", "b"]), shown);
    let stderr = home.fails(4, &["create", "c", "no-such-table"]);
    assert!(
        stderr.starts_with("dmctl: load c: cannot read no-such-table: "),
        "{stderr}"
    );
}

#[test]
fn escapes_in_names_do_not_reach_the_terminal() {
    let home = Home::new();
    home.ok(&["create", "a\x1b[31m", "--notable"]);
    assert_eq!(home.ok(&["ls"]), "a\\x1b[31m\t(253:0)\n");
    assert_eq!(home.json(&["ls"])["devices"][0]["name"], "a\x1b[31m");
    assert!(!home.fails(4, &["info", "b\x1b[31m"]).contains('\x1b'));
    home.ok(&["remove", "a\x1b[31m"]);
}

#[test]
fn reader_that_leaves_is_no_failure() {
    let home = Home::new();
    let table: String = (0..20_000).map(|at| format!("{at} 1 zero\n")).collect();
    let ended = home.run_with(&["create", "long"], &table);
    assert_eq!(ended.code, Some(0), "{ended:?}");
    let mut child = home.spawn(&["table", "long"]);
    drop(child.stdout.take());
    let ended = wait(child);
    assert_eq!((ended.code, ended.stderr.as_str()), (Some(0), ""));
}

#[test]
fn wait_ends_with_the_next_event() {
    let home = Home::new();
    home.ok(&["create", "vol0", "--table", "0 8 zero"]);
    let pid = home.pid();
    let waiting = home.spawn_wait(pid, "vol0", "0");
    home.ok(&["rename", "vol0", "vol1"]);
    assert_eq!(wait(waiting).code, Some(0));
    assert!(
        home.ok(&["info", "vol1"])
            .contains("Event number:      1\n")
    );
    let waiting = home.spawn_wait(pid, "vol1", "1");
    home.ok(&["remove", "vol1"]);
    assert_eq!(
        wait(waiting).code,
        Some(0),
        "as in the kernel, a removal is an event"
    );
}

#[test]
fn help_and_completions_know_each_verb() {
    let home = Home::new();
    let help = home.ok(&["help"]);
    let script = home.ok(&["completions", "bash"]);
    for verb in [
        "create",
        "load",
        "remove_all",
        "quickstart",
        "daemon",
        "completions",
        "export",
    ] {
        assert!(help.contains(&format!("  {verb} ")), "{verb}: {help}");
        assert!(script.contains(verb), "{verb}");
    }
    let create = home.ok(&["help", "create"]);
    let (own, of_all) = create
        .split_once("Options of every verb:")
        .expect("they come behind the verb's own");
    assert!(
        own.contains("--notable") && !own.contains("--json"),
        "{own}"
    );
    assert!(
        of_all.contains("--json") && !of_all.contains("--notable"),
        "{of_all}"
    );
    let (_, labels) = create.split_once("Disklabels:").expect("they are apart");
    assert!(labels.contains("--label-policy"), "{labels}");
    assert_eq!(
        home.ok(&["--version"]),
        format!("dmctl {}\n", env!("CARGO_PKG_VERSION"))
    );
    assert_eq!(home.run(&[]).code, Some(2));
}

#[test]
fn verbose_says_which_driver_and_what_became_of_the_device() {
    let home = Home::new();
    let ended = home.run(&["-v", "create", "vol0", "--table", "0 8 zero"]);
    assert_eq!(ended.code, Some(0));
    assert!(
        ended
            .stderr
            .starts_with("dmctl: backend: the engine, in the daemon at "),
        "{ended:?}"
    );
    assert!(
        ended.stdout.starts_with("Name:              vol0\n"),
        "{ended:?}"
    );
}
