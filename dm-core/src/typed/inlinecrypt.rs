//! `inlinecrypt CIPHER KEY IV_OFFSET DEV START [N OPTIONS…]`: data that the storage encrypts.

use alloc::string::String;
use core::fmt;

use crate::table::{EscapedWord, ParamError, Reason, Word};

use super::crypt::Key;
use super::number::number_in;
use super::snapshot::chosen;
use super::{DeviceAt, Keyword, Kind, Reader, Text, words};

pub(super) const KIND: Kind = Kind::new(
    "inlinecrypt",
    "data that the storage encrypts itself",
    |reader| Params::read(reader).map(super::Params::Inlinecrypt),
);

/// How data is encrypted.
///
/// # Source
/// The documentation of the target, which the kernels at hand do not have.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct Params {
    /// Such as `aes-xts-plain64`.
    pub cipher: String,
    /// The key.
    pub key: Key,
    /// Added to the sector's number before it becomes an IV.
    pub iv_offset: u64,
    /// The device and the first sector on it.
    pub area: DeviceAt,
    /// Discards go on to the device.
    pub allow_discards: bool,
    /// Whether the hardware wrapped the key.
    pub key_type: Option<KeyType>,
    /// Bytes that are encrypted as one: a power of two, from 512 to 4096.
    pub sector_size: Option<u32>,
    /// IVs count those instead of 512-byte sectors.
    pub iv_large_sectors: bool,
}

/// Whether the hardware wrapped a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize),
    serde(rename_all = "snake_case")
)]
pub enum KeyType {
    /// It did not.
    Raw,
    /// It did.
    HwWrapped,
}

impl Keyword for KeyType {
    const WORDS: &'static [(&'static str, KeyType)] =
        &[("raw", KeyType::Raw), ("hw-wrapped", KeyType::HwWrapped)];
}

impl Params {
    /// Encryption without options.
    pub fn new(cipher: impl Into<String>, key: Key, iv_offset: u64, area: DeviceAt) -> Params {
        Params {
            cipher: cipher.into(),
            key,
            iv_offset,
            area,
            allow_discards: false,
            key_type: None,
            sector_size: None,
            iv_large_sectors: false,
        }
    }

    fn take(&mut self, word: &Word<'_>) -> Result<(), ParamError> {
        match &*word.text {
            "allow_discards" => self.allow_discards = true,
            "iv_large_sectors" => self.iv_large_sectors = true,
            text => match text.split_once(':') {
                Some(("keytype", kind)) => {
                    let kind = KeyType::of(kind);
                    let wrong = || word.unknown("key type", KeyType::list());
                    self.key_type = Some(kind.ok_or_else(wrong)?);
                }
                Some(("sector_size", size)) => {
                    let what = "sector size";
                    let value = Word {
                        text: size.into(),
                        place: word.place,
                    };
                    let size: u32 = number_in(&value, what, 512..=4096)?;
                    if !size.is_power_of_two() {
                        return Err(word.error(Reason::NotAPowerOfTwo { what }));
                    }
                    self.sector_size = Some(size);
                }
                _ => {
                    return Err(word.unknown(
                        "option",
                        "allow_discards, keytype:, sector_size:, iv_large_sectors",
                    ));
                }
            },
        }
        Ok(())
    }
}

impl Text for Params {
    fn read(reader: &mut Reader<'_>) -> Result<Params, ParamError> {
        let cipher = reader.text("cipher")?;
        let key = Key::read(reader)?;
        let iv_offset = reader.number("IV offset in sectors")?;
        let area = reader.area(reader.length())?;
        let mut params = Params::new(cipher, key, iv_offset, area);
        let mut group = reader.group("number of options", 4)?;
        while let Some(word) = group.next(reader, "option")? {
            params.take(&word)?;
        }
        Ok(params)
    }
}

impl fmt::Display for Params {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Params {
            cipher,
            key,
            iv_offset,
            area,
            ..
        } = self;
        write!(f, "{} {key} {iv_offset} {area}", EscapedWord(cipher))?;
        let flags = [(self.allow_discards, "allow_discards")];
        let count = chosen(&flags).count()
            + usize::from(self.key_type.is_some())
            + usize::from(self.sector_size.is_some())
            + usize::from(self.iv_large_sectors);
        words(f, (count > 0).then_some(count))?;
        words(f, chosen(&flags))?;
        if let Some(kind) = self.key_type {
            write!(f, " keytype:{}", kind.text())?;
        }
        if let Some(size) = self.sector_size {
            write!(f, " sector_size:{size}")?;
        }
        words(f, self.iv_large_sectors.then_some("iv_large_sectors"))
    }
}
