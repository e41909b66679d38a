//! What `multipath` says of its groups and paths.

use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

use crate::table::{ParamError, Reason};

use super::multipath::args;
use super::number::number;
use super::{Device, Keyword, Reader, Text, words};

/// How the paths are.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct Status {
    /// Two numbers: whether requests wait, and how many initialisations are under way.
    pub features: Vec<String>,
    /// What the hardware handler says.
    pub handler: Vec<String>,
    /// The group at work: 1 is the first.
    pub group: u32,
    /// The groups.
    pub groups: Vec<GroupStatus>,
    /// Fields of newer kernels.
    pub rest: Vec<String>,
}

/// How a group is.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
pub struct GroupStatus {
    /// Whether it is at work.
    pub state: GroupState,
    /// What the selector says.
    pub selector: Vec<String>,
    /// How many fields each path has.
    pub path_args: u32,
    /// The paths.
    pub paths: Vec<PathStatus>,
}

/// Whether a group is at work.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize),
    serde(rename_all = "snake_case")
)]
pub enum GroupState {
    /// It is.
    Active,
    /// It can be.
    Enabled,
    /// It is passed over.
    Disabled,
}

/// How a path is.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
pub struct PathStatus {
    /// Its device.
    pub device: Device,
    /// Whether it is used.
    pub active: bool,
    /// How often it failed.
    pub failures: u32,
    /// What the selector says of it.
    pub selector: Vec<String>,
}

impl Keyword for GroupState {
    const WORDS: &'static [(&'static str, GroupState)] = &[
        ("A", GroupState::Active),
        ("E", GroupState::Enabled),
        ("D", GroupState::Disabled),
    ];
}

impl Text for Status {
    fn read(reader: &mut Reader<'_>) -> Result<Status, ParamError> {
        let features = reader.list("number of fields", "field")?;
        let handler = reader.list("number of fields of the hardware handler", "field")?;
        let count = reader.counted("number of groups", usize::MAX)?.len();
        let group = reader.number("group at work")?;
        let groups = (0..count).map(|_| GroupStatus::read(reader));
        Ok(Status {
            features,
            handler,
            group,
            groups: groups.collect::<Result<_, _>>()?,
            rest: reader.rest(),
        })
    }
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.features.len())?;
        words(f, &self.features)?;
        write!(f, " {}", self.handler.len())?;
        words(f, &self.handler)?;
        write!(f, " {} {}", self.groups.len(), self.group)?;
        words(f, &self.groups)?;
        words(f, &self.rest)
    }
}

impl Text for GroupStatus {
    fn read(reader: &mut Reader<'_>) -> Result<GroupStatus, ParamError> {
        let state = reader.keyword("state of the group")?;
        let selector = reader.list("number of the selector's fields", "field")?;
        let word = reader.word("number of paths")?;
        let count: u32 = number(&word, "number of paths")?;
        let path_args: u32 = reader.number("number of fields of each path")?;
        let words = reader.remaining();
        if u64::from(count) * (3 + u64::from(path_args)) > words as u64 {
            return Err(word.error(Reason::TooFewWords {
                what: "number of words of the paths",
                words,
            }));
        }
        let paths = (0..count).map(|_| {
            Ok(PathStatus {
                device: reader.device("path")?,
                active: active(reader)?,
                failures: reader.number("failures of the path")?,
                selector: args(reader, path_args)?,
            })
        });
        Ok(GroupStatus {
            state,
            selector,
            path_args,
            paths: paths.collect::<Result<_, ParamError>>()?,
        })
    }
}

fn active(reader: &mut Reader<'_>) -> Result<bool, ParamError> {
    let word = reader.word("state of the path: A active, F failed")?;
    match &*word.text {
        "A" => Ok(true),
        "F" => Ok(false),
        _ => Err(word.unknown("state", "A, F")),
    }
}

impl fmt::Display for GroupStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.state.text(), self.selector.len())?;
        words(f, &self.selector)?;
        write!(f, " {} {}", self.paths.len(), self.path_args)?;
        words(f, &self.paths)
    }
}

impl fmt::Display for PathStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = if self.active { 'A' } else { 'F' };
        write!(f, "{} {state} {}", self.device, self.failures)?;
        words(f, &self.selector)
    }
}
