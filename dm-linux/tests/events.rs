//! Events from a kernel that plays a script.

#![allow(clippy::unwrap_used)] // clippy knows helpers for no tests

mod support;

use dm_core::difference::Difference;
use dm_core::errno::Errno;
use dm_core::events::Events;
use dm_linux::Linux;
use dm_linux::abi::Call;
use dm_linux::abi::reply::ReplyData;
use support::{Script, Step, plain, record_of, reply, script, version};

fn armed() -> (Call, Step) {
    plain(Call::DevArmPoll, |_| ())
}

fn list(minors: &[u32], event: u32) -> (Call, Step) {
    let record = |minor: &u32| {
        let mut record = record_of(*minor);
        record.event = Some(event);
        record
    };
    let records = minors.iter().map(record).collect();
    reply(Call::ListDevices, ReplyData::Names(records))
}

fn linux(steps: impl IntoIterator<Item = (Call, Step)>) -> Linux<Script> {
    script(steps).into_backend()
}

#[test]
fn poll_is_armed_before_each_list() {
    let steps = [
        version(48),
        armed(),
        list(&[0], 1),
        armed(),
        list(&[0, 1], 1),
        armed(),
        list(&[1], 2),
    ];
    let mut events = Events::new(linux(steps)).unwrap();
    assert_eq!(events.devices().len(), 1);
    let added = events.differences().unwrap();
    assert!(matches!(&added[..], [Difference::Added(it)] if it.name.as_str() == "vol1"));
    let more = events.differences().unwrap();
    let [
        Difference::Removed(gone),
        Difference::Raised { before: 1, device },
    ] = &more[..]
    else {
        panic!("{more:?}");
    };
    assert_eq!((gone.number.minor, device.event), (0, Some(2)));
}

#[test]
fn failure_loses_nothing() {
    let steps = [
        version(48),
        armed(),
        list(&[0], 1),
        armed(),
        (Call::ListDevices, Step::Errno(Errno::ENOMEM)),
        armed(),
        list(&[], 1),
    ];
    let mut events = Events::new(linux(steps)).unwrap();
    assert!(events.differences().is_err());
    let more = events.differences().unwrap();
    assert!(matches!(&more[..], [Difference::Removed(_)]));
}
