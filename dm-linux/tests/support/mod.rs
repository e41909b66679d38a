//! A kernel that plays a script.
// Each test file uses its part; clippy knows helpers outside of #[test] functions for no tests.
#![allow(dead_code, clippy::unwrap_used)]

pub(crate) mod driver;

use std::collections::VecDeque;
use std::fmt;
use std::fs::File;
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::{Arc, Mutex};

use dm_core::client::Dm;
use dm_core::command::TargetVersion;
use dm_core::devid::DevNo;
use dm_core::errno::Errno;
use dm_core::error::DmError;
use dm_core::names::{DmName, TargetName};
use dm_core::table::TableLine;
use dm_core::version::Version;
use dm_linux::Linux;
use dm_linux::abi::command::Request;
use dm_linux::abi::reply::{Fit, NameRecord, Reply, ReplyData};
use dm_linux::abi::view::Header;
use dm_linux::abi::{ByteOrder, Call, Flags};
use dm_linux::buffer::Buffer;
use dm_linux::nodes::{NodePolicy, Nodes};
use dm_linux::sys::{Poller, Sys};
use dm_linux::udev::Waiter;

pub(crate) const NUMBER: DevNo = DevNo {
    major: 253,
    minor: 3,
};

/// What a kernel does to a buffer.
pub(crate) type Act = Box<dyn Fn(&mut [u8]) + Send>;

/// What the kernel does with one ioctl.
pub(crate) enum Step {
    /// Answers, or says that the answer does not fit.
    Reply(Reply),
    /// Refuses.
    Errno(Errno),
    /// Obeys, and writes nothing but the version.
    Untouched,
    /// Does this to the buffer.
    Raw(Act),
}

/// A kernel that plays a script, and remembers what it was asked.
#[derive(Clone, Default)]
pub(crate) struct Script(Arc<Play>);

#[derive(Default)]
struct Play {
    steps: Mutex<VecDeque<(Call, Step)>>,
    asked: Mutex<Vec<(Call, Vec<u8>)>>,
}

impl Sys for Script {
    fn ioctl(&self, call: Call, buffer: &mut Buffer) -> Result<(), Errno> {
        let asked = (call, buffer.bytes().to_vec());
        self.0.asked.lock().unwrap().push(asked);
        let mut steps = self.0.steps.lock().unwrap();
        let (wanted, step) = steps
            .pop_front()
            .unwrap_or_else(|| panic!("{call:?} after the end of the script"));
        assert_eq!(call, wanted);
        let bytes = buffer.bytes_mut();
        match step {
            Step::Reply(reply) => {
                if reply.encode(bytes, ByteOrder::NATIVE).unwrap() == Fit::Full {
                    steps.push_front((call, Step::Reply(reply)));
                }
                Ok(())
            }
            Step::Errno(errno) => Err(errno),
            Step::Untouched => {
                // The version is written before anything else.
                bytes[..12].copy_from_slice(&version_bytes());
                Ok(())
            }
            Step::Raw(act) => {
                act(bytes);
                Ok(())
            }
        }
    }

    fn poller(&self) -> Result<Box<dyn Poller>, DmError> {
        let file = File::open("/dev/null").unwrap();
        Ok(Box::new(Polled(self.clone(), file)))
    }
}

/// The same kernel, with a descriptor that is always readable.
#[derive(Debug)]
struct Polled(Script, File);

impl Sys for Polled {
    fn ioctl(&self, call: Call, buffer: &mut Buffer) -> Result<(), Errno> {
        self.0.ioctl(call, buffer)
    }
}

impl AsFd for Polled {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.1.as_fd()
    }
}

impl fmt::Debug for Script {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Script")
    }
}

fn version_bytes() -> [u8; 12] {
    let mut bytes = [0; 312];
    let header = header();
    Reply::new(header, ReplyData::None)
        .encode(&mut bytes, ByteOrder::NATIVE)
        .unwrap();
    *bytes.first_chunk().unwrap()
}

/// A backend whose kernel plays `steps`, and makes no nodes.
pub(crate) fn script(steps: impl IntoIterator<Item = (Call, Step)>) -> Dm<Linux<Script>> {
    script_with(steps, Nodes::new(NodePolicy::Never))
}

/// A backend whose kernel plays `steps`, with nodes.
pub(crate) fn script_with(
    steps: impl IntoIterator<Item = (Call, Step)>,
    nodes: impl Waiter + 'static,
) -> Dm<Linux<Script>> {
    let script = Script(Arc::new(Play {
        steps: Mutex::new(steps.into_iter().collect()),
        asked: Mutex::default(),
    }));
    Dm::new(Linux::new(script, nodes))
}

/// The bytes that the kernel was asked with; the script must be at its end.
pub(crate) fn asked_bytes(dm: &Dm<Linux<Script>>) -> Vec<(Call, Vec<u8>)> {
    let script = dm.backend().sys();
    assert_eq!(script.0.steps.lock().unwrap().len(), 0, "not all was asked");
    script.0.asked.lock().unwrap().clone()
}

/// The requests that the kernel got; the script must be at its end.
pub(crate) fn asked(dm: &Dm<Linux<Script>>) -> Vec<Request<'static>> {
    asked_bytes(dm)
        .into_iter()
        .map(|(call, bytes)| Request::decode(call, &bytes, ByteOrder::NATIVE).unwrap())
        .collect()
}

/// The header of a reply about `vol0`, which has an active table of one line.
pub(crate) fn header() -> Header {
    Header {
        version: Version(4, 48, 0),
        name: b"vol0".into(),
        uuid: b"U-1".into(),
        dev: Some(NUMBER),
        flags: Flags::ACTIVE_PRESENT,
        event: 7,
        open_count: 2,
        target_count: 1,
    }
}

pub(crate) fn reply(call: Call, data: ReplyData) -> (Call, Step) {
    (call, Step::Reply(Reply::new(header(), data)))
}

/// A reply of nothing but a header.
pub(crate) fn plain(call: Call, change: impl FnOnce(&mut Header)) -> (Call, Step) {
    let mut header = header();
    change(&mut header);
    (call, Step::Reply(Reply::new(header, ReplyData::None)))
}

pub(crate) fn version(minor: u32) -> (Call, Step) {
    plain(Call::Version, |header| header.version.1 = minor)
}

pub(crate) fn vol0() -> DmName {
    DmName::new("vol0").unwrap()
}

/// A device in the list, as drivers since 4.38 tell it.
pub(crate) fn record_of(minor: u32) -> NameRecord {
    let mut record = NameRecord::new(format!("vol{minor}"), DevNo { major: 253, minor });
    record.event = Some(0);
    record
}

/// Good replies: two specs of 48 and 56 bytes, two list records of 32 and 40, two versions of 24
/// bytes, two numbers, and an answer of 6 bytes; all from byte 312 on.
pub(crate) fn good() -> Vec<(Call, Reply)> {
    let lines = TableLine::parse_table("0 8 zero\n8 8 linear 253:0 1234").unwrap();
    let mut first = NameRecord::new("vol0", NUMBER);
    first.event = Some(1);
    let mut second = NameRecord::new("vol1", NUMBER);
    second.event = Some(2);
    second.uuid = Some(b"U-12345".into());
    let kind = |name| TargetVersion::new(TargetName::new(name).unwrap(), Version(1, 2, 3));
    let reply = |data| Reply::new(header(), data);
    vec![
        (Call::TableStatus, reply(ReplyData::Lines(lines.clone()))),
        (Call::DevWait, reply(ReplyData::Lines(lines))),
        (
            Call::ListDevices,
            reply(ReplyData::Names(vec![first, second])),
        ),
        (
            Call::ListVersions,
            reply(ReplyData::Versions(vec![kind("zero"), kind("error")])),
        ),
        (
            Call::TableDeps,
            reply(ReplyData::Deps(vec![NUMBER, NUMBER])),
        ),
        (
            Call::TargetMsg,
            reply(ReplyData::Answer(Some("1 two".into()))),
        ),
        (
            Call::GetTargetVersion,
            reply(ReplyData::Versions(vec![kind("zero")])),
        ),
        (Call::DevStatus, reply(ReplyData::None)),
        (Call::DevSetGeometry, reply(ReplyData::None)),
        (Call::DevArmPoll, reply(ReplyData::None)),
        (Call::DevRemove, reply(ReplyData::None)),
    ]
}
