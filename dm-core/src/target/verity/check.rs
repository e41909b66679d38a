//! One request on its way from the data's device to its user: hashed on workers, with pauses in
//! which blocks of the tree are read.

use std::sync::Arc;

use bytes::BytesMut;
use smallvec::SmallVec;

use crate::errno::Errno;
use crate::io::{Io, IoData, IoResult};
use crate::target::buffers::{HASHED_AT_ONCE, gathered};
use crate::units::SECTOR_SHIFT;

use super::repair::{Trouble, Wrong};
use super::shared::{Core, Part};

/// The note on a request that was checked, so that its end is not taken for that of the read.
pub(super) const CHECKED: u64 = 1;

/// A block of the tree that was found right, by its level and index there.
type Found = (u64, Arc<[u8]>);

/// A request whose blocks are checked one by one.
pub(super) struct Check {
    pub(super) core: Arc<Core>,
    io: Io,
    /// The next block.
    pub(super) block: u64,
    end: u64,
    first: u64,
    /// The blocks of the tree above the one before, by level.
    path: SmallVec<[Option<Found>; 8]>,
    /// The device could not read the data, which was then read again as far as it could.
    pub(super) was_unread: bool,
}

/// The digest of a block, or where it is to be had.
enum Digest {
    Known(SmallVec<[u8; 64]>),
    /// This block of the tree is to be read next; what is above it is in the path.
    Below(usize, u64),
}

impl Check {
    /// Checks what a read brought, and ends it.
    pub(super) fn start(core: Arc<Core>, mut io: Io, result: IoResult) {
        let shift = core.tree.data_block().shift() - SECTOR_SHIFT;
        let range = io.range();
        io.set_token(CHECKED);
        let first = range.start().0 >> shift;
        let check = Box::new(Check {
            path: core.tree.levels().iter().map(|_| None).collect(),
            core,
            io,
            block: first,
            end: range.end().0 >> shift,
            first,
            was_unread: result.is_err(),
        });
        match result {
            Ok(()) if range.length() <= HASHED_AT_ONCE => check.go_on(),
            Ok(()) => check.on_worker(),
            Err(_) if check.core.codes.is_some() => Trouble::push(check, Wrong::Unread),
            Err(_) => check.io.complete(result),
        }
    }

    /// Goes on, on a worker.
    pub(super) fn on_worker(self: Box<Check>) {
        let host = self.core.host.clone();
        host.compute(Box::new(move || self.go_on()));
    }

    fn go_on(mut self: Box<Check>) {
        while self.block < self.end {
            let core = self.core.clone();
            if core
                .checked
                .as_ref()
                .is_some_and(|checked| checked.has(self.block))
            {
                self.block += 1;
                continue;
            }
            let digest = match self.digest() {
                Digest::Known(digest) => digest,
                Digest::Below(level, index) => return self.read_tree(level, index),
            };
            if core.zero_digest.as_deref() == Some(&digest[..]) {
                self.put(&vec![0; core.tree.data_block().bytes()]);
            } else if self.with_block(|block| core.proves(&digest, block)) {
                self.is_right();
            } else if core.codes.is_some() {
                return Trouble::push(self, Wrong::Data(digest));
            } else if !core.is_tolerated(Part::Data, self.block) {
                return self.end(Err(Errno::EIO.into()));
            }
            self.block += 1;
        }
        self.end(Ok(()));
    }

    /// The block was found right.
    pub(super) fn is_right(&self) {
        if let Some(checked) = &self.core.checked {
            checked.add(self.block);
        }
    }

    /// Ends the request.
    pub(super) fn end(self, result: IoResult) {
        self.io.complete(result);
    }

    /// The digest of the next block.
    fn digest(&mut self) -> Digest {
        let (core, block) = (self.core.clone(), self.block);
        let levels = core.tree.levels().len();
        for level in 0..levels {
            let index = core.tree.index(level, block);
            if self.path[level]
                .as_ref()
                .is_none_or(|(known, _)| *known != index)
            {
                let place = core.tree.levels()[level].first + index;
                self.path[level] = core.cache.find(place).map(|bytes| (index, bytes));
            }
            if let Some((_, bytes)) = &self.path[level] {
                return match level {
                    0 => Digest::Known(core.digest(0, block, bytes).into()),
                    _ => Digest::Below(level - 1, core.tree.index(level - 1, block)),
                };
            }
        }
        match levels {
            0 => Digest::Known(core.root.as_slice().into()),
            _ => Digest::Below(levels - 1, 0),
        }
    }

    /// Reads a block of the tree, and goes on with it.
    fn read_tree(self: Box<Check>, level: usize, index: u64) {
        let block = self.core.tree.hash_block();
        let place = self.core.tree.levels()[level].first + index;
        let start = block.sector_of(place).unwrap_or_default();
        let Ok(io) = Io::read(start, BytesMut::zeroed(block.bytes())) else {
            return self.end(Err(Errno::EIO.into()));
        };
        let core = self.core.clone();
        core.hashes
            .dev()
            .submit(io.on_complete(move |mut io, result| {
                let bytes = gathered(io.take_data());
                let host = self.core.host.clone();
                host.compute(Box::new(move || {
                    self.tree_came(level, index, bytes, result)
                }));
            }));
    }

    fn tree_came(mut self: Box<Check>, level: usize, index: u64, bytes: Vec<u8>, result: IoResult) {
        let wanted = self.wanted(level, index);
        if result.is_ok() && self.core.proves(&wanted, &bytes) {
            self.tree_is_right(level, index, bytes);
        } else if self.core.codes.is_some() {
            let unread = result.is_err();
            return Trouble::push(
                self,
                Wrong::Tree {
                    level,
                    index,
                    unread,
                    wanted,
                },
            );
        } else if result.is_err() {
            return self.end(result);
        } else {
            let place = self.core.tree.levels()[level].first + index;
            if !self.core.is_tolerated(Part::Tree, place) {
                return self.end(Err(Errno::EIO.into()));
            }
            return self.go_on_with(level, index, bytes);
        }
        self.go_on();
    }

    /// A block of the tree was found right, or repaired.
    pub(super) fn tree_is_right(&mut self, level: usize, index: u64, bytes: Vec<u8>) {
        let bytes: Arc<[u8]> = bytes.into();
        let place = self.core.tree.levels()[level].first + index;
        self.core.cache.keep(place, bytes.clone());
        self.path[level] = Some((index, bytes));
    }

    /// Goes on with a block of the tree that is wrong and tolerated, for this request alone.
    pub(super) fn go_on_with(mut self: Box<Check>, level: usize, index: u64, bytes: Vec<u8>) {
        self.path[level] = Some((index, bytes.into()));
        self.on_worker();
    }

    /// The digest that a block of the tree should have: the path has what is above it.
    fn wanted(&self, level: usize, index: u64) -> SmallVec<[u8; 64]> {
        match self.path.get(level + 1) {
            Some(Some((_, above))) => self.core.digest(level + 1, index, above).into(),
            _ => self.core.root.as_slice().into(),
        }
    }

    /// Where the next block lies in the request's buffers.
    fn offset(&self) -> usize {
        let blocks = usize::try_from(self.block - self.first).unwrap_or(usize::MAX);
        blocks << self.core.tree.data_block().shift()
    }

    fn with_block<T>(&self, look: impl FnOnce(&[u8]) -> T) -> T {
        let (offset, size) = (self.offset(), self.core.tree.data_block().bytes());
        match self.io.data() {
            IoData::Read(buffers) if buffers.len() == 1 => look(&buffers[0][offset..offset + size]),
            IoData::Read(buffers) => {
                let bytes = buffers.iter().flatten().skip(offset).take(size);
                look(&bytes.copied().collect::<Vec<u8>>())
            }
            _ => look(&[]),
        }
    }

    /// Puts other bytes into the next block's place.
    pub(super) fn put(&mut self, bytes: &[u8]) {
        let offset = self.offset();
        self.io.data_mut().fill(offset, bytes);
    }

    /// The blocks that are left.
    pub(super) fn rest(&self) -> std::ops::Range<u64> {
        self.block..self.end
    }
}
