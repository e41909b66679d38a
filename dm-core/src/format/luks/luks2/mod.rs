//! LUKS2: two copies of a binary header with JSON behind it, then the slots' areas.

mod copies;
mod slots;

use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use serde_json::{Value, json};

use super::error::LuksError;
use super::kdf::{Kdf, hash_of};
use super::metadata::{Metadata, base64};
use super::{Random, Tags, Volume, VolumeKey};

use self::copies::BINARY;
pub(super) use self::copies::SIZES;
#[cfg(any(test, fuzzing))]
pub(super) use self::copies::sealed;

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

impl Luks2 {
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
        let mut document = json!({
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
        if let Some(tags) = &volume.tags {
            document["segments"]["0"]["integrity"] = json!({
                "type": tags.kind,
                "journal_encryption": "none",
                "journal_integrity": "none",
            });
        }
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
        let tags = match &segment.tags {
            None => None,
            Some(tags) if tags.journal_protected => {
                return unsupported("tags with a protected journal".into());
            }
            Some(tags) => {
                let mut found = Tags::of(&segment.cipher, &tags.kind)?;
                found.key_bytes = tags.key_bytes;
                Some(found)
            }
        };
        Ok(Volume {
            tags,
            no_journal: self.metadata.flags.iter().any(|flag| flag == "no-journal"),
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
}
