//! `integrity DEV RESERVED TAG|- MODE N OPTIONS…`: sectors with tags that prove them.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

use zeroize::Zeroizing;

use crate::table::{EscapedWord, ParamError, Reason, Word};
use crate::units::Sector;
use crate::version::Version;

use super::number::{number, number_in};
use super::{Device, Keyword, Kind, Reader, Secret, Text, or_dash, words};

pub(super) const KIND: Kind =
    Kind::new("integrity", "sectors with tags that prove them", |reader| {
        Params::read(reader).map(super::Params::Integrity)
    })
    .with_status(|reader| Status::read(reader).map(super::Status::Integrity));

/// What the device for the tags stands behind.
const META_DEVICE: &str = "meta_device:";

/// The most bytes of a tag, which the superblock counts in 16 bits.
const TAG_MAX: u32 = 0xffff;

/// Where the tags are, and what makes them.
///
/// # Source
/// `drivers/md/dm-integrity.c`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct Params {
    /// The device.
    pub device: Device,
    /// Sectors before the superblock that are left alone.
    pub reserved: Sector,
    /// Bytes of a tag; without, as many as the internal hash has.
    pub tag_size: Option<u32>,
    /// How data and tags are kept together.
    pub mode: Mode,
    /// What else.
    pub options: Options,
}

/// How data and tags are kept together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize),
    serde(rename_all = "snake_case")
)]
pub enum Mode {
    /// A journal takes both first.
    Journal,
    /// A bitmap says where tags may be wrong after a crash.
    Bitmap,
    /// Not at all.
    Direct,
    /// Reads only, without checks: for recovery.
    Recovery,
    /// The device keeps the tags itself.
    Inline,
}

/// What integrity does besides, in the order in which a table tells it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct Options {
    /// Tags and journal lie on a device of their own.
    pub meta_device: Option<Device>,
    /// Bytes in a block: 512, 1024, 2048 or 4096.
    pub block_size: Option<u32>,
    /// Tags are made for what is there.
    pub recalculate: bool,
    /// That begins anew.
    pub reset_recalculate: bool,
    /// Discards go on to the device.
    pub allow_discards: bool,
    /// They do, and the filler has keyed tags.
    pub allow_discards_keyed: bool,
    /// Sectors of the journal.
    pub journal_sectors: Option<u32>,
    /// Sectors of data between tags: a power of two.
    pub interleave_sectors: Option<u32>,
    /// Sectors that are read and written at a time.
    pub buffer_sectors: Option<u32>,
    /// How full the journal is, in percent, when it is written out.
    pub journal_watermark: Option<u8>,
    /// Milliseconds after which it is written out.
    pub commit_time: Option<u32>,
    /// Sectors that a bit of the bitmap stands for.
    pub sectors_per_bit: Option<u64>,
    /// Milliseconds after which the bitmap is cleared.
    pub bitmap_flush_interval: Option<u32>,
    /// Tags take no more room than they need.
    pub fix_padding: bool,
    /// MACs cover the superblock and the section's number.
    pub fix_hmac: bool,
    /// Allows `recalculate` with a keyed hash of an old device.
    pub legacy_recalculate: bool,
    /// What makes the tags.
    pub internal_hash: Option<Algorithm>,
    /// What encrypts the journal.
    pub journal_crypt: Option<Algorithm>,
    /// What protects the journal.
    pub journal_mac: Option<Algorithm>,
}

/// An algorithm of the kernel, with its key if it has one: `NAME[:KEY]`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
pub struct Algorithm {
    /// Such as `crc32c` or `hmac(sha256)`.
    pub name: String,
    /// In hexadecimal.
    pub key: Option<Secret>,
}

/// How it is.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct Status {
    /// Sectors whose tag was wrong.
    pub mismatches: u64,
    /// Sectors for data.
    pub provided_sectors: u64,
    /// The sector up to which tags are made, while they are.
    pub recalculated: Option<u64>,
    /// Fields of newer kernels.
    pub rest: Vec<String>,
}

impl Keyword for Mode {
    const WORDS: &'static [(&'static str, Mode)] = &[
        ("J", Mode::Journal),
        ("B", Mode::Bitmap),
        ("D", Mode::Direct),
        ("R", Mode::Recovery),
        ("I", Mode::Inline),
    ];
}

impl Params {
    /// Integrity without options.
    pub fn new(device: Device, tag_size: Option<u32>, mode: Mode) -> Params {
        Params {
            device,
            reserved: Sector::ZERO,
            tag_size,
            mode,
            options: Options::default(),
        }
    }
}

impl Algorithm {
    /// One without a key.
    pub fn named(name: impl Into<String>) -> Algorithm {
        Algorithm {
            name: name.into(),
            key: None,
        }
    }

    fn of(text: &str, word: &Word<'_>) -> Result<Algorithm, ParamError> {
        let (name, key) = match text.split_once(':') {
            None => (text, None),
            Some((name, key)) => (name, Some(key)),
        };
        let hex = |key: &str| {
            key.len().is_multiple_of(2) && key.bytes().all(|byte| byte.is_ascii_hexdigit())
        };
        match key {
            Some(key) if !hex(key) => Err(ParamError {
                word: Some((word.place, format!("{name}:…"))),
                reason: Reason::Other("the key is not an even number of hexadecimal digits".into()),
            }),
            _ => Ok(Algorithm {
                name: name.into(),
                key: key.map(Secret::new),
            }),
        }
    }
}

impl fmt::Display for Algorithm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        EscapedWord(&self.name).fmt(f)?;
        match &self.key {
            None => Ok(()),
            Some(key) => write!(f, ":{key}"),
        }
    }
}

impl Text for Params {
    fn read(reader: &mut Reader<'_>) -> Result<Params, ParamError> {
        let params = Params::words(reader);
        hide_rest(reader);
        params
    }
}

impl Params {
    fn words(reader: &mut Reader<'_>) -> Result<Params, ParamError> {
        let (device, size) = reader.known_device("device")?;
        let word = reader.word("reserved sectors")?;
        let reserved = Sector(number(&word, "reserved sectors")?);
        if let Some(size) = size.filter(|size| size.0 <= reserved.0) {
            return Err(word.error(Reason::TooLarge {
                what: "number of reserved sectors",
                limit: size.0 - 1,
            }));
        }
        let word = reader.word("size of a tag in bytes, or -")?;
        let tag_size = match &*word.text {
            "-" => None,
            _ => match word.positive("size of a tag")? {
                large if large > TAG_MAX => {
                    return Err(word.error(Reason::TooLarge {
                        what: "size of a tag",
                        limit: TAG_MAX.into(),
                    }));
                }
                size => Some(size),
            },
        };
        let word = reader.word("mode")?;
        let mode = Mode::of(&word.text).ok_or_else(|| word.unknown("mode", Mode::list()))?;
        reader.explain(match mode {
            Mode::Journal => "mode: a journal takes data and tags first",
            Mode::Bitmap => "mode: a bitmap says where tags may be wrong after a crash",
            Mode::Direct => "mode: data and tags are written as they come, without a journal",
            Mode::Recovery => "mode: for recovery; reads without checks",
            Mode::Inline => "mode: the device keeps the tags itself",
        });
        if mode == Mode::Inline {
            reader.since(&word, Version(1, 12, 0))?;
        }
        let options = Options::read(reader)?;
        if tag_size.is_none() && options.internal_hash.is_none() {
            return Err(Reason::Other(
                "the size of a tag must be given where there is no internal_hash".into(),
            )
            .into());
        }
        Ok(Params {
            device,
            reserved,
            tag_size,
            mode,
            options,
        })
    }
}

impl fmt::Display for Params {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Params {
            device,
            reserved,
            tag_size,
            mode,
            options,
        } = self;
        let tag_size = or_dash(*tag_size);
        write!(
            f,
            "{device} {reserved} {tag_size} {} {options}",
            mode.text()
        )
    }
}

impl Text for Options {
    fn read(reader: &mut Reader<'_>) -> Result<Options, ParamError> {
        let mut options = Options::default();
        let mut group = reader.counted("number of options", 18)?;
        while let Some(word) = group.next(reader, "option")? {
            hide_key(&word, reader);
            if word.text.starts_with(META_DEVICE) {
                reader.device_in(&word, META_DEVICE.len())?;
            }
            options.take(&word)?;
        }
        Ok(options)
    }
}

/// Hides the key of `OPTION:ALGORITHM:KEY`, also of an option that is not known: its name may be
/// misspelt.
fn hide_key(word: &Word<'_>, reader: &mut Reader<'_>) {
    if let Some(at) = key_of(word) {
        reader.hide(at);
    }
}

/// Where the key begins.
fn key_of(word: &Word<'_>) -> Option<usize> {
    let mut colons = word.text.match_indices(':').map(|(at, _)| at);
    let (option, second) = (colons.next()?, colons.next()?);
    let device = &word.text[..option] == "meta_device";
    (!device && second + 1 < word.text.len()).then_some(second + 1)
}

/// Reads what is left, which the kernel does not look at, so that its keys are hidden, too.
fn hide_rest(reader: &mut Reader<'_>) {
    while let Some(word) = reader.ignored() {
        hide_key(&word, reader);
    }
}

impl Options {
    fn take(&mut self, word: &Word<'_>) -> Result<(), ParamError> {
        if let Some((name, value)) = word.text.split_once(':') {
            return self.set(word, name, value);
        }
        let flag = match &*word.text {
            "recalculate" => &mut self.recalculate,
            "reset_recalculate" => &mut self.reset_recalculate,
            "allow_discards" => &mut self.allow_discards,
            "allow_discards_keyed" => &mut self.allow_discards_keyed,
            "fix_padding" => &mut self.fix_padding,
            "fix_hmac" => &mut self.fix_hmac,
            "legacy_recalculate" => &mut self.legacy_recalculate,
            _ => {
                return Err(word.unknown(
                    "option",
                    "recalculate, reset_recalculate, allow_discards, allow_discards_keyed, \
                     fix_padding, fix_hmac, legacy_recalculate, or NAME:VALUE",
                ));
            }
        };
        *flag = true;
        Ok(())
    }

    fn set(&mut self, word: &Word<'_>, name: &str, text: &str) -> Result<(), ParamError> {
        let value = Word {
            text: text.into(),
            place: word.place,
        };
        match name {
            "meta_device" => self.meta_device = Some(Device::new(text)),
            "block_size" => {
                let size: u32 = number_in(&value, "block size", 512..=4096)?;
                if !size.is_power_of_two() {
                    return Err(word.error(Reason::NotAPowerOfTwo { what: "block size" }));
                }
                self.block_size = Some(size);
            }
            "journal_sectors" => {
                let range = 0..=u32::MAX / 4;
                self.journal_sectors = Some(number_in(&value, "journal's sectors", range)?);
            }
            "interleave_sectors" => {
                self.interleave_sectors = Some(number(&value, "interleave sectors")?);
            }
            "buffer_sectors" => self.buffer_sectors = Some(number(&value, "buffer sectors")?),
            "journal_watermark" => {
                self.journal_watermark = Some(number_in(&value, "watermark in percent", 0..=100)?);
            }
            "commit_time" => {
                self.commit_time = Some(number(&value, "commit time in milliseconds")?);
            }
            "sectors_per_bit" => self.sectors_per_bit = Some(number(&value, "sectors of a bit")?),
            "bitmap_flush_interval" => {
                self.bitmap_flush_interval = Some(number(&value, "interval in milliseconds")?);
            }
            "internal_hash" => self.internal_hash = Some(Algorithm::of(text, word)?),
            "journal_crypt" => self.journal_crypt = Some(Algorithm::of(text, word)?),
            "journal_mac" => self.journal_mac = Some(Algorithm::of(text, word)?),
            _ => {
                let shown = Word {
                    text: match key_of(word) {
                        Some(at) => format!("{}…", &word.text[..at]).into(),
                        None => word.text.as_ref().into(),
                    },
                    place: word.place,
                };
                return Err(shown.unknown(
                    "option with a value",
                    "meta_device, block_size, journal_sectors, interleave_sectors, \
                     buffer_sectors, journal_watermark, commit_time, sectors_per_bit, \
                     bitmap_flush_interval, internal_hash, journal_crypt, journal_mac",
                ));
            }
        }
        Ok(())
    }

    /// Each option that is set, as a word, which may hold a key.
    fn each(&self) -> Vec<Zeroizing<String>> {
        let flag = |on: bool, name: &str| on.then(|| Zeroizing::new(String::from(name)));
        fn value<T: fmt::Display>(name: &str, value: &Option<T>) -> Option<Zeroizing<String>> {
            let value = value.as_ref()?;
            Some(Zeroizing::new(format!("{name}:{value}")))
        }
        let all = [
            value("meta_device", &self.meta_device),
            value("block_size", &self.block_size),
            flag(self.recalculate, "recalculate"),
            flag(self.reset_recalculate, "reset_recalculate"),
            flag(self.allow_discards, "allow_discards"),
            flag(self.allow_discards_keyed, "allow_discards_keyed"),
            value("journal_sectors", &self.journal_sectors),
            value("interleave_sectors", &self.interleave_sectors),
            value("buffer_sectors", &self.buffer_sectors),
            value("journal_watermark", &self.journal_watermark),
            value("commit_time", &self.commit_time),
            value("sectors_per_bit", &self.sectors_per_bit),
            value("bitmap_flush_interval", &self.bitmap_flush_interval),
            flag(self.fix_padding, "fix_padding"),
            flag(self.fix_hmac, "fix_hmac"),
            flag(self.legacy_recalculate, "legacy_recalculate"),
            value("internal_hash", &self.internal_hash),
            value("journal_crypt", &self.journal_crypt),
            value("journal_mac", &self.journal_mac),
        ];
        all.into_iter().flatten().collect()
    }
}

impl fmt::Display for Options {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let options = self.each();
        write!(f, "{}", options.len())?;
        words(f, options.iter().map(|word| word.as_str()))
    }
}

impl Text for Status {
    fn read(reader: &mut Reader<'_>) -> Result<Status, ParamError> {
        Ok(Status {
            mismatches: reader.number("sectors whose tag was wrong")?,
            provided_sectors: reader.number("sectors for data")?,
            recalculated: reader.optional("sector up to which tags are made")?,
            rest: reader.rest(),
        })
    }
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let recalculated = or_dash(self.recalculated);
        write!(
            f,
            "{} {} {recalculated}",
            self.mismatches, self.provided_sectors
        )?;
        words(f, &self.rest)
    }
}
