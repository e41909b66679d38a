//! The text of any target.

use core::fmt;

use crate::table::{ParamError, Reason};

use super::{
    Reader, cache, clone, core_message, crypt, delay, dust, ebs, era, error, flakey, inlinecrypt,
    integrity, linear, log_writes, mirror, multipath, pcache, raid, snapshot, striped, switch,
    thin, thin_pool, unstriped, vdo, verity, writecache, zero, zoned,
};

/// The parameters of any target.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize), serde(untagged))]
#[non_exhaustive]
pub enum Params {
    /// Of `linear`.
    Linear(linear::Params),
    /// Of `striped`.
    Striped(striped::Params),
    /// Of `zero`.
    Zero(zero::Params),
    /// Of `error`.
    Error(error::Params),
    /// Of `delay`.
    Delay(delay::Params),
    /// Of `flakey`.
    Flakey(flakey::Params),
    /// Of `dust`.
    Dust(dust::Params),
    /// Of `log-writes`.
    LogWrites(log_writes::Params),
    /// Of `snapshot`.
    Snapshot(snapshot::Params),
    /// Of `snapshot-merge`.
    SnapshotMerge(snapshot::Params),
    /// Of `snapshot-origin`.
    SnapshotOrigin(snapshot::OriginParams),
    /// Of `mirror`.
    Mirror(mirror::Params),
    /// Of `raid`.
    Raid(raid::Params),
    /// Of `crypt`.
    Crypt(crypt::Params),
    /// Of `inlinecrypt`.
    Inlinecrypt(inlinecrypt::Params),
    /// Of `integrity`.
    Integrity(integrity::Params),
    /// Of `verity`.
    Verity(verity::Params),
    /// Of `thin-pool`.
    ThinPool(thin_pool::Params),
    /// Of `thin`.
    Thin(thin::Params),
    /// Of `cache`.
    Cache(cache::Params),
    /// Of `writecache`.
    Writecache(writecache::Params),
    /// Of `era`.
    Era(era::Params),
    /// Of `clone`.
    Clone(clone::Params),
    /// Of `multipath`.
    Multipath(multipath::Params),
    /// Of `unstriped`.
    Unstriped(unstriped::Params),
    /// Of `switch`.
    Switch(switch::Params),
    /// Of `ebs`.
    Ebs(ebs::Params),
    /// Of `zoned`.
    Zoned(zoned::Params),
    /// Of `vdo`.
    Vdo(vdo::Params),
    /// Of `pcache`.
    Pcache(pcache::Params),
}

impl fmt::Display for Params {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Params::Linear(text) => text.fmt(f),
            Params::Striped(text) => text.fmt(f),
            Params::Zero(text) => text.fmt(f),
            Params::Error(text) => text.fmt(f),
            Params::Delay(text) => text.fmt(f),
            Params::Flakey(text) => text.fmt(f),
            Params::Dust(text) => text.fmt(f),
            Params::LogWrites(text) => text.fmt(f),
            Params::Snapshot(text) => text.fmt(f),
            Params::SnapshotMerge(text) => text.fmt(f),
            Params::SnapshotOrigin(text) => text.fmt(f),
            Params::Mirror(text) => text.fmt(f),
            Params::Raid(text) => text.fmt(f),
            Params::Crypt(text) => text.fmt(f),
            Params::Inlinecrypt(text) => text.fmt(f),
            Params::Integrity(text) => text.fmt(f),
            Params::Verity(text) => text.fmt(f),
            Params::ThinPool(text) => text.fmt(f),
            Params::Thin(text) => text.fmt(f),
            Params::Cache(text) => text.fmt(f),
            Params::Writecache(text) => text.fmt(f),
            Params::Era(text) => text.fmt(f),
            Params::Clone(text) => text.fmt(f),
            Params::Multipath(text) => text.fmt(f),
            Params::Unstriped(text) => text.fmt(f),
            Params::Switch(text) => text.fmt(f),
            Params::Ebs(text) => text.fmt(f),
            Params::Zoned(text) => text.fmt(f),
            Params::Vdo(text) => text.fmt(f),
            Params::Pcache(text) => text.fmt(f),
        }
    }
}

/// The status of any target.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize), serde(untagged))]
#[non_exhaustive]
pub enum Status {
    /// Of a target that has none.
    Empty,
    /// Of `striped`.
    Striped(striped::Status),
    /// Of `delay`.
    Delay(delay::Status),
    /// Of `dust`.
    Dust(dust::Status),
    /// Of `log-writes`.
    LogWrites(log_writes::Status),
    /// Of `snapshot`.
    Snapshot(snapshot::Status),
    /// Of `mirror`.
    Mirror(mirror::Status),
    /// Of `raid`.
    Raid(raid::Status),
    /// Of `integrity`.
    Integrity(integrity::Status),
    /// Of `verity`.
    Verity(verity::Status),
    /// Of `thin-pool`.
    ThinPool(thin_pool::Status),
    /// Of `thin`.
    Thin(thin::Status),
    /// Of `cache`.
    Cache(cache::Status),
    /// Of `writecache`.
    Writecache(writecache::Status),
    /// Of `era`.
    Era(era::Status),
    /// Of `clone`.
    Clone(clone::Status),
    /// Of `multipath`.
    Multipath(multipath::Status),
    /// Of `zoned`.
    Zoned(zoned::Status),
    /// Of `vdo`.
    Vdo(vdo::Status),
    /// Of `pcache`.
    Pcache(pcache::Status),
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Status::Empty => Ok(()),
            Status::Striped(text) => text.fmt(f),
            Status::Delay(text) => text.fmt(f),
            Status::Dust(text) => text.fmt(f),
            Status::LogWrites(text) => text.fmt(f),
            Status::Snapshot(text) => text.fmt(f),
            Status::Mirror(text) => text.fmt(f),
            Status::Raid(text) => text.fmt(f),
            Status::Integrity(text) => text.fmt(f),
            Status::Verity(text) => text.fmt(f),
            Status::ThinPool(text) => text.fmt(f),
            Status::Thin(text) => text.fmt(f),
            Status::Cache(text) => text.fmt(f),
            Status::Writecache(text) => text.fmt(f),
            Status::Era(text) => text.fmt(f),
            Status::Clone(text) => text.fmt(f),
            Status::Multipath(text) => text.fmt(f),
            Status::Zoned(text) => text.fmt(f),
            Status::Vdo(text) => text.fmt(f),
            Status::Pcache(text) => text.fmt(f),
        }
    }
}

/// A message to any target.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize), serde(untagged))]
#[non_exhaustive]
pub enum Message {
    /// To every device.
    Core(core_message::Message),
    /// Of `dust`.
    Dust(dust::Message),
    /// Of `log-writes`.
    LogWrites(log_writes::Message),
    /// Of `raid`.
    Raid(raid::Message),
    /// Of `crypt`.
    Crypt(crypt::Message),
    /// Of `thin-pool`.
    ThinPool(thin_pool::Message),
    /// Of `cache`.
    Cache(cache::Message),
    /// Of `writecache`.
    Writecache(writecache::Message),
    /// Of `era`.
    Era(era::Message),
    /// Of `clone`.
    Clone(clone::Message),
    /// Of `multipath`.
    Multipath(multipath::Message),
    /// Of `switch`.
    Switch(switch::Message),
    /// Of `zoned`.
    Zoned(zoned::Message),
    /// Of `vdo`.
    Vdo(vdo::Message),
    /// Of `pcache`.
    Pcache(pcache::Message),
}

impl fmt::Display for Message {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Message::Core(text) => text.fmt(f),
            Message::Dust(text) => text.fmt(f),
            Message::LogWrites(text) => text.fmt(f),
            Message::Raid(text) => text.fmt(f),
            Message::Crypt(text) => text.fmt(f),
            Message::ThinPool(text) => text.fmt(f),
            Message::Cache(text) => text.fmt(f),
            Message::Writecache(text) => text.fmt(f),
            Message::Era(text) => text.fmt(f),
            Message::Clone(text) => text.fmt(f),
            Message::Multipath(text) => text.fmt(f),
            Message::Switch(text) => text.fmt(f),
            Message::Zoned(text) => text.fmt(f),
            Message::Vdo(text) => text.fmt(f),
            Message::Pcache(text) => text.fmt(f),
        }
    }
}

/// Of a target without a status.
pub(super) fn no_status(_: &mut Reader<'_>) -> Result<Status, ParamError> {
    Ok(Status::Empty)
}

/// To a target without messages.
pub(super) fn no_message(reader: &mut Reader<'_>) -> Result<Message, ParamError> {
    let word = reader.word("message")?;
    Err(word.error(Reason::Other("the target takes no messages".into())))
}
