//! The two copies of the header on the disk: binary, with the JSON behind it.

use alloc::format;
use alloc::string::ToString;
use alloc::vec::Vec;

use serde_json::Value;

use crate::format::luks::error::LuksError;
use crate::format::luks::kdf::hash_of;
use crate::format::luks::metadata::Metadata;
use crate::format::luks::{MAGIC, Random, Storage, equal, text};

use super::Luks2;

const SECOND_MAGIC: [u8; 6] = *b"SKUL\xba\xbe";
/// The binary header, with what is unused behind it.
pub(super) const BINARY: usize = 4096;
/// The sizes that a copy may have: the first one is the usual one.
pub(in crate::format::luks) const SIZES: [u64; 9] = [
    0x4000, 0x8000, 0x1_0000, 0x2_0000, 0x4_0000, 0x8_0000, 0x10_0000, 0x20_0000, 0x40_0000,
];

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
    pub(in crate::format::luks) fn read(storage: &mut dyn Storage) -> Result<Luks2, LuksError> {
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

    /// Writes the copies, one behind the other, so that one is whole at any time.
    pub(in crate::format::luks) fn write(
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
}

fn long(bytes: &[u8]) -> u64 {
    let mut word = [0; 8];
    word.copy_from_slice(&bytes[..8]);
    u64::from_be_bytes(word)
}

/// A copy with this JSON, and with a checksum that fits.
#[cfg(any(test, fuzzing))]
pub(in crate::format::luks) fn sealed(json: &[u8]) -> Vec<u8> {
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
