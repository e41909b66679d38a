//! Compares our NBD export with nbdkit and qemu-storage-daemon: `bench [--job NAME] [--quick]`.
//!
//! Each job runs on every server in turn, several times over, on one file in the page cache and
//! with one client that drives all alike. A row shows the medians, and the ratio of ours to the
//! faster of the others as the median of the rounds with the least and the most.
#![forbid(unsafe_code)]
#![allow(clippy::cast_possible_truncation)] // block numbers of a file of some hundred MiB

mod jobs;
mod load;
mod opens;
mod pattern;
mod server;
mod trees;
mod vault;

use std::io;
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use dm_core::engine::Engine;
use dm_tests::script::create;
use dm_tools::export::nbd::{Server, Service};

use self::jobs::{Bench, Client, JOBS, Job, Sample};
use self::server::Disk;

/// What was asked on the command line.
struct Options {
    jobs: Vec<String>,
    rounds: usize,
    time: Duration,
    folder: PathBuf,
    megabytes: u64,
}

const USAGE: &str = "usage: bench [--job NAME]… [--rounds N] [--ms MILLISECONDS] [--mib SIZE] \
                     [--folder PATH] [--quick] [--list]";

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let done = match words.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["serve", socket, levels, table] => serve(Path::new(socket), levels, table),
        ["--list"] => {
            for job in JOBS {
                println!("{:<12} {}", job.name, job.about);
            }
            Ok(())
        }
        _ => match parse(&words) {
            Some(options) => compare(&options),
            None => {
                eprintln!("{USAGE}");
                return ExitCode::from(2);
            }
        },
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("bench: {error}");
            ExitCode::FAILURE
        }
    }
}

fn parse(words: &[String]) -> Option<Options> {
    let mut options = Options {
        jobs: Vec::new(),
        rounds: 5,
        time: Duration::from_secs(1),
        folder: std::env::temp_dir(),
        megabytes: 512,
    };
    let mut words = words.iter();
    while let Some(word) = words.next() {
        match word.as_str() {
            "--job" => options.jobs.push(words.next()?.clone()),
            "--rounds" => options.rounds = words.next()?.parse().ok()?,
            "--ms" => options.time = Duration::from_millis(words.next()?.parse().ok()?),
            "--mib" => options.megabytes = words.next()?.parse().ok()?,
            "--folder" => options.folder = words.next()?.into(),
            "--quick" => (options.rounds, options.time) = (3, Duration::from_millis(300)),
            _ => return None,
        }
    }
    let known = |name: &String| JOBS.iter().any(|job| job.name == name);
    (options.jobs.iter().all(known) && options.rounds > 0).then_some(options)
}

/// The server that is compared: a stack of `levels` devices, the lowest with `table`.
fn serve(socket: &Path, levels: &str, table: &str) -> io::Result<()> {
    let levels: usize = levels.parse().map_err(io::Error::other)?;
    let engine = Engine::new();
    let length = table.split(' ').nth(1).unwrap_or("0");
    for level in 1..=levels {
        let name = match level == levels {
            true => "disk".into(),
            false => format!("level{level}"),
        };
        let table = match level {
            1 => table.to_owned(),
            _ => format!("0 {length} linear /dev/mapper/level{} 0", level - 1),
        };
        create(&engine, &name, &table).map_err(io::Error::other)?;
    }
    // As `dmctl run` does.
    let service = Service::new(engine).steady();
    let _server = Server::start(service, UnixListener::bind(socket)?)?;
    loop {
        std::thread::park();
    }
}

fn compare(options: &Options) -> io::Result<()> {
    let folder = options
        .folder
        .join(format!("dm-bench-{}", std::process::id()));
    std::fs::create_dir(&folder)?;
    let disk = Disk {
        folder: folder.clone(),
        offset: 1 << 20,
        size: options.megabytes << 20,
        vault: None,
    };
    let done = Bench::prepare(disk, options.time).and_then(|mut bench| {
        let wanted = |job: &&Job| {
            options.jobs.is_empty() || options.jobs.iter().any(|name| name == job.name)
        };
        println!("| job | server | requests/s | CPU, us a request | peak MiB | ours to theirs: rate | CPU |");
        println!("|---|---|---|---|---|---|---|");
        for job in JOBS.iter().filter(wanted) {
            row(&mut bench, job, options.rounds)?;
        }
        Ok(())
    });
    std::fs::remove_dir_all(&folder)?;
    done
}

/// Runs a job in alternation and prints a line a server.
fn row(bench: &mut Bench, job: &Job, rounds: usize) -> io::Result<()> {
    let mut names: Vec<String> = job.servers.iter().map(|kind| kind.name()).collect();
    let mut samples: Vec<Vec<Sample>> = Vec::new();
    for _ in 0..rounds {
        samples.push(match job.client {
            Client::InProcess => bench.in_process()?.into(),
            Client::Opening(cost) => opens::run(&bench.disk.folder, cost)?.into(),
            Client::Proving(work) => trees::run(&bench.disk.folder, bench.disk.size, work)?.into(),
            _ => job
                .servers
                .iter()
                .map(|kind| bench.run(job, *kind))
                .collect::<io::Result<_>>()?,
        });
    }
    match job.client {
        Client::InProcess => names = ["engine", "pread"].map(String::from).into(),
        Client::Opening(_) => names = opens::NAMES.map(String::from).into(),
        Client::Proving(_) => names = trees::NAMES.map(String::from).into(),
        _ => {}
    }
    let column = |at: usize, of: fn(&Sample) -> f64| {
        median(samples.iter().map(|round| of(&round[at])).collect())
    };
    let rate: fn(&Sample) -> f64 = |sample| sample.rate;
    let others = 1..names.len();
    let best = others
        .max_by(|a, b| column(*a, rate).total_cmp(&column(*b, rate)))
        .unwrap_or(0);
    let ratio = |of: fn(&Sample) -> f64| {
        let mut all: Vec<f64> = samples
            .iter()
            .map(|round| of(&round[0]) / of(&round[best]))
            .collect();
        all.sort_by(f64::total_cmp);
        format!(
            "**{:.2}** ({:.2} to {:.2})",
            median(all.clone()),
            all[0],
            all[all.len() - 1]
        )
    };
    for (at, name) in names.iter().enumerate() {
        let about = if at == 0 { job.about } else { "" };
        let (rates, cpus) = match at {
            0 => (ratio(rate), ratio(|sample| sample.cpu)),
            _ => Default::default(),
        };
        println!(
            "| {about} | {name} | {} | {:.2} | {:.0} | {rates} | {cpus} |",
            few(column(at, rate)),
            column(at, |sample| sample.cpu),
            column(at, |sample| sample.peak as f64) / f64::from(1 << 20),
        );
    }
    Ok(())
}

/// A number with three digits at least, where there are few.
fn few(number: f64) -> String {
    match number < 100.0 {
        true => format!("{number:.2}"),
        false => format!("{number:.0}"),
    }
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}
