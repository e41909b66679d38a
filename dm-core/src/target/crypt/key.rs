//! Keys in memory: in pages of their own, which are neither swapped out nor in core dumps where the
//! system allows it, and wiped when they are given up.

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

/// Keeps a value in memory, and out of core dumps, if the system allows it.
fn lock<T: ?Sized>(value: &T) -> Option<LockGuard> {
    #[cfg(target_os = "linux")]
    if let Err(errno) = crate::sys::leave_out_of_dumps(value) {
        tracing::debug!(%errno, "a key's pages may be in core dumps");
    }
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

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use std::fs;
    use std::os::unix::process::ExitStatusExt;
    use std::process::{Command, Stdio};

    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

    use super::*;

    /// Set where this very test is to end with a core dump.
    const DUMPS: &str = "DM_TEST_DUMPS_CORE";

    /// Bytes that are nowhere else, longer than a register.
    fn fill(bytes: &mut [u8], seed: u8) {
        let mut last = seed;
        for byte in bytes {
            last = last.wrapping_mul(77).wrapping_add(101);
            *byte = last ^ (last >> 3);
        }
    }

    fn dump() -> ! {
        let maximum = getrlimit(Resource::Core).maximum;
        let limit = Rlimit {
            current: maximum,
            maximum,
        };
        setrlimit(Resource::Core, limit).expect("the limit is not above the most");
        let mut key = KeyBytes::zeroes(200).expect("so short a key may be");
        fill(key.as_mut(), 1);
        let mut other = vec![0; 200];
        fill(&mut other, 2);
        core::hint::black_box((&key, &other));
        std::process::abort()
    }

    #[test]
    fn core_dump_has_no_key() {
        if std::env::var_os(DUMPS).is_some() {
            dump();
        }
        let pattern = fs::read_to_string("/proc/sys/kernel/core_pattern").unwrap();
        let limit = getrlimit(Resource::Core).maximum;
        if pattern.contains(['|', '/']) || limit.is_some_and(|bytes| bytes < 1 << 28) {
            eprintln!("SKIPPED: core_dump_has_no_key: cores go to {pattern}, limit {limit:?}");
            return;
        }
        let folder = tempfile::tempdir().unwrap();
        let ended = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "target::crypt::key::tests::core_dump_has_no_key"])
            .env(DUMPS, "1")
            .current_dir(folder.path())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status()
            .unwrap();
        assert!(ended.core_dumped(), "{ended}");
        let core = fs::read_dir(folder.path()).unwrap().next().unwrap();
        let core = fs::read(core.unwrap().path()).unwrap();
        let has = |seed| {
            let mut wanted = [0; 200];
            fill(&mut wanted, seed);
            core.windows(wanted.len()).any(|bytes| bytes == wanted)
        };
        assert!(has(2), "what is on the usual heap is there");
        assert!(!has(1), "a key is in a core dump");
    }

    /// The flags of the mapping that an address is in.
    fn flags(address: usize) -> String {
        let maps = fs::read_to_string("/proc/self/smaps").expect("Linux tells them");
        let mut within = false;
        for line in maps.lines() {
            let range = line.split(' ').next().and_then(|word| word.split_once('-'));
            let ends = range.and_then(|(start, end)| {
                let hex = |text| usize::from_str_radix(text, 16).ok();
                Some(hex(start)?..hex(end)?)
            });
            match (ends, line.strip_prefix("VmFlags: ")) {
                (Some(range), _) => within = range.contains(&address),
                (None, Some(flags)) if within => return flags.to_owned(),
                _ => {}
            }
        }
        panic!("no mapping has {address:x}")
    }

    #[test]
    fn keys_are_left_out_of_core_dumps() {
        let key = KeyBytes::copy(&[7; 64]).unwrap();
        let held: Held<Paged<[u8; 9000]>> = Held::new(Box::new(Paged([7; 9000])));
        let first = held.0.as_ptr().addr();
        for address in [key.as_ptr().addr(), first, first + 8999] {
            let flags = flags(address);
            // `dd`: don't dump.
            assert!(flags.split(' ').any(|flag| flag == "dd"), "{flags}");
        }
        let other = [0; 64];
        let flags = flags(other.as_ptr().addr());
        assert!(!flags.split(' ').any(|flag| flag == "dd"), "{flags}");
    }
}
