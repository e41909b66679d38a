//! Flipped bits: each sector's data and tag, and every bit of the superblock. What can not be proven is not
//! read, and nothing else fails.

use std::sync::Arc;

use dm_core::blockdev::{Blocking, MemDev};
use dm_core::component::TableMode;
use dm_core::engine::Engine;
use dm_core::errno::Errno;
use dm_core::format::integrity::{Devices, Layout, Superblock};
use dm_core::io::IoFlags;
use dm_core::units::{Sector, SectorCount};
use dm_tests::export::Export;
use dm_tests::power_loss::numbers;
use dm_tests::script::{create, open};
use fastrand::Rng;

use crate::rig::{Rig, SECTORS};

/// A device of a mode, closed: its disk, its sectors, what they hold.
fn closed(options: &str) -> (Vec<u8>, u64, Vec<u8>) {
    let rig = Rig::new();
    let (device, content) = rig.filled(options);
    let sectors = rig.status()[1];
    drop(device);
    rig.remove("tagged");
    (rig.data.content(), sectors, content)
}

fn engine(disk: &[u8]) -> Engine {
    let data = MemDev::new(SectorCount(SECTORS));
    data.write_at(Sector(0), disk, IoFlags::empty()).unwrap();
    let engine = Engine::new();
    engine.attach("data", Arc::new(data));
    engine
}

#[test]
fn each_flip_in_data_or_tags_fails_its_own_sector() {
    let mut flips = 0;
    for mode in ["J", "D", "B"] {
        let options = format!("data 0 - {mode} 2 internal_hash:crc32c fix_padding");
        let (disk, sectors, content) = closed(&options);
        let superblock = Superblock::read(&disk).unwrap();
        let devices = Devices::One(SectorCount(SECTORS));
        let layout = Layout::new(&superblock, Sector(0), devices, 0).unwrap();
        let mut rng = Rng::with_seed(5);
        for round in 0..100 {
            let mut disk = disk.clone();
            let sector = rng.u64(..sectors);
            let at = match round % 2 {
                0 => layout.data(Sector(sector)).0 * 512 + rng.u64(..512),
                _ => layout.tag(Sector(sector)) + rng.u64(..4),
            };
            disk[usize::try_from(at).unwrap()] ^= 1 << rng.u8(..8);
            let engine = engine(&disk);
            let table = format!("0 {sectors} integrity {options}");
            create(&engine, "flipped", &table).unwrap();
            let device = open(&engine, "flipped");
            let error = device.read_at(Sector(sector), &mut [0; 512]).unwrap_err();
            assert_eq!(error.errno(), Errno::EILSEQ, "{mode} {sector}");
            let place = usize::try_from(sector * 512).unwrap();
            for (start, wanted) in [
                (0, &content[..place]),
                (sector + 1, &content[place + 512..]),
            ] {
                let mut found = vec![0; wanted.len()];
                if !found.is_empty() {
                    device.read_at(Sector(start), &mut found).unwrap();
                }
                assert!(found == wanted, "{mode} {sector}");
            }
            assert_eq!(numbers(&engine, "flipped")[0], 1);
            flips += 1;
        }
    }
    assert_eq!(flips, 300);
}

#[test]
fn clients_of_an_export_see_eio() {
    let options = "data 0 - D 2 internal_hash:crc32c fix_padding";
    let (mut disk, sectors, content) = closed(options);
    let superblock = Superblock::read(&disk).unwrap();
    let layout = Layout::new(
        &superblock,
        Sector(0),
        Devices::One(SectorCount(SECTORS)),
        0,
    );
    let at = layout.unwrap().data(Sector(11)).0 * 512;
    disk[usize::try_from(at).unwrap()] ^= 1;
    let engine = engine(&disk);
    create(
        &engine,
        "flipped",
        &format!("0 {sectors} integrity {options}"),
    )
    .unwrap();
    let export = Export::of(&engine, "flipped", TableMode::ReadWrite);
    for (sector, wanted) in (0..).zip(content.chunks(512)).take(20) {
        let mut found = [0; 512];
        let read = export.disk.read_at(Sector(sector), &mut found);
        match sector {
            // EILSEQ is no errno of NBD.
            11 => assert_eq!(read.unwrap_err().errno(), Errno::EIO),
            _ => assert!(read.is_ok() && found == wanted),
        }
    }
    assert_eq!(numbers(&engine, "flipped")[0], 1);
}

#[test]
fn each_bit_of_the_superblock_is_checked_or_does_no_harm() {
    let options = "data 0 - J 2 internal_hash:crc32c fix_padding";
    let (disk, sectors, content) = closed(options);
    let mut refused = 0;
    for bit in 0..64 * 8 {
        let mut disk = disk.clone();
        disk[bit / 8] ^= 1 << (bit % 8);
        let engine = engine(&disk);
        let table = format!("0 {sectors} integrity {options}");
        if create(&engine, "flipped", &table).is_err() {
            refused += 1;
            continue;
        }
        let device = open(&engine, "flipped");
        let (mut found, mut right) = ([0; 512], 0);
        for (number, wanted) in (0..).step_by(16).zip(content.chunks(512 * 16)) {
            if device.read_at(Sector(number), &mut found).is_ok() {
                right += usize::from(found == wanted[..512]);
            }
        }
        // What says where data is, or how it is proven, leaves nothing readable; all else, all.
        let harmless = right == content.chunks(512 * 16).count();
        assert!(harmless || right == 0, "bit {bit}: {right}");
    }
    assert!(refused > 100, "{refused}");
}
