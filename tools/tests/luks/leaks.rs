//! Keys: in nothing that is said or kept, and in the daemon's memory only as long as they are in use.

use std::fs;
use std::io::ErrorKind;
use std::path::Path;
#[cfg(target_os = "linux")]
use std::thread;

#[cfg(target_os = "linux")]
use dm_tools::export::client::NbdClient;
use memchr::memmem;

use crate::common::{Ended, Home, finish};
#[cfg(target_os = "linux")]
use crate::common::{executors, until};
use crate::{OUR_ARGON2, PASSPHRASE, home, image};

/// What may be found nowhere, each with what it is.
struct Secrets(Vec<(String, Vec<u8>)>);

impl Secrets {
    /// A passphrase.
    fn text(what: &str, text: &str) -> Secrets {
        Secrets(vec![(what.into(), text.into())])
    }

    /// A key, and either half of it: as bytes, as what a cipher's first rounds have, and as digits.
    fn key(what: &str, hex: &str) -> Secrets {
        let byte = |at: usize| u8::from_str_radix(&hex[at..at + 2], 16).unwrap();
        let bytes: Vec<u8> = (0..hex.len()).step_by(2).map(byte).collect();
        let halves = [0, bytes.len() / 2];
        let mut all = Vec::new();
        for at in halves {
            let digits = &hex[2 * at..2 * at + 32];
            all.push((
                format!("{what}, bytes from {at}"),
                bytes[at..at + 16].to_vec(),
            ));
            all.push((format!("{what}, digits from {at}"), digits.into()));
            let upper = digits.to_ascii_uppercase();
            all.push((format!("{what}, large digits from {at}"), upper.into()));
        }
        Secrets(all)
    }

    fn and(mut self, more: Secrets) -> Secrets {
        self.0.extend(more.0);
        self
    }

    /// Those that are in `hay`.
    fn found_in(&self, hay: &[u8]) -> Vec<&str> {
        let found = self
            .0
            .iter()
            .filter(|(_, needle)| memmem::find(hay, needle).is_some());
        found.map(|(what, _)| what.as_str()).collect()
    }
}

/// All files beneath a folder.
fn files(folder: &Path, all: &mut Vec<Vec<u8>>) {
    for entry in fs::read_dir(folder).unwrap().flatten() {
        let kind = entry.file_type().unwrap();
        if kind.is_dir() {
            files(&entry.path(), all);
        } else if kind.is_file() {
            match fs::read(entry.path()) {
                Ok(bytes) => all.push(bytes),
                // The new journal has taken the old one's place meanwhile.
                Err(error) => assert_eq!(error.kind(), ErrorKind::NotFound, "{error}"),
            }
        }
    }
}

/// `dmctl` telling all that it can, as the daemon that it starts does.
struct Talkative<'a> {
    home: &'a Home,
    secrets: &'a Secrets,
}

impl Talkative<'_> {
    /// Runs a command, after which no secret is in what it said, in the log and in the runtime folder.
    #[track_caller]
    fn run(&self, words: &[&str], stdin: &str) -> Ended {
        let words = [&["-v", "--show-wire"], words].concat();
        let mut command = self.home.command(&words);
        command.env("DM_LOG", "trace");
        let ended = finish(command, stdin);
        let mut kept = vec![ended.stdout.clone().into(), ended.stderr.clone().into()];
        files(&self.home.runtime(), &mut kept);
        for hay in &kept {
            let found = self.secrets.found_in(hay);
            let text = String::from_utf8_lossy(hay);
            assert!(found.is_empty(), "{words:?}: {found:?} in {text}");
        }
        ended
    }

    #[track_caller]
    fn ok(&self, words: &[&str]) {
        self.takes(words, "");
    }

    #[track_caller]
    fn takes(&self, words: &[&str], stdin: &str) {
        let ended = self.run(words, stdin);
        assert_eq!(ended.code, Some(0), "{words:?}: {ended:?}");
    }

    #[track_caller]
    fn refuses(&self, words: &[&str], stdin: &str) {
        let ended = self.run(words, stdin);
        assert!(ended.code > Some(0), "{words:?}: {ended:?}");
    }
}

/// The digits of a volume's key, as the table shows them to who asks for them.
fn volume_key(home: &Home) -> String {
    let table = home.ok(&["table", "vault", "--showkeys"]);
    let hex = table.split(' ').nth(4).unwrap().to_owned();
    assert_eq!(hex.len(), 128);
    hex
}

/// Writes and reads at an export, and stays.
#[cfg(target_os = "linux")]
fn client(home: &Home, device: &str) -> NbdClient<std::os::unix::net::UnixStream> {
    let mut client = NbdClient::connect_unix(&home.runtime().join("nbd.sock"), device).unwrap();
    let bytes: Vec<u8> = (0..200_000_u32).map(|at| at.to_le_bytes()[1]).collect();
    client.write(4096, &bytes).unwrap();
    let mut read = vec![0; bytes.len()];
    client.read(4096, &mut read).unwrap();
    assert_eq!(read, bytes);
    client
}

/// The secrets in a process's memory, all that a core dump would hold.
#[cfg(target_os = "linux")]
fn remembered(pid: u32, secrets: &Secrets) -> Vec<&str> {
    use std::os::unix::fs::FileExt;

    let maps = fs::read_to_string(format!("/proc/{pid}/maps")).unwrap();
    let memory = fs::File::open(format!("/proc/{pid}/mem")).unwrap();
    let ranges = maps.lines().filter_map(|line| {
        let (range, rest) = line.split_once(' ')?;
        let (start, end) = range.split_once('-')?;
        let number = |text| u64::from_str_radix(text, 16).ok();
        rest.starts_with("rw").then_some(())?;
        Some((number(start)?, number(end)?))
    });
    let (mut looked, mut found) = (0, Vec::new());
    for (start, end) in ranges {
        let mut bytes = vec![0; usize::try_from(end - start).unwrap()];
        if memory.read_exact_at(&mut bytes, start).is_ok() {
            looked += bytes.len();
            found.extend(secrets.found_in(&bytes));
        }
    }
    assert!(looked > 100_000, "{looked} bytes are not the whole memory");
    found
}

/// The daemon has done all that it was told, down to the last thread.
#[cfg(target_os = "linux")]
fn settled(home: &Home) -> u32 {
    let pid = home.pid();
    until("the commands' threads are gone", || executors(pid) == 0);
    pid
}

#[test]
fn open_maps_the_data_and_tells_no_key() {
    let home = home();
    image(&home, "disk.img");
    let format = ["luks", "format", "disk.img", "--key-file", "pass"];
    home.ok(&[&format, OUR_ARGON2].concat());
    // The key is the header's: known before anything is run that could tell it.
    home.ok(&["luks", "open", "disk.img", "vault", "--key-file", "pass"]);
    let secrets =
        Secrets::key("key", &volume_key(&home)).and(Secrets::text("passphrase", PASSPHRASE));
    home.ok(&["luks", "close", "vault"]);
    home.ok(&["daemon", "--stop"]);
    let dmctl = Talkative {
        home: &home,
        secrets: &secrets,
    };
    let open = ["luks", "open", "disk.img", "vault", "--key-file"];
    let wrong = dmctl.run(&[&open[..], &["wrong"]].concat(), "");
    assert_eq!(wrong.code, Some(3), "{wrong:?}");
    dmctl.ok(&[&open[..], &["pass"]].concat());
    dmctl.refuses(&[&open[..], &["pass"]].concat(), "");
    for words in [
        &["--json", "table", "vault"][..],
        &["table", "vault"],
        &["--json", "info", "vault"],
        &["--json", "status", "vault"],
        &["status", "vault"],
        &["deps", "vault"],
        &["tree"],
        &["measure", "vault"],
        &["save"],
        &["--json", "luks", "dump", "disk.img"],
        &["luks", "dump", "disk.img"],
        &[
            "--json",
            "luks",
            "test-passphrase",
            "disk.img",
            "--key-file",
            "pass",
        ],
        &["suspend", "vault"],
        &["resume", "vault"],
    ] {
        dmctl.ok(words);
    }
    let info = home.json(&["info", "vault"]);
    let uuid = info["devices"][0]["uuid"].as_str().unwrap().to_owned();
    assert!(
        uuid.starts_with("CRYPT-LUKS2-") && uuid.ends_with("-vault"),
        "{uuid}"
    );
    let mut add = vec![
        "luks",
        "add-key",
        "disk.img",
        "--key-file",
        "pass",
        "--new-key-file",
        "second",
    ];
    add.extend(OUR_ARGON2);
    dmctl.ok(&add);
    dmctl.ok(&["luks", "remove-key", "disk.img", "--key-file", "second"]);
    dmctl.ok(&["luks", "close", "vault"]);
    let other = dmctl.run(&["luks", "close", "vault"], "");
    assert_eq!(other.code, Some(4));
}

#[cfg(target_os = "linux")]
#[test]
fn daemon_forgets_the_key_of_a_closed_volume() {
    let home = home();
    image(&home, "disk.img");
    let format = ["luks", "format", "disk.img", "--key-file", "pass"];
    home.ok(&[&format, OUR_ARGON2].concat());
    let open = ["luks", "open", "disk.img", "vault", "--key-file", "pass"];
    home.ok(&open);
    let secrets =
        Secrets::key("key", &volume_key(&home)).and(Secrets::text("passphrase", PASSPHRASE));
    // It is looked for while it must be there, too: the search finds what there is.
    assert!(!remembered(settled(&home), &secrets).is_empty());
    let clients = [client(&home, "vault"), client(&home, "vault")];
    let busy = home.run(&["luks", "close", "vault"]);
    assert_eq!(busy.code, Some(5), "{busy:?}");
    home.ok(&["table", "vault", "--showkeys"]);
    // What has a client goes with the last one.
    home.ok(&["luks", "close", "vault", "--deferred"]);
    drop(clients);
    until("the device is gone", || {
        home.run(&["info", "vault"]).code == Some(4)
    });
    assert_eq!(remembered(settled(&home), &secrets), [""; 0]);
    // And again, whoever opens it next.
    home.ok(&open);
    home.ok(&["luks", "close", "vault"]);
    assert_eq!(remembered(settled(&home), &secrets), [""; 0]);
}

/// Keys of 64 bytes, no part of which is like another.
#[cfg(target_os = "linux")]
fn random_keys<const N: usize>() -> [String; N] {
    let mut rng = fastrand::Rng::new();
    std::array::from_fn(|_| (0..64).map(|_| format!("{:02x}", rng.u8(..))).collect())
}

#[cfg(target_os = "linux")]
#[test]
fn daemon_forgets_keys_whatever_way_they_came() {
    let home = home();
    image(&home, "disk.img");
    let disk = home.path().join("disk.img");
    let keys: [String; 9] = random_keys();
    let [first, second, third, fourth, refused @ ..] = &keys;
    let secrets = keys.iter().enumerate();
    let secrets = secrets.fold(Secrets(Vec::new()), |secrets, (at, key)| {
        secrets.and(Secrets::key(&format!("key {at}"), key))
    });
    let dmctl = Talkative {
        home: &home,
        secrets: &secrets,
    };
    let table = |key: &str| {
        format!(
            "0 2048 crypt aes-xts-plain64 {key} 0 {} 0\n",
            disk.display()
        )
    };
    dmctl.takes(&["create", "vault"], &table(first));
    assert!(!remembered(settled(&home), &secrets).is_empty());
    let attached = client(&home, "vault");
    // A table that comes in the place of another one, and one that never does.
    dmctl.takes(&["load", "vault"], &table(second));
    dmctl.ok(&["table", "vault", "--inactive"]);
    dmctl.ok(&["resume", "vault"]);
    dmctl.takes(&["load", "vault"], &table(third));
    dmctl.ok(&["clear", "vault"]);
    // By message.
    dmctl.refuses(&["message", "vault", "0", "key", "set", &refused[0]], "");
    dmctl.ok(&["suspend", "vault"]);
    dmctl.refuses(
        &["message", "vault", "0", "key", "set", &refused[0][2..]],
        "",
    );
    dmctl.ok(&["message", "vault", "0", "key", "wipe"]);
    let wiped = remembered(settled(&home), &secrets);
    assert_eq!(wiped, [""; 0], "after a wipe");
    dmctl.ok(&["message", "vault", "0", "key", "set", fourth]);
    dmctl.ok(&["resume", "vault"]);
    let shown = home.ok(&["table", "vault", "--showkeys"]);
    assert!(shown.contains(fourth.as_str()));
    home.json(&["table", "vault", "--showkeys"]);
    drop(attached);
    // Tables that are wrong, before the key and behind it.
    let good = table(&refused[1]);
    for (from, to) in [
        ("aes-xts", "aes-xxs"),
        ("crypt", "crypto"),
        (" 0 /", " 0x /"),
        ("disk.img 0", "disk.img 1 1 what"),
        ("disk.img", "none.img"),
        ("2048 crypt", "204800000 crypt"),
        ("0 2048", "8 2048"),
    ] {
        dmctl.refuses(&["create", "other"], &good.replace(from, to));
        dmctl.refuses(&["load", "vault"], &good.replace(from, to));
    }
    dmctl.refuses(&["create", "other"], &table(&refused[2][2..]));
    dmctl.refuses(
        &["create", "other"],
        &table(&format!("{}x", &refused[3][1..])),
    );
    dmctl.refuses(&["load", "nobody"], &table(&refused[4]));
    thread::scope(|scope| {
        for at in 0..4 {
            let name = format!("many{at}");
            let (dmctl, table) = (&dmctl, table(first));
            scope.spawn(move || {
                dmctl.takes(&["create", &name], &table);
                dmctl.ok(&["remove", &name]);
            });
        }
    });
    dmctl.ok(&["remove", "vault"]);
    assert_eq!(remembered(settled(&home), &secrets), [""; 0]);
}

/// No verb leaves a core dump: a table may have a key in it.
#[cfg(target_os = "linux")]
#[test]
fn core_dumps_are_forbidden() {
    let home = home();
    image(&home, "disk.img");
    home.ok(&["create", "plain", "--table", "0 8 zero"]);
    let daemon = home.pid();
    let mut waiting = home.spawn(&["wait", "plain"]);
    let limit = |pid: u32| {
        let limits = fs::read_to_string(format!("/proc/{pid}/limits")).unwrap();
        let line = limits
            .lines()
            .find(|line| line.starts_with("Max core file size"));
        line.unwrap().split_whitespace().nth(4).unwrap().to_owned()
    };
    assert_eq!(limit(daemon), "0");
    until("dmctl has no core dumps", || limit(waiting.id()) == "0");
    waiting.kill().unwrap();
    waiting.wait().unwrap();
    home.ok(&["remove", "plain"]);
}
