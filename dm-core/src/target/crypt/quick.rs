//! Reads and writes that are done where they come from: no request of their own, no hand-over.

use alloc::vec::Vec;
use core::cell::Cell;

use crate::blockdev::{Haste, Quick};
use crate::units::SectorRange;

use super::Crypt;
use super::key::wipe_stack;
use super::way::Cipher;

std::thread_local! {
    /// What is written is encrypted here, since the user's bytes stay as they are.
    static ENCRYPTED: Cell<Vec<u8>> = const { Cell::new(Vec::new()) };
}

impl Crypt {
    /// Does it, if there is a key and no tags, and the device beneath can do it so.
    pub(super) fn at_once(&self, range: SectorRange, part: Quick<'_>, haste: Haste) -> bool {
        let cipher = self.cipher.load();
        let Some(Cipher::Plain(cipher)) = cipher.as_deref() else {
            return false;
        };
        if !self.is_aligned(range) {
            return false;
        }
        let (number, at) = (self.number(range), self.place(range));
        let below = self.component.dev();
        match part {
            Quick::Read(bytes) => {
                if !below.quick(at, Quick::Read(bytes), haste) {
                    return false;
                }
                cipher.decrypt(number, bytes);
                wipe_stack();
                true
            }
            Quick::Write(bytes) => {
                // Taken, not borrowed: the device beneath may be encrypted, too.
                let mut encrypted = ENCRYPTED.take();
                encrypted.clear();
                encrypted.extend_from_slice(bytes);
                cipher.encrypt(number, &mut encrypted);
                wipe_stack();
                let done = below.quick(at, Quick::Write(&encrypted), haste);
                ENCRYPTED.set(encrypted);
                done
            }
            Quick::IntoPipe(..) | Quick::FromPipe(..) => false,
        }
    }
}
