//! What can be wrong with a header.

use alloc::string::String;

use crate::errno::Errno;
use crate::target::crypt::CipherError;

/// Why a header can not be read, opened or changed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
#[allow(missing_docs)] // the messages say it
pub enum LuksError {
    #[error("there is no LUKS header")]
    NotLuks,
    #[error("LUKS version {0} is not known")]
    Version(u16),
    #[error("the header is damaged: {0}")]
    Damaged(String),
    #[error("both copies of the header are damaged: {first}; {second}")]
    BothDamaged { first: String, second: String },
    #[error("no key slot opens with this passphrase")]
    WrongPassphrase,
    #[error("key slot {0} holds no key")]
    NoSlot(u32),
    #[error("key slot {0} holds a key already")]
    SlotTaken(u32),
    #[error("no key slot is free")]
    NoFreeSlot,
    #[error("there is no space for another key slot")]
    NoSpace,
    #[error("the key is not this volume's")]
    OtherKey,
    #[error("key slot {slot}: {what}")]
    Slot { slot: u32, what: String },
    #[error("the header asks for {0}, which is not known here")]
    Unsupported(String),
    #[error("the hash {0} is not known")]
    Hash(String),
    #[error("deriving the key would cost {cost}, and {limit} is the most that is done")]
    Cost { cost: String, limit: &'static str },
    #[error("trying all key slots would cost too much; name the one that is meant")]
    Costs,
    #[error("there is not enough memory to derive the key: {kib} KiB")]
    Memory { kib: u32 },
    #[error("{0}")]
    Cipher(#[from] CipherError),
    #[error("the device is too small")]
    TooSmall,
    #[error("{0}")]
    Io(Errno),
}

impl From<Errno> for LuksError {
    fn from(errno: Errno) -> LuksError {
        LuksError::Io(errno)
    }
}

impl LuksError {
    pub(super) fn damaged(what: impl Into<String>) -> LuksError {
        LuksError::Damaged(what.into())
    }
}
