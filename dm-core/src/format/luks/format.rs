//! A new header.

use alloc::string::String;

use super::error::LuksError;
use super::kdf::Kdf;
use super::luks1::Luks1;
use super::luks2::{Luks2, SIZES};
use super::{Header, Luks, Random, Storage, Tags, Volume, VolumeKey};

/// Which version is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Version {
    /// LUKS1.
    One,
    /// LUKS2.
    Two,
}

/// What a new header says.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Format {
    /// Which version it is.
    pub version: Version,
    /// The cipher, such as `aes-xts-plain64`.
    pub cipher: String,
    /// Bytes of the volume's key.
    pub key_bytes: usize,
    /// The hash of digests, and of LUKS1's slots.
    pub hash: String,
    /// How often it is applied to the volume's key for its digest.
    pub digest_iterations: u32,
    /// Bytes that are encrypted as one; 512 in LUKS1.
    pub sector_size: u32,
    /// The volume's uuid.
    pub uuid: String,
    /// The volume's label, in LUKS2.
    pub label: String,
    /// The first sector of the data; behind the header if `None`.
    pub start: Option<u64>,
    /// The sectors' tags, in LUKS2.
    pub tags: Option<Tags>,
}

/// Where LUKS2's data begins, in bytes.
const DATA: u64 = 16 << 20;

impl Format {
    /// A LUKS2 header as cryptsetup makes it: aes-xts-plain64 with a key of 512 bits.
    pub fn new(uuid: impl Into<String>) -> Format {
        Format {
            version: Version::Two,
            cipher: "aes-xts-plain64".into(),
            key_bytes: 64,
            hash: "sha256".into(),
            digest_iterations: 1000,
            sector_size: 512,
            uuid: uuid.into(),
            label: String::new(),
            start: None,
            tags: None,
        }
    }

    /// Writes the header, and lets `passphrase` open it by slot 0.
    ///
    /// # Errors
    /// If the cipher is not known, what is named does not fit, or the storage fails. What was
    /// there is lost then, too.
    pub fn write(
        &self,
        storage: &mut dyn Storage,
        passphrase: &[u8],
        kdf: &Kdf,
        random: Random<'_>,
    ) -> Result<Luks, LuksError> {
        let (luks, _) = self.write_keyed(storage, passphrase, kdf, random)?;
        Ok(luks)
    }

    /// Does as [`Format::write`], and gives the volume's key, with which tags are made.
    ///
    /// # Errors
    /// As [`Format::write`].
    pub fn write_keyed(
        &self,
        storage: &mut dyn Storage,
        passphrase: &[u8],
        kdf: &Kdf,
        random: Random<'_>,
    ) -> Result<(Luks, VolumeKey), LuksError> {
        self.check()?;
        kdf.check()?;
        let key = VolumeKey::new(self.key_bytes, random)?;
        let header = match self.version {
            Version::One => {
                let (cipher, mode) = self.cipher.split_once('-').ok_or_else(|| {
                    LuksError::Unsupported("a cipher without a mode in LUKS1".into())
                })?;
                let start = self.start.map(u32::try_from).transpose();
                let header = Luks1::new(
                    [cipher, mode, &self.hash],
                    &key,
                    start.map_err(|_| LuksError::TooSmall)?,
                    self.digest_iterations,
                    &self.uuid,
                    random,
                )?;
                wipe_signatures(storage)?;
                header.write(storage)?;
                Header::One(header)
            }
            Version::Two => {
                let volume = Volume {
                    cipher: self.cipher.clone(),
                    iv_offset: 0,
                    start: self.start.unwrap_or(DATA / 512),
                    length: None,
                    sector_size: self.sector_size,
                    options: alloc::vec::Vec::new(),
                    tags: self.tags.clone(),
                    no_journal: false,
                };
                let digest = Kdf::Pbkdf2 {
                    hash: self.hash.clone(),
                    iterations: self.digest_iterations,
                };
                let room = match self.start {
                    Some(start) if start > 0 => start * 512,
                    _ => DATA,
                };
                let keyslots = room.min(DATA).saturating_sub(SIZES[0] * 2);
                let names = [self.uuid.as_str(), self.label.as_str()];
                let mut header = Luks2::new(&volume, &key, names, keyslots, &digest, random)?;
                wipe_signatures(storage)?;
                header.write(storage, random)?;
                Header::Two(header)
            }
        };
        let mut luks = Luks(header);
        luks.add_key(storage, &key, passphrase, Some(0), kdf, random)?;
        Ok((luks, key))
    }

    fn check(&self) -> Result<(), LuksError> {
        use crate::target::crypt::{CipherSpec, IvUnit, SectorCipher, SectorSize, check_tags};

        let size = SectorSize::new(self.sector_size, IvUnit::Sectors)
            .filter(|_| self.version == Version::Two || self.sector_size == 512);
        let size = size.ok_or_else(|| LuksError::Unsupported("this sector size".into()))?;
        let key = alloc::vec![0; self.key_bytes];
        match &self.tags {
            Some(_) if self.version == Version::One => {
                return Err(LuksError::Unsupported("tags in LUKS1".into()));
            }
            Some(tags) => {
                let aead = tags.kind != "none";
                let checked = check_tags(&tags.cipher, aead, tags.bytes.into(), &key);
                checked.map_err(LuksError::Unsupported)?;
            }
            None => {
                let spec: CipherSpec = self.cipher.parse()?;
                SectorCipher::new(&spec, &key, size)?;
            }
        }
        let long = |name: &'static str, text: &str, most: usize| match text.len() < most {
            true => Ok(()),
            false => Err(LuksError::Unsupported(alloc::format!("so long a {name}"))),
        };
        long("uuid", &self.uuid, 40)?;
        long("label", &self.label, 48)?;
        long("cipher", &self.cipher, 32)
    }
}

/// Zeroes over what another format, or an older header, may have at its places.
fn wipe_signatures(storage: &mut dyn Storage) -> Result<(), LuksError> {
    let zeroes = alloc::vec![0; 4096];
    for at in core::iter::once(0).chain(SIZES) {
        if at + zeroes.len() as u64 <= storage.size() {
            storage.write(at, &zeroes)?;
        }
    }
    Ok(())
}
