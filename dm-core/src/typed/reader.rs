//! Reads the words of a target's text, one meaning after the other.

use alloc::borrow::Cow;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::ops::RangeInclusive;

use zeroize::Zeroize;

use crate::table::{ParamError, Reason, Word, Words};
use crate::units::{Sector, SectorCount, SectorRange};
use crate::version::Version;

use super::device::{Device, DeviceAt};
use super::facts::{DeviceFacts, Devices, fits};
use super::keyword::Keyword;
use super::number::{as_it_stands, digits, keyword, number, number_in};
use super::{Group, Kind, Note, Role};

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
    kind: Option<Kind>,
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
            kind: None,
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

    /// The text is of this kind.
    pub(super) fn of_kind(mut self, kind: Kind) -> Reader<'a> {
        self.kind = Some(kind);
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

    /// The kind and the version that the text is for, where both are known.
    pub(super) fn target(&self) -> Option<(Kind, Version)> {
        Some((self.kind?, self.version?))
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

    /// Says that the word that was read last is a key from byte `at` on: notes do not show it.
    pub fn hide(&mut self, at: usize) {
        if let Some(note) = self.notes.as_mut().and_then(|notes| notes.last_mut()) {
            // What is only cut off stays in memory.
            let mut shown = String::from(&note.text[..at]);
            shown.push('…');
            note.text.zeroize();
            note.text = shown;
            note.role = Role::Key { at };
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

    /// Says what the word that was read last is.
    pub(super) fn mark(&mut self, role: Role) {
        if let Some(note) = self.notes.as_mut().and_then(|notes| notes.last_mut()) {
            note.role = role;
        }
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

    /// The line's length must be a multiple of `divisor` sectors, of which `word` tells.
    ///
    /// # Errors
    /// If it is known not to be.
    pub(super) fn multiple_of(
        &self,
        what: &'static str,
        by: &'static str,
        divisor: u64,
        word: &Word<'_>,
    ) -> Result<(), ParamError> {
        match self.length {
            Some(length) if !length.0.is_multiple_of(divisor) => {
                Err(word.error(Reason::NotDivisible {
                    what,
                    length,
                    by,
                    divisor,
                }))
            }
            _ => Ok(()),
        }
    }

    /// Whether the target that the text is for may have what came with `version`.
    pub fn may_have(&self, version: Version) -> bool {
        self.version.is_none_or(|found| found >= version)
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
        self.known_device(what).map(|(device, _)| device)
    }

    /// A device, and its sectors where they are known.
    ///
    /// # Errors
    /// If it is missing, or known not to be usable.
    pub(super) fn known_device(
        &mut self,
        what: &'static str,
    ) -> Result<(Device, Option<SectorCount>), ParamError> {
        let word = self.device_word(what)?;
        let facts = self.facts(&word)?;
        let size = facts.map(|facts| facts.size).filter(|size| !size.is_zero());
        Ok((Device(word.text.into_owned()), size))
    }

    /// A device of at least `least` sectors, if that is known.
    ///
    /// # Errors
    /// If it is missing, known not to be usable, or too short.
    pub(super) fn device_of(
        &mut self,
        what: &'static str,
        least: Option<SectorCount>,
    ) -> Result<Device, ParamError> {
        let word = self.device_word(what)?;
        let size = self
            .facts(&word)?
            .map_or(SectorCount(0), |facts| facts.size);
        match least {
            Some(least) if !size.is_zero() && size < least => {
                let area = SectorRange::from_zero(least);
                Err(word.error(Reason::PastEnd { area, size }))
            }
            _ => Ok(Device(word.text.into_owned())),
        }
    }

    /// A device that is mapped from its first sector on, as long as the line is.
    ///
    /// # Errors
    /// If it is missing, known not to be usable, or too short.
    pub fn whole(&mut self, what: &'static str) -> Result<Device, ParamError> {
        let word = self.device_word(what)?;
        if let (Some(facts), Some(length)) = (self.facts(&word)?, self.length) {
            fits(facts, Sector::ZERO, length, &word)?;
        }
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
        self.mark(Role::Device);
        Ok(word)
    }

    /// The device that the word just read names from byte `at` on.
    ///
    /// # Errors
    /// If it is known not to be usable.
    pub(super) fn device_in(&mut self, word: &Word<'_>, at: usize) -> Result<(), ParamError> {
        self.mark(Role::DeviceIn { at });
        let device = Word {
            text: word.text[at..].into(),
            place: word.place,
        };
        self.facts(&device).map(|_| ())
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
            return Ok(Group::of(0, what));
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
        Ok(Group::of(left, what))
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
        while let Some(word) = group.word(self, what)? {
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

    /// The driver does not look at what is left.
    pub(super) fn ignore_rest(&mut self) {
        while self.ignored().is_some() {}
    }

    /// The next word, at which the driver does not look.
    pub(super) fn ignored(&mut self) -> Option<Word<'a>> {
        let word = self.word("ignored").ok()?;
        self.mark(Role::Ignored);
        Some(word)
    }

    /// Nothing may be left.
    ///
    /// # Errors
    /// At the first word that is left.
    pub fn end(&mut self) -> Result<(), ParamError> {
        self.words.end()
    }
}
