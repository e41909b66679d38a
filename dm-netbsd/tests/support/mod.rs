//! A kernel that answers with captured replies, in order.
// Each test file uses its part; clippy knows helpers outside of #[test] functions for no tests.
#![allow(dead_code, clippy::unwrap_used)]

use std::collections::VecDeque;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Mutex;

use dm_core::client::Dm;
use dm_core::devid::DevNo;
use dm_core::errno::Errno;
use dm_netbsd::NetBsd;
use dm_netbsd::control::{ControlError, Majors};
use dm_netbsd::nodes::{NodePolicy, Nodes};
use dm_netbsd::sys::Sys;
use dm_proto::proplib::{Limits, read_dictionary, terminate, write_dictionary};

pub(crate) const MAJORS: Majors = Majors {
    character: 194,
    block: 169,
};

/// What the kernel does with one request.
pub(crate) enum Step {
    /// Gets the bytes of the first captured request, and gives those of the second captured reply.
    Captured(&'static str, &'static str),
    /// Gives these bytes to whatever comes.
    Raw(Vec<u8>),
    /// Refuses the ioctl.
    Errno(Errno),
}

/// A kernel that plays a script.
pub(crate) struct Script(Mutex<VecDeque<Step>>);

impl Sys for Script {
    fn majors(&self) -> Result<Majors, ControlError> {
        Ok(MAJORS)
    }

    fn ioctl(&self, request: &[u8]) -> Result<Vec<u8>, Errno> {
        let step = self.0.lock().unwrap().pop_front();
        match step
            .unwrap_or_else(|| panic!("after the script: {}", String::from_utf8_lossy(request)))
        {
            Step::Captured(sent, reply) => {
                assert_eq!(as_captured(request), text(&file(sent, "request")), "{sent}");
                Ok(terminate(fs::read(file(reply, "reply")).unwrap()))
            }
            Step::Raw(bytes) => Ok(bytes),
            Step::Errno(errno) => Err(errno),
        }
    }

    fn block_device(&self, _: &Path) -> Option<DevNo> {
        None
    }

    fn try_open(&self, _: &Path) -> Result<(), Errno> {
        Err(Errno::ENOENT)
    }

    fn privileged(&self) -> bool {
        true
    }
}

/// A request without the two keys that LVM2's client and ours always send, and that the capturing one left out.
fn as_captured(request: &[u8]) -> String {
    let (last, _) = request.split_last().unwrap();
    assert_eq!(*last, 0, "a request has a NUL behind it");
    let mut keys = read_dictionary(request, &Limits::IOCTL).unwrap();
    // What is sent is canonical.
    assert_eq!(terminate(write_dictionary(&keys)), request);
    assert_eq!(keys.uint32("event_nr"), Some(0));
    keys.remove("event_nr");
    if keys.uint32("minor").unwrap() == 0 {
        keys.remove("minor");
    }
    String::from_utf8(write_dictionary(&keys)).unwrap()
}

fn text(path: &Path) -> String {
    fs::read_to_string(path).unwrap()
}

/// The file of a captured step, as in `life 007`.
pub(crate) fn file(step: &str, what: &str) -> PathBuf {
    let (scenario, number) = step.split_once(' ').unwrap();
    let golden = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/golden/netbsd");
    let files = fs::read_dir(golden.join(scenario)).unwrap();
    let mut paths = files.map(|entry| entry.unwrap().path());
    let is = |path: &PathBuf| {
        let name = path.file_name().unwrap().to_str().unwrap();
        name.starts_with(number) && name.ends_with(&format!(".{what}.plist"))
    };
    paths
        .find(is)
        .unwrap_or_else(|| panic!("{step} has no {what}"))
}

/// A driver whose kernel plays `steps`, and makes no nodes.
pub(crate) fn script(steps: impl IntoIterator<Item = Step>) -> Dm<NetBsd<Script>> {
    let script = Script(Mutex::new(steps.into_iter().collect()));
    Dm::new(NetBsd::new(script, Nodes::new(NodePolicy::Never)))
}

/// A driver whose kernel answers as captured: each step by itself, or as `REQUEST > REPLY` with another's reply.
pub(crate) fn captured(steps: &[&'static str]) -> Dm<NetBsd<Script>> {
    script(steps.iter().map(|step| match step.split_once(" > ") {
        Some((sent, reply)) => Step::Captured(sent, reply),
        None => Step::Captured(step, step),
    }))
}

/// All of the script was played.
pub(crate) fn at_end(dm: &Dm<NetBsd<Script>>) {
    let left = dm.backend().sys().0.lock().unwrap().len();
    assert_eq!(left, 0, "not all was asked");
}
