//! verity in the engine: right blocks are read, wrong ones fail or are repaired, and nothing else.

mod corruption;
mod image;

use std::sync::Arc;

use dm_core::blockdev::Blocking;
use dm_core::client::Dm;
use dm_core::command::Slot;
use dm_core::component::TableMode;
use dm_core::engine::Engine;
use dm_core::errno::Errno;
use dm_core::format::verity::{HashType, algorithm};
use dm_core::io::IoFlags;
use dm_core::units::Sector;
use dm_tests::script::name;
use fastrand::Rng;

use self::image::{Image, Made, USUAL, block, create, disk, open, status};

#[test]
fn right_blocks_are_read_however_they_are_asked_for() {
    for (at, hash) in ["sha256", "sha1", "sha512", "blake2b-256", "sha3-384", "sm3"]
        .into_iter()
        .enumerate()
    {
        for (data_block, hash_block, blocks) in [
            (4096, 4096, 1),
            (4096, 4096, 300),
            (512, 4096, 700),
            (4096, 512, 500),
            (65536, 1024, 20),
            (1024, 65536, 3000),
        ] {
            let hash_type = [HashType::Normal, HashType::ChromeOs][at % 2];
            let made = Made {
                hash,
                hash_type,
                data_block,
                hash_block,
                blocks,
                roots: 2,
            };
            let image = Image::new(made, 1);
            let (engine, device) = image.device("");
            let mut rng = Rng::with_seed(9);
            for _ in 0..30 {
                let start = rng.u64(..image.sectors());
                let most = (image.sectors() - start).min(600);
                let sectors = rng.u64(1..=most);
                let mut bytes = vec![0; usize::try_from(sectors * 512).unwrap()];
                device.read_at(Sector(start), &mut bytes).unwrap();
                let from = usize::try_from(start * 512).unwrap();
                assert!(bytes == image.data[from..from + bytes.len()]);
            }
            assert_eq!(status(&engine), "V");
        }
    }
}

#[test]
fn table_is_shown_as_a_kernel_shows_it() {
    let mut image = Image::new(USUAL, 2);
    image.root.make_ascii_uppercase();
    let options = format!(
        " 11 check_at_most_once ignore_corruption{} ignore_zero_blocks",
        &image.fec_options()[2..]
    );
    let engine = image.engine();
    create(&engine, &image.table(&options)).unwrap();
    let (_, lines) = Dm::new(&engine)
        .table(name("proven"), Slot::Active)
        .unwrap();
    image.root.make_ascii_lowercase();
    let options = format!(
        " 11 ignore_corruption ignore_zero_blocks check_at_most_once{}",
        &image.fec_options()[2..]
    );
    assert_eq!(lines[0].to_string(), image.table(&options));
}

#[test]
fn wrong_tables_are_refused() {
    let image = Image::new(USUAL, 2);
    let refused = |table: String| {
        let error = create(&image.engine(), &table).unwrap_err();
        error.report()
    };
    for (from, to, wanted) in [
        ("sha256", "md4", "is none of sha256"),
        ("sha256", "sha1", "the root hash has 32 bytes"),
        (" 700 ", " 7000000 ", "does not fit the hash device"),
        (
            " 4096 4096 700 1 ",
            " 4096 4096 700 2 ",
            "does not fit the hash device",
        ),
        (" 4096 4096 ", " 4096 1000 ", "not a power of two"),
        ("0 5600 ", "0 5601 ", "past the end"),
        (" 700 ", " 0 ", "longer than its 0 blocks"),
    ] {
        let error = refused(image.table("").replace(from, to));
        assert!(error.contains(wanted), "{to}: {error}");
    }
    let fec = image.fec_options();
    for (from, to, wanted) in [
        (
            "fec_blocks 707",
            "fec_blocks 706",
            "less than data and tree",
        ),
        ("fec_blocks 707", "fec_blocks 800", "past the end"),
        ("fec_start 0", "fec_start 1", "past the end"),
        ("fec_roots 2", "fec_roots 25", "not from 2 to 24"),
    ] {
        let error = refused(image.table(&fec.replace(from, to)));
        assert!(error.contains(wanted), "{to}: {error}");
    }
    let error = refused(image.table(" 2 root_hash_sig_key_desc key"));
    assert!(error.contains("keyring"), "{error}");
    let engine = image.engine();
    let error = dm_tests::script::create(&engine, "writable", &image.table("")).unwrap_err();
    assert!(error.report().contains("read-only"), "{}", error.report());
}

#[test]
fn writes_are_refused() {
    let (engine, _) = Image::new(USUAL, 3).device("");
    let id = name("proven").into();
    assert!(engine.open(&id, TableMode::ReadWrite).is_err());
}

#[test]
fn wrong_block_fails_alone() {
    let mut image = Image::new(USUAL, 4);
    image.data[5 * 4096 + 99] ^= 1;
    let (engine, device) = image.device("");
    assert!(block(&device, &USUAL, 4).is_ok());
    assert_eq!(status(&engine), "V");
    assert_eq!(block(&device, &USUAL, 5), Err(Errno::EIO));
    assert_eq!(status(&engine), "C");
    assert!(block(&device, &USUAL, 6).is_ok());
    // A sector of it, too, and a long request that has it in it.
    assert!(device.read_at(Sector(5 * 8 + 3), &mut [0; 512]).is_err());
    assert!(device.read_at(Sector(0), &mut [0; 64 << 10]).is_err());
    assert!(device.read_at(Sector(48), &mut [0; 64 << 10]).is_ok());
}

#[test]
fn restart_and_panic_are_errors_here_and_ignored_blocks_are_read() {
    let mut image = Image::new(USUAL, 4);
    image.data[5 * 4096] ^= 1;
    // The second leaf.
    let leaf = image.tree.levels()[0].first + 1;
    image.hashes[usize::try_from(leaf).unwrap() * 4096] ^= 1;
    for option in ["restart_on_corruption", "panic_on_corruption"] {
        let (_, device) = image.device(&format!(" 1 {option}"));
        assert_eq!(block(&device, &USUAL, 5), Err(Errno::EIO));
    }
    let (engine, device) = image.device(" 1 ignore_corruption");
    for index in [5, 128, 129] {
        let from = usize::try_from(index).unwrap() * 4096;
        let found = block(&device, &USUAL, index).unwrap();
        assert!(found == image.data[from..from + 4096]);
        assert_eq!(status(&engine), "C");
    }
}

#[test]
fn blocks_are_checked_once_if_that_is_asked_for() {
    let image = Image::new(USUAL, 5);
    let engine = Engine::new();
    let data = Arc::new(disk(&image.data));
    engine.attach("data", data.clone());
    engine.attach("hash", Arc::new(disk(&image.hashes)));
    create(&engine, &image.table(" 1 check_at_most_once")).unwrap();
    let device = open(&engine);
    block(&device, &USUAL, 3).unwrap();
    data.write_at(Sector(24), &[0; 8192], IoFlags::empty())
        .unwrap();
    assert_eq!(block(&device, &USUAL, 3).unwrap(), vec![0; 4096]);
    assert_eq!(block(&device, &USUAL, 4), Err(Errno::EIO));
}

#[test]
fn zero_blocks_are_not_read_if_that_is_asked_for() {
    let made = Made {
        blocks: 40,
        ..USUAL
    };
    let mut image = Image::new(made, 6);
    image.data[4096..8192].fill(0);
    let hash = algorithm("sha256").unwrap();
    let hash = hash.salted(HashType::Normal, &image.superblock.salt);
    let (bytes, root) = image.tree.build(&*hash, &image.data);
    image.hashes.truncate(4096);
    image.hashes.extend(bytes);
    image.root = root.iter().map(|byte| format!("{byte:02x}")).collect();
    // What lies there does not matter.
    image.data[4096 + 7] = 1;
    let (_, device) = image.device("");
    assert_eq!(block(&device, &made, 1), Err(Errno::EIO));
    let (engine, device) = image.device(" 1 ignore_zero_blocks");
    assert_eq!(block(&device, &made, 1).unwrap(), vec![0; 4096]);
    assert_eq!(status(&engine), "V");
}
