//! Repairing blocks by their codes: on a thread of its own, since it waits for reads.

use std::sync::Arc;
use std::thread;

use smallvec::SmallVec;

use crate::blockdev::Blocking;
use crate::component::Component;
use crate::errno::Errno;
use crate::format::verity::BlockSize;
use crate::io::IoResult;
use crate::locks::lock;

use super::check::Check;
use super::shared::{Codes, Core, Part};

/// A check that can not go on, and why.
pub(super) struct Trouble {
    check: Box<Check>,
    wrong: Wrong,
}

/// What is wrong.
pub(super) enum Wrong {
    /// The data's device could not read.
    Unread,
    /// The next block has not this digest.
    Data(SmallVec<[u8; 64]>),
    /// A block of the tree could not be read, or has not the digest that it should.
    Tree {
        level: usize,
        index: u64,
        unread: bool,
        wanted: SmallVec<[u8; 64]>,
    },
}

impl Trouble {
    /// Hands a check over to the thread that repairs, which starts if there is none.
    pub(super) fn push(check: Box<Check>, wrong: Wrong) {
        let core = check.core.clone();
        {
            let mut troubles = lock(&core.troubles);
            troubles.queue.push_back(Trouble { check, wrong });
            if troubles.served {
                return;
            }
            troubles.served = true;
        }
        let served = core.clone();
        let started = thread::Builder::new()
            .name("dm-verity-fec".into())
            .spawn(move || serve(&served));
        if started.is_err() {
            let mut troubles = lock(&core.troubles);
            troubles.served = false;
            let queue = std::mem::take(&mut troubles.queue);
            drop(troubles);
            for trouble in queue {
                trouble.check.end(Err(Errno::ENOMEM.into()));
            }
        }
    }

    fn repair(self, core: &Core, codes: &Codes) {
        let Trouble { mut check, wrong } = self;
        match wrong {
            Wrong::Unread => {
                let size = core.tree.data_block();
                let mut bytes = vec![0; size.bytes()];
                let blocks = check.rest();
                for block in blocks.clone() {
                    if read(&core.data, size, block, &mut bytes).is_err() {
                        bytes.fill(0);
                    }
                    check.block = block;
                    check.put(&bytes);
                }
                check.block = blocks.start;
            }
            Wrong::Data(digest) => {
                let block = check.block;
                match core.repaired(codes, block, &digest) {
                    Some(bytes) => {
                        check.put(&bytes);
                        check.is_right();
                    }
                    None if check.was_unread => return check.end(Err(Errno::EIO.into())),
                    None if core.is_tolerated(Part::Data, block) => {}
                    None => return check.end(Err(Errno::EIO.into())),
                }
                check.block += 1;
            }
            Wrong::Tree {
                level,
                index,
                unread,
                wanted,
            } => {
                let place = core.tree.levels()[level].first + index;
                let covered = core.tree.data_blocks() + (place - core.tree.start());
                let bytes = match core.repaired(codes, covered, &wanted) {
                    Some(bytes) => bytes,
                    None => {
                        let mut bytes = vec![0; core.tree.hash_block().bytes()];
                        let size = core.tree.hash_block();
                        let unread = unread || read(&core.hashes, size, place, &mut bytes).is_err();
                        if unread || !core.is_tolerated(Part::Tree, place) {
                            return check.end(Err(Errno::EIO.into()));
                        }
                        return check.go_on_with(level, index, bytes);
                    }
                };
                tracing::warn!(block = place, "verity: a block of the tree was repaired");
                check.tree_is_right(level, index, bytes);
            }
        }
        check.on_worker();
    }
}

/// Repairs until there is nothing more to repair.
fn serve(core: &Arc<Core>) {
    loop {
        let trouble = {
            let mut troubles = lock(&core.troubles);
            let next = troubles.queue.pop_front();
            troubles.served = next.is_some();
            next
        };
        match (trouble, &core.codes) {
            (Some(trouble), Some(codes)) => trouble.repair(core, codes),
            (Some(trouble), None) => trouble.check.end(Err(Errno::EIO.into())),
            (None, _) => return,
        }
    }
}

fn read(component: &Component, size: BlockSize, block: u64, bytes: &mut [u8]) -> IoResult {
    let start = size.sector_of(block).ok_or(Errno::EIO)?;
    component.dev().read_at(start, bytes)
}

impl Core {
    /// The bytes of a covered block that have this digest, if the codes tell them: first without
    /// saying which other blocks are wrong, and then with that.
    fn repaired(&self, codes: &Codes, covered: u64, digest: &[u8]) -> Option<Vec<u8>> {
        let (round, place) = codes.fec.place(covered);
        let mut erased = Vec::new();
        let mut blocks = Vec::with_capacity(codes.fec.roots().data());
        for (at, covered) in (0..=u8::MAX).zip(codes.fec.round(round)) {
            let mut block = vec![0; self.tree.data_block().bytes()];
            if covered.is_some_and(|covered| self.read_covered(covered, &mut block).is_err()) {
                block.fill(0);
                erased.push(at);
            }
            blocks.push(block);
        }
        let mut bytes = vec![0; codes.fec.round_bytes()];
        // A round's codes are as many whole blocks as there are roots.
        let first = codes.start + round * codes.fec.roots().count() as u64;
        let size = self.tree.data_block();
        read(&codes.component, size, first, &mut bytes).ok()?;
        let repair = |erased: &[u8]| {
            let (block, _) = codes.fec.repair(&blocks, &bytes, erased, place).ok()?;
            self.proves(digest, &block).then_some(block)
        };
        repair(&[]).or_else(|| {
            for (at, covered) in (0..=u8::MAX).zip(codes.fec.round(round)) {
                if erased.len() < codes.fec.roots().count()
                    && !erased.contains(&at)
                    && covered.is_some_and(|block| self.is_wrong(block, &blocks[usize::from(at)]))
                {
                    erased.push(at);
                }
            }
            repair(&erased)
        })
    }

    fn read_covered(&self, covered: u64, bytes: &mut [u8]) -> IoResult {
        let size = self.tree.data_block();
        match covered.checked_sub(self.tree.data_blocks()) {
            None => read(&self.data, size, covered, bytes),
            Some(behind) => read(&self.hashes, size, self.tree.start() + behind, bytes),
        }
    }

    /// Whether a covered block is known to be wrong: one of the data, with a digest that is proven.
    fn is_wrong(&self, covered: u64, bytes: &[u8]) -> bool {
        if covered >= self.tree.data_blocks() {
            return false;
        }
        let mut digest = self.root.clone();
        for level in (0..self.tree.levels().len()).rev() {
            let index = self.tree.index(level, covered);
            let place = self.tree.levels()[level].first + index;
            let block = self.cache.find(place).or_else(|| {
                let mut block = vec![0; self.tree.hash_block().bytes()];
                read(&self.hashes, self.tree.hash_block(), place, &mut block).ok()?;
                let block: Arc<[u8]> = self.proves(&digest, &block).then_some(block)?.into();
                self.cache.keep(place, block.clone());
                Some(block)
            });
            let Some(block) = block else {
                return false;
            };
            let below = match level {
                0 => covered,
                level => self.tree.index(level - 1, covered),
            };
            digest = self.digest(level, below, &block).to_vec();
        }
        !self.proves(&digest, bytes)
    }
}
