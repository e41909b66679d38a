//! LUKS: headers that keep a volume's key behind passphrases.
//!
//! [`Luks::read`] finds a header, [`Luks::unlock`] gets the volume's key out of it, and
//! [`Luks::volume`] says which crypt table the key is for. Storage is anything with bytes
//! ([`Storage`]); nothing here touches a device mapper.
//!
//! # Source
//! The "LUKS1 On-Disk Format Specification" 1.2.3 and the "LUKS2 On-Disk Format Specification".

mod area;
mod dump;
mod error;
mod format;
mod kdf;
mod luks1;
mod luks2;
mod metadata;
mod slots;
mod split;
mod tags;
#[cfg(test)]
mod tests;

use alloc::string::String;
use alloc::vec::Vec;

use zeroize::Zeroizing;

use crate::errno::Errno;

pub use self::error::LuksError;
pub use self::format::{Format, Version};
pub use self::kdf::{Kdf, Variant};
use self::luks1::Luks1;
use self::luks2::Luks2;
use self::slots::NewKey;
pub use self::slots::Slots;
pub use self::tags::Tags;

/// What both versions begin with.
const MAGIC: [u8; 6] = *b"LUKS\xba\xbe";

/// What a header is on: a disk, a file, or bytes.
pub trait Storage {
    /// Fills `buffer` from byte `offset` on.
    ///
    /// # Errors
    /// What the system answers; `EIO` past the end.
    fn read(&mut self, offset: u64, buffer: &mut [u8]) -> Result<(), Errno>;

    /// Stores `bytes` from byte `offset` on, durably.
    ///
    /// # Errors
    /// What the system answers.
    fn write(&mut self, offset: u64, bytes: &[u8]) -> Result<(), Errno>;

    /// Its bytes.
    fn size(&self) -> u64;
}

/// Gives bytes that nobody can guess.
pub type Random<'a> = &'a mut dyn FnMut(&mut [u8]) -> Result<(), Errno>;

/// A header, read.
#[derive(Clone, Debug)]
pub struct Luks(Header);

#[derive(Clone, Debug)]
enum Header {
    One(Luks1),
    Two(Luks2),
}

/// A volume's key, out of its header. It has no `Debug` that would show it.
pub struct VolumeKey(Zeroizing<Vec<u8>>);

/// What a passphrase opened.
pub struct Unlocked {
    /// The slot whose passphrase it is.
    pub slot: u32,
    /// The key.
    pub key: VolumeKey,
}

/// What the key is for: a crypt table's words.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Volume {
    /// The cipher, such as `aes-xts-plain64`.
    pub cipher: String,
    /// Added to sectors for IVs.
    pub iv_offset: u64,
    /// The first sector of the data on its device.
    pub start: u64,
    /// Sectors of the data; all that the device has if `None`.
    pub length: Option<u64>,
    /// Bytes that are encrypted as one.
    pub sector_size: u32,
    /// Options of crypt that the header asks for.
    pub options: Vec<String>,
    /// The sectors' tags, which an integrity device at `start` keeps; crypt is on top of that.
    pub tags: Option<Tags>,
    /// The header asks for no journal there.
    pub no_journal: bool,
}

impl Volume {
    /// The cipher as crypt's table calls it.
    pub fn crypt_cipher(&self) -> &str {
        match &self.tags {
            Some(tags) => &tags.cipher,
            None => &self.cipher,
        }
    }
}

impl Luks {
    /// Reads the header of `storage`. LUKS2 has two copies, of which one must be whole; the newer
    /// one counts.
    ///
    /// # Errors
    /// If there is no header, or what is wrong with it.
    pub fn read(storage: &mut dyn Storage) -> Result<Luks, LuksError> {
        let mut start = [0; 8];
        if storage.size() >= 592 {
            storage.read(0, &mut start)?;
        }
        let header = match (start[..6] == MAGIC, start[7]) {
            (true, 1) if start[6] == 0 => Header::One(Luks1::read(storage)?),
            _ => Header::Two(Luks2::read(storage)?),
        };
        Ok(Luks(header))
    }

    /// 1 or 2.
    pub fn version(&self) -> u32 {
        match &self.0 {
            Header::One(_) => 1,
            Header::Two(_) => 2,
        }
    }

    /// The volume's uuid, as the header says it.
    pub fn uuid(&self) -> &str {
        match &self.0 {
            Header::One(header) => header.uuid(),
            Header::Two(header) => header.uuid(),
        }
    }

    /// The uuid that cryptsetup gives the mapped device `name`.
    pub fn dm_uuid(&self, name: &str) -> String {
        let uuid = self.uuid().replace('-', "");
        alloc::format!("CRYPT-LUKS{}-{uuid}-{name}", self.version())
    }

    /// What one of two copies lacks, if the header was read from the other alone.
    pub fn damage(&self) -> Option<&str> {
        match &self.0 {
            Header::One(_) => None,
            Header::Two(header) => header.damage(),
        }
    }

    /// The slots that hold a key.
    pub fn slots(&self) -> Vec<u32> {
        match &self.0 {
            Header::One(header) => header.slots(),
            Header::Two(header) => header.slots(),
        }
    }

    /// The header as text, as cryptsetup's `luksDump` has it; `name` is the device's.
    pub fn dump(&self, name: &str) -> String {
        match &self.0 {
            Header::One(header) => dump::one(header, name),
            Header::Two(header) => dump::two(header),
        }
    }

    /// LUKS2's metadata as JSON text.
    pub fn json(&self) -> Option<String> {
        match &self.0 {
            Header::One(_) => None,
            Header::Two(header) => Some(header.json()),
        }
    }

    /// Gets the volume's key out.
    ///
    /// # Errors
    /// [`LuksError::WrongPassphrase`] if it opens none of the slots; what is wrong with a slot.
    pub fn unlock(
        &self,
        storage: &mut dyn Storage,
        passphrase: &[u8],
        slots: Slots,
    ) -> Result<Unlocked, LuksError> {
        match &self.0 {
            Header::One(header) => header.unlock(storage, passphrase, slots),
            Header::Two(header) => header.unlock(storage, passphrase, slots),
        }
    }

    /// What the key is for.
    ///
    /// # Errors
    /// If the header asks for what is not known here.
    pub fn volume(&self) -> Result<Volume, LuksError> {
        match &self.0 {
            Header::One(header) => Ok(header.volume()),
            Header::Two(header) => header.volume(),
        }
    }

    /// Lets `passphrase` open the volume, too, by `slot` or the first one that is free. Says which
    /// one that is.
    ///
    /// # Errors
    /// If there is no slot, no space, or the key is another volume's.
    pub fn add_key(
        &mut self,
        storage: &mut dyn Storage,
        key: &VolumeKey,
        passphrase: &[u8],
        slot: Option<u32>,
        kdf: &Kdf,
        random: Random<'_>,
    ) -> Result<u32, LuksError> {
        let new = NewKey {
            key,
            passphrase,
            slot,
            kdf,
        };
        match &mut self.0 {
            Header::One(header) => header.add_key(storage, new, random),
            Header::Two(header) => header.add_key(storage, new, random),
        }
    }

    /// Takes a slot away, and wipes what it held.
    ///
    /// # Errors
    /// If it holds nothing, or the storage fails.
    pub fn remove_key(
        &mut self,
        storage: &mut dyn Storage,
        slot: u32,
        random: Random<'_>,
    ) -> Result<(), LuksError> {
        match &mut self.0 {
            Header::One(header) => header.remove_key(storage, slot, random),
            Header::Two(header) => header.remove_key(storage, slot, random),
        }
    }
}

impl VolumeKey {
    /// A new key of `bytes`.
    ///
    /// # Errors
    /// If there is no randomness.
    pub fn new(bytes: usize, random: Random<'_>) -> Result<VolumeKey, LuksError> {
        let mut key = Zeroizing::new(alloc::vec![0; bytes]);
        random(&mut key)?;
        Ok(VolumeKey(key))
    }

    /// Its bytes.
    pub fn expose(&self) -> &[u8] {
        &self.0
    }
}

impl core::fmt::Debug for VolumeKey {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "VolumeKey({} bytes)", self.0.len())
    }
}

/// Whether two digests are equal, in a time that does not hang on where they differ.
fn equal(a: &[u8], b: &[u8]) -> bool {
    a.len() == b.len() && a.iter().zip(b).fold(0, |all, (a, b)| all | (a ^ b)) == 0
}

/// The text before the first zero byte.
fn text(bytes: &[u8]) -> Option<String> {
    let end = bytes.iter().position(|byte| *byte == 0)?;
    let text = core::str::from_utf8(&bytes[..end]).ok()?;
    text.chars().all(|c| !c.is_control()).then(|| text.into())
}

/// A disk with one copy of a LUKS2 header that has `json` and a checksum that fits, for fuzzing.
#[cfg(fuzzing)]
pub fn sealed(json: &[u8]) -> Vec<u8> {
    luks2::sealed(json)
}
