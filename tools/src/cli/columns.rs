//! Reports on the command line: their options, and the devices that they are about.

use std::time::Duration;

use clap::builder::PossibleValue;
use clap::{Args, ValueEnum};
use dm_core::command::DeviceInfo;

use crate::failure::Failure;
use crate::output::{Answer, Format, talk};
use crate::report::{Added, Detail, Headings, Layout, LvmName, Object, Report, Wanted};
use crate::report::{Groups, help, selection_help};
use crate::stack::{self, Stack};
use crate::stats::{HistogramLayout, Set, Walk};
use crate::units::Units;

use super::session::Session;

/// The options of a report.
#[derive(Clone, Debug, Default, Args)]
#[command(next_help_heading = "Columns")]
pub(super) struct ColumnArgs {
    /// The fields, with commas between; `+` in front adds them to the usual ones, `help` lists all
    #[arg(short = 'o', long, value_name = "FIELDS")]
    pub(super) options: Option<String>,
    /// The fields to sort by, with commas between; `-` in front turns the order
    #[arg(short = 'O', long, value_name = "FIELDS")]
    sort: Option<String>,
    /// What stands between columns, which are not aligned then
    #[arg(long, value_name = "TEXT")]
    separator: Option<String>,
    /// No headings, and colons between columns
    #[arg(long)]
    noheadings: bool,
    /// Which headings
    #[arg(
        long,
        value_name = "HEADINGS",
        conflicts_with = "noheadings",
        ignore_case = true
    )]
    headings: Option<HeadingArg>,
    /// A line for each field
    #[arg(long)]
    rows: bool,
    /// Each value as a shell variable
    #[arg(long)]
    nameprefixes: bool,
    /// Without the quotes of --nameprefixes
    #[arg(long)]
    unquoted: bool,
    /// Taken for dmsetup's sake, which shows all rows together, too
    #[arg(long, hide = true)]
    unbuffered: bool,
    /// How often to report; 0 for ever
    #[arg(long, value_name = "COUNT")]
    count: Option<u64>,
    /// Seconds between reports
    #[arg(long, value_name = "SECONDS", value_parser = clap::value_parser!(u64).range(1..))]
    interval: Option<u64>,
}

/// Which headings a report has.
#[derive(Clone, Copy, Debug)]
enum HeadingArg {
    None,
    Abbrev,
    Full,
}

impl ValueEnum for HeadingArg {
    fn value_variants<'a>() -> &'a [HeadingArg] {
        &[HeadingArg::None, HeadingArg::Abbrev, HeadingArg::Full]
    }

    fn to_possible_value(&self) -> Option<PossibleValue> {
        Some(match self {
            HeadingArg::None => PossibleValue::new("none").alias("0"),
            HeadingArg::Abbrev => PossibleValue::new("abbrev").alias("1"),
            HeadingArg::Full => PossibleValue::new("full").alias("2"),
        })
    }
}

/// Times to report, and the time in between.
#[derive(Clone, Copy, Debug)]
pub(super) struct Times {
    /// How often; none for ever.
    count: Option<u64>,
    /// How long in between.
    pub(super) interval: Duration,
}

impl ColumnArgs {
    /// The report that is wanted; none if help was, which has been given.
    pub(super) fn report(
        &self,
        usual: &str,
        groups: Groups,
        selection: Option<&str>,
    ) -> Result<Option<Report>, Failure> {
        let wanted = Wanted {
            fields: self.options.as_deref(),
            usual,
            groups,
            sort: self.sort.as_deref(),
            selection,
        };
        let report = Report::new(&wanted, self.layout())?;
        if report.is_none() {
            let of_selection =
                selection.is_some_and(|it| it == "?" || it.eq_ignore_ascii_case("help"));
            let text = match of_selection {
                true => selection_help(),
                false => help(Detail::About),
            };
            // As dmsetup: not what a script reads.
            text.lines().for_each(talk);
        }
        Ok(report)
    }

    fn layout(&self) -> Layout {
        let mut layout = Layout::default();
        if self.noheadings {
            layout.headings = Headings::None;
            layout.separator = ":".into();
        }
        layout.headings = match self.headings {
            None => layout.headings,
            Some(HeadingArg::None) => Headings::None,
            Some(HeadingArg::Abbrev) => Headings::Short,
            Some(HeadingArg::Full) => Headings::Names,
        };
        if let Some(separator) = &self.separator {
            layout.separator.clone_from(separator);
        }
        layout.aligned =
            !self.noheadings && !self.nameprefixes && !self.rows && self.separator.is_none();
        layout.named = self.nameprefixes;
        layout.quoted = !self.unquoted;
        layout.turned = self.rows;
        layout
    }

    /// How often to report.
    pub(super) fn times(&self) -> Times {
        let count = match (self.count, self.interval) {
            (None, None) => Some(1),
            (Some(0), _) | (None, Some(_)) => None,
            (count, _) => count,
        };
        Times {
            count,
            interval: Duration::from_secs(self.interval.unwrap_or(1)),
        }
    }

    /// Whether histograms are padded: where columns are.
    pub(super) fn is_padded(&self) -> bool {
        !self.noheadings
    }
}

impl Times {
    /// Reports so often. `fill` gets the time since the last report.
    pub(super) fn repeat(
        self,
        session: &Session,
        answer: &mut Answer,
        report: &mut Report,
        mut fill: impl FnMut(&mut Report, &mut String, Duration) -> Result<(), Failure>,
    ) -> Result<(), Failure> {
        let mut done = 0;
        let mut last = std::time::Instant::now();
        let mut since = self.interval;
        loop {
            let filled = fill(report, &mut answer.text, since);
            match session.format() {
                Format::Text => answer.text.push_str(&report.take()),
                Format::Json => answer.field("rows", report.take_json()),
            }
            done += 1;
            filled?;
            if self.count.is_some_and(|count| done >= count) {
                // Behind what was shown at once, nothing else is shown at the end.
                return match done {
                    1 => Ok(()),
                    _ => session.show(std::mem::take(answer)),
                };
            }
            answer.text.push('\n');
            session.show(std::mem::take(answer))?;
            // The time that the report itself took counts.
            std::thread::sleep(self.interval.saturating_sub(last.elapsed()));
            since = last.elapsed();
            last = std::time::Instant::now();
        }
    }
}

/// How counters are looked at.
#[derive(Clone, Debug)]
pub(super) struct Counting {
    /// What is a row.
    pub(super) walk: Walk,
    /// Whose regions; none for all.
    pub(super) program: Option<String>,
    /// How sizes are shown.
    pub(super) units: Units,
    /// How histograms are shown.
    pub(super) layout: HistogramLayout,
    /// Over how long rates are taken.
    pub(super) interval: Duration,
}

impl Default for Counting {
    fn default() -> Counting {
        Counting {
            walk: Walk::REGIONS,
            program: None,
            units: Units::SECTORS,
            layout: HistogramLayout {
                padded: true,
                suffix: true,
            },
            interval: Duration::from_secs(1),
        }
    }
}

/// What a report knows of all devices.
#[derive(Debug, Default)]
pub(super) struct Known {
    groups: Groups,
    stack: Option<Stack>,
}

impl Known {
    /// What this report needs to know.
    pub(super) fn of(session: &Session, report: &Report) -> Result<Known, Failure> {
        let groups = report.groups();
        let stack = match groups.contains(Groups::TREE) {
            true => Some(Stack::of(session.dm()?)?),
            false => None,
        };
        Ok(Known { groups, stack })
    }

    /// Adds a device's rows to a report: one, or one for each thing that is counted.
    pub(super) fn add(
        &self,
        session: &Session,
        report: &mut Report,
        info: &DeviceInfo,
        counting: &Counting,
    ) -> Result<Added, Failure> {
        let dm = session.dm()?;
        let has = |group| self.groups.contains(group);
        let deps = match has(Groups::DEPS) {
            true => stack::deps(dm, info.number)?.map(|(_, deps)| deps),
            false => None,
        };
        let deps = deps.unwrap_or_default();
        let name = LvmName::of(info);
        let mut object = Object {
            info: Some(info),
            read_ahead: match has(Groups::NAME) {
                true => session.read_ahead(info),
                false => None,
            },
            deps: &deps,
            stack: self.stack.as_ref(),
            name: Some(&name),
            area: None,
        };
        if !has(Groups::STATS) && !has(Groups::REGION) {
            return report.add(&object);
        }
        let set = Set::list(dm, info, counting.program.as_deref())?;
        let mut areas = set.walk(counting.walk, counting.units, counting.layout);
        if has(Groups::STATS) && !areas.is_empty() {
            let interval = u64::try_from(counting.interval.as_nanos()).unwrap_or(u64::MAX);
            set.count(dm, info, &mut areas, interval)?;
        }
        for area in &areas {
            object.area = Some(area);
            report.add(&object)?;
        }
        Ok(Added::Selected)
    }
}
