//! Which of a header's key slots are meant.

use alloc::vec::Vec;

use super::VolumeKey;
use super::error::LuksError;
use super::kdf::Kdf;

/// Which slots a passphrase is tried on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Slots {
    /// All that are not to be left out, the preferred ones first.
    All,
    /// This one.
    Only(u32),
}

/// A passphrase that is to open a volume, too.
#[derive(Clone, Copy)]
pub(super) struct NewKey<'a> {
    pub(super) key: &'a VolumeKey,
    pub(super) passphrase: &'a [u8],
    /// The slot that is asked for; else the first one that is free.
    pub(super) slot: Option<u32>,
    pub(super) kdf: &'a Kdf,
}

impl Slots {
    /// Their numbers, of a header that holds `held`, of which `all` says those that are not to be
    /// left out.
    pub(super) fn among(
        self,
        held: &[u32],
        all: impl FnOnce() -> Result<Vec<u32>, LuksError>,
    ) -> Result<Vec<u32>, LuksError> {
        match self {
            Slots::All => all(),
            Slots::Only(slot) if held.contains(&slot) => Ok(alloc::vec![slot]),
            Slots::Only(slot) => Err(LuksError::NoSlot(slot)),
        }
    }
}

impl NewKey<'_> {
    /// The slot that it gets in a header with `most` slots that holds `taken`.
    pub(super) fn slot_among(&self, taken: &[u32], most: u32) -> Result<u32, LuksError> {
        match self.slot {
            Some(slot) if taken.contains(&slot) => Err(LuksError::SlotTaken(slot)),
            Some(slot) if slot < most => Ok(slot),
            Some(slot) => Err(LuksError::NoSlot(slot)),
            None => (0..most)
                .find(|slot| !taken.contains(slot))
                .ok_or(LuksError::NoFreeSlot),
        }
    }
}
