//! `dmctl stats create`.

use clap::Args;
use dm_core::command::{DeviceInfo, Slot};
use dm_core::error::{DmError, ErrorKind};
use dm_core::typed::stats::{self, Message, Step};
use serde_json::json;

use crate::failure::Failure;
use crate::output::Answer;
use crate::stats::{self as counted, PROGRAM, Set};
use crate::units::{Factor, split_number};

use super::super::session::Session;
use super::filemap::{self, Mapped};
use super::{Changed, group, region_number};

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
    /// Do not make a group of the regions of --segments or --filemap
    #[arg(long)]
    nogroup: bool,
    /// The name of the group of --segments, or of --filemap instead of the file's
    #[arg(long, conflicts_with = "nogroup")]
    alias: Option<String>,
    /// Count times in nanoseconds
    #[arg(long)]
    precise: bool,
    /// The bounds of a histogram of times: numbers with ns, us, ms or s, with commas between
    #[arg(long, value_parser = bounds)]
    bounds: Option<Bounds>,
    /// The program that the region is of: its list and report show it
    #[arg(long)]
    programid: Option<String>,
    /// Let the program be an empty word
    #[arg(short, long)]
    force: bool,
    /// A text to be kept with the region
    #[arg(long)]
    userdata: Option<String>,
    /// A region for each extent of a file, which stands in the place of DEV
    #[arg(long, conflicts_with_all = ["start", "length", "areas", "areasize", "segments", "userdata"])]
    filemap: bool,
    /// Do not say that a file which changes is not followed
    #[arg(long)]
    nomonitor: bool,
}

/// The bounds of a histogram in nanoseconds.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Bounds(Vec<u64>);

/// Sectors: a number of them, or of a unit.
fn sectors(text: &str) -> Result<u64, String> {
    let wrong = || format!("{text:?} is no size: a number of sectors, or a number with a unit");
    let (number, unit) = split_number(text).ok_or_else(wrong)?;
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
        let (number, unit) = split_number(word).ok_or_else(wrong)?;
        let scale: u64 = match unit {
            "" | "ns" => 1,
            "us" => 1_000,
            "ms" => 1_000_000,
            "s" => 1_000_000_000,
            _ => return Err(wrong()),
        };
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
        if self.programid.as_deref() == Some("") && !self.force {
            return Err(Failure::usage("a region without a program needs --force"));
        }
        if self.filemap {
            return self.map_files(session, answer);
        }
        self.devices.each(session, answer, "created", |text, info| {
            let regions = self.on(session, text, info)?;
            Ok(json!({ "name": info.name.as_str(), "regions": regions }))
        })
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
            let Some(region) = self.one(session, info, range)? else {
                continue;
            };
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
        if self.segments && !self.nogroup && !regions.is_empty() {
            let list: Vec<String> = regions.iter().map(u64::to_string).collect();
            let list = list.join(",");
            let set = Set::list(dm, info, None)?;
            let alias = self.alias.as_deref();
            let group = group::make(session, info, &set, &list, alias)?;
            let with = alias
                .map(|alias| format!(" with alias {alias}"))
                .unwrap_or_default();
            text.push_str(&format!(
                "Grouped regions {list} as group ID {group}{with}\n"
            ));
        }
        Ok(regions)
    }

    /// Makes a region, and gives its number.
    fn one(
        &self,
        session: &Session,
        info: &DeviceInfo,
        range: Option<stats::Range>,
    ) -> Result<Option<u64>, Failure> {
        let bounds = self.bounds.as_ref().map(|Bounds(bounds)| &**bounds);
        let bounds = bounds.unwrap_or_default();
        // The kernel counts in milliseconds unless it is to be precise.
        let fine = bounds.iter().any(|bound| !bound.is_multiple_of(1_000_000));
        let region = NewRegion {
            range,
            step: match (self.areasize, self.areas) {
                (Some(size), _) => Step::Sectors(size),
                (None, areas) => Step::Areas(areas.unwrap_or(1)),
            },
            precise: self.precise || fine,
            bounds,
            program: self.programid.as_deref().unwrap_or(PROGRAM),
            user_data: self.userdata.as_deref().unwrap_or_default(),
        };
        region.make(session, info)
    }

    /// Makes the regions of files' extents.
    fn map_files(&self, session: &Session, answer: &mut Answer) -> Result<(), Failure> {
        let files = self.devices.words();
        if files.is_empty() {
            return Err(Failure::usage("no file is named"));
        }
        let (mut made, mut failures) = (Vec::new(), Vec::new());
        for file in files {
            match self.map(session, &mut answer.text, file) {
                Ok(regions) => made.push(json!({ "name": file, "regions": regions })),
                Err(failure) => failures.push(failure.about("stats", Some(file.clone()))),
            }
        }
        answer.field("created", made);
        Failure::all(failures)
    }

    /// Makes the regions of a file's extents, all or none.
    fn map(&self, session: &Session, text: &mut String, file: &str) -> Result<Vec<u64>, Failure> {
        let mapped = Mapped::of(session, file)?;
        let dm = session.dm()?;
        let mut regions = Vec::new();
        let delete = |regions: &[u64]| {
            for region in regions.iter().filter_map(|id| region_number(*id).ok()) {
                // The failure that led here is what is said.
                let _ = counted::tell(dm, &mapped.info, &Message::Delete(region));
            }
        };
        for range in &mapped.extents {
            match self.one(session, &mapped.info, Some(*range)) {
                Ok(region) => regions.extend(region),
                Err(failure) => {
                    delete(&regions);
                    return Err(failure);
                }
            }
        }
        if self.nogroup {
            for region in &regions {
                text.push_str(&format!(
                    "{file}: Created new region with 1 area as region ID {region}.\n"
                ));
            }
            return Ok(regions);
        }
        if !regions.is_empty() {
            let list: Vec<String> = regions.iter().map(u64::to_string).collect();
            let set = Set::list(dm, &mapped.info, None)?;
            let alias = self.alias.as_deref().unwrap_or(&mapped.name);
            let group = group::make(session, &mapped.info, &set, &list.join(","), Some(alias));
            let group = group.inspect_err(|_| delete(&regions))?;
            let count = regions.len();
            text.push_str(&format!(
                "{file}: Created new group with {count} region(s) as group ID {group}.\n"
            ));
            if !self.nomonitor {
                filemap::not_followed(file);
            }
        }
        Ok(regions)
    }
}

/// A region that is to be made.
pub(super) struct NewRegion<'a> {
    /// Its sectors; without, all.
    pub(super) range: Option<stats::Range>,
    /// How it is divided.
    pub(super) step: Step,
    /// Whether times are counted in nanoseconds.
    pub(super) precise: bool,
    /// The bounds of its histogram in nanoseconds.
    pub(super) bounds: &'a [u64],
    /// Whose it is.
    pub(super) program: &'a str,
    /// What the user says of it.
    pub(super) user_data: &'a str,
}

impl NewRegion<'_> {
    /// Makes it, and gives its number, unless nothing is to be done.
    pub(super) fn make(
        &self,
        session: &Session,
        info: &DeviceInfo,
    ) -> Result<Option<u64>, Failure> {
        let or_none = |text: &str| Some(if text.is_empty() { "-" } else { text }.to_owned());
        let scale = if self.precise { 1 } else { 1_000_000 };
        let mut create = stats::Create::whole();
        create.range = self.range;
        create.step = self.step;
        create.precise = self.precise;
        create.histogram = self.bounds.iter().map(|bound| bound / scale).collect();
        create.program = or_none(self.program);
        create.aux = or_none(self.user_data);
        let reply = counted::tell(session.dm()?, info, &Message::Create(create))?;
        if session.is_dry() {
            return Ok(None);
        }
        let number = reply.trim().parse();
        number.map(Some).map_err(|_| {
            let reason = format!("a new region was answered with {reply:?}");
            DmError::because(ErrorKind::Protocol, reason).into()
        })
    }
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
