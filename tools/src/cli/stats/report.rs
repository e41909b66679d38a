//! `dmctl stats list` and `report`.

use clap::Args;
use dm_core::command::Slot;
use serde_json::Value;

use crate::failure::Failure;
use crate::output::Answer;
use crate::report::Groups;
use crate::stats::{HistogramLayout, PROGRAM, Walk};
use crate::units::Units;

use super::super::columns::{ColumnArgs, Counting, Known};
use super::super::devices::Devices;
use super::super::session::Session;

/// Regions to be listed.
#[derive(Debug, Args)]
pub(super) struct List {
    #[command(flatten)]
    shown: Shown,
}

/// Counters to be shown.
#[derive(Debug, Args)]
pub(super) struct Report {
    #[command(flatten)]
    shown: Shown,
    /// Counters instead of rates
    #[arg(long)]
    raw: bool,
    /// Histograms in percent instead of counts
    #[arg(long)]
    relative: bool,
}

/// What both show.
#[derive(Debug, Args)]
struct Shown {
    #[command(flatten)]
    devices: Devices,
    #[command(flatten)]
    columns: ColumnArgs,
    /// A row for each area
    #[arg(long)]
    area: bool,
    /// A row for each region
    #[arg(long)]
    region: bool,
    /// A row for each group
    #[arg(long)]
    group: bool,
    /// Histograms
    #[arg(long)]
    histogram: bool,
    /// The program whose regions are meant
    #[arg(long, conflicts_with = "allprograms")]
    programid: Option<String>,
    /// The regions of every program
    #[arg(long)]
    allprograms: bool,
    /// How sizes are shown: h for the unit that fits, or one of b, s, k, m, g, t, p, e
    #[arg(long, default_value = "h", hide_default_value = true)]
    units: String,
    /// Taken for dmstats' sake: only sizes of --units h have a unit, and they need it
    #[arg(long, hide = true)]
    nosuffix: bool,
    /// Times without their units
    #[arg(long)]
    notimesuffix: bool,
}

const DEVICE: &str = "stats_name,group_id,region_id,obj_type";
const REGION: &str =
    "stats_name,group_id,region_id,obj_type,region_start,region_len,area_count,area_len";
const AREAS: &str = "stats_name,group_id,region_id,obj_type,region_start,region_len,area_count,\
                     area_id,area_start,area_len";
const COUNTERS: &str = "read_count,reads_merged_count,read_sector_count,read_time,read_ticks,\
                        write_count,writes_merged_count,write_sector_count,write_time,write_ticks,\
                        in_progress_count,io_ticks,queue_ticks";
const RATES: &str = "reads_merged_per_sec,writes_merged_per_sec,reads_per_sec,writes_per_sec,\
                     read_size_per_sec,write_size_per_sec,avg_request_size,queue_size,util,\
                     await,read_await,write_await";

impl List {
    pub(super) fn run(self, session: &Session, answer: &mut Answer) -> Result<(), Failure> {
        let all = session.verbose();
        let fields = if all { AREAS } else { REGION };
        let more = match self.shown.histogram {
            true => "hist_bins,hist_bounds",
            false => "program_id",
        };
        let usual = format!("{fields},{more}");
        self.shown.show(session, answer, &usual, all)
    }
}

impl Report {
    pub(super) fn run(self, session: &Session, answer: &mut Answer) -> Result<(), Failure> {
        let usual = match (self.shown.histogram, self.relative, self.raw) {
            (true, false, _) => format!("{REGION},util,await,hist_count_bounds"),
            (true, true, _) => format!("{REGION},util,await,hist_percent_bounds"),
            (false, _, true) => format!("{DEVICE},area_id,area_start,area_len,{COUNTERS}"),
            (false, _, false) => format!("{DEVICE},area_id,area_start,area_len,{RATES}"),
        };
        self.shown.show(session, answer, &usual, true)
    }
}

impl Shown {
    fn walk(&self, all: bool) -> Walk {
        let mut walk = Walk::empty();
        walk.set(Walk::AREAS, self.area);
        walk.set(Walk::REGIONS, self.region);
        walk.set(Walk::GROUPS, self.group);
        match (walk.is_empty(), all) {
            (false, _) => walk,
            (true, true) => Walk::all(),
            (true, false) => Walk::REGIONS | Walk::GROUPS,
        }
    }

    fn show(
        &self,
        session: &Session,
        answer: &mut Answer,
        usual: &str,
        all: bool,
    ) -> Result<(), Failure> {
        let selection = self.devices.selection();
        let Some(mut report) = self.columns.report(usual, Groups::REGION, selection)? else {
            return Ok(());
        };
        let units = Units::new(&self.units)
            .ok_or_else(|| Failure::usage(format!("there are no units {:?}", self.units)))?;
        let dm = session.dm()?;
        let times = self.columns.times();
        let mut counting = Counting {
            walk: self.walk(all),
            program: match (self.allprograms, &self.programid) {
                (true, _) => None,
                (false, program) => Some(program.as_deref().unwrap_or(PROGRAM).to_owned()),
            },
            units,
            layout: HistogramLayout {
                padded: self.columns.is_padded(),
                suffix: !self.notimesuffix,
            },
            interval: times.interval,
        };
        let devices = self.devices.unselected();
        times.repeat(session, answer, &mut report, |report, text, since| {
            counting.interval = since;
            let known = Known::of(session, report)?;
            let mut seen = Answer::default();
            let done = session.show_each(&mut seen, &devices, |_, device, _| {
                let info = dm.info(device, Slot::Active)?;
                known.add(session, report, &info, &counting)?;
                Ok(Value::Null)
            });
            text.push_str(&seen.text);
            done
        })
    }
}
