//! Disklabels and MBRs before the kernel's own driver, on partitions that the kernel found.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::process::Command;

use dm_core::disklabel::{HostReader, Mbr};

use crate::shell::{equal, run, write_at};

const DISK: &str = "/dev/ram3";

/// A record's sector, and its entries: type, start, size.
type Record = (u64, &'static [(u8, u32, u32)]);

/// A NetBSD partition, and two logical ones.
const RECORDS: &[Record] = &[
    (0, &[(0xa9, 2048, 1024), (0x05, 4096, 2048)]),
    (4096, &[(0x83, 64, 512), (0x05, 1024, 1024)]),
    (5120, &[(0x07, 64, 256)]),
];

/// The kernel finds the partitions that we find. It has no parser for BSD disklabels, so that it
/// finds none in the NetBSD partition.
pub(crate) fn kernel_finds_the_same_partitions() -> Result<(), String> {
    with_partitions(|| {
        run(&format!("dmctl label create {DISK} --port amd64"))?;
        run(&format!("blockdev --rereadpt {DISK}"))?;
        let mut disk = HostReader::open(Path::new(DISK)).map_err(|error| error.to_string())?;
        let mbr = Mbr::read(&mut disk).map_err(|error| error.to_string())?;
        let ours = mbr.ok_or("no MBR is found")?.partitions;
        let mut ours: Vec<(u64, u64)> = ours
            .iter()
            // Of the extended one the kernel lets nobody use more than two sectors.
            .filter(|partition| !partition.kind.is_extended())
            .map(|partition| (partition.range.start().0, partition.range.length().0))
            .collect();
        ours.sort_unstable();
        equal(
            "partitions",
            &format!("{:?}", kernels()?),
            &format!("{ours:?}"),
        )
    })
}

/// The kernel's partitions: start and length.
fn kernels() -> Result<Vec<(u64, u64)>, String> {
    let folder = DISK.replace("/dev/", "/sys/block/");
    let read = |path: &Path| {
        let text = fs::read_to_string(path).map_err(|error| format!("{path:?}: {error}"))?;
        text.trim()
            .parse::<u64>()
            .map_err(|error| format!("{path:?}: {error}"))
    };
    let mut found = Vec::new();
    for entry in fs::read_dir(&folder)
        .map_err(|error| format!("{folder}: {error}"))?
        .flatten()
    {
        let path = entry.path();
        if path.join("partition").exists() {
            found.push((read(&path.join("start"))?, read(&path.join("size"))?));
        }
    }
    found.retain(|(start, _)| *start != 4096);
    found.sort_unstable();
    Ok(found)
}

/// `dmctl create` before the kernel's driver: a table, and how it ends.
pub(crate) fn tables_leave_labels_alone() -> Result<(), String> {
    with_partitions(|| {
        run(&format!("dmctl label create {DISK} --port amd64"))?;
        let whole = "sectors 2048 to 2049: offset 2050 is free";
        let part = "sectors 2048 to 2049: offset 2 is free";
        for (table, refused) in [
            (
                "0 8 linear /dev/ram3 64",
                Some(
                    "amd64 keeps sectors 0 to 64 of /dev/ram3 for its boot blocks and disklabel: offset 65 is free",
                ),
            ),
            ("0 8 linear /dev/ram3 65", None),
            ("0 8 linear /dev/ram3 2042", Some(whole)),
            ("0 8 linear /dev/ram3 2050", None),
            ("0 8 linear /dev/ram3p1 0", Some(part)),
            ("0 8 linear /dev/ram3p1 1", Some(part)),
            ("0 8 linear /dev/ram3p1 2", None),
            ("0 8 linear /dev/ram3p5 0", None),
            ("0 8 zero", None),
        ] {
            create(table, &[], refused)?;
        }
        let partition = number("/dev/ram3p1")?;
        create(&format!("0 8 linear {partition} 1"), &[], Some(part))?;
        create("0 8 linear /dev/ram3p1 1", &["--label-policy", "off"], None)?;
        create("0 8 linear /dev/ram2 1", &[], None)?;
        create(
            "0 8 linear /dev/ram2 1",
            &["--label-policy", "strict", "--port", "sparc64"],
            Some("offset 2 is free"),
        )?;
        stacked()
    })
}

/// What a mapped device stands on was checked with its own table, however it is called.
fn stacked() -> Result<(), String> {
    run("dmctl --backend linux create guest-low --notable")?;
    let stacked = || {
        dmctl(&["load", "guest-low", "--table", "0 100 linear /dev/ram3p1 2"])?;
        dmctl(&["resume", "guest-low"])?;
        let number = number("/dev/mapper/guest-low")?;
        for word in ["/dev/mapper/guest-low", &number, "/dev/dm-0"] {
            create(
                &format!("0 8 linear {word} 0"),
                &["--label-policy", "strict"],
                None,
            )?;
        }
        Ok(())
    };
    let result = stacked();
    dmctl(&["remove", "guest-low"])?;
    result
}

fn dmctl(words: &[&str]) -> Result<(Option<i32>, String), String> {
    let mut command = Command::new("dmctl");
    let output = command
        .args(["--backend", "linux"])
        .args(words)
        .output()
        .map_err(|error| format!("dmctl: {error}"))?;
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    Ok((output.status.code(), said))
}

/// Makes a device and takes it away again, unless it is to be refused.
fn create(table: &str, options: &[&str], refused: Option<&str>) -> Result<(), String> {
    let words = [&["create", "guest-label", "--table", table], options].concat();
    let (code, said) = dmctl(&words)?;
    let expected = match refused {
        Some(why) => code == Some(6) && said.contains(why),
        None => code == Some(0) && said.is_empty(),
    };
    if code == Some(0) {
        dmctl(&["remove", "guest-label"])?;
    }
    match expected {
        true => Ok(()),
        false => Err(format!("{table} {options:?}: {code:?} {said}")),
    }
}

/// A node's number.
fn number(node: &str) -> Result<String, String> {
    let metadata = fs::metadata(node).map_err(|error| format!("{node}: {error}"))?;
    let number = metadata.rdev();
    let (major, minor) = (rustix::fs::major(number), rustix::fs::minor(number));
    Ok(format!("{major}:{minor}"))
}

/// Does something while the disk has its partitions.
fn with_partitions(act: impl FnOnce() -> Result<(), String>) -> Result<(), String> {
    wipe()?;
    for (sector, entries) in RECORDS {
        let mut record = [0; 512];
        record[510..].copy_from_slice(&[0x55, 0xaa]);
        for (index, (kind, start, size)) in entries.iter().enumerate() {
            let entry = &mut record[446 + 16 * index..][..16];
            entry[4] = *kind;
            entry[8..12].copy_from_slice(&start.to_le_bytes());
            entry[12..].copy_from_slice(&size.to_le_bytes());
        }
        write_at(DISK, sector * 512, &record)?;
    }
    run(&format!("blockdev --rereadpt {DISK}"))?;
    let result = act();
    wipe()?;
    run(&format!("blockdev --rereadpt {DISK}"))?;
    result
}

fn wipe() -> Result<(), String> {
    write_at(DISK, 0, &[0; 6144 * 512])
}
