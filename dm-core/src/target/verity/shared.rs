//! What all requests share: the tree, the devices, what was found.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use crate::component::Component;
use crate::format::verity::{BlockHash, Fec, Tree};
use crate::target::Host;
use crate::typed::verity::OnCorruption;
use crate::units::SectorCount;

use super::cache::Cache;
use super::repair::Trouble;

/// Wrong blocks that are logged.
const LOGGED_MAX: u32 = 100;

pub(super) struct Core {
    pub(super) host: Arc<dyn Host>,
    pub(super) tree: Tree,
    pub(super) hash: Box<dyn BlockHash>,
    pub(super) root: Vec<u8>,
    pub(super) data: Component,
    pub(super) hashes: Component,
    pub(super) codes: Option<Codes>,
    pub(super) on_corruption: Option<OnCorruption>,
    /// The digest of a block of zeroes, if such blocks are not to be hashed.
    pub(super) zero_digest: Option<Vec<u8>>,
    /// The blocks that were found right, if that is to be once only.
    pub(super) checked: Option<Checked>,
    pub(super) cache: Cache,
    pub(super) troubles: Mutex<Troubles>,
    corrupted: AtomicBool,
    logged: AtomicU32,
}

/// Codes that repair, and where they are.
pub(super) struct Codes {
    pub(super) fec: Fec,
    pub(super) component: Component,
    /// Their first block.
    pub(super) start: u64,
}

/// Checks that wait for a repair, and whether a thread is at it.
#[derive(Default)]
pub(super) struct Troubles {
    pub(super) queue: VecDeque<Trouble>,
    pub(super) served: bool,
}

/// A bit a block.
pub(super) struct Checked(Vec<AtomicU64>);

/// A kind of block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Part {
    Data,
    Tree,
}

impl Core {
    /// A core whose options are those of a plain device.
    pub(super) fn new(
        host: Arc<dyn Host>,
        tree: Tree,
        (hash, root): (Box<dyn BlockHash>, Vec<u8>),
        (data, hashes): (Component, Component),
    ) -> Core {
        Core {
            host,
            cache: Cache::new(tree.hash_block()),
            tree,
            hash,
            root,
            data,
            hashes,
            codes: None,
            on_corruption: None,
            zero_digest: None,
            checked: None,
            troubles: Mutex::default(),
            corrupted: AtomicBool::new(false),
            logged: AtomicU32::new(0),
        }
    }

    /// The sectors that have digests.
    pub(super) fn data_sectors(&self) -> SectorCount {
        let block = self.tree.data_block().sectors().0;
        SectorCount(self.tree.data_blocks() * block)
    }

    /// Whether a block has this digest.
    pub(super) fn proves(&self, digest: &[u8], block: &[u8]) -> bool {
        let mut found = [0; 64];
        let found = &mut found[..digest.len()];
        self.hash.digest(block, found);
        found == digest
    }

    /// The digest in a block of the tree that belongs to `index` of what is below.
    pub(super) fn digest<'a>(&self, level: usize, index: u64, block: &'a [u8]) -> &'a [u8] {
        let offset = self.tree.slot(level, index).offset;
        &block[offset..offset + self.tree.digest_size()]
    }

    /// A block is wrong. Whether its request may go on all the same.
    ///
    /// A restart and a panic are errors here: the engine is a process among others.
    pub(super) fn is_tolerated(&self, part: Part, block: u64) -> bool {
        self.corrupted.store(true, Ordering::Relaxed);
        if self.logged.fetch_add(1, Ordering::Relaxed) < LOGGED_MAX {
            let device = self.data.number();
            tracing::error!(%device, ?part, block, "verity: a block is not what was hashed");
        }
        self.on_corruption == Some(OnCorruption::Ignore)
    }

    pub(super) fn is_corrupted(&self) -> bool {
        self.corrupted.load(Ordering::Relaxed)
    }
}

impl Checked {
    /// For so many blocks, none of which was checked.
    pub(super) fn new(blocks: u64) -> Checked {
        Checked(
            (0..blocks.div_ceil(64))
                .map(|_| AtomicU64::new(0))
                .collect(),
        )
    }

    pub(super) fn has(&self, block: u64) -> bool {
        self.word(block)
            .is_some_and(|(word, bit)| word.load(Ordering::Relaxed) & bit != 0)
    }

    pub(super) fn add(&self, block: u64) {
        if let Some((word, bit)) = self.word(block) {
            word.fetch_or(bit, Ordering::Relaxed);
        }
    }

    fn word(&self, block: u64) -> Option<(&AtomicU64, u64)> {
        let at = usize::try_from(block / 64).ok()?;
        Some((self.0.get(at)?, 1 << (block % 64)))
    }
}
