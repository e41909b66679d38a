//! `dmctl man`: the manual pages, of the list of verbs.

use std::fmt::Write;
use std::fs;
use std::path::PathBuf;

use clap::{Arg, Args, Command};

use crate::failure::Failure;
use crate::nearest::nearest;
use crate::output::{Answer, talk};

use super::command_line::parser;
use super::commands::{COMMANDS, Run};
use super::session::Session;

/// A manual page is to be printed, or all are to be written.
#[derive(Debug, Args)]
pub(super) struct Man {
    /// The verb; without one, the page of the whole program
    verb: Option<String>,
    /// Write all pages into this folder
    #[arg(long, value_name = "FOLDER", conflicts_with = "verb")]
    all: Option<PathBuf>,
}

impl Run for Man {
    fn run(self, session: &Session, answer: &mut Answer) -> Result<(), Failure> {
        let pages = pages();
        if let Some(folder) = &self.all {
            let mut written = Vec::new();
            for (name, text) in &pages {
                let path = folder.join(format!("{name}.8"));
                if session.is_dry() {
                    talk(&format!("would write {}", path.display()));
                    continue;
                }
                fs::write(&path, text).map_err(|error| Failure::io("write", &path, &error))?;
                written.push(path.display().to_string());
            }
            answer.field("written", written);
            return Ok(());
        }
        let name = match &self.verb {
            None => "dmctl".to_owned(),
            Some(verb) => format!("dmctl-{verb}"),
        };
        let Some((_, text)) = pages.into_iter().find(|page| page.0 == name) else {
            let verb = self.verb.unwrap_or_default();
            let near = nearest(&verb, COMMANDS.iter().map(|known| known.name));
            let failure = Failure::usage(format!("there is no verb {verb:?}"));
            return Err(match near {
                Some(near) => failure.hint(format!("there is {near}")),
                None => failure,
            });
        };
        answer.text = text;
        answer.field("page", answer.text.clone());
        Ok(())
    }
}

/// All pages, by their names.
fn pages() -> Vec<(String, String)> {
    let mut parser = parser();
    parser.build();
    let verbs: Vec<Command> = parser
        .get_subcommands()
        .filter(|verb| verb.get_name() != "help")
        .cloned()
        .collect();
    let mut pages = vec![("dmctl".to_owned(), whole(&parser, &verbs))];
    for verb in &verbs {
        pages.push((format!("dmctl-{}", verb.get_name()), page(verb)));
    }
    pages
}

/// A line of text: what begins as a request or an escape does not.
fn plain(text: &str) -> String {
    let text = text.replace('\\', "\\e").replace('-', "\\-");
    let text = text.lines().map(str::trim).collect::<Vec<_>>().join(" ");
    match text.starts_with(['.', '\'']) {
        true => format!("\\&{text}"),
        false => text,
    }
}

/// The same as running text: each sentence has a line of its own.
fn prose(text: &str) -> String {
    plain(text).replace(". ", ".\n")
}

/// The word of a macro's line, which a macro's name or punctuation would not be.
fn word(text: &str) -> String {
    match text
        .chars()
        .all(|letter| letter.is_ascii_lowercase() || letter == '-' || letter == '_')
        && text.len() > 2
    {
        true => plain(text),
        false => format!("\\&{}", plain(text)),
    }
}

fn head(title: &str, name: &str, about: &str) -> String {
    // It goes on behind the name; what is a name itself stays as it is.
    let mut letters = about.chars();
    let first = letters.next().map(|letter| letter.to_lowercase());
    let about: String = first.into_iter().flatten().chain(letters).collect();
    format!(
        ".Dd November 22, 2026\n.Dt {} 8\n.Os\n.Sh NAME\n.Nm {name}\n.Nd {}\n",
        title.to_uppercase(),
        plain(&about)
    )
}

fn about(command: &Command) -> String {
    let about = command.get_about().map(ToString::to_string);
    about.unwrap_or_default()
}

/// An option or argument as a synopsis has it.
fn said(argument: &Arg) -> String {
    let names = argument.get_value_names().unwrap_or_default();
    let takes = argument
        .get_num_args()
        .is_some_and(|range| range.takes_values());
    let values: Vec<String> = names.iter().map(|name| word(name)).collect();
    let mut text = String::new();
    if let Some(short) = argument.get_short() {
        // Writing to a String does not fail.
        let _ = write!(text, "Fl {short}");
    }
    if let Some(long) = argument.get_long() {
        let between = if text.is_empty() { "" } else { " , " };
        let _ = write!(text, "{between}Fl \\-{}", plain(long));
    }
    if takes {
        let between = if text.is_empty() { "" } else { " " };
        let values = match values.is_empty() {
            true => word(&argument.get_id().as_str().to_uppercase()),
            false => values.join(" "),
        };
        let _ = write!(text, "{between}Ar {values}");
    }
    text
}

fn arguments(command: &Command) -> Vec<&Arg> {
    let shown = |argument: &&Arg| !argument.is_hide_set() && argument.get_id() != "help";
    command.get_arguments().filter(shown).collect()
}

fn list(text: &mut String, arguments: &[&Arg]) {
    if arguments.is_empty() {
        return;
    }
    text.push_str(".Bl -tag -width Ds\n");
    for argument in arguments {
        let help = argument
            .get_help()
            .map(ToString::to_string)
            .unwrap_or_default();
        let _ = write!(text, ".It {}\n{}.\n", said(argument), prose(&help));
        let values = argument.get_possible_values();
        let values: Vec<&str> = values
            .iter()
            .filter(|value| !value.is_hide_set())
            .map(|value| value.get_name())
            .collect();
        let takes = argument
            .get_num_args()
            .is_some_and(|range| range.takes_values());
        if takes && !values.is_empty() {
            let _ = writeln!(text, "One of {}.", plain(&values.join(", ")));
        }
        let usual = argument.get_default_values().first();
        let usual = usual.and_then(|value| value.to_str());
        if let Some(usual) = usual
            .filter(|usual| takes && !argument.is_hide_default_value_set() && !usual.is_empty())
        {
            let _ = writeln!(text, "The default is {}.", plain(usual));
        }
    }
    text.push_str(".El\n");
}

fn synopsis(text: &mut String, name: &str, command: &Command) {
    let _ = writeln!(text, ".Nm dmctl {}", word(name));
    for argument in arguments(command) {
        if argument.is_global_set() {
            continue;
        }
        let said = said(argument);
        let dots = match argument.get_num_args() {
            Some(range) if range.max_values() > 1 => " ...",
            _ => "",
        };
        match argument.is_required_set() {
            true => {
                let _ = writeln!(text, ".{said}{dots}");
            }
            false => {
                let _ = writeln!(text, ".Op {said}{dots}");
            }
        }
    }
}

const EXIT: &str = ".Sh EXIT STATUS\n0 done, 1 refused, 2 usage, 3 permission, 4 not found, 5 busy or \
                    exists, 6 table invalid, 7 protocol mismatch, 130 interrupted.\n";

/// The page of a verb.
fn page(verb: &Command) -> String {
    let name = verb.get_name();
    let title = format!("dmctl-{name}");
    let mut text = head(&title, &title, &about(verb));
    text.push_str(".Sh SYNOPSIS\n");
    let below: Vec<&Command> = verb
        .get_subcommands()
        .filter(|below| below.get_name() != "help")
        .collect();
    let own: Vec<&Arg> = arguments(verb)
        .into_iter()
        .filter(|it| !it.is_global_set())
        .collect();
    if below.is_empty() {
        synopsis(&mut text, name, verb);
    }
    for command in &below {
        synopsis(
            &mut text,
            &format!("{name} {}", command.get_name()),
            command,
        );
    }
    let _ = write!(text, ".Sh DESCRIPTION\n{}.\n", plain(&about(verb)));
    list(&mut text, &own);
    for command in &below {
        let _ = write!(
            text,
            ".Ss {}\n{}.\n",
            command.get_name(),
            plain(&about(command))
        );
        let own = arguments(command);
        let own: Vec<&Arg> = own.into_iter().filter(|it| !it.is_global_set()).collect();
        list(&mut text, &own);
    }
    text.push_str(".Pp\nThe options of every verb are in\n.Xr dmctl 8 .\n");
    let aliases: Vec<&str> = verb.get_all_aliases().collect();
    if !aliases.is_empty() {
        let _ = writeln!(text, ".Pp\nAlso called {}.", plain(&aliases.join(", ")));
    }
    if let Some(more) = verb.get_after_long_help() {
        list_behind(&mut text, &more.to_string());
    }
    text.push_str(EXIT);
    text.push_str(".Sh SEE ALSO\n.Xr dmctl 8\n");
    text
}

/// What stands behind a verb's options in its help: a heading, and lines that stay as they are.
fn list_behind(text: &mut String, more: &str) {
    let mut lines = more.lines();
    let heading = lines.next().unwrap_or_default().trim_end_matches(':');
    let _ = write!(text, ".Sh {}\n.Bd -literal\n", heading.to_uppercase());
    for line in lines {
        let _ = writeln!(text, "{}", plain(line));
    }
    text.push_str(".Ed\n");
}

/// The page of the whole program.
fn whole(parser: &Command, verbs: &[Command]) -> String {
    let mut text = head("dmctl", "dmctl", &about(parser));
    text.push_str(".Sh SYNOPSIS\n.Nm dmctl\n.Op Ar options\n.Ar verb\n.Op Ar arguments\n");
    text.push_str(
        ".Sh DESCRIPTION\n.Nm\nmakes, changes and shows mapped devices: those of a kernel's \
                   device mapper, or those of an engine of its own, which needs no root.\nCalled\n\
                   .Nm dmsetup ,\n.Nm dmstats\nor\n.Nm devmap_name\nit takes what these take.\n",
    );
    text.push_str(".Sh VERBS\n.Bl -tag -width Ds\n");
    for verb in verbs {
        let name = verb.get_name();
        let _ = write!(
            text,
            ".It Cm {}\n{}.\nSee\n",
            word(name),
            plain(&about(verb))
        );
        let _ = writeln!(text, ".Xr dmctl\\-{} 8 .", plain(name));
    }
    text.push_str(".El\n.Sh OPTIONS\n");
    list(&mut text, &arguments(parser));
    text.push_str(
        ".Sh ENVIRONMENT\n.Bl -tag -width Ds\n\
         .It Ev DM_BACKEND\nThe driver, as\n.Fl \\-backend .\n\
         .It Ev DM_DEV_DIR\nThe folder of devices, if it is another than\n.Pa /dev .\n\
         .It Ev DM_IO_URING\nSet to off: files are read and written by threads, not through io_uring.\n\
         .It Ev DM_LABEL_POLICY\nWhat becomes of tables that map disklabels, as\n.Fl \\-label\\-policy .\n\
         .It Ev DM_LOG\nWhat the daemon logs: a level such as debug, or levels of modules such as\n\
         warn,dm_core=trace.\n\
         .It Ev DM_RUNTIME_DIR\nWhere the daemon's sockets and journal are.\n\
         .It Ev DM_UDEV_COOKIE\nA cookie, as\n.Fl \\-udevcookie .\n\
         .It Ev DM_DISABLE_UDEV\nSet to anything: udev is not asked for.\n\
         .It Ev DM_DEFAULT_NAME_MANGLING_MODE\nHow names are written for Linux, as\n.Fl \\-manglename .\n\
         .It Ev NO_COLOR\nSet to anything: no colours.\n.El\n",
    );
    text.push_str(EXIT);
    text.push_str(".Sh SEE ALSO\n");
    let mut pages: Vec<&str> = verbs.iter().map(Command::get_name).collect();
    pages.sort_unstable();
    for (at, name) in pages.iter().enumerate() {
        let end = if at + 1 < pages.len() { " ," } else { "" };
        let _ = writeln!(text, ".Xr dmctl\\-{} 8{end}", plain(name));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn list_help_manual_and_completions_have_the_same_verbs() {
        let mut listed: Vec<String> = COMMANDS.iter().map(|verb| verb.name.to_owned()).collect();
        listed.sort();
        let mut manual: Vec<String> = pages()
            .iter()
            .filter_map(|page| page.0.strip_prefix("dmctl-").map(str::to_owned))
            .collect();
        manual.sort();
        assert_eq!(manual, listed);

        let whole = pages().remove(0).1;
        let names = whole
            .lines()
            .filter_map(|line| line.strip_prefix(".It Cm "));
        let mut told: Vec<String> = names
            .map(|name| name.replace("\\&", "").replace("\\-", "-"))
            .collect();
        told.sort();
        assert_eq!(told, listed);

        let help = parser().render_long_help().to_string();
        let verbs = help
            .split("Commands:")
            .nth(1)
            .unwrap()
            .split("Options:")
            .next()
            .unwrap();
        let mut helped: Vec<String> = verbs
            .lines()
            .filter(|line| line.starts_with("  ") && !line.starts_with("   "))
            .filter_map(|line| line.split_whitespace().next())
            .filter(|name| *name != "help")
            .map(str::to_owned)
            .collect();
        helped.sort();
        assert_eq!(helped, listed);

        let mut script = Vec::new();
        clap_complete::generate(
            clap_complete::Shell::Bash,
            &mut parser(),
            "dmctl",
            &mut script,
        );
        let script = String::from_utf8(script).unwrap();
        let cases = script
            .lines()
            .filter_map(|line| line.trim().strip_prefix("dmctl,"));
        let mut completed: Vec<String> = cases
            .filter_map(|case| case.strip_suffix(')'))
            .filter(|name| *name != "help")
            .map(str::to_owned)
            .collect();
        // Aliases have cases of their own.
        completed.retain(|name| {
            COMMANDS
                .iter()
                .all(|verb| !verb.aliases.contains(&name.as_str()))
        });
        completed.sort();
        completed.dedup();
        assert_eq!(completed, listed);
    }

    #[test]
    fn each_option_of_a_verb_is_in_its_page() {
        let mut parser = parser();
        parser.build();
        let pages = pages();
        for verb in parser
            .get_subcommands()
            .filter(|verb| verb.get_name() != "help")
        {
            let name = format!("dmctl-{}", verb.get_name());
            let text = &pages.iter().find(|page| page.0 == name).unwrap().1;
            let own = arguments(verb).into_iter().filter(|it| !it.is_global_set());
            for long in own.filter_map(Arg::get_long) {
                assert!(
                    text.contains(&format!("Fl \\-{}", plain(long))),
                    "{name} --{long}"
                );
            }
        }
    }

    #[test]
    fn page_keeps_names_in_capitals() {
        let pages = pages();
        let page = |name: &str| &pages.iter().find(|page| page.0 == name).unwrap().1;
        let export = page("dmctl-export");
        assert!(
            export.contains(".Nd print the NBD URI of a device\n"),
            "{export}"
        );
        let create = page("dmctl-create");
        assert!(
            create.contains("\nSTART LENGTH linear DEV OFFSET\n"),
            "{create}"
        );
    }
}
