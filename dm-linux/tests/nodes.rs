//! Which nodes commands leave behind, where no udev makes them.

#![allow(clippy::unwrap_used)] // clippy knows helpers for no tests

mod support;

use std::os::unix::fs::FileTypeExt;

use dm_core::command::{Create, RemoveMode, SuspendOptions};
use dm_core::devid::DevNo;
use dm_core::names::DmName;
use dm_linux::abi::reply::ReplyData;
use dm_linux::abi::{Call, Flags};
use dm_linux::nodes::{NodePolicy, Nodes};
use support::{NUMBER, Step, asked, plain, record_of, reply, script_with, version, vol0};

#[test]
fn nodes_follow_resume_rename_and_remove() {
    let home = tempfile::tempdir().unwrap();
    let nodes = Nodes::at(home.path(), NodePolicy::Always);
    if std::env::var_os("CI").is_none() && nodes.make(b"try", NUMBER).is_err() {
        eprintln!("skipped: this user may not make nodes");
        return;
    }
    nodes.remove(b"try").unwrap();
    let renamed = |header: &mut dm_linux::abi::view::Header| header.name = br"my\x20vol".into();
    let dm = script_with(
        [
            plain(Call::DevCreate, |_| ()),
            plain(Call::DevSuspend, |_| ()),
            plain(Call::DevStatus, |_| ()),
            plain(Call::DevRename, |_| ()),
            version(48),
            plain(Call::DevRemove, |header| {
                renamed(header);
                header.flags |= Flags::DEFERRED_REMOVE;
            }),
            plain(Call::DevRemove, renamed),
        ],
        nodes,
    );
    let is_node = |name: &str| {
        let found = std::fs::metadata(home.path().join(name));
        found.is_ok_and(|found| found.file_type().is_block_device())
    };
    dm.create(Create::new(vol0())).unwrap();
    assert!(!is_node("vol0"));
    dm.resume(vol0(), SuspendOptions::default()).unwrap();
    assert!(is_node("vol0"));
    let name = DmName::new("my vol").unwrap();
    dm.rename(vol0(), name.clone()).unwrap();
    assert!(!is_node("vol0") && is_node(r"my\x20vol"));
    dm.version().unwrap();
    dm.remove(name.clone(), RemoveMode::Deferred).unwrap();
    assert!(is_node(r"my\x20vol"));
    dm.remove(name, RemoveMode::IfUnused).unwrap();
    assert!(!is_node(r"my\x20vol"));
    asked(&dm);
}

#[test]
fn remove_all_takes_the_nodes_of_those_that_went() {
    let home = tempfile::tempdir().unwrap();
    let nodes = Nodes::at(home.path(), NodePolicy::Always);
    let made = |minor| {
        let name = format!("vol{minor}");
        nodes.make(name.as_bytes(), DevNo { major: 253, minor })
    };
    if std::env::var_os("CI").is_none() && made(0).is_err() {
        eprintln!("skipped: this user may not make nodes");
        return;
    }
    made(0).unwrap();
    made(1).unwrap();
    let names = |minors: &[u32]| {
        let records = minors.iter().map(|minor| record_of(*minor));
        reply(Call::ListDevices, ReplyData::Names(records.collect()))
    };
    let steps = [
        names(&[0, 1]),
        (Call::RemoveAll, Step::Untouched),
        names(&[1]),
    ];
    let dm = script_with(steps, nodes.clone());
    dm.remove_all(RemoveMode::IfUnused).unwrap();
    assert!(!home.path().join("vol0").exists());
    assert!(home.path().join("vol1").exists());
}
