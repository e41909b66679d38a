//! `dmctl integrity` beside integritysetup, on plain files.

mod common;

use std::fs;

use common::Home;
use dm_tests::tools::{find, run};
use fastrand::Rng;

fn image(home: &Home, name: &str, bytes: usize) {
    fs::write(home.path().join(name), vec![0; bytes]).expect("the image is written");
}

#[test]
fn superblock_is_shown_as_integritysetup_shows_it() {
    for options in [
        &[][..],
        &["--integrity-legacy-padding"],
        &["-I", "sha256", "-s", "4096"],
        &[
            "-I",
            "xxhash64",
            "--interleave-sectors=1024",
            "-j",
            "100000",
        ],
        &["-I", "hmac-sha256", "--integrity-key-file=key"],
    ] {
        let home = Home::new();
        image(&home, "disk", 4 << 20);
        fs::write(home.path().join("key"), [7; 32]).unwrap();
        home.ok(&[&["integrity", "format", "disk"], options].concat());
        let shown = home.ok(&["integrity", "dump", "disk"]);
        let Some(mut theirs) = find("integritysetup") else {
            return;
        };
        let said = run(theirs.current_dir(home.path()).args(["dump", "disk"]));
        assert_eq!(
            shown,
            String::from_utf8(said.stdout).unwrap(),
            "{options:?}"
        );
    }
}

#[test]
fn tags_are_checked_and_wrong_ones_named() {
    let home = Home::new();
    image(&home, "disk", 4 << 20);
    let error = home.fails(1, &["integrity", "check", "disk"]);
    assert!(error.contains("all is zeroes"), "{error}");
    home.ok(&["integrity", "format", "disk", "-I", "sha1", "-s", "1024"]);
    let check = ["integrity", "check", "disk", "-I", "sha1"];
    let json = home.json(&check);
    assert_eq!(json["mismatches"], serde_json::json!([]));
    assert_eq!(json["journal_entries"], 0);
    assert_eq!(json["foreign_journal_sectors"], 0);
    // The last byte of the device is not data: the byte before the middle is.
    let path = home.path().join("disk");
    let mut bytes = fs::read(&path).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(&path, bytes).unwrap();
    let error = home.fails(1, &check);
    assert!(error.contains("the tag of sector"), "{error}");
    let error = home.fails(5, &["integrity", "format", "disk"]);
    assert!(error.contains("--force"), "{error}");
}

#[test]
fn data_may_be_kept_and_have_a_device_of_its_own() {
    let home = Home::new();
    let mut rng = Rng::with_seed(1);
    let data: Vec<u8> = (0..1 << 20).map(|_| rng.u8(..)).collect();
    fs::write(home.path().join("data"), &data).unwrap();
    image(&home, "meta", 1 << 20);
    let both = ["meta", "--data-device=data"];
    home.ok(&[&["integrity", "format", "--keep-data"], &both[..]].concat());
    assert!(fs::read(home.path().join("data")).unwrap() == data);
    home.ok(&[&["integrity", "check"], &both[..]].concat());
    let error = home.fails(2, &["integrity", "check", "meta"]);
    assert!(error.contains("--data-device"), "{error}");
}

#[test]
fn wrong_words_are_refused() {
    let home = Home::new();
    image(&home, "disk", 1 << 20);
    for (words, wanted) in [
        (&["-I", "md4"][..], "none of crc32c"),
        (&["-I", "hmac-sha256"], "needs a key"),
        (&["-s", "8192"], "use 512"),
        (&["--tag-size=0"], "at least one byte"),
    ] {
        let error = home.fails(2, &[&["integrity", "format", "disk"], words].concat());
        assert!(error.contains(wanted), "{words:?}: {error}");
    }
    let error = home.fails(1, &["integrity", "format", "disk", "-j", "1000000000"]);
    assert!(error.contains("too small"), "{error}");
}

#[test]
fn devices_are_opened_in_each_mode_and_closed() {
    let home = Home::new();
    image(&home, "disk", 2 << 20);
    fs::write(home.path().join("key"), [7; 16]).unwrap();
    let error = home.fails(1, &["integrity", "open", "disk", "proven"]);
    assert!(error.contains("--first-use"), "{error}");
    home.ok(&["integrity", "format", "disk", "-s", "4096"]);
    for (options, wanted) in [
        (&[][..], " J "),
        (&["--integrity-no-journal"], " D "),
        (
            &["-B", "--bitmap-sectors-per-bit=64"],
            " sectors_per_bit:64 ",
        ),
        (&["-R"], " R "),
        (
            &["--journal-crypt=ctr-aes", "--journal-crypt-key-file=key"],
            " journal_crypt:ctr(aes)",
        ),
        (&["--integrity-recalculate"], " recalculate "),
    ] {
        home.ok(&[&["integrity", "open", "disk", "proven"], options].concat());
        let table = home.ok(&["table", "proven"]);
        assert!(table.contains(wanted), "{options:?}: {table}");
        assert!(!table.contains("0707"), "{table}");
        home.ok(&["integrity", "close", "proven"]);
        home.ok(&["integrity", "check", "disk"]);
        // The next one has another journal.
        home.ok(&["integrity", "format", "disk", "-s", "4096", "--force"]);
    }
    home.ok(&["create", "other", "--table", "0 8 zero"]);
    let error = home.fails(1, &["integrity", "close", "other"]);
    assert!(error.contains("no integrity target"), "{error}");
    home.ok(&["remove", "other"]);
}

#[test]
fn first_use_formats_as_the_kernels_documentation_says() {
    let home = Home::new();
    image(&home, "disk", 2 << 20);
    fs::write(home.path().join("key"), [7; 32]).unwrap();
    let keyed = ["-I", "hmac-sha256", "--integrity-key-file=key"];
    let open = ["integrity", "open", "disk", "proven", "--first-use"];
    home.ok(&[&open[..], &keyed[..]].concat());
    let provided = home.json(&["integrity", "dump", "disk"])["provided_data_sectors"].clone();
    let table = home.ok(&["table", "proven"]);
    assert!(
        table.starts_with(&format!("0 {provided} integrity")),
        "{table}"
    );
    assert!(table.contains(" fix_hmac "), "{table}");
    home.ok(&["integrity", "close", "proven"]);
    // The second time there is a superblock.
    home.ok(&[&open[..], &keyed[..]].concat());
    home.ok(&["integrity", "close", "proven"]);
}
