//! Sectors with tags, which an integrity device below keeps: authenticated ciphers, and random IVs.

mod aead;
mod aegis;
mod authenc;
mod spec;
#[cfg(test)]
mod tests;

use alloc::format;
use alloc::string::{String, ToString};

use crate::blockdev::TagFormat;
use crate::component::Component;
use crate::errno::Errno;
use crate::typed::crypt::Options;

use super::cipher::{SectorCipher, SectorSize};
use super::key::Held;
#[cfg(feature = "luks")]
use super::spec::CipherError;
use super::spec::CipherSpec;

use self::aead::{Aead, Covered, IV_MAX};
use self::spec::Iv;

pub(super) use self::spec::{AeadSpec, AuthError};

/// How a table's sectors are encrypted and tagged, but for the key.
///
/// A tag is what proves the sector, the IV if that is random, and zeroes up to its end.
pub(super) struct Tagging {
    kind: TaggingKind,
    /// As the device below keeps them.
    format: TagFormat,
    /// Bytes at a tag's front that prove the sector.
    proof: usize,
    size: SectorSize,
    iv_offset: u64,
}

#[derive(Clone, Copy)]
enum TaggingKind {
    Aead {
        spec: AeadSpec,
        /// Bytes of the key that are the tags'.
        mac_key: usize,
    },
    /// The tag has nothing but the IV.
    IvAlone(CipherSpec),
}

/// That, with a key.
pub(super) struct Sealer {
    keyed: Keyed,
    iv: Iv,
    iv_bytes: usize,
    proof: usize,
    format: TagFormat,
    size: SectorSize,
    iv_offset: u64,
}

enum Keyed {
    Aead(Held<dyn Aead>),
    IvAlone(SectorCipher),
}

/// What a table says of sectors and IVs.
pub(super) struct Sectors {
    pub(super) size: SectorSize,
    pub(super) iv_offset: u64,
}

/// A sector whose tag is wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct WrongTag(pub(super) u64);

/// Bytes of the IVs of ciphers of 16-byte blocks.
const BLOCK_IV: usize = 16;

impl Tagging {
    /// An authenticated cipher over `component`.
    pub(super) fn aead(
        spec: AeadSpec,
        options: &Options,
        component: &Component,
        sectors: &Sectors,
    ) -> Result<Tagging, String> {
        let wanted = wanted(options);
        let format = format_of(component, sectors.size, wanted)?;
        let iv = spec.kept_iv_bytes();
        let proof = wanted.checked_sub(iv).ok_or_else(|| {
            format!("the tags have {wanted} bytes, of which the IV alone takes {iv}")
        })?;
        spec.check_tag(proof).map_err(|error| error.to_string())?;
        let mac_key = match options.integrity_key_size {
            // Only a keyed hash has a key of its own.
            Some(bytes) if spec.mac_key() > 0 => usize::try_from(bytes).unwrap_or(usize::MAX),
            _ => spec.mac_key(),
        };
        Ok(Tagging {
            kind: TaggingKind::Aead { spec, mac_key },
            format,
            proof,
            size: sectors.size,
            iv_offset: sectors.iv_offset,
        })
    }

    /// A cipher with random IVs over `component`, which keeps these alone.
    pub(super) fn iv_alone(
        spec: CipherSpec,
        options: &Options,
        component: &Component,
        sectors: &Sectors,
    ) -> Result<Tagging, String> {
        let format = format_of(component, sectors.size, wanted(options).max(BLOCK_IV))?;
        Ok(Tagging {
            kind: TaggingKind::IvAlone(spec),
            format,
            proof: 0,
            size: sectors.size,
            iv_offset: sectors.iv_offset,
        })
    }

    /// The tags that requests carry.
    pub(super) fn format(&self) -> TagFormat {
        self.format
    }

    /// Bytes of a key that are the tags'.
    pub(super) fn mac_key(&self) -> usize {
        match self.kind {
            TaggingKind::Aead { mac_key, .. } => mac_key,
            TaggingKind::IvAlone(_) => 0,
        }
    }

    /// How a key is dealt out: the number of its parts.
    pub(super) fn key_parts(&self, bytes: usize) -> usize {
        match self.kind {
            TaggingKind::Aead { .. } => 1,
            TaggingKind::IvAlone(spec) => spec.layout(bytes).map_or(1, |layout| layout.parts),
        }
    }

    /// With a key.
    pub(super) fn keyed(&self, key: &[u8]) -> Result<Sealer, String> {
        let (keyed, iv, iv_bytes) = match self.kind {
            TaggingKind::Aead { spec, mac_key } => {
                let aead = spec.keyed(key, mac_key, self.proof);
                let aead = aead.map_err(|error: AuthError| error.to_string())?;
                (Keyed::Aead(aead), spec.iv, spec.iv_bytes())
            }
            TaggingKind::IvAlone(spec) => {
                let cipher = SectorCipher::new(&spec, key, self.size);
                let cipher = cipher.map_err(|error| error.to_string())?;
                (Keyed::IvAlone(cipher), Iv::Random, BLOCK_IV)
            }
        };
        Ok(Sealer {
            keyed,
            iv,
            iv_bytes,
            proof: self.proof,
            format: self.format,
            size: self.size,
            iv_offset: self.iv_offset,
        })
    }
}

/// Whether there is such a cipher with tags of so many bytes, and takes such a key; else why not.
#[cfg(feature = "luks")]
pub(crate) fn check_tags(cipher: &str, aead: bool, bytes: usize, key: &[u8]) -> Result<(), String> {
    if aead {
        let checked = cipher.parse::<AeadSpec>().and_then(|spec| {
            let proof = bytes.saturating_sub(spec.kept_iv_bytes());
            spec.check_tag(proof)?;
            spec.keyed(key, spec.mac_key(), proof).map(drop)
        });
        return checked.map_err(|error| error.to_string());
    }
    let spec: CipherSpec = cipher
        .parse()
        .map_err(|error: CipherError| error.to_string())?;
    let spec = spec.without_random_iv().unwrap_or(spec);
    SectorCipher::new(&spec, key, SectorSize::SMALL)
        .map(drop)
        .map_err(|error| error.to_string())
}

/// Bytes of a tag that the table asks for.
fn wanted(options: &Options) -> usize {
    let bytes = options.integrity.as_ref().map_or(0, |tags| tags.bytes);
    usize::try_from(bytes).unwrap_or(usize::MAX)
}

/// The tags that the device below keeps, if they will do.
///
/// # Source
/// `crypt_integrity_ctr` in `drivers/md/dm-crypt.c`.
fn format_of(component: &Component, size: SectorSize, wanted: usize) -> Result<TagFormat, String> {
    let format = component.dev().info().limits.tags;
    let format = format.ok_or(
        "the device keeps no tags: it is to be an integrity device of the same driver, without \
         an internal_hash",
    )?;
    if usize::from(format.bytes) < wanted {
        return Err(format!(
            "the device keeps tags of {} bytes, and {wanted} are needed",
            format.bytes
        ));
    }
    if usize::try_from(format.block) != Ok(size.bytes()) {
        return Err(format!(
            "the device keeps a tag for each {} bytes, and the sectors have {}",
            format.block,
            size.bytes()
        ));
    }
    Ok(format)
}

impl Sealer {
    pub(super) fn format(&self) -> TagFormat {
        self.format
    }

    /// Encrypts whole sectors, of which `first` is the first, and makes their tags.
    #[inline(never)] // In a frame of its own, beneath who wipes the stack of what is left of round keys.
    pub(super) fn seal(&self, first: u64, data: &mut [u8], tags: &mut [u8]) -> Result<(), Errno> {
        let bytes = usize::from(self.format.bytes);
        let mut random = [0; IV_MAX * RANDOM_AT_ONCE];
        let sectors = data.chunks_exact_mut(self.size.bytes());
        let tags = tags.chunks_exact_mut(bytes);
        for (at, (data, tag)) in sectors.zip(tags).enumerate() {
            let sector = first.wrapping_add(at as u64 * self.step());
            let mut iv = [0; IV_MAX];
            let iv = &mut iv[..self.iv_bytes];
            let (proof, rest) = tag.split_at_mut(self.proof);
            rest.fill(0);
            match self.iv {
                Iv::Random => {
                    let at = at % RANDOM_AT_ONCE;
                    if at == 0 {
                        getrandom::fill(&mut random).map_err(|_| Errno::EIO)?;
                    }
                    iv.copy_from_slice(&random[at * IV_MAX..][..self.iv_bytes]);
                    rest[..self.iv_bytes].copy_from_slice(iv);
                }
                _ => self.number_iv(sector, iv),
            }
            match &self.keyed {
                Keyed::Aead(aead) => aead.seal(&Covered { sector, iv }, data, proof),
                Keyed::IvAlone(cipher) => cipher.encrypt_with(self.number(sector), iv, data),
            }
        }
        Ok(())
    }

    /// Decrypts whole sectors that have these tags.
    ///
    /// # Errors
    /// The first sector whose tag is wrong.
    #[inline(never)]
    pub(super) fn open(&self, first: u64, data: &mut [u8], tags: &[u8]) -> Result<(), WrongTag> {
        if tags.len() != self.format.length(data.len()) {
            // Somebody below lost them.
            return Err(WrongTag(first));
        }
        let bytes = usize::from(self.format.bytes);
        let sectors = data.chunks_exact_mut(self.size.bytes());
        for (at, (data, tag)) in sectors.zip(tags.chunks_exact(bytes)).enumerate() {
            let sector = first.wrapping_add(at as u64 * self.step());
            let mut iv = [0; IV_MAX];
            let iv = &mut iv[..self.iv_bytes];
            let (proof, rest) = tag.split_at(self.proof);
            match self.iv {
                Iv::Random => iv.copy_from_slice(&rest[..self.iv_bytes]),
                _ => self.number_iv(sector, iv),
            }
            match &self.keyed {
                Keyed::Aead(aead) => {
                    if !aead.open(&Covered { sector, iv }, data, proof) {
                        return Err(WrongTag(sector));
                    }
                }
                Keyed::IvAlone(cipher) => cipher.decrypt_with(self.number(sector), iv, data),
            }
        }
        Ok(())
    }

    /// Sectors of 512 bytes in one.
    fn step(&self) -> u64 {
        self.size.bytes() as u64 / 512
    }

    /// What a sector's IV is made of, before large sectors are counted.
    fn number(&self, sector: u64) -> u64 {
        sector.wrapping_add(self.iv_offset)
    }

    /// The IV that a sector's number makes.
    fn number_iv(&self, sector: u64, iv: &mut [u8]) {
        let number = self.size.counted(self.number(sector));
        let end = iv.len();
        match self.iv {
            Iv::Null | Iv::Random => {}
            _ if end < 8 => {}
            Iv::Plain => iv[..4].copy_from_slice(&number.to_le_bytes()[..4]),
            Iv::Plain64 => iv[..8].copy_from_slice(&number.to_le_bytes()),
            Iv::Plain64Be => iv[end - 8..].copy_from_slice(&number.to_be_bytes()),
        }
    }
}

/// Sectors for which random IVs are made at once.
const RANDOM_AT_ONCE: usize = 32;
