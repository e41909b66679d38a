//! How a command line is read: by the parsers of the verbs that it names.

use std::ffi::OsString;
use std::mem::ManuallyDrop;

use clap::error::ErrorKind;
use clap::{ArgMatches, Args, Command, FromArgMatches};

use crate::failure::Failure;
use crate::output::Answer;

use super::commands::{Alone, COMMANDS, Verb, verb_of};
use super::session::{Globals, Session};

/// What a command line says.
pub(super) struct Order {
    /// What is to be done.
    pub(super) verb: &'static Verb,
    /// The options of every verb.
    pub(super) globals: Globals,
    /// The verb's own arguments.
    pub(super) arguments: Arguments,
}

/// A verb's own arguments.
pub(super) enum Arguments {
    /// There are none.
    None(Alone),
    /// What the parser read. Nobody takes it apart once it is read: the process ends.
    Read(ManuallyDrop<ArgMatches>),
}

impl Order {
    fn read(verb: &'static Verb, globals: Globals, arguments: ArgMatches) -> Order {
        Order {
            verb,
            globals,
            arguments: Arguments::Read(ManuallyDrop::new(arguments)),
        }
    }

    /// What was typed: the verb, and with it the one beneath it, as `stats list`.
    pub(super) fn said(&self) -> &'static str {
        let below = match &self.arguments {
            Arguments::None(_) => None,
            Arguments::Read(matches) => matches.subcommand_name(),
        };
        match below {
            // An error has its command for as long as the process lives.
            Some(below) => String::leak(format!("{} {below}", self.verb.name)),
            None => self.verb.name,
        }
    }
}

impl Arguments {
    /// Does what the verb says of them.
    pub(super) fn obey(
        self,
        verb: &Verb,
        session: &Session,
        answer: &mut Answer,
    ) -> Result<(), Failure> {
        match self {
            Arguments::None(alone) => alone(session, answer),
            Arguments::Read(mut arguments) => (verb.run)(&mut arguments, session, answer),
        }
    }
}

/// The options of every verb.
pub(super) fn globals() -> Command {
    Globals::augment_args(Command::new("dmctl"))
}

/// What a whole command line says. `words` start with the program's name.
///
/// A parser takes longer than most short verbs, so that a verb alone gets none. Most of its time would
/// go into verbs that nobody typed, and into telling a verb's parser what the one above it read. So a
/// line that starts with a verb is first read by that verb's parser alone, and then by those whose
/// names are among the words; for whatever is no such line, with its help and suggestions, there are
/// all.
pub(super) fn read(words: &[OsString]) -> Result<Order, clap::Error> {
    if let Some(order) = verb_alone(words).or_else(|| read_alone(words)) {
        return Ok(order);
    }
    let is_typed = |verb: &&Verb| {
        let names = verb.aliases.iter().chain([&verb.name]);
        words
            .iter()
            .skip(1)
            .any(|word| names.clone().any(|name| word == name))
    };
    let typed = with(COMMANDS.iter().filter(is_typed)).disable_help_subcommand(true);
    let read = typed.try_get_matches_from(words);
    let mut matches = read.or_else(|_| parser().try_get_matches_from(words))?;
    let globals = Globals::from_arg_matches_mut(&mut matches)?;
    let (name, arguments) = matches.remove_subcommand().unzip();
    let verb = name.as_deref().and_then(verb_of);
    let Some((verb, arguments)) = verb.zip(arguments) else {
        return Err(parser().error(ErrorKind::MissingSubcommand, "no command is given"));
    };
    Ok(Order::read(verb, globals, arguments))
}

/// What a line says that is but a verb, and perhaps which driver.
fn verb_alone(words: &[OsString]) -> Option<Order> {
    let (driver, verb) = match words {
        [_, verb] => (None, verb),
        [_, option, driver, verb] if option == "--backend" => (Some(driver), verb),
        _ => return None,
    };
    let verb = verb_of(verb.to_str()?)?;
    Some(Order {
        verb,
        arguments: Arguments::None(verb.alone?),
        globals: Globals::unsaid(driver)?,
    })
}

/// What a line says whose first word but for options of every verb is a verb which has no verbs
/// beneath it, if it is right.
fn read_alone(words: &[OsString]) -> Option<Order> {
    let globals = globals();
    let at = verb_at(&globals, words)?;
    let verb = verb_of(words[at].to_str()?)?;
    let command = settings((verb.arguments)(globals));
    if command.has_subcommands() {
        return None;
    }
    // It is as large as what it reads, and the process ends soon.
    let mut command = ManuallyDrop::new(command);
    let words = words[..at].iter().chain(&words[at + 1..]);
    let mut arguments = command.try_get_matches_from_mut(words).ok()?;
    let globals = Globals::from_arg_matches_mut(&mut arguments).ok()?;
    Some(Order::read(verb, globals, arguments))
}

/// Where in a line the verb is, if all before it are options of every verb, written in full.
fn verb_at(globals: &Command, words: &[OsString]) -> Option<usize> {
    let mut at = 1;
    loop {
        let word = words.get(at)?.to_str()?;
        let Some(option) = word.strip_prefix('-') else {
            return Some(at);
        };
        let known = globals.get_arguments().find(|argument| {
            let long = argument.get_long();
            let is_long = long.is_some_and(|long| option.strip_prefix('-') == Some(long));
            is_long
                || argument
                    .get_short()
                    .is_some_and(|short| option.chars().eq([short]))
        });
        at += if known?.get_action().takes_values() {
            2
        } else {
            1
        };
    }
}

/// How every line is read.
fn settings(command: Command) -> Command {
    command.infer_long_args(true)
}

/// The parser of the whole command line.
pub(super) fn parser() -> Command {
    with(COMMANDS.iter())
}

/// The parser of command lines of these verbs. Each one's arguments are made when they are needed.
fn with(verbs: impl Iterator<Item = &'static Verb>) -> Command {
    let verbs = verbs.map(|verb| {
        let command = Command::new(verb.name).about(verb.about);
        command
            .aliases(verb.aliases.iter().copied())
            .defer(verb.arguments)
    });
    settings(globals())
        .about("The portable device mapper")
        .version(env!("CARGO_PKG_VERSION"))
        .after_help(
            "DEV is a device's name, or its path /dev/mapper/NAME, or for a kernel's device the path\n\
             of any node. A table line is START LENGTH TARGET PARAMS in sectors of 512 bytes.\n\n\
             Exit codes: 0 done, 1 refused, 2 usage, 3 permission, 4 not found, 5 busy or exists,\n\
             6 table invalid, 7 protocol mismatch, 130 interrupted.",
        )
        .subcommand_required(true)
        .arg_required_else_help(true)
        .max_term_width(100)
        .subcommands(verbs)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parser_has_no_conflicts() {
        // All of it, also what is made when it is needed.
        parser().build();
    }

    #[test]
    fn line_is_read_as_by_all_verbs() {
        for line in [
            "ls",
            "--backend socket:/x table",
            "--backend nosuch table",
            "-v create ls --table remove",
            "crate x",
            "create",
            "info --colums",
            "help ls",
            "--help",
            "",
            "reload a",
            "stats list -v",
            "ls -v --json --backend linux",
            "-v ls --json",
            "--backend linux --json -v ls",
            "--backend ls",
            "--backend linux",
            "--backend=linux ls --verbose",
            "--manglename hex info -c",
            "-vv ls",
            "--table ls ls",
            "-- ls",
            "ls --js --udevtimeout=7",
            "ls --backend nosuch",
            "info --version",
            "reload a -h",
        ] {
            let words: Vec<OsString> = ["dmctl"]
                .into_iter()
                .chain(line.split_whitespace())
                .map(OsString::from)
                .collect();
            let told = |read: Result<(&str, Globals), clap::Error>| match read {
                Ok((verb, globals)) => format!("{verb} {globals:?}"),
                Err(error) => error.to_string(),
            };
            let read = read(&words).map(|order| (order.verb.name, order.globals));
            let all = parser().try_get_matches_from(&words).map(|matches| {
                let verb = matches.subcommand_name().and_then(verb_of).unwrap();
                (verb.name, Globals::from_arg_matches(&matches).unwrap())
            });
            assert_eq!(told(read), told(all), "{line}");
        }
    }
}
