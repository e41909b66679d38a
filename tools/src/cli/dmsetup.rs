//! Called by another name: what dmsetup, dmstats and devmap_name take, as this program takes it.
//!
//! # Shape
//! Their options may stand before and behind the verb, be shortened, and be given to verbs that do
//! not know them. Here they are read by their own table, put behind the verb, and left out where
//! it has no use for them. Then the verb is this program's.
//!
//! # Source
//! dmsetup(8), dmstats(8); getopt_long(3).

use std::collections::VecDeque;
use std::path::Path;

use crate::nearest::nearest;

use super::command_line::globals;
use super::commands::{self, COMMANDS, Verb};

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

/// An option of theirs.
struct Opt {
    long: &'static str,
    short: Option<char>,
    takes: Takes,
}

/// Whether an option has a value.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Takes {
    Nothing,
    Value,
}

const fn flag(long: &'static str, short: Option<char>) -> Opt {
    Opt {
        long,
        short,
        takes: Takes::Nothing,
    }
}

const fn value(long: &'static str, short: Option<char>) -> Opt {
    Opt {
        long,
        short,
        takes: Takes::Value,
    }
}

/// Every option of dmsetup and dmstats.
const OPTIONS: &[Opt] = &[
    flag("addnodeoncreate", None),
    flag("addnodeonresume", None),
    value("alias", None),
    flag("alldevices", None),
    flag("allprograms", None),
    flag("allregions", None),
    flag("area", None),
    value("areas", None),
    value("areasize", None),
    value("bounds", None),
    flag("checks", None),
    flag("clear", None),
    flag("columns", Some('c')),
    flag("concise", None),
    value("count", None),
    flag("deferred", None),
    value("exec", None),
    flag("filemap", None),
    value("follow", None),
    flag("force", Some('f')),
    flag("foreground", None),
    value("gid", Some('G')),
    flag("group", None),
    value("groupid", None),
    value("headings", None),
    flag("help", Some('h')),
    flag("histogram", None),
    flag("inactive", None),
    value("interval", None),
    value("length", None),
    value("major", Some('j')),
    value("manglename", None),
    value("minor", Some('m')),
    value("mode", Some('M')),
    flag("nameprefixes", None),
    flag("noflush", None),
    flag("nogroup", None),
    flag("noheadings", None),
    flag("nolockfs", None),
    flag("nomonitor", None),
    flag("noopencount", None),
    flag("nosuffix", None),
    flag("notable", Some('n')),
    flag("notimesuffix", None),
    flag("noudevrules", None),
    flag("noudevsync", None),
    value("options", Some('o')),
    flag("precise", None),
    value("programid", None),
    flag("raw", None),
    value("readahead", None),
    flag("readonly", Some('r')),
    flag("region", None),
    value("regionid", None),
    value("regions", None),
    flag("relative", None),
    flag("retry", None),
    flag("rows", None),
    flag("segments", None),
    value("select", Some('S')),
    value("separator", None),
    flag("setuuid", None),
    flag("showkeys", None),
    value("sort", Some('O')),
    value("start", None),
    value("table", None),
    value("target", None),
    flag("tree", None),
    value("udevcookie", None),
    value("uid", Some('U')),
    flag("unbuffered", None),
    value("units", None),
    flag("unquoted", None),
    value("userdata", None),
    value("uuid", Some('u')),
    flag("verbose", Some('v')),
    flag("verifyudev", None),
    flag("version", None),
    flag("yes", Some('y')),
];

/// Those that this program's verbs have besides, wherever it is called dmsetup.
const OURS: &[Opt] = &[
    flag("json", None),
    value("backend", None),
    value("udevtimeout", None),
    flag("dry-run", None),
    flag("show-wire", None),
];

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

/// The option of a word that begins with two dashes, and its value if that stands in the word.
fn long(word: &str) -> Result<(&'static Opt, Option<String>), Complaint> {
    let (name, value) = match word.split_once('=') {
        Some((name, value)) => (name, Some(value.to_owned())),
        None => (word, None),
    };
    let all = || OPTIONS.iter().chain(OURS);
    let exact = all().find(|option| option.long == name);
    let mut begin = all().filter(|option| option.long.starts_with(name));
    let found = match (exact, begin.next(), begin.next()) {
        (Some(option), ..) | (None, Some(option), None) => option,
        (None, Some(_), Some(_)) => return Err(format!("option --{name} may mean several").into()),
        (None, None, _) => {
            let reason = format!("unrecognized option --{name}");
            let words = all().map(|option| option.long);
            return Err(Complaint::from(reason).near(name, "--", words));
        }
    };
    if value.is_some() && found.takes == Takes::Nothing {
        return Err(format!("option --{} takes no value", found.long).into());
    }
    Ok((found, value))
}

fn short(letter: char) -> Result<&'static Opt, String> {
    let letter = if letter == 'C' { 'c' } else { letter };
    let found = OPTIONS.iter().find(|option| option.short == Some(letter));
    found.ok_or_else(|| format!("invalid option -{letter}"))
}

/// A command line: the options with their values, and the other words.
struct Parts {
    options: Vec<(&'static Opt, Option<String>)>,
    words: VecDeque<String>,
}

/// Takes a command line apart.
fn take_apart(arguments: Vec<String>) -> Result<Parts, Complaint> {
    let mut options = Vec::new();
    let mut words = VecDeque::new();
    let mut rest = VecDeque::from(arguments);
    let next = |rest: &mut VecDeque<String>, option: &Opt| {
        let missing = || format!("option --{} needs a value", option.long);
        rest.pop_front().ok_or_else(missing)
    };
    while let Some(word) = rest.pop_front() {
        if word == "--" {
            words.append(&mut rest);
        } else if let Some(name) = word.strip_prefix("--") {
            let (option, value) = long(name)?;
            let value = match (option.takes, value) {
                (Takes::Value, None) => Some(next(&mut rest, option)?),
                (_, value) => value,
            };
            options.push((option, value));
        } else if word.starts_with('-') && word.len() > 1 {
            let mut letters = word[1..].chars();
            while let Some(letter) = letters.next() {
                let option = short(letter)?;
                let value = match option.takes {
                    Takes::Nothing => None,
                    Takes::Value if letters.as_str().is_empty() => Some(next(&mut rest, option)?),
                    Takes::Value => {
                        let value = letters.as_str().to_owned();
                        letters = "".chars();
                        Some(value)
                    }
                };
                options.push((option, value));
            }
        } else {
            words.push_back(word);
        }
    }
    Ok(Parts { options, words })
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
