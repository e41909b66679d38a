//! The terminal that stdout is, if it is one.

use std::io::{self, IsTerminal};

/// How many letters a line of the terminal has.
pub(crate) fn width() -> Option<usize> {
    let stdout = io::stdout();
    if !stdout.is_terminal() {
        return None;
    }
    let size = rustix::termios::tcgetwinsize(&stdout).ok()?;
    Some(size.ws_col.into()).filter(|width| *width > 0)
}

/// Whether colours are wanted: on a terminal, unless NO_COLOR or a dumb one says otherwise.
pub(crate) fn has_colours() -> bool {
    let set = |name| std::env::var_os(name).is_some_and(|value| !value.is_empty());
    let dumb = std::env::var_os("TERM").is_none_or(|term| term == "dumb");
    io::stdout().is_terminal() && !set("NO_COLOR") && !dumb
}
