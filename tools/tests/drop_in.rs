//! dmctl called dmsetup, on the engine; the guest's checks compare it with the real one.

mod common;

use std::os::unix::process::CommandExt;

use common::{Ended, Home, finish};

fn called(home: &Home, name: &str, words: &[&str]) -> Ended {
    let mut command = home.command(words);
    command.arg0(name);
    finish(command, "")
}

#[test]
fn dmsetup_ends_with_0_or_1_and_says_that_it_failed() {
    let home = Home::new();
    let made = called(&home, "dmsetup", &["--table", "0 8 zero", "create", "one"]);
    assert_eq!(
        (made.code, made.stdout.as_str(), made.stderr.as_str()),
        (Some(0), "", "")
    );
    let listed = called(
        &home,
        "/sbin/dmsetup",
        &["--noheadings", "info", "-Co", "name"],
    );
    assert_eq!(listed.stdout, "one\n");
    let missing = called(&home, "dmsetup", &["info", "missing"]);
    assert_eq!(missing.code, Some(1));
    assert_eq!(
        missing.stderr,
        "dmsetup: info missing: no such device\nDevice does not exist.\nCommand failed.\n"
    );
    let unknown = called(&home, "dmsetup", &["--nosuch", "ls"]);
    assert_eq!(unknown.code, Some(1));
    assert!(
        unknown
            .stderr
            .starts_with("dmsetup: unrecognized option --nosuch\n")
    );
    for name in ["dmvdostats", "losetup", "dmlosetup"] {
        let ended = called(&home, name, &["-a"]);
        assert_eq!(ended.code, Some(1));
        assert!(ended.stderr.contains("is not built"), "{ended:?}");
    }
}

#[test]
fn backslash_in_dmsetups_table_is_itself() {
    let home = Home::new();
    let image = home.image(r"back\slash", 64);
    let table = format!("0 8 linear {} 0", image.display());
    let made = called(&home, "dmsetup", &["create", "one", "--table", &table]);
    assert_eq!(made.code, Some(0), "{made:?}");
    assert!(
        home.fails(6, &["create", "two", "--table", &table])
            .contains("backslash")
    );
    home.ok(&["create", "two", "--table", &table.replace('\\', r"\\")]);
}

#[test]
fn names_that_steer_terminals_are_shown_harmless() {
    let home = Home::new();
    let name = "a\x1b[2J\nb";
    home.ok(&["create", name, "--table", "0 8 zero"]);
    let long = "n".repeat(127);
    home.ok(&["create", &long, "--table", "0 8 zero"]);
    for words in [
        &["ls"][..],
        &["ls", "--tree", "-o", "notrunc"],
        &["info", "-c"],
        &["info"],
        &["table"],
        &["tree"],
        &["graph"],
        &["save"],
        &["table", "--concise"],
    ] {
        let shown = home.ok(words);
        assert!(!shown.contains('\x1b'), "{words:?}: {shown:?}");
        assert!(
            shown.contains(&long) || words == ["graph"],
            "{words:?}: {shown:?}"
        );
    }
}

#[test]
fn near_words_are_suggested() {
    let home = Home::new();
    let said = home.fails(2, &["crate", "x"]);
    assert!(said.contains("'create'"), "{said}");
    let said = home.fails(2, &["info", "--colums"]);
    assert!(said.contains("--columns"), "{said}");
    let said = home.fails(2, &["info", "-c", "-o", "nmae"]);
    assert!(said.contains("hint: there is name"), "{said}");
    for (words, near) in [
        (["crate", "x"], "create"),
        (["info", "--colums"], "--columns"),
    ] {
        let said = called(&home, "dmsetup", &words).stderr;
        let hint = format!("\nhint: there is {near}\nCommand failed.\n");
        assert!(said.ends_with(&hint), "{said}");
    }
}

#[test]
fn description_is_applied_all_or_none_and_saved_again() {
    let home = Home::new();
    let image = home.image("disk.img", 64);
    let described = |sectors: u32| {
        format!(
            "[[device]]\nname = \"top\"\ntable = \"0 {sectors} linear /dev/mapper/low 0\"\n\
             [[device]]\nname = \"low\"\nuuid = \"U\"\ntable = \"0 32 linear {} 0\"\n",
            image.display()
        )
    };
    let file = home.path().join("stack.toml");
    let file_name = file.to_str().unwrap();
    std::fs::write(&file, described(8)).unwrap();
    let dry = home.run(&["apply", "--dry-run", file_name]);
    assert_eq!(dry.code, Some(0), "{dry:?}");
    assert_eq!(home.ok(&["ls"]), "No devices found\n");
    let shown = home.ok(&["apply", file_name]);
    assert!(
        shown.starts_with("+ top\n  + 0 8 linear /dev/mapper/low 0\n+ low\n"),
        "{shown}"
    );
    assert_eq!(home.ok(&["apply", file_name]), "");
    std::fs::write(&file, described(16)).unwrap();
    let shown = home.ok(&["apply", file_name]);
    assert!(shown.contains("~ top\n  - 0 8 linear"), "{shown}");
    assert!(home.ok(&["table", "top"]).starts_with("0 16 linear"));
    let saved = home.ok(&["save"]);
    home.ok(&["remove", "top"]);
    home.ok(&["remove", "low"]);
    assert_eq!(home.run_with(&["apply", "-"], &saved).code, Some(0));
    assert_eq!(home.ok(&["save"]), saved);
    std::fs::write(&file, "").unwrap();
    assert_eq!(home.ok(&["apply", "--prune", file_name]).lines().count(), 2);
    assert_eq!(home.ok(&["ls"]), "No devices found\n");
}

#[test]
fn tree_shows_shared_devices_once() {
    let home = Home::new();
    home.ok(&["create", "low", "--table", "0 64 zero"]);
    home.ok(&["create", "a", "--table", "0 8 linear /dev/mapper/low 0"]);
    home.ok(&["create", "b", "--table", "0 8 linear /dev/mapper/low 8"]);
    home.ok(&["create", "c", "--table", "0 8 linear /dev/mapper/a 0"]);
    let strip = |text: String| -> Vec<String> {
        text.lines()
            .map(|line| line.split(" (").next().unwrap().to_owned())
            .collect()
    };
    assert_eq!(
        strip(home.ok(&["tree", "--ascii"])),
        ["b", "`-low", "c", "`-a", "  `-low"]
    );
    assert_eq!(
        strip(home.ok(&["tree", "--ascii", "--inverse"])),
        ["low", "|-a", "| `-c", "`-b"]
    );
    let dot = home.ok(&["graph", "--format", "dot"]);
    assert_eq!(dot.matches(" -> ").count(), 3, "{dot}");
    assert!(home.ok(&["graph"]).starts_with("<svg "));
}

#[test]
fn wire_is_shown_without_keys() {
    let home = Home::new();
    let table = "0 8 crypt aes-xts-plain64 00112233445566778899aabbccddeeff 0 /dev/null 0";
    let shown = home.run(&["--show-wire", "create", "k", "--table", table]);
    assert!(shown.stderr.contains("<key>command</key>"), "{shown:?}");
    assert!(!shown.stderr.contains("00112233"), "{shown:?}");
    let dry = home.run(&["--dry-run", "create", "k", "--table", table]);
    assert!(dry.stderr.contains("would create k"), "{dry:?}");
    assert!(!dry.stderr.contains("00112233"), "{dry:?}");
}

#[test]
fn watch_tells_what_happens() {
    let home = Home::new();
    home.ok(&["create", "one", "--table", "0 8 zero"]);
    let mut child = home.spawn(&["watch", "--json", "--count", "1", "--seconds", "20"]);
    // It looks at the devices before it waits; until then a new one would be an old one.
    std::thread::sleep(std::time::Duration::from_millis(800));
    home.ok(&["create", "two", "--table", "0 8 zero"]);
    let line: serde_json::Value = serde_json::from_str(&common::first_line(&mut child)).unwrap();
    assert_eq!(line["happened"], "added");
    assert_eq!(line["name"], "two");
    assert_eq!(common::wait(child).code, Some(0));
}
