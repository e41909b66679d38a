//! Blocks of the tree that were found right.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use crate::format::verity::BlockSize;
use crate::locks::lock;

/// Bytes that a cache may hold.
const BYTES: usize = 16 << 20;

/// A cache of blocks in two generations: when the young one is full, the old one goes. What is used
/// of the old one becomes young again.
pub(super) struct Cache {
    most: usize,
    blocks: Mutex<Generations>,
}

#[derive(Default)]
struct Generations {
    young: HashMap<u64, Arc<[u8]>>,
    old: HashMap<u64, Arc<[u8]>>,
}

impl Cache {
    /// A cache of blocks of this size.
    pub(super) fn new(block: BlockSize) -> Cache {
        Cache {
            most: (BYTES / block.bytes() / 2).max(32),
            blocks: Mutex::default(),
        }
    }

    /// The block, if it is known.
    pub(super) fn find(&self, block: u64) -> Option<Arc<[u8]>> {
        let mut blocks = lock(&self.blocks);
        if let Some(found) = blocks.young.get(&block) {
            return Some(found.clone());
        }
        let found = blocks.old.remove(&block)?;
        self.put(&mut blocks, block, found.clone());
        Some(found)
    }

    /// Keeps a block that was found right.
    pub(super) fn keep(&self, block: u64, bytes: Arc<[u8]>) {
        self.put(&mut lock(&self.blocks), block, bytes);
    }

    fn put(&self, blocks: &mut Generations, block: u64, bytes: Arc<[u8]>) {
        if blocks.young.len() >= self.most {
            blocks.old = std::mem::take(&mut blocks.young);
        }
        blocks.young.insert(block, bytes);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cache_stays_bounded_and_keeps_what_is_used() {
        let cache = Cache::new(BlockSize::new(1 << 16).expect("a block size"));
        let bytes: Arc<[u8]> = Arc::from([1]);
        for block in 0..10_000 {
            cache.keep(block, bytes.clone());
            assert!(cache.find(0).is_some(), "{block}");
        }
        let blocks = lock(&cache.blocks);
        assert!(blocks.young.len() + blocks.old.len() <= 2 * cache.most);
    }
}
