//! `@stats_…`: messages that count a device's requests, and their replies.

use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

use crate::table::{EscapedWord, ParamError, Reason, Word};

use super::number::number;
use super::{Reader, Text, words};

/// What can be asked of a device's counters.
///
/// # Source
/// `drivers/md/dm-stats.c`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize),
    serde(rename_all = "snake_case")
)]
#[non_exhaustive]
pub enum Message {
    /// Counts in a region from now on. The reply is the region's number.
    Create(Create),
    /// Ends that.
    Delete(u32),
    /// Sets a region's counters to 0, but for what is under way.
    Clear(u32),
    /// Lists the regions, of one program or of all.
    List(Option<String>),
    /// Shows the counters of a region.
    Print(Print),
    /// Shows them and sets them to 0.
    PrintClear(Print),
    /// Changes what a region says of itself.
    SetAux {
        /// Which region.
        region: u32,
        /// The text.
        aux: String,
    },
}

/// A region to be counted in.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct Create {
    /// The region; without, the whole device.
    pub range: Option<Range>,
    /// How it is divided into areas.
    pub step: Step,
    /// Times are counted in nanoseconds.
    pub precise: bool,
    /// Bounds of times, rising, between which requests are counted apart.
    pub histogram: Vec<u64>,
    /// The program whose region it is.
    pub program: Option<String>,
    /// What the program says of it.
    pub aux: Option<String>,
}

/// Sectors of a device.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
pub struct Range {
    /// The first one.
    pub start: u64,
    /// How many.
    pub length: u64,
}

/// How a region is divided into areas.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize),
    serde(rename_all = "snake_case")
)]
pub enum Step {
    /// Sectors in an area.
    Sectors(u64),
    /// Number of areas.
    Areas(u32),
}

/// Counters to be shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
pub struct Print {
    /// Of which region.
    pub region: u32,
    /// Of some areas only.
    pub areas: Option<Areas>,
}

/// Some areas of a region.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
pub struct Areas {
    /// The first one; without, 0.
    pub first: Option<u64>,
    /// How many; without, all.
    pub count: Option<u64>,
}

/// A line of a list's reply: `ID: START+LENGTH STEP PROGRAM AUX [FEATURES…]`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct Region {
    /// Its number.
    pub id: u32,
    /// Its sectors.
    pub range: Range,
    /// Sectors in an area.
    pub step: u64,
    /// The program whose region it is.
    pub program: String,
    /// What the program says of it.
    pub aux: String,
    /// `precise_timestamps` and `histogram:…`.
    pub features: Vec<String>,
}

/// A line of a print's reply: the counters of an area.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct Counters {
    /// The area's sectors.
    pub range: Range,
    /// Reads completed, merged, their sectors and milliseconds.
    pub reads: Direction,
    /// Writes completed, merged, their sectors and milliseconds.
    pub writes: Direction,
    /// Requests under way.
    pub in_flight: i64,
    /// Milliseconds with requests under way.
    pub io_ticks: u64,
    /// The same, times the requests.
    pub queue_ticks: u64,
    /// Milliseconds with reads under way.
    pub read_ticks: u64,
    /// Milliseconds with writes under way.
    pub write_ticks: u64,
    /// Requests between the bounds of times.
    pub histogram: Vec<u64>,
    /// Fields of newer kernels.
    pub rest: Vec<String>,
}

/// Requests one way.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
pub struct Direction {
    /// How many.
    pub count: u64,
    /// How many were merged.
    pub merged: u64,
    /// Their sectors.
    pub sectors: u64,
    /// What they took, in milliseconds; in nanoseconds if times are precise.
    pub time: u64,
}

impl Text for Message {
    fn read(reader: &mut Reader<'_>) -> Result<Message, ParamError> {
        let word = reader.word("message")?;
        Ok(match word.text.to_ascii_lowercase().as_str() {
            "@stats_create" => Message::Create(Create::read(reader)?),
            "@stats_delete" => Message::Delete(reader.number("region")?),
            "@stats_clear" => Message::Clear(reader.number("region")?),
            "@stats_list" => Message::List(match reader.is_empty() {
                true => None,
                false => Some(reader.text("program")?),
            }),
            "@stats_print" => Message::Print(Print::read(reader)?),
            "@stats_print_clear" => Message::PrintClear(Print::read(reader)?),
            "@stats_set_aux" => Message::SetAux {
                region: reader.number("region")?,
                aux: reader.text("what it says of itself")?,
            },
            _ => {
                return Err(word.unknown(
                    "message",
                    "@stats_create, @stats_delete, @stats_clear, @stats_list, @stats_print, \
                     @stats_print_clear, @stats_set_aux, @cancel_deferred_remove",
                ));
            }
        })
    }
}

impl fmt::Display for Message {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Message::Create(create) => write!(f, "@stats_create {create}"),
            Message::Delete(region) => write!(f, "@stats_delete {region}"),
            Message::Clear(region) => write!(f, "@stats_clear {region}"),
            Message::List(program) => {
                f.write_str("@stats_list")?;
                words(f, program.iter().map(|word| EscapedWord(word)))
            }
            Message::Print(print) => write!(f, "@stats_print {print}"),
            Message::PrintClear(print) => write!(f, "@stats_print_clear {print}"),
            Message::SetAux { region, aux } => {
                write!(f, "@stats_set_aux {region} {}", EscapedWord(aux))
            }
        }
    }
}

impl Create {
    /// Counts the whole device as one area.
    pub fn whole() -> Create {
        Create {
            range: None,
            step: Step::Areas(1),
            precise: false,
            histogram: Vec::new(),
            program: None,
            aux: None,
        }
    }
}

impl Text for Create {
    fn read(reader: &mut Reader<'_>) -> Result<Create, ParamError> {
        let word = reader.word("region: START+LENGTH or -")?;
        let range = match &*word.text {
            "-" => None,
            _ => Some(range(&word)?),
        };
        let word = reader.word("sectors in an area, or /AREAS")?;
        let step = match word.text.strip_prefix('/') {
            Some(areas) => {
                let areas = Word {
                    text: areas.into(),
                    place: word.place,
                };
                Step::Areas(areas.positive("number of areas")?)
            }
            None => Step::Sectors(super::number::number_in(
                &word,
                "sectors in an area",
                1..=u64::MAX,
            )?),
        };
        let mut create = Create {
            range,
            step,
            ..Create::whole()
        };
        let counted = |word: &str| !word.is_empty() && word.bytes().all(|b| b.is_ascii_digit());
        if reader.peek().is_some_and(|word| counted(&word)) {
            let mut group = reader.counted("number of features", usize::MAX)?;
            while let Some(word) = group.next(reader, "feature")? {
                create.feature(&word)?;
            }
        }
        let mut next = |what| (!reader.is_empty()).then(|| reader.text(what)).transpose();
        create.program = next("program")?;
        create.aux = next("what the program says of it")?;
        Ok(create)
    }
}

impl Create {
    fn feature(&mut self, word: &Word<'_>) -> Result<(), ParamError> {
        let text = word.text.to_ascii_lowercase();
        if text == "precise_timestamps" {
            self.precise = true;
            return Ok(());
        }
        let Some(bounds) = text.strip_prefix("histogram:") else {
            return Err(word.unknown("feature", "precise_timestamps, histogram:BOUND,…"));
        };
        if !self.histogram.is_empty() {
            return Err(word.error(Reason::Twice));
        }
        for bound in bounds.split(',') {
            let bound: Option<u64> = bound.parse().ok();
            let last = self.histogram.last().copied().unwrap_or(0);
            match bound.filter(|bound| *bound > last) {
                Some(bound) => self.histogram.push(bound),
                None => {
                    return Err(word.error(Reason::Other(
                        "the bounds are not rising numbers with commas between them".into(),
                    )));
                }
            }
        }
        Ok(())
    }
}

impl fmt::Display for Create {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.range {
            None => f.write_str("-")?,
            Some(range) => range.fmt(f)?,
        }
        match self.step {
            Step::Sectors(sectors) => write!(f, " {sectors}")?,
            Step::Areas(areas) => write!(f, " /{areas}")?,
        }
        let features = usize::from(self.precise) + usize::from(!self.histogram.is_empty());
        words(f, (features > 0).then_some(features))?;
        words(f, self.precise.then_some("precise_timestamps"))?;
        for (at, bound) in self.histogram.iter().enumerate() {
            let before = if at == 0 { " histogram:" } else { "," };
            write!(f, "{before}{bound}")?;
        }
        let program = self.program.as_deref();
        let program = program.or(self.aux.as_ref().map(|_| "-"));
        words(f, program.map(EscapedWord))?;
        words(f, self.aux.as_deref().map(EscapedWord))
    }
}

fn range(word: &Word<'_>) -> Result<Range, ParamError> {
    word.text
        .split_once('+')
        .and_then(|(start, length)| {
            let (start, length) = (start.parse().ok()?, length.parse().ok()?);
            u64::checked_add(start, length)?;
            Some(Range { start, length })
        })
        .filter(|range| range.length > 0)
        .ok_or_else(|| word.error(Reason::Other("is not START+LENGTH in sectors".into())))
}

impl fmt::Display for Range {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}+{}", self.start, self.length)
    }
}

impl Text for Print {
    fn read(reader: &mut Reader<'_>) -> Result<Print, ParamError> {
        let region = reader.number("region")?;
        let areas = match reader.is_empty() {
            true => None,
            false => Some(Areas {
                first: reader.optional("first area, or -")?,
                count: reader.optional("number of areas, or -")?,
            }),
        };
        Ok(Print { region, areas })
    }
}

impl fmt::Display for Print {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.region)?;
        match self.areas {
            None => Ok(()),
            Some(Areas { first, count }) => {
                write!(f, " {} {}", super::or_dash(first), super::or_dash(count))
            }
        }
    }
}

impl Text for Region {
    fn read(reader: &mut Reader<'_>) -> Result<Region, ParamError> {
        let word = reader.word("number of the region")?;
        let id = Word {
            text: word.text.trim_end_matches(':').into(),
            place: word.place,
        };
        Ok(Region {
            id: number(&id, "number of the region")?,
            range: range(&reader.word("region")?)?,
            step: reader.number("sectors in an area")?,
            program: reader.text("program")?,
            aux: reader.text("what the program says of it")?,
            features: reader.rest(),
        })
    }
}

impl fmt::Display for Region {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Region {
            id,
            range,
            step,
            program,
            aux,
            features,
        } = self;
        // As the kernel has it: blanks are not escaped.
        write!(f, "{id}: {range} {step} {program} {aux}")?;
        words(f, features)
    }
}

impl Text for Counters {
    fn read(reader: &mut Reader<'_>) -> Result<Counters, ParamError> {
        Ok(Counters {
            range: range(&reader.word("area")?)?,
            reads: Direction::read(reader)?,
            writes: Direction::read(reader)?,
            in_flight: reader.signed("requests under way")?,
            io_ticks: reader.number("time with requests under way")?,
            queue_ticks: reader.number("the same, times the requests")?,
            read_ticks: reader.number("time with reads under way")?,
            write_ticks: reader.number("time with writes under way")?,
            histogram: match reader.is_empty() {
                true => Vec::new(),
                false => histogram(&reader.word("requests between the bounds")?)?,
            },
            rest: reader.rest(),
        })
    }
}

fn histogram(word: &Word<'_>) -> Result<Vec<u64>, ParamError> {
    let counts = word.text.split(':').map(|count| count.parse().ok());
    let counts: Option<Vec<u64>> = counts.collect();
    counts.ok_or_else(|| word.error(Reason::Other("is not COUNT:COUNT:…".into())))
}

impl fmt::Display for Counters {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} {} {} {} {} {} {} {}",
            self.range,
            self.reads,
            self.writes,
            self.in_flight,
            self.io_ticks,
            self.queue_ticks,
            self.read_ticks,
            self.write_ticks,
        )?;
        for (at, count) in self.histogram.iter().enumerate() {
            write!(f, "{}{count}", if at == 0 { ' ' } else { ':' })?;
        }
        words(f, &self.rest)
    }
}

impl Text for Direction {
    fn read(reader: &mut Reader<'_>) -> Result<Direction, ParamError> {
        Ok(Direction {
            count: reader.number("requests completed")?,
            merged: reader.number("requests merged")?,
            sectors: reader.number("their sectors")?,
            time: reader.number("what they took")?,
        })
    }
}

impl fmt::Display for Direction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Direction {
            count,
            merged,
            sectors,
            time,
        } = self;
        write!(f, "{count} {merged} {sectors} {time}")
    }
}
