//! What becomes of a device over several lives: suspends, other modes, tags that are made later.

use std::thread;
use std::time::Duration;

use dm_core::blockdev::{Blocking, MemDev};
use dm_core::client::Dm;
use dm_core::command::{Slot, SuspendOptions};
use dm_core::errno::Errno;
use dm_core::io::IoFlags;
use dm_core::units::{Sector, SectorCount, SectorRange};
use dm_tests::script::{name, open, swap};

use crate::rig::{OPTIONS, Rig, SECTORS};

/// Waits until all tags are made.
fn made(rig: &Rig) {
    loop {
        let status = rig.status();
        if status.get(2) == Some(&status[1]) {
            return;
        }
        thread::sleep(Duration::from_millis(1));
    }
}

#[test]
fn journal_is_empty_after_a_suspend_and_goes_on_after_it() {
    for options in OPTIONS.iter().filter(|options| options.contains(" J ")) {
        let rig = Rig::new();
        let (device, mut wanted) = rig.filled(options);
        let dm = Dm::new(&rig.engine);
        for round in 0..5_u8 {
            dm.suspend(name("tagged"), SuspendOptions::default())
                .unwrap();
            // Anyone who knows no journal finds all in its place.
            let direct = options.replace(" J ", " D ");
            let sectors = rig.status()[1];
            let table = format!("0 {sectors} integrity {direct}");
            dm_tests::script::create(&rig.engine, "direct", &table).unwrap();
            let mut found = vec![0; wanted.len()];
            open(&rig.engine, "direct")
                .read_at(Sector(0), &mut found)
                .unwrap();
            assert!(found == wanted, "{options}, {round}");
            rig.remove("direct");
            dm.resume(name("tagged"), SuspendOptions::default())
                .unwrap();
            let at = usize::from(round) * 8192;
            wanted[at..at + 4096].fill(round);
            let start = Sector(at as u64 / 512);
            device
                .write_at(start, &wanted[at..at + 4096], IoFlags::FUA)
                .unwrap();
        }
    }
}

#[test]
fn each_mode_takes_over_from_each() {
    let rig = Rig::new();
    let of = |mode: &str| match mode {
        "B" => {
            "data 0 - B 4 internal_hash:crc32c fix_padding journal_sectors:600 sectors_per_bit:8"
                .to_owned()
        }
        mode => format!("data 0 - {mode} 3 internal_hash:crc32c fix_padding journal_sectors:600"),
    };
    let (device, mut wanted) = rig.filled(&of("J"));
    let sectors = rig.status()[1];
    for (round, mode) in (0..).zip(["B", "J", "D", "B", "D", "J", "J", "B", "B", "J"]) {
        let table = format!("0 {sectors} integrity {}", of(mode));
        swap(&rig.engine, "tagged", &table).unwrap();
        let mut found = vec![0; wanted.len()];
        device.read_at(Sector(0), &mut found).unwrap();
        assert!(found == wanted, "{round} {mode}");
        wanted[..4096].fill(round);
        device
            .write_at(Sector(0), &wanted[..4096], IoFlags::empty())
            .unwrap();
    }
    assert_eq!(rig.status()[0], 0);
}

#[test]
fn tags_are_made_for_what_was_there() {
    for mode in ["D", "J", "B"] {
        let rig = Rig::new();
        let options = format!("data 0 - {mode} 3 internal_hash:crc32c fix_padding recalculate");
        let device = rig.made(&options);
        let sectors = rig.status()[1];
        let mut all = vec![0; usize::try_from(sectors * 512).unwrap()];
        // Readable also before there are tags.
        device.read_at(Sector(0), &mut all).unwrap();
        made(&rig);
        drop(device);
        rig.remove("tagged");
        let plain = options.replace(" 3 ", " 2 ").replace(" recalculate", "");
        rig.tagged(sectors, &plain);
        let device = open(&rig.engine, "tagged");
        device.read_at(Sector(0), &mut all).unwrap();
        let (_, lines) = Dm::new(&rig.engine)
            .table(name("tagged"), Slot::Active)
            .unwrap();
        assert!(lines[0].params.contains(" recalculate "), "{}", lines[0]);
        // Other bits are wrong until tags are made anew.
        let middle = Sector(SECTORS / 2);
        let bytes = [0x77; 512];
        rig.data.write_at(middle, &bytes, IoFlags::empty()).unwrap();
        let error = device.read_at(Sector(0), &mut all).unwrap_err();
        assert_eq!(error.errno(), Errno::EILSEQ);
        drop(device);
        rig.remove("tagged");
        rig.tagged(
            sectors,
            &options.replace("recalculate", "reset_recalculate"),
        );
        made(&rig);
        let device = open(&rig.engine, "tagged");
        device.read_at(Sector(0), &mut all).unwrap();
        assert!(all.windows(512).any(|found| found == bytes));
    }
}

#[test]
fn keyed_tags_are_not_made_for_what_somebody_wrote() {
    let rig = Rig::new();
    let make = |options: &str| {
        let table = format!("0 8 integrity data 0 - D {options}");
        let made = dm_tests::script::create(&rig.engine, "keyed", &table);
        let _ = Dm::new(&rig.engine).remove(name("keyed"), dm_core::command::RemoveMode::IfUnused);
        made.map_err(|error| error.report())
    };
    let error = make("2 internal_hash:hmac(sha256):00 recalculate").unwrap_err();
    assert!(error.contains("legacy_recalculate"), "{error}");
    make("3 internal_hash:hmac(sha256):00 recalculate legacy_recalculate").unwrap();
}

#[test]
fn discards_reach_through_the_journal() {
    let rig = Rig::new();
    let options =
        "data 0 - J 4 internal_hash:crc32c fix_padding allow_discards journal_sectors:600";
    let (device, wanted) = rig.filled(options);
    let range = SectorRange::new(Sector(64), SectorCount(64)).unwrap();
    device.discard(range).unwrap();
    let mut found = vec![0; wanted.len()];
    device.read_at(Sector(0), &mut found).unwrap();
    assert!(found[..64 * 512] == wanted[..64 * 512]);
    assert!(found[128 * 512..] == wanted[128 * 512..]);
    assert!(found[64 * 512..128 * 512] != wanted[64 * 512..128 * 512]);
    device
        .write_at(Sector(64), &[1; 512], IoFlags::empty())
        .unwrap();
    device.read_at(Sector(0), &mut found).unwrap();
    assert_eq!(found[64 * 512], 1);
}

#[test]
fn device_that_grew_has_more_sectors() {
    for mode in ["J", "B", "D"] {
        let options = format!("data 0 - {mode} 2 internal_hash:crc32c fix_padding");
        let rig = Rig::new();
        let (device, wanted) = rig.filled(&options);
        drop(device);
        rig.remove("tagged");
        let larger = MemDev::new(SectorCount(2 * SECTORS));
        larger
            .write_at(Sector(0), &rig.data.content(), IoFlags::empty())
            .unwrap();
        let rig = Rig::over(larger);
        let device = rig.made(&options);
        let sectors = rig.status()[1];
        assert!(sectors * 512 > wanted.len() as u64);
        let mut found = vec![0; wanted.len()];
        device.read_at(Sector(0), &mut found).unwrap();
        assert!(found == wanted);
        device
            .write_at(Sector(sectors - 8), &[1; 4096], IoFlags::empty())
            .unwrap();
        device.read_at(Sector(sectors - 8), &mut [0; 4096]).unwrap();
    }
}
