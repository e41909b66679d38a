//! LUKS2: two copies of a binary header with JSON behind it, then the slots' areas.

use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use serde_json::{Map, Value, json};

use super::area::{self, Area};
use super::error::LuksError;
use super::kdf::{Kdf, hash_of};
use super::metadata::{Keyslot, Metadata, OBJECTS_MAX, base64};
use super::{MAGIC, Random, Slots, Storage, Unlocked, Volume, VolumeKey, equal, text};

/// A header, checked.
#[derive(Clone, Debug)]
pub(super) struct Luks2 {
    /// Bytes of a copy.
    pub(super) size: u64,
    pub(super) sequence: u64,
    pub(super) label: String,
    pub(super) subsystem: String,
    checksum: String,
    uuid: String,
    /// As it is on the disk, so that what is not known stays.
    document: Value,
    pub(super) metadata: Metadata,
    damage: Option<String>,
}

const SECOND_MAGIC: [u8; 6] = *b"SKUL\xba\xbe";
/// The binary header, with what is unused behind it.
const BINARY: usize = 4096;
/// The sizes that a copy may have: the first one is the usual one.
pub(super) const SIZES: [u64; 9] = [
    0x4000, 0x8000, 0x1_0000, 0x2_0000, 0x4_0000, 0x8_0000, 0x10_0000, 0x20_0000, 0x40_0000,
];
/// Slots' areas begin and end at multiples of it.
const ALIGN: u64 = 4096;

const AT_SIZE: usize = 8;
const AT_SEQUENCE: usize = 16;
const AT_LABEL: usize = 24;
const AT_CHECKSUM_NAME: usize = 72;
const AT_SALT: usize = 104;
const AT_UUID: usize = 168;
const AT_SUBSYSTEM: usize = 208;
const AT_OFFSET: usize = 256;
const AT_CHECKSUM: usize = 448;
const CHECKSUM: usize = 64;

impl Luks2 {
    pub(super) fn read(storage: &mut dyn Storage) -> Result<Luks2, LuksError> {
        let first = Luks2::copy(storage, 0, MAGIC);
        // A whole first copy says where the second one is; else it is looked for.
        let places: Vec<u64> = match &first {
            Ok(first) => alloc::vec![first.size],
            Err(LuksError::NotLuks | LuksError::Damaged(_)) => SIZES.to_vec(),
            Err(_) => Vec::new(),
        };
        let mut second = Err(LuksError::NotLuks);
        for place in places {
            match Luks2::copy(storage, place, SECOND_MAGIC) {
                Err(LuksError::NotLuks) => {}
                found => {
                    second = found;
                    if second.is_ok() {
                        break;
                    }
                }
            }
        }
        let damage = |which: &str, error: &LuksError| match error {
            LuksError::NotLuks => Some(format!("the {which} copy is missing")),
            error => Some(format!("the {which} copy: {error}")),
        };
        match (first, second) {
            (Ok(first), Ok(second)) if second.sequence > first.sequence => {
                let damage = Some("the first copy is older than the second one".into());
                Ok(Luks2 { damage, ..second })
            }
            (Ok(first), Ok(second)) => {
                let older = second.sequence < first.sequence;
                let damage =
                    older.then(|| "the second copy is older than the first one".to_string());
                Ok(Luks2 { damage, ..first })
            }
            (Ok(first), Err(error)) => {
                let damage = damage("second", &error);
                Ok(Luks2 { damage, ..first })
            }
            (Err(error), Ok(second)) => {
                let damage = damage("first", &error);
                Ok(Luks2 { damage, ..second })
            }
            (Err(LuksError::Damaged(first)), Err(LuksError::Damaged(second))) => {
                Err(LuksError::BothDamaged { first, second })
            }
            (Err(LuksError::NotLuks), Err(error)) => Err(error),
            (Err(error), Err(_)) => Err(error),
        }
    }

    /// One copy.
    fn copy(storage: &mut dyn Storage, at: u64, magic: [u8; 6]) -> Result<Luks2, LuksError> {
        if at.saturating_add(BINARY as u64) > storage.size() {
            return Err(LuksError::NotLuks);
        }
        let mut binary = [0; BINARY];
        storage.read(at, &mut binary)?;
        if binary[..6] != magic {
            return Err(LuksError::NotLuks);
        }
        let version = u16::from_be_bytes([binary[6], binary[7]]);
        if version != 2 {
            return Err(LuksError::Version(version));
        }
        let size = long(&binary[AT_SIZE..]);
        if !SIZES.contains(&size) {
            return Err(LuksError::Damaged(format!("its size is {size}")));
        }
        if long(&binary[AT_OFFSET..]) != at {
            return Err(LuksError::damaged("it says that it is elsewhere"));
        }
        if at.saturating_add(size) > storage.size() {
            return Err(LuksError::damaged("it is cut off"));
        }
        let length = usize::try_from(size).map_err(|_| LuksError::TooSmall)? - BINARY;
        let mut area = alloc::vec![0; length];
        storage.read(at + BINARY as u64, &mut area)?;
        Luks2::parse(&binary, &area)
    }

    fn parse(binary: &[u8; BINARY], area: &[u8]) -> Result<Luks2, LuksError> {
        let field = |at: usize, length: usize, what: &str| {
            text(&binary[at..at + length])
                .ok_or_else(|| LuksError::Damaged(format!("the {what} is no text")))
        };
        let checksum = field(AT_CHECKSUM_NAME, 32, "checksum's name")?;
        let hash = hash_of(&checksum)?;
        let mut blank = *binary;
        let stored = &binary[AT_CHECKSUM..AT_CHECKSUM + CHECKSUM];
        blank[AT_CHECKSUM..AT_CHECKSUM + CHECKSUM].fill(0);
        let found = hash.digest(&[&blank, area]);
        if !equal(&found, &stored[..found.len()]) {
            return Err(LuksError::damaged("its checksum is wrong"));
        }
        let end = area.iter().position(|byte| *byte == 0);
        let end = end.ok_or_else(|| LuksError::damaged("the JSON has no end"))?;
        if area[end..].iter().any(|byte| *byte != 0) {
            return Err(LuksError::damaged("there is something behind the JSON"));
        }
        let document: Value = serde_json::from_slice(&area[..end])
            .map_err(|error| LuksError::Damaged(format!("the JSON: {error}")))?;
        let size = long(&binary[AT_SIZE..]);
        let metadata = Metadata::of(&document, size.saturating_mul(2))?;
        Ok(Luks2 {
            size,
            sequence: long(&binary[AT_SEQUENCE..]),
            label: field(AT_LABEL, 48, "label")?,
            subsystem: field(AT_SUBSYSTEM, 48, "subsystem")?,
            checksum,
            uuid: field(AT_UUID, 40, "uuid")?,
            document,
            metadata,
            damage: None,
        })
    }

    /// Makes a header without keys for `key`. Its data begins at `start`, in bytes.
    pub(super) fn new(
        volume: &Volume,
        key: &VolumeKey,
        names: [&str; 2],
        keyslots_size: u64,
        digest: &Kdf,
        random: Random<'_>,
    ) -> Result<Luks2, LuksError> {
        let [uuid, label] = names;
        let Kdf::Pbkdf2 { hash, iterations } = digest else {
            return Err(LuksError::Unsupported("a digest of argon2".into()));
        };
        let mut salt = [0; 32];
        random(&mut salt)?;
        let found = digest.derive(&key.0, &salt, hash_of(hash)?.bytes())?;
        let size = SIZES[0];
        let length = volume.length.map(|sectors| (sectors * 512).to_string());
        let document = json!({
            "keyslots": {},
            "tokens": {},
            "segments": { "0": {
                "type": "crypt",
                "offset": (volume.start * 512).to_string(),
                "size": length.as_deref().unwrap_or("dynamic"),
                "iv_tweak": volume.iv_offset.to_string(),
                "encryption": volume.cipher,
                "sector_size": volume.sector_size,
            } },
            "digests": { "0": {
                "type": "pbkdf2",
                "keyslots": [],
                "segments": ["0"],
                "hash": hash,
                "iterations": iterations,
                "salt": base64(&salt),
                "digest": base64(&found),
            } },
            "config": {
                "json_size": (size - BINARY as u64).to_string(),
                "keyslots_size": keyslots_size.to_string(),
            },
        });
        let metadata = Metadata::of(&document, size * 2)?;
        Ok(Luks2 {
            size,
            sequence: 0,
            label: label.into(),
            subsystem: String::new(),
            checksum: "sha256".into(),
            uuid: uuid.into(),
            document,
            metadata,
            damage: None,
        })
    }

    /// Writes the copies, one behind the other, so that one is whole at any time.
    pub(super) fn write(
        &mut self,
        storage: &mut dyn Storage,
        random: Random<'_>,
    ) -> Result<(), LuksError> {
        self.sequence += 1;
        let text = self.document.to_string();
        let length = usize::try_from(self.size).map_err(|_| LuksError::TooSmall)? - BINARY;
        if text.len() >= length {
            return Err(LuksError::NoSpace);
        }
        let mut area = alloc::vec![0; length];
        area[..text.len()].copy_from_slice(text.as_bytes());
        let hash = hash_of(&self.checksum)?;
        for (at, magic) in [(0, MAGIC), (self.size, SECOND_MAGIC)] {
            let mut binary = [0; BINARY];
            let mut put = |at: usize, part: &[u8]| {
                binary[at..at + part.len()].copy_from_slice(part);
            };
            put(0, &magic);
            put(6, &2_u16.to_be_bytes());
            put(AT_SIZE, &self.size.to_be_bytes());
            put(AT_SEQUENCE, &self.sequence.to_be_bytes());
            put(AT_LABEL, self.label.as_bytes());
            put(AT_CHECKSUM_NAME, self.checksum.as_bytes());
            put(AT_UUID, self.uuid.as_bytes());
            put(AT_SUBSYSTEM, self.subsystem.as_bytes());
            put(AT_OFFSET, &at.to_be_bytes());
            random(&mut binary[AT_SALT..AT_SALT + 64])?;
            let found = hash.digest(&[&binary, &area]);
            binary[AT_CHECKSUM..AT_CHECKSUM + found.len()].copy_from_slice(&found);
            let mut copy = binary.to_vec();
            copy.extend_from_slice(&area);
            storage.write(at, &copy)?;
        }
        self.damage = None;
        Ok(())
    }

    pub(super) fn uuid(&self) -> &str {
        &self.uuid
    }

    pub(super) fn damage(&self) -> Option<&str> {
        self.damage.as_deref()
    }

    pub(super) fn slots(&self) -> Vec<u32> {
        self.metadata.keyslots.keys().copied().collect()
    }

    pub(super) fn json(&self) -> String {
        self.document.to_string()
    }

    pub(super) fn unlock(
        &self,
        storage: &mut dyn Storage,
        passphrase: &[u8],
        slots: Slots,
    ) -> Result<Unlocked, LuksError> {
        let slots = match slots {
            Slots::Only(slot) if self.metadata.keyslots.contains_key(&slot) => alloc::vec![slot],
            Slots::Only(slot) => return Err(LuksError::NoSlot(slot)),
            Slots::All => {
                let slots = self.metadata.keyslots.iter();
                let mut slots: Vec<_> = slots.filter(|(_, slot)| slot.priority > 0).collect();
                slots.sort_by_key(|(_, slot)| core::cmp::Reverse(slot.priority));
                slots.into_iter().map(|(number, _)| *number).collect()
            }
        };
        // A slot that can not be tried is no reason not to try the others.
        let mut trouble = None;
        for slot in slots {
            match self.try_slot(storage, passphrase, slot) {
                Ok(Some(key)) => return Ok(Unlocked { slot, key }),
                Ok(None) => {}
                Err(error @ LuksError::Io(_)) => return Err(error),
                Err(error) => {
                    let what = error.to_string();
                    trouble = trouble.or(Some(LuksError::Slot { slot, what }));
                }
            }
        }
        Err(trouble.unwrap_or(LuksError::WrongPassphrase))
    }

    fn try_slot(
        &self,
        storage: &mut dyn Storage,
        passphrase: &[u8],
        slot: u32,
    ) -> Result<Option<VolumeKey>, LuksError> {
        let keyslot = &self.metadata.keyslots[&slot];
        let digest = self.metadata.digest_of(slot);
        let (_, digest) = digest.ok_or_else(|| LuksError::damaged("its key has no digest"))?;
        digest.kdf.check()?;
        let bytes = keyslot.cipher_bytes;
        let key = keyslot.kdf.derive(passphrase, &keyslot.salt, bytes)?;
        let found = keyslot.area(&key)?.load(storage, keyslot.key_bytes)?;
        let sum = digest
            .kdf
            .derive(&found, &digest.salt, digest.digest.len())?;
        Ok(equal(&sum, &digest.digest).then_some(VolumeKey(found)))
    }

    pub(super) fn volume(&self) -> Result<Volume, LuksError> {
        let unsupported = |what: String| Err(LuksError::Unsupported(what));
        if let Some(first) = self.metadata.requirements.first() {
            return unsupported(format!("the requirement {first}"));
        }
        let mut segments = self.metadata.segments.values();
        let (Some(segment), None) = (segments.next(), segments.next()) else {
            return unsupported("other than one segment".into());
        };
        if segment.kind != "crypt" {
            return unsupported(format!("a segment of type {}", segment.kind));
        }
        if let Some(name) = segment.unknown {
            return unsupported(format!("a segment with {name}"));
        }
        let option = |flag: &String| match flag.as_str() {
            "allow-discards" => Ok("allow_discards".to_string()),
            "same-cpu-crypt" => Ok("same_cpu_crypt".to_string()),
            "submit-from-crypt-cpus" => Ok("submit_from_crypt_cpus".to_string()),
            "no-read-workqueue" => Ok("no_read_workqueue".to_string()),
            "no-write-workqueue" => Ok("no_write_workqueue".to_string()),
            // Journals are integrity's.
            "no-journal" => Ok(String::new()),
            _ => Err(LuksError::Unsupported(format!("the flag {flag}"))),
        };
        let options: Vec<String> = self
            .metadata
            .flags
            .iter()
            .map(option)
            .collect::<Result<_, _>>()?;
        Ok(Volume {
            cipher: segment.cipher.clone(),
            iv_offset: segment.iv_tweak,
            start: segment.offset / 512,
            length: segment.size.map(|bytes| bytes / 512),
            sector_size: segment.sector_size,
            options: options
                .into_iter()
                .filter(|word| !word.is_empty())
                .collect(),
        })
    }

    pub(super) fn add_key(
        &mut self,
        storage: &mut dyn Storage,
        key: &VolumeKey,
        passphrase: &[u8],
        slot: Option<u32>,
        kdf: &Kdf,
        random: Random<'_>,
    ) -> Result<u32, LuksError> {
        let digest = self.digest_for(key)?;
        let slot = match slot {
            Some(slot) if self.metadata.keyslots.contains_key(&slot) => {
                return Err(LuksError::SlotTaken(slot));
            }
            Some(slot) if slot < OBJECTS_MAX => slot,
            Some(slot) => return Err(LuksError::NoSlot(slot)),
            None => (0..OBJECTS_MAX)
                .find(|slot| !self.metadata.keyslots.contains_key(slot))
                .ok_or(LuksError::NoFreeSlot)?,
        };
        let volume = self.volume()?;
        let size = (area::length(key.0.len()) as u64).next_multiple_of(ALIGN);
        let offset = self.free_area(size)?;
        let mut salt = alloc::vec![0; 32];
        random(&mut salt)?;
        // The null cipher keeps nothing from anybody.
        let (cipher, bytes) = match volume.cipher.starts_with("cipher_null") {
            true => ("aes-xts-plain64", 64),
            false => (volume.cipher.as_str(), key.0.len()),
        };
        let keyslot = Keyslot {
            key_bytes: key.0.len(),
            priority: 1,
            hash: "sha256".into(),
            kdf: kdf.clone(),
            salt,
            offset,
            size,
            cipher: cipher.into(),
            cipher_bytes: bytes,
        };
        let sealed = kdf.derive(passphrase, &keyslot.salt, bytes)?;
        keyslot.area(&sealed)?.store(storage, &key.0, random)?;
        let mut document = self.document.clone();
        let put = |document: &mut Value| -> Option<()> {
            let keyslots = document.get_mut("keyslots")?.as_object_mut()?;
            keyslots.insert(slot.to_string(), keyslot.to_json());
            let digest = document.get_mut("digests")?.get_mut(digest.to_string())?;
            let keyslots = digest.get_mut("keyslots")?.as_array_mut()?;
            keyslots.push(slot.to_string().into());
            Some(())
        };
        put(&mut document).ok_or_else(|| LuksError::damaged("the JSON lacks a part"))?;
        self.change(storage, document, random)?;
        Ok(slot)
    }

    pub(super) fn remove_key(
        &mut self,
        storage: &mut dyn Storage,
        slot: u32,
        random: Random<'_>,
    ) -> Result<(), LuksError> {
        let keyslot = self.metadata.keyslots.get(&slot);
        let keyslot = keyslot.ok_or(LuksError::NoSlot(slot))?;
        area::wipe(storage, keyslot.offset, keyslot.size, random)?;
        let mut document = self.document.clone();
        let number = slot.to_string();
        if let Some(Value::Object(keyslots)) = document.get_mut("keyslots") {
            keyslots.remove(&number);
        }
        for users in ["digests", "tokens"] {
            let users = document.get_mut(users).and_then(Value::as_object_mut);
            for user in users.into_iter().flat_map(Map::values_mut) {
                if let Some(Value::Array(slots)) = user.get_mut("keyslots") {
                    slots.retain(|slot| slot.as_str() != Some(&number));
                }
            }
        }
        self.change(storage, document, random)
    }

    /// Takes a new document, once it was read as one from a disk would be.
    fn change(
        &mut self,
        storage: &mut dyn Storage,
        document: Value,
        random: Random<'_>,
    ) -> Result<(), LuksError> {
        self.metadata = Metadata::of(&document, self.size * 2)?;
        self.document = document;
        self.write(storage, random)
    }

    /// The digest that `key` has.
    fn digest_for(&self, key: &VolumeKey) -> Result<u32, LuksError> {
        for (number, digest) in &self.metadata.digests {
            let sum = digest
                .kdf
                .derive(&key.0, &digest.salt, digest.digest.len())?;
            if equal(&sum, &digest.digest) {
                return Ok(*number);
            }
        }
        Err(LuksError::OtherKey)
    }

    /// The first place where `size` bytes are free.
    fn free_area(&self, size: u64) -> Result<u64, LuksError> {
        let mut at = self.size * 2;
        let end = at + self.metadata.keyslots_size;
        for (_, offset, length) in self.metadata.areas() {
            if offset >= at + size {
                break;
            }
            at = (offset + length).next_multiple_of(ALIGN);
        }
        match at + size <= end {
            true => Ok(at),
            false => Err(LuksError::NoSpace),
        }
    }
}

impl Keyslot {
    fn area<'a>(&'a self, key: &'a [u8]) -> Result<Area<'a>, LuksError> {
        Ok(Area {
            offset: self.offset,
            cipher: &self.cipher,
            key,
            hash: hash_of(&self.hash)?,
        })
    }

    fn to_json(&self) -> Value {
        let mut kdf = match &self.kdf {
            Kdf::Pbkdf2 { hash, iterations } => json!({ "hash": hash, "iterations": iterations }),
            Kdf::Argon2 {
                time, memory, cpus, ..
            } => json!({ "time": time, "memory": memory, "cpus": cpus }),
        };
        kdf["type"] = self.kdf.name().into();
        kdf["salt"] = base64(&self.salt).into();
        json!({
            "type": "luks2",
            "key_size": self.key_bytes,
            "af": { "type": "luks1", "stripes": 4000, "hash": self.hash },
            "area": {
                "type": "raw",
                "offset": self.offset.to_string(),
                "size": self.size.to_string(),
                "encryption": self.cipher,
                "key_size": self.cipher_bytes,
            },
            "kdf": kdf,
        })
    }
}

fn long(bytes: &[u8]) -> u64 {
    let mut word = [0; 8];
    word.copy_from_slice(&bytes[..8]);
    u64::from_be_bytes(word)
}

/// A copy with this JSON, and with a checksum that fits.
#[cfg(any(test, fuzzing))]
pub(super) fn sealed(json: &[u8]) -> Vec<u8> {
    let mut copy = alloc::vec![0; 0x4000];
    copy[..6].copy_from_slice(&MAGIC);
    copy[7] = 2;
    copy[AT_SIZE..AT_SIZE + 8].copy_from_slice(&SIZES[0].to_be_bytes());
    copy[AT_CHECKSUM_NAME..AT_CHECKSUM_NAME + 6].copy_from_slice(b"sha256");
    let length = json.len().min(copy.len() - BINARY);
    copy[BINARY..BINARY + length].copy_from_slice(&json[..length]);
    let sum = crate::target::crypt::Hash::Sha256.digest(&[&copy]);
    copy[AT_CHECKSUM..AT_CHECKSUM + 32].copy_from_slice(&sum);
    copy
}
