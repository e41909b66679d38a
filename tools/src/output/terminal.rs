//! The terminals that stdout and stderr are, if they are.

use std::io::{self, IsTerminal};
use std::os::fd::AsFd;

/// How many letters a line of the terminal has.
pub(crate) fn width() -> Option<usize> {
    width_of(&io::stdout())
}

/// The same of a terminal that is not stdout.
pub(crate) fn width_of(stream: &(impl AsFd + IsTerminal)) -> Option<usize> {
    if !stream.is_terminal() {
        return None;
    }
    let size = rustix::termios::tcgetwinsize(stream).ok()?;
    Some(size.ws_col.into()).filter(|width| *width > 0)
}

/// Whether colours are wanted: on a terminal, unless NO_COLOR or a dumb one says otherwise.
pub(crate) fn has_colours() -> bool {
    let set = |name| std::env::var_os(name).is_some_and(|value| !value.is_empty());
    let dumb = std::env::var_os("TERM").is_none_or(|term| term == "dumb");
    io::stdout().is_terminal() && !set("NO_COLOR") && !dumb
}
