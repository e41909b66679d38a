//! Any bytes as a verity superblock, as the numbers of a tree and of codes, and as a codeword.
#![no_main]

use dm_core::format::verity::{
    BlockSize, Fec, Roots, SUPERBLOCK_BYTES, Superblock, Tree, algorithm, decode,
};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    if let Ok(superblock) = Superblock::read(bytes) {
        let written = superblock.write().expect("what was read can be written");
        assert_eq!(Superblock::read(&written), Ok(superblock.clone()));
        tree(
            &superblock,
            bytes.get(SUPERBLOCK_BYTES..).unwrap_or_default(),
        );
    }
    if let Some(codeword) = bytes.first_chunk::<255>() {
        let rest = &bytes[255..];
        let roots = rest.first().and_then(|roots| Roots::new(*roots));
        let roots = roots.unwrap_or(Roots::USUAL);
        let erased = &rest[rest.len().min(1)..rest.len().min(30)];
        let mut repaired = *codeword;
        match decode(&mut repaired, roots, erased) {
            Ok(_) if repaired != *codeword => {
                assert_eq!(
                    decode(&mut repaired, roots, &[]),
                    Ok(0),
                    "it is a codeword now"
                );
            }
            Ok(_) => {}
            Err(_) => assert_eq!(repaired, *codeword),
        }
    }
});

/// Numbers in `rest` are where the tree starts, and how much codes cover.
fn tree(superblock: &Superblock, rest: &[u8]) {
    let number = |at: usize| {
        let bytes = rest.get(at..at + 8)?.try_into().ok()?;
        Some(u64::from_le_bytes(bytes))
    };
    let Some(algorithm) = algorithm(&superblock.algorithm) else {
        return;
    };
    let sizes = (superblock.data_block, superblock.hash_block);
    let start = number(0).or_else(|| superblock.tree_start(0));
    let tree = Tree::new(
        superblock.hash_type,
        algorithm.digest_size(),
        sizes,
        superblock.data_blocks,
        start.unwrap_or_default(),
    );
    if let Ok(tree) = tree {
        assert!(tree.levels().len() <= 22);
        let last = superblock.data_blocks - 1;
        for (at, level) in tree.levels().iter().enumerate() {
            let index = tree.index(at, last);
            assert!(index < level.blocks);
            let below = if at == 0 {
                last
            } else {
                tree.index(at - 1, last)
            };
            let slot = tree.slot(at, below);
            assert_eq!(slot.block, level.first + index);
            assert!(slot.block < tree.end());
            assert!(slot.offset + tree.digest_size() <= sizes.1.bytes());
        }
    }
    let blocks = number(8).unwrap_or(superblock.data_blocks);
    if let Ok(fec) = Fec::new(Roots::USUAL, BlockSize::USUAL, blocks) {
        let (round, place) = fec.place(blocks - 1);
        assert_eq!(fec.round(round).nth(place), Some(Some(blocks - 1)));
        assert!(fec.bytes() >= fec.round_bytes() as u64);
    }
}
