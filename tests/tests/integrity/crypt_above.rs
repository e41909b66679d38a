//! crypt over integrity: tags that come from above, and what they prove.

use dm_core::blockdev::{Blocking, MemDev, TagFormat};
use dm_core::client::Dm;
use dm_core::command::Slot;
use dm_core::engine::OpenDevice;
use dm_core::errno::Errno;
use dm_core::format::integrity::{Devices, Layout, Superblock};
use dm_core::io::IoFlags;
use dm_core::units::{Sector, SectorCount};
use dm_tests::script::{create, name, open, swap};
use fastrand::Rng;

use crate::rig::Rig;

const HALF: &str = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f";

/// What is below, and what is above: `KEY` has 32 bytes.
const PAIRS: &[(&str, &str)] = &[
    (
        "data 0 28 J 2 fix_padding journal_sectors:600",
        "capi:gcm(aes)-random KEY 0 BELOW 0 1 integrity:28:aead",
    ),
    (
        "data 16 28 D 2 block_size:4096 interleave_sectors:64",
        "capi:rfc7539(chacha20,poly1305)-random KEY 16 BELOW 0 2 integrity:28:aead sector_size:4096",
    ),
    (
        "data 0 32 J 3 block_size:4096 journal_sectors:2000 meta_device:meta",
        "capi:authenc(hmac(sha256),xts(aes))-plain64 KEYKEYKEY 8 BELOW 0 3 integrity:32:aead sector_size:4096 iv_large_sectors",
    ),
    (
        "data 0 40 D 1 fix_padding",
        "aes-xts-random KEYKEY 0 BELOW 0 1 integrity:16:none",
    ),
];

fn above(rig: &Rig, words: &str, sectors: u64) -> OpenDevice {
    let words = words
        .replace("KEY", HALF)
        .replace("BELOW", "/dev/mapper/tagged");
    create(&rig.engine, "above", &format!("0 {sectors} crypt {words}")).unwrap();
    open(&rig.engine, "above")
}

#[test]
fn what_is_written_is_read_back_also_after_both_were_made_anew() {
    for (below, words) in PAIRS {
        let rig = Rig::new();
        drop(rig.made(below));
        let sectors = rig.status()[1] & !7;
        let device = above(&rig, words, sectors);
        let mut rng = Rng::with_seed(5);
        let mut wanted: Vec<u8> = (0..sectors * 512).map(|_| rng.u8(..)).collect();
        device.write_at(Sector(0), &wanted, IoFlags::FUA).unwrap();
        for _ in 0..40 {
            let start = rng.u64(..sectors) & !7;
            let count = (rng.u64(1..=80) * 8).min(sectors - start);
            let at = usize::try_from(start * 512).unwrap();
            let part = &mut wanted[at..][..usize::try_from(count * 512).unwrap()];
            part.iter_mut().for_each(|byte| *byte = rng.u8(..));
            device
                .write_at(Sector(start), part, IoFlags::empty())
                .unwrap();
            // Before and after the journal has it, and across where requests are cut.
            let mut found = vec![0; part.len()];
            device.read_at(Sector(start), &mut found).unwrap();
            assert!(found == part, "{words}: {start}");
        }
        drop(device);
        let dm = Dm::new(&rig.engine);
        let tables = ["tagged", "above"].map(|device| {
            let (_, lines) = dm.table(name(device), Slot::Active).unwrap();
            lines[0].to_string()
        });
        rig.remove("above");
        rig.remove("tagged");
        for (device, table) in ["tagged", "above"].iter().zip(&tables) {
            create(&rig.engine, device, table).unwrap();
        }
        let mut found = vec![0; wanted.len()];
        open(&rig.engine, "above")
            .read_at(Sector(0), &mut found)
            .unwrap();
        assert!(found == wanted, "{words}");
        // Past crypt, data moves without tags, as in the kernel.
        let mut found = vec![0; wanted.len()];
        open(&rig.engine, "tagged")
            .read_at(Sector(0), &mut found)
            .unwrap();
        assert!(found != wanted, "{words}");
    }
}

#[test]
fn recovery_mode_hands_up_the_tags_that_are_there() {
    let (below, words) = PAIRS[0];
    let rig = Rig::new();
    drop(rig.made(below));
    let sectors = rig.status()[1] & !7;
    let device = above(&rig, words, sectors);
    let content = vec![0x5a; usize::try_from(sectors * 512).unwrap()];
    device.write_at(Sector(0), &content, IoFlags::FUA).unwrap();
    drop(device);
    rig.remove("above");
    rig.remove("tagged");
    rig.tagged(sectors, &below.replace(" J ", " R "));
    let device = above(&rig, words, sectors);
    let mut found = vec![0; content.len()];
    device.read_at(Sector(0), &mut found).unwrap();
    assert!(found == content);
    assert!(
        device
            .write_at(Sector(0), &content[..512], IoFlags::empty())
            .is_err()
    );
}

#[test]
fn wrong_sectors_fail_and_no_others() {
    for (below, words) in &PAIRS[..2] {
        let rig = Rig::new();
        drop(rig.made(below));
        let sectors = rig.status()[1] & !7;
        let bytes = vec![0x5a; usize::try_from(sectors * 512).unwrap()];
        let device = above(&rig, words, sectors);
        device
            .write_at(Sector(0), &bytes, IoFlags::empty())
            .unwrap();
        drop(device);
        rig.remove("above");
        rig.remove("tagged");
        let reserved = if below.starts_with("data 16") { 16 } else { 0 };
        let disk = rig.data.content();
        let superblock = Superblock::read(&disk[reserved * 512..]).unwrap();
        let size = SectorCount(disk.len() as u64 / 512);
        let layout = Layout::new(&superblock, Sector(reserved as u64), Devices::One(size), 0);
        let layout = layout.unwrap();
        let (step, tag) = (layout.block().0, layout.tag_size());
        let place =
            |number: u64| usize::try_from(layout.data(Sector(number * step)).0).unwrap() * 512;
        let tag_at = |number: u64| usize::try_from(layout.tag(Sector(number * step))).unwrap();
        let mut wrong = disk.clone();
        wrong[place(1) + 77] ^= 8;
        wrong[tag_at(3) + tag - 1] ^= 1;
        let each = usize::try_from(step * 512).unwrap();
        for at in 0..each {
            wrong.swap(place(5) + at, place(6) + at);
        }
        for at in 0..tag {
            wrong.swap(tag_at(5) + at, tag_at(6) + at);
        }
        let rig = Rig::over(MemDev::new(size));
        rig.data
            .write_at(Sector(0), &wrong, IoFlags::empty())
            .unwrap();
        rig.tagged(sectors, below);
        let device = above(&rig, words, sectors);
        let mut block = vec![0; each];
        let mut failed = Vec::new();
        for number in 0..sectors / step {
            match device.read_at(Sector(number * step), &mut block) {
                Ok(()) => assert!(block == bytes[..each], "{words}: {number}"),
                Err(error) => {
                    assert_eq!(error.errno(), Errno::EILSEQ);
                    failed.push(number);
                }
            }
        }
        assert_eq!(failed, [1, 3, 5, 6], "{words}");
    }
}

#[test]
fn tags_reach_through_linear_and_striped() {
    let rig = Rig::new();
    drop(rig.made("data 0 28 D 1 fix_padding"));
    let format = TagFormat {
        bytes: 28,
        block: 512,
    };
    let linear = |start: u64| format!("linear /dev/mapper/tagged {start}");
    create(&rig.engine, "part", &format!("0 1024 {}", linear(64))).unwrap();
    let two = format!("0 512 {}\n512 512 {}", linear(0), linear(2048));
    swap(&rig.engine, "part", &two).unwrap();
    let limits = |device: &str| {
        use dm_core::blockdev::BlockDev as _;
        open(&rig.engine, device).info().limits.tags
    };
    assert_eq!(limits("part"), Some(format));
    let words = PAIRS[0].1.replace("KEY", HALF);
    let table = format!(
        "0 1024 crypt {}",
        words.replace("BELOW", "/dev/mapper/part")
    );
    create(&rig.engine, "above", &table).unwrap();
    assert_eq!(limits("above"), None);
    let mut rng = Rng::with_seed(1);
    let bytes: Vec<u8> = (0..1024 * 512).map(|_| rng.u8(..)).collect();
    let device = open(&rig.engine, "above");
    device
        .write_at(Sector(0), &bytes, IoFlags::empty())
        .unwrap();
    let mut found = vec![0; bytes.len()];
    device.read_at(Sector(0), &mut found).unwrap();
    assert!(found == bytes);
    // What keeps no tags lets none through.
    let mixed = format!("0 512 {}\n512 512 zero", linear(0));
    create(&rig.engine, "mixed", &mixed).unwrap();
    assert_eq!(limits("mixed"), None);
}

#[test]
fn pairs_that_do_not_fit_say_what_would() {
    let rig = Rig::new();
    drop(rig.made("data 0 28 D 1 fix_padding"));
    let hashed = Rig::new();
    drop(hashed.made("data 0 - D 2 internal_hash:crc32c fix_padding"));
    let refused = |rig: &Rig, words: &str| {
        let words = words
            .replace("KEY", HALF)
            .replace("BELOW", "/dev/mapper/tagged");
        let made = create(&rig.engine, "above", &format!("0 8 crypt {words}"));
        let said = made.unwrap_err().report();
        assert!(!said.contains(HALF), "{said}");
        rig.remove("above");
        said
    };
    for (words, said) in [
        (
            "capi:gcm(aes)-random KEY 0 BELOW 0 1 integrity:29:aead",
            "tags of 28 bytes, and 29",
        ),
        (
            "capi:gcm(aes)-random KEY 0 BELOW 0 1 integrity:12:aead",
            "of 4, 8 or 12 to 16 bytes, not 0",
        ),
        (
            "capi:gcm(aes)-random KEY 0 BELOW 0 1 integrity:11:aead",
            "the IV alone takes 12",
        ),
        (
            "capi:gcm(aes)-random KEYKEY 0 BELOW 0 1 integrity:28:aead",
            "16, 24 or 32 bytes",
        ),
        (
            "capi:gcm(aes)-random KEY 0 BELOW 0 2 integrity:28:aead sector_size:4096",
            "for each 512 bytes, and the sectors have 4096",
        ),
        (
            "aes-gcm-random KEY 0 BELOW 0 1 integrity:28:aead",
            "spelled capi:SPEC-IV",
        ),
        (
            "aes-xts-random KEY 0 data 0 1 integrity:16:none",
            "the device keeps no tags",
        ),
        (
            "capi:gcm(aes)-random KEY 0 data 0 1 integrity:28:aead",
            "the device keeps no tags",
        ),
        (
            "capi:gcm(aes)-random KEY 0 BELOW 0 1 integrity:481:aead",
            "of 1 to 480 bytes",
        ),
        (
            "capi:gcm(aes)-random KEY 0 BELOW 0 1 integrity:28:hmac(sha256)",
            "integrity:BYTES:aead",
        ),
    ] {
        let found = refused(&rig, words);
        assert!(found.contains(said), "{words}: {found}");
    }
    let found = refused(&hashed, PAIRS[0].1);
    assert!(found.contains("without an internal_hash"), "{found}");
}
