//! What may mend a table that was refused.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use crate::table::{ParamError, Reason, TableError};
use crate::units::SECTOR_SHIFT;

use super::kind;

impl TableError {
    /// What to do instead, where there is something to be said that the error does not say.
    pub fn remedy(&self) -> Option<String> {
        let target = self.target.as_deref().unwrap_or_default();
        if let Reason::NeedsVersion { .. } = self.error.reason {
            let (_, word) = self.error.word.as_ref()?;
            let since = kind(target)?.option(word)?.since?;
            return since.kernel.map(|kernel| format!("Linux {kernel} has it"));
        }
        self.error.remedy().or_else(|| {
            let wants_syntax = matches!(
                self.error.reason,
                Reason::MissingWord { .. } | Reason::ExtraWord
            );
            let syntax = kind(target).filter(|_| wants_syntax)?.syntax();
            (!syntax.is_empty()).then(|| format!("a line is {syntax}"))
        })
    }
}

impl ParamError {
    /// What to do instead, where there is something to be said that the error does not say.
    pub fn remedy(&self) -> Option<String> {
        let word = self.word.as_ref().map(|(_, word)| word.as_str());
        let number: Option<u64> = word.and_then(|word| word.parse().ok());
        match &self.reason {
            Reason::UnknownWord { known, .. } => {
                let near = nearest(word?, known.split(", "))?;
                Some(format!("{near} is much like it"))
            }
            Reason::NotANumber { .. } => decimal(word?),
            Reason::NotAPowerOfTwo { .. } => {
                let number = number.filter(|number| *number > 0)?;
                let less = 1 << number.ilog2();
                either(less, u64::checked_mul(less, 2))
            }
            Reason::NotDivisible {
                length, divisor, ..
            } => {
                let less = length.0 / divisor * divisor;
                let more = less.checked_add(*divisor);
                // The word may be the divisor itself: then it is the other length that is told.
                match (number == Some(*divisor), less) {
                    (true, _) => {
                        let near = divisors_near(length.0, *divisor);
                        (!near.is_empty()).then(|| format!("{} would do", near.join(" or ")))
                    }
                    (false, 0) => more.map(|more| format!("{more} would do")),
                    (false, less) => either(less, more),
                }
            }
            Reason::Zero { .. } => Some("it must be 1 or more".into()),
            Reason::OutOfRange { least, most, .. } => {
                let near = if number? < *least { least } else { most };
                Some(format!("{near} is the nearest that will do"))
            }
            Reason::TooFewWords { words, .. } if *words > 0 => Some(format!(
                "words are missing at the end, or {words} was meant"
            )),
            Reason::GroupEnds { group, .. } => Some(format!("raise the {group}")),
            Reason::NotAtZero { .. } => Some("let the first line start at 0".into()),
            Reason::Gap { expected, .. } | Reason::Overlap { expected, .. } => {
                Some(format!("let it start at {expected}"))
            }
            Reason::PastEnd { area, size } => {
                let length = area.length();
                match size.0.checked_sub(length.0) {
                    Some(start) => {
                        Some(format!("{length} sectors fit from sector {start} at most"))
                    }
                    None => Some(format!("{size} sectors at most fit this device")),
                }
            }
            Reason::Unaligned { area, block } => {
                let sectors = u64::from(block >> SECTOR_SHIFT).max(1);
                let multiple = |value: u64| value / sectors * sectors;
                let (start, length) = (area.start().0, area.length().0);
                let said = match (multiple(start) == start, multiple(length) == length) {
                    (false, _) => format!("start at {}", multiple(start)),
                    (true, _) => format!("map {} sectors", multiple(length)),
                };
                Some(format!("{said}, a multiple of {sectors} sectors"))
            }
            _ => None,
        }
    }
}

/// The word of `known` that is most like `word`, if any is much like it.
pub fn nearest<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let word = word.to_ascii_lowercase();
    known
        .into_iter()
        .map(|known| (distance(&word, known), known))
        .filter(|(distance, known)| {
            let longer = known.len().max(word.len());
            *distance <= longer.div_ceil(3) || known.starts_with(&word) && word.len() > 1
        })
        .min()
        .map(|(_, known)| known)
}

/// How many letters must be added, taken away or changed to make one of the other.
pub fn distance(one: &str, other: &str) -> usize {
    let other: Vec<char> = other.chars().collect();
    let mut row: Vec<usize> = (0..=other.len()).collect();
    for (at, a) in one.chars().enumerate() {
        let mut corner = row[0];
        row[0] = at + 1;
        for (column, b) in other.iter().enumerate() {
            let changed = corner + usize::from(a != *b);
            corner = row[column + 1];
            row[column + 1] = changed.min(corner + 1).min(row[column] + 1);
        }
    }
    row[other.len()]
}

fn either(less: u64, more: Option<u64>) -> Option<String> {
    Some(match more {
        Some(more) => format!("{less} or {more} would do"),
        None => format!("{less} would do"),
    })
}

/// The divisors of `length` next to `wrong`, below and above.
fn divisors_near(length: u64, wrong: u64) -> Vec<String> {
    /// How far is looked: what is further is no neighbour.
    const FAR: u64 = 1 << 16;
    let fits = |divisor: &u64| length.is_multiple_of(*divisor);
    let least = wrong.saturating_sub(FAR).max(1);
    let below = (least..wrong).rev().find(fits);
    let above = (wrong.saturating_add(1)..=wrong.saturating_add(FAR).min(length)).find(fits);
    let near = below.into_iter().chain(above);
    near.map(|divisor| format!("{divisor}")).collect()
}

/// What a number that is not decimal is.
fn decimal(word: &str) -> Option<String> {
    if let Some(hex) = word.strip_prefix("0x") {
        let value = u64::from_str_radix(hex, 16).ok()?;
        return Some(format!("{word} is {value}"));
    }
    let (digits, unit) = word.split_at_checked(word.len().checked_sub(1)?)?;
    let factor: u64 = match unit {
        "k" | "K" => 1 << 10,
        "m" | "M" => 1 << 20,
        "g" | "G" => 1 << 30,
        _ => return None,
    };
    let bytes = digits.parse::<u64>().ok()?.checked_mul(factor)?;
    Some(format!(
        "units are not known: {word} bytes are {bytes}, or {} sectors",
        bytes >> SECTOR_SHIFT
    ))
}
