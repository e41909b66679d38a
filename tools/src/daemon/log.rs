//! The daemon's log: a line an event, on stderr.

use std::fs::{self, File, OpenOptions};
use std::os::unix::fs::OpenOptionsExt;

use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::prelude::*;

use crate::failure::Failure;
use crate::runtime::RuntimeDir;

/// The bytes from which on a log is put aside at the next start.
const LOG_MAX: u64 = 1 << 20;

/// The level to log, such as `debug`, or levels of modules, such as `warn,dm_core=trace`.
const FILTER: &str = "DM_LOG";

/// Opens the log of a daemon that is to be detached.
pub(super) fn open(dir: &RuntimeDir) -> Result<File, Failure> {
    let path = dir.log();
    if fs::metadata(&path).is_ok_and(|found| found.len() > LOG_MAX) {
        // A log that can not be put aside grows on.
        let _ = fs::rename(&path, path.with_extension("log.before"));
    }
    let mut options = OpenOptions::new();
    let options = options.append(true).create(true).mode(0o600);
    options
        .open(&path)
        .map_err(|error| Failure::io("open", &path, &error))
}

/// The last lines of the log, for a daemon that did not come up.
pub(super) fn tail(dir: &RuntimeDir, from: u64) -> Option<String> {
    let text = fs::read(dir.log()).ok()?;
    let new = text.get(usize::try_from(from).ok()?..)?;
    let new = String::from_utf8_lossy(new);
    new.lines()
        .rev()
        .find(|line| !line.trim().is_empty())
        .map(str::to_owned)
}

/// Logs to stderr from now on.
pub(super) fn init() {
    let asked = std::env::var(FILTER).unwrap_or_default();
    let filter = asked.parse::<Targets>().ok().filter(|_| !asked.is_empty());
    let is_wrong = filter.is_none() && !asked.is_empty();
    let filter = filter.unwrap_or_else(|| Targets::new().with_default(LevelFilter::INFO));
    let log = tracing_subscriber::fmt::layer()
        .with_writer(std::io::stderr)
        .with_ansi(false)
        .with_target(false);
    // In a test, which has several daemons in one process, the first one's log serves all.
    let _ = tracing_subscriber::registry()
        .with(filter)
        .with(log)
        .try_init();
    if is_wrong {
        tracing::warn!("{FILTER} names no levels: {asked}");
    }
}
