//! A bar on a terminal.

use std::io::{self, IsTerminal, Write};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use crate::output::Format;

/// How often the bar is drawn.
const EVERY: Duration = Duration::from_millis(100);

const WIDTH: usize = 40;

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
            draw(&self.line(done, drawn.started.elapsed()));
        }
    }

    fn line(&self, done: u64, elapsed: Duration) -> String {
        let share = done as f64 / self.total.max(1) as f64;
        let filled = (0..WIDTH)
            .take_while(|at| (*at as f64) < share * WIDTH as f64)
            .count();
        let speed = done as f64 / elapsed.as_secs_f64().max(0.001) / f64::from(1 << 20);
        format!(
            "{} [{}{}] {:3.0}% {speed:.0} MiB/s",
            self.what,
            "#".repeat(filled),
            " ".repeat(WIDTH - filled),
            share * 100.0,
        )
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
        let line = progress.line(2 << 20, Duration::from_secs(1));
        let (full, empty) = ("#".repeat(20), " ".repeat(20));
        assert_eq!(line, format!("hash [{full}{empty}]  50% 2 MiB/s"));
    }
}
