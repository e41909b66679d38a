//! integrity in the engine: what is written is proven when it is read, and nothing else is.

mod corruption;
mod crypt_above;
mod life;
mod power_loss;
mod rig;

use std::sync::Arc;
use std::thread;

use dm_core::blockdev::Blocking;
use dm_core::client::Dm;
use dm_core::command::{RemoveMode, Slot};
use dm_core::errno::Errno;
use dm_core::io::IoFlags;
use dm_core::units::{Sector, SectorCount, SectorRange};
use dm_tests::script::{create, name, open};
use fastrand::Rng;

use self::rig::{OPTIONS, Rig, SECTORS};

#[test]
fn what_is_written_is_read_back_also_by_the_next_device() {
    for options in OPTIONS {
        let rig = Rig::new();
        let (device, mut wanted) = rig.filled(options);
        let sectors = wanted.len() as u64 / 512;
        let mut rng = Rng::with_seed(2);
        for _ in 0..60 {
            let start = rng.u64(..sectors) & !7;
            let count = (rng.u64(1..=80) * 8).min((sectors - start) & !7);
            if count == 0 {
                continue;
            }
            let bytes: Vec<u8> = (0..count * 512).map(|_| rng.u8(..)).collect();
            match rng.u8(..4) {
                0 => {
                    let range = SectorRange::new(Sector(start), SectorCount(count)).unwrap();
                    device.write_zeroes(range, IoFlags::empty()).unwrap();
                }
                _ => device
                    .write_at(Sector(start), &bytes, IoFlags::FUA)
                    .unwrap(),
            }
            let place = usize::try_from(start * 512).unwrap();
            let mut found = vec![0; bytes.len()];
            device.read_at(Sector(start), &mut found).unwrap();
            wanted[place..place + found.len()].copy_from_slice(&found);
            assert!(found == bytes || found.iter().all(|byte| *byte == 0));
        }
        device.flush().unwrap();
        assert_eq!(rig.status()[0], 0);
        drop(device);
        let (_, lines) = Dm::new(&rig.engine)
            .table(name("tagged"), Slot::Active)
            .unwrap();
        rig.remove("tagged");
        create(&rig.engine, "again", &lines[0].to_string()).unwrap();
        let mut found = vec![0; wanted.len()];
        open(&rig.engine, "again")
            .read_at(Sector(0), &mut found)
            .unwrap();
        assert!(found == wanted, "{options}");
    }
}

#[test]
fn flipped_bits_fail_what_they_cover() {
    let mut covered = 0;
    for (options, seed) in OPTIONS
        .iter()
        .filter(|options| options.contains(" D "))
        .flat_map(|options| (0..40).map(move |seed| (options, seed)))
    {
        let rig = Rig::new();
        let (device, wanted) = rig.filled(options);
        let mut rng = Rng::with_seed(seed);
        let meta = options.contains("meta_device") && rng.bool();
        let disk = if meta { &rig.meta } else { &rig.data };
        for _ in 0..3 {
            let sector = Sector(rng.u64(256..SECTORS / 2));
            let mut bytes = [0; 512];
            disk.read_at(sector, &mut bytes).unwrap();
            bytes[rng.usize(..512)] ^= 1 << rng.u8(..8);
            disk.write_at(sector, &bytes, IoFlags::empty()).unwrap();
        }
        let mut wrong = 0;
        for (start, wanted) in (0..).step_by(8).zip(wanted.chunks_exact(4096)) {
            let mut found = [0; 4096];
            match device.read_at(Sector(start), &mut found) {
                Ok(()) => assert!(found[..] == *wanted, "{options}, {seed}: {start}"),
                Err(error) => {
                    assert_eq!(error.errno(), Errno::EILSEQ);
                    wrong += 1;
                }
            }
        }
        // Two flips may hit one block.
        assert!(wrong <= 3, "{options}, {seed}");
        assert!(rig.status()[0] <= 3);
        assert_eq!(rig.status()[0] > 0, wrong > 0);
        covered += wrong;
    }
    assert!(covered > 200, "{covered}");
}

#[test]
fn recovery_mode_reads_all() {
    let rig = Rig::new();
    let (device, _) = rig.filled(OPTIONS[0]);
    drop(device);
    rig.data
        .write_at(Sector(2000), &[0x5a; 4096], IoFlags::empty())
        .unwrap();
    let sectors = rig.status()[1];
    let recovery = OPTIONS[0].replace(" D ", " R ");
    create(
        &rig.engine,
        "recovery",
        &format!("0 {sectors} integrity {recovery}"),
    )
    .unwrap();
    let mut all = vec![0; usize::try_from(sectors * 512).unwrap()];
    open(&rig.engine, "recovery")
        .read_at(Sector(0), &mut all)
        .unwrap();
    assert!(
        open(&rig.engine, "tagged")
            .read_at(Sector(0), &mut all)
            .is_err()
    );
}

#[test]
fn writers_that_share_sectors_of_tags_lose_none() {
    let rig = Rig::new();
    let (device, wanted) = rig.filled(OPTIONS[0]);
    let device = Arc::new(device);
    let writers: Vec<_> = (0..8_u64)
        .map(|writer| {
            let device = device.clone();
            thread::spawn(move || {
                let byte = u8::try_from(writer).unwrap();
                for round in 0..60 {
                    let sector = Sector(round * 8 + writer);
                    device
                        .write_at(sector, &[byte; 512], IoFlags::empty())
                        .unwrap();
                }
            })
        })
        .collect();
    writers
        .into_iter()
        .for_each(|writer| writer.join().unwrap());
    let mut all = vec![0; wanted.len()];
    device.read_at(Sector(0), &mut all).unwrap();
    assert!((0..480).all(|sector| all[sector * 512] == u8::try_from(sector % 8).unwrap()));
    assert_eq!(rig.status()[0], 0);
}

#[test]
fn discards_need_to_be_allowed() {
    let rig = Rig::new();
    let (device, _) = rig.filled(OPTIONS[0]);
    let range = SectorRange::new(Sector(0), SectorCount(64)).unwrap();
    let refused = device.discard(range).unwrap_err();
    assert_eq!(refused.errno(), Errno::EOPNOTSUPP);
    let sectors = rig.status()[1];
    drop(device);
    let options = "data 0 - D 3 internal_hash:crc32c fix_padding allow_discards";
    create(
        &rig.engine,
        "trimmed",
        &format!("0 {sectors} integrity {options}"),
    )
    .unwrap();
    let device = open(&rig.engine, "trimmed");
    device.discard(range).unwrap();
    device.read_at(Sector(0), &mut [0; 512]).unwrap();
    device
        .write_at(Sector(0), &[1; 512], IoFlags::empty())
        .unwrap();
    device.read_at(Sector(0), &mut [0; 1024]).unwrap();
}

#[test]
fn wrong_tables_are_refused() {
    let rig = Rig::new();
    drop(rig.filled(OPTIONS[0]));
    for (table, wanted) in [
        (
            "0 8 integrity data 0 - I 1 internal_hash:crc32c",
            "modes J, B, D and R",
        ),
        (
            "0 8 integrity data 0 4 B 0",
            "mode B needs an internal_hash",
        ),
        (
            "0 8 integrity data 0 - J 2 internal_hash:crc32c journal_mac:crc32",
            "another journal_mac",
        ),
        (
            "0 8 integrity data 0 - J 2 internal_hash:crc32c journal_crypt:ctr(aes):00",
            "no key of 1 bytes",
        ),
        (
            "0 8 integrity data 0 - J 2 internal_hash:crc32c journal_crypt:gcm(aes):00",
            "the mode gcm is none of",
        ),
        (
            "0 8 integrity data 0 - D 1 internal_hash:md4",
            "none of crc32c",
        ),
        (
            "0 8 integrity data 0 - D 1 internal_hash:sha1",
            "another tag size",
        ),
        (
            "0 8 integrity data 0 - D 2 internal_hash:crc32c block_size:4096",
            "another block size",
        ),
        (
            "0 8 integrity data 1 - D 1 internal_hash:crc32c",
            "no integrity superblock",
        ),
        (
            "0 99999 integrity data 0 - D 1 internal_hash:crc32c",
            "are to be mapped",
        ),
    ] {
        let error = create(&rig.engine, "refused", table).unwrap_err().report();
        assert!(error.contains(wanted), "{table}: {error}");
        let _ = Dm::new(&rig.engine).remove(name("refused"), RemoveMode::IfUnused);
    }
}
