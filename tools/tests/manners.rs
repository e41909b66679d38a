//! How dmctl behaves towards who runs it: interrupts, pipes that nobody reads, terminals and none.

#![allow(clippy::unwrap_used)] // clippy knows helpers for no tests

mod common;

use std::fs::File;
use std::io::{ErrorKind, Read};
use std::process::{Child, Command, Stdio};
use std::thread;

use common::{Ended, Home, executors, finish, signal, terminal_of, until, wait};
use rustix::fs::{Mode, OFlags};
use rustix::process::Signal;
use rustix::pty::{OpenptFlags, grantpt, openpt, unlockpt};
use rustix::termios::{Winsize, tcsetwinsize};

/// A home with two devices, one on the other, of which the upper has a long name.
fn stack() -> Home {
    let home = Home::new();
    home.ok(&["create", "low", "--table", "0 64 zero"]);
    let table = "0 8 linear /dev/mapper/low 0";
    home.ok(&[
        "create",
        "a-name-that-needs-more-than-a-narrow-line",
        "--table",
        table,
    ]);
    home
}

/// What a command prints on a terminal with so many columns.
fn on_terminal(mut command: Command, columns: u16) -> String {
    let controller = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
    grantpt(&controller).unwrap();
    unlockpt(&controller).unwrap();
    let name = terminal_of(&controller);
    let flags = OFlags::RDWR | OFlags::NOCTTY | OFlags::CLOEXEC;
    let terminal = rustix::fs::open(name, flags, Mode::empty()).unwrap();
    let size = Winsize {
        ws_row: 24,
        ws_col: columns,
        ws_xpixel: 0,
        ws_ypixel: 0,
    };
    tcsetwinsize(&terminal, size).unwrap();
    let child = command
        .stdout(Stdio::from(terminal))
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // It has the terminal open, too.
    drop(command);
    let reader = thread::spawn(move || {
        let (mut controller, mut text) = (File::from(controller), Vec::new());
        let mut part = [0; 1024];
        // When nobody has the terminal open any more, that is an error.
        while let Ok(count @ 1..) = controller.read(&mut part) {
            text.extend_from_slice(&part[..count]);
        }
        String::from_utf8(text).unwrap().replace("\r\n", "\n")
    });
    let ended = wait(child);
    assert_eq!((ended.code, ended.stderr.as_str()), (Some(0), ""));
    reader.join().unwrap()
}

/// What a command does whose output nobody reads.
fn unread(mut command: Command) -> Ended {
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let child = command
        .stdout(writer)
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    drop(command);
    wait(child)
}

/// A `dmctl` at work, which interrupts reach though the tests were started by who ignores them, such as a
/// script in the background.
fn interruptible(home: &Home, words: &[&str]) -> Child {
    let dmctl = home.command(words);
    let mut command = Command::new("env");
    command.arg("--default-signal=INT");
    command.arg(dmctl.get_program()).args(dmctl.get_args());
    command.current_dir(home.path()).stdin(Stdio::null());
    for (name, value) in dmctl.get_envs() {
        match value {
            Some(value) => command.env(name, value),
            None => command.env_remove(name),
        };
    }
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    command.spawn().unwrap()
}

#[test]
fn interrupt_ends_what_waits_and_leaves_nothing() {
    let home = stack();
    let pid = home.pid();
    for words in [
        &["wait", "low", "0"][..],
        &["watch"],
        &["--json", "watch"],
        &["info", "-c", "--count", "0", "--interval", "60"],
        &["stats", "report", "--count", "9", "--interval", "60"],
    ] {
        until("no command is connected", || executors(pid) == 0);
        let child = interruptible(&home, words);
        until("it is connected", || executors(pid) > 0);
        signal(child.id(), Signal::INT);
        let ended = wait(child);
        // By the signal itself, so that a shell's loop ends, too; a shell calls that 130.
        assert_eq!((ended.code, ended.stderr.as_str()), (None, ""), "{words:?}");
        until("the daemon let it go", || executors(pid) == 0);
    }
    assert_eq!(
        home.ok(&["info", "-c", "--noheadings", "-o", "name,attr"])
            .lines()
            .count(),
        2
    );
}

#[test]
fn interrupted_top_takes_its_regions_away() {
    let home = stack();
    let child = home.spawn(&["top", "--interval", "60"]);
    let listed = || {
        home.run(&["stats", "list", "--allprograms", "--noheadings"])
            .stdout
    };
    until("it counts", || !listed().is_empty());
    signal(child.id(), Signal::INT);
    assert_eq!(wait(child).code, Some(0));
    assert_eq!(listed(), "");
}

#[test]
fn who_reads_no_further_is_no_failure() {
    let home = stack();
    for words in [
        &["ls"][..],
        &["info"],
        &["info", "-c"],
        &["info", "-c", "--count", "2", "--interval", "1"],
        &["table"],
        &["status"],
        &["tree"],
        &["graph"],
        &["save"],
        &["doctor"],
        &["man", "create"],
        &["completions", "bash"],
        &["--json", "ls"],
        &["--help"],
        &["top", "--count", "1", "--interval", "0.1"],
    ] {
        let ended = unread(home.command(words));
        assert_eq!(
            (ended.code, ended.stderr.as_str()),
            (Some(0), ""),
            "{words:?}"
        );
    }
}

#[test]
fn colours_are_for_terminals_that_want_them() {
    let home = stack();
    let colourful = |words: &[&str]| {
        let mut command = home.command(words);
        command.env("TERM", "xterm-256color").env_remove("NO_COLOR");
        command
    };
    for words in [&["tree"][..], &["doctor"]] {
        assert!(
            on_terminal(colourful(words), 80).contains("\x1b["),
            "{words:?}"
        );
        let mut plain = colourful(words);
        plain.env("NO_COLOR", "1");
        assert!(!on_terminal(plain, 80).contains('\x1b'), "{words:?}");
        let mut dumb = colourful(words);
        dumb.env("TERM", "dumb");
        assert!(!on_terminal(dumb, 80).contains('\x1b'), "{words:?}");
        assert!(
            !finish(colourful(words), "").stdout.contains('\x1b'),
            "{words:?}"
        );
    }
    for words in [
        &["ls"][..],
        &["info"],
        &["info", "-c"],
        &["graph"],
        &["table"],
    ] {
        assert!(
            !on_terminal(colourful(words), 80).contains('\x1b'),
            "{words:?}"
        );
    }
}

#[test]
fn trees_fit_narrow_terminals() {
    let home = stack();
    for columns in [20, 30] {
        for words in [
            &["tree"][..],
            &["ls", "--tree"],
            &["ls", "--tree", "-o", "utf,uuid,active"],
        ] {
            let mut command = home.command(words);
            command.env("TERM", "dumb").env("LC_ALL", "C.UTF-8");
            let shown = on_terminal(command, columns);
            assert!(shown.lines().count() >= 2, "{words:?}: {shown}");
            for line in shown.lines() {
                let length = line.chars().count();
                assert!(length <= columns.into(), "{words:?} at {columns}: {line:?}");
            }
        }
        // Data are whole, whatever the terminal: scripts read them.
        let listed = on_terminal(home.command(&["ls"]), columns);
        assert!(
            listed.contains("a-name-that-needs-more-than-a-narrow-line\t"),
            "{listed}"
        );
    }
}

#[test]
fn question_without_a_terminal_is_answered_with_no() {
    let home = stack();
    let ended = home.run(&["udevcomplete_all"]);
    assert_eq!(ended.code, Some(0));
    assert!(ended.stdout.contains("NOT destroyed"), "{ended:?}");
}

#[test]
fn full_pipe_is_no_reason_to_hang_an_error() {
    // An error of writing that is none of a reader who went away is said.
    let full = File::options().write(true).open("/dev/full");
    let full = match full {
        Err(error) if error.kind() == ErrorKind::NotFound => return,
        full => full.unwrap(),
    };
    let home = stack();
    let mut command = home.command(&["ls"]);
    let child = command.stdout(full).stderr(Stdio::piped()).spawn().unwrap();
    let ended = wait(child);
    assert_eq!(ended.code, Some(1));
    assert!(
        ended.stderr.starts_with("dmctl: cannot write to stdout"),
        "{ended:?}"
    );
}
