//! Waiting for a udev that plays a part, with real semaphores and nodes: it always ends, and leaves
//! no semaphore behind.

#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used)] // clippy knows helpers for no tests

mod support;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::thread;
use std::time::{Duration, Instant};

use dm_core::client::Dm;
use dm_core::command::{RemoveMode, SuspendOptions};
use dm_core::errno::Errno;
use dm_core::error::ErrorKind;
use dm_linux::Linux;
use dm_linux::abi::command::Request;
use dm_linux::abi::reply::{Reply, ReplyData};
use dm_linux::abi::{ByteOrder, Call, Flags};
use dm_linux::nodes::{NodePolicy, Nodes};
use dm_linux::udev::{Change, Cookie, CookieError, How, MAGIC, Udev, UdevFlags, UdevState, Waiter};
use rustix::fd::OwnedFd;
use rustix::net::{AddressFamily, SocketAddrUnix, SocketFlags, SocketType};
use support::{NUMBER, Script, Step, asked, header, plain, script_with, vol0};

/// A udev in a folder of its own.
struct Stage {
    home: tempfile::TempDir,
    socket: Option<OwnedFd>,
    nodes: Nodes,
}

/// What udev does with an event.
#[derive(Clone, Copy, PartialEq)]
enum Part {
    /// All that it should.
    Whole,
    /// It makes nodes, but sees no semaphore.
    Blind,
    /// Nothing.
    Silent,
}

impl Stage {
    /// A udev that listens, unless this user can make no nodes.
    fn new() -> Option<Stage> {
        let home = tempfile::tempdir().unwrap();
        let nodes = Nodes::at(home.path().join("mapper"), NodePolicy::Always);
        if std::env::var_os("CI").is_none() && nodes.make(b"try", NUMBER).is_err() {
            eprintln!("skipped: this user may not make nodes");
            return None;
        }
        nodes.remove(b"try").unwrap();
        std::fs::create_dir_all(home.path().join("data")).unwrap();
        let flags = SocketFlags::CLOEXEC;
        let kind = SocketType::SEQPACKET;
        let socket = rustix::net::socket_with(AddressFamily::UNIX, kind, flags, None).unwrap();
        let address = SocketAddrUnix::new(home.path().join("control")).unwrap();
        rustix::net::bind(&socket, &address).unwrap();
        rustix::net::listen(&socket, 64).unwrap();
        Some(Stage {
            home,
            socket: Some(socket),
            nodes,
        })
    }

    fn udev(&self) -> Udev {
        let udev = Udev::at(self.home.path(), self.nodes.clone());
        udev.timeout(Duration::from_secs(20))
    }

    fn node(&self, name: &str) -> PathBuf {
        self.home.path().join("mapper").join(name)
    }

    /// A resume that raises an event, upon which udev plays its part.
    fn resume(&self, name: &'static str, part: Part) -> (Call, Step) {
        let (nodes, data) = (self.nodes.clone(), self.home.path().join("data"));
        let act = move |bytes: &mut [u8]| {
            let request = Request::decode(Call::DevSuspend, bytes, ByteOrder::NATIVE);
            let event = request.unwrap().header.event;
            let mut header = header();
            header.flags |= Flags::UEVENT_GENERATED;
            header.name = name.into();
            let reply = Reply::new(header, ReplyData::None);
            reply.encode(bytes, ByteOrder::NATIVE).unwrap();
            let (nodes, data) = (nodes.clone(), data.clone());
            thread::spawn(move || act_upon(event, part, &nodes, name, &data));
        };
        (Call::DevSuspend, Step::Raw(Box::new(act)))
    }
}

fn act_upon(event: u32, part: Part, nodes: &Nodes, name: &str, data: &Path) {
    thread::sleep(Duration::from_millis(30));
    if part == Part::Silent {
        return;
    }
    std::fs::write(data.join(format!("b{}:{}", NUMBER.major, NUMBER.minor)), "").unwrap();
    nodes.make(name.as_bytes(), NUMBER).unwrap();
    if part == Part::Whole {
        let cookie = u32::from(MAGIC) << 16 | event & 0xffff;
        Cookie::find(cookie).unwrap().complete().unwrap();
    }
}

/// The events that the kernel was told of; none of their cookies is left.
fn events(dm: &Dm<Linux<Script>>) -> Vec<u32> {
    let events: Vec<u32> = asked(dm).iter().map(|it| it.header.event).collect();
    for event in &events {
        let cookie = u32::from(MAGIC) << 16 | event & 0xffff;
        assert!(Cookie::find(cookie).is_err(), "{cookie:#x} is left");
    }
    events
}

fn resume(dm: &Dm<Linux<Script>>) {
    dm.resume(vol0(), SuspendOptions::default()).unwrap();
}

#[test]
fn command_waits_until_udev_is_through() {
    let Some(stage) = Stage::new() else { return };
    let dm = script_with([stage.resume("vol0", Part::Whole)], stage.udev());
    let start = Instant::now();
    resume(&dm);
    assert!(stage.node("vol0").exists());
    assert!(start.elapsed() >= Duration::from_millis(30));
    let [event] = events(&dm)[..] else { panic!() };
    assert_eq!(UdevFlags::of_event(event), UdevFlags::PRIMARY_SOURCE);
    assert_ne!(event & 0xffff, 0);
}

#[test]
fn command_without_an_event_does_not_wait() {
    let Some(stage) = Stage::new() else { return };
    let deferred = plain(Call::DevRemove, |header| {
        header.flags |= Flags::DEFERRED_REMOVE;
    });
    let failed = (Call::DevRemove, Step::Errno(Errno::EBUSY));
    let dm = script_with([support::version(48), deferred, failed], stage.udev());
    let start = Instant::now();
    dm.remove(vol0(), RemoveMode::Deferred).unwrap();
    let error = dm.remove(vol0(), RemoveMode::IfUnused).unwrap_err();
    assert_eq!(error.kind, ErrorKind::Busy);
    assert!(start.elapsed() < Duration::from_secs(10));
    events(&dm);
}

#[test]
fn silent_udev_is_given_up_and_the_node_made() {
    let Some(stage) = Stage::new() else { return };
    let udev = stage.udev().timeout(Duration::from_millis(200));
    let dm = script_with([stage.resume("vol0", Part::Silent)], udev);
    let batch = dm.backend().batch();
    let silent = Dm::new(&batch);
    silent.resume(vol0(), SuspendOptions::default()).unwrap();
    assert!(!stage.node("vol0").exists());
    let settled = batch.wait();
    assert!(stage.node("vol0").exists() && settled.is_trouble());
    let pid = Some(std::process::id());
    assert_eq!(settled.how, How::Unanswered(UdevState::Running { pid }));
    let text = settled.to_string();
    assert!(text.starts_with("udev did not answer within 0."), "{text}");
    assert!(text.ends_with("; put right here: vol0"), "{text}");
    events(&dm);
}

#[test]
fn udev_that_dies_meanwhile_is_not_waited_for() {
    let Some(mut stage) = Stage::new() else {
        return;
    };
    let dm = script_with([stage.resume("vol0", Part::Silent)], stage.udev());
    let batch = dm.backend().batch();
    let dying = Dm::new(&batch);
    dying.resume(vol0(), SuspendOptions::default()).unwrap();
    stage.socket = None;
    let settled = batch.wait();
    assert_eq!(settled.how, How::Unanswered(UdevState::Dead));
    assert!(settled.waited < Duration::from_secs(10) && stage.node("vol0").exists());
    events(&dm);
}

#[test]
fn nodes_are_made_here_where_udev_is_gone() {
    let Some(mut stage) = Stage::new() else {
        return;
    };
    stage.socket = None;
    let steps = [
        stage.resume("vol0", Part::Silent),
        plain(Call::DevRemove, |header| {
            header.flags |= Flags::UEVENT_GENERATED;
        }),
    ];
    let dm = script_with(steps, stage.udev());
    resume(&dm);
    assert!(stage.node("vol0").exists());
    dm.remove(vol0(), RemoveMode::IfUnused).unwrap();
    assert!(!stage.node("vol0").exists());
    assert!(events(&dm).iter().all(|event| event & 0xffff == 0));
}

#[test]
fn udev_that_sees_no_semaphores_is_found_out() {
    let Some(stage) = Stage::new() else { return };
    let steps = [
        stage.resume("vol0", Part::Blind),
        stage.resume("vol1", Part::Blind),
    ];
    let dm = script_with(steps, stage.udev());
    for _ in 0..2 {
        let batch = dm.backend().batch();
        resume_in(&batch);
        let settled = batch.wait();
        assert_eq!(settled.how, How::Seen, "{settled}");
    }
    let [first, second] = events(&dm)[..] else {
        panic!()
    };
    // From then on it is not asked to count.
    assert!(first & 0xffff != 0 && second & 0xffff == 0);
}

fn resume_in(batch: &dm_linux::Batch<'_, Script>) {
    let dm = Dm::new(batch);
    dm.resume(vol0(), SuspendOptions::default()).unwrap();
}

#[test]
fn batch_is_one_wait_with_one_cookie() {
    let Some(stage) = Stage::new() else { return };
    let names = ["vol0", "vol1", "vol2"];
    let steps = names.map(|name| stage.resume(name, Part::Whole));
    let dm = script_with(steps, stage.udev());
    let batch = dm.backend().batch();
    names.iter().for_each(|_| resume_in(&batch));
    let settled = batch.wait();
    assert_eq!(settled.how, How::Udev);
    assert!(names.iter().all(|name| stage.node(name).exists()));
    let events = events(&dm);
    assert!(events.iter().all(|event| *event == events[0]));
}

#[test]
fn batch_that_is_dropped_waits() {
    let Some(stage) = Stage::new() else { return };
    let dm = script_with([stage.resume("vol0", Part::Whole)], stage.udev());
    resume_in(&dm.backend().batch());
    assert!(stage.node("vol0").exists());
    events(&dm);
}

#[test]
fn cookie_of_somebody_else_is_left_to_them() {
    let Some(stage) = Stage::new() else { return };
    let cookie = Cookie::create().unwrap();
    let udev = stage.udev().join(cookie.value());
    let steps = [
        stage.resume("vol0", Part::Silent),
        plain(Call::DevSuspend, |_| ()),
    ];
    let dm = script_with(steps, udev);
    resume(&dm);
    assert_eq!(cookie.count(), Ok(2));
    resume(&dm);
    assert_eq!(cookie.count(), Ok(2), "no event was raised");
    let value = cookie.value();
    let left = dm_linux::udev::release(cookie, Duration::from_millis(50)).unwrap();
    assert_eq!((left, events(&dm).len()), (1, 2));
    let gone = script_with([], stage.udev().join(value));
    let error = gone.remove(vol0(), RemoveMode::IfUnused).unwrap_err();
    assert_eq!(error.kind, ErrorKind::NotFound);
    let text = format!("remove vol0: there is no cookie {value:#x}");
    assert_eq!(error.report(), text);
}

#[test]
fn nodes_are_ours_if_the_rules_make_none() {
    let Some(stage) = Stage::new() else { return };
    let flags = UdevFlags::DISABLE_DM_RULES;
    let part = Arc::new(stage.udev().flags(flags));
    let ticket = part.begin().unwrap();
    let change = Change::resumed("vol0", NUMBER);
    ticket.expect().unwrap();
    ticket.complete().unwrap();
    let settled = part.settle(ticket, &[change]);
    assert_eq!(settled.how, How::Udev);
    assert!(stage.node("vol0").exists());
}

#[test]
fn cookie_goes_with_an_interrupted_wait_and_with_a_ticket_that_is_not_settled() {
    let Some(stage) = Stage::new() else {
        return;
    };
    let udev = stage.udev().interrupt(Arc::new(AtomicBool::new(true)));
    let begin = || {
        let ticket = udev.begin().unwrap();
        let cookie = u32::from(MAGIC) << 16 | ticket.event() & 0xffff;
        assert_eq!(Cookie::find(cookie).unwrap().count(), Ok(1));
        ticket.expect().unwrap();
        (ticket, cookie)
    };
    let (ticket, cookie) = begin();
    let settled = udev.settle(ticket, &[Change::resumed(*b"vol0", NUMBER)]);
    assert_eq!(settled.how, How::GivenUp);
    assert!(settled.is_trouble());
    assert_eq!(Cookie::find(cookie), Err(CookieError::Missing(cookie)));
    let (ticket, cookie) = begin();
    // Another one's is its owner's.
    drop(ticket.share().unwrap());
    assert!(Cookie::find(cookie).is_ok());
    drop(ticket);
    assert_eq!(Cookie::find(cookie), Err(CookieError::Missing(cookie)));
}
