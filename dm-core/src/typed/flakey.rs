//! `flakey DEV START UP DOWN [N FEATURES…]`: a device that misbehaves for some seconds in turn.

use core::fmt;

use crate::table::{ParamError, Reason, Word};

use super::{DeviceAt, Keyword, Kind, Reader, Text};

pub(super) const KIND: Kind = Kind::new(
    "flakey",
    "a device that misbehaves for some seconds in turn",
    |reader| Params::read(reader).map(super::Params::Flakey),
);

/// What a probability is a part of.
pub const PROBABILITY_BASE: u32 = 1_000_000_000;

/// When it misbehaves, and how. Without a feature, all requests fail.
///
/// # Source
/// `drivers/md/dm-flakey.c`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct Params {
    /// The device and the first sector on it.
    pub area: DeviceAt,
    /// Seconds of good behaviour.
    pub up: u32,
    /// Seconds of misbehaviour after them.
    pub down: u32,
    /// Reads fail.
    pub error_reads: bool,
    /// What happens to writes.
    pub writes: Option<Writes>,
    /// One byte of each request is changed.
    pub corrupt: Option<Corrupt>,
    /// How many of [`PROBABILITY_BASE`] reads get a random byte changed.
    pub random_read_corrupt: Option<u32>,
    /// How many of [`PROBABILITY_BASE`] writes get a random byte changed.
    pub random_write_corrupt: Option<u32>,
}

/// What happens to writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize),
    serde(rename_all = "snake_case")
)]
pub enum Writes {
    /// They are dropped silently.
    Drop,
    /// They fail.
    Error,
}

/// A byte that is changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
pub struct Corrupt {
    /// Which of the request: 1 is the first.
    pub byte: u32,
    /// Of reads or of writes.
    pub direction: Direction,
    /// What it becomes.
    pub value: u8,
    /// Only requests with all these bio flags; 0 for all.
    pub flags: u32,
}

/// Which way a request goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize),
    serde(rename_all = "snake_case")
)]
pub enum Direction {
    /// A read.
    Read,
    /// A write.
    Write,
}

impl Keyword for Direction {
    const WORDS: &'static [(&'static str, Direction)] =
        &[("r", Direction::Read), ("w", Direction::Write)];
}

impl Params {
    /// A device that behaves for `up` seconds and fails all requests for `down`, in turn.
    pub fn new(area: DeviceAt, up: u32, down: u32) -> Params {
        Params {
            area,
            up,
            down,
            error_reads: false,
            writes: None,
            corrupt: None,
            random_read_corrupt: None,
            random_write_corrupt: None,
        }
    }

    /// What clashes, if anything does.
    fn clash(&self) -> Option<&'static str> {
        let corrupts = |direction| {
            self.corrupt
                .is_some_and(|corrupt| corrupt.direction == direction)
        };
        if self.writes.is_some() && corrupts(Direction::Write) {
            return Some("corrupt_bio_byte of writes clashes with drop_writes and error_writes");
        }
        if self.error_reads && corrupts(Direction::Read) {
            return Some("corrupt_bio_byte of reads clashes with error_reads");
        }
        None
    }

    fn feature(
        &mut self,
        word: &Word<'_>,
        features: &mut super::Group,
        reader: &mut Reader<'_>,
    ) -> Result<(), ParamError> {
        let again = || word.error(Reason::Twice);
        match word.text.to_ascii_lowercase().as_str() {
            "error_reads" => {
                if core::mem::replace(&mut self.error_reads, true) {
                    return Err(again());
                }
            }
            feature @ ("drop_writes" | "error_writes") => {
                let writes = match feature {
                    "drop_writes" => Writes::Drop,
                    _ => Writes::Error,
                };
                if self.writes.replace(writes).is_some() {
                    return Err(word.error(Reason::Other(
                        "drop_writes and error_writes can stand once, and not together".into(),
                    )));
                }
            }
            "corrupt_bio_byte" => {
                self.corrupt = Some(Corrupt {
                    byte: features.number_in(reader, "place of the byte", 1..=u32::MAX)?,
                    direction: features.keyword(reader, "direction")?,
                    value: features.number_in(reader, "new value of the byte", 0..=u8::MAX)?,
                    flags: features.number(reader, "mask of bio flags")?,
                });
            }
            feature @ ("random_read_corrupt" | "random_write_corrupt") => {
                let range = 0..=PROBABILITY_BASE;
                let part = features.number_in(reader, "probability in 1e-9", range)?;
                match feature {
                    "random_read_corrupt" => self.random_read_corrupt = Some(part),
                    _ => self.random_write_corrupt = Some(part),
                }
            }
            _ => {
                return Err(word.unknown(
                    "feature",
                    "error_reads, drop_writes, error_writes, corrupt_bio_byte, \
                        random_read_corrupt, random_write_corrupt",
                ));
            }
        }
        Ok(())
    }
}

impl Text for Params {
    fn read(reader: &mut Reader<'_>) -> Result<Params, ParamError> {
        let area = reader.area(reader.length())?;
        let up = reader.number("up interval in seconds")?;
        let word = reader.word("down interval in seconds")?;
        let down = super::number::number(&word, "down interval in seconds")?;
        if (up, down) == (0, 0) {
            return Err(word.error(Reason::Zero {
                what: "sum of the intervals",
            }));
        }
        if u32::checked_add(up, down).is_none() {
            return Err(word.error(Reason::TooLarge {
                what: "sum of the intervals",
                limit: u32::MAX.into(),
            }));
        }
        let mut params = Params::new(area, up, down);
        let mut features = reader.group("number of words of features", 11)?;
        while let Some(word) = features.next(reader, "feature")? {
            params.feature(&word, &mut features, reader)?;
            if let Some(clash) = params.clash() {
                return Err(word.error(Reason::Other(clash.into())));
            }
        }
        reader.ignore_rest();
        Ok(params)
    }
}

impl fmt::Display for Params {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let some = usize::from;
        let count = some(self.error_reads)
            + some(self.writes.is_some())
            + 5 * some(self.corrupt.is_some())
            + 2 * some(self.random_read_corrupt.is_some())
            + 2 * some(self.random_write_corrupt.is_some());
        write!(f, "{} {} {} {count}", self.area, self.up, self.down)?;
        if self.error_reads {
            f.write_str(" error_reads")?;
        }
        match self.writes {
            Some(Writes::Drop) => f.write_str(" drop_writes")?,
            Some(Writes::Error) => f.write_str(" error_writes")?,
            None => {}
        }
        if let Some(corrupt) = &self.corrupt {
            write!(f, " corrupt_bio_byte {corrupt}")?;
        }
        if let Some(part) = self.random_read_corrupt {
            write!(f, " random_read_corrupt {part}")?;
        }
        if let Some(part) = self.random_write_corrupt {
            write!(f, " random_write_corrupt {part}")?;
        }
        Ok(())
    }
}

impl fmt::Display for Corrupt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let direction = self.direction.text();
        write!(f, "{} {direction} {} {}", self.byte, self.value, self.flags)
    }
}
