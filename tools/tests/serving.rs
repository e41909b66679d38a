//! Exports: the daemon's, those of `run`, and the tour.

#![allow(clippy::unwrap_used)] // clippy knows helpers for no tests

mod common;

use std::io::Read;
use std::net::TcpStream;
use std::os::unix::net::UnixStream;
use std::process::Stdio;
use std::thread;
use std::time::{Duration, Instant};

use dm_tools::export::client::NbdClient;
use rustix::process::Signal;

use common::{Home, first_line, signal, wait};

#[test]
fn export_prints_the_uri_and_nothing_else() {
    let home = Home::new();
    home.ok(&["create", "vol0", "--table", "0 8 zero"]);
    let socket = home.runtime().join("nbd.sock");
    assert_eq!(
        home.ok(&["export", "vol0"]),
        format!("nbd+unix:///vol0?socket={}\n", socket.display())
    );
    home.ok(&["create", "empty", "--notable"]);
    let stderr = home.fails(1, &["export", "empty"]);
    assert!(
        stderr.starts_with("dmctl: export empty: the device has no active table\n"),
        "{stderr}"
    );
    let mut greeting = [0; 8];
    UnixStream::connect(socket)
        .unwrap()
        .read_exact(&mut greeting)
        .unwrap();
    assert_eq!(&greeting, b"NBDMAGIC");
}

#[test]
fn run_serves_one_table_until_a_signal() {
    let home = Home::new();
    home.image("disk.img", 64);
    for (at, end) in [Signal::INT, Signal::TERM].into_iter().enumerate() {
        let socket = home.path().join(format!("{at}.sock"));
        let name = format!("disk{at}");
        let table = "0 64 linear disk.img 0";
        let socket_text = socket.to_str().unwrap();
        let mut child = home.spawn(&[
            "run",
            "--table",
            table,
            "--name",
            &name,
            "--socket",
            socket_text,
        ]);
        assert_eq!(
            first_line(&mut child),
            format!("nbd+unix:///{name}?socket={socket_text}")
        );
        assert!(UnixStream::connect(&socket).is_ok());
        signal(child.id(), end);
        let ended = wait(child);
        assert_eq!((ended.code, ended.stderr.as_str()), (Some(0), ""));
        assert!(!socket.exists());
    }
    assert!(
        !home.runtime().join("daemon.lock").exists(),
        "no daemon was needed"
    );
}

#[test]
fn run_serves_a_tcp_port() {
    let home = Home::new();
    home.image("disk.img", 64);
    let table = "0 64 linear disk.img 0";
    let mut child = home.spawn(&["run", "--table", table, "--listen", "127.0.0.1:0"]);
    let uri = first_line(&mut child);
    let address = uri
        .strip_prefix("nbd://")
        .and_then(|rest| rest.strip_suffix("/disk"))
        .unwrap_or_else(|| panic!("{uri} is no URI of a port"));
    let stream = TcpStream::connect(address).unwrap();
    let mut client = NbdClient::over(stream, "disk").unwrap();
    client.write(512, &[5; 1000]).unwrap();
    let mut read = [0; 1000];
    client.read(512, &mut read).unwrap();
    assert_eq!(read, [5; 1000]);
    // One table line stands on the other's export.
    let above = format!("0 64 linear {uri} 0");
    let mut upper = home.spawn(&["run", "--table", &above, "--socket", "upper.sock"]);
    first_line(&mut upper);
    let mut far = NbdClient::connect_unix(&home.path().join("upper.sock"), "disk").unwrap();
    far.read(512, &mut read).unwrap();
    assert_eq!(read, [5; 1000]);
    signal(upper.id(), Signal::TERM);
    assert_eq!(wait(upper).code, Some(0));
    signal(child.id(), Signal::TERM);
    assert_eq!(wait(child).code, Some(0));
    home.fails(2, &["run", "--table", "0 8 zero", "--listen", "nowhere"]);
}

#[test]
fn run_leaves_a_file_in_its_way_alone_and_replaces_a_dead_socket() {
    let home = Home::new();
    let image = home.image("disk.img", 8);
    let before = std::fs::read(&image).unwrap();
    let stderr = home.fails(5, &["run", "--table", "0 8 zero", "--socket", "disk.img"]);
    assert!(
        stderr.contains("it is there already, and no socket"),
        "{stderr}"
    );
    assert_eq!(std::fs::read(&image).unwrap(), before);
    let socket = home.path().join("dead.sock");
    drop(std::os::unix::net::UnixListener::bind(&socket).unwrap());
    let mut child = home.spawn(&["run", "--table", "0 8 zero", "--socket", "dead.sock"]);
    assert!(first_line(&mut child).starts_with("nbd+unix:///disk?socket="));
    home.fails(5, &["run", "--table", "0 8 zero", "--socket", "dead.sock"]);
    signal(child.id(), Signal::TERM);
    assert_eq!(wait(child).code, Some(0));
    let stderr = home.fails(6, &["run", "--table", "0 8 linear", "--socket", "x.sock"]);
    assert!(
        stderr.starts_with("dmctl: load disk: line 1: linear: "),
        "{stderr}"
    );
}

#[test]
fn quickstart_goes_well_in_text_and_in_json() {
    let home = Home::new();
    let mut command = home.command(&["quickstart"]);
    command.env("TMPDIR", home.path()).stdin(Stdio::null());
    let ended = common::finish(command, "");
    assert_eq!(
        (ended.code, ended.stderr.as_str()),
        (Some(0), ""),
        "{}",
        ended.stdout
    );
    let last = ended.stdout.lines().last().unwrap();
    assert!(
        last.starts_with("quickstart: 12 steps, all as they should be, in "),
        "{last}"
    );
    assert!(!ended.stdout.contains('\x1b') && !ended.stdout.contains("FAILED"));
    let left = std::fs::read_dir(home.path()).unwrap().count();
    assert_eq!(
        left, 0,
        "the scratch folder is gone, and no daemon was needed"
    );
    let document = home.json(&["quickstart"]);
    assert!(
        document["steps"]
            .as_array()
            .unwrap()
            .iter()
            .all(|step| step["ok"] == true)
    );
    assert!(!home.runtime().exists());
}

#[test]
fn socket_backend_is_the_daemon_at_that_path() {
    let home = Home::new();
    let socket = format!("socket:{}", home.control().display());
    assert_ne!(
        home.run(&["--backend", &socket, "ls"]).code,
        Some(0),
        "it is not started"
    );
    home.ok(&["create", "vol0", "--table", "0 8 zero"]);
    assert_eq!(home.ok(&["--backend", &socket, "ls"]), "vol0\t(253:0)\n");
    assert_eq!(
        home.ok(&["--backend", &socket, "export", "vol0"]),
        home.ok(&["export", "vol0"])
    );
}
#[test]
fn device_that_a_client_has_open_is_busy_unless_deferred() {
    let home = Home::new();
    home.ok(&["create", "vol0", "--table", "0 8 zero"]);
    let mut client = NbdClient::connect_unix(&home.runtime().join("nbd.sock"), "vol0").unwrap();
    let stderr = home.fails(5, &["remove", "vol0"]);
    assert!(
        stderr.contains("hint: it has 1 user(s): disconnect them, or "),
        "{stderr}"
    );
    assert!(
        home.ok(&["info", "vol0"])
            .contains("Open count:        1\n")
    );
    home.ok(&["remove", "--deferred", "vol0"]);
    client.read(0, &mut [1; 512]).unwrap();
    let removing = home.spawn(&["remove", "--retry", "vol0"]);
    client.disconnect().unwrap();
    // Either the last close or the retry took it away.
    assert!(matches!(wait(removing).code, Some(0 | 4)));
    assert_eq!(home.ok(&["ls"]), "No devices found\n");
}

#[test]
fn forced_removal_fails_the_clients_requests() {
    let home = Home::new();
    home.ok(&["create", "vol0", "--table", "0 8 zero"]);
    let mut client = NbdClient::connect_unix(&home.runtime().join("nbd.sock"), "vol0").unwrap();
    home.ok(&["remove", "--force", "vol0"]);
    assert_eq!(home.ok(&["ls"]), "No devices found\n");
    assert!(client.read(0, &mut [1; 512]).is_err());
}

#[test]
fn what_is_written_through_an_export_is_in_the_image() {
    let home = Home::new();
    let image = home.image("disk.img", 64);
    home.ok(&["create", "vol0", "--table", "0 16 linear disk.img 32"]);
    let mut client = NbdClient::connect_unix(&home.runtime().join("nbd.sock"), "vol0").unwrap();
    assert_eq!(client.size(), 16 * 512);
    client.write(512, &[0x5a; 1024]).unwrap();
    client.flush().unwrap();
    let bytes = std::fs::read(image).unwrap();
    assert_eq!(bytes[33 * 512..35 * 512], [0x5a; 1024]);
    assert_eq!(bytes[32 * 512..][..8], 32_u64.to_le_bytes());
    assert_eq!(bytes[35 * 512..][..8], 35_u64.to_le_bytes());
    client.disconnect().unwrap();
}

#[test]
fn end_of_the_daemon_fails_what_a_suspended_device_holds() {
    let home = Home::new();
    home.ok(&["create", "vol0", "--table", "0 8 zero"]);
    let mut client = NbdClient::connect_unix(&home.runtime().join("nbd.sock"), "vol0").unwrap();
    home.ok(&["suspend", "vol0"]);
    let reader = thread::spawn(move || client.read(0, &mut [1; 512]));
    thread::sleep(Duration::from_millis(100));
    assert!(!reader.is_finished(), "the device holds it");
    let begun = Instant::now();
    home.ok(&["daemon", "--stop"]);
    assert!(begun.elapsed() < Duration::from_secs(6));
    assert!(reader.join().unwrap().is_err());
}

/// How often the threads of a process gave their processor up or lost it, and its ticks of CPU.
#[cfg(target_os = "linux")]
fn activity(pid: u32) -> (u64, u64) {
    let (mut switches, mut ticks) = (0, 0);
    for task in std::fs::read_dir(format!("/proc/{pid}/task")).unwrap() {
        let task = task.unwrap().path();
        let status = std::fs::read_to_string(task.join("status")).unwrap();
        let number = |line: &str| {
            line.split_once(':')
                .unwrap()
                .1
                .trim()
                .parse::<u64>()
                .unwrap()
        };
        let counted = status.lines().filter(|line| line.contains("ctxt_switches"));
        switches += counted.map(number).sum::<u64>();
        let stat = std::fs::read_to_string(task.join("stat")).unwrap();
        let fields: Vec<&str> = stat
            .rsplit_once(')')
            .unwrap()
            .1
            .split_whitespace()
            .collect();
        // The 14th and 15th of proc(5): user and system time.
        ticks += fields[11].parse::<u64>().unwrap() + fields[12].parse::<u64>().unwrap();
    }
    (switches, ticks)
}

#[test]
#[cfg(target_os = "linux")]
fn idle_export_with_clients_sleeps() {
    let home = Home::new();
    home.image("disk.img", 64);
    let socket = home.path().join("idle.sock");
    let table = "0 64 linear disk.img 0";
    let mut child = home.spawn(&["run", "--table", table, "--socket", "idle.sock"]);
    first_line(&mut child);
    let mut clients = [0, 1].map(|_| NbdClient::connect_unix(&socket, "disk").unwrap());
    for client in &mut clients {
        client.write(0, &[1; 4096]).unwrap();
        client.flush().unwrap();
    }
    let before = activity(child.id());
    thread::sleep(Duration::from_secs(1));
    let after = activity(child.id());
    // A few: what the requests left behind. Asking every ten milliseconds would be a hundred.
    assert!(after.0 < before.0 + 20, "{before:?} to {after:?}");
    assert!(after.1 < before.1 + 5, "{before:?} to {after:?}");
    signal(child.id(), Signal::TERM);
    wait(child);
}

#[test]
#[cfg(target_os = "linux")]
fn memory_is_bounded_whatever_clients_ask_for() {
    use std::io::Write;

    let home = Home::new();
    let image = std::fs::File::create(home.path().join("disk.img")).unwrap();
    image.set_len(256 << 20).unwrap();
    let socket = home.path().join("many.sock");
    let table = "0 524288 linear disk.img 0";
    let mut child = home.spawn(&["run", "--table", table, "--socket", "many.sock"]);
    first_line(&mut child);
    let peak = || {
        let status = std::fs::read_to_string(format!("/proc/{}/status", child.id())).unwrap();
        let line = status
            .lines()
            .find(|line| line.starts_with("VmHWM:"))
            .unwrap();
        let kilobytes: usize = line.split_whitespace().nth(1).unwrap().parse().unwrap();
        kilobytes << 10
    };
    let before = peak();
    let clients: Vec<UnixStream> = (0..3)
        .map(|_| {
            let mut stream = dm_tests::nbd_batch::connect(&socket, "disk").unwrap();
            let limit = Some(Duration::from_millis(300));
            stream.set_write_timeout(limit).unwrap();
            // 20 GiB, if the server took all requests.
            for at in 0..20_000 {
                let kind = dm_core::nbd::CommandKind::Read;
                let request = dm_tests::nbd_batch::request(kind, at, (at % 256) << 20, 1 << 20);
                if stream.write_all(&request).is_err() {
                    break;
                }
            }
            stream
        })
        .collect();
    let each = dm_tools::export::nbd::IN_FLIGHT_BYTES + (768 << 10);
    // What threads and the allocator take besides.
    let bound = before + clients.len() * each + (32 << 20);
    assert!(peak() <= bound, "{} of {bound} bytes", peak());
    drop(clients);
    signal(child.id(), Signal::TERM);
    assert_eq!(wait(child).code, Some(0));
}

#[test]
#[cfg(target_os = "linux")]
fn run_reads_and_writes_past_the_page_cache() {
    let home = Home::new();
    let image = home.image("disk.img", 4096);
    let table = "0 4096 linear disk.img 0";
    let words = [
        "run",
        "--direct",
        "--table",
        table,
        "--socket",
        "direct.sock",
    ];
    let mut child = home.spawn(&words);
    let uri = first_line(&mut child);
    if uri.is_empty() {
        let said = wait(child).stderr;
        assert!(
            said.contains("only be had through the page cache"),
            "{said}"
        );
        eprintln!("SKIPPED: no direct io in {}", home.path().display());
        return;
    }
    let socket = home.path().join("direct.sock");
    let mut client = NbdClient::connect_unix(&socket, "disk").unwrap();
    let bytes: Vec<u8> = (0..300_000_u32)
        .map(|at| (at % 251).to_le_bytes()[0])
        .collect();
    // No whole blocks, at either end.
    client.write(777, &bytes).unwrap();
    let mut read = vec![0; bytes.len()];
    client.read(777, &mut read).unwrap();
    assert!(read == bytes);
    assert!(std::fs::read(&image).unwrap()[777..][..bytes.len()] == bytes);
    signal(child.id(), Signal::TERM);
    assert_eq!(wait(child).code, Some(0));
}
