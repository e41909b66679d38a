//! A process whose stdin and stdout are a machine's serial console; what it complains about on
//! stderr counts as said there, too.

use std::fs::File;
use std::io::{self, Read, Write};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Instant;

use super::console::Console;

/// What came from a machine.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Heard {
    /// A line of its console.
    Line(String),
    /// It ended.
    End,
    /// Nothing until the deadline.
    Timeout,
}

/// A running machine; dropping it switches it off.
pub struct Machine {
    process: Child,
    input: ChildStdin,
    lines: Receiver<String>,
    console: Arc<Mutex<Console>>,
    // One machine of a kernel at a time: the lock goes when the machine does.
    _turn: Option<File>,
}

impl Machine {
    /// Starts a process. `turn` is a lock that is held as long as it lives.
    ///
    /// # Errors
    /// If it can not be started.
    pub fn start(
        command: &mut Command,
        console: Console,
        turn: Option<File>,
    ) -> io::Result<Machine> {
        let (mut output, writer) = io::pipe()?;
        command
            .stdin(Stdio::piped())
            .stdout(writer.try_clone()?)
            .stderr(writer);
        let mut process = command.spawn()?;
        // The command holds the pipe's writing ends, and the output ends when all are closed.
        command.stdout(Stdio::null()).stderr(Stdio::null());
        let input = process
            .stdin
            .take()
            .expect("stdin is a pipe, as asked above");
        let console = Arc::new(Mutex::new(console));
        let (sender, lines) = mpsc::channel();
        let shared = Arc::clone(&console);
        thread::spawn(move || listen(&mut output, &shared, &sender));
        Ok(Machine {
            process,
            input,
            lines,
            console,
            _turn: turn,
        })
    }

    /// Writes a line to the machine's console.
    ///
    /// # Errors
    /// If the machine is gone.
    pub fn send(&mut self, line: &str) -> io::Result<()> {
        self.input.write_all(format!("{line}\n").as_bytes())?;
        self.input.flush()
    }

    /// The next line.
    pub fn hear(&mut self, deadline: Instant) -> Heard {
        let left = deadline.saturating_duration_since(Instant::now());
        match self.lines.recv_timeout(left) {
            Ok(line) => Heard::Line(line),
            Err(RecvTimeoutError::Timeout) => Heard::Timeout,
            Err(RecvTimeoutError::Disconnected) => Heard::End,
        }
    }

    /// Listens until the machine ends, at most until the deadline.
    pub fn hear_out(&mut self, deadline: Instant) {
        while matches!(self.hear(deadline), Heard::Line(_)) {}
    }

    /// The console's last lines.
    pub fn tail(&self) -> Vec<String> {
        lock(&self.console).tail()
    }

    /// Shows a line among the console's.
    pub fn say(&self, line: &str) {
        lock(&self.console).say(line);
    }
}

impl Drop for Machine {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn listen(output: &mut impl Read, console: &Mutex<Console>, lines: &Sender<String>) {
    let mut buffer = [0; 4096];
    loop {
        match output.read(&mut buffer) {
            Ok(0) => return,
            Ok(count) => {
                for line in lock(console).feed(&buffer[..count]) {
                    // Nobody listens any more: the machine is being dropped.
                    if lines.send(line).is_err() {
                        return;
                    }
                }
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(_) => return,
        }
    }
}

/// A console is good after a panic, too.
fn lock(console: &Mutex<Console>) -> MutexGuard<'_, Console> {
    console.lock().unwrap_or_else(PoisonError::into_inner)
}
