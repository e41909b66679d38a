//! `crypt CIPHER KEY IV_OFFSET DEV START [N OPTIONS…]`: data that is encrypted on its way.

use alloc::string::String;
use core::fmt;

use crate::table::{EscapedWord, ParamError, Reason, Word};
use crate::units::SectorCount;

use super::number::number;
use super::snapshot::chosen;
use super::{DeviceAt, Keyword, Kind, Reader, Secret, Text, words};

pub(super) const KIND: Kind = Kind::new("crypt", "data that is encrypted on its way", |reader| {
    Params::read(reader).map(super::Params::Crypt)
})
.with_message(|reader| Message::read(reader).map(super::Message::Crypt));

/// How data is encrypted.
///
/// # Source
/// `drivers/md/dm-crypt.c`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct Params {
    /// `CIPHER[:KEYS]-MODE-IV[:OPTIONS]`, or `capi:SPEC-IV[:OPTIONS]`.
    pub cipher: String,
    /// The key.
    pub key: Key,
    /// Added to the sector's number before it becomes an IV.
    pub iv_offset: u64,
    /// The device and the first sector on it.
    pub area: DeviceAt,
    /// What else.
    pub options: Options,
}

/// A key.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize),
    serde(rename_all = "snake_case")
)]
pub enum Key {
    /// None, for the null cipher.
    None,
    /// The key itself, in hexadecimal.
    Hex(Secret),
    /// A key of the kernel's keyring: `:BYTES:TYPE:DESCRIPTION`.
    Keyring {
        /// Its bytes.
        bytes: u32,
        /// Its type.
        kind: KeyringType,
        /// How the keyring calls it.
        description: String,
    },
}

/// The type of a key of the kernel's keyring.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize),
    serde(rename_all = "snake_case")
)]
pub enum KeyringType {
    /// One that userspace can not read.
    Logon,
    /// One that userspace can read.
    User,
    /// One that another key encrypts.
    Encrypted,
    /// One that hardware keeps.
    Trusted,
}

/// What crypt does besides, in the order in which a table tells it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct Options {
    /// Discards go on to the device, which tells where data is.
    pub allow_discards: bool,
    /// Work stays on the processor where the request came.
    pub same_cpu_crypt: bool,
    /// Work goes before other work.
    pub high_priority: bool,
    /// Writes are submitted where they were encrypted.
    pub submit_from_crypt_cpus: bool,
    /// Reads are decrypted at once.
    pub no_read_workqueue: bool,
    /// Writes are encrypted at once.
    pub no_write_workqueue: bool,
    /// Each sector has a tag, on a device of `integrity` below.
    pub integrity: Option<Integrity>,
    /// Bytes of the key that the tags take.
    pub integrity_key_size: Option<u32>,
    /// Bytes that are encrypted as one: a power of two, from 512 to 4096.
    pub sector_size: Option<u32>,
    /// IVs count those instead of 512-byte sectors.
    pub iv_large_sectors: bool,
}

/// The tags of sectors.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
pub struct Integrity {
    /// Bytes of a tag.
    pub bytes: u32,
    /// What makes it: `none` or `aead`.
    pub kind: String,
}

/// The longest tag.
const TAG_MAX: u32 = 480;

/// What it can be told, while the device is suspended.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize),
    serde(rename_all = "snake_case")
)]
#[non_exhaustive]
pub enum Message {
    /// Takes a key.
    KeySet(Key),
    /// Forgets the key.
    KeyWipe,
}

impl Keyword for KeyringType {
    const WORDS: &'static [(&'static str, KeyringType)] = &[
        ("logon", KeyringType::Logon),
        ("user", KeyringType::User),
        ("encrypted", KeyringType::Encrypted),
        ("trusted", KeyringType::Trusted),
    ];
}

impl Params {
    /// Encryption without options.
    pub fn new(cipher: impl Into<String>, key: Key, iv_offset: u64, area: DeviceAt) -> Params {
        Params {
            cipher: cipher.into(),
            key,
            iv_offset,
            area,
            options: Options::default(),
        }
    }
}

impl Key {
    /// The key that a word of a table line is.
    ///
    /// # Errors
    /// If it is neither hexadecimal nor of the keyring. The error does not show the word.
    pub fn of(word: &Word<'_>) -> Result<Key, ParamError> {
        let wrong = |why: &str| ParamError {
            word: Some((word.place, "…".into())),
            reason: Reason::Other(why.into()),
        };
        if word.text == "-" {
            return Ok(Key::None);
        }
        let Some(keyring) = word.text.strip_prefix(':') else {
            let hex = word.text.bytes().all(|b| b.is_ascii_hexdigit());
            return match hex && word.text.len().is_multiple_of(2) {
                true => Ok(Key::Hex(Secret::new(word.text.as_ref()))),
                false => Err(wrong("the key is not an even number of hexadecimal digits")),
            };
        };
        let mut parts = keyring.splitn(3, ':');
        let mut part = || parts.next().filter(|part| !part.is_empty());
        let (Some(bytes), Some(kind), Some(description)) = (part(), part(), part()) else {
            return Err(wrong("a key of the keyring is :BYTES:TYPE:DESCRIPTION"));
        };
        let bytes = bytes.parse().ok().filter(|bytes| *bytes > 0);
        Ok(Key::Keyring {
            bytes: bytes.ok_or_else(|| wrong("the size of the key is no positive number"))?,
            kind: KeyringType::of(kind).ok_or_else(|| {
                wrong("the type of the key is not logon, user, encrypted or trusted")
            })?,
            description: description.into(),
        })
    }
}

impl Text for Key {
    fn read(reader: &mut Reader<'_>) -> Result<Key, ParamError> {
        let word = reader.word("key")?;
        // How the keyring calls a key is no secret.
        if !word.text.starts_with(':') && word.text != "-" {
            reader.hide(0);
        }
        Key::of(&word)
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Key::None => f.write_str("-"),
            Key::Hex(key) => key.fmt(f),
            Key::Keyring {
                bytes,
                kind,
                description,
            } => write!(f, ":{bytes}:{}:{}", kind.text(), EscapedWord(description)),
        }
    }
}

impl Text for Params {
    fn read(reader: &mut Reader<'_>) -> Result<Params, ParamError> {
        let word = reader.word("cipher")?;
        if !word.text.contains('-') && !word.text.starts_with("capi:") {
            // The kernel takes `aes` alone for `aes-cbc-plain`.
            reader.explain("cipher; cbc-plain is meant");
        }
        let cipher = word.text.into_owned();
        let key_word = reader.peek();
        let key = Key::read(reader)?;
        if key == Key::None && !cipher.contains("null") {
            let word = Word {
                text: key_word.unwrap_or_default(),
                place: 2,
            };
            return Err(word.error(Reason::Other(
                "only the null cipher does without a key".into(),
            )));
        }
        let offset_word = reader.word("IV offset in sectors")?;
        let iv_offset: u64 = number(&offset_word, "IV offset in sectors")?;
        let area = reader.area(reader.length())?;
        let options = Options::read(reader)?;
        reader.ignore_rest();
        let sectors = u64::from(options.sector_size.unwrap_or(512) >> 9);
        if !iv_offset.is_multiple_of(sectors) {
            return Err(offset_word.error(Reason::NotDivisible {
                what: "an IV offset",
                length: SectorCount(iv_offset),
                by: "the sector size in sectors of 512 bytes",
                divisor: sectors,
            }));
        }
        if !area.start.0.is_multiple_of(sectors) {
            return Err(Reason::NotDivisible {
                what: "a start sector on the device",
                length: SectorCount(area.start.0),
                by: "the sector size in sectors of 512 bytes",
                divisor: sectors,
            }
            .into());
        }
        Ok(Params {
            cipher,
            key,
            iv_offset,
            area,
            options,
        })
    }
}

impl fmt::Display for Params {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Params {
            cipher,
            key,
            iv_offset,
            area,
            options,
        } = self;
        let cipher = EscapedWord(cipher);
        write!(f, "{cipher} {key} {iv_offset} {area}{options}")
    }
}

impl Text for Options {
    fn read(reader: &mut Reader<'_>) -> Result<Options, ParamError> {
        let mut options = Options::default();
        let mut group = reader.group("number of options", 10)?;
        while let Some(word) = group.next(reader, "option")? {
            options.take(&word, reader)?;
        }
        Ok(options)
    }
}

impl Options {
    fn take(&mut self, word: &Word<'_>, reader: &Reader<'_>) -> Result<(), ParamError> {
        let text = word.text.to_ascii_lowercase();
        if let Some((name, value)) = text.split_once(':') {
            let value = Word {
                text: value.into(),
                place: word.place,
            };
            return self.set(word, name, &value, reader);
        }
        let option = match text.as_str() {
            "allow_discards" => &mut self.allow_discards,
            "same_cpu_crypt" => &mut self.same_cpu_crypt,
            "high_priority" => &mut self.high_priority,
            "submit_from_crypt_cpus" => &mut self.submit_from_crypt_cpus,
            "no_read_workqueue" => &mut self.no_read_workqueue,
            "no_write_workqueue" => &mut self.no_write_workqueue,
            "iv_large_sectors" => &mut self.iv_large_sectors,
            _ => {
                return Err(word.unknown(
                    "option",
                    "allow_discards, same_cpu_crypt, high_priority, submit_from_crypt_cpus, \
                     no_read_workqueue, no_write_workqueue, integrity:, integrity_key_size:, \
                     sector_size:, iv_large_sectors",
                ));
            }
        };
        *option = true;
        Ok(())
    }

    fn set(
        &mut self,
        word: &Word<'_>,
        name: &str,
        value: &Word<'_>,
        reader: &Reader<'_>,
    ) -> Result<(), ParamError> {
        match name {
            "integrity" => {
                let (bytes, kind) = value.text.split_once(':').unwrap_or((&value.text, ""));
                let bytes = bytes
                    .parse()
                    .ok()
                    .filter(|bytes| (1..=TAG_MAX).contains(bytes));
                let kind = Some(kind).filter(|kind| matches!(*kind, "none" | "aead"));
                let (Some(bytes), Some(kind)) = (bytes, kind) else {
                    return Err(word.error(Reason::Other(
                        "is not integrity:BYTES:none or integrity:BYTES:aead, of 1 to 480 bytes"
                            .into(),
                    )));
                };
                let kind = kind.into();
                self.integrity = Some(Integrity { bytes, kind });
            }
            "integrity_key_size" => {
                self.integrity_key_size = Some(value.positive("key size of the tags")?);
            }
            "sector_size" => {
                let size = super::number::number_in(value, "sector size", 512..=4096_u32)?;
                if !size.is_power_of_two() {
                    return Err(word.error(Reason::NotAPowerOfTwo {
                        what: "sector size",
                    }));
                }
                reader.multiple_of(
                    "the length",
                    "the sector size in sectors of 512 bytes",
                    u64::from(size >> 9),
                    word,
                )?;
                self.sector_size = Some(size);
            }
            _ => {
                return Err(word.unknown(
                    "option with a value",
                    "integrity:, integrity_key_size:, sector_size:",
                ));
            }
        }
        Ok(())
    }
}

impl fmt::Display for Options {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let flags = [
            (self.allow_discards, "allow_discards"),
            (self.same_cpu_crypt, "same_cpu_crypt"),
            (self.high_priority, "high_priority"),
            (self.submit_from_crypt_cpus, "submit_from_crypt_cpus"),
            (self.no_read_workqueue, "no_read_workqueue"),
            (self.no_write_workqueue, "no_write_workqueue"),
        ];
        let count = chosen(&flags).count()
            + usize::from(self.integrity.is_some())
            + usize::from(self.integrity_key_size.is_some())
            + usize::from(self.sector_size.is_some())
            + usize::from(self.iv_large_sectors);
        if count == 0 {
            return Ok(());
        }
        write!(f, " {count}")?;
        words(f, chosen(&flags))?;
        if let Some(Integrity { bytes, kind }) = &self.integrity {
            write!(f, " integrity:{bytes}:{kind}")?;
        }
        if let Some(bytes) = self.integrity_key_size {
            write!(f, " integrity_key_size:{bytes}")?;
        }
        if let Some(bytes) = self.sector_size {
            write!(f, " sector_size:{bytes}")?;
        }
        words(f, self.iv_large_sectors.then_some("iv_large_sectors"))
    }
}

impl Text for Message {
    fn read(reader: &mut Reader<'_>) -> Result<Message, ParamError> {
        let word = reader.word("message")?;
        reader.explain("key");
        if !word.text.eq_ignore_ascii_case("key") {
            return Err(word.unknown("message", "key set, key wipe"));
        }
        let word = reader.word("what to do with the key")?;
        match &*word.text.to_ascii_lowercase() {
            "set" => Key::read(reader).map(Message::KeySet),
            "wipe" => Ok(Message::KeyWipe),
            _ => Err(word.unknown("message", "key set, key wipe")),
        }
    }
}

impl fmt::Display for Message {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Message::KeySet(key) => write!(f, "key set {key}"),
            Message::KeyWipe => f.write_str("key wipe"),
        }
    }
}
