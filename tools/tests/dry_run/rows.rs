//! Every verb, what a dry run of it says, and a home with something for each.

use std::fs;

use crate::common::Home;

/// A command line, whose `|` stand for blanks within a word, and what a dry run of it says.
pub(super) type Row = (&'static str, Says);

/// What a dry run says.
pub(super) enum Says {
    /// The verb changes nothing: what it always says.
    AsAlways,
    /// The verb changes nothing, and no two of its answers are alike.
    Asks,
    /// What would be done, on stderr, and nothing on stdout.
    Would(&'static [&'static str]),
}

use Says::{AsAlways, Asks, Would};

/// Every verb, with every verb beneath it.
pub(super) const ROWS: &[Row] = &[
    (
        "create new --table|0 8 zero",
        Would(&[
            "would create new",
            "would load new",
            "  0 8 zero",
            "would resume new",
        ]),
    ),
    (
        "create --concise|new,,,,0 8 zero",
        Would(&["would create new"]),
    ),
    (
        "load low --table|0 8 zero",
        Would(&["would load low", "  0 8 zero"]),
    ),
    (
        "load low --table|0 8 crypt aes-xts-plain64 00112233445566778899aabbccddeeff 0 disk.img 0",
        Would(&["would load low", "00000000000000000000000000000000 0 "]),
    ),
    ("resume low", Would(&["would resume low"])),
    ("suspend low", Would(&["would suspend low"])),
    ("clear low", Would(&["would clear low"])),
    ("rename low lower", Would(&["would rename low to lower"])),
    ("rename a --setuuid U-a", Would(&["would setuuid a to U-a"])),
    ("remove c", Would(&["would remove c"])),
    ("remove --force c", Would(&["would remove c"])),
    ("remove_all", Would(&["would remove_all"])),
    ("wipe_table c", Would(&["would load c", "  0 8 error"])),
    ("message c 0 hi", Would(&["would message c 0 hi"])),
    ("setgeometry c 1 1 8 0", Would(&["would setgeometry c"])),
    ("mangle low", AsAlways),
    ("wait low 9", AsAlways),
    ("ls", AsAlways),
    ("info", AsAlways),
    ("info -c", AsAlways),
    ("table", AsAlways),
    ("status", AsAlways),
    ("deps", AsAlways),
    ("measure", AsAlways),
    ("splitname vg-lv", AsAlways),
    ("targets", AsAlways),
    ("target-version linear", AsAlways),
    ("version", AsAlways),
    ("tree", AsAlways),
    ("graph", AsAlways),
    ("save", AsAlways),
    ("doctor", Asks),
    ("check --table|0 8 zero", AsAlways),
    ("explain c", AsAlways),
    ("export low", AsAlways),
    ("plist list.plist", AsAlways),
    ("completions bash", AsAlways),
    ("man create", AsAlways),
    ("man --all pages", Would(&["would write"])),
    ("watch --seconds 0", AsAlways),
    (
        "top --count 1 --interval 0.1",
        Would(&["would message low 0 @stats_create"]),
    ),
    ("apply --prune /dev/null", Asks),
    ("stats list", AsAlways),
    // Counters are zero once they were told.
    (
        "stats report --count 1",
        Would(&["would message b 0 @stats_print_clear 0"]),
    ),
    ("stats print low --allregions", AsAlways),
    (
        "stats create c",
        Would(&["would message c 0 @stats_create - /1 dmstats -"]),
    ),
    (
        "stats delete low --allregions",
        Would(&["would message low 0 @stats_delete 0"]),
    ),
    (
        "stats clear low --allregions",
        Would(&["would message low 0 @stats_clear 0"]),
    ),
    (
        "stats group low --regions 0,1",
        Would(&["would message low 0 @stats_set_aux 0"]),
    ),
    (
        "stats ungroup b --groupid 0",
        Would(&["would message b 0 @stats_set_aux 0"]),
    ),
    ("udevcreatecookie", Would(&["would make a cookie"])),
    (
        "udevreleasecookie 0xd4d0001",
        Would(&["would wait up to 30 s for the events of 0xd4d0001"]),
    ),
    ("udevcookies", Asks),
    ("udevflags 0xd4d0001", AsAlways),
    (
        "udevcomplete 0xd4d0001",
        Would(&["would count the cookie 0xd4d0001 down"]),
    ),
    ("udevcomplete 0xd4d0000", Would(&["would do nothing"])),
    ("udevcomplete_all", Would(&["would leave "])),
    ("label show label.img", AsAlways),
    ("label check label.img", AsAlways),
    ("label plan label.img", AsAlways),
    (
        "label create disk.img --port amd64 -p a:65:1024:4.2BSD",
        Would(&[
            "would write 512 bytes to disk.img from byte 512 on: a label",
            " a:       1024          65  4.2BSD",
        ]),
    ),
    ("verity dump tree.img", AsAlways),
    (
        "verity verify data.img tree.img --root-hash-file root --fec-device codes.img",
        AsAlways,
    ),
    (
        "verity format data.img new.img --salt - --root-hash-file new.root --fec-device new.codes",
        Would(&[
            "would write 512 bytes to new.img from byte 0 on",
            "would write 4096 bytes to new.img from byte 4096 on",
            "would write 8192 bytes to new.codes from byte 0 on",
            "would write the root hash to new.root",
        ]),
    ),
    (
        "verity repair bad.img tree.img --root-hash-file root --fec-device codes.img",
        Would(&[
            "would write 4096 bytes to bad.img from byte 8192 on",
            "would then write those codes anew",
        ]),
    ),
    (
        "verity open data.img v tree.img --root-hash-file root",
        Would(&["would create v", "  0 128 verity 1 ", "would resume v"]),
    ),
    ("verity close v0", Would(&["would remove v0"])),
    ("integrity dump tags.img", AsAlways),
    ("integrity check tags.img", AsAlways),
    (
        "integrity format disk.img --journal-size 65536",
        Would(&[
            "would write 108832 bytes to disk.img from byte 0 on",
            "would write 1871872 bytes to disk.img from byte 225280 on",
        ]),
    ),
    (
        "integrity format disk.img --no-wipe --journal-size 65536",
        Would(&["would write 94208 bytes to disk.img from byte 0 on"]),
    ),
    (
        "integrity open tags.img i",
        Would(&["would create i", "integrity ", "would resume i"]),
    ),
    ("integrity close i0", Would(&["would remove i0"])),
    ("luks dump vault.img", AsAlways),
    ("luks test-passphrase vault.img -d key", AsAlways),
    (
        "luks format disk.img --header head.img",
        Would(&["bytes to head.img from byte 0 on"]),
    ),
    (
        "luks add-key vault.img -d key --new-key-file key2 --pbkdf pbkdf2 --iterations 1000",
        Would(&["bytes to vault.img from byte 0 on"]),
    ),
    (
        "luks remove-key vault.img -S 0 --force",
        Would(&["bytes to vault.img from byte 0 on"]),
    ),
    (
        "luks open vault.img vault -d key",
        Would(&[
            "would create vault",
            "crypt aes-xts-plain64 0000000000",
            "would resume vault",
        ]),
    ),
    ("luks close l0", Would(&["would remove l0"])),
    (
        "run --table|0 8 linear disk.img 8",
        Would(&[
            "would serve disk as nbd+unix:///disk?socket=",
            "  0 8 linear /",
        ]),
    ),
    (
        "quickstart",
        Would(&["would make two images", "would take all of it away again"]),
    ),
    ("attach b", Would(&["would attach b"])),
    ("detach b", Would(&["would detach b"])),
    ("daemon", Would(&["would start the daemon"])),
    ("daemon --stop", Would(&["would end the daemon"])),
    ("daemon --status", AsAlways),
];

/// Verbs beneath verbs that no row tries, and why.
pub(super) const LEFT_OUT: &[(&str, &str)] = &[
    ("mknodes", "the engine's devices have no nodes"),
    (
        "stats update_filemap",
        "it takes a file of a file system on a mapped device",
    ),
    ("stats version", "it is dmctl version"),
    ("stats help", "it is help"),
];

/// A home with something for each verb.
pub(super) fn home() -> Home {
    let home = Home::new();
    home.ok(&["create", "low", "-u", "U-low", "--table", "0 64 zero"]);
    home.ok(&["create", "a", "--table", "0 8 linear /dev/mapper/low 0"]);
    home.ok(&["create", "b", "--table", "0 8 zero"]);
    home.ok(&["create", "c", "--table", "0 8 zero"]);
    home.ok(&["load", "c", "--table", "0 8 error"]);
    for device in ["low", "low", "b", "b"] {
        home.ok(&["stats", "create", device]);
    }
    home.ok(&["stats", "group", "b", "--regions", "0,1"]);
    for (name, sectors) in [("disk.img", 4096), ("data.img", 128), ("label.img", 4096)] {
        home.image(name, sectors);
    }
    fs::copy(home.path().join("data.img"), home.path().join("bad.img")).unwrap();
    fs::write(
        home.path().join("list.plist"),
        "<plist version=\"1.0\"><dict/></plist>",
    )
    .unwrap();
    fs::write(home.path().join("key"), "one").unwrap();
    fs::write(home.path().join("key2"), "two").unwrap();
    let sized = |name: &str, bytes| {
        fs::File::create(home.path().join(name))
            .unwrap()
            .set_len(bytes)
    };
    sized("tags.img", 1 << 20).unwrap();
    sized("vault.img", 20 << 20).unwrap();
    sized("head.img", 16 << 20).unwrap();
    for line in [
        "label create label.img --force",
        "integrity format tags.img --journal-size 65536",
        "integrity open tags.img i0",
        "luks format vault.img -d key --pbkdf pbkdf2 --iterations 1000",
        "luks open vault.img l0 -d key",
    ] {
        home.ok(&words(line));
    }
    let verity = "verity format data.img tree.img --root-hash-file root --fec-device codes.img";
    home.ok(&words(verity));
    home.ok(&words(
        "verity open data.img v0 tree.img --root-hash-file root",
    ));
    let mut bad = fs::read(home.path().join("bad.img")).unwrap();
    bad[8192] ^= 1;
    fs::write(home.path().join("bad.img"), bad).unwrap();
    home
}

pub(super) fn words(line: &str) -> Vec<&str> {
    let (words, last) = line.split_once('|').unwrap_or((line, ""));
    let last = Some(last).filter(|last| !last.is_empty());
    words.split(' ').chain(last).collect()
}
