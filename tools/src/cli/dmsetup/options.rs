//! The options that dmsetup and dmstats have, and a command line taken apart by them.

use std::collections::VecDeque;

use super::Complaint;

/// An option of theirs.
pub(super) struct Opt {
    pub(super) long: &'static str,
    pub(super) short: Option<char>,
    pub(super) takes: Takes,
}

/// Whether an option has a value.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Takes {
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
pub(super) struct Parts {
    pub(super) options: Vec<(&'static Opt, Option<String>)>,
    pub(super) words: VecDeque<String>,
}

/// Takes a command line apart.
pub(super) fn take_apart(arguments: Vec<String>) -> Result<Parts, Complaint> {
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
