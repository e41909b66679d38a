//! A question at the terminal whose answer is not shown, and a terminal that shows what is typed
//! again however the question ends.

use std::fs::File;
use std::io::{self, Read, Write};
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};

use rustix::event::{PollFd, PollFlags, poll};
use rustix::termios::{self, LocalModes, OptionalActions, Termios};
use signal_hook::consts::{SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGTSTP};
use signal_hook::{flag, low_level};

use crate::failure::Failure;

use super::passphrase::{Passphrase, line};

/// What ends or stops a program: the terminal is put right before.
const SIGNALS: [i32; 5] = [SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGTSTP];

/// Asks `prompt` at the terminal, and again where the program was stopped meanwhile.
pub(super) fn hidden(prompt: &str) -> Result<Passphrase, Failure> {
    let path = Path::new("/dev/tty");
    let failed = |error: io::Error| Failure::io("ask", path, &error);
    let mut terminal = File::options()
        .read(true)
        .write(true)
        .open(path)
        .map_err(failed)?;
    let signals = Signals::watch().map_err(failed)?;
    loop {
        write!(terminal, "{prompt}: ").map_err(failed)?;
        let typed = {
            let _asking = signals.asking();
            let _hidden = Hidden::hide(&terminal).map_err(failed)?;
            line(&mut Interruptible(&terminal, signals), path)
        };
        let _ = writeln!(terminal);
        match i32::try_from(signals.caught.swap(0, Ordering::SeqCst)) {
            Ok(0) | Err(_) => return typed,
            // Ends the program, or comes back when it goes on.
            Ok(signal) => low_level::emulate_default_handler(signal).map_err(failed)?,
        }
    }
}

/// The signals of a program that may be asking: those that come meanwhile are noted; at all other
/// times they do what they always do.
struct Signals {
    caught: Arc<AtomicUsize>,
    usual: Arc<AtomicBool>,
    woken: UnixStream,
}

/// While this is, signals are noted.
struct Asking<'a>(&'a Signals);

impl Signals {
    /// The program's own.
    fn watch() -> io::Result<&'static Signals> {
        static SIGNALS: OnceLock<Signals> = OnceLock::new();
        if let Some(signals) = SIGNALS.get() {
            return Ok(signals);
        }
        let signals = Signals::new()?;
        Ok(SIGNALS.get_or_init(|| signals))
    }

    fn new() -> io::Result<Signals> {
        let (caught, usual) = (Arc::default(), Arc::new(AtomicBool::new(true)));
        let (woken, wake) = UnixStream::pair()?;
        for signal in SIGNALS {
            let number = usize::try_from(signal).unwrap_or_default();
            // In this order: who is woken finds which it was.
            flag::register_conditional_default(signal, Arc::clone(&usual))?;
            flag::register_usize(signal, Arc::clone(&caught), number)?;
            low_level::pipe::register(signal, wake.try_clone()?)?;
        }
        Ok(Signals {
            caught,
            usual,
            woken,
        })
    }

    fn asking(&self) -> Asking<'_> {
        self.usual.store(false, Ordering::SeqCst);
        Asking(self)
    }
}

impl Drop for Asking<'_> {
    fn drop(&mut self) {
        self.0.usual.store(true, Ordering::SeqCst);
    }
}

/// Reads the terminal until a signal comes.
struct Interruptible<'a>(&'a File, &'a Signals);

impl Read for Interruptible<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let Interruptible(terminal, signals) = self;
        loop {
            let mut fds = [terminal.as_fd(), signals.woken.as_fd()]
                .map(|fd| PollFd::from_borrowed_fd(fd, PollFlags::IN));
            match poll(&mut fds, None) {
                Ok(_) | Err(rustix::io::Errno::INTR) => {}
                Err(error) => return Err(error.into()),
            }
            if !fds[1].revents().is_empty() {
                let mut words = [0; 64];
                let _ = (&signals.woken).read(&mut words)?;
                if signals.caught.load(Ordering::SeqCst) != 0 {
                    return Err(io::Error::other("a signal came"));
                }
            }
            if !fds[0].revents().is_empty() {
                return (&mut &**terminal).read(buffer);
            }
        }
    }
}

/// A terminal that shows nothing of what is typed, until this is dropped.
struct Hidden<'a> {
    terminal: &'a File,
    before: Termios,
}

impl Hidden<'_> {
    fn hide(terminal: &File) -> io::Result<Hidden<'_>> {
        let before = termios::tcgetattr(terminal)?;
        let mut quiet = before.clone();
        quiet.local_modes.remove(LocalModes::ECHO);
        termios::tcsetattr(terminal, OptionalActions::Flush, &quiet)?;
        Ok(Hidden { terminal, before })
    }
}

impl Drop for Hidden<'_> {
    fn drop(&mut self) {
        let _ = termios::tcsetattr(self.terminal, OptionalActions::Now, &self.before);
    }
}
