//! The one list of verbs: the parser, the help and the completions are made of it.

use clap::{ArgMatches, Args, Command, FromArgMatches};

use crate::failure::Failure;
use crate::output::Answer;

use super::session::Session;
use super::{
    apply, attach, check, clear, completions, create, daemon, deps, detach, doctor, explain,
    export, graph, info, integrity, label, load, ls, luks, man, mangle, measure, message, mknodes,
    plist, quickstart, remove, remove_all, rename, resume, run, save, setgeometry, splitname,
    stats, status, suspend, table, target_version, targets, top, tree, udevcomplete,
    udevcomplete_all, udevcookies, udevcreatecookie, udevflags, udevreleasecookie, verity, version,
    wait, watch, wipe_table,
};

/// A verb.
pub(super) struct Verb {
    /// As it is typed.
    pub(super) name: &'static str,
    /// Other words for it.
    pub(super) aliases: &'static [&'static str],
    /// What it does, in a line.
    pub(super) about: &'static str,
    /// Adds its arguments to a parser.
    pub(super) arguments: fn(Command) -> Command,
    /// Does it.
    pub(super) run: fn(&mut ArgMatches, &Session, &mut Answer) -> Result<(), Failure>,
    /// Does what its name alone asks for, if that needs no reading.
    pub(super) alone: Option<Alone>,
}

pub(super) type Alone = fn(&Session, &mut Answer) -> Result<(), Failure>;

/// A verb's arguments, which can be obeyed.
pub(super) trait Run: Args + FromArgMatches {
    /// Does what the verb says. What `answer` holds is shown even if it fails.
    fn run(self, session: &Session, answer: &mut Answer) -> Result<(), Failure>;
}

/// The verbs, in the order of the help.
pub(super) const COMMANDS: &[Verb] = &[
    verb::<create::Create>(
        "create",
        &[],
        "Make a device, load its table and activate it",
    ),
    verb::<load::Load>(
        "load",
        &["reload"],
        "Put a table into a device's inactive slot",
    ),
    verb::<resume::Resume>(
        "resume",
        &[],
        "Make the inactive table the active one and let io go on",
    ),
    verb::<suspend::Suspend>("suspend", &[], "Hold new io and wait for what is under way"),
    verb::<clear::Clear>("clear", &[], "Empty a device's inactive slot"),
    verb::<rename::Rename>("rename", &[], "Give a device another name, or its uuid"),
    verb::<remove::Remove>("remove", &[], "Remove devices"),
    verb::<remove_all::RemoveAll>("remove_all", &[], "Remove all devices that are not in use"),
    verb::<wipe_table::WipeTable>(
        "wipe_table",
        &[],
        "Replace devices' tables by one that fails all io",
    ),
    verb::<message::Message>("message", &[], "Send a message to a device's target"),
    alone::<ls::Ls>("ls", &[], "List the devices"),
    alone::<info::Info>(
        "info",
        &[],
        "Show devices' state: tables, open count, event number, uuid",
    ),
    alone::<table::Table>("table", &[], "Show devices' tables"),
    alone::<status::Status>("status", &[], "Show the status of devices' targets"),
    verb::<deps::Deps>("deps", &[], "Show what devices stand on"),
    verb::<measure::Measure>(
        "measure",
        &[],
        "Show devices' tables as attestation (IMA) measures them",
    ),
    verb::<splitname::SplitName>(
        "splitname",
        &[],
        "Split an LVM2 name into volume group, volume and layer",
    ),
    verb::<setgeometry::SetGeometry>("setgeometry", &[], "Set the geometry that a device reports"),
    verb::<mknodes::MkNodes>(
        "mknodes",
        &[],
        "Make the nodes in /dev/mapper fit the devices",
    ),
    verb::<mangle::Mangle>(
        "mangle",
        &[],
        "Rename devices so that their names are mangled as --manglename says",
    ),
    verb::<wait::Wait>("wait", &[], "Wait for a device's next event"),
    alone::<targets::Targets>(
        "targets",
        &[],
        "List the driver's targets and their versions",
    ),
    verb::<target_version::TargetVersions>(
        "target-version",
        &[],
        "Show the versions of targets, whose modules the driver may load for it",
    ),
    alone::<version::Version>(
        "version",
        &[],
        "Show this program's and the driver's version",
    ),
    verb::<stats::Stats>("stats", &[], "Count devices' requests, as dmstats does"),
    verb::<udevcreatecookie::UdevCreateCookie>(
        "udevcreatecookie",
        &[],
        "Make a cookie for several commands to share with --udevcookie",
    ),
    verb::<udevreleasecookie::UdevReleaseCookie>(
        "udevreleasecookie",
        &[],
        "Wait until udev is through with a cookie's events",
    ),
    verb::<udevcookies::UdevCookies>("udevcookies", &[], "List the cookies"),
    verb::<udevflags::UdevFlagsOf>("udevflags", &[], "Print a cookie's flags for udev's rules"),
    verb::<udevcomplete::UdevComplete>(
        "udevcomplete",
        &[],
        "Count a cookie down, as udev's rules do",
    ),
    verb::<udevcomplete_all::UdevCompleteAll>("udevcomplete_all", &[], "Remove all cookies"),
    verb::<tree::Tree>(
        "tree",
        &[],
        "Draw what stands on what, with sizes and targets",
    ),
    verb::<graph::Graph>(
        "graph",
        &[],
        "Draw what stands on what as a picture, in SVG or DOT",
    ),
    verb::<apply::Apply>(
        "apply",
        &[],
        "Make devices as a file describes them, all or none",
    ),
    verb::<save::Save>("save", &[], "Describe the devices, for apply"),
    verb::<watch::Watch>("watch", &[], "Show what happens to devices, as it happens"),
    verb::<doctor::Doctor>(
        "doctor",
        &[],
        "Say what this machine can do, and what to do about what it can not",
    ),
    verb::<check::Check>("check", &[], "Check a table without touching anything"),
    verb::<top::Top>(
        "top",
        &[],
        "Show devices' requests, rates and latencies, again and again",
    ),
    verb::<explain::Explain>(
        "explain",
        &[],
        "Say what each word of a table or a status means",
    ),
    verb::<export::Export>("export", &[], "Print the NBD URI of a device"),
    verb::<attach::Attach>(
        "attach",
        &[],
        "Make the daemon's devices block devices of Linux, through ublk",
    ),
    verb::<detach::Detach>("detach", &[], "End the block devices that attach made"),
    verb::<label::Label>(
        "label",
        &[],
        "Show, check and write NetBSD disklabels, and plan tables around them",
    ),
    verb::<verity::Verity>("verity", &[], "Make, check, repair and open verity devices"),
    verb::<luks::Luks>(
        "luks",
        &[],
        "Open encrypted volumes, and look after their LUKS headers",
    ),
    verb::<integrity::Integrity>("integrity", &[], "Make, check and open integrity devices"),
    verb::<run::Run>(
        "run",
        &[],
        "Serve one table over NBD in the foreground, without a daemon",
    ),
    verb::<daemon::Daemon>(
        "daemon",
        &[],
        "Start, stop or look at the daemon that holds the engine",
    ),
    verb::<plist::Plist>(
        "plist",
        &[],
        "Check a property list and print it as libprop writes it",
    ),
    verb::<quickstart::Quickstart>("quickstart", &[], "See it all work on two scratch images"),
    verb::<man::Man>("man", &[], "Print a manual page"),
    verb::<completions::Completions>("completions", &[], "Print a shell's completion script"),
];

const fn verb<V: Run>(
    name: &'static str,
    aliases: &'static [&'static str],
    about: &'static str,
) -> Verb {
    Verb {
        name,
        aliases,
        about,
        arguments: arguments::<V>,
        run: obey::<V>,
        alone: None,
    }
}

/// One that is obeyed without a parser where a line has nothing but its name.
const fn alone<V: Run + Default>(
    name: &'static str,
    aliases: &'static [&'static str],
    about: &'static str,
) -> Verb {
    Verb {
        alone: Some(run_alone::<V>),
        ..verb::<V>(name, aliases, about)
    }
}

/// Adds a verb's arguments. Their own description would come in the place of the list's.
fn arguments<V: Run>(command: Command) -> Command {
    let about = command.get_about().cloned();
    let command = V::augment_args(command).long_about(None);
    command.about(about.unwrap_or_default())
}

fn obey<V: Run>(
    matches: &mut ArgMatches,
    session: &Session,
    answer: &mut Answer,
) -> Result<(), Failure> {
    let verb = V::from_arg_matches_mut(matches);
    let verb = verb.map_err(|error| Failure::usage(error.to_string()))?;
    verb.run(session, answer)
}

fn run_alone<V: Run + Default>(session: &Session, answer: &mut Answer) -> Result<(), Failure> {
    V::default().run(session, answer)
}

/// The verb that is typed so.
pub(super) fn verb_of(word: &str) -> Option<&'static Verb> {
    let typed = |verb: &&Verb| verb.name == word || verb.aliases.contains(&word);
    COMMANDS.iter().find(typed)
}

impl Verb {
    /// Its parser, by itself.
    pub(super) fn parser(&self) -> Command {
        (self.arguments)(Command::new(self.name).about(self.about))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn verb_alone_is_what_a_parser_makes_of_it() {
        fn same<V: Run + Default + std::fmt::Debug>(name: &str) {
            let verb = verb_of(name).unwrap();
            assert!(verb.alone.is_some(), "{name}");
            let matches = verb.parser().try_get_matches_from([name]).unwrap();
            let read = V::from_arg_matches(&matches).unwrap();
            assert_eq!(format!("{:?}", V::default()), format!("{read:?}"));
        }
        same::<ls::Ls>("ls");
        same::<info::Info>("info");
        same::<table::Table>("table");
        same::<status::Status>("status");
        same::<targets::Targets>("targets");
        same::<version::Version>("version");
        let alone = COMMANDS.iter().filter(|verb| verb.alone.is_some());
        assert_eq!(alone.count(), 6);
    }

    #[test]
    fn each_verb_has_a_name_of_its_own() {
        let mut names: Vec<_> = COMMANDS
            .iter()
            .flat_map(|verb| verb.aliases.iter().chain([&verb.name]))
            .collect();
        let all = names.len();
        names.sort();
        names.dedup();
        assert_eq!(names.len(), all);
    }

    #[test]
    fn schema_has_each_verbs_document_and_no_other() {
        let schema = include_str!("../../../docs/schema.json");
        let schema: serde_json::Value = serde_json::from_str(schema).unwrap();
        let sorted = |mut names: Vec<String>| {
            names.sort();
            names
        };
        let verbs = COMMANDS.iter().map(|verb| verb.name.to_owned()).collect();
        let said = schema["$defs"]["verbs"].as_object().unwrap();
        assert_eq!(sorted(said.keys().cloned().collect()), sorted(verbs));
        for (name, document) in said {
            assert_eq!(document["properties"]["command"]["const"], **name);
        }
        let mut all = said
            .keys()
            .map(|name| format!("#/$defs/verbs/{name}"))
            .collect::<Vec<_>>();
        all.push("#/$defs/usage".into());
        let one_of = schema["oneOf"].as_array().unwrap().iter();
        let one_of = one_of.map(|of| of["$ref"].as_str().unwrap().to_owned());
        assert_eq!(sorted(one_of.collect()), sorted(all));
    }
}
