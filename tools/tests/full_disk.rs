//! A disk image on a file system that is full: the write fails, and nothing else.

mod common;

use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};

use dm_core::errno::Errno;
use dm_core::nbd::{CommandFlags, NbdErrno};
use dm_tests::nbd_batch::{Batch, connect};
use dm_tools::export::client::NbdClient;

use common::Home;

/// Mounts a small file system in a namespace of its own and serves a larger, sparse image on it.
const SERVE: &str = r#"
mount -t tmpfs -o size=1m tmpfs "$1" &&
truncate -s 8M "$1/disk.img" &&
exec "$2" run --name vol --socket "$3" --table "0 16384 linear $1/disk.img 0"
"#;

#[test]
fn write_to_a_full_disk_is_enospc_and_the_rest_goes_on() {
    let home = Home::new();
    let (folder, socket) = (home.path().join("full"), home.path().join("full.sock"));
    std::fs::create_dir(&folder).unwrap();
    let mut child = Command::new("unshare")
        .args(["--map-root-user", "--mount", "bash", "-c", SERVE, "bash"])
        .args([
            folder.as_os_str(),
            env!("CARGO_BIN_EXE_dmctl").as_ref(),
            socket.as_os_str(),
        ])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.take().unwrap())
        .read_line(&mut line)
        .unwrap();
    if line.is_empty() {
        let said = child.wait_with_output().unwrap();
        let said = String::from_utf8_lossy(&said.stderr).into_owned();
        assert!(
            std::env::var_os("CI").is_none(),
            "no file system of its own: {said}"
        );
        eprintln!("SKIPPED: a mount namespace is needed for a full disk: {said}");
        return;
    }
    let mut client = NbdClient::connect_unix(&socket, "vol").unwrap();
    let megabyte = vec![7; 1 << 20];
    client.write(0, &megabyte[..512 << 10]).unwrap();
    let error = client.write(4 << 20, &megabyte).unwrap_err();
    assert_eq!(Errno::from(&error), Errno::ENOSPC);
    let mut read = vec![0; 512 << 10];
    client.read(0, &mut read).unwrap();
    assert!(
        read == megabyte[..512 << 10],
        "what was written before is there"
    );
    // In one batch: what is there already can be written, and what is not finds no room.
    let mut batch = Batch::default();
    let places: Vec<u64> = (0..400)
        .map(|at| (at % 2) * (6 << 20) + at * 1024)
        .collect();
    for at in &places {
        batch.write(*at, &megabyte[..1024], CommandFlags::empty());
    }
    let mut stream = connect(&socket, "vol").unwrap();
    let answers = batch.run(&mut stream).unwrap();
    let full = answers.iter().filter(|answer| answer.is_err()).count();
    assert!(full > 0, "the file system was full");
    for (at, answer) in places.iter().zip(answers) {
        if *at < 1 << 20 || answer.is_err() {
            let wanted = match *at < 1 << 20 {
                true => Ok(Vec::new()),
                false => Err(NbdErrno::NoSpace),
            };
            assert_eq!(answer, wanted, "at {at}");
        }
    }
    client.trim(0, 512 << 10).unwrap();
    client.write(4 << 20, &megabyte[..256 << 10]).unwrap();
    client.flush().unwrap();
    child.kill().unwrap();
    child.wait().unwrap();
}
