//! Exports under TLS, as people's clients use them: libnbd's and QEMU's, which have GnuTLS.

#![allow(clippy::unwrap_used)] // clippy knows helpers for no tests

mod common;
mod tls {
    pub(crate) mod authority;
}

use std::fs;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::PathBuf;
use std::process::Child;
use std::sync::Arc;
use std::time::Duration;

use dm_core::blockdev::nbd::Secure;
use dm_core::blockdev::{Blocking, NbdDev, Patience};
use dm_core::component::TableMode;
use dm_core::engine::Engine;
use dm_core::io::IoFlags;
use dm_core::nbd::{ClientFlags, Greeting, OptionRequest};
use dm_core::units::Sector;
use dm_tests::script::{create, open};
use dm_tests::tools::{find, run};
use dm_tools::export::client::NbdClient;
use dm_tools::export::tls::Connector;
use rustix::process::Signal;

use common::{Home, first_line, signal, wait};
use tls::authority::Authority;

const KEYS: &str = "alice:2b7e151628aed2a6abf7158809cf4f3c2b7e151628aed2a6abf7158809cf4f3c\n";

/// A disk of 4 MiB under TLS.
struct Secured {
    home: Home,
    child: Option<Child>,
    port: u16,
}

impl Secured {
    fn start(home: Home, words: &[&str]) -> Secured {
        let pattern: Vec<u8> = (0..4_u32 << 20)
            .map(|at| (at % 249).to_le_bytes()[0])
            .collect();
        fs::write(home.path().join("disk.img"), pattern).unwrap();
        let (child, port) = Secured::listen(&home, "127.0.0.1:0", words);
        let child = Some(child);
        Secured { home, child, port }
    }

    fn listen(home: &Home, address: &str, words: &[&str]) -> (Child, u16) {
        let table = "0 8192 linear disk.img 0";
        let mut all = vec!["run", "--table", table, "--listen", address];
        all.extend(words);
        let mut child = home.spawn(&all);
        let uri = first_line(&mut child);
        let port = uri.strip_prefix("nbds://127.0.0.1:").expect(&uri);
        let port = port.strip_suffix("/disk").unwrap().parse().unwrap();
        (child, port)
    }

    /// Kills it, and starts it anew where it was.
    fn comes_again(&mut self, words: &[&str]) {
        if let Some(mut child) = self.child.take() {
            child.kill().unwrap();
            child.wait().unwrap();
        }
        let address = format!("127.0.0.1:{}", self.port);
        self.child = Some(Secured::listen(&self.home, &address, words).0);
    }

    fn certified(words: &[&str]) -> (Secured, Authority) {
        let home = Home::new();
        let authority = Authority::new("dmctl's tests");
        authority.put(&home.path().join("pki"), "server", "localhost");
        authority.put(&home.path().join("alice"), "client", "alice");
        let mut all = vec!["--tls-certificates", "pki"];
        all.extend(words);
        (Secured::start(home, &all), authority)
    }

    fn with_keys() -> Secured {
        let home = Home::new();
        fs::write(home.path().join("keys.psk"), KEYS).unwrap();
        let other = KEYS.replace("2b7e", "2b7f");
        fs::create_dir(home.path().join("other")).unwrap();
        fs::write(home.path().join("other/keys.psk"), other).unwrap();
        Secured::start(home, &["--tls-psk", "keys.psk"])
    }

    fn path(&self, name: &str) -> PathBuf {
        self.home.path().join(name)
    }

    fn certificates_uri(&self, folder: &str) -> String {
        let folder = self.path(folder);
        format!(
            "nbds://localhost:{}/disk?tls-certificates={}",
            self.port,
            folder.display()
        )
    }

    fn keys_uri(&self, user: &str, file: &str) -> String {
        let file = self.path(file);
        format!(
            "nbds://{user}@localhost:{}/disk?tls-psk-file={}",
            self.port,
            file.display()
        )
    }

    fn plain(&self) -> TcpStream {
        TcpStream::connect(("127.0.0.1", self.port)).unwrap()
    }

    fn disk(&self) -> Vec<u8> {
        fs::read(self.path("disk.img")).unwrap()
    }

    fn copies(&self, uri: &str) {
        if let Some(mut copy) = find("nbdcopy") {
            let copied = self.path("copy.img");
            run(copy.arg(uri).arg(&copied));
            assert!(fs::read(&copied).unwrap() == self.disk(), "{uri}");
            // And back, so that both ways carry much.
            let other: Vec<u8> = self.disk().iter().rev().copied().collect();
            fs::write(&copied, &other).unwrap();
            run(find("nbdcopy")
                .unwrap()
                .arg("--flush")
                .arg(&copied)
                .arg(uri));
            assert!(self.disk() == other, "{uri}");
        }
    }

    fn refuses(&self, uri: &str) {
        if let Some(mut info) = find("nbdinfo") {
            let output = info.arg(uri).output().unwrap();
            assert!(!output.status.success(), "{uri} is served");
        }
    }

    /// QEMU's way to the export, with the credentials `object`.
    fn qemu(&self, object: &str) {
        if let Some(mut image) = find("qemu-img") {
            let export = format!(
                "driver=nbd,host=localhost,port={},export=disk,tls-creds=tls0",
                self.port
            );
            let disk = format!(
                "driver=raw,file.filename={}",
                self.path("disk.img").display()
            );
            run(image.args([
                "compare",
                "--object",
                object,
                "--image-opts",
                &disk,
                &export,
            ]));
        }
    }

    fn ends(mut self) {
        let child = self.child.take().unwrap();
        signal(child.id(), Signal::TERM);
        let ended = wait(child);
        assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    }
}

impl Drop for Secured {
    fn drop(&mut self) {
        if let Some(mut child) = self.child.take() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

#[test]
fn clients_know_the_server_by_its_certificate() {
    let (served, authority) = Secured::certified(&[]);
    if let Some(mut info) = find("nbdinfo") {
        let said = run(info.args(["--json", &served.certificates_uri("alice")]));
        let said = String::from_utf8_lossy(&said.stdout);
        assert!(said.contains("\"TLS\": true"), "{said}");
        assert!(said.contains("\"export-size\": 4194304"), "{said}");
    }
    served.copies(&served.certificates_uri("alice"));
    let folder = served.path("alice");
    served.qemu(&format!(
        "tls-creds-x509,id=tls0,endpoint=client,dir={}",
        folder.display()
    ));
    // A client that trusts another authority talks to nobody.
    let stranger = Authority::new("somebody else");
    stranger.put(&served.path("stranger"), "client", "alice");
    served.refuses(&served.certificates_uri("stranger"));
    drop(authority);
    served.ends();
}

#[test]
fn server_knows_clients_by_their_certificates() {
    let (served, authority) = Secured::certified(&["--tls-verify-peer"]);
    served.copies(&served.certificates_uri("alice"));
    // One that trusts the server, and has nothing to show.
    authority.put_own(&served.path("nobody"));
    served.refuses(&served.certificates_uri("nobody"));
    // One whose certificate somebody else signed.
    let stranger = Authority::new("somebody else");
    stranger.put(&served.path("stranger"), "client", "alice");
    authority.put_own(&served.path("stranger"));
    served.refuses(&served.certificates_uri("stranger"));
    served.ends();
}

#[test]
fn clients_and_server_know_a_key() {
    let served = Secured::with_keys();
    served.copies(&served.keys_uri("alice", "keys.psk"));
    let folder = served.home.path();
    served.qemu(&format!(
        "tls-creds-psk,id=tls0,endpoint=client,username=alice,dir={}",
        folder.display()
    ));
    served.refuses(&served.keys_uri("alice", "other/keys.psk"));
    served.refuses(&served.keys_uri("bob", "keys.psk"));
    served.ends();
}

/// A device of this process over an export under TLS reads and writes what the export has.
fn stands_on(uri: &str, disk: &dyn Fn() -> Vec<u8>) {
    let engine = Engine::new();
    engine.set_secure(Arc::new(Connector));
    create(&engine, "over", &format!("0 8192 linear {uri} 0")).unwrap();
    let device = open(&engine, "over");
    let mut read = vec![0; 4 << 20];
    device.read_at(Sector(0), &mut read).unwrap();
    assert!(read == disk(), "{uri}");
    read.reverse();
    device.write_at(Sector(0), &read, IoFlags::empty()).unwrap();
    device.flush().unwrap();
    assert!(read == disk(), "{uri}");
}

/// Such a device is not to be had.
fn stands_not_on(uri: &str, reason: &str) {
    let engine = Engine::new();
    engine.set_secure(Arc::new(Connector));
    let error = create(&engine, "over", &format!("0 8192 linear {uri} 0")).unwrap_err();
    assert!(error.report().contains(reason), "{uri}: {}", error.report());
}

#[test]
fn tables_stand_on_exports_under_tls() {
    let (served, authority) = Secured::certified(&["--tls-verify-peer"]);
    stands_on(&served.certificates_uri("alice"), &|| served.disk());
    authority.put_own(&served.path("nobody"));
    stands_not_on(
        &served.certificates_uri("nobody"),
        "may not know this client",
    );
    let stranger = Authority::new("somebody else");
    stranger.put(&served.path("stranger"), "client", "alice");
    stands_not_on(
        &served.certificates_uri("stranger"),
        "certificate verify failed",
    );
    let elsewhere = served.certificates_uri("alice") + "&tls-hostname=disks.example";
    stands_not_on(&elsewhere, "certificate verify failed");
    let relative = format!("nbds://localhost:{}/disk?tls-certificates=pki", served.port);
    stands_not_on(&relative, "it is no absolute path");
    served.ends();

    let served = Secured::with_keys();
    stands_on(&served.keys_uri("alice", "keys.psk"), &|| served.disk());
    stands_not_on(&served.keys_uri("alice", "other/keys.psk"), "");
    stands_not_on(&served.keys_uri("bob", "keys.psk"), "no key of the user");
    served.ends();
    // Who shows a certificate where a key was agreed on is not the server.
    let (served, _authority) = Secured::certified(&[]);
    fs::write(served.path("keys.psk"), KEYS).unwrap();
    stands_not_on(&served.keys_uri("alice", "keys.psk"), "");
    served.ends();
}

#[test]
fn device_finds_its_server_under_tls_again_and_takes_no_other_for_it() {
    let words = ["--tls-certificates", "pki", "--tls-verify-peer"];
    let (mut served, _authority) = Secured::certified(&words[2..]);
    let uri = served.certificates_uri("alice").parse().unwrap();
    let mut patience = Patience::DEFAULT;
    patience.reconnect = Duration::from_secs(3);
    patience.pause = Duration::from_millis(20);
    let secure = Some(Arc::new(Connector) as Arc<dyn Secure>);
    let device = NbdDev::open_secured(&uri, TableMode::ReadWrite, patience, secure).unwrap();
    let mut read = [0; 4096];
    for round in 1..4_u8 {
        device
            .write_at(Sector(8), &[round; 4096], IoFlags::FUA)
            .unwrap();
        served.comes_again(&words);
        device.read_at(Sector(8), &mut read).unwrap();
        assert_eq!(read, [round; 4096]);
    }
    // What listens there next shows a certificate of somebody else's.
    let stranger = Authority::new("somebody else");
    stranger.put(&served.path("strange"), "server", "localhost");
    served.comes_again(&["--tls-certificates", "strange"]);
    assert!(device.read_at(Sector(8), &mut read).is_err());
    assert_eq!(served.disk()[4096..8192], [3; 4096]);
}

#[test]
fn tables_stand_on_exports_of_nbdkit_under_tls() {
    let home = Home::new();
    let authority = Authority::new("dmctl's tests");
    authority.put(&home.path().join("pki"), "server", "localhost");
    authority.put(&home.path().join("alice"), "client", "alice");
    fs::write(home.path().join("keys.psk"), KEYS).unwrap();
    let disk = home.path().join("disk.img");
    let path = |name: &str| home.path().join(name).display().to_string();
    for (secrets, user, parameter) in [
        ("--tls-certificates=", "", "tls-certificates"),
        ("--tls-psk=", "alice@", "tls-psk-file"),
    ] {
        let (theirs, ours) = match user {
            "" => (path("pki"), path("alice")),
            _ => (path("keys.psk"), path("keys.psk")),
        };
        let Some(mut nbdkit) = find("nbdkit") else {
            return;
        };
        fs::write(&disk, vec![5; 4 << 20]).unwrap();
        let socket = path("nbdkit.sock");
        let _ = fs::remove_file(&socket);
        let child = nbdkit
            .args([
                "-f",
                "--tls=require",
                &format!("{secrets}{theirs}"),
                "-U",
                &socket,
                "file",
            ])
            .arg(&disk)
            .spawn()
            .unwrap();
        let served = Ended(child);
        while !std::path::Path::new(&socket).exists() {
            std::thread::sleep(std::time::Duration::from_millis(5));
        }
        let uri = format!("nbds+unix://{user}/?socket={socket}&{parameter}={ours}");
        stands_on(&uri, &|| fs::read(&disk).unwrap());
        drop(served);
    }
}

/// A server of the tests' own.
struct Ended(Child);

impl Drop for Ended {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn client_without_tls_gets_nothing_unless_it_is_offered_only() {
    let (served, _authority) = Secured::certified(&[]);
    let error = NbdClient::over(served.plain(), "disk").err().unwrap();
    assert_eq!(error.to_string(), "the server refused: TLS required");
    served.ends();
    let (served, _authority) = Secured::certified(&["--tls", "offered"]);
    let mut client = NbdClient::over(served.plain(), "disk").unwrap();
    let mut read = [0; 4096];
    client.read(4096, &mut read).unwrap();
    assert!(read == served.disk()[4096..8192]);
    served.copies(&served.certificates_uri("alice"));
    served.ends();
}

#[test]
fn clients_that_stall_vanish_or_babble_under_tls_hold_up_nobody() {
    let (served, _authority) = Secured::certified(&[]);
    let mut kept = Vec::new();
    for babble in [&b""[..], b"\x16\x03\x01\x02\0\x01", b"NBD is no TLS"] {
        let mut stream = served.plain();
        let mut greeting = [0; 18];
        stream.read_exact(&mut greeting).unwrap();
        let flags = ClientFlags::answer(Greeting::decode(&greeting).unwrap().flags);
        stream.write_all(&flags.encode()).unwrap();
        let mut option = Vec::new();
        OptionRequest::StartTls.encode(&mut option).unwrap();
        stream.write_all(&option).unwrap();
        stream.read_exact(&mut [0; 20]).unwrap();
        stream.write_all(babble).unwrap();
        kept.push(stream);
    }
    served.copies(&served.certificates_uri("alice"));
    drop(kept);
    served.copies(&served.certificates_uri("alice"));
    served.ends();
}

#[test]
fn what_is_no_certificate_or_key_is_named() {
    let home = Home::new();
    let fails = |words: &[&str], reason: &str| {
        let mut all = vec!["run", "--table", "0 8 zero", "--listen", "127.0.0.1:0"];
        all.extend(words);
        let stderr = home.fails(1, &all);
        assert!(stderr.contains(reason), "{words:?}: {stderr}");
    };
    fails(
        &["--tls-certificates", "nowhere"],
        "server-cert.pem: No such file",
    );
    fails(&["--tls-psk", "nowhere"], "nowhere: No such file");
    fs::write(home.path().join("keys"), "alice:xyz\n").unwrap();
    fails(
        &["--tls-psk", "keys"],
        "keys: line 1: the key is not hexadecimal",
    );
    let authority = Authority::new("dmctl's tests");
    let folder = home.path().join("pki");
    authority.put(&folder, "server", "localhost");
    let key = folder.join("server-key.pem");
    let kept = fs::read(&key).unwrap();
    fs::write(&key, "nothing").unwrap();
    fails(
        &["--tls-certificates", "pki"],
        "server-key.pem: it holds no private key",
    );
    authority.put(&home.path().join("other"), "server", "localhost");
    fs::copy(home.path().join("other/server-key.pem"), &key).unwrap();
    fails(
        &["--tls-certificates", "pki"],
        "server-key.pem: it is not the certificate's key",
    );
    fs::write(&key, kept).unwrap();
    fs::remove_file(folder.join("ca-cert.pem")).unwrap();
    fails(
        &["--tls-certificates", "pki", "--tls-verify-peer"],
        "ca-cert.pem: No such file",
    );
}
