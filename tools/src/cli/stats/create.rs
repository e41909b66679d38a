//! `dmctl stats create`.

use clap::Args;
use dm_core::command::{DeviceInfo, Slot};
use dm_core::error::{DmError, ErrorKind};
use dm_core::typed::stats::{self, Message, Step};
use serde_json::json;

use crate::failure::Failure;
use crate::output::Answer;
use crate::stats::{self as counted, PROGRAM, Set};
use crate::units::Factor;

use super::super::session::Session;
use super::Changed;

/// Regions to be counted in.
#[derive(Debug, Args)]
pub(super) struct Create {
    #[command(flatten)]
    devices: Changed,
    /// Where the region begins: sectors, or a number with a unit
    #[arg(long, value_parser = sectors)]
    start: Option<u64>,
    /// How long the region is
    #[arg(long, alias = "len", value_parser = sectors)]
    length: Option<u64>,
    /// Into how many areas the region is divided
    #[arg(long, conflicts_with = "areasize")]
    areas: Option<u32>,
    /// How large an area is
    #[arg(long, value_parser = sectors)]
    areasize: Option<u64>,
    /// A region for each line of the device's table
    #[arg(long, conflicts_with_all = ["start", "length"])]
    segments: bool,
    /// Do not make a group of the regions of --segments
    #[arg(long)]
    nogroup: bool,
    /// The name of the group of --segments
    #[arg(long, conflicts_with = "nogroup")]
    alias: Option<String>,
    /// Count times in nanoseconds
    #[arg(long)]
    precise: bool,
    /// The bounds of a histogram of times: numbers with ns, us, ms or s, with commas between
    #[arg(long, value_parser = bounds)]
    bounds: Option<Bounds>,
    /// The program whose region it is
    #[arg(long)]
    programid: Option<String>,
    /// Also without a program
    #[arg(short, long)]
    force: bool,
    /// What to say of the region
    #[arg(long)]
    userdata: Option<String>,
    /// A region for each extent of a file
    #[arg(long)]
    filemap: bool,
}

/// A file whose regions are to follow it.
#[derive(Debug, Args)]
pub(super) struct UpdateFilemap {
    /// The file
    file: String,
    /// The group of its regions
    #[arg(long)]
    groupid: Option<u64>,
}

/// The bounds of a histogram in nanoseconds.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Bounds(Vec<u64>);

/// Sectors: a number of them, or of a unit.
fn sectors(text: &str) -> Result<u64, String> {
    let wrong = || format!("{text:?} is no size: a number of sectors, or a number with a unit");
    let digits = text
        .find(|letter: char| !letter.is_ascii_digit())
        .unwrap_or(text.len());
    let (number, unit) = text.split_at(digits);
    let number: u64 = number.parse().map_err(|_| wrong())?;
    let mut letters = unit.chars();
    match (letters.next(), letters.next()) {
        (None, _) => Ok(number),
        (Some(letter), None) => {
            let sectors = Factor::of(letter).ok_or_else(wrong)?.sectors(number as f64);
            // Sizes far below 2^53 sectors are exact.
            format!("{:.0}", sectors.floor())
                .parse()
                .map_err(|_| wrong())
        }
        _ => Err(wrong()),
    }
}

/// Bounds: numbers with units, of which nanoseconds are the least.
fn bounds(text: &str) -> Result<Bounds, String> {
    let mut bounds = Vec::new();
    for word in text.split(',') {
        let wrong = || format!("{word:?} is no bound such as 10ms");
        let digits = word
            .find(|letter: char| !letter.is_ascii_digit())
            .unwrap_or(word.len());
        let (number, unit) = word.split_at(digits);
        let scale: u64 = match unit {
            "" | "ns" => 1,
            "us" => 1_000,
            "ms" => 1_000_000,
            "s" => 1_000_000_000,
            _ => return Err(wrong()),
        };
        let number: u64 = number.parse().map_err(|_| wrong())?;
        let bound = number.checked_mul(scale).ok_or_else(wrong)?;
        if bounds.last().is_some_and(|last| *last >= bound) {
            return Err("bounds rise".into());
        }
        bounds.push(bound);
    }
    Ok(Bounds(bounds))
}

impl Create {
    pub(super) fn run(self, session: &Session, answer: &mut Answer) -> Result<(), Failure> {
        if self.filemap {
            return Err(no_filemaps());
        }
        if self.programid.as_deref() == Some("") && !self.force {
            return Err(Failure::usage("a region without a program needs --force"));
        }
        let mut made = Vec::new();
        let (text, devices) = (&mut answer.text, &self.devices);
        let done = devices.each(session, |info| {
            let regions = self.on(session, text, info)?;
            made.push(json!({ "name": info.name.as_str(), "regions": regions }));
            Ok(())
        });
        answer.field("created", made);
        done
    }

    /// Makes the regions of a device, and gives their numbers.
    fn on(
        &self,
        session: &Session,
        text: &mut String,
        info: &DeviceInfo,
    ) -> Result<Vec<u64>, Failure> {
        let dm = session.dm()?;
        let (_, lines) = dm.table(info.name.clone(), Slot::Active)?;
        let whole = lines.iter().map(|line| line.length.0).sum();
        let ranges: Vec<Option<stats::Range>> = match (self.segments, self.start, self.length) {
            (true, ..) => lines
                .iter()
                .map(|line| {
                    let (start, length) = (line.start.0, line.length.0);
                    Some(stats::Range { start, length })
                })
                .collect(),
            (false, None, None) => vec![None],
            (false, start, length) => {
                let start = start.unwrap_or_default();
                let length = length.unwrap_or_else(|| u64::saturating_sub(whole, start));
                vec![Some(stats::Range { start, length })]
            }
        };
        let mut regions = Vec::new();
        for range in ranges {
            let region = self.one(session, info, range)?;
            let length = range.map_or(whole, |range| range.length);
            let areas = match (self.areasize, self.areas) {
                (Some(size), _) => length.div_ceil(size.max(1)).max(1),
                (None, areas) => areas.unwrap_or(1).into(),
            };
            let name = &info.name;
            text.push_str(&format!(
                "{name}: Created new region with {areas} area(s) as region ID {region}\n"
            ));
            regions.push(region);
        }
        if self.segments && !self.nogroup {
            let list: Vec<String> = regions.iter().map(u64::to_string).collect();
            let list = list.join(",");
            let set = Set::list(dm, info, None)?;
            let alias = self.alias.as_deref();
            let group = super::group::make(session, info, &set, &list, alias)?;
            let with = alias
                .map(|alias| format!(" with alias {alias}"))
                .unwrap_or_default();
            text.push_str(&format!(
                "Grouped regions {list} as group ID {group}{with}\n"
            ));
        }
        Ok(regions)
    }

    fn one(
        &self,
        session: &Session,
        info: &DeviceInfo,
        range: Option<stats::Range>,
    ) -> Result<u64, Failure> {
        let mut create = stats::Create::whole();
        create.range = range;
        create.step = match (self.areasize, self.areas) {
            (Some(size), _) => Step::Sectors(size),
            (None, areas) => Step::Areas(areas.unwrap_or(1)),
        };
        if let Some(Bounds(bounds)) = &self.bounds {
            // The kernel counts in milliseconds unless it is to be precise.
            let fine = bounds.iter().any(|bound| !bound.is_multiple_of(1_000_000));
            create.precise = self.precise || fine;
            let scale = if create.precise { 1 } else { 1_000_000 };
            create.histogram = bounds.iter().map(|bound| bound / scale).collect();
        }
        create.precise |= self.precise;
        let program = self.programid.as_deref().unwrap_or(PROGRAM);
        create.program = Some(if program.is_empty() { "-" } else { program }.to_owned());
        let user_data = self.userdata.as_deref().filter(|text| !text.is_empty());
        create.aux = Some(user_data.unwrap_or("-").to_owned());
        let reply = counted::tell(session.dm()?, info, &Message::Create(create))?;
        let number = reply.trim().parse();
        number.map_err(|_| {
            let reason = format!("a new region was answered with {reply:?}");
            DmError::because(ErrorKind::Protocol, reason).into()
        })
    }
}

impl UpdateFilemap {
    pub(super) fn run(self, _: &Session, _: &mut Answer) -> Result<(), Failure> {
        let UpdateFilemap { file, groupid } = self;
        Err(no_filemaps().about(
            "update_filemap",
            Some(groupid.map_or(file, |id| id.to_string())),
        ))
    }
}

fn no_filemaps() -> Failure {
    let reason = "regions that follow a file are not built";
    let failure = Failure::because(ErrorKind::Unsupported, reason);
    failure.hint("filefrag -v shows a file's extents, and --start and --length count in one")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_sectors_unless_they_say_otherwise() {
        assert_eq!(sectors("8"), Ok(8));
        assert_eq!(sectors("1k"), Ok(2));
        assert_eq!(sectors("16m"), Ok(32768));
        for wrong in ["", "m", "-1", "1x", "1mm"] {
            assert!(sectors(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn bounds_rise_and_have_units() {
        assert_eq!(
            bounds("1ms,10ms,1s"),
            Ok(Bounds(vec![1_000_000, 10_000_000, 1_000_000_000]))
        );
        for wrong in ["", "1ms,1ms", "2s,1s", "1m", "1,,2", "99999999999999s"] {
            assert!(bounds(wrong).is_err(), "{wrong}");
        }
    }
}
