//! integrity in mode I, on an NVMe namespace with metadata: dmctl makes the superblock that the kernel makes, the
//! kernel uses it, and the engine says why it does not.

use std::path::Path;

use dm_core::client::Dm;
use dm_core::component::TableMode;
use dm_core::engine::Engine;
use dm_core::names::DmName;
use dm_tests::scenario::{Disk, KernelDisk};
use fastrand::Rng;

use crate::shell::{create, create_in, equal_sectors, read_at, run, target_minor, write_at};

const NODE: &str = "/dev/nvme0n1";
const NAME: &str = "guest-integrity-inline";
/// Superblocks have so much to themselves.
const HEAD: usize = 4096;
/// Sectors that are written.
const SECTORS: u64 = 1024;

pub(crate) fn device_is_the_kernels() -> Result<(), String> {
    // It came with Linux 6.12.
    if target_minor("integrity")? < 12 {
        println!("this kernel has no mode I");
        return Ok(());
    }
    let done = made_and_used();
    let _ = run(&format!("dmsetup remove {NAME}"));
    done
}

fn table(sectors: u64) -> String {
    format!("0 {sectors} integrity {NODE} 0 - I 2 internal_hash:crc32c fix_padding")
}

fn made_and_used() -> Result<(), String> {
    write_at(NODE, 0, &[0; HEAD])?;
    create(NAME, &table(8))?;
    let removed = format!("dmsetup remove {NAME}");
    run(&removed)?;
    let theirs = read_at(NODE, 0, HEAD)?;
    write_at(NODE, 0, &[0; HEAD])?;
    run(&format!("dmctl integrity format --inline {NODE}"))?;
    equal_sectors(&read_at(NODE, 0, HEAD)?, &theirs)?;

    run(&format!(
        "dmctl --backend linux integrity open {NODE} {NAME}"
    ))?;
    let shown = run(&format!("dmsetup table {NAME}"))?;
    if !shown.contains(" 4 I ") {
        return Err(format!("the table is {shown}"));
    }
    let mut content = vec![0; usize::try_from(SECTORS).unwrap_or_default() * 512];
    Rng::with_seed(1).fill(&mut content);
    let node = format!("/dev/mapper/{NAME}");
    let mut disk = KernelDisk::open(Path::new(&node), TableMode::ReadWrite)
        .map_err(|errno| format!("{node}: {errno}"))?;
    let failed = |errno| format!("{node}: {errno}");
    disk.write(0, &content).map_err(failed)?;
    let mut found = vec![0; content.len()];
    disk.read(0, &mut found).map_err(failed)?;
    equal_sectors(&found, &content)?;
    // Its tag was never written.
    if disk.read(SECTORS + 8, &mut [0; 512]).is_ok() {
        return Err("a sector without a tag was read".into());
    }
    drop(disk);
    let status = run(&format!("dmsetup status {NAME}"))?;
    if status.split(' ').nth(3) == Some("0") {
        return Err(format!("the kernel counted nothing: {status}"));
    }
    run(&removed)?;

    // The engine sees the data, which lies behind the superblock as it is, and no tags.
    equal_sectors(&read_at(NODE, HEAD as u64, content.len())?, &content)?;
    let engine = Engine::new();
    let name = DmName::new(NAME).map_err(|error| error.to_string())?;
    let refused = create_in(&Dm::new(&engine), &name, &table(SECTORS));
    let said = refused
        .err()
        .map(|error| error.report())
        .unwrap_or_default();
    match said.contains("no process reads or writes") {
        true => Ok(()),
        false => Err(format!("the engine says {said:?}")),
    }
}
