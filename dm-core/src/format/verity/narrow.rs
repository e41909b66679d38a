//! sha512 and sha384 where they are made of one block after the other.

use alloc::boxed::Box;

use super::hash::salted;
use super::{BlockHash, HashType};

/// sha512 with a salt.
pub(super) fn sha512(hash_type: HashType, salt: &[u8]) -> Box<dyn BlockHash> {
    salted::<sha2::Sha512>(hash_type, salt)
}

/// sha384 with a salt.
pub(super) fn sha384(hash_type: HashType, salt: &[u8]) -> Box<dyn BlockHash> {
    salted::<sha2::Sha384>(hash_type, salt)
}
