//! Reading table lines as the driver does: leniently, but for what makes it crash.

use thiserror::Error;
use tracing::info;

use crate::proplib::{Dictionary, Text, Value};

use super::super::keys;
use super::entry::{Base, Entry, Leg, Module, PATH_MAX};

/// The most words that the driver reads of a striped line: two, and two a stripe.
const STRIPES_MAX: usize = 4;

/// What became of a table.
#[derive(Debug)]
pub(super) struct Loaded {
    /// The lines before the one that failed, or all.
    pub(super) entries: Vec<Entry>,
    /// Which line failed, from 1 on, and why.
    pub(super) failure: Option<(usize, Failure)>,
}

/// Why a line is not taken.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub(super) enum Failure {
    /// The driver stops here and keeps the lines before it.
    #[error("the target {0:?} is unknown")]
    UnknownTarget(Text),
    /// The driver takes the name from somewhere; quirk 9.
    #[error("the target is missing (quirk 9)")]
    NoTarget,
    /// The driver drops the whole table.
    #[error("there is no block device {0:?}")]
    NoDevice(Text),
    /// The driver would ask itself for ever.
    #[error("the device would stand on itself (quirk 17)")]
    Cycle,
    /// The driver reads a number that nobody wrote; quirk 9.
    #[error("the {0} is missing (quirk 9)")]
    NoNumber(&'static str),
    /// The driver would crash; quirk 7.
    #[error("{module}: {what} (quirk 7)")]
    Crash {
        module: &'static str,
        what: &'static str,
    },
}

/// Finds the device that a path names.
pub(super) type FindBase<'a> = &'a dyn Fn(&Text) -> Result<Base, Failure>;

impl Failure {
    /// Whether the lines before this one stay in the slot.
    pub(super) fn keeps_lines(&self) -> bool {
        matches!(self, Failure::UnknownTarget(_) | Failure::NoTarget)
    }
}

/// Reads lines until one fails.
pub(super) fn load(segments: &[Value], modules: &[Module], find: FindBase<'_>) -> Loaded {
    let mut entries = Vec::with_capacity(segments.len());
    for (at, segment) in segments.iter().enumerate() {
        let nothing = Dictionary::new();
        match entry(segment.dict().unwrap_or(&nothing), modules, find) {
            Ok(entry) => entries.push(entry),
            Err(failure) => {
                let failure = Some((at + 1, failure));
                return Loaded { entries, failure };
            }
        }
    }
    let failure = None;
    Loaded { entries, failure }
}

fn entry(segment: &Dictionary, modules: &[Module], find: FindBase<'_>) -> Result<Entry, Failure> {
    let target = segment.text(keys::TYPE).ok_or(Failure::NoTarget)?;
    let module = modules.iter().find(|module| target == module.name());
    let module = *module.ok_or_else(|| Failure::UnknownTarget(target.clone()))?;
    let number = |key, what| segment.uint64(key).ok_or(Failure::NoNumber(what));
    let start = number(keys::START, "start")?;
    let length = number(keys::LENGTH, "length")?;
    let crash = |what| Failure::Crash {
        module: module.name(),
        what,
    };
    let params = segment.text(keys::PARAMS);
    let params = params.ok_or_else(|| crash("the parameters are missing"))?;
    let words: Vec<&[u8]> = words(params.as_bytes()).collect();
    let mut entry = Entry {
        start,
        length,
        module,
        chunk: 0,
        legs: Vec::new(),
    };
    match module {
        Module::Linear => match words.as_slice() {
            [] => return Err(crash("the device is missing")),
            [_] => return Err(crash("the offset is missing")),
            [path, offset, ..] => entry.legs.push(leg(path, offset, find)?),
        },
        Module::Striped => {
            let [count, chunk, rest @ ..] = words.as_slice() else {
                return Err(crash("the number of stripes or the chunk size is missing"));
            };
            // The driver keeps a byte of it.
            let [count, ..] = number_of(count).to_le_bytes();
            let count = usize::from(count);
            entry.chunk = number_of(chunk);
            if count > STRIPES_MAX {
                return Err(crash("more than 4 stripes"));
            }
            if rest.len() < 2 * count {
                return Err(crash("a stripe's device or offset is missing"));
            }
            for pair in rest.chunks_exact(2).take(count) {
                entry.legs.push(leg(pair[0], pair[1], find)?);
            }
        }
        Module::Error | Module::Zero => {}
    }
    Ok(entry)
}

fn leg(path: &[u8], offset: &[u8], find: FindBase<'_>) -> Result<Leg, Failure> {
    let path = Text::from(path);
    let base = find(&path)?;
    let kept = &path.as_bytes()[..path.len().min(PATH_MAX)];
    if kept.len() < path.len() {
        info!("netbsd: of {path:?} only the first {PATH_MAX} bytes are shown (quirk 20)");
    }
    Ok(Leg {
        path: Text::from(kept),
        base,
        offset: number_of(offset),
    })
}

/// Words between blanks and tabs; a line's end is no blank.
fn words(params: &[u8]) -> impl Iterator<Item = &[u8]> {
    params
        .split(|byte| matches!(byte, b' ' | b'\t'))
        .filter(|word| !word.is_empty())
}

/// The digits that a word starts with, modulo 2^64.
fn number_of(word: &[u8]) -> u64 {
    let digits = word.iter().take_while(|byte| byte.is_ascii_digit());
    digits.fold(0_u64, |number, digit| {
        number
            .wrapping_mul(10)
            .wrapping_add(u64::from(digit - b'0'))
    })
}

#[cfg(test)]
mod tests {
    use dm_core::table::TableLine;

    use super::super::super::segments;
    use super::*;

    /// Loads lines over devices that all exist but `/dev/nonesuch`.
    fn load_text(text: &str) -> Loaded {
        let lines = TableLine::parse_table(text).unwrap();
        let segments = segments::encode(&lines);
        let find = |path: &Text| match *path == "/dev/nonesuch" {
            true => Err(Failure::NoDevice(path.clone())),
            false => Ok(Base::Mapped(1)),
        };
        load(segments.array().unwrap(), Module::ALL, &find)
    }

    fn failure(text: &str) -> String {
        let (line, failure) = load_text(text).failure.unwrap();
        format!("{line}: {failure}")
    }

    #[test]
    fn numbers_are_digits_modulo_a_word() {
        for (word, number) in [
            ("12abc", 12),
            ("abc", 0),
            ("-5", 0),
            ("0x10", 0),
            ("18446744073709551617", 1),
        ] {
            assert_eq!(number_of(word.as_bytes()), number, "{word}");
        }
    }

    #[test]
    fn what_crashes_the_kernel_is_refused_by_line() {
        assert_eq!(
            failure("0 8 linear /dev/a 0\n8 8 linear /dev/a"),
            "2: linear: the offset is missing (quirk 7)"
        );
        assert_eq!(
            failure("0 8 linear"),
            "1: linear: the device is missing (quirk 7)"
        );
        assert_eq!(
            failure("0 8 striped 5 8 a 0 b 0 c 0 d 0 e 0"),
            "1: striped: more than 4 stripes (quirk 7)"
        );
        assert_eq!(
            failure("0 8 striped 2 8 a 0 b"),
            "1: striped: a stripe's device or offset is missing (quirk 7)"
        );
        assert_eq!(
            failure("0 8 striped 2"),
            "1: striped: the number of stripes or the chunk size is missing (quirk 7)"
        );
    }

    #[test]
    fn keys_that_are_missing_are_refused() {
        let segment = |without: &str| {
            let mut segment = Dictionary::new();
            segment
                .set(keys::TYPE, "zero")
                .set(keys::START, 0_u64)
                .set(keys::LENGTH, 8_u64)
                .set(keys::PARAMS, "");
            segment.remove(without);
            let loaded = load(&[segment.into()], Module::ALL, &|_| Err(Failure::Cycle));
            loaded.failure.map(|(_, failure)| failure.to_string())
        };
        assert_eq!(segment("nothing"), None);
        assert_eq!(
            segment(keys::TYPE).as_deref(),
            Some("the target is missing (quirk 9)")
        );
        assert_eq!(
            segment(keys::START).as_deref(),
            Some("the start is missing (quirk 9)")
        );
        assert_eq!(
            segment(keys::LENGTH).as_deref(),
            Some("the length is missing (quirk 9)")
        );
        assert_eq!(
            segment(keys::PARAMS).as_deref(),
            Some("zero: the parameters are missing (quirk 7)")
        );
    }

    #[test]
    fn only_an_unknown_target_keeps_the_lines_before() {
        let loaded = load_text("0 8 zero\n8 8 nonesuch");
        let (line, failure) = loaded.failure.unwrap();
        assert_eq!((loaded.entries.len(), line), (1, 2));
        assert!(failure.keeps_lines());
        let (_, failure) = load_text("0 8 linear /dev/nonesuch 0").failure.unwrap();
        assert!(!failure.keeps_lines());
    }
}
