//! The daemon's life: starts, ends, crashes, and those who do not speak its language.

#![allow(clippy::unwrap_used)] // clippy knows helpers for no tests

mod common;

use std::fs;
use std::io::{Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::{UnixListener, UnixStream};

use dm_tools::export::client::NbdClient;

use common::{Home, LIMIT, executors, first_line, is_alive, signal, until, wait};
use rustix::process::Signal;

#[test]
fn several_starts_at_once_make_one_daemon() {
    let home = Home::new();
    let children: Vec<_> = (0..8)
        .map(|at| home.spawn(&["create", &format!("vol{at}"), "--table", "0 8 zero"]))
        .collect();
    for child in children {
        let ended = wait(child);
        assert_eq!((ended.code, ended.stderr.as_str()), (Some(0), ""));
    }
    assert_eq!(home.ok(&["ls"]).lines().count(), 8);
    assert_eq!(home.log().matches("ready in ").count(), 1);
    assert_eq!(
        fs::read_to_string(home.runtime().join("daemon.lock"))
            .unwrap()
            .trim(),
        home.pid().to_string()
    );
}

#[test]
fn kill_leaves_nothing_that_prevents_the_next_start() {
    let home = Home::new();
    for round in 0..3 {
        home.ok(&["create", "vol0", "--table", "0 8 zero"]);
        let before = home.pid();
        home.kill_daemon();
        assert!(home.control().exists(), "the socket was left behind");
        assert_eq!(
            home.ok(&["ls"]),
            "No devices found\n",
            "round {round}: empty as after a reboot"
        );
        assert_ne!(home.pid(), before);
    }
    let stderr = home.fails(4, &["info", "vol0"]);
    assert!(
        stderr.contains("hint: the daemon before this one had it"),
        "{stderr}"
    );
}

#[test]
fn stale_socket_is_replaced_and_so_is_a_file_in_its_place() {
    let home = Home::new();
    fs::create_dir(home.runtime()).unwrap();
    fs::set_permissions(home.runtime(), fs::Permissions::from_mode(0o700)).unwrap();
    drop(UnixListener::bind(home.control()).unwrap());
    fs::write(home.runtime().join("nbd.sock"), "no socket").unwrap();
    assert_eq!(home.ok(&["ls"]), "No devices found\n");
}

/// What may come in place of a request.
fn garbage() -> Vec<(&'static str, Vec<u8>)> {
    let framed = |bytes: &[u8]| {
        let mut frame = u32::try_from(bytes.len()).unwrap().to_be_bytes().to_vec();
        frame.extend(bytes);
        frame
    };
    vec![
        ("a browser", b"GET / HTTP/1.1\r\n\r\n".to_vec()),
        ("a length beyond all limits", vec![0xff; 64]),
        ("nothing in a frame", framed(b"")),
        ("noise in a frame", framed(&[0x80, 0, 0xff, 7, 1])),
        ("half a frame", framed(b"<plist>")[..8].to_vec()),
        ("half a length", vec![0, 0]),
    ]
}

#[test]
fn garbage_closes_its_connection_with_a_reason_and_nothing_else() {
    let home = Home::new();
    home.ok(&["create", "vol0", "--table", "0 8 zero"]);
    let pid = home.pid();
    let mut waiting = home.spawn(&["wait", "vol0", "0"]);
    for (what, bytes) in garbage() {
        let reasons = home.log().matches("is closed: ").count();
        let mut stream = UnixStream::connect(home.control()).unwrap();
        stream.set_read_timeout(Some(LIMIT)).unwrap();
        stream.write_all(&bytes).unwrap();
        stream.shutdown(std::net::Shutdown::Write).unwrap();
        let mut reply = Vec::new();
        match stream.read_to_end(&mut reply) {
            Ok(_) => assert!(reply.is_empty(), "{what}: {reply:?}"),
            Err(error) => assert_eq!(error.kind(), std::io::ErrorKind::ConnectionReset, "{what}"),
        }
        until(what, || home.log().matches("is closed: ").count() > reasons);
        assert_eq!(home.ok(&["ls"]), "vol0\t(253:0)\n", "{what}");
    }
    // A dictionary that makes no sense gets an answer, and the connection stays.
    let mut stream = UnixStream::connect(home.control()).unwrap();
    stream.set_read_timeout(Some(LIMIT)).unwrap();
    for _ in 0..2 {
        stream.write_all(b"\0\0\0\x05<what").unwrap();
        let mut length = [0; 4];
        stream.read_exact(&mut length).unwrap();
        let mut reply = vec![0; u32::from_be_bytes(length) as usize];
        stream.read_exact(&mut reply).unwrap();
    }
    assert_eq!(home.pid(), pid);
    assert!(
        waiting.try_wait().unwrap().is_none(),
        "the other connection was not touched"
    );
    home.ok(&["remove", "vol0"]);
    wait(waiting);
}

#[test]
fn garbage_on_the_nbd_socket_does_not_touch_the_daemon() {
    let home = Home::new();
    home.ok(&["create", "vol0", "--table", "0 8 zero"]);
    for (_, bytes) in garbage() {
        let mut stream = UnixStream::connect(home.runtime().join("nbd.sock")).unwrap();
        stream.set_read_timeout(Some(LIMIT)).unwrap();
        // The server may have closed the connection already.
        let _ = stream.write_all(&bytes);
        let _ = stream.shutdown(std::net::Shutdown::Write);
        let mut rest = Vec::new();
        let _ = stream.read_to_end(&mut rest);
        assert_eq!(home.ok(&["ls"]), "vol0\t(253:0)\n");
    }
    home.ok(&["remove", "vol0"]);
}

#[test]
fn client_that_dies_takes_its_wait_with_it() {
    let home = Home::new();
    home.ok(&["create", "vol0", "--table", "0 8 zero"]);
    let pid = home.pid();
    let waiting: Vec<_> = (0..4).map(|_| home.spawn(&["wait", "vol0", "0"])).collect();
    until("four commands wait", || executors(pid) == 4);
    for child in waiting {
        signal(child.id(), Signal::KILL);
        wait(child);
    }
    until("no command waits", || executors(pid) == 0);
    assert_eq!(home.ok(&["ls"]), "vol0\t(253:0)\n");
}

#[test]
fn stop_ends_the_daemon_and_who_waits_hears_of_it() {
    let home = Home::new();
    assert_eq!(
        home.ok(&["daemon", "--stop"]),
        "",
        "there is none, which is as good"
    );
    home.fails(4, &["daemon", "--status"]);
    home.ok(&["daemon"]);
    home.ok(&["create", "vol0", "--table", "0 8 zero"]);
    let pid = home.pid();
    let waiting = home.spawn_wait(pid, "vol0", "0");
    home.ok(&["daemon", "--stop"]);
    assert!(!is_alive(pid));
    assert!(!home.control().exists() && !home.runtime().join("nbd.sock").exists());
    let ended = wait(waiting);
    assert_eq!(ended.code, Some(130), "{ended:?}");
    home.fails(4, &["daemon", "--status"]);
}

#[test]
fn stop_does_not_wait_for_a_client_that_does_nothing() {
    let home = Home::new();
    home.ok(&["create", "vol0", "--table", "0 8 zero"]);
    let idle = [home.control(), home.runtime().join("nbd.sock")]
        .map(|socket| UnixStream::connect(socket).unwrap());
    home.ok(&["daemon", "--stop"]);
    drop(idle);
}

#[test]
fn foreground_daemon_ends_in_order_at_a_signal() {
    let home = Home::new();
    for end in [Signal::INT, Signal::TERM] {
        let daemon = home.spawn(&["daemon", "--foreground"]);
        until("it listens", || UnixStream::connect(home.control()).is_ok());
        assert_eq!(home.ok(&["ls"]), "No devices found\n");
        assert_eq!(home.pid(), daemon.id());
        signal(daemon.id(), end);
        let ended = wait(daemon);
        assert_eq!(ended.code, Some(0), "{ended:?}");
        assert!(!home.control().exists());
    }
}

#[test]
fn daemon_keeps_nothing_of_who_started_it() {
    let home = Home::new();
    let kept = home.path().join("kept");
    let mut shell = std::process::Command::new("sh");
    shell
        .args([
            "-c",
            "exec 9>kept; exec \"$0\" ls",
            env!("CARGO_BIN_EXE_dmctl"),
        ])
        .current_dir(home.path())
        .env("DM_RUNTIME_DIR", home.runtime());
    assert_eq!(common::finish(shell, "").stdout, "No devices found\n");
    let pid = home.pid();
    let open: Vec<_> = fs::read_dir(format!("/proc/{pid}/fd"))
        .unwrap()
        .filter_map(|entry| fs::read_link(entry.ok()?.path()).ok())
        .collect();
    assert!(!open.contains(&kept), "{open:?}");
    assert_eq!(
        fs::read_link(format!("/proc/{pid}/cwd")).unwrap().to_str(),
        Some("/")
    );
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
    let session = stat
        .rsplit(") ")
        .next()
        .unwrap()
        .split(' ')
        .nth(3)
        .unwrap()
        .to_owned();
    assert_eq!(session, pid.to_string(), "a session of its own");
}

#[test]
fn connections_are_limited_and_come_free_again() {
    let home = Home::new();
    home.ok(&["ls"]);
    let connect = || UnixStream::connect(home.control()).unwrap();
    let held: Vec<_> = (0..256).map(|_| connect()).collect();
    until("one is turned away", || {
        home.log().contains("a connection is turned away") || {
            drop(connect());
            false
        }
    });
    drop(held);
    until("there is room", || home.run(&["ls"]).code == Some(0));
}

#[test]
fn run_and_daemon_are_separate() {
    let home = Home::new();
    home.ok(&["create", "vol0", "--table", "0 8 zero"]);
    let mut run = home.spawn(&["run", "--table", "0 8 zero", "--name", "vol0"]);
    let uri = first_line(&mut run);
    assert!(uri.contains(&format!("run-{}.sock", run.id())), "{uri}");
    assert_ne!(format!("{uri}\n"), home.ok(&["export", "vol0"]));
    signal(run.id(), Signal::TERM);
    assert_eq!(wait(run).code, Some(0));
    assert_eq!(home.ok(&["ls"]), "vol0\t(253:0)\n");
}

#[test]
fn top_counts_what_a_device_does_and_leaves_no_region() {
    let home = Home::new();
    home.image("disk.img", 64);
    home.ok(&["create", "vol0", "--table", "0 64 linear disk.img 0"]);
    let made = home.ok(&["message", "vol0", "0", "@stats_create", "-", "/1"]);
    assert_eq!(made, "0\n");
    let socket = home.runtime().join("nbd.sock");
    let mut client = NbdClient::connect_unix(&socket, "vol0").unwrap();
    client.write(0, &[1; 4096]).unwrap();
    client.read(0, &mut [0; 512]).unwrap();
    let counted = home.ok(&["message", "vol0", "0", "@stats_print", "0"]);
    assert!(counted.starts_with("0+64 1 0 1 "), "{counted}");
    assert_eq!(counted.split(' ').nth(5), Some("1"), "{counted}");
    let shown = home.ok(&["top", "--count", "2", "--interval", "0.05"]);
    assert_eq!(shown.matches("DEVICE").count(), 2, "{shown}");
    assert_eq!(shown.matches("\nvol0 ").count(), 2, "{shown}");
    let json = home.ok(&["--json", "top", "vol0", "--interval", "0.05"]);
    assert!(json.contains("\"in_flight\""), "{json}");
    let listed = home.ok(&["message", "vol0", "0", "@stats_list"]);
    assert_eq!(listed, "0: 0+64 64 - -\n");
    home.fails(4, &["top", "nonesuch", "--count", "1"]);
}
