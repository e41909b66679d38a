//! The command line: `dmctl VERB`, or what `dmsetup` takes if this program is called so.
//!
//! # Shape
//! `commands` lists the verbs; each has a file of its own. A verb gets a `Session`, through which it
//! reaches the driver, and fills an answer, of which stdout gets the text or, with `--json`, the
//! document `{"schema": 1, "command": VERB, ...}`. A failure goes to stderr as text, always, and
//! with `--json` into the document on stdout as `error` too, so that a program reads one place.

mod apply;
mod attach;
#[cfg(test)]
mod backends;
mod check;
mod clear;
mod columns;
mod command_line;
mod commands;
mod completions;
mod concise;
mod create;
mod daemon;
mod deps;
mod description;
mod detach;
mod devices;
mod dmsetup;
mod doctor;
mod explain;
mod export;
mod graph;
mod hint;
mod info;
mod integrity;
mod label;
mod label_rule;
mod load;
mod ls;
mod luks;
mod man;
mod mangle;
mod measure;
mod message;
mod mknodes;
mod node_args;
mod offline;
mod plist;
mod quickstart;
mod remove;
mod remove_all;
mod rename;
mod resume;
mod run;
mod save;
mod session;
mod setgeometry;
mod splitname;
mod stats;
mod status;
mod suspend;
mod table;
mod table_text;
mod target_version;
mod targets;
mod tls_args;
mod top;
mod tree;
mod udevcomplete;
mod udevcomplete_all;
mod udevcookies;
mod udevcreatecookie;
mod udevflags;
mod udevreleasecookie;
mod verity;
mod version;
mod wait;
mod watch;
mod wipe_table;

use std::ffi::OsString;
use std::process::ExitCode;

use clap::error::ErrorKind as ClapError;

use crate::dumps;
use crate::failure::Failure;
use crate::output::{Answer, Format, talk, write_stdout};
use crate::report::{Detail, help};

use self::commands::Verb;
use self::dmsetup::{Complaint, Order, Personality};
use self::session::Session;

/// Runs this program on this process's arguments: as dmctl, or as the one whose name it has.
pub fn main() -> ExitCode {
    // Whatever the verb, a table may have a key in it.
    dumps::forbid();
    let mut arguments = std::env::args_os();
    let program = arguments.next().unwrap_or_default();
    let personality = Personality::of(&program.to_string_lossy());
    if let Some(dev) = std::env::var_os("DM_DEV_DIR").filter(|dev| !dev.is_empty())
        && let Err(error) = dm_linux::devdir::set(dev)
    {
        return wrong(personality, &Failure::usage(format!("DM_DEV_DIR: {error}")));
    }
    if personality == Personality::Own {
        let words: Vec<OsString> = [program].into_iter().chain(arguments).collect();
        return match command_line::read(&words) {
            Ok(order) => obey(personality, order),
            Err(error) => refuse(&error),
        };
    }
    table_text::read_as_dmsetup();
    let words: Result<Vec<String>, _> = arguments.map(|word| word.into_string()).collect();
    let order = match words {
        Ok(words) => personality.translate(words),
        Err(word) => Order::Wrong(format!("{word:?} is not UTF-8").into()),
    };
    match order {
        Order::Words(words) => {
            let backend = ["--backend", NATIVE].map(str::to_owned);
            // Only the native driver, unless the user says otherwise.
            let chosen = std::env::var_os("DM_BACKEND").is_some();
            let chosen = chosen || words.iter().any(|word| word.starts_with("--backend="));
            let backend = backend.into_iter().filter(|_| !chosen);
            let words = [personality.name().to_owned()]
                .into_iter()
                .chain(backend)
                .chain(words);
            let words: Vec<OsString> = words.map(OsString::from).collect();
            match command_line::read(&words) {
                Ok(order) => obey(personality, order),
                Err(error) => wrong(personality, &said(&error)),
            }
        }
        Order::Help { fields } => {
            usage(personality);
            if fields {
                help(Detail::About).lines().for_each(talk);
            }
            ExitCode::SUCCESS
        }
        Order::Wrong(Complaint { reason, hint }) => {
            let failure = Failure::usage(reason);
            wrong(personality, &hint.into_iter().fold(failure, Failure::hint))
        }
    }
}

/// The kernel's driver of this system.
const NATIVE: &str = if cfg!(target_os = "netbsd") {
    "netbsd"
} else {
    "linux"
};

fn obey(personality: Personality, order: command_line::Order) -> ExitCode {
    let (verb, said) = (order.verb, order.said());
    let session = Session::new(order.globals, verb.name, said);
    let mut answer = Answer::default();
    match order.arguments.obey(verb, &session, &mut answer) {
        Ok(()) => finish(personality, &session, answer, None),
        Err(failure) => {
            let failure = session.with_alternative(failure.about(said, None));
            finish(personality, &session, answer, Some(&failure))
        }
    }
}

/// Says what is left to say, and how it ended.
fn finish(
    personality: Personality,
    session: &Session,
    answer: Answer,
    failure: Option<&Failure>,
) -> ExitCode {
    let program = personality.name();
    let written = session.finish(answer, failure);
    for line in failure.iter().flat_map(|failure| failure.lines(program)) {
        talk(&line);
    }
    match (failure, written) {
        (Some(failure), _) if personality != Personality::Own => {
            if failure.misses_device() {
                // dmsetup's own words, which scripts look for.
                talk("Device does not exist.");
            }
            talk("Command failed.");
            ExitCode::FAILURE
        }
        (Some(failure), _) => ExitCode::from(failure.code()),
        (None, Ok(())) => ExitCode::SUCCESS,
        (None, Err(error)) => {
            talk(&format!("{program}: cannot write to stdout: {error}"));
            ExitCode::FAILURE
        }
    }
}

/// Ends on a command line that another program would not take either.
fn wrong(personality: Personality, failure: &Failure) -> ExitCode {
    let program = personality.name();
    failure.lines(program).iter().for_each(|line| talk(line));
    if personality == Personality::Own {
        return ExitCode::from(2);
    }
    if failure.is_without_hints() {
        talk(&format!("hint: {program} --help"));
    }
    talk("Command failed.");
    ExitCode::FAILURE
}

/// The commands that another program has, as far as this one knows them.
fn usage(personality: Personality) {
    let program = personality.name();
    talk(&format!("Usage: {program} [OPTIONS] COMMAND [ARGUMENTS]"));
    talk("");
    let stats = || commands::verb_of("stats").map(Verb::parser);
    let all = match personality {
        Personality::Dmstats => stats(),
        _ => None,
    };
    let all = all.unwrap_or_else(command_line::parser);
    for verb in all.get_subcommands() {
        let about = verb
            .get_about()
            .map(ToString::to_string)
            .unwrap_or_default();
        talk(&format!("  {:<18} {about}", verb.get_name()));
    }
    talk("");
    talk(
        "COMMAND --help of dmctl has each command's options; help -c lists the fields of reports.",
    );
}

/// What clap says is wrong, in a line, and what may help.
fn said(error: &clap::Error) -> Failure {
    let text = error.to_string();
    // Words that are missing, or that do not go together, have a line each.
    let mut lines = text.lines().take_while(|line| !line.trim().is_empty());
    let first = lines.next().unwrap_or_default();
    let words: Vec<&str> = lines.map(str::trim).collect();
    let first = first.strip_prefix("error: ").unwrap_or(first);
    let reason = format!("{first} {}", words.join(", "));
    let tips = text.lines().map(str::trim);
    let tips = tips.filter_map(|line| line.strip_prefix("tip: "));
    tips.fold(Failure::usage(reason.trim_end()), Failure::hint)
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
        let failure = said(error);
        let _ = write_stdout(&Answer::default().render(Format::Json, "", Some(&failure)));
    }
    ExitCode::from(2)
}
