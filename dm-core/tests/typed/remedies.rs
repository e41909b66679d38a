//! What may mend a wrong line, as a user reads it.

use dm_core::table::TableLine;
use dm_core::typed::Checker;
use dm_core::version::Version;

use super::sets::Disks;

fn remedy(line: &str) -> Option<String> {
    let line: TableLine = line.parse().expect("it is a line");
    let mut disks = Disks {
        under: ("none", 0),
        zoned: &[],
    };
    let mut checker = Checker::new()
        .over(&mut disks)
        .for_versions(|name| (name == "crypt").then_some(Version(1, 20, 0)));
    let errors = checker.check(&[line]);
    errors.first().expect("it is wrong").remedy()
}

#[test]
fn what_would_do_is_said() {
    for (line, said) in [
        ("0 8 linear 1:0", "a line is START LENGTH linear DEV OFFSET"),
        (
            "0 8 linear 1:0 0 0",
            "a line is START LENGTH linear DEV OFFSET",
        ),
        ("0 8 linear 1:0 0x10", "0x10 is 16"),
        (
            "0 8 linear 1:0 64k",
            "units are not known: 64k bytes are 65536, or 128 sectors",
        ),
        (
            "0 65536 linear 1:0 65537",
            "65536 sectors fit from sector 65536 at most",
        ),
        (
            "0 131073 linear 1:0 0",
            "131072 sectors at most fit this device",
        ),
        ("8 8 zero", "let the first line start at 0"),
        ("0 65536 striped 3 128 1:0 0 1:1 0 1:2 0", "2 or 4 would do"),
        ("0 65536 striped 2 100 1:0 0 1:1 0", "64 or 128 would do"),
        ("0 65536 striped 2 0 1:0 0 1:1 0", "it must be 1 or more"),
        (
            "0 8 flakey 1:0 0 1 1 1 drop_write",
            "drop_writes is much like it",
        ),
        (
            "0 8 flakey 1:0 0 1 1 5 corrupt_bio_byte 1 r 0",
            "words are missing at the end, or 4 was meant",
        ),
        (
            "0 8 flakey 1:0 0 1 1 1 corrupt_bio_byte 1 r 0 0",
            "raise the number of words of features",
        ),
        ("0 8 snapshot 1:0 1:1 P 12", "8 or 16 would do"),
        (
            "0 65536 thin-pool 1:0 1:1 64 0",
            "128 is the nearest that will do",
        ),
        ("0 65536 thin-pool 1:0 1:1 200 0", "128 or 256 would do"),
        (
            "0 8 crypt aes-xts-plain64 00 0 1:0 0 1 no_read_workqueue",
            "Linux 5.9 has it",
        ),
        (
            "0 8 crypt aes-xts-plain64 00 0 1:0 0 1 allow_discard",
            "allow_discards is much like it",
        ),
    ] {
        assert_eq!(remedy(line).as_deref(), Some(said), "{line}");
    }
}

#[test]
fn where_nothing_helps_nothing_is_said() {
    for line in [
        "0 8 linear 240:99 0",
        "0 8 snapshot 1:0 1:0 P 8",
        "0 8 linear 1:0 x",
    ] {
        assert_eq!(remedy(line), None, "{line}");
    }
}
