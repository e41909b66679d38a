//! Keys in memory: in pages of their own, which are not swapped out where the system allows it,
//! and wiped when they are given up.

use alloc::boxed::Box;
use core::ops::Deref;

use region::LockGuard;
use zeroize::Zeroize;

use crate::hex;

use super::block::{Block, Single};
use super::mode::Mode;

/// The most bytes that a key may have; 65 keys of 32 bytes are the most that a cipher takes.
pub(super) const KEY_MAX: usize = PAGE - size_of::<usize>();

/// What most systems lock at once.
const PAGE: usize = 4096;

/// Something in pages of its own, so that one key's end does not unlock another one.
#[repr(align(4096))]
pub(super) struct Paged<T>(pub(super) T);

/// A cipher with its key, kept in memory.
pub(super) struct Held<T: ?Sized> {
    keyed: Box<T>,
    // Let go of behind the key, which its own drop wipes.
    _lock: Option<LockGuard>,
}

/// The bytes of a key, which have no `Debug`.
pub(super) struct KeyBytes {
    bytes: Box<Paged<[u8; KEY_MAX]>>,
    length: usize,
    _lock: Option<LockGuard>,
}

impl<T: ?Sized> Held<T> {
    pub(super) fn new(keyed: Box<T>) -> Held<T> {
        let _lock = lock(&*keyed);
        Held { keyed, _lock }
    }
}

impl<T: ?Sized> Deref for Held<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.keyed
    }
}

impl KeyBytes {
    /// A key of `length` zeroes, if there may be one.
    pub(super) fn zeroes(length: usize) -> Option<KeyBytes> {
        let bytes = Box::new(Paged([0; KEY_MAX]));
        let _lock = lock(&*bytes);
        (length <= KEY_MAX).then_some(KeyBytes {
            bytes,
            length,
            _lock,
        })
    }

    /// A copy of `bytes`, if there may be so many.
    pub(super) fn copy(bytes: &[u8]) -> Option<KeyBytes> {
        let mut key = KeyBytes::zeroes(bytes.len())?;
        key.bytes.0[..bytes.len()].copy_from_slice(bytes);
        Some(key)
    }

    /// The key that hexadecimal digits say, two a byte.
    pub(super) fn of_hex(digits: &str) -> Option<KeyBytes> {
        let (pairs, rest) = digits.as_bytes().as_chunks::<2>();
        let mut key = KeyBytes::zeroes(pairs.len()).filter(|_| rest.is_empty())?;
        for (byte, pair) in key.bytes.0.iter_mut().zip(pairs) {
            *byte = hex::byte(pair)?;
        }
        Some(key)
    }
}

impl Deref for KeyBytes {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.bytes.0[..self.length]
    }
}

impl AsMut<[u8]> for KeyBytes {
    fn as_mut(&mut self) -> &mut [u8] {
        &mut self.bytes.0[..self.length]
    }
}

impl Drop for KeyBytes {
    fn drop(&mut self) {
        self.bytes.0.zeroize();
    }
}

impl<M: Mode> Mode for Paged<M> {
    fn encrypt(&self, ivs: &mut [Block], data: &mut [Block]) {
        self.0.encrypt(ivs, data);
    }

    fn decrypt(&self, ivs: &mut [Block], data: &mut [Block]) {
        self.0.decrypt(ivs, data);
    }
}

impl<S: Single> Single for Paged<S> {
    fn encrypt(&self, blocks: &mut [Block]) {
        self.0.encrypt(blocks);
    }
}

/// Keeps a value in memory, if the system allows it.
fn lock<T: ?Sized>(value: &T) -> Option<LockGuard> {
    let bytes = size_of_val(value);
    region::lock(core::ptr::from_ref(value).cast::<u8>(), bytes).ok()
}

/// What ciphers take of the stack, where they leave copies of round keys: up to 14 KiB, as their machine code
/// says, 23 KiB where less is inlined, and much more where nothing is optimised.
const STACK: usize = if cfg!(debug_assertions) {
    256 << 10
} else {
    32 << 10
};

/// Writes over what the calls before this one left on the stack.
#[inline(never)]
pub(super) fn wipe_stack() {
    core::hint::black_box(&mut [0_u8; STACK]);
}
