//! Disklabels and MBRs that other programs wrote, and what they make of ours.

use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use dm_core::disklabel::{Draft, FixedText, FsType, HostReader, Label, Mbr, Port, Survey, front};
use dm_core::units::{Sector, SectorCount, SectorRange};
use dm_tests::tools::{find, run};

const SECTORS: u64 = 32768;

/// A disk of 16 MiB in a folder that goes with it.
struct Disk {
    folder: tempfile::TempDir,
}

impl Disk {
    fn new() -> Disk {
        let disk = Disk {
            folder: tempfile::tempdir().unwrap(),
        };
        File::create(disk.path())
            .unwrap()
            .set_len(SECTORS * 512)
            .unwrap();
        disk
    }

    fn path(&self) -> PathBuf {
        self.folder.path().join("disk.img")
    }

    fn survey(&self) -> Survey {
        Survey::of(&mut HostReader::open(&self.path()).unwrap()).unwrap()
    }

    fn put(&self, sector: usize, bytes: &[u8]) {
        let mut disk = fs::read(self.path()).unwrap();
        disk[sector * 512..][..bytes.len()].copy_from_slice(bytes);
        fs::write(self.path(), disk).unwrap();
    }
}

fn range(start: u64, length: u64) -> SectorRange {
    SectorRange::new(Sector(start), SectorCount(length)).unwrap()
}

/// Runs a program that reads its orders from stdin, and returns all that it said.
fn talk(mut command: Command, orders: &str) -> String {
    let mut child = command
        .env("LC_ALL", "C")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    child
        .stdin
        .take()
        .unwrap()
        .write_all(orders.as_bytes())
        .unwrap();
    let output = child.wait_with_output().unwrap();
    let said = |bytes| String::from_utf8_lossy(bytes).into_owned();
    let all = said(&output.stdout) + &said(&output.stderr);
    assert!(output.status.success(), "{command:?}: {all}");
    all
}

fn parted(disk: &Path, words: &[&str]) -> Option<String> {
    let mut command = find("parted")?;
    let output = run(command.arg("-sm").arg(disk).args(words));
    Some(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// The partitions in use: letter, range, type.
fn in_use(label: &Label) -> Vec<(char, SectorRange, u8)> {
    let all = ('a'..).zip(&label.partitions);
    all.filter(|(_, partition)| partition.size > 0)
        .map(|(letter, partition)| (letter, label.range(partition).unwrap(), partition.kind.0))
        .collect()
}

#[test]
fn label_of_parted_is_read() {
    let disk = Disk::new();
    let orders = [
        &["mklabel", "bsd"][..],
        &["mkpart", "ext2", "2048s", "10239s"],
        &["mkpart", "linux-swap", "10240s", "20479s"],
        &["mkpart", "hfs", "20480s", "32767s"],
    ];
    for words in orders {
        if parted(&disk.path(), words).is_none() {
            return;
        }
    }
    let survey = disk.survey();
    assert_eq!((survey.labels.len(), survey.damaged.len()), (1, 0));
    let found = &survey.labels[0];
    assert_eq!((found.sector(), found.place.offset), (Sector(0), 64));
    assert!(found.ports().any(|port| port == Port::Evbmips));
    // parted's numbers for what it can not name in a BSD's words.
    let expected = [
        ('a', range(2048, 8192), 8),
        ('b', range(10240, 10240), 1),
        ('c', range(20480, 12288), 8),
    ];
    assert_eq!(in_use(&found.label), expected);
    // parted renews no checksum.
    let problems = found.problems(survey.size);
    assert!(
        problems
            .iter()
            .all(|p| p.to_string().starts_with("checksum: ")),
        "{problems:?}"
    );
}

#[test]
fn label_of_ours_is_read_by_parted() {
    let disk = Disk::new();
    let all = SectorRange::from_zero(SectorCount(SECTORS));
    let port = Port::Evbmips;
    let label = Draft::new(port, SectorCount(SECTORS), all)
        .partition(0, FsType(8), range(2, 4000))
        .partition(1, FsType::SWAP, range(4096, 8192))
        .partition(4, FsType(15), range(16384, 16384))
        .finish()
        .unwrap();
    let mut sector = [0; 512];
    label.write(&mut sector, port.place()).unwrap();
    disk.put(0, &sector);
    let Some(said) = parted(&disk.path(), &["unit", "s", "print"]) else {
        return;
    };
    assert!(said.contains(":32768s:file:512:512:bsd:"), "{said}");
    for row in [
        "1:2s:4001s:4000s:",
        "2:4096s:12287s:8192s:",
        "5:16384s:32767s:16384s:",
    ] {
        assert!(said.contains(row), "{row}: {said}");
    }
}

/// An MBR with a NetBSD partition in which util-linux's fdisk makes a label.
#[test]
fn label_of_fdisk_is_read() {
    let disk = Disk::new();
    let (Some(mut sfdisk), Some(mut fdisk)) = (find("sfdisk"), find("fdisk")) else {
        return;
    };
    sfdisk.arg("-q").arg(disk.path());
    talk(sfdisk, "label: dos\n2048,28672,a9\n");
    fdisk.arg(disk.path());
    // Into the nested label, which is made; a new partition a, of a size; another, e; their types.
    talk(
        fdisk,
        "b\ny\nn\na\n4096\n+8191\nn\ne\n16384\n+4095\nt\na\n7\nt\ne\n1\nw\n",
    );
    let survey = disk.survey();
    assert_eq!((survey.labels.len(), survey.damaged.len()), (1, 0));
    let found = &survey.labels[0];
    assert_eq!((found.sector(), found.partition), (Sector(2049), Some(1)));
    let named: Vec<_> = in_use(&found.label)
        .into_iter()
        .filter(|(letter, ..)| "ae".contains(*letter))
        .collect();
    assert_eq!(
        named,
        [('a', range(4096, 8192), 7), ('e', range(16384, 4096), 1)]
    );
    assert_eq!(found.problems(survey.size), []);
}

#[test]
fn label_of_ours_is_read_by_fdisk() {
    let disk = Disk::new();
    let Some(mut fdisk) = find("fdisk") else {
        return;
    };
    let name = FixedText::new("vol0").unwrap();
    disk.put(0, &front(Port::Amd64, SectorCount(SECTORS), name).unwrap());
    let said = talk(
        {
            fdisk.arg(disk.path());
            fdisk
        },
        "p\nb\np\nq\n",
    );
    let rows: Vec<Vec<&str>> = said
        .lines()
        .map(|line| line.split_whitespace().collect())
        .collect();
    let has = |row: &[&str]| {
        assert!(
            rows.iter().any(|found| found.starts_with(row)),
            "{row:?}: {said}"
        )
    };
    has(&[
        &format!("{}1", disk.path().display()),
        "*",
        "63",
        "32767",
        "32705",
    ]);
    has(&["a", "65", "32767", "32703", "16M", "4.2BSD"]);
    has(&["c", "63", "32767", "32705"]);
    has(&["d", "0", "32767", "32768"]);
}

#[test]
fn logical_partitions_of_sfdisk_are_read() {
    let disk = Disk::new();
    let Some(mut sfdisk) = find("sfdisk") else {
        return;
    };
    sfdisk.arg("-q").arg(disk.path());
    let orders =
        "label: dos\n2048,4096,83,*\n8192,24576,5\n10240,2048,83\n14336,4096,a9\n20480,,7\n";
    talk(sfdisk, orders);
    let mbr = Mbr::read(&mut HostReader::open(&disk.path()).unwrap())
        .unwrap()
        .unwrap();
    let all: Vec<_> = mbr
        .partitions
        .iter()
        .map(|p| (p.number, p.kind.0, p.active, p.range))
        .collect();
    assert_eq!(
        all,
        [
            (1, 0x83, true, range(2048, 4096)),
            (2, 0x05, false, range(8192, 24576)),
            (5, 0x83, false, range(10240, 2048)),
            (6, 0xa9, false, range(14336, 4096)),
            (7, 0x07, false, range(20480, 12288)),
        ]
    );
    assert_eq!(mbr.problems, []);
}
