//! The smallest device there is, by the real dmsetup.

use std::fs::File;

use crate::shell::{create, equal, read_at, run, write_at};

const SECTOR: u64 = 512;

pub(crate) fn over_ram_disk() -> Result<(), String> {
    linear_on("/dev/ram0")
}

pub(crate) fn over_loop_device() -> Result<(), String> {
    let backing = "/tmp/guest-linear";
    File::create(backing)
        .and_then(|file| file.set_len(1 << 20))
        .map_err(|error| format!("{backing}: {error}"))?;
    let device = run("losetup -f")?.trim().to_owned();
    run(&format!("losetup {device} {backing}"))?;
    let result = linear_on(&device);
    run(&format!("losetup -d {device}"))?;
    std::fs::remove_file(backing).map_err(|error| format!("{backing}: {error}"))?;
    result
}

fn linear_on(device: &str) -> Result<(), String> {
    create("guest-linear", &format!("0 1000 linear {device} 24"))?;
    let result = looks_right(device).and_then(|()| moves_bytes(device));
    run("dmsetup remove guest-linear")?;
    result
}

fn looks_right(device: &str) -> Result<(), String> {
    let number =
        std::fs::read_to_string(format!("/sys/class/block/{}/dev", &device["/dev/".len()..]))
            .map_err(|error| format!("{device}: {error}"))?;
    let table = format!("0 1000 linear {} 24\n", number.trim());
    equal("table", &run("dmsetup table guest-linear")?, &table)?;
    equal(
        "status",
        &run("dmsetup status guest-linear")?,
        "0 1000 linear \n",
    )?;
    let info = run("dmsetup info -c --noheadings -o name,attr,open,segments,events guest-linear")?;
    equal("info", &info, "guest-linear:L--w:0:1:0\n")?;
    equal(
        "size",
        &run("blockdev --getsz /dev/mapper/guest-linear")?,
        "1000\n",
    )
}

/// Sector 7 of the device is sector 24 + 7 of the disk.
fn moves_bytes(device: &str) -> Result<(), String> {
    let bytes: Vec<u8> = (0..=255).cycle().take(1024).collect();
    write_at("/dev/mapper/guest-linear", 7 * SECTOR, &bytes)?;
    if read_at(device, 31 * SECTOR, bytes.len())? == bytes {
        Ok(())
    } else {
        Err(format!("the bytes are not at sector 31 of {device}"))
    }
}
