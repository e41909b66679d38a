//! Images in memory, and verity on them.

use std::sync::Arc;

use dm_core::blockdev::{Blocking, MemDev};
use dm_core::client::Dm;
use dm_core::command::{Create, Load, Slot, SuspendOptions};
use dm_core::component::TableMode;
use dm_core::engine::{Engine, OpenDevice};
use dm_core::errno::Errno;
use dm_core::error::DmError;
use dm_core::format::verity::{
    BlockSize, Encoder, Fec, HashType, Roots, Superblock, Tree, algorithm,
};
use dm_core::io::IoFlags;
use dm_core::table::TableLine;
use dm_core::target::FlushMode;
use dm_core::units::{Sector, SectorCount};
use dm_tests::script::name;
use fastrand::Rng;

/// How an image is made.
#[derive(Clone, Copy)]
pub(crate) struct Made {
    pub(crate) hash: &'static str,
    pub(crate) hash_type: HashType,
    pub(crate) data_block: u32,
    pub(crate) hash_block: u32,
    pub(crate) blocks: u64,
    pub(crate) roots: u8,
}

pub(crate) const USUAL: Made = Made {
    hash: "sha256",
    hash_type: HashType::Normal,
    data_block: 4096,
    hash_block: 4096,
    blocks: 700,
    roots: 2,
};

/// Data, tree and codes.
#[derive(Clone)]
pub(crate) struct Image {
    pub(crate) made: Made,
    pub(crate) superblock: Superblock,
    pub(crate) tree: Tree,
    pub(crate) root: String,
    pub(crate) data: Vec<u8>,
    /// Superblock and tree.
    pub(crate) hashes: Vec<u8>,
    pub(crate) codes: Vec<u8>,
}

impl Image {
    pub(crate) fn new(made: Made, seed: u64) -> Image {
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

    pub(crate) fn salt(&self) -> String {
        let salt = self.superblock.salt.iter();
        salt.map(|byte| format!("{byte:02x}")).collect()
    }

    pub(crate) fn sectors(&self) -> u64 {
        self.data.len() as u64 / 512
    }

    pub(crate) fn table(&self, options: &str) -> String {
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

    pub(crate) fn fec_options(&self) -> String {
        let tree = self.tree.end() - self.tree.start();
        format!(
            " 8 use_fec_from_device codes fec_blocks {} fec_start 0 fec_roots {}",
            self.made.blocks + tree,
            self.made.roots
        )
    }

    pub(crate) fn engine(&self) -> Engine {
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
    pub(crate) fn device(&self, options: &str) -> (Engine, OpenDevice) {
        let engine = self.engine();
        create(&engine, &self.table(options)).unwrap();
        let device = open(&engine);
        (engine, device)
    }
}

pub(crate) fn codes(made: &Made, covered: &[u8]) -> Vec<u8> {
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

pub(crate) fn disk(bytes: &[u8]) -> MemDev {
    let dev = MemDev::new(SectorCount(bytes.len() as u64 / 512));
    if !bytes.is_empty() {
        dev.write_at(Sector(0), bytes, IoFlags::empty()).unwrap();
    }
    dev
}

pub(crate) fn create(engine: &Engine, table: &str) -> Result<(), DmError> {
    let dm = Dm::new(engine);
    dm.create(Create::new(name("proven")))?;
    let lines = TableLine::parse_table(table)?;
    dm.load(Load::new(name("proven"), lines).read_only())?;
    dm.resume(name("proven"), SuspendOptions::default())?;
    Ok(())
}

pub(crate) fn open(engine: &Engine) -> OpenDevice {
    let id = name("proven").into();
    engine.open(&id, TableMode::ReadOnly).unwrap()
}

pub(crate) fn status(engine: &Engine) -> String {
    let (_, lines) = Dm::new(engine)
        .status(name("proven"), Slot::Active, FlushMode::NoFlush)
        .unwrap();
    lines[0].params.clone()
}

pub(crate) fn block(device: &OpenDevice, made: &Made, index: u64) -> Result<Vec<u8>, Errno> {
    let mut bytes = vec![0; usize::try_from(made.data_block).unwrap()];
    let start = Sector(index * u64::from(made.data_block) / 512);
    let read = device.read_at(start, &mut bytes);
    read.map(|()| bytes).map_err(|error| error.errno())
}
