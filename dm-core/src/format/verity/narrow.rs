//! The hashes of sha2 where they are made of one block after the other.

use alloc::boxed::Box;

use super::hash::salted;
use super::{BlockHash, HashType};

/// sha256 with a salt.
pub(super) fn sha256(hash_type: HashType, salt: &[u8]) -> Box<dyn BlockHash> {
    salted::<sha2::Sha256>(hash_type, salt)
}

/// sha224 with a salt.
pub(super) fn sha224(hash_type: HashType, salt: &[u8]) -> Box<dyn BlockHash> {
    salted::<sha2::Sha224>(hash_type, salt)
}

/// sha512 with a salt.
pub(super) fn sha512(hash_type: HashType, salt: &[u8]) -> Box<dyn BlockHash> {
    salted::<sha2::Sha512>(hash_type, salt)
}

/// sha384 with a salt.
pub(super) fn sha384(hash_type: HashType, salt: &[u8]) -> Box<dyn BlockHash> {
    salted::<sha2::Sha384>(hash_type, salt)
}
