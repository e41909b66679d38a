//! `multipath N FEATURES… N HANDLER… GROUPS FIRST {SELECTOR N ARGS… PATHS N (DEV ARGS…)…}…`: several
//! paths to one device.

use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::fmt;

use crate::table::{EscapedWord, ParamError, Reason};

use super::number::number;
use super::{Device, Keyword, Kind, Reader, Text, words};

pub use super::multipath_status::{GroupState, GroupStatus, PathStatus, Status};

pub(super) const KIND: Kind = Kind::new("multipath", "several paths to one device", |reader| {
    Params::read(reader).map(super::Params::Multipath)
})
.with_status(|reader| Status::read(reader).map(super::Status::Multipath))
.with_message(|reader| Message::read(reader).map(super::Message::Multipath));

/// The paths, in groups of equal priority.
///
/// # Source
/// `drivers/md/dm-mpath.c`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct Params {
    /// What it does besides.
    pub features: Features,
    /// The hardware handler and its arguments.
    pub handler: Vec<String>,
    /// The group to begin with: 1 is the first; 0 only if there are none.
    pub first_group: u32,
    /// The groups.
    pub groups: Vec<Group>,
}

/// What it does besides, in the order in which a table tells it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct Features {
    /// Without a path, requests wait.
    pub queue_if_no_path: bool,
    /// How often the initialisation of a group is tried again.
    pub pg_init_retries: Option<u32>,
    /// Milliseconds between those.
    pub pg_init_delay_msecs: Option<u32>,
    /// A handler that is attached to a path stays.
    pub retain_attached_hw_handler: bool,
    /// How requests are queued.
    pub queue_mode: Option<QueueMode>,
}

/// How requests are queued.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize),
    serde(rename_all = "snake_case")
)]
pub enum QueueMode {
    /// Not at all.
    Bio,
    /// As requests.
    Request,
    /// As requests, in several queues.
    Multiqueue,
}

/// Paths of equal priority.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
pub struct Group {
    /// What chooses a path: `round-robin`, `queue-length`, `service-time`,
    /// `historical-service-time` or `io-affinity`.
    pub selector: String,
    /// Its arguments.
    pub selector_args: Vec<String>,
    /// How many arguments each path has.
    pub path_args: u32,
    /// The paths, at least one.
    pub paths: Vec<Path>,
}

/// A path.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
pub struct Path {
    /// Its device.
    pub device: Device,
    /// Its arguments for the selector.
    pub args: Vec<String>,
}

/// What it can be told.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize),
    serde(rename_all = "snake_case")
)]
#[non_exhaustive]
pub enum Message {
    /// Without a path, requests wait.
    QueueIfNoPath,
    /// Without a path, requests fail.
    FailIfNoPath,
    /// Passes a group over.
    DisableGroup(u32),
    /// Ends that.
    EnableGroup(u32),
    /// Goes on with a group.
    SwitchGroup(u32),
    /// Takes a path for good again.
    ReinstatePath(Device),
    /// Takes a path for failed.
    FailPath(Device),
}

impl Keyword for QueueMode {
    const WORDS: &'static [(&'static str, QueueMode)] = &[
        ("bio", QueueMode::Bio),
        ("rq", QueueMode::Request),
        ("mq", QueueMode::Multiqueue),
    ];
}

impl Text for Params {
    fn read(reader: &mut Reader<'_>) -> Result<Params, ParamError> {
        let features = Features::read(reader)?;
        let handler = reader.list(
            "number of words of the hardware handler",
            "hardware handler",
        )?;
        let count_word = reader.word("number of groups")?;
        let count: u32 = number(&count_word, "number of groups")?;
        let first_word = reader.word("group to begin with")?;
        let first_group: u32 = number(&first_word, "group to begin with")?;
        if (count == 0) != (first_group == 0) {
            return Err(first_word.error(Reason::Other(match count {
                0 => "must be 0, since there are no groups".into(),
                _ => "groups are counted from 1".into(),
            })));
        }
        if first_group > count {
            return Err(first_word.error(Reason::TooLarge {
                what: "group to begin with",
                limit: count.into(),
            }));
        }
        let groups = (0..count).map(|_| Group::read(reader));
        Ok(Params {
            features,
            handler,
            first_group,
            groups: groups.collect::<Result<_, _>>()?,
        })
    }
}

impl fmt::Display for Params {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.features, self.handler.len())?;
        words(f, &self.handler)?;
        write!(f, " {} {}", self.groups.len(), self.first_group)?;
        words(f, &self.groups)
    }
}

impl Text for Features {
    fn read(reader: &mut Reader<'_>) -> Result<Features, ParamError> {
        let mut features = Features::default();
        let mut group = reader.counted("number of words of features", 8)?;
        while let Some(word) = group.next(reader, "feature")? {
            match word.text.to_ascii_lowercase().as_str() {
                "queue_if_no_path" => features.queue_if_no_path = true,
                "retain_attached_hw_handler" => features.retain_attached_hw_handler = true,
                "pg_init_retries" => {
                    let retries = group.number_in(reader, "number of retries", 1..=50)?;
                    features.pg_init_retries = Some(retries);
                }
                "pg_init_delay_msecs" => {
                    let delay = group.number_in(reader, "delay in milliseconds", 0..=60_000)?;
                    features.pg_init_delay_msecs = Some(delay);
                }
                "queue_mode" => {
                    features.queue_mode = Some(group.keyword(reader, "queue mode")?);
                }
                _ => {
                    return Err(word.unknown(
                        "feature",
                        "queue_if_no_path, pg_init_retries, pg_init_delay_msecs, \
                         retain_attached_hw_handler, queue_mode",
                    ));
                }
            }
        }
        Ok(features)
    }
}

impl fmt::Display for Features {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let one = usize::from;
        let count = one(self.queue_if_no_path)
            + 2 * one(self.pg_init_retries.is_some())
            + 2 * one(self.pg_init_delay_msecs.is_some())
            + one(self.retain_attached_hw_handler)
            + 2 * one(self.queue_mode.is_some());
        write!(f, "{count}")?;
        words(f, self.queue_if_no_path.then_some("queue_if_no_path"))?;
        if let Some(retries) = self.pg_init_retries {
            write!(f, " pg_init_retries {retries}")?;
        }
        if let Some(delay) = self.pg_init_delay_msecs {
            write!(f, " pg_init_delay_msecs {delay}")?;
        }
        let retain = "retain_attached_hw_handler";
        words(f, self.retain_attached_hw_handler.then_some(retain))?;
        match self.queue_mode {
            Some(mode) => write!(f, " queue_mode {}", mode.text()),
            None => Ok(()),
        }
    }
}

impl Text for Group {
    fn read(reader: &mut Reader<'_>) -> Result<Group, ParamError> {
        let word = reader.word("path selector")?;
        if !SELECTORS.contains(&&*word.text) {
            return Err(word.unknown("path selector", SELECTORS.join(", ")));
        }
        let selector = word.text.into_owned();
        let selector_args = reader.list("number of its arguments", "its argument")?;
        let (count, path_args) = paths(reader)?;
        let numeric = NUMERIC.contains(&selector.as_str());
        let paths = (0..count).map(|_| {
            let device = reader.whole("path")?;
            let args = match numeric {
                true => numbers(reader, path_args)?,
                false => args(reader, path_args)?,
            };
            Ok(Path { device, args })
        });
        Ok(Group {
            selector,
            selector_args,
            path_args,
            paths: paths.collect::<Result<_, ParamError>>()?,
        })
    }
}

/// How many paths follow, and how many words each has besides its device.
fn paths(reader: &mut Reader<'_>) -> Result<(u32, u32), ParamError> {
    let word = reader.word("number of paths")?;
    let count = word.positive("number of paths")?;
    let args: u32 = reader.number("number of words of each path")?;
    let needed = u64::from(count) * (1 + u64::from(args));
    let words = reader.remaining();
    match needed > words as u64 {
        true => Err(word.error(Reason::TooFewWords {
            what: "number of words of the paths",
            words,
        })),
        false => Ok((count, args)),
    }
}

/// What chooses a path.
const SELECTORS: &[&str] = &[
    "round-robin",
    "queue-length",
    "service-time",
    "historical-service-time",
    "io-affinity",
];

/// Selectors whose words are numbers: how many requests in a row, and how fast the path is.
const NUMERIC: &[&str] = &["round-robin", "queue-length", "service-time"];

fn numbers(reader: &mut Reader<'_>, count: u32) -> Result<Vec<String>, ParamError> {
    let number = |at| {
        let what = match at {
            0 => "requests in a row on this path",
            1 => "how fast the path is beside others",
            _ => "word of the path for its selector",
        };
        Ok(reader.number::<u32>(what)?.to_string())
    };
    (0..count).map(number).collect()
}

pub(super) fn args(reader: &mut Reader<'_>, count: u32) -> Result<Vec<String>, ParamError> {
    (0..count)
        .map(|_| reader.field("word of the path for its selector"))
        .collect()
}

impl fmt::Display for Group {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let selector = EscapedWord(&self.selector);
        write!(f, "{selector} {}", self.selector_args.len())?;
        words(f, &self.selector_args)?;
        write!(f, " {} {}", self.paths.len(), self.path_args)?;
        words(f, &self.paths)
    }
}

impl fmt::Display for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.device.fmt(f)?;
        words(f, &self.args)
    }
}

impl Text for Message {
    fn read(reader: &mut Reader<'_>) -> Result<Message, ParamError> {
        let word = reader.word("message")?;
        Ok(match word.text.to_ascii_lowercase().as_str() {
            "queue_if_no_path" => Message::QueueIfNoPath,
            "fail_if_no_path" => Message::FailIfNoPath,
            "disable_group" => Message::DisableGroup(reader.number("group")?),
            "enable_group" => Message::EnableGroup(reader.number("group")?),
            "switch_group" => Message::SwitchGroup(reader.number("group")?),
            "reinstate_path" => Message::ReinstatePath(reader.device("path")?),
            "fail_path" => Message::FailPath(reader.device("path")?),
            _ => {
                return Err(word.unknown(
                    "message",
                    "queue_if_no_path, fail_if_no_path, disable_group, enable_group, \
                     switch_group, reinstate_path, fail_path",
                ));
            }
        })
    }
}

impl fmt::Display for Message {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Message::QueueIfNoPath => f.write_str("queue_if_no_path"),
            Message::FailIfNoPath => f.write_str("fail_if_no_path"),
            Message::DisableGroup(group) => write!(f, "disable_group {group}"),
            Message::EnableGroup(group) => write!(f, "enable_group {group}"),
            Message::SwitchGroup(group) => write!(f, "switch_group {group}"),
            Message::ReinstatePath(path) => write!(f, "reinstate_path {path}"),
            Message::FailPath(path) => write!(f, "fail_path {path}"),
        }
    }
}
