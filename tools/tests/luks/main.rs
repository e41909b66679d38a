//! LUKS headers: ours and cryptsetup's open each other, and their keys are nowhere to be found.

#![allow(clippy::unwrap_used)] // clippy knows helpers for no tests

mod common;

use std::fs;
use std::path::Path;
use std::process::Command;

use common::Home;
use dm_tests::tools::{find, run};

const PASSPHRASE: &str = "correct horse battery staple";

/// What cryptsetup is told, so that a test takes no longer than it must.
const PBKDF2: &[&str] = &["--pbkdf", "pbkdf2", "--pbkdf-force-iterations", "1000"];
const ARGON2: &[&str] = &[
    "--pbkdf-force-iterations",
    "4",
    "--pbkdf-memory",
    "64",
    "--pbkdf-parallel",
    "2",
];

/// The same for us.
const OUR_PBKDF2: &[&str] = &["--pbkdf", "pbkdf2", "--iterations", "1000"];
const OUR_ARGON2: &[&str] = &["--iterations", "4", "--memory", "64", "--parallel", "2"];

fn home() -> Home {
    let home = Home::new();
    fs::write(home.path().join("pass"), PASSPHRASE).unwrap();
    fs::write(home.path().join("second"), "another one").unwrap();
    fs::write(home.path().join("wrong"), "a wrong one").unwrap();
    home
}

fn image(home: &Home, name: &str) {
    let file = fs::File::create(home.path().join(name)).unwrap();
    file.set_len(24 << 20).unwrap();
}

fn cryptsetup(home: &Home) -> Option<Command> {
    let mut command = find("cryptsetup")?;
    command.current_dir(home.path());
    Some(command)
}

/// Each shows the header in the same words, and takes the same passphrases.
fn agree(home: &Home, device: &str, header: &[&str]) {
    // cryptsetup's luksDump takes the header as its device.
    let place = header.last().copied().unwrap_or(device);
    let theirs = run(cryptsetup(home).unwrap().args(["luksDump", place]));
    let theirs = String::from_utf8(theirs.stdout).unwrap();
    let ours = home.ok(&["luks", "dump", place]);
    assert_eq!(ours.trim_end(), theirs.trim_end());
    let words = [&["luks", "test-passphrase", device], header].concat();
    for (key, code) in [("pass", 0), ("wrong", 3)] {
        let ours = home.run(&[&words[..], &["--key-file", key]].concat());
        assert_eq!(ours.code, Some(code), "{ours:?}");
        let mut theirs = cryptsetup(home).unwrap();
        let theirs = theirs
            .args(["open", "--test-passphrase", device, "--key-file", key])
            .args(header)
            .status()
            .unwrap();
        assert_eq!(theirs.success(), code == 0);
    }
}

#[test]
fn headers_of_cryptsetup_open_with_us() {
    let home = home();
    if cryptsetup(&home).is_none() {
        return;
    }
    let aes = &["-c", "aes-cbc-essiv:sha256", "-s", "256"];
    let cases: &[&[&[&str]]] = &[
        &[&["--type", "luks1"], PBKDF2],
        &[&["--type", "luks1", "-h", "sha1"], aes, PBKDF2],
        &[&["--type", "luks1", "-h", "ripemd160", "-s", "256"], PBKDF2],
        &[&["--type", "luks1", "-h", "sha512"], PBKDF2],
        &[&["--type", "luks2"], PBKDF2],
        &[
            &["--type", "luks2", "--sector-size", "512", "-h", "sha512"],
            PBKDF2,
        ],
        &[&["--type", "luks2", "--pbkdf", "argon2i"], ARGON2],
        &[
            &[
                "--type",
                "luks2",
                "--pbkdf",
                "argon2id",
                "--sector-size",
                "1024",
            ],
            ARGON2,
        ],
        &[
            &["--type", "luks2", "--label", "home", "--subsystem", "sub"],
            aes,
            ARGON2,
        ],
        &[
            &["--type", "luks2", "-c", "camellia-cbc-plain64", "-s", "192"],
            ARGON2,
        ],
        &[&["--type", "luks2", "--luks2-metadata-size", "64k"], ARGON2],
    ];
    for (number, case) in cases.iter().enumerate() {
        let device = format!("{number}.img");
        image(&home, &device);
        let mut format = cryptsetup(&home).unwrap();
        format
            .args(["luksFormat", "--batch-mode"])
            .args(case.concat());
        run(format.args([&device, "pass"]));
        agree(&home, &device, &[]);
    }
    // A second slot, a token, and a slot that is gone again.
    let mut add = cryptsetup(&home).unwrap();
    add.args(["luksAddKey", "--key-file", "pass", "--key-slot", "5"]);
    run(add.args(ARGON2).args(["4.img", "second"]));
    let token = r#"{"type":"test","keyslots":["5"],"secret":"none"}"#;
    fs::write(home.path().join("token"), token).unwrap();
    run(cryptsetup(&home)
        .unwrap()
        .args(["token", "import", "--json-file", "token", "4.img"]));
    agree(&home, "4.img", &[]);
    let found = home.json(&["luks", "test-passphrase", "4.img", "--key-file", "second"]);
    assert_eq!(found["slot"], 5);
    run(cryptsetup(&home).unwrap().args([
        "luksKillSlot",
        "--batch-mode",
        "4.img",
        "0",
        "--key-file",
        "second",
    ]));
    let gone = home.run(&["luks", "test-passphrase", "4.img", "--key-file", "pass"]);
    assert_eq!(gone.code, Some(3));
    // A header elsewhere.
    image(&home, "data.img");
    image(&home, "head.img");
    let mut format = cryptsetup(&home).unwrap();
    format.args(["luksFormat", "--batch-mode", "--header", "head.img"]);
    run(format.args(ARGON2).args(["data.img", "pass"]));
    agree(&home, "data.img", &["--header", "head.img"]);
}

#[test]
fn headers_of_ours_open_with_cryptsetup() {
    let home = home();
    if cryptsetup(&home).is_none() {
        return;
    }
    let aes = &["-c", "aes-cbc-essiv:sha256", "-s", "256"];
    let cases: &[&[&[&str]]] = &[
        &[&["--type", "luks1"], OUR_PBKDF2],
        &[&["--type", "luks1", "--hash", "sha1"], aes, OUR_PBKDF2],
        &[OUR_PBKDF2],
        &[OUR_ARGON2],
        &[
            &[
                "--pbkdf",
                "argon2i",
                "--sector-size",
                "512",
                "--label",
                "home",
            ],
            aes,
            OUR_ARGON2,
        ],
    ];
    for (number, case) in cases.iter().enumerate() {
        let device = format!("{number}.img");
        image(&home, &device);
        let words = [
            &["luks", "format", &device, "--key-file", "pass"],
            &*case.concat(),
        ]
        .concat();
        home.ok(&words);
        agree(&home, &device, &[]);
        let kdf = case.last().unwrap();
        let add = [
            "luks",
            "add-key",
            &device,
            "--key-file",
            "pass",
            "--new-key-file",
            "second",
        ];
        home.ok(&[&add, *kdf].concat());
        agree(&home, &device, &[]);
        let mut second = cryptsetup(&home).unwrap();
        second.args(["open", "--test-passphrase", "--key-slot", "1", &device]);
        run(second.args(["--key-file", "second"]));
        home.ok(&["luks", "remove-key", &device, "--key-file", "second"]);
        agree(&home, &device, &[]);
        let last = home.run(&["luks", "remove-key", &device, "--key-file", "pass"]);
        assert!(last.stderr.contains("is the last one"), "{last:?}");
        let again = home.run(&["luks", "format", &device, "--key-file", "pass"]);
        assert_eq!(again.code, Some(5), "{again:?}");
    }
    image(&home, "data.img");
    fs::write(home.path().join("head.img"), "").unwrap();
    let words = [
        "luks",
        "format",
        "data.img",
        "--header",
        "head.img",
        "--key-file",
        "pass",
    ];
    home.ok(&[&words, OUR_ARGON2].concat());
    agree(&home, "data.img", &["--header", "head.img"]);
}

/// All files beneath a folder.
fn files(folder: &Path, all: &mut Vec<Vec<u8>>) {
    for entry in fs::read_dir(folder).unwrap().flatten() {
        let kind = entry.file_type().unwrap();
        if kind.is_dir() {
            files(&entry.path(), all);
        } else if kind.is_file() {
            all.push(fs::read(entry.path()).unwrap());
        }
    }
}

/// The volume's key, as the table shows it to who asks for it.
fn volume_key(home: &Home) -> (String, Vec<u8>) {
    let table = home.ok(&["table", "vault", "--showkeys"]);
    let hex = table.split(' ').nth(4).unwrap().to_owned();
    let byte = |at: usize| u8::from_str_radix(&hex[at..at + 2], 16).unwrap();
    let bytes = (0..hex.len()).step_by(2).map(byte).collect();
    (hex, bytes)
}

#[test]
fn open_maps_the_data_and_tells_no_key() {
    let home = home();
    image(&home, "disk.img");
    let format = ["luks", "format", "disk.img", "--key-file", "pass"];
    home.ok(&[&format, OUR_ARGON2].concat());
    let mut said = Vec::new();
    let mut tell = |words: &[&str]| {
        let ended = home.run(words);
        said.push(ended.stdout.clone() + &ended.stderr);
        ended
    };
    let open = ["-v", "luks", "open", "disk.img", "vault", "--key-file"];
    let wrong = tell(&[&open[..], &["wrong"]].concat());
    assert_eq!(wrong.code, Some(3), "{wrong:?}");
    assert_eq!(tell(&[&open[..], &["pass"]].concat()).code, Some(0));
    for words in [
        &["--json", "table", "vault"][..],
        &["table", "vault"],
        &["--json", "info", "vault"],
        &["status", "vault"],
        &["--json", "luks", "dump", "disk.img"],
        &["luks", "dump", "disk.img"],
        &["-v", "suspend", "vault"],
        &["-v", "resume", "vault"],
    ] {
        assert_eq!(tell(words).code, Some(0), "{words:?}");
    }
    let info = home.json(&["info", "vault"]);
    let uuid = info["devices"][0]["uuid"].as_str().unwrap().to_owned();
    assert!(
        uuid.starts_with("CRYPT-LUKS2-") && uuid.ends_with("-vault"),
        "{uuid}"
    );
    let (hex, bytes) = volume_key(&home);
    assert_eq!(bytes.len(), 64);
    let mut kept = Vec::new();
    files(&home.runtime(), &mut kept);
    kept.extend(said.into_iter().map(String::into_bytes));
    for needle in [hex.as_bytes(), &bytes, PASSPHRASE.as_bytes()] {
        for hay in &kept {
            let found = hay.windows(needle.len()).any(|window| window == needle);
            assert!(!found, "a secret is in {}", String::from_utf8_lossy(hay));
        }
    }
    home.ok(&["luks", "close", "vault"]);
    let other = home.run(&["luks", "close", "vault"]);
    assert_eq!(other.code, Some(4));
}

/// Whether a process has `needle` anywhere in its memory.
#[cfg(target_os = "linux")]
fn remembers(pid: u32, needle: &[u8]) -> bool {
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
    let mut looked = 0;
    for (start, end) in ranges {
        let mut bytes = vec![0; usize::try_from(end - start).unwrap()];
        if memory.read_exact_at(&mut bytes, start).is_ok() {
            looked += bytes.len();
            if bytes.windows(needle.len()).any(|window| window == needle) {
                return true;
            }
        }
    }
    assert!(looked > 100_000, "{looked} bytes are not the whole memory");
    false
}

#[cfg(target_os = "linux")]
#[test]
fn daemon_forgets_the_key_of_a_closed_volume() {
    let home = home();
    image(&home, "disk.img");
    let format = ["luks", "format", "disk.img", "--key-file", "pass"];
    home.ok(&[&format, OUR_ARGON2].concat());
    // It is looked for while it must be there, too: the search finds what there is.
    home.ok(&["luks", "open", "disk.img", "vault", "--key-file", "pass"]);
    let (_, bytes) = volume_key(&home);
    let pid = home.pid();
    assert!(remembers(pid, &bytes));
    home.ok(&["luks", "close", "vault"]);
    // Not as text: that is the control protocol's to wipe.
    assert!(!remembers(pid, &bytes), "the key");
    // The half of the key that encrypts data, as the first round's key of AES.
    assert!(!remembers(pid, &bytes[..16]), "a part of the key");
}
