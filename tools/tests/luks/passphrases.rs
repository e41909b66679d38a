//! Where passphrases come from: a terminal, files, descriptors.

use std::fs::{self, File};
use std::io::{Read, Write};
use std::os::fd::OwnedFd;
use std::os::unix::process::ExitStatusExt;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::thread;

use dm_tests::tools::find;
use rustix::fs::{Mode, OFlags};
use rustix::process::Signal;
use rustix::pty::{OpenptFlags, grantpt, openpt, unlockpt};
use rustix::termios::{LocalModes, tcgetattr};

use crate::common::{Home, LIMIT, finish, signal, terminal_of, until};
use crate::{OUR_PBKDF2, PASSPHRASE, home, image};

/// A home with a volume that the passphrase opens.
fn volume() -> Home {
    let home = home();
    image(&home, "disk.img");
    let format = [
        "luks",
        "format",
        "disk.img",
        "--key-file",
        "pass",
        "--type",
        "luks1",
    ];
    home.ok(&[&format, OUR_PBKDF2].concat());
    home
}

/// `dmctl` at a terminal of its own.
struct Terminal {
    ours: File,
    child: Child,
    said: Receiver<Vec<u8>>,
    text: String,
}

impl Terminal {
    fn start(home: &Home, words: &[&str]) -> Option<Terminal> {
        let mut setsid = find("setsid")?;
        let ours = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
        grantpt(&ours).unwrap();
        unlockpt(&ours).unwrap();
        let path = terminal_of(&ours);
        let flags = OFlags::RDWR | OFlags::NOCTTY;
        let theirs = rustix::fs::open(&path, flags, Mode::empty()).unwrap();
        let stdio = |fd: &OwnedFd| Stdio::from(fd.try_clone().unwrap());
        let dmctl = home.command(words);
        let child = setsid
            .args(["--ctty", "--wait"])
            .arg(dmctl.get_program())
            .args(dmctl.get_args())
            .current_dir(home.path())
            .envs(
                dmctl
                    .get_envs()
                    .filter_map(|(name, value)| Some((name, value?))),
            )
            .stdin(stdio(&theirs))
            .stdout(stdio(&theirs))
            .stderr(stdio(&theirs))
            .spawn()
            .unwrap();
        let ours = File::from(ours);
        let mut reader = ours.try_clone().unwrap();
        let (sender, said) = channel();
        thread::spawn(move || {
            let mut bytes = [0; 4096];
            // The end is an error: nobody has the terminal open any more.
            while let Ok(count @ 1..) = reader.read(&mut bytes) {
                let _ = sender.send(bytes[..count].to_vec());
            }
        });
        Some(Terminal {
            ours,
            child,
            said,
            text: String::new(),
        })
    }

    /// Waits until a question is asked, unseen.
    #[track_caller]
    fn asks(&mut self, question: &str) {
        until(question, || {
            self.listen();
            self.text.contains(question) && !self.echoes()
        });
        self.text.clear();
    }

    fn listen(&mut self) {
        while let Ok(bytes) = self.said.try_recv() {
            self.text += &String::from_utf8_lossy(&bytes);
        }
    }

    /// Whether what is typed is shown.
    fn echoes(&self) -> bool {
        let modes = tcgetattr(&self.ours).unwrap().local_modes;
        modes.contains(LocalModes::ECHO)
    }

    fn type_in(&mut self, text: &str) {
        self.ours.write_all(text.as_bytes()).unwrap();
    }

    /// How it ended, and what it said since the last question.
    #[track_caller]
    fn end(mut self) -> (ExitStatus, String) {
        let mut status = None;
        until("dmctl ends", || {
            status = self.child.try_wait().unwrap();
            status.is_some()
        });
        assert!(self.echoes(), "the terminal is as it was");
        // To the end: nobody else has the terminal open.
        while let Ok(bytes) = self.said.recv_timeout(LIMIT) {
            self.text += &String::from_utf8_lossy(&bytes);
        }
        (status.unwrap(), self.text)
    }
}

const TEST: &[&str] = &["luks", "test-passphrase", "disk.img"];

#[test]
fn prompt_is_answered_unseen() {
    let home = volume();
    let Some(mut terminal) = Terminal::start(&home, TEST) else {
        return;
    };
    terminal.asks("Passphrase: ");
    terminal.type_in(&format!("{PASSPHRASE}\n"));
    let (status, said) = terminal.end();
    assert!(status.success(), "{said}");
    assert!(!said.contains(PASSPHRASE), "{said}");
    let mut terminal = Terminal::start(&home, TEST).unwrap();
    terminal.asks("Passphrase: ");
    terminal.type_in("a wrong one\n");
    let (status, said) = terminal.end();
    assert_eq!(status.code(), Some(3), "{said}");
}

#[test]
fn new_passphrase_is_asked_for_twice() {
    let home = home();
    image(&home, "disk.img");
    let words = [&["luks", "format", "disk.img"], OUR_PBKDF2].concat();
    for (again, code) in [("another one", 1), (PASSPHRASE, 0)] {
        let Some(mut terminal) = Terminal::start(&home, &words) else {
            return;
        };
        terminal.asks("New passphrase: ");
        terminal.type_in(&format!("{PASSPHRASE}\n"));
        terminal.asks("The same again: ");
        terminal.type_in(&format!("{again}\n"));
        let (status, said) = terminal.end();
        assert_eq!(status.code(), Some(code), "{said}");
        assert_eq!(said.contains("the passphrases differ"), code != 0, "{said}");
    }
    home.ok(&[TEST, &["--key-file", "pass"]].concat());
}

#[test]
fn terminal_is_put_right_by_what_ends_a_prompt() {
    let home = volume();
    // What the terminal makes of Ctrl-C and Ctrl-\, and what others send.
    for (key, sent, number) in [
        ("\x03", None, 2),
        ("half of it\x03", None, 2),
        ("\x1c", None, 3),
        ("", Some(Signal::TERM), 15),
        ("", Some(Signal::HUP), 1),
    ] {
        let Some(mut terminal) = Terminal::start(&home, TEST) else {
            return;
        };
        terminal.asks("Passphrase: ");
        match sent {
            Some(number) => signal(terminal.child.id(), number),
            None => terminal.type_in(key),
        }
        let (status, said) = terminal.end();
        assert_eq!(status.signal(), Some(number), "{key:?} {said}");
    }
}

#[test]
fn stopped_prompt_asks_again() {
    let home = volume();
    let Some(mut terminal) = Terminal::start(&home, TEST) else {
        return;
    };
    terminal.asks("Passphrase: ");
    terminal.type_in("half of it\x1a");
    let pid = terminal.child.id();
    until("dmctl is stopped", || {
        fs::read_to_string(format!("/proc/{pid}/stat"))
            .unwrap()
            .contains(") T ")
    });
    assert!(terminal.echoes());
    signal(pid, Signal::CONT);
    terminal.asks("Passphrase: ");
    terminal.type_in(&format!("{PASSPHRASE}\n"));
    let (status, said) = terminal.end();
    assert!(status.success(), "{said}");
}

#[test]
fn passphrases_come_from_files_descriptors_and_stdin() {
    let home = volume();
    fs::write(home.path().join("inside"), format!("..{PASSPHRASE}\n.")).unwrap();
    fs::write(home.path().join("large"), vec![b'x'; (8 << 20) + 1]).unwrap();
    fs::write(home.path().join("line"), format!("{PASSPHRASE}\nmore")).unwrap();
    let length = PASSPHRASE.len().to_string();
    let part = [
        "--key-file",
        "inside",
        "--keyfile-offset",
        "2",
        "--keyfile-size",
        &length,
    ];
    for (more, stdin, code, reason) in [
        (&["--key-file", "pass"][..], "", 0, ""),
        (&["--key-file", "-"], PASSPHRASE, 0, ""),
        (&part, "", 0, ""),
        // Without a terminal: a line.
        (&[], &format!("{PASSPHRASE}\nmore"), 0, ""),
        (&[], PASSPHRASE, 0, ""),
        // A file is all of its bytes.
        (&["--key-file", "line"], "", 3, "no key slot"),
        (
            &["--key-file", "-"],
            &format!("{PASSPHRASE}\n"),
            3,
            "no key slot",
        ),
        (
            &["--key-file", "inside", "--keyfile-offset", "9999"],
            "",
            3,
            "no key slot",
        ),
        (
            &["--key-file", "inside", "--keyfile-size", "9999"],
            "",
            1,
            "less than 9999 bytes",
        ),
        (&["--key-file", "large"], "", 1, "more than 8 MiB"),
        (&["--key-file", "none"], "", 4, "none"),
        (&["--key-file", "."], "", 1, "directory"),
        (&["--key-fd", "99"], "", 4, "/dev/fd/99"),
        (&["--key-fd", "x"], "", 2, "invalid value"),
        (
            &["--key-fd", "0", "--key-file", "pass"],
            "",
            2,
            "cannot be used with",
        ),
        (&[], &"x".repeat(513), 1, "more than 512 bytes"),
    ] {
        let ended = home.run_with(&[TEST, more].concat(), stdin);
        assert_eq!(ended.code, Some(code), "{more:?} {ended:?}");
        assert!(ended.stderr.contains(reason), "{more:?} {ended:?}");
    }
}

#[test]
fn descriptor_may_be_a_file_or_a_pipe() {
    let home = volume();
    for from in ["7< pass", "7< wrong"] {
        let dmctl = home.command(&[TEST, &["--key-fd", "7"]].concat());
        let ended = finish(shell(&home, &dmctl, from), "");
        let code = if from.ends_with("pass") { 0 } else { 3 };
        assert_eq!(ended.code, Some(code), "{ended:?}");
    }
    // As what `cat pass |` gives.
    let dmctl = home.command(&[TEST, &["--key-fd", "7"]].concat());
    let ended = finish(shell(&home, &dmctl, "7<&0"), PASSPHRASE);
    assert_eq!(ended.code, Some(0), "{ended:?}");
}

/// A command with a descriptor that a shell gives it.
fn shell(home: &Home, command: &Command, redirection: &str) -> Command {
    let mut shell = Command::new("sh");
    shell
        .args(["-c", &format!("exec \"$0\" \"$@\" {redirection}")])
        .arg(command.get_program())
        .args(command.get_args())
        .current_dir(home.path())
        .envs(
            command
                .get_envs()
                .filter_map(|(name, value)| Some((name, value?))),
        );
    shell
}
