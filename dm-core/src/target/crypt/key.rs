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
pub(super) const KEY_MAX: usize = PAGE - size_of::<Option<LockGuard>>();

/// What most systems lock at once.
const PAGE: usize = 4096;

/// Something in pages of its own, so that one key's end does not unlock another one.
///
/// A page is locked or not, however often that was asked for. So it has to be unlocked before it is
/// given back, when nobody else can have it yet: the lock is in the pages themselves, and goes behind
/// the value, whose own drop wipes it, and before the memory.
#[repr(align(4096))]
pub(super) struct Paged<T> {
    pub(super) value: T,
    lock: Option<LockGuard>,
}

/// A cipher with its key, in pages of its own.
pub(super) struct Held<T: ?Sized>(Box<T>);

/// The bytes of a key, which have no `Debug`.
pub(super) struct KeyBytes {
    bytes: Box<Paged<[u8; KEY_MAX]>>,
    length: usize,
}

impl<T> Paged<T> {
    /// Puts a value into pages that are kept in memory, and out of core dumps, if the system allows it.
    pub(super) fn new(value: T) -> Box<Paged<T>> {
        let mut paged = Box::new(Paged { value, lock: None });
        #[cfg(target_os = "linux")]
        if let Err(errno) = crate::sys::leave_out_of_dumps(&*paged) {
            tracing::debug!(%errno, "a key's pages may be in core dumps");
        }
        let start = core::ptr::from_ref(&*paged).cast::<u8>();
        paged.lock = region::lock(start, size_of::<Paged<T>>()).ok();
        paged
    }
}

impl<T: ?Sized> Held<T> {
    /// Holds what is in a [`Paged`].
    pub(super) fn new(keyed: Box<T>) -> Held<T> {
        Held(keyed)
    }
}

impl<T: ?Sized> Deref for Held<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.0
    }
}

impl KeyBytes {
    /// A key of `length` zeroes, if there may be one.
    pub(super) fn zeroes(length: usize) -> Option<KeyBytes> {
        (length <= KEY_MAX).then(|| KeyBytes {
            bytes: Paged::new([0; KEY_MAX]),
            length,
        })
    }

    /// A copy of `bytes`, if there may be so many.
    pub(super) fn copy(bytes: &[u8]) -> Option<KeyBytes> {
        let mut key = KeyBytes::zeroes(bytes.len())?;
        key.bytes.value[..bytes.len()].copy_from_slice(bytes);
        Some(key)
    }

    /// The key that hexadecimal digits say, two a byte.
    pub(super) fn of_hex(digits: &str) -> Option<KeyBytes> {
        let (pairs, rest) = digits.as_bytes().as_chunks::<2>();
        let mut key = KeyBytes::zeroes(pairs.len()).filter(|_| rest.is_empty())?;
        for (byte, pair) in key.bytes.value.iter_mut().zip(pairs) {
            *byte = hex::byte(pair)?;
        }
        Some(key)
    }
}

impl Deref for KeyBytes {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.bytes.value[..self.length]
    }
}

impl AsMut<[u8]> for KeyBytes {
    fn as_mut(&mut self) -> &mut [u8] {
        &mut self.bytes.value[..self.length]
    }
}

impl Drop for KeyBytes {
    fn drop(&mut self) {
        self.bytes.value.zeroize();
    }
}

impl<M: Mode> Mode for Paged<M> {
    fn encrypt(&self, ivs: &mut [Block], data: &mut [Block]) {
        self.value.encrypt(ivs, data);
    }

    fn decrypt(&self, ivs: &mut [Block], data: &mut [Block]) {
        self.value.decrypt(ivs, data);
    }
}

impl<S: Single> Single for Paged<S> {
    fn encrypt(&self, blocks: &mut [Block]) {
        self.value.encrypt(blocks);
    }
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
    use std::fs::{self, File};
    use std::io::{self, BufRead, BufReader, Read, Write};
    use std::ops::Range;
    use std::os::unix::fs::FileExt;
    use std::process::{Command, Stdio};

    use super::*;

    /// Set where this very test is to have a key, and to wait.
    const WAITS: &str = "DM_TEST_HAS_A_KEY";

    /// What it says then.
    const READY: &str = "there is a key";

    /// Bytes that are nowhere else, longer than a register.
    fn fill(bytes: &mut [u8], seed: u8) {
        let mut last = seed;
        for byte in bytes {
            last = last.wrapping_mul(77).wrapping_add(101);
            *byte = last ^ (last >> 3);
        }
    }

    /// Has a key, and something that is none, until stdin ends.
    fn wait() {
        let mut key = KeyBytes::zeroes(200).expect("so short a key may be");
        fill(key.as_mut(), 1);
        let mut other = vec![0; 200];
        fill(&mut other, 2);
        // The test's own output is caught if it is printed.
        writeln!(io::stdout(), "{READY}").expect("the other one reads it");
        let _ = io::stdin().read(&mut [0]);
        core::hint::black_box((&key, &other));
    }

    /// The mappings of a process with the flags that smaps tells.
    fn mappings(pid: &str) -> Vec<(Range<u64>, String)> {
        let maps = fs::read_to_string(format!("/proc/{pid}/smaps")).expect("Linux tells them");
        let mut mappings: Vec<(Range<u64>, String)> = Vec::new();
        for line in maps.lines() {
            let range = line.split(' ').next().and_then(|word| word.split_once('-'));
            let ends = range.and_then(|(start, end)| {
                let hex = |text| u64::from_str_radix(text, 16).ok();
                Some(hex(start)?..hex(end)?)
            });
            match (ends, line.strip_prefix("VmFlags: ")) {
                (Some(range), _) => mappings.push((range, String::new())),
                (None, Some(flags)) => {
                    mappings.last_mut().expect("a mapping is first").1 = flags.to_owned();
                }
                _ => {}
            }
        }
        mappings
    }

    /// Whether smaps tells a flag of a mapping, such as `dd`: don't dump.
    fn has(flags: &str, wanted: &str) -> bool {
        flags.split(' ').any(|flag| flag == wanted)
    }

    /// Where cores go, and whether they may, is the machine's affair. Of a process that waits it can be
    /// seen what its core would have: all that it can write, but for what is left out.
    #[test]
    fn core_dump_has_no_key() {
        if std::env::var_os(WAITS).is_some() {
            return wait();
        }
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "target::crypt::key::tests::core_dump_has_no_key"])
            .env(WAITS, "1")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut said = BufReader::new(child.stdout.take().unwrap()).lines();
        assert!(said.any(|line| line.unwrap().contains(READY)));
        let pid = child.id().to_string();
        let memory = File::open(format!("/proc/{pid}/mem")).unwrap();
        let mut found = [0, 0];
        let mut wanted = [[0; 200]; 2];
        fill(&mut wanted[0], 1);
        fill(&mut wanted[1], 2);
        for (range, flags) in mappings(&pid) {
            if !has(&flags, "wr") || has(&flags, "dd") {
                continue;
            }
            let length = usize::try_from(range.end - range.start).unwrap();
            let mut bytes = vec![0; length];
            memory.read_exact_at(&mut bytes, range.start).unwrap();
            for (count, wanted) in found.iter_mut().zip(&wanted) {
                *count += bytes.windows(200).filter(|bytes| bytes == wanted).count();
            }
        }
        drop(child.stdin.take());
        assert!(child.wait().unwrap().success());
        assert!(found[1] > 0, "what is on the usual heap is there");
        assert_eq!(found[0], 0, "a key would be in a core dump");
    }

    /// The flags of the mapping that an address is in.
    fn flags(address: usize) -> String {
        let address = u64::try_from(address).expect("no address is longer");
        let all = mappings("self");
        let found = all.into_iter().find(|(range, _)| range.contains(&address));
        found.expect("it is in one").1
    }

    #[test]
    fn keys_are_left_out_of_core_dumps() {
        let key = KeyBytes::copy(&[7; 64]).unwrap();
        let held: Held<Paged<[u8; 9000]>> = Held::new(Paged::new([7; 9000]));
        let first = held.value.as_ptr().addr();
        for address in [key.as_ptr().addr(), first, first + 8999] {
            let flags = flags(address);
            assert!(has(&flags, "dd"), "{flags}");
        }
        let other = [0; 64];
        let flags = flags(other.as_ptr().addr());
        assert!(!has(&flags, "dd"), "{flags}");
    }

    /// What a page is told to be is the page's, and not counted: a key that is given up must not
    /// unlock the page of one that got its memory.
    // Emulators of other processors do not tell what is locked.
    #[cfg(target_arch = "x86_64")]
    #[test]
    fn pages_stay_locked_while_others_are_given_up() {
        let locked = |key: &KeyBytes| has(&flags(key.as_ptr().addr()), "lo");
        let first = KeyBytes::copy(&[1; 64]).unwrap();
        if first.bytes.lock.is_none() {
            // Where nothing may be locked, nothing is, and nothing can be told.
            return;
        }
        assert!(locked(&first));
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    for round in 0..20 {
                        let key = KeyBytes::copy(&[round; 64]).unwrap();
                        assert!(key.bytes.lock.is_none() || locked(&key), "round {round}");
                    }
                });
            }
        });
        assert!(locked(&first));
    }
}
