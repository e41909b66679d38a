//! Numbers and fixed words of targets' texts.

use alloc::string::{String, ToString};
use core::ops::RangeInclusive;

use crate::table::{EscapedWord, ParamError, Reason, Word};

use super::keyword::Keyword;

/// A word of a status or an answer, with its backslashes.
pub(super) fn as_it_stands(word: &Word<'_>) -> String {
    EscapedWord(&word.text).to_string()
}

pub(super) fn keyword<K: Keyword>(word: &Word<'_>, what: &'static str) -> Result<K, ParamError> {
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

pub(super) fn digits(text: &str) -> Option<u64> {
    let plain = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    plain.then(|| text.parse().ok()).flatten()
}
