//! Called by another name: what dmsetup, dmstats and devmap_name take, as this program takes it.
//!
//! # Shape
//! Their options may stand before and behind the verb, be shortened, and be given to verbs that do
//! not know them. Here they are read by their own table, put behind the verb, and left out where
//! it has no use for them. Then the verb is this program's.
//!
//! # Source
//! dmsetup(8), dmstats(8); getopt_long(3).

mod options;

use std::path::Path;

use crate::nearest::nearest;

use super::command_line::globals;
use super::commands::{self, COMMANDS, Verb};

use self::options::{Parts, take_apart};

/// The program that this one is called as.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Personality {
    /// dmctl.
    Own,
    /// dmsetup.
    Dmsetup,
    /// dmstats, which is `dmsetup stats`.
    Dmstats,
    /// devmap_name, which prints the name of a device number.
    DevmapName,
    /// One that is not built.
    NotBuilt(&'static str),
}

/// What a command line of theirs comes to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Order {
    /// This program's words.
    Words(Vec<String>),
    /// Their help, with the list of fields if that is asked for.
    Help {
        /// Whether fields are listed.
        fields: bool,
    },
    /// It is wrong.
    Wrong(Complaint),
}

/// Why a command line is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Complaint {
    /// Why.
    pub(super) reason: String,
    /// What may help.
    pub(super) hint: Option<String>,
}

impl Complaint {
    /// The same with the word that was probably meant, behind `before`, if there is one.
    fn near<'a>(
        self,
        wanted: &str,
        before: &str,
        words: impl IntoIterator<Item = &'a str>,
    ) -> Complaint {
        let near = nearest(wanted, words);
        Complaint {
            hint: near.map(|near| format!("there is {before}{near}")),
            ..self
        }
    }
}

impl From<String> for Complaint {
    fn from(reason: String) -> Complaint {
        Complaint { reason, hint: None }
    }
}

impl From<&str> for Complaint {
    fn from(reason: &str) -> Complaint {
        reason.to_owned().into()
    }
}

impl Personality {
    /// The one of a program's name.
    pub(super) fn of(program: &str) -> Personality {
        let name = Path::new(program)
            .file_name()
            .and_then(|name| name.to_str());
        match name.unwrap_or_default() {
            "dmsetup" => Personality::Dmsetup,
            "dmstats" => Personality::Dmstats,
            "devmap_name" => Personality::DevmapName,
            "dmvdostats" => Personality::NotBuilt("dmvdostats"),
            "losetup" => Personality::NotBuilt("losetup"),
            "dmlosetup" => Personality::NotBuilt("dmlosetup"),
            _ => Personality::Own,
        }
    }

    /// What it is called.
    pub(super) fn name(self) -> &'static str {
        match self {
            Personality::Own => "dmctl",
            Personality::Dmsetup => "dmsetup",
            Personality::Dmstats => "dmstats",
            Personality::DevmapName => "devmap_name",
            Personality::NotBuilt(name) => name,
        }
    }

    /// What its command line comes to.
    pub(super) fn translate(self, arguments: Vec<String>) -> Order {
        match self {
            Personality::Own => Order::Words(arguments),
            Personality::Dmsetup => translate(arguments, None),
            Personality::Dmstats => translate(arguments, Some("stats")),
            Personality::DevmapName => devmap_name(&arguments),
            Personality::NotBuilt(name) => Order::Wrong(not_built(name)),
        }
    }
}

fn not_built(name: &str) -> Complaint {
    let hint = match name {
        "dmvdostats" | "vdostats" => "dmctl status shows what vdo says",
        _ => "util-linux's losetup makes loop devices",
    };
    Complaint {
        reason: format!("{name} is not built"),
        hint: Some(hint.into()),
    }
}

fn devmap_name(arguments: &[String]) -> Order {
    let numbers = match arguments {
        [both] => both.split_once(':'),
        [major, minor] => Some((major.as_str(), minor.as_str())),
        _ => None,
    };
    let Some((major, minor)) = numbers else {
        return Order::Wrong("use devmap_name MAJOR MINOR, or MAJOR:MINOR".into());
    };
    let words = ["info", "--columns", "--noheadings", "--options", "name"];
    let words = words
        .into_iter()
        .chain(["--major", major, "--minor", minor]);
    Order::Words(words.map(str::to_owned).collect())
}

fn translate(arguments: Vec<String>, verb: Option<&str>) -> Order {
    let Parts { options, mut words } = match take_apart(arguments) {
        Ok(parts) => parts,
        Err(complaint) => return Order::Wrong(complaint),
    };
    let has = |name: &str| options.iter().any(|(option, _)| option.long == name);
    let verb = match verb {
        Some(verb) => Some(verb.to_owned()),
        None => words.pop_front(),
    };
    let first = words.front().map(String::as_str);
    let wants_help = has("help")
        || verb.as_deref() == Some("help")
        || (verb.as_deref() == Some("stats") && first == Some("help"));
    if wants_help {
        return Order::Help {
            fields: has("columns"),
        };
    }
    let wants_version =
        has("version") || (verb.as_deref() == Some("stats") && first == Some("version"));
    if wants_version {
        return Order::Words(vec!["version".into()]);
    }
    let Some(verb) = verb else {
        return Order::Wrong("no command is given".into());
    };
    if verb == "vdostats" {
        return Order::Wrong(not_built(&verb));
    }
    let Some(mut command) = commands::verb_of(&verb).map(Verb::parser) else {
        let reason = format!("unknown command {verb:?}");
        let verbs = COMMANDS.iter().map(|known| known.name);
        return Order::Wrong(Complaint::from(reason).near(&verb, "", verbs));
    };
    let mut out = vec![verb.clone()];
    if command.has_subcommands() {
        let Some(word) = words.pop_front() else {
            return Order::Wrong(format!("{verb}: no subcommand is given").into());
        };
        command = match command.find_subcommand(&word) {
            Some(command) => command.clone(),
            None => {
                let reason = format!("{verb}: unknown subcommand {word:?}");
                let words = command.get_subcommands().map(|command| command.get_name());
                return Order::Wrong(Complaint::from(reason).near(&word, "", words));
            }
        };
        out.push(word);
    }
    let globals = globals();
    let takes = |name: &str| {
        let mut of_verb = command.get_arguments().chain(globals.get_arguments());
        of_verb.any(|argument| argument.get_long() == Some(name))
    };
    for (option, value) in options {
        if !takes(option.long) {
            continue;
        }
        let name = option.long;
        match value {
            Some(value) => out.push(format!("--{name}={value}")),
            // Once is enough of all but this one.
            None if name != "verbose" && out.contains(&format!("--{name}")) => {}
            None => out.push(format!("--{name}")),
        }
    }
    if !words.is_empty() {
        out.push("--".into());
        out.extend(words);
    }
    Order::Words(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn dmsetup(line: &str) -> String {
        let words = line.split_whitespace().map(str::to_owned).collect();
        match Personality::Dmsetup.translate(words) {
            Order::Words(words) => words.join(" "),
            Order::Wrong(Complaint { reason, hint }) => {
                let hint = hint.map(|hint| format!("; {hint}"));
                reason + &hint.unwrap_or_default()
            }
            help => format!("{help:?}"),
        }
    }

    #[test]
    fn options_may_stand_anywhere_and_be_shortened() {
        assert_eq!(
            dmsetup("-c info a --nohead"),
            "info --columns --noheadings -- a"
        );
        assert_eq!(dmsetup("info -Co name"), "info --columns --options=name");
        assert_eq!(
            dmsetup("info -coname,uuid"),
            "info --columns --options=name,uuid"
        );
        assert_eq!(dmsetup("--uuid X table"), "table --uuid=X");
        assert_eq!(
            dmsetup("remove -vv a -- -b"),
            "remove --verbose --verbose -- a -b"
        );
        assert_eq!(dmsetup("table --noh"), "table");
    }

    #[test]
    fn options_that_a_verb_has_no_use_for_are_left_out() {
        assert_eq!(dmsetup("--checks --noopencount ls -f"), "ls");
        assert_eq!(
            dmsetup("-y remove_all --force --force"),
            "remove_all --force"
        );
    }

    #[test]
    fn what_is_wrong_is_said() {
        assert_eq!(dmsetup(""), "no command is given");
        assert_eq!(dmsetup("nosuch"), "unknown command \"nosuch\"");
        assert_eq!(dmsetup("ls --qqq"), "unrecognized option --qqq");
        assert_eq!(dmsetup("ls -Z"), "invalid option -Z");
        assert_eq!(dmsetup("ls --no"), "option --no may mean several");
        assert_eq!(dmsetup("info -j"), "option --major needs a value");
        assert_eq!(dmsetup("ls --force=1"), "option --force takes no value");
    }

    #[test]
    fn nearest_word_is_suggested() {
        assert_eq!(
            dmsetup("crate a"),
            "unknown command \"crate\"; there is create"
        );
        assert_eq!(
            dmsetup("info --colums"),
            "unrecognized option --colums; there is --columns"
        );
        assert_eq!(
            dmsetup("stats lits"),
            "stats: unknown subcommand \"lits\"; there is list"
        );
        assert_eq!(
            dmsetup("vdostats a"),
            "vdostats is not built; dmctl status shows what vdo says"
        );
    }

    #[test]
    fn help_and_version_win() {
        assert_eq!(dmsetup("ls --help"), "Help { fields: false }");
        assert_eq!(dmsetup("help -c"), "Help { fields: true }");
        assert_eq!(dmsetup("--version"), "version");
    }

    #[test]
    fn devmap_name_takes_one_word_or_two() {
        let words = |words: &[&str]| {
            let words = words.iter().map(|word| (*word).to_owned()).collect();
            Personality::DevmapName.translate(words)
        };
        assert_eq!(words(&["254", "1"]), words(&["254:1"]));
        assert!(matches!(words(&["254"]), Order::Wrong(_)));
    }

    #[test]
    fn personality_is_the_programs_name() {
        assert_eq!(Personality::of("/sbin/dmsetup"), Personality::Dmsetup);
        assert_eq!(Personality::of("dmstats"), Personality::Dmstats);
        assert_eq!(Personality::of("/usr/bin/dmctl"), Personality::Own);
        assert_eq!(
            Personality::of("./losetup"),
            Personality::NotBuilt("losetup")
        );
    }
}
