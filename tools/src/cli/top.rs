//! `dmctl top`: what devices do, counted by the driver's own `@stats_…`, so that it shows any driver's.

use std::fmt::Write as _;
use std::io::{self, IsTerminal};
use std::path::Path;
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::thread;
use std::time::{Duration, Instant};

use clap::Args;
use dm_core::devid::DevId;
use dm_core::error::ErrorKind;
use dm_core::typed::Text;
use dm_core::typed::stats::{Counters, Create, Direction, Message, Print};
use dm_core::units::{SECTOR_BYTES, Sector};
use serde_json::{Value, json};
use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::iterator::Signals;

use crate::backend::Driver;
use crate::failure::Failure;
use crate::output::escape::printable;
use crate::output::{Answer, Format, write_stdout};

use super::commands::Run;
use super::devices::Devices;
use super::session::Session;

/// Nanoseconds between which requests are counted apart: what a percentile is told in.
const BOUNDS: [u64; 12] = [
    10_000,
    30_000,
    100_000,
    300_000,
    1_000_000,
    3_000_000,
    10_000_000,
    30_000_000,
    100_000_000,
    300_000_000,
    1_000_000_000,
    3_000_000_000,
];

/// Whose regions they are, in the driver's list.
const PROGRAM: &str = "dmctl-top";

/// Devices whose requests are to be shown as they come.
#[derive(Debug, Args)]
pub(super) struct Top {
    #[command(flatten)]
    devices: Devices,
    /// Seconds between two tables
    #[arg(long, value_name = "SECONDS", default_value = "1")]
    interval: f64,
    /// Tables to be shown; else until an interrupt, and with --json one
    #[arg(long, value_name = "N")]
    count: Option<u64>,
}

/// What a device did in a time.
struct Row {
    name: String,
    counters: Counters,
    time: Duration,
}

/// A region that was made, in which all of a device's requests are counted.
struct Region {
    device: DevId,
    name: String,
    number: u32,
    /// When it was read last.
    since: Instant,
}

/// The regions that were made, which go when this does.
struct Watched<'a> {
    dm: &'a Driver,
    regions: Vec<Region>,
}

impl Run for Top {
    fn run(self, session: &Session, answer: &mut Answer) -> Result<(), Failure> {
        let interval = Duration::try_from_secs_f64(self.interval)
            .ok()
            .filter(|interval| *interval >= Duration::from_millis(10));
        let interval = interval
            .ok_or_else(|| Failure::usage("the interval is at least a hundredth of a second"))?;
        let count = match (self.count, session.format()) {
            (None, Format::Json) => Some(1),
            (count, _) => count,
        };
        let ended = signals()?;
        let mut watched = Watched {
            dm: session.dm()?,
            regions: Vec::new(),
        };
        let mut tables = Vec::new();
        let clear = io::stdout().is_terminal();
        for round in 0.. {
            // Devices come and go.
            watched.watch(session, self.devices.ids(session)?, self.devices.are_said())?;
            if count.is_some_and(|count| round == count) {
                break;
            }
            match ended.recv_timeout(interval) {
                Err(RecvTimeoutError::Timeout) => {}
                Ok(()) | Err(RecvTimeoutError::Disconnected) => break,
            }
            let rows = watched.read();
            match session.format() {
                Format::Json => {
                    tables.push(Value::from(rows.iter().map(Row::json).collect::<Vec<_>>()))
                }
                _ => {
                    let before = match (clear, round) {
                        (true, _) => "\x1b[H\x1b[J",
                        (false, 0) => "",
                        (false, _) => "\n",
                    };
                    write_stdout(&format!("{before}{}", table(&rows)))
                        .map_err(|error| Failure::io("write to", Path::new("stdout"), &error))?;
                }
            }
        }
        answer.field("tables", tables);
        Ok(())
    }
}

/// A word when the user wants an end.
fn signals() -> Result<Receiver<()>, Failure> {
    let failed = |error: io::Error| Failure::io("watch for signals in", Path::new("dmctl"), &error);
    let mut signals = Signals::new([SIGINT, SIGTERM]).map_err(failed)?;
    let (sender, receiver) = channel();
    let watch = move || {
        signals.forever().next();
        // Nobody listens any more when the tables were shown.
        let _ = sender.send(());
    };
    let spawned = thread::Builder::new().name("signals".into()).spawn(watch);
    spawned.map_err(failed)?;
    Ok(receiver)
}

impl Watched<'_> {
    /// Has requests of `devices` counted, if they are not yet; one that goes meanwhile is an error if
    /// the user said it.
    fn watch(
        &mut self,
        session: &Session,
        devices: Vec<(DevId, String)>,
        are_said: bool,
    ) -> Result<(), Failure> {
        for (id, name) in devices {
            if self.regions.iter().any(|region| region.device == id) {
                continue;
            }
            let mut create = Create::whole();
            create.precise = true;
            create.histogram = BOUNDS.into();
            create.program = Some(PROGRAM.into());
            let text = Message::Create(create).to_string();
            match self.dm.message(id.clone(), Sector::ZERO, text) {
                Ok(answer) => {
                    let number = answer.as_deref().map(str::trim);
                    if let Some(number) = number.and_then(|number| number.parse().ok()) {
                        self.regions.push(Region {
                            device: id,
                            name,
                            number,
                            since: Instant::now(),
                        });
                    }
                }
                // What no device can is said of the first.
                Err(error) if are_said || error.kind == ErrorKind::Unsupported => {
                    return Err(session.explain(error, &id));
                }
                Err(_) => {}
            }
        }
        Ok(())
    }

    /// What was counted since the last time. A device that is gone is left out from now on.
    fn read(&mut self) -> Vec<Row> {
        let mut rows = Vec::new();
        self.regions.retain_mut(|region| {
            let print = Print {
                region: region.number,
                areas: None,
            };
            let text = Message::PrintClear(print).to_string();
            let said = self.dm.message(region.device.clone(), Sector::ZERO, text);
            let Ok(Some(said)) = said else {
                return false;
            };
            let line = said.lines().next().unwrap_or_default();
            let Ok(counters) = Counters::parse(line) else {
                return false;
            };
            rows.push(Row {
                name: region.name.clone(),
                counters,
                time: region.since.elapsed(),
            });
            region.since = Instant::now();
            true
        });
        rows
    }
}

impl Drop for Watched<'_> {
    fn drop(&mut self) {
        for region in &self.regions {
            // A device that is gone has none.
            let text = Message::Delete(region.number).to_string();
            let _ = self.dm.message(region.device.clone(), Sector::ZERO, text);
        }
    }
}

impl Row {
    fn a_second(&self, count: u64) -> f64 {
        count as f64 / self.time.as_secs_f64()
    }

    fn megabytes(&self, way: Direction) -> f64 {
        self.a_second(way.sectors.saturating_mul(SECTOR_BYTES as u64)) / 1e6
    }

    /// The share of the time with requests under way, in percent.
    fn busy(&self) -> f64 {
        (self.counters.io_ticks as f64 / self.time.as_nanos() as f64 * 100.0).min(100.0)
    }

    /// The time within which 99 of 100 requests have their end, as far as it is told apart.
    fn most(&self) -> Option<u64> {
        let histogram = &self.counters.histogram;
        let all: u64 = histogram.iter().sum();
        let mut left = all - all / 100;
        for (count, bound) in histogram.iter().zip(BOUNDS) {
            if left <= *count {
                return (all > 0).then_some(bound);
            }
            left -= count;
        }
        None
    }

    fn json(&self) -> Value {
        let way = |way: Direction| {
            json!({
                "requests_per_second": self.a_second(way.count),
                "megabytes_per_second": self.megabytes(way),
                "mean_ns": average(way),
            })
        };
        json!({
            "name": self.name,
            "reads": way(self.counters.reads),
            "writes": way(self.counters.writes),
            "in_flight": self.counters.in_flight,
            "busy_percent": self.busy(),
            "p99_below_ns": self.most(),
        })
    }
}

/// Nanoseconds a request.
fn average(way: Direction) -> u64 {
    way.time.checked_div(way.count).unwrap_or(0)
}

/// A time in the unit that suits it.
fn time(nanoseconds: u64) -> String {
    match nanoseconds {
        0 => "-".into(),
        1..1_000_000 => format!("{:.1}us", nanoseconds as f64 / 1e3),
        1_000_000..1_000_000_000 => format!("{:.1}ms", nanoseconds as f64 / 1e6),
        _ => format!("{:.1}s", nanoseconds as f64 / 1e9),
    }
}

fn table(rows: &[Row]) -> String {
    let names = rows.iter().map(|row| printable(&row.name).chars().count());
    let width = names.max().unwrap_or(0).max(6);
    let mut text = format!(
        "{:<width$} {:>9} {:>8} {:>8} {:>9} {:>8} {:>8} {:>7} {:>6} {:>5}\n",
        "DEVICE", "READ/S", "MB/S", "MEAN", "WRITE/S", "MB/S", "MEAN", "P99<", "FLIGHT", "BUSY%"
    );
    for row in rows {
        let (reads, writes) = (row.counters.reads, row.counters.writes);
        let most = row.most().map_or_else(|| "-".into(), time);
        // Nothing that is written to a string fails.
        let _ = writeln!(
            text,
            "{:<width$} {:>9.0} {:>8.1} {:>8} {:>9.0} {:>8.1} {:>8} {most:>7} {:>6} {:>5.0}",
            printable(&row.name),
            row.a_second(reads.count),
            row.megabytes(reads),
            time(average(reads)),
            row.a_second(writes.count),
            row.megabytes(writes),
            time(average(writes)),
            row.counters.in_flight,
            row.busy(),
        );
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn row_tells_rates_means_and_the_slowest() {
        let histogram = "0:90:9:1:0:0:0:0:0:0:0:0:0";
        let line =
            format!("0+1000 100 0 800 2000000 50 0 400 500000000 3 500000000 9 9 9 {histogram}");
        let counters = Counters::parse(&line).unwrap();
        let row = Row {
            name: "vol\x1b0".into(),
            counters,
            time: Duration::from_secs(2),
        };
        assert_eq!(row.most(), Some(100_000));
        let shown = table(&[row]);
        let mut lines = shown.lines();
        lines.next();
        let words: Vec<&str> = lines.next().unwrap().split_whitespace().collect();
        assert_eq!(
            words[1..],
            [
                "50", "0.2", "20.0us", "25", "0.1", "10.0ms", "100.0us", "3", "25"
            ]
        );
        assert!(!words[0].contains('\x1b'));
    }
}
