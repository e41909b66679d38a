//! LUKS headers: ours and cryptsetup's open each other; their passphrases come in every way, and their keys are nowhere
//! to be found.

#![allow(clippy::unwrap_used)] // clippy knows helpers for no tests

#[path = "../common/mod.rs"]
mod common;
mod leaks;
mod passphrases;
mod tags;

use std::fs;
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
    for (kind, kdf) in [("luks1", PBKDF2), ("luks2", ARGON2)] {
        image(&home, "head.img");
        let mut format = cryptsetup(&home).unwrap();
        format.args(["luksFormat", "--batch-mode", "--header", "head.img"]);
        run(format
            .args(["--type", kind])
            .args(kdf)
            .args(["data.img", "pass"]));
        agree(&home, "data.img", &["--header", "head.img"]);
    }
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
    for (kind, kdf) in [("luks1", OUR_PBKDF2), ("luks2", OUR_ARGON2)] {
        fs::write(home.path().join("head.img"), "").unwrap();
        let header = ["--header", "head.img", "--type", kind];
        let words = [
            &["luks", "format", "data.img", "--key-file", "pass"],
            &header[..],
            kdf,
        ];
        home.ok(&words.concat());
        agree(&home, "data.img", &header[..2]);
    }
}
