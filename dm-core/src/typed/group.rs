//! Words that a number before them counts.

use core::ops::RangeInclusive;

use crate::table::{ParamError, Reason, Word};

use super::Reader;
use super::device::Device;
use super::keyword::Keyword;
use super::note::Role;
use super::number::{keyword, number, number_in};

/// Words that a count announces, such as `2 discards no_flush`.
#[derive(Debug)]
pub struct Group {
    left: usize,
    what: &'static str,
}

impl Group {
    /// A group of `left` words, of which `what` is the number.
    pub fn of(left: usize, what: &'static str) -> Group {
        Group { left, what }
    }

    /// The group's next word, which is an option.
    ///
    /// # Errors
    /// If the text ends first, or the target that it is for is known to be too old for it.
    pub fn next<'a>(
        &mut self,
        reader: &mut Reader<'a>,
        what: &'static str,
    ) -> Result<Option<Word<'a>>, ParamError> {
        let Some(word) = self.word(reader, what)? else {
            return Ok(None);
        };
        reader.mark(Role::Option);
        // A page is read only for who cares.
        let target = reader.target();
        let row = target.and_then(|(kind, _)| kind.option(&word.text));
        if let Some(since) = row.and_then(|row| row.since) {
            reader.since(&word, since.version)?;
        }
        Ok(Some(word))
    }

    /// The group's next word, which is no option.
    pub(super) fn word<'a>(
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
        match self.word(reader, what)? {
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
