//! What shells offer, by their completions of dmctl.

#![allow(clippy::unwrap_used)] // clippy knows helpers for no tests

mod common;

use std::path::Path;
use std::process::Command;

use common::Home;
use dm_tests::tools::{find, run};

/// What a shell says to a script of its own, in which our completions are `$script`.
fn said(home: &Home, shell: &str, script: &str) -> Option<String> {
    let ours = home.path().join("script");
    std::fs::write(&ours, home.ok(&["completions", shell])).unwrap();
    let program = Path::new(env!("CARGO_BIN_EXE_dmctl"));
    let before = program.parent().unwrap().display();
    let path = format!("{before}:{}", std::env::var("PATH").unwrap_or_default());
    // As a command of this home, but for the program.
    let ready = home.command(&[]);
    let mut command: Command = find(shell)?;
    for (name, value) in ready.get_envs() {
        command.env(name, value.unwrap_or_default());
    }
    command
        .args(["-c", script])
        .current_dir(home.path())
        .env("PATH", path)
        .env("HOME", home.path())
        .env("script", &ours);
    Some(String::from_utf8_lossy(&run(&mut command).stdout).into_owned())
}

/// A home with devices, one of which has a name that a shell must not read.
fn with_devices() -> Home {
    let home = Home::new();
    for name in ["low", "a b", "$(touch went-wrong)"] {
        home.ok(&["create", name, "--table", "0 8 zero"]);
    }
    home
}

/// Command lines, and whether a device is offered behind them.
const LINES: &[(&[&str], bool)] = &[
    (&["dmctl", "info", ""], true),
    (&["dmctl", "reload", "--readonly", ""], true),
    (&["dmctl", "--backend", "engine", "info", ""], true),
    (&["dmctl", "stats", "list", ""], true),
    (&["dmctl", "remove", "low", ""], true),
    (&["dmctl", ""], false),
    (&["dmctl", "--backend", ""], false),
    (&["dmctl", "info", "--backend", ""], false),
    (&["dmctl", "info", "--sort", ""], false),
    (&["dmctl", "targets", ""], false),
    (&["dmctl", "luks", "dump", ""], false),
];

#[test]
fn bash_offers_devices_where_one_is_meant() {
    let home = with_devices();
    let mut script = String::from(
        r#"
        source "$script"
        offered() {
            COMP_WORDS=("$@") COMP_CWORD=$(($# - 1)) COMPREPLY=()
            _dmctl_and_devices dmctl "${COMP_WORDS[COMP_CWORD]}" "${COMP_WORDS[COMP_CWORD - 1]}"
            printf '<%s>' "${COMPREPLY[@]}"
            echo
        }
        "#,
    );
    for (words, _) in LINES {
        let quoted: String = words.iter().map(|word| format!(" '{word}'")).collect();
        script += &format!("offered {quoted}\n");
    }
    script += "offered dmctl info l\noffered dmctl info 'a\\ '\noffered dmctl info '$'\n";
    let Some(said) = said(&home, "bash", &script) else {
        return;
    };
    let lines: Vec<&str> = said.lines().collect();
    for ((words, is_offered), line) in LINES.iter().zip(&lines) {
        assert_eq!(line.contains("<low>"), *is_offered, "{words:?}: {line}");
    }
    assert_eq!(
        lines[LINES.len()..],
        ["<low>", "<a\\ b>", "<\\$\\(touch\\ went-wrong\\)>"]
    );
    assert!(!home.path().join("went-wrong").exists());
}

#[test]
fn fish_offers_devices_where_one_is_meant() {
    let home = with_devices();
    let mut script = String::from("source $script\n");
    for (words, _) in LINES {
        script += &format!("complete -C '{}'; echo =\n", words.join(" "));
    }
    let Some(said) = said(&home, "fish", &script) else {
        return;
    };
    for ((words, is_offered), offers) in LINES.iter().zip(said.split("=\n")) {
        let low = offers.lines().any(|line| line.starts_with("low"));
        assert_eq!(low, *is_offered, "{words:?}: {offers}");
    }
    assert!(!home.path().join("went-wrong").exists());
}
