//! Reads the words of a target's text, one meaning after the other.

use alloc::borrow::Cow;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::ops::RangeInclusive;

use crate::component::OpenError;
use crate::table::{EscapedWord, ParamError, Reason, Word, Words};
use crate::units::{Sector, SectorCount, SectorRange};
use crate::version::Version;

use super::device::{Device, DeviceAt};
use super::keyword::Keyword;

/// Reads parameters, a status or a message word by word.
///
/// What it knows of the line's length and of the devices is checked as the words come; what it
/// does not know is left to the driver. With [`Reader::noting`] it remembers what each word means.
pub struct Reader<'a> {
    words: Words<'a>,
    length: Option<SectorCount>,
    devices: Option<&'a mut dyn Devices>,
    notes: Option<&'a mut Vec<Note>>,
    version: Option<Version>,
}

/// What a word means.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Note {
    /// The word's place: 1 is the first.
    pub place: usize,
    /// The word.
    pub text: String,
    /// What it is, such as `chunk size`.
    pub what: Cow<'static, str>,
    /// Whether it is a device or a key.
    pub role: Role,
}

/// What a word is to who passes it on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Role {
    /// Nothing in particular.
    #[default]
    Plain,
    /// It names a device.
    Device,
    /// It is a key, or has one. The note does not show it.
    Key,
}

/// What can be found out about the devices that a line names.
pub trait Devices {
    /// The device that `name` names, if anything is known of it.
    ///
    /// # Errors
    /// If there is no such device, or it can not be used.
    fn device(&mut self, name: &str) -> Result<Option<DeviceFacts>, OpenError>;
}

/// What a line is checked against.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DeviceFacts {
    /// Its length.
    pub size: SectorCount,
    /// Bytes in its logical block.
    pub logical_block: u32,
}

/// Words that a count announces, such as `2 discards no_flush`.
#[derive(Debug)]
pub struct Group {
    left: usize,
    what: &'static str,
}

impl<'a> Reader<'a> {
    /// Reads `text`, of which nothing else is known.
    pub fn new(text: &'a str) -> Reader<'a> {
        Reader::of(Words::new(text))
    }

    /// Reads the words that are left in `words`.
    pub(crate) fn of(words: Words<'a>) -> Reader<'a> {
        Reader {
            words,
            length: None,
            devices: None,
            notes: None,
            version: None,
        }
    }

    /// The text maps `length` sectors.
    #[must_use]
    pub fn mapping(mut self, length: SectorCount) -> Reader<'a> {
        self.length = Some(length);
        self
    }

    /// The text is for this version of the target.
    #[must_use]
    pub fn for_version(mut self, version: Version) -> Reader<'a> {
        self.version = Some(version);
        self
    }

    /// Asks `devices` what it needs to know.
    #[must_use]
    pub fn over(mut self, devices: &'a mut dyn Devices) -> Reader<'a> {
        self.devices = Some(devices);
        self
    }

    /// Writes down what each word means.
    #[must_use]
    pub fn noting(mut self, notes: &'a mut Vec<Note>) -> Reader<'a> {
        self.notes = Some(notes);
        self
    }

    /// How many sectors the text maps, if that is known.
    pub fn length(&self) -> Option<SectorCount> {
        self.length
    }

    /// How many words are left.
    pub fn remaining(&self) -> usize {
        self.words.remaining()
    }

    /// Whether no word is left.
    pub fn is_empty(&self) -> bool {
        self.words.is_empty()
    }

    /// The next word, without reading it.
    pub fn peek(&self) -> Option<Cow<'a, str>> {
        self.words.clone().next("word").ok().map(|word| word.text)
    }

    /// The next word; `what` it is.
    ///
    /// # Errors
    /// If no word is left.
    pub fn word(&mut self, what: &'static str) -> Result<Word<'a>, ParamError> {
        let word = self.words.next(what)?;
        if let Some(notes) = &mut self.notes {
            notes.push(Note {
                place: word.place,
                text: word.text.to_string(),
                what: what.into(),
                role: Role::Plain,
            });
        }
        Ok(word)
    }

    /// The next word, which notes do not show.
    ///
    /// # Errors
    /// If no word is left.
    pub fn secret(&mut self, what: &'static str) -> Result<Word<'a>, ParamError> {
        let word = self.word(what)?;
        self.hide();
        Ok(word)
    }

    /// Hides the word that was read last from the notes.
    pub fn hide(&mut self) {
        if let Some(note) = self.notes.as_mut().and_then(|notes| notes.last_mut()) {
            note.text = "…".into();
            note.role = Role::Key;
        }
    }

    /// The next word as text.
    ///
    /// # Errors
    /// If no word is left.
    pub fn text(&mut self, what: &'static str) -> Result<String, ParamError> {
        Ok(self.word(what)?.text.into_owned())
    }

    /// The next word of a status, as it stands there: a backslash is kept.
    ///
    /// # Errors
    /// If no word is left.
    pub fn field(&mut self, what: &'static str) -> Result<String, ParamError> {
        Ok(as_it_stands(&self.word(what)?))
    }

    /// Says more of the word that was read last.
    pub fn explain(&mut self, meaning: impl Into<Cow<'static, str>>) {
        if let Some(note) = self.notes.as_mut().and_then(|notes| notes.last_mut()) {
            note.what = meaning.into();
        }
    }

    /// A decimal number that fits `T`.
    ///
    /// # Errors
    /// If it is missing, none, or too large.
    pub fn number<T: TryFrom<u64>>(&mut self, what: &'static str) -> Result<T, ParamError> {
        let word = self.word(what)?;
        number(&word, what)
    }

    /// A decimal number within `range`.
    ///
    /// # Errors
    /// If it is missing, none, or out of the range.
    pub fn number_in<T: TryFrom<u64> + Copy + Into<u64>>(
        &mut self,
        what: &'static str,
        range: RangeInclusive<T>,
    ) -> Result<T, ParamError> {
        let word = self.word(what)?;
        number_in(&word, what, range)
    }

    /// A decimal number that may be below zero.
    ///
    /// # Errors
    /// If it is missing, none, or does not fit.
    pub fn signed(&mut self, what: &'static str) -> Result<i64, ParamError> {
        let word = self.word(what)?;
        word.text
            .parse()
            .map_err(|_| word.error(Reason::NotANumber { what }))
    }

    /// A position on a device.
    ///
    /// # Errors
    /// As [`Reader::number`].
    pub fn sector(&mut self, what: &'static str) -> Result<Sector, ParamError> {
        self.number(what).map(Sector)
    }

    /// A count of sectors.
    ///
    /// # Errors
    /// As [`Reader::number`].
    pub fn sectors(&mut self, what: &'static str) -> Result<SectorCount, ParamError> {
        self.number(what).map(SectorCount)
    }

    /// A word of a fixed set.
    ///
    /// # Errors
    /// If it is missing, or none of the set.
    pub fn keyword<K: Keyword>(&mut self, what: &'static str) -> Result<K, ParamError> {
        let word = self.word(what)?;
        keyword(&word, what)
    }

    /// A number, or `-` for none.
    ///
    /// # Errors
    /// If it is missing, or neither.
    pub fn optional(&mut self, what: &'static str) -> Result<Option<u64>, ParamError> {
        let word = self.word(what)?;
        match &*word.text {
            "-" => Ok(None),
            _ => number(&word, what).map(Some),
        }
    }

    /// A word that stands there always.
    ///
    /// # Errors
    /// If another is there, or none.
    pub fn literal(&mut self, text: &'static str) -> Result<(), ParamError> {
        let word = self.word("word")?;
        self.explain(text);
        match word.text == text {
            true => Ok(()),
            false => Err(word.unknown("word", text)),
        }
    }

    /// What `word` says is known since `version` of the target.
    ///
    /// # Errors
    /// If the target that the text is for is known to be older.
    pub fn since(&self, word: &Word<'_>, version: Version) -> Result<(), ParamError> {
        match self.version {
            Some(found) if found < version => Err(word.error(Reason::NeedsVersion {
                needed: version,
                found,
            })),
            _ => Ok(()),
        }
    }

    /// Two numbers with a slash between them.
    ///
    /// # Errors
    /// If they are missing, or none.
    pub fn ratio(&mut self, what: &'static str) -> Result<super::Ratio, ParamError> {
        let word = self.word(what)?;
        word.text
            .split_once('/')
            .and_then(|(part, whole)| Some((digits(part)?, digits(whole)?)))
            .map(|(part, whole)| super::Ratio { part, whole })
            .ok_or_else(|| word.error(Reason::NotARatio { what }))
    }

    /// A device.
    ///
    /// # Errors
    /// If it is missing, or known not to be usable.
    pub fn device(&mut self, what: &'static str) -> Result<Device, ParamError> {
        let word = self.device_word(what)?;
        self.facts(&word)?;
        Ok(Device(word.text.into_owned()))
    }

    /// A device and the first sector on it, of which the target maps `length`, if that is known.
    ///
    /// # Errors
    /// If a word is missing or wrong, or the area does not fit the device.
    pub fn area(&mut self, length: Option<SectorCount>) -> Result<DeviceAt, ParamError> {
        let device = self.device_word("device")?;
        let what = "start sector on the device";
        let word = self.word(what)?;
        let start = Sector(number(&word, what)?);
        let facts = self.facts(&device)?;
        if let (Some(facts), Some(length)) = (facts, length) {
            fits(facts, start, length, &word)?;
        }
        Ok(Device(device.text.into_owned()).at(start.0))
    }

    fn device_word(&mut self, what: &'static str) -> Result<Word<'a>, ParamError> {
        let word = self.word(what)?;
        if let Some(note) = self.notes.as_mut().and_then(|notes| notes.last_mut()) {
            note.role = Role::Device;
        }
        Ok(word)
    }

    /// What is known of the device that a word names.
    fn facts(&mut self, word: &Word<'_>) -> Result<Option<DeviceFacts>, ParamError> {
        match &mut self.devices {
            None => Ok(None),
            Some(devices) => devices
                .device(&word.text)
                .map_err(|error| word.error(Reason::Open(error))),
        }
    }

    /// The words that the next one counts; none if no word is left.
    ///
    /// # Errors
    /// If the count is no number, above `most`, or above the words that are left.
    pub fn group(&mut self, what: &'static str, most: usize) -> Result<Group, ParamError> {
        if self.is_empty() {
            return Ok(Group { left: 0, what });
        }
        self.counted(what, most)
    }

    /// The words that the next one counts, which must be there.
    ///
    /// # Errors
    /// If the count is missing, no number, above `most`, or above the words that are left.
    pub fn counted(&mut self, what: &'static str, most: usize) -> Result<Group, ParamError> {
        let word = self.word(what)?;
        let left: usize = number(&word, what)?;
        if left > most {
            return Err(word.error(Reason::TooLarge {
                what,
                limit: most as u64,
            }));
        }
        let words = self.remaining();
        if left > words {
            return Err(word.error(Reason::TooFewWords { what, words }));
        }
        Ok(Group { left, what })
    }

    /// Words behind their number, as they stand there.
    ///
    /// # Errors
    /// As [`Reader::counted`].
    pub fn list(
        &mut self,
        number: &'static str,
        what: &'static str,
    ) -> Result<Vec<String>, ParamError> {
        let mut group = self.counted(number, usize::MAX)?;
        let mut list = Vec::new();
        while let Some(word) = group.next(self, what)? {
            list.push(as_it_stands(&word));
        }
        Ok(list)
    }

    /// All words that are left, as they stand there: fields of a newer kernel.
    pub fn rest(&mut self) -> Vec<String> {
        let mut rest = Vec::new();
        while let Ok(word) = self.word("a field that this version does not know") {
            rest.push(as_it_stands(&word));
        }
        rest
    }

    /// Nothing may be left.
    ///
    /// # Errors
    /// At the first word that is left.
    pub fn end(&mut self) -> Result<(), ParamError> {
        self.words.end()
    }
}

impl Group {
    /// A group of `left` words, of which `what` is the number.
    pub fn of(left: usize, what: &'static str) -> Group {
        Group { left, what }
    }

    /// The group's next word.
    ///
    /// # Errors
    /// If the text ends first.
    pub fn next<'a>(
        &mut self,
        reader: &mut Reader<'a>,
        what: &'static str,
    ) -> Result<Option<Word<'a>>, ParamError> {
        if self.left == 0 {
            return Ok(None);
        }
        self.left -= 1;
        reader.word(what).map(Some)
    }

    /// The next word belongs to the one before it, and must be within the group.
    ///
    /// # Errors
    /// If the group has no more words.
    pub fn value<'a>(
        &mut self,
        reader: &mut Reader<'a>,
        what: &'static str,
    ) -> Result<Word<'a>, ParamError> {
        match self.next(reader, what)? {
            Some(word) => Ok(word),
            None => Err(Reason::GroupEnds {
                what,
                group: self.what,
            }
            .into()),
        }
    }

    /// A number that belongs to the word before it.
    ///
    /// # Errors
    /// If it is missing or wrong.
    pub fn number<T: TryFrom<u64>>(
        &mut self,
        reader: &mut Reader<'_>,
        what: &'static str,
    ) -> Result<T, ParamError> {
        let word = self.value(reader, what)?;
        number(&word, what)
    }

    /// A number within a range that belongs to the word before it.
    ///
    /// # Errors
    /// If it is missing or wrong.
    pub fn number_in<T: TryFrom<u64> + Copy + Into<u64>>(
        &mut self,
        reader: &mut Reader<'_>,
        what: &'static str,
        range: RangeInclusive<T>,
    ) -> Result<T, ParamError> {
        let word = self.value(reader, what)?;
        number_in(&word, what, range)
    }

    /// A word of a fixed set that belongs to the word before it.
    ///
    /// # Errors
    /// If it is missing, or none of the set.
    pub fn keyword<K: Keyword>(
        &mut self,
        reader: &mut Reader<'_>,
        what: &'static str,
    ) -> Result<K, ParamError> {
        let word = self.value(reader, what)?;
        keyword(&word, what)
    }

    /// A device that belongs to the word before it.
    ///
    /// # Errors
    /// If it is missing, or known not to be usable.
    pub fn device(
        &mut self,
        reader: &mut Reader<'_>,
        what: &'static str,
    ) -> Result<Device, ParamError> {
        if self.left == 0 {
            let group = self.what;
            return Err(Reason::GroupEnds { what, group }.into());
        }
        self.left -= 1;
        reader.device(what)
    }

    /// Whether no word is left in it.
    pub fn is_empty(&self) -> bool {
        self.left == 0
    }

    /// How many words are left in it.
    pub fn len(&self) -> usize {
        self.left
    }
}

fn as_it_stands(word: &Word<'_>) -> String {
    EscapedWord(&word.text).to_string()
}

fn keyword<K: Keyword>(word: &Word<'_>, what: &'static str) -> Result<K, ParamError> {
    K::of(&word.text).ok_or_else(|| word.unknown(what, K::list()))
}

/// The number that a word is.
///
/// # Errors
/// If it is none, or too large.
pub(super) fn number<T: TryFrom<u64>>(
    word: &Word<'_>,
    what: &'static str,
) -> Result<T, ParamError> {
    let digits = word.number(what)?;
    T::try_from(digits).map_err(|_| {
        let limit = match size_of::<T>() {
            1 => u8::MAX.into(),
            2 => u16::MAX.into(),
            4 => u32::MAX.into(),
            _ => u64::MAX,
        };
        word.error(Reason::TooLarge { what, limit })
    })
}

/// The number within a range that a word is.
///
/// # Errors
/// If it is none, or out of the range.
pub(super) fn number_in<T: TryFrom<u64> + Copy + Into<u64>>(
    word: &Word<'_>,
    what: &'static str,
    range: RangeInclusive<T>,
) -> Result<T, ParamError> {
    let (least, most) = ((*range.start()).into(), (*range.end()).into());
    let number = word.number(what)?;
    T::try_from(number)
        .ok()
        .filter(|_| (least..=most).contains(&number))
        .ok_or_else(|| word.error(Reason::OutOfRange { what, least, most }))
}

fn digits(text: &str) -> Option<u64> {
    let plain = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    plain.then(|| text.parse().ok()).flatten()
}

/// Checks that an area of a device exists and suits its blocks.
///
/// # Source
/// `device_area_is_invalid` in `drivers/md/dm-table.c`: a device without a size is not checked.
pub(crate) fn fits(
    facts: DeviceFacts,
    start: Sector,
    length: SectorCount,
    word: &Word<'_>,
) -> Result<(), ParamError> {
    let Some(area) = SectorRange::new(start, length) else {
        return Err(word.error(Reason::Overflow { start, length }));
    };
    let size = facts.size;
    if !size.is_zero() && !SectorRange::from_zero(size).contains(area) {
        return Err(word.error(Reason::PastEnd { area, size }));
    }
    let block = facts.logical_block;
    let sectors = u64::from(block >> crate::units::SECTOR_SHIFT).max(1);
    if !start.0.is_multiple_of(sectors) || !length.0.is_multiple_of(sectors) {
        return Err(word.error(Reason::Unaligned { area, block }));
    }
    Ok(())
}
