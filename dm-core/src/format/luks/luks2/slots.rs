//! Key slots: a passphrase opens them, and they come and go.

use alloc::string::ToString;
use alloc::vec::Vec;

use serde_json::{Map, Value, json};

use crate::format::luks::area::{self, Area};
use crate::format::luks::error::LuksError;
use crate::format::luks::kdf::{Kdf, bearable, hash_of};
use crate::format::luks::metadata::{Digest, Keyslot, Metadata, OBJECTS_MAX, base64};
use crate::format::luks::slots::{NewKey, Slots};
use crate::format::luks::{Random, Storage, Unlocked, VolumeKey, equal};

use super::Luks2;

/// Slots' areas begin and end at multiples of it.
const ALIGN: u64 = 4096;

impl Luks2 {
    pub(in crate::format::luks) fn unlock(
        &self,
        storage: &mut dyn Storage,
        passphrase: &[u8],
        slots: Slots,
    ) -> Result<Unlocked, LuksError> {
        let slots = slots.among(&self.slots(), || {
            let slots = self.metadata.keyslots.iter();
            let wanted = |(number, slot): &(&u32, &Keyslot)| {
                slot.priority > 0 && self.digest_of(**number).is_some()
            };
            let mut slots: Vec<_> = slots.filter(wanted).collect();
            slots.sort_by_key(|(_, slot)| core::cmp::Reverse(slot.priority));
            let slots = slots.into_iter().map(|(number, _)| *number);
            let slots: Vec<u32> = slots.collect();
            bearable(slots.iter().flat_map(|slot| self.costs(*slot)))?;
            Ok(slots)
        })?;
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

    /// The digest that a slot's key must have: one of data. Slots may keep keys for other things,
    /// which would make nonsense of the data.
    fn digest_of(&self, slot: u32) -> Option<&Digest> {
        let (_, digest) = self.metadata.digest_of(slot)?;
        (!digest.segments.is_empty()).then_some(digest)
    }

    /// What it costs to try a slot.
    fn costs(&self, slot: u32) -> impl Iterator<Item = &Kdf> {
        let keyslot = self.metadata.keyslots.get(&slot).map(|slot| &slot.kdf);
        let digest = self.digest_of(slot).map(|digest| &digest.kdf);
        keyslot.into_iter().chain(digest)
    }

    fn try_slot(
        &self,
        storage: &mut dyn Storage,
        passphrase: &[u8],
        slot: u32,
    ) -> Result<Option<VolumeKey>, LuksError> {
        let keyslot = &self.metadata.keyslots[&slot];
        let digest = self.digest_of(slot);
        let digest = digest.ok_or_else(|| LuksError::damaged("it keeps no key of the data"))?;
        digest.kdf.check()?;
        let bytes = keyslot.cipher_bytes;
        let key = keyslot.kdf.derive(passphrase, &keyslot.salt, bytes)?;
        let found = keyslot.area(&key)?.load(storage, keyslot.key_bytes)?;
        let sum = digest
            .kdf
            .derive(&found, &digest.salt, digest.digest.len())?;
        Ok(equal(&sum, &digest.digest).then_some(VolumeKey(found)))
    }

    pub(in crate::format::luks) fn add_key(
        &mut self,
        storage: &mut dyn Storage,
        new: NewKey<'_>,
        random: Random<'_>,
    ) -> Result<u32, LuksError> {
        let NewKey { key, kdf, .. } = new;
        let digest = self.digest_for(key)?;
        let slot = new.slot_among(&self.slots(), OBJECTS_MAX)?;
        let volume = self.volume()?;
        let size = (area::length(key.0.len()) as u64).next_multiple_of(ALIGN);
        let offset = self.free_area(size)?;
        let mut salt = alloc::vec![0; 32];
        random(&mut salt)?;
        // The null cipher keeps nothing from anybody, and a slot has no place for tags.
        let own = volume.cipher.starts_with("cipher_null") || volume.tags.is_some();
        let (cipher, bytes) = match own {
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
        let sealed = kdf.derive(new.passphrase, &keyslot.salt, bytes)?;
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

    pub(in crate::format::luks) fn remove_key(
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
