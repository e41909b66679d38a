//! Superblock and journal on their device.

use crate::blockdev::Blocking;
use crate::component::Component;
use crate::errno::Errno;
use crate::format::integrity::{
    Flags, Journal, JournalMac, Layout, Superblock, SuperblockError, TagHash,
};
use crate::io::{IoError, IoFlags, IoResult};
use crate::typed::integrity::Mode;
use crate::units::{SECTOR_BYTES, Sector};

use super::crypt::JournalCrypt;

/// Where a superblock is, and what proves it.
pub(super) struct Head {
    pub(super) on: Component,
    pub(super) start: Sector,
    /// `journal_mac`, which covers a superblock that has [`Flags::FIXED_HMAC`].
    pub(super) mac: Option<Box<dyn TagHash>>,
}

/// Why there is no superblock to be had.
pub(super) enum HeadError {
    Io(IoError),
    Bytes(SuperblockError),
    Mac,
}

/// A journal on disk.
pub(super) struct JournalDisk {
    pub(super) on: Component,
    pub(super) journal: Journal,
    pub(super) mac: Option<JournalMac>,
    pub(super) crypt: Option<JournalCrypt>,
}

impl Head {
    /// The superblock; `None` where all is zeroes.
    pub(super) fn read(&self) -> Result<Option<Superblock>, HeadError> {
        let mut bytes = [0; 8 * SECTOR_BYTES];
        let read = self.on.dev().read_at(self.start, &mut bytes);
        read.map_err(HeadError::Io)?;
        let superblock = match Superblock::read(&bytes) {
            Ok(superblock) => superblock,
            Err(SuperblockError::Zeroes) if bytes.iter().all(|byte| *byte == 0) => return Ok(None),
            Err(SuperblockError::Zeroes) => return Err(HeadError::Bytes(SuperblockError::Magic)),
            Err(error) => return Err(HeadError::Bytes(error)),
        };
        let sector = &bytes[..SECTOR_BYTES];
        match &self.mac {
            Some(mac) if superblock.flags.contains(Flags::FIXED_HMAC) => {
                let (covered, there) = sector.split_at(SECTOR_BYTES - mac.size());
                let mut right = vec![0; mac.size()];
                mac.digest(covered, &mut right);
                match right == there {
                    true => Ok(Some(superblock)),
                    false => Err(HeadError::Mac),
                }
            }
            _ => Ok(Some(superblock)),
        }
    }

    /// Writes a superblock, with the least version that it and the mode need.
    pub(super) fn write(&self, superblock: &Superblock, mode: Mode) -> IoResult {
        let version = superblock.least_version();
        let superblock = Superblock {
            version: match mode {
                Mode::Bitmap => version.max(3),
                _ => version,
            },
            ..superblock.clone()
        };
        let mut bytes = [0; 8 * SECTOR_BYTES];
        let sector = &mut bytes[..SECTOR_BYTES];
        sector.copy_from_slice(&superblock.write());
        if let Some(mac) = &self.mac
            && superblock.flags.contains(Flags::FIXED_HMAC)
        {
            let (covered, there) = sector.split_at_mut(SECTOR_BYTES - mac.size());
            mac.digest(covered, there);
        }
        self.on.dev().write_at(self.start, &bytes, IoFlags::FUA)
    }
}

impl JournalDisk {
    /// All sections, decrypted.
    pub(super) fn read(&self) -> Result<Vec<u8>, IoError> {
        let layout = self.journal.layout();
        let each = layout.section_bytes();
        let mut all = vec![0; each * self.sections()];
        for (section, number) in all.chunks_exact_mut(each).zip(0..) {
            let at = self.section_at(number);
            self.on.dev().read_at(at, section)?;
            if let Some(crypt) = &self.crypt {
                crypt.decrypt(number, section);
            }
        }
        Ok(all)
    }

    /// Writes sections, given with the commit ids that they are to have, the first of which has this
    /// number, and which do not reach around the end.
    pub(super) fn write(&self, first: u32, sections: &mut [u8]) -> IoResult {
        let each = self.journal.layout().section_bytes();
        for (section, number) in sections.chunks_exact_mut(each).zip(first..) {
            if let Some(mac) = &self.mac {
                mac.put(&self.journal, number, section);
            }
            if let Some(crypt) = &self.crypt {
                crypt.encrypt(number, section);
            }
        }
        let at = self.section_at(first);
        self.on.dev().write_at(at, sections, IoFlags::FUA)
    }

    /// Writes empty sections of a round, from `first` on and around the end.
    pub(super) fn clear(&self, first: u32, count: u32, round: usize) -> IoResult {
        let layout = self.journal.layout();
        let each = layout.section_bytes();
        // As much as fits 1 MiB at a time.
        let most = u32::try_from((1 << 20) / each).unwrap_or(1).max(1);
        let (mut number, mut left) = (first, count);
        while left > 0 {
            let now = left.min(most).min(layout.sections() - number);
            let mut bytes = vec![0; each * usize::try_from(now).unwrap_or_default()];
            for (section, number) in bytes.chunks_exact_mut(each).zip(number..) {
                self.journal.clear(round, number, section);
            }
            self.write(number, &mut bytes)?;
            left -= now;
            number = (number + now) % layout.sections();
        }
        Ok(())
    }

    pub(super) fn sections(&self) -> usize {
        usize::try_from(self.journal.layout().sections()).unwrap_or(usize::MAX)
    }

    fn section_at(&self, number: u32) -> Sector {
        let layout: &Layout = self.journal.layout();
        Sector(layout.journal().0 + u64::from(number) * layout.section_sectors().0)
    }
}

impl HeadError {
    /// Its errno and words.
    pub(super) fn told(&self) -> (Errno, String) {
        match self {
            HeadError::Io(error) => (
                error.errno(),
                format!("reading the superblock: {}", error.errno()),
            ),
            HeadError::Bytes(error) => (Errno::EINVAL, error.to_string()),
            HeadError::Mac => (
                Errno::EILSEQ,
                "the superblock's MAC is wrong: another journal_mac key, or it was changed".into(),
            ),
        }
    }
}
