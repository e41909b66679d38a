//! verity in the engine: right blocks are read, wrong ones fail or are repaired, and nothing else.

use std::sync::Arc;

use dm_core::blockdev::{Blocking, Fault, FaultDev, MemDev, Then};
use dm_core::client::Dm;
use dm_core::command::{Create, Load, Slot, SuspendOptions};
use dm_core::component::TableMode;
use dm_core::engine::{Engine, OpenDevice};
use dm_core::errno::Errno;
use dm_core::error::DmError;
use dm_core::format::verity::{
    BlockSize, Encoder, Fec, HashType, Roots, Superblock, Tree, algorithm,
};
use dm_core::io::{IoFlags, IoOp};
use dm_core::table::TableLine;
use dm_core::target::FlushMode;
use dm_core::units::{Sector, SectorCount, SectorRange};
use dm_tests::script::name;
use fastrand::Rng;

/// How an image is made.
#[derive(Clone, Copy)]
struct Made {
    hash: &'static str,
    hash_type: HashType,
    data_block: u32,
    hash_block: u32,
    blocks: u64,
    roots: u8,
}

const USUAL: Made = Made {
    hash: "sha256",
    hash_type: HashType::Normal,
    data_block: 4096,
    hash_block: 4096,
    blocks: 700,
    roots: 2,
};

/// Data, tree and codes.
#[derive(Clone)]
struct Image {
    made: Made,
    superblock: Superblock,
    tree: Tree,
    root: String,
    data: Vec<u8>,
    /// Superblock and tree.
    hashes: Vec<u8>,
    codes: Vec<u8>,
}

impl Image {
    fn new(made: Made, seed: u64) -> Image {
        let mut rng = Rng::with_seed(seed);
        let size = |bytes| BlockSize::new(bytes).unwrap();
        let mut superblock = Superblock::new([5; 16], made.blocks);
        superblock.algorithm = made.hash.into();
        superblock.hash_type = made.hash_type;
        superblock.data_block = size(made.data_block);
        superblock.hash_block = size(made.hash_block);
        superblock.salt = (0..20).map(|_| rng.u8(..)).collect();
        let data: Vec<u8> = (0..made.blocks * u64::from(made.data_block))
            .map(|_| rng.u8(..))
            .collect();
        let algorithm = algorithm(made.hash).unwrap();
        let start = superblock.tree_start(0).unwrap();
        let tree = Tree::new(
            made.hash_type,
            algorithm.digest_size(),
            (superblock.data_block, superblock.hash_block),
            made.blocks,
            start,
        )
        .unwrap();
        let hash = algorithm.salted(made.hash_type, &superblock.salt);
        let (bytes, root) = tree.build(&*hash, &data);
        let mut hashes = superblock.write().unwrap().to_vec();
        hashes.resize(
            usize::try_from(start).unwrap() << superblock.hash_block.shift(),
            0,
        );
        let codes = match made.data_block == made.hash_block {
            true => codes(&made, &[&data[..], &bytes].concat()),
            false => Vec::new(),
        };
        hashes.extend(bytes);
        Image {
            made,
            superblock,
            tree,
            root: root.iter().map(|byte| format!("{byte:02x}")).collect(),
            data,
            hashes,
            codes,
        }
    }

    fn salt(&self) -> String {
        let salt = self.superblock.salt.iter();
        salt.map(|byte| format!("{byte:02x}")).collect()
    }

    fn sectors(&self) -> u64 {
        self.data.len() as u64 / 512
    }

    fn table(&self, options: &str) -> String {
        let Superblock {
            hash_type,
            data_block,
            hash_block,
            data_blocks,
            ..
        } = &self.superblock;
        format!(
            "0 {} verity {} data hash {data_block} {hash_block} {data_blocks} {} {} {} {}{options}",
            self.sectors(),
            hash_type.number(),
            self.tree.start(),
            self.superblock.algorithm,
            self.root,
            self.salt(),
        )
    }

    fn fec_options(&self) -> String {
        let tree = self.tree.end() - self.tree.start();
        format!(
            " 8 use_fec_from_device codes fec_blocks {} fec_start 0 fec_roots {}",
            self.made.blocks + tree,
            self.made.roots
        )
    }

    fn engine(&self) -> Engine {
        let engine = Engine::new();
        for (word, bytes) in [
            ("data", &self.data),
            ("hash", &self.hashes),
            ("codes", &self.codes),
        ] {
            engine.attach(word, Arc::new(disk(bytes)));
        }
        engine
    }

    /// The device, with a table that has these options.
    fn device(&self, options: &str) -> (Engine, OpenDevice) {
        let engine = self.engine();
        create(&engine, &self.table(options)).unwrap();
        let device = open(&engine);
        (engine, device)
    }
}

fn codes(made: &Made, covered: &[u8]) -> Vec<u8> {
    let size = BlockSize::new(made.data_block).unwrap();
    let roots = Roots::new(made.roots).unwrap();
    let blocks: Vec<&[u8]> = covered.chunks(size.bytes()).collect();
    let fec = Fec::new(roots, size, blocks.len() as u64).unwrap();
    let mut codes = vec![0; usize::try_from(fec.bytes()).unwrap()];
    let encoder = Encoder::new(roots);
    for (round, codes) in (0..).zip(codes.chunks_mut(fec.round_bytes())) {
        let rows: Vec<&[u8]> = fec
            .round(round)
            .map(|block| block.map_or(&[][..], |block| blocks[usize::try_from(block).unwrap()]))
            .collect();
        encoder.encode(&rows, codes);
    }
    codes
}

fn disk(bytes: &[u8]) -> MemDev {
    let dev = MemDev::new(SectorCount(bytes.len() as u64 / 512));
    if !bytes.is_empty() {
        dev.write_at(Sector(0), bytes, IoFlags::empty()).unwrap();
    }
    dev
}

fn create(engine: &Engine, table: &str) -> Result<(), DmError> {
    let dm = Dm::new(engine);
    dm.create(Create::new(name("proven")))?;
    let lines = TableLine::parse_table(table)?;
    dm.load(Load::new(name("proven"), lines).read_only())?;
    dm.resume(name("proven"), SuspendOptions::default())?;
    Ok(())
}

fn open(engine: &Engine) -> OpenDevice {
    let id = name("proven").into();
    engine.open(&id, TableMode::ReadOnly).unwrap()
}

fn status(engine: &Engine) -> String {
    let (_, lines) = Dm::new(engine)
        .status(name("proven"), Slot::Active, FlushMode::NoFlush)
        .unwrap();
    lines[0].params.clone()
}

fn block(device: &OpenDevice, made: &Made, index: u64) -> Result<Vec<u8>, Errno> {
    let mut bytes = vec![0; usize::try_from(made.data_block).unwrap()];
    let start = Sector(index * u64::from(made.data_block) / 512);
    let read = device.read_at(start, &mut bytes);
    read.map(|()| bytes).map_err(|error| error.errno())
}

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
        (" 700 ", " 7000000 ", "past the end of the device"),
        (" 4096 4096 700 1 ", " 4096 4096 700 2 ", "past the end"),
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
