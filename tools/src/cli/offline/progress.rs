//! A bar on a terminal.

use std::io::{self, IsTerminal, Write};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use crate::output::{Format, terminal};

/// How often the bar is drawn.
const EVERY: Duration = Duration::from_millis(100);

/// How wide the bar is where there is room, and where it is worth drawing.
const WIDTH: usize = 40;
const LEAST: usize = 8;

/// How far something long is. It shows only on a terminal, and not beside a JSON document.
pub(in crate::cli) struct Progress {
    what: &'static str,
    total: u64,
    done: AtomicU64,
    drawn: Option<Mutex<Drawn>>,
}

struct Drawn {
    started: Instant,
    last: Option<Instant>,
}

impl Progress {
    /// Something of `total` bytes.
    pub(in crate::cli) fn new(what: &'static str, total: u64, format: Format) -> Progress {
        let shows = format == Format::Text && io::stderr().is_terminal();
        Progress {
            what,
            total,
            done: AtomicU64::new(0),
            drawn: shows.then(|| {
                Mutex::new(Drawn {
                    started: Instant::now(),
                    last: None,
                })
            }),
        }
    }

    /// So many bytes more are done.
    pub(in crate::cli) fn add(&self, bytes: u64) {
        let done = self.done.fetch_add(bytes, Ordering::Relaxed) + bytes;
        // Who finds it locked leaves the drawing to the other.
        let Some(Ok(mut drawn)) = self.drawn.as_ref().map(Mutex::try_lock) else {
            return;
        };
        if drawn.last.is_none_or(|last| last.elapsed() >= EVERY) {
            drawn.last = Some(Instant::now());
            let columns = terminal::width_of(&io::stderr());
            draw(&self.line(done, drawn.started.elapsed(), columns));
        }
    }

    /// A line that the next one can be written over: it never goes on on the next row.
    fn line(&self, done: u64, elapsed: Duration, columns: Option<usize>) -> String {
        let share = done as f64 / self.total.max(1) as f64;
        let speed = done as f64 / elapsed.as_secs_f64().max(0.001) / f64::from(1 << 20);
        let what = self.what;
        let percent = format!("{:3.0}%", share * 100.0);
        let speed = format!("{speed:.0} MiB/s");
        let words = what.len() + percent.len() + speed.len() + "  [] ".len();
        // In the last column a terminal may go on already.
        let room = columns.map_or(WIDTH, |columns| columns.saturating_sub(words + 1));
        let width = room.min(WIDTH);
        if width < LEAST {
            return percent;
        }
        let filled = (0..width)
            .take_while(|at| (*at as f64) < share * width as f64)
            .count();
        let (full, empty) = ("#".repeat(filled), " ".repeat(width - filled));
        format!("{what} [{full}{empty}] {percent} {speed}")
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if self.drawn.is_some() {
            draw("");
        }
    }
}

/// Writes over the line. There is nowhere to say that this failed.
fn draw(line: &str) {
    let _ = write!(io::stderr().lock(), "\r\x1b[K{line}");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn line_says_how_far_it_is() {
        let progress = Progress::new("hash", 4 << 20, Format::Json);
        let line = |columns| progress.line(2 << 20, Duration::from_secs(1), columns);
        let (full, empty) = ("#".repeat(20), " ".repeat(20));
        let whole = format!("hash [{full}{empty}]  50% 2 MiB/s");
        assert_eq!(line(None), whole);
        assert_eq!(line(Some(80)), whole);
        assert_eq!(line(Some(30)), "hash [#####    ]  50% 2 MiB/s");
        assert_eq!(line(Some(20)), " 50%");
        for columns in 5..80 {
            assert!(line(Some(columns)).len() < columns, "{columns}");
        }
    }
}
