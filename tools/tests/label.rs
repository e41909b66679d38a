//! `dmctl label`, and tables over disks that have labels.

#![allow(clippy::unwrap_used)] // clippy knows helpers for no tests

mod common;

use std::fs;

use common::Home;
use serde_json::json;

const MIB16: u64 = 32768;

/// A disk of 16 MiB without anything on it.
fn blank(home: &Home, name: &str) {
    let file = fs::File::create(home.path().join(name)).unwrap();
    file.set_len(MIB16 * 512).unwrap();
}

/// A disk with an MBR whose partition 1 is NetBSD's.
fn with_mbr(home: &Home, name: &str, start: u32) {
    blank(home, name);
    let path = home.path().join(name);
    let mut bytes = fs::read(&path).unwrap();
    bytes[446 + 4] = 0xa9;
    bytes[454..458].copy_from_slice(&start.to_le_bytes());
    bytes[458..462].copy_from_slice(&(32768 - start).to_le_bytes());
    bytes[510..512].copy_from_slice(&[0x55, 0xaa]);
    fs::write(path, bytes).unwrap();
}

#[test]
fn label_that_was_created_is_shown_and_sound() {
    let home = Home::new();
    blank(&home, "disk");
    assert_eq!(
        home.ok(&[
            "label", "create", "disk", "--port", "amd64", "--name", "my disk"
        ]),
        ""
    );
    assert_eq!(home.ok(&["label", "check", "disk"]), "");
    assert_eq!(
        home.ok(&["label", "show", "disk"]),
        "# disk: disklabel in sector 1 at byte 0, little-endian (i386, amd64, arm, aarch64, riscv)\n\
         type: unknown\ndisk: \nlabel: my disk\nbytes/sector: 512\nsectors/track: 32\n\
         tracks/cylinder: 64\nsectors/cylinder: 2048\ncylinders: 16\ntotal sectors: 32768\n\
         rpm: 3600\ninterleave: 1\n4 partitions:\n#        size      offset  fstype\n \
         a:      32703          65  4.2BSD\n \
         c:      32768           0  unused\n \
         d:      32768           0  unused\n"
    );
    let shown = home.json(&["label", "show", "disk"]);
    assert_eq!(shown["labels"][0]["sector"], 1);
    assert_eq!(
        shown["labels"][0]["partitions"][0],
        json!({
            "partition": "a", "start": 65, "length": 32703, "fstype": 7, "fstype_name": "4.2BSD",
            "fragment_bytes": 0, "fragments_per_block": 0, "cylinders_per_group": 0,
        })
    );
    assert_eq!(shown["mbr"], json!(null));
}

#[test]
fn partitions_and_order_are_as_asked() {
    let home = Home::new();
    blank(&home, "disk");
    home.ok(&[
        "label",
        "create",
        "disk",
        "--port",
        "evbmips",
        "--order",
        "big",
        "-p",
        "a:2:1000:Linux Ext2",
        "-p",
        "e:2000:3000:99",
    ]);
    let shown = home.json(&["label", "show", "disk"]);
    let label = &shown["labels"][0];
    assert_eq!(
        (&label["byte"], &label["order"]),
        (&json!(64), &json!("big"))
    );
    assert_eq!(label["ports"], json!(["evbppc-nombr", "evbmips"]));
    let partitions = label["partitions"].as_array().unwrap();
    assert_eq!(
        (&partitions[0]["fstype"], &partitions[4]["fstype"]),
        (&json!(17), &json!(99))
    );
    assert_eq!(
        (&partitions[4]["start"], &partitions[4]["length"]),
        (&json!(2000), &json!(3000))
    );
    let said = home.fails(
        1,
        &["label", "create", "disk", "--force", "-p", "a:2:40000:swap"],
    );
    assert_eq!(
        said,
        "dmctl: label create: partition a: size: sectors 2+40000 run past the end of the disk, which has 32768\n"
    );
    assert_eq!(
        home.fails(2, &["label", "create", "disk", "-p", "a:2:swap"])
            .lines()
            .next(),
        Some(
            "error: invalid value 'a:2:swap' for '--partition <PARTITION>': use LETTER:START:LENGTH:TYPE, such as a:65:8192:4.2BSD"
        )
    );
}

#[test]
fn label_goes_into_the_netbsd_partition() {
    let home = Home::new();
    with_mbr(&home, "disk", 2048);
    home.ok(&["label", "create", "disk", "--port", "aarch64"]);
    let shown = home.json(&["label", "show", "disk"]);
    assert_eq!(shown["mbr"][0]["type"], 0xa9);
    let label = &shown["labels"][0];
    assert_eq!(
        (&label["sector"], &label["mbr_partition"]),
        (&json!(2049), &json!(1))
    );
    assert_eq!(label["partitions"][0]["start"], 2050);
}

#[test]
fn what_is_there_is_not_written_over() {
    let home = Home::new();
    blank(&home, "disk");
    home.ok(&["label", "create", "disk", "--port", "sparc"]);
    let said = home.fails(5, &["label", "create", "disk"]);
    assert_eq!(
        said,
        "dmctl: label create: disk has a disklabel in sector 0\n\
         hint: --force writes the label all the same\n"
    );
    home.ok(&["label", "create", "disk", "--force"]);
    with_mbr(&home, "mbr", 63);
    let said = home.fails(5, &["label", "create", "mbr", "--port", "sparc64"]);
    assert!(
        said.contains("has an MBR, where sparc64 keeps its label"),
        "{said}"
    );
    let path = home.path().join("mbr");
    let mut bytes = fs::read(&path).unwrap();
    bytes[450] = 0x83;
    fs::write(&path, &bytes).unwrap();
    let said = home.fails(5, &["label", "create", "mbr", "--port", "amd64"]);
    assert!(said.contains("an MBR without a NetBSD partition"), "{said}");
    bytes[450] = 0xee;
    fs::write(&path, &bytes).unwrap();
    let said = home.fails(5, &["label", "create", "mbr", "--port", "amd64"]);
    assert!(said.contains("has a GPT"), "{said}");
}

#[test]
fn damage_is_told_by_field() {
    let home = Home::new();
    blank(&home, "disk");
    let missing = home.fails(4, &["label", "show", "disk"]);
    assert_eq!(
        missing,
        "dmctl: label show: disk has no disklabel\nhint: dmctl label check says what is damaged\n"
    );
    assert_eq!(
        home.fails(4, &["label", "check", "disk"]),
        "dmctl: label check: disk has no disklabel\n"
    );
    assert_eq!(
        home.fails(4, &["label", "show", "none"]),
        "dmctl: label show: cannot open none: no such file or directory\n"
    );
    home.ok(&["label", "create", "disk", "--port", "amd64"]);
    let path = home.path().join("disk");
    let good = fs::read(&path).unwrap();
    for (byte, told) in [
        (0, "magic: "),
        (132, "magic2: "),
        (20, "checksum: "),
        (139, "npartitions: there are 260, more than the 22 that fit"),
    ] {
        let mut bytes = good.clone();
        bytes[512 + byte] ^= 1;
        fs::write(&path, &bytes).unwrap();
        let ended = home.run(&["label", "check", "disk"]);
        assert_eq!(ended.code, Some(1), "{told}");
        let line = format!("disklabel in sector 1: {told}");
        assert!(ended.stdout.starts_with(&line), "{}", ended.stdout);
        assert_eq!(ended.stdout.lines().count(), 1);
        assert_eq!(ended.stderr, "dmctl: label check: disk: 1 field is wrong\n");
    }
}

/// What each offset gives: the exit code, and what is said on stderr.
#[test]
fn offsets_on_labelled_and_other_disks_get_their_exit_codes() {
    let home = Home::new();
    blank(&home, "plain");
    blank(&home, "labelled");
    home.ok(&["label", "create", "labelled", "--port", "amd64"]);
    with_mbr(&home, "mbr", 63);
    home.ok(&["label", "create", "mbr", "--port", "amd64"]);
    for (port, reserved) in [("amd64", 65), ("sparc64", 2)] {
        for disk in ["plain", "labelled", "mbr"] {
            for policy in ["", "strict", "warn", "off"] {
                for offset in [0_u64, 1, 2, 62, 63, 64, 65, 66] {
                    let meets = offset < reserved || (disk == "mbr" && (56..65).contains(&offset));
                    let policy_in_force = match (policy, disk) {
                        ("", "plain") => "off",
                        ("", _) => "strict",
                        (policy, _) => policy,
                    };
                    let table = format!("0 8 linear {disk} {offset}");
                    let mut arguments = vec!["create", "vol", "--table", &table, "--port", port];
                    if !policy.is_empty() {
                        arguments.extend(["--label-policy", policy]);
                    }
                    let ended = home.run(&arguments);
                    let what = format!("{arguments:?}: {ended:?}");
                    match (meets, policy_in_force) {
                        (true, "strict") => {
                            assert_eq!(ended.code, Some(6), "{what}");
                            assert!(
                                ended.stderr.starts_with(&format!(
                                    "dmctl: load vol: line 1: linear: word 2 \"{offset}\": "
                                )),
                                "{what}"
                            );
                            assert!(ended.stderr.ends_with(" is free\nhint: --label-policy off maps those sectors all the same\n"), "{what}");
                            continue;
                        }
                        (true, "warn") => {
                            assert_eq!(ended.code, Some(0), "{what}");
                            assert!(
                                ended
                                    .stderr
                                    .starts_with("dmctl: warning: vol: line 1: linear: "),
                                "{what}"
                            );
                        }
                        (_, _) => {
                            assert_eq!((ended.code, ended.stderr.as_str()), (Some(0), ""), "{what}")
                        }
                    }
                    home.ok(&["remove", "vol"]);
                }
            }
        }
    }
    // Nothing is left of those that were refused.
    assert_eq!(home.json(&["ls"])["devices"], json!([]));
}

#[test]
fn stacked_devices_are_exempt_and_load_is_checked_too() {
    let home = Home::new();
    blank(&home, "disk");
    home.ok(&["label", "create", "disk", "--port", "amd64"]);
    home.ok(&["create", "low", "--table", "0 1000 linear disk 65"]);
    home.ok(&[
        "create",
        "high",
        "--label-policy",
        "strict",
        "--table",
        "0 8 linear /dev/mapper/low 0",
    ]);
    let number = home.json(&["info", "low"])["devices"][0]["minor"].clone();
    home.ok(&[
        "load",
        "high",
        "--label-policy",
        "strict",
        "--table",
        &format!("0 8 linear 253:{number} 1"),
    ]);
    let said = home.fails(
        6,
        &[
            "load",
            "high",
            "--table",
            "# over the disk\n0 8 linear disk 64",
        ],
    );
    assert_eq!(
        said.replace(home.path().to_str().unwrap(), ""),
        "dmctl: load high: line 1: linear: word 2 \"64\": sector 1 of /disk holds its disklabel, \
         and amd64 keeps sectors 0 to 64: offset 65 is free\n\
         hint: --label-policy off maps those sectors all the same\n\
         hint: that line is line 2 of --table\n"
    );
    let failed = home.run(&["--json", "load", "high", "--table", "0 8 linear disk 64"]);
    let error: serde_json::Value = serde_json::from_str(&failed.stdout).unwrap();
    assert_eq!(
        (&error["error"]["kind"], &error["error"]["line"]),
        (&json!("invalid-table"), &json!(1))
    );
}

#[test]
fn plan_is_a_table_that_create_takes() {
    let home = Home::new();
    blank(&home, "one");
    blank(&home, "two");
    home.ok(&[
        "label",
        "create",
        "two",
        "--port",
        "amd64",
        "-p",
        "a:100:1000:4.2BSD",
    ]);
    let plan = home.ok(&["label", "plan", "--port", "amd64", "one", "two"]);
    assert_eq!(plan, "0 32703 linear one 65\n32703 32703 linear two 65\n");
    let ended = home.run_with(
        &[
            "create",
            "vol",
            "--label-policy",
            "strict",
            "--port",
            "amd64",
        ],
        &plan,
    );
    assert_eq!((ended.code, ended.stderr.as_str()), (Some(0), ""));
    assert_eq!(
        home.ok(&["label", "plan", "--port", "sparc", "one"]),
        "0 32766 linear one 2\n"
    );
    assert_eq!(
        home.ok(&["label", "plan", "--policy", "off", "two"]),
        "0 32768 linear two 0\n"
    );
    assert_eq!(
        home.ok(&["label", "plan", "--partition", "a", "two"]),
        "0 1000 linear two 100\n"
    );
    assert_eq!(
        home.fails(4, &["label", "plan", "--partition", "b", "two"]),
        "dmctl: label plan: two has no disklabel with a partition b\n"
    );
    with_mbr(&home, "mbr", 2048);
    home.ok(&["label", "create", "mbr", "--port", "amd64"]);
    assert_eq!(
        home.ok(&["label", "plan", "mbr"]),
        "0 30718 linear mbr 2050\n"
    );
    assert_eq!(
        home.ok(&["label", "plan", "--partition", "1", "mbr"]),
        "0 30718 linear mbr 2050\n"
    );
    let lines = home.json(&["label", "plan", "mbr"])["lines"].clone();
    assert_eq!(
        lines,
        json!([{"start": 0, "length": 30718, "target": "linear", "params": "mbr 2050"}])
    );
    fs::File::create(home.path().join("tiny"))
        .unwrap()
        .set_len(512)
        .unwrap();
    assert_eq!(
        home.fails(1, &["label", "plan", "--port", "amd64", "tiny"]),
        "dmctl: label plan: tiny has nothing behind what amd64 keeps free\n"
    );
}

#[test]
fn run_is_checked_and_the_variable_counts() {
    let home = Home::new();
    blank(&home, "disk");
    home.ok(&["label", "create", "disk"]);
    let said = home.fails(6, &["run", "--table", "0 8 linear disk 0"]);
    assert!(
        said.starts_with("dmctl: load disk: line 1: linear: word 2 \"0\": sector 1 of "),
        "{said}"
    );
    let mut command = home.command(&["create", "vol", "--table", "0 8 linear disk 0"]);
    let output = command.env("DM_LABEL_POLICY", "off").output().unwrap();
    assert!(output.status.success(), "{output:?}");
    let mut command = home.command(&["create", "vol2", "--table", "0 8 linear disk 0"]);
    let output = command.env("DM_LABEL_POLICY", "maybe").output().unwrap();
    assert_eq!(output.status.code(), Some(2));
}

#[test]
fn export_has_a_label_when_asked() {
    let home = Home::new();
    home.ok(&["create", "vol", "--table", "0 1000 zero"]);
    let socket = home.runtime().join("nbd.sock");
    let uri = |label: &str| format!("nbd+unix:///vol{label}?socket={}\n", socket.display());
    assert_eq!(home.ok(&["export", "vol"]), uri(""));
    assert_eq!(
        home.ok(&["export", "vol", "--label=sparc64"]),
        uri("/label/sparc64")
    );
    let host = home.ok(&["export", "--label", "vol"]);
    assert!(host.contains("/vol/label/"), "{host}");
    let said = home.fails(2, &["export", "vol", "--label=vax"]);
    assert!(said.contains("use i386, amd64, arm"), "{said}");
}
