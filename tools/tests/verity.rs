//! `dmctl verity` beside veritysetup, on plain files.

mod common;

use std::fs;
use std::process::Command;

use common::Home;
use dm_tests::tools::{find, run};
use fastrand::Rng;

const UUID: &str = "01234567-89ab-cdef-0123-456789abcdef";

/// What veritysetup and we are told alike; the file names are put in by each.
struct Case {
    options: &'static [&'static str],
    blocks: usize,
    block: usize,
    roots: Option<u8>,
}

const fn case(options: &'static [&'static str], blocks: usize) -> Case {
    Case {
        options,
        blocks,
        block: 4096,
        roots: None,
    }
}

const fn with_codes(options: &'static [&'static str], blocks: usize, roots: u8) -> Case {
    Case {
        options,
        blocks,
        block: 4096,
        roots: Some(roots),
    }
}

const CASES: &[Case] = &[
    case(&["--salt=00ff"], 1),
    case(&["--salt=-"], 2),
    case(&["--salt=0123456789abcdef"], 128),
    case(&["--salt=-", "--format=0"], 129),
    case(&["--salt=aa", "--format=0", "--hash=sha1"], 300),
    case(&["--salt=aa", "--format=1", "--hash=sha1"], 300),
    case(&["--salt=aa", "--hash=sha512"], 1000),
    case(&["--salt=aa", "--hash=sha384"], 200),
    case(&["--salt=aa", "--hash=sha224", "--format=0"], 200),
    case(&["--salt=aa", "--hash=sha3-256"], 200),
    case(&["--salt=aa", "--hash=blake2b-512"], 200),
    case(&["--salt=aa", "--hash=blake2s-256"], 200),
    case(&["--salt=aa", "--hash=sm3"], 200),
    case(&["--salt=aa", "--hash-offset=8192"], 500),
    case(&["--salt=aa", "--hash-block-size=512"], 500),
    case(
        &["--salt=aa", "--hash-block-size=1024", "--hash-offset=512"],
        500,
    ),
    Case {
        options: &[
            "--salt=aa",
            "--data-block-size=512",
            "--hash-block-size=512",
        ],
        blocks: 3000,
        block: 512,
        roots: None,
    },
    Case {
        options: &["--salt=aa", "--data-block-size=1024"],
        blocks: 3000,
        block: 1024,
        roots: None,
    },
    with_codes(&["--salt=aa"], 1, 2),
    with_codes(&["--salt=aa"], 253, 2),
    with_codes(&["--salt=aa"], 700, 2),
    with_codes(&["--salt=aa", "--format=0"], 700, 7),
    with_codes(&["--salt=aa", "--hash=sha1"], 300, 8),
    with_codes(&["--salt=aa"], 300, 9),
    with_codes(&["--salt=aa"], 300, 16),
    with_codes(&["--salt=aa", "--hash-offset=4096"], 300, 24),
    Case {
        options: &[
            "--salt=aa",
            "--data-block-size=512",
            "--hash-block-size=512",
        ],
        blocks: 2000,
        block: 512,
        roots: Some(3),
    },
];

fn veritysetup(home: &Home) -> Option<Command> {
    let mut command = find("veritysetup")?;
    command.current_dir(home.path());
    Some(command)
}

fn data(home: &Home, bytes: usize) -> Vec<u8> {
    let mut rng = Rng::with_seed(3);
    let bytes: Vec<u8> = (0..bytes).map(|_| rng.u8(..)).collect();
    fs::write(home.path().join("data"), &bytes).expect("the image is written");
    bytes
}

/// The root hash in what either prints.
fn root(text: &str) -> String {
    let line = text.lines().find(|line| line.starts_with("Root hash:"));
    let word = line.and_then(|line| line.split_whitespace().last());
    word.expect("the root hash is told").to_owned()
}

#[test]
fn bytes_are_veritysetups_and_each_accepts_the_others() {
    for (number, case) in CASES.iter().enumerate() {
        let home = Home::new();
        let Some(mut theirs) = veritysetup(&home) else {
            return;
        };
        data(&home, case.blocks * case.block);
        let roots = case.roots.map(|roots| format!("--fec-roots={roots}"));
        let options = |who: &str| {
            let mut options: Vec<String> = case.options.iter().map(|it| (*it).into()).collect();
            if let Some(roots) = &roots {
                options.push(format!("--fec-device={who}.fec"));
                options.push(roots.clone());
            }
            options
        };
        let uuid = format!("--uuid={UUID}");
        let said = run(theirs
            .args(["format", "data", "theirs", &uuid])
            .args(options("theirs")));
        let their_root = root(&String::from_utf8(said.stdout).unwrap());
        let mut words = vec!["verity", "format", "data", "ours", &uuid];
        let our_options = options("ours");
        words.extend(our_options.iter().map(String::as_str));
        let our_root = root(&home.ok(&words));
        let what = format!("case {number}: {:?}", case.options);
        assert_eq!(our_root, their_root, "{what}");
        let read = |name: &str| fs::read(home.path().join(name)).unwrap();
        assert!(read("ours") == read("theirs"), "{what}: other trees");
        if case.roots.is_some() {
            assert!(
                read("ours.fec") == read("theirs.fec"),
                "{what}: other codes"
            );
        }
        // What the superblock says need not be said again.
        let mut place = options("theirs");
        place.retain(|option| option.contains("offset") || option.contains("fec"));
        let mut words = vec!["verity", "verify", "data", "theirs", &their_root];
        words.extend(place.iter().map(String::as_str));
        assert_eq!(home.ok(&words), "", "{what}");
        let mut place = options("ours");
        place.retain(|option| option.contains("offset") || option.contains("fec"));
        let mut theirs = veritysetup(&home).unwrap();
        run(theirs
            .args(["verify", "data", "ours", &our_root])
            .args(place));
    }
}

#[test]
fn superblock_is_shown_as_veritysetup_shows_it() {
    let home = Home::new();
    let Some(mut theirs) = veritysetup(&home) else {
        return;
    };
    data(&home, 40 * 4096);
    home.ok(&["verity", "format", "data", "hash"]);
    let said = run(theirs.args(["dump", "hash"]));
    let shown = home.ok(&["verity", "dump", "hash"]);
    assert_eq!(shown, String::from_utf8(said.stdout).unwrap());
    let json = home.json(&["verity", "dump", "hash"]);
    assert_eq!(json["data_blocks"], 40);
}

/// A byte of the superblock and a bit in it: each field, reserved bytes among them.
const FIELDS: &[(usize, u8)] = &[
    (0, 0),
    (7, 1),
    (8, 1),
    (11, 7),
    (12, 0),
    (12, 1),
    (15, 7),
    (16, 3),
    (31, 0),
    (32, 1),
    (38, 0),
    (40, 5),
    (64, 0),
    (65, 4),
    (65, 5),
    (67, 7),
    (68, 0),
    (69, 4),
    (72, 0),
    (72, 3),
    (74, 0),
    (79, 7),
    (80, 0),
    (80, 5),
    (81, 0),
    (81, 7),
    (82, 0),
    (87, 7),
    (88, 0),
    (119, 7),
    (120, 0),
    (343, 7),
    (344, 0),
    (511, 7),
];

#[test]
fn flipped_superblock_is_taken_or_refused_as_by_veritysetup() {
    let home = Home::new();
    let Some(_) = veritysetup(&home) else {
        return;
    };
    data(&home, 40 * 4096);
    let said = home.json(&["verity", "format", "data", "hash"]);
    let root = said["root_hash"].as_str().unwrap();
    let whole = fs::read(home.path().join("hash")).unwrap();
    let mut taken = 0;
    for (at, bit) in FIELDS {
        let mut bytes = whole.clone();
        bytes[*at] ^= 1 << bit;
        fs::write(home.path().join("hash"), bytes).unwrap();
        let mut theirs = veritysetup(&home).unwrap();
        let theirs = theirs.args(["verify", "data", "hash", root]).output();
        let theirs = theirs.unwrap().status.success();
        let ours = home.run(&["verity", "verify", "data", "hash", root]);
        let what = format!("byte {at} bit {bit}: {}", ours.stderr);
        assert_eq!(ours.code == Some(0), theirs, "{what}");
        taken += usize::from(theirs);
    }
    // The uuid, and what is reserved.
    assert!((3..=9).contains(&taken), "{taken}");
}

#[test]
fn data_and_tree_share_a_device() {
    let home = Home::new();
    data(&home, 40 * 4096);
    let place = "--hash-offset=163840";
    let said = home.json(&[
        "verity",
        "format",
        "data",
        "data",
        place,
        "--root-hash-file=root",
    ]);
    assert_eq!(said["data_blocks"], 40);
    assert_eq!(said["hash_start"], 41);
    home.ok(&[
        "verity",
        "verify",
        "data",
        "data",
        place,
        "--root-hash-file=root",
    ]);
    if let Some(mut theirs) = veritysetup(&home) {
        run(theirs.args(["verify", "data", "data", place, "--root-hash-file=root"]));
    }
    let error = home.fails(2, &["verity", "format", "data", "data"]);
    assert!(error.contains("overlap"), "{error}");
}

#[test]
fn no_superblock_needs_the_options_again() {
    let home = Home::new();
    data(&home, 40 * 4096);
    let options = ["--no-superblock", "--salt=abcd", "--hash=sha1"];
    let said = home.json(&[&["verity", "format", "data", "hash"], &options[..]].concat());
    let root = said["root_hash"].as_str().unwrap();
    assert_eq!(said["hash_start"], 0);
    home.ok(&[&["verity", "verify", "data", "hash", root], &options[..]].concat());
    if let Some(mut theirs) = veritysetup(&home) {
        run(theirs
            .args(["verify", "data", "hash", root, "--data-blocks=40"])
            .args(options));
    }
    let error = home.fails(
        2,
        &["verity", "verify", "data", "hash", root, "--no-superblock"],
    );
    assert!(error.contains("--salt"), "{error}");
}

#[test]
fn wrong_blocks_are_named_and_repaired() {
    let home = Home::new();
    let bytes = data(&home, 1000 * 4096);
    let codes = ["--fec-device=codes", "--fec-roots=4"];
    let said = home.json(&[&["verity", "format", "data", "hash"], &codes[..]].concat());
    let root = said["root_hash"].as_str().unwrap();
    let tree = fs::read(home.path().join("hash")).unwrap();
    let fec = fs::read(home.path().join("codes")).unwrap();
    // Two blocks of one round, one of another, a leaf, the root's block, and a code.
    let flip = |name: &str, at: usize| {
        let path = home.path().join(name);
        let mut bytes = fs::read(&path).unwrap();
        bytes[at] ^= 0x40;
        fs::write(path, bytes).unwrap();
    };
    for block in [3, 9, 10] {
        flip("data", block * 4096 + 7);
    }
    flip("hash", 4096 + 31);
    flip("hash", 3 * 4096 + 64);
    flip("codes", 17);
    let verify = ["verity", "verify", "data", "hash", root];
    let error = home.fails(1, &verify);
    assert!(error.contains("not what was hashed"), "{error}");
    let error = home.fails(1, &[&verify, &codes[..]].concat());
    assert!(error.contains("the codes can repair all 5"), "{error}");
    let ended = home.run(&[&["--json"], &verify[..], &codes[..]].concat());
    let json: serde_json::Value = serde_json::from_str(&ended.stdout).unwrap();
    assert_eq!(json["valid"], false);
    assert_eq!(
        json["wrong"][0],
        serde_json::json!({ "level": 1, "block": 0 })
    );
    assert_eq!(json["wrong"][2], serde_json::json!({ "data_block": 3 }));
    let repair = ["verity", "repair", "data", "hash", root];
    home.ok(&[&repair, &codes[..]].concat());
    assert!(fs::read(home.path().join("data")).unwrap() == bytes);
    assert!(fs::read(home.path().join("hash")).unwrap() == tree);
    assert!(fs::read(home.path().join("codes")).unwrap() == fec);
    home.ok(&[&verify, &codes[..]].concat());
}

#[test]
fn more_than_the_codes_tell_is_said_to_be_lost() {
    let home = Home::new();
    data(&home, 600 * 4096);
    let codes = ["--fec-device=codes"];
    let said = home.json(&[&["verity", "format", "data", "hash"], &codes[..]].concat());
    let root = said["root_hash"].as_str().unwrap();
    let path = home.path().join("data");
    let mut bytes = fs::read(&path).unwrap();
    // 3 rounds: these are of one, and the codes have 2 roots.
    for block in [0, 3, 6] {
        bytes[block * 4096..][..4096].fill(0x5a);
    }
    fs::write(path, bytes).unwrap();
    let repair = [
        "verity",
        "repair",
        "data",
        "hash",
        root,
        "--fec-device=codes",
    ];
    let error = home.fails(1, &repair);
    assert!(
        error.contains("3 blocks are not what was hashed"),
        "{error}"
    );
}

#[test]
fn wrong_words_and_files_are_refused() {
    let home = Home::new();
    data(&home, 40 * 4096);
    for (words, wanted) in [
        (&["--hash=md4"][..], "use one of sha256"),
        (&["--salt=0"], "hexadecimal"),
        (&["--data-block-size=5000"], "power of two"),
        (&["--fec-device=codes", "--fec-roots=25"], "2 to 24"),
        (&["--uuid=1"], "UUID"),
        (&["--hash-offset=100"], "multiple of 512"),
        (
            &["--fec-device=codes", "--fec-offset=100"],
            "multiple of 4096",
        ),
        (
            &["--fec-device=codes", "--hash-block-size=1024"],
            "blocks of one size",
        ),
    ] {
        let error = home.fails(2, &[&["verity", "format", "data", "hash"], words].concat());
        assert!(error.contains(wanted), "{words:?}: {error}");
    }
    let error = home.fails(1, &["verity", "dump", "data"]);
    assert!(error.contains("there is no verity superblock"), "{error}");
    let error = home.fails(4, &["verity", "dump", "none"]);
    assert!(error.contains("none"), "{error}");
    home.ok(&["verity", "format", "data", "hash"]);
    let error = home.fails(2, &["verity", "verify", "data", "hash", "00ff"]);
    assert!(error.contains("32"), "{error}");
}

/// What openssl makes is what kernels take.
#[cfg(feature = "tls")]
#[test]
fn root_hash_is_signed_by_the_key_or_refused() {
    let home = Home::new();
    data(&home, 40 * 4096);
    let Some(_) = find("openssl") else {
        return;
    };
    let said = home.json(&["verity", "format", "data", "hash"]);
    let root = said["root_hash"].as_str().unwrap();
    let openssl = |words: &str| {
        let mut openssl = find("openssl").unwrap();
        run(openssl
            .current_dir(home.path())
            .args(words.split_whitespace()));
    };
    for who in ["alice", "bob"] {
        openssl(&format!(
            "req -x509 -newkey rsa:2048 -nodes -subj /CN={who} -keyout {who}.key -out {who}.pem -days 1"
        ));
    }
    openssl("x509 -in alice.pem -outform der -out alice.der");
    let sign = |text: &str, to: &str, more: &str| {
        fs::write(home.path().join("root.txt"), text).unwrap();
        openssl(&format!(
            "smime -sign -binary -in root.txt -signer alice.pem -inkey alice.key -outform der -out {to} {more}"
        ));
    };
    sign(root, "signed", "-noattr -nocerts");
    sign(root, "with-all", "");
    sign("0011", "of-another", "-noattr");
    let verify = |signature: &str, key: &str| {
        let signature = format!("--root-hash-signature={signature}");
        let key = format!("--key={key}");
        home.run(&["verity", "verify", "data", "hash", root, &signature, &key])
    };
    for (signature, key) in [
        ("signed", "alice.pem"),
        ("signed", "alice.der"),
        ("with-all", "alice.pem"),
    ] {
        let ended = verify(signature, key);
        assert_eq!(ended.code, Some(0), "{signature}, {key}: {}", ended.stderr);
    }
    for (signature, key, reason) in [
        ("signed", "bob.pem", "not signed by bob.pem"),
        ("with-all", "bob.pem", "not signed by bob.pem"),
        ("of-another", "alice.pem", "not signed by alice.pem"),
        ("data", "alice.pem", "no PKCS #7 signature"),
        ("signed", "hash", "no certificate"),
    ] {
        let ended = verify(signature, key);
        assert_eq!(ended.code, Some(1), "{signature}, {key}");
        assert!(ended.stderr.contains(reason), "{}", ended.stderr);
    }
    let error = home.fails(
        2,
        &["verity", "verify", "data", "hash", root, "--key=alice.pem"],
    );
    assert!(error.contains("--root-hash-signature"), "{error}");
    // A device is made of what is signed alone.
    let open = ["verity", "open", "data", "proven", "hash", root];
    let by = |key| [&open[..], &["--root-hash-signature=signed", key]].concat();
    let error = home.fails(1, &by("--key=bob.pem"));
    assert!(error.contains("not signed by bob.pem"), "{error}");
    home.ok(&by("--key=alice.pem"));
    home.ok(&["verity", "close", "proven"]);
}
