//! The command line: `dmctl VERB`.
//!
//! # Shape
//! `commands` lists the verbs; each has a file of its own. A verb gets a `Session`, through which it
//! reaches the driver, and fills an answer, of which stdout gets the text or, with `--json`, the
//! document `{"schema": 1, "command": VERB, ...}`. A failure goes to stderr as text, always, and
//! with `--json` into the document on stdout as `error` too, so that a program reads one place.

mod check;
mod clear;
mod commands;
mod completions;
mod create;
mod daemon;
mod deps;
mod devices;
mod explain;
mod export;
mod hint;
mod info;
mod label;
mod label_rule;
mod load;
mod ls;
mod message;
mod plist;
mod quickstart;
mod remove;
mod remove_all;
mod rename;
mod resume;
mod run;
mod session;
mod status;
mod suspend;
mod table;
mod table_text;
mod targets;
mod udevcomplete;
mod udevcomplete_all;
mod udevcookies;
mod udevcreatecookie;
mod udevflags;
mod udevreleasecookie;
mod version;
mod wait;

use std::process::ExitCode;

use clap::error::ErrorKind as ClapError;

use crate::failure::Failure;
use crate::output::{Answer, Format, talk, write_stdout};

use self::session::Session;

/// Runs `dmctl` on this process's arguments.
pub fn main() -> ExitCode {
    let matches = match commands::parser().try_get_matches() {
        Ok(matches) => matches,
        Err(error) => return refuse(&error),
    };
    let Some((verb, arguments)) = matches.subcommand().and_then(|(name, arguments)| {
        commands::COMMANDS
            .iter()
            .find(|verb| verb.name == name)
            .map(|verb| (verb, arguments))
    }) else {
        return ExitCode::from(2);
    };
    let session = match Session::new(&matches, verb.name) {
        Ok(session) => session,
        Err(error) => return refuse(&error),
    };
    let mut answer = Answer::default();
    match (verb.run)(arguments, &session, &mut answer) {
        Ok(()) => finish(&session, answer, None),
        Err(failure) => finish(&session, answer, Some(&failure.about(verb.name, None))),
    }
}

/// Says what is left to say, and how it ended.
fn finish(session: &Session, answer: Answer, failure: Option<&Failure>) -> ExitCode {
    let written = session.finish(answer, failure);
    for line in failure.iter().flat_map(|failure| failure.lines()) {
        talk(&line);
    }
    match (failure, written) {
        (Some(failure), _) => ExitCode::from(failure.code()),
        (None, Ok(())) => ExitCode::SUCCESS,
        (None, Err(error)) => {
            talk(&format!("dmctl: cannot write to stdout: {error}"));
            ExitCode::FAILURE
        }
    }
}

/// Ends on a command line that is no order, or that asks for help.
fn refuse(error: &clap::Error) -> ExitCode {
    // There is nowhere to say that this failed.
    let _ = error.print();
    if !error.use_stderr() {
        return ExitCode::SUCCESS;
    }
    let json = std::env::args_os()
        .skip(1)
        .take_while(|word| word != "--")
        .any(|word| word == "--json");
    if json && error.kind() != ClapError::DisplayHelpOnMissingArgumentOrSubcommand {
        let text = error.to_string();
        let first = text.lines().next().unwrap_or_default();
        let failure = Failure::usage(first.strip_prefix("error: ").unwrap_or(first));
        let _ = write_stdout(&Answer::default().render(Format::Json, "", Some(&failure)));
    }
    ExitCode::from(2)
}
