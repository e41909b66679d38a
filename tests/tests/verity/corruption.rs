//! Wrong blocks: what fails, what is repaired, and what is told of it.

use std::sync::Arc;

use dm_core::blockdev::{Blocking, Fault, FaultDev, Then};
use dm_core::component::TableMode;
use dm_core::engine::Engine;
use dm_core::errno::Errno;
use dm_core::format::verity::{HashType, Superblock};
use dm_core::io::IoOp;
use dm_core::units::{Sector, SectorCount, SectorRange};
use dm_tests::export::Export;
use fastrand::Rng;

use crate::image::{Image, Made, USUAL, block, create, disk, open, status};

#[test]
fn unreadable_blocks_are_repaired() {
    let image = Image::new(USUAL, 7);
    let data = FaultDev::new(Arc::new(disk(&image.data)));
    data.inject(Fault {
        range: SectorRange::new(Sector(80), SectorCount(8)),
        ..Fault::always(Some(IoOp::Read), Then::Fail(Errno::EIO.into()))
    });
    let engine = Engine::new();
    engine.attach("data", Arc::new(data));
    engine.attach("hash", Arc::new(disk(&image.hashes)));
    engine.attach("codes", Arc::new(disk(&image.codes)));
    create(&engine, &image.table(&image.fec_options())).unwrap();
    let device = open(&engine);
    for index in 0..40 {
        let from = usize::try_from(index).unwrap() * 4096;
        let found = block(&device, &USUAL, index).unwrap();
        assert!(found == image.data[from..from + 4096], "{index}");
    }
    assert_eq!(status(&engine), "V");
}

#[test]
fn clients_of_an_export_see_eio() {
    let mut image = Image::new(USUAL, 12);
    image.data[9 * 4096 + 5] ^= 1;
    let (engine, _) = image.device("");
    let export = Export::of(&engine, "proven", TableMode::ReadOnly);
    for index in 0..20 {
        let mut found = vec![0; 4096];
        let read = export.disk.read_at(Sector(index * 8), &mut found);
        match index {
            9 => assert_eq!(read.unwrap_err().errno(), Errno::EIO),
            _ => assert!(
                read.is_ok()
                    && found == image.data[usize::try_from(index).unwrap() * 4096..][..4096]
            ),
        }
    }
    assert_eq!(status(&engine), "C");
}

/// What is flipped.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Area {
    Data,
    Tree,
    Codes,
}

#[test]
fn flipped_bits_fail_what_they_cover_or_are_repaired() {
    let images = [
        USUAL,
        Made {
            hash: "sha1",
            hash_type: HashType::ChromeOs,
            roots: 5,
            ..USUAL
        },
        Made {
            data_block: 512,
            hash_block: 512,
            blocks: 900,
            roots: 24,
            ..USUAL
        },
    ];
    for (number, made) in images.into_iter().enumerate() {
        let image = Image::new(made, 8);
        let size = usize::try_from(made.data_block).unwrap();
        for seed in 0..70 {
            let mut rng = Rng::with_seed(seed);
            for area in [Area::Data, Area::Tree, Area::Codes] {
                let what = format!("image {number}, seed {seed}, {area:?}");
                let mut spoilt = image.clone();
                let tree = usize::try_from(image.tree.start()).unwrap() * size;
                let (bytes, from) = match area {
                    Area::Data => (&mut spoilt.data, 0),
                    Area::Tree => (&mut spoilt.hashes, tree),
                    Area::Codes => (&mut spoilt.codes, 0),
                };
                let at = rng.usize(from..bytes.len());
                bytes[at] ^= 1 << rng.u8(..8);
                let covers = |index: u64| match area {
                    Area::Data => index == (at / size) as u64,
                    Area::Tree => (0..image.tree.levels().len()).any(|level| {
                        let first = image.tree.levels()[level].first;
                        first + image.tree.index(level, index) == (at / size) as u64
                    }),
                    Area::Codes => false,
                };
                let (plain, plain_device) = spoilt.device("");
                let (fec, fec_device) = spoilt.device(&spoilt.fec_options());
                let near = (0..made.blocks).find(|index| covers(*index)).unwrap_or(0);
                let others = (0..6).map(|_| rng.u64(..made.blocks));
                let indexes: Vec<u64> = others.chain([near]).collect();
                for index in indexes {
                    let from = usize::try_from(index).unwrap() * size;
                    let right = image.data[from..from + size].to_vec();
                    let wanted = match covers(index) {
                        true => Err(Errno::EIO),
                        false => Ok(right.clone()),
                    };
                    assert!(
                        block(&plain_device, &made, index) == wanted,
                        "{what}: {index}"
                    );
                    assert!(
                        block(&fec_device, &made, index) == Ok(right),
                        "{what}: {index}"
                    );
                }
                let wanted = if covers(near) { "C" } else { "V" };
                assert_eq!(status(&plain), wanted, "{what}");
                assert_eq!(status(&fec), "V", "{what}");
            }
        }
    }
}

#[test]
fn flipped_superblock_is_refused_or_proves_nothing_wrong() {
    let made = Made {
        blocks: 60,
        ..USUAL
    };
    let image = Image::new(made, 10);
    let mut right = 0;
    for at in 0..512 {
        let mut bytes = image.hashes[..512].to_vec();
        bytes[at] ^= 1 << Rng::with_seed(at as u64).u8(..8);
        let Ok(superblock) = Superblock::read(&bytes) else {
            continue;
        };
        let spoilt = Image {
            superblock,
            ..image.clone()
        };
        let engine = spoilt.engine();
        if create(&engine, &spoilt.table("")).is_err() {
            continue;
        }
        let mut bytes = vec![0; 4096];
        if open(&engine).read_at(Sector(0), &mut bytes).is_ok() {
            assert!(bytes == image.data[..4096], "byte {at}");
            right += 1;
        }
    }
    // The uuid, what is behind the salt, and reserved bytes, say nothing of the data.
    assert!((16 + 236..512).contains(&right), "{right}");
}

#[test]
fn known_wrong_blocks_cost_one_root_each() {
    let mut image = Image::new(USUAL, 11);
    let rounds = (700 + 7_u64).div_ceil(253);
    // Two wrong blocks of a round are two roots if both are known to be wrong.
    for index in [7, 7 + rounds] {
        let from = usize::try_from(index).unwrap() * 4096;
        image.data[from..from + 4096].fill(0x77);
    }
    let original = Image::new(USUAL, 11);
    let (engine, device) = image.device(&image.fec_options());
    for index in [7, 7 + rounds] {
        let from = usize::try_from(index).unwrap() * 4096;
        let found = block(&device, &USUAL, index).unwrap();
        assert!(found == original.data[from..from + 4096]);
    }
    assert_eq!(status(&engine), "V");
    // A third is too many.
    let from = usize::try_from(7 + 2 * rounds).unwrap() * 4096;
    image.data[from..from + 4096].fill(0x78);
    let (engine, device) = image.device(&image.fec_options());
    assert_eq!(block(&device, &USUAL, 7), Err(Errno::EIO));
    assert_eq!(status(&engine), "C");
}
