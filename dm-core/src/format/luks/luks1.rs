//! LUKS1: one header of 592 bytes, eight slots.

use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use super::area::{self, Area};
use super::error::LuksError;
use super::kdf::{Kdf, bearable, hash_of};
use super::slots::{NewKey, Slots};
use super::split::STRIPES;
use super::{MAGIC, Random, Storage, Unlocked, Volume, VolumeKey, equal, text};

/// A header, checked.
#[derive(Clone, Debug)]
pub(super) struct Luks1 {
    pub(super) cipher: String,
    pub(super) mode: String,
    pub(super) hash: String,
    /// Sectors.
    pub(super) payload: u32,
    pub(super) key_bytes: u32,
    pub(super) digest: [u8; DIGEST],
    pub(super) salt: [u8; SALT],
    pub(super) iterations: u32,
    pub(super) uuid: String,
    pub(super) keys: [Slot; 8],
}

#[derive(Clone, Copy, Debug)]
pub(super) struct Slot {
    pub(super) enabled: bool,
    pub(super) iterations: u32,
    pub(super) salt: [u8; SALT],
    /// Sectors.
    pub(super) offset: u32,
}

const LENGTH: usize = 592;
const DIGEST: usize = 20;
const SALT: usize = 32;
const ENABLED: u32 = 0x00ac_71f3;
const DISABLED: u32 = 0x0000_dead;
/// Where areas may begin: at multiples of 4096 bytes.
const ALIGN: u32 = 8;

const AT_VERSION: usize = 6;
const AT_CIPHER: usize = 8;
const AT_MODE: usize = 40;
const AT_HASH: usize = 72;
const AT_PAYLOAD: usize = 104;
const AT_KEY_BYTES: usize = 108;
const AT_DIGEST: usize = 112;
const AT_SALT: usize = 132;
const AT_ITERATIONS: usize = 164;
const AT_UUID: usize = 168;
const AT_SLOTS: usize = 208;
const SLOT: usize = 48;

impl Luks1 {
    pub(super) fn read(storage: &mut dyn Storage) -> Result<Luks1, LuksError> {
        let mut bytes = [0; LENGTH];
        storage.read(0, &mut bytes)?;
        Luks1::parse(&bytes)
    }

    fn parse(bytes: &[u8; LENGTH]) -> Result<Luks1, LuksError> {
        let word = |at: usize| u32::from_be_bytes(array(&bytes[at..]));
        let name = |at: usize, length: usize, what: &str| {
            text(&bytes[at..at + length])
                .filter(|text| !text.is_empty())
                .ok_or_else(|| LuksError::Damaged(format!("the {what} is no text")))
        };
        let slot = |number: usize| {
            let at = AT_SLOTS + number * SLOT;
            let damaged = |what: &str| LuksError::Damaged(format!("key slot {number}: {what}"));
            let enabled = match word(at) {
                ENABLED => true,
                DISABLED => false,
                _ => return Err(damaged("it is neither enabled nor disabled")),
            };
            if word(at + 44) as usize != STRIPES {
                return Err(damaged("it has not 4000 stripes"));
            }
            Ok(Slot {
                enabled,
                iterations: word(at + 4),
                salt: array(&bytes[at + 8..]),
                offset: word(at + 40),
            })
        };
        let mut keys = [slot(0)?; 8];
        for (number, key) in keys.iter_mut().enumerate().skip(1) {
            *key = slot(number)?;
        }
        let header = Luks1 {
            cipher: name(AT_CIPHER, 32, "cipher")?,
            mode: name(AT_MODE, 32, "mode")?,
            hash: name(AT_HASH, 32, "hash")?,
            payload: word(AT_PAYLOAD),
            key_bytes: word(AT_KEY_BYTES),
            digest: array(&bytes[AT_DIGEST..]),
            salt: array(&bytes[AT_SALT..]),
            iterations: word(AT_ITERATIONS),
            uuid: name(AT_UUID, 40, "uuid")?,
            keys,
        };
        header.check()?;
        Ok(header)
    }

    /// Nothing overlaps, and no number is absurd.
    fn check(&self) -> Result<(), LuksError> {
        if !(1..=512).contains(&self.key_bytes) {
            return Err(LuksError::Damaged(format!(
                "the key has {} bytes",
                self.key_bytes
            )));
        }
        hash_of(&self.hash)?;
        let length = self.area_sectors();
        let mut areas: Vec<(u32, usize)> =
            self.keys.iter().map(|key| key.offset).zip(0..).collect();
        areas.sort_unstable();
        let mut end = LENGTH.div_ceil(512) as u64;
        for (offset, number) in areas {
            if u64::from(offset) < end {
                let what = "its area overlaps another one or the header";
                return Err(LuksError::Damaged(format!("key slot {number}: {what}")));
            }
            end = u64::from(offset) + length;
        }
        // A payload that starts at 0 is on another device.
        if self.payload != 0 && u64::from(self.payload) < end {
            return Err(LuksError::damaged("the data overlaps a key slot's area"));
        }
        Ok(())
    }

    /// Makes a header without keys for `key`.
    pub(super) fn new(
        names: [&str; 3],
        key: &VolumeKey,
        payload: Option<u32>,
        iterations: u32,
        uuid: &str,
        random: Random<'_>,
    ) -> Result<Luks1, LuksError> {
        let [cipher, mode, hash] = names.map(ToString::to_string);
        let mut salt = [0; SALT];
        random(&mut salt)?;
        let unused = Slot {
            enabled: false,
            iterations: 0,
            salt: [0; SALT],
            offset: 0,
        };
        let mut header = Luks1 {
            cipher,
            mode,
            hash,
            payload: 0,
            key_bytes: u32::try_from(key.0.len()).map_err(|_| LuksError::TooSmall)?,
            digest: [0; DIGEST],
            salt,
            iterations,
            uuid: uuid.into(),
            keys: [unused; 8],
        };
        header.digest = array(&header.digest_of(&key.0)?);
        let length = u32::try_from(header.area_sectors()).map_err(|_| LuksError::TooSmall)?;
        let mut offset = ALIGN;
        for key in &mut header.keys {
            key.offset = offset;
            offset = (offset + length).next_multiple_of(ALIGN);
        }
        header.payload = payload.unwrap_or_else(|| offset.next_multiple_of(2048));
        Ok(header)
    }

    fn area_sectors(&self) -> u64 {
        (area::length(self.key_bytes as usize) / 512) as u64
    }

    fn to_bytes(&self) -> [u8; LENGTH] {
        let mut bytes = [0; LENGTH];
        let mut put = |at: usize, part: &[u8]| bytes[at..at + part.len()].copy_from_slice(part);
        put(0, &MAGIC);
        put(AT_VERSION, &1_u16.to_be_bytes());
        put(AT_CIPHER, self.cipher.as_bytes());
        put(AT_MODE, self.mode.as_bytes());
        put(AT_HASH, self.hash.as_bytes());
        put(AT_PAYLOAD, &self.payload.to_be_bytes());
        put(AT_KEY_BYTES, &self.key_bytes.to_be_bytes());
        put(AT_DIGEST, &self.digest);
        put(AT_SALT, &self.salt);
        put(AT_ITERATIONS, &self.iterations.to_be_bytes());
        put(AT_UUID, self.uuid.as_bytes());
        for (number, key) in self.keys.iter().enumerate() {
            let at = AT_SLOTS + number * SLOT;
            let state = if key.enabled { ENABLED } else { DISABLED };
            put(at, &state.to_be_bytes());
            put(at + 4, &key.iterations.to_be_bytes());
            put(at + 8, &key.salt);
            put(at + 40, &key.offset.to_be_bytes());
            put(at + 44, &4000_u32.to_be_bytes());
        }
        bytes
    }

    pub(super) fn write(&self, storage: &mut dyn Storage) -> Result<(), LuksError> {
        // What is behind it in its sectors is not its own, but zero in all that are made.
        let mut sectors = [0; 1024];
        sectors[..LENGTH].copy_from_slice(&self.to_bytes());
        Ok(storage.write(0, &sectors)?)
    }

    pub(super) fn uuid(&self) -> &str {
        &self.uuid
    }

    pub(super) fn slots(&self) -> Vec<u32> {
        let enabled = self.keys.iter().zip(0..).filter(|(key, _)| key.enabled);
        enabled.map(|(_, number)| number).collect()
    }

    fn kdf(&self, iterations: u32) -> Kdf {
        Kdf::Pbkdf2 {
            hash: self.hash.clone(),
            iterations,
        }
    }

    fn digest_of(&self, key: &[u8]) -> Result<Vec<u8>, LuksError> {
        let digest = self.kdf(self.iterations).derive(key, &self.salt, DIGEST)?;
        Ok(digest.to_vec())
    }

    fn cipher(&self) -> String {
        format!("{}-{}", self.cipher, self.mode)
    }

    pub(super) fn unlock(
        &self,
        storage: &mut dyn Storage,
        passphrase: &[u8],
        slots: Slots,
    ) -> Result<Unlocked, LuksError> {
        let held = self.slots();
        let slots = slots.among(&held, || {
            let keys = held.iter().map(|slot| self.keys[*slot as usize].iterations);
            let all = keys.flat_map(|iterations| [iterations, self.iterations]);
            let kdfs: Vec<Kdf> = all.map(|iterations| self.kdf(iterations)).collect();
            bearable(kdfs.iter())?;
            Ok(held.clone())
        })?;
        let bytes = self.key_bytes as usize;
        for number in slots {
            let slot = &self.keys[number as usize];
            let key = self
                .kdf(slot.iterations)
                .derive(passphrase, &slot.salt, bytes)?;
            let cipher = self.cipher();
            let found = self.area(slot, &cipher, &key)?.load(storage, bytes)?;
            if equal(&self.digest_of(&found)?, &self.digest) {
                return Ok(Unlocked {
                    slot: number,
                    key: VolumeKey(found),
                });
            }
        }
        Err(LuksError::WrongPassphrase)
    }

    fn area<'a>(&self, slot: &Slot, cipher: &'a str, key: &'a [u8]) -> Result<Area<'a>, LuksError> {
        Ok(Area {
            offset: u64::from(slot.offset) * 512,
            cipher,
            key,
            hash: hash_of(&self.hash)?,
        })
    }

    pub(super) fn volume(&self) -> Volume {
        Volume {
            cipher: self.cipher(),
            iv_offset: 0,
            start: u64::from(self.payload),
            length: None,
            sector_size: 512,
            options: Vec::new(),
            tags: None,
            no_journal: false,
        }
    }

    pub(super) fn add_key(
        &mut self,
        storage: &mut dyn Storage,
        new: NewKey<'_>,
        random: Random<'_>,
    ) -> Result<u32, LuksError> {
        let Kdf::Pbkdf2 { iterations, .. } = new.kdf else {
            return Err(LuksError::Unsupported("argon2 in LUKS1".into()));
        };
        let key = &new.key.0;
        if !equal(&self.digest_of(key)?, &self.digest) {
            return Err(LuksError::OtherKey);
        }
        let number = new.slot_among(&self.slots(), 8)?;
        let mut slot = self.keys[number as usize];
        slot.iterations = *iterations;
        slot.enabled = true;
        random(&mut slot.salt)?;
        let kdf = self.kdf(*iterations);
        let sealed = kdf.derive(new.passphrase, &slot.salt, key.len())?;
        let cipher = self.cipher();
        self.area(&slot, &cipher, &sealed)?
            .store(storage, key, random)?;
        self.keys[number as usize] = slot;
        self.write(storage)?;
        Ok(number)
    }

    pub(super) fn remove_key(
        &mut self,
        storage: &mut dyn Storage,
        slot: u32,
        random: Random<'_>,
    ) -> Result<(), LuksError> {
        if !self.slots().contains(&slot) {
            return Err(LuksError::NoSlot(slot));
        }
        let sectors = self.area_sectors();
        let key = &mut self.keys[slot as usize];
        let offset = u64::from(key.offset) * 512;
        area::wipe(storage, offset, sectors * 512, random)?;
        key.enabled = false;
        key.iterations = 0;
        key.salt = [0; SALT];
        self.write(storage)
    }
}

/// The first `N` bytes, of which there are so many.
fn array<const N: usize>(bytes: &[u8]) -> [u8; N] {
    let mut array = [0; N];
    array.copy_from_slice(&bytes[..N]);
    array
}
