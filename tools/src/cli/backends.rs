//! Each verb on each driver that a test can have in process: what is done, and what a driver lacks.

#![allow(clippy::unwrap_used)]

#[allow(dead_code, unreachable_pub)]
#[path = "../../../dm-netbsd/tests/over_engine/kernel.rs"]
mod kernel;

use std::ffi::OsString;
use std::sync::Arc;

use dm_core::backend::Backend;
use dm_core::blockdev::MemDev;
use dm_core::engine::Engine;
use dm_core::units::SectorCount;
use dm_netbsd::NetBsd;
use dm_netbsd::nodes::{NodePolicy, Nodes};
use dm_proto::netbsd::Caller;

use crate::backend::{Connected, Place};
use crate::layer::Layers;
use crate::output::Answer;

use super::command_line;
use super::session::Session;

fn engine() -> Connected {
    let engine = Engine::new();
    for number in 0..3 {
        let disk = Arc::new(MemDev::new(SectorCount(1000)));
        engine.attach(&format!("/dev/wd{number}a"), disk);
    }
    connected(engine)
}

fn netbsd() -> Connected {
    let nodes = Nodes::new(NodePolicy::Never);
    connected(NetBsd::new(kernel::Kernel::new(Caller::Root), nodes))
}

fn connected(backend: impl Backend + 'static) -> Connected {
    connected_at(backend, Place::Daemon(None))
}

fn connected_at(backend: impl Backend + 'static, place: Place) -> Connected {
    Connected::new(backend, "a test's".into(), place, Layers::default())
}

/// How a verb ends.
enum Ends {
    Done,
    /// It is not: what is said, and what there is instead.
    Lacks(&'static str, &'static str),
}

use Ends::{Done, Lacks};

/// What that driver has no command for.
const fn lacks(said: &'static str) -> Ends {
    Lacks(
        said,
        "hint: --backend engine has it, and serves its devices over NBD",
    )
}

/// Command lines, whose bar stands before one word, and how they end on NetBSD; all are done by the engine. What
/// only the daemon and the kernels have is left out: files of file systems, exports, nodes.
const ROWS: &[(&str, Ends)] = &[
    (
        "create low -u U-low --table|0 64 linear /dev/wd0a 100",
        Done,
    ),
    ("create a --table|0 8 linear /dev/wd1a 100", Done),
    ("create --concise|b,,,,0 8 linear /dev/wd2a 100", Done),
    (
        "create c --minor 7 --table|0 8 linear /dev/wd2a 200",
        lacks("dmctl: create c: NetBSD's driver can not: it chooses minor numbers itself"),
    ),
    (
        "create d --readonly --table|0 8 linear /dev/wd2a 200",
        lacks("dmctl: load d: NetBSD's driver can not: it has no read-only tables"),
    ),
    ("load low --table|0 64 linear /dev/wd0a 200", Done),
    ("clear low", Done),
    ("load low --table|0 64 linear /dev/wd0a 200", Done),
    ("resume low", Done),
    ("suspend low", Done),
    ("load low --table|0 64 linear /dev/wd0a 200", Done),
    ("resume low", Done),
    ("rename low lower", Done),
    (
        "rename a --setuuid U-a",
        Lacks(
            "dmctl: rename a: NetBSD's driver can not: it does not have the command",
            "hint: dmctl create -u gives a device its uuid",
        ),
    ),
    (
        "message lower 0 @stats_list",
        lacks("dmctl: message lower: NetBSD's driver can not: it does not have the command"),
    ),
    (
        "setgeometry lower 1 1 8 0",
        lacks("dmctl: setgeometry lower: NetBSD's driver can not: it does not have the command"),
    ),
    (
        "wipe_table b",
        Lacks(
            "dmctl: wipe_table b: line 1: error: the target is unknown",
            "hint: --backend engine has it, and serves its devices over NBD",
        ),
    ),
    ("ls", Done),
    ("ls --tree", Done),
    ("info", Done),
    ("info -c", Done),
    ("table", Done),
    ("status", Done),
    ("deps", Done),
    (
        "measure",
        lacks("dmctl: measure a: NetBSD's driver can not: it does not have the command"),
    ),
    ("targets", Done),
    (
        "target-version linear",
        lacks(
            "dmctl: target-version linear: NetBSD's driver can not: it does not have the command",
        ),
    ),
    ("version", Done),
    ("tree", Done),
    ("graph", Done),
    ("save", Done),
    ("explain lower", Done),
    (
        "wait lower 9",
        Lacks(
            "dmctl: wait lower: NetBSD's driver can not: it does not have the command",
            "hint: dmctl watch shows what happens to devices",
        ),
    ),
    ("watch --seconds 0", Done),
    ("mangle", Done),
    (
        "stats create lower",
        lacks("dmctl: stats create lower: NetBSD's driver can not: it does not have the command"),
    ),
    (
        "stats list",
        lacks("dmctl: stats list a: NetBSD's driver can not: it does not have the command"),
    ),
    (
        "stats report --count 1",
        lacks("dmctl: stats report a: NetBSD's driver can not: it does not have the command"),
    ),
    (
        "stats delete lower --allregions",
        lacks("dmctl: stats delete lower: NetBSD's driver can not: it does not have the command"),
    ),
    (
        "top --count 1 --interval 0.1",
        lacks("dmctl: top a: NetBSD's driver can not: it does not have the command"),
    ),
    (
        "remove --deferred b",
        Lacks(
            "dmctl: remove b: NetBSD's driver can not: it removes devices at once or not at all",
            "hint: dmctl remove once nobody has it open",
        ),
    ),
    ("remove a", Done),
    (
        "remove_all",
        Lacks(
            "dmctl: remove_all: NetBSD's driver can not: it does not have the command",
            "hint: dmctl remove takes the devices it names",
        ),
    ),
    ("apply --prune /dev/null", Done),
];

/// What a line says on stderr in the end.
fn said(line: &str, connected: &mut Option<Connected>) -> Vec<String> {
    let (words, last) = line.split_once('|').unwrap_or((line, ""));
    let last = Some(last).filter(|last| !last.is_empty());
    let words = ["dmctl"].into_iter().chain(words.split(' ')).chain(last);
    let words: Vec<OsString> = words.map(OsString::from).collect();
    let order = command_line::read(&words).unwrap();
    let said = order.said();
    let session = Session::new(order.globals, order.verb.name, said);
    let session = session.over(connected.take().unwrap());
    let mut answer = Answer::default();
    let ended = order.arguments.obey(order.verb, &session, &mut answer);
    let said = ended.err().map(|failure| {
        let failure = failure.about(said, None);
        session.with_alternative(failure).lines("dmctl")
    });
    *connected = session.take();
    said.unwrap_or_default()
}

#[test]
fn engine_has_every_verb() {
    let mut connected = Some(engine());
    for (line, _) in ROWS {
        assert_eq!(said(line, &mut connected), [""; 0], "{line}");
    }
}

#[test]
fn what_netbsd_lacks_is_said_in_a_line_with_what_there_is_instead() {
    let mut connected = Some(netbsd());
    for (line, ends) in ROWS {
        let said = said(line, &mut connected);
        match ends {
            Done => assert_eq!(said, [""; 0], "{line}"),
            Lacks(what, instead) => assert_eq!(said, [*what, *instead], "{line}"),
        }
    }
}

#[test]
fn attach_is_the_daemons_alone() {
    let device = "create a --table|0 8 zero";
    let (of_kernel, of_none) = (Place::Kernel, Place::Daemon(None));
    for (place, lines) in [
        (
            of_kernel,
            &[
                "dmctl: attach a: a kernel's devices are block devices already",
                "hint: /dev/mapper/a is this one",
            ][..],
        ),
        (
            of_none,
            &["dmctl: attach a: this driver's devices can not be attached"],
        ),
    ] {
        let mut connected = Some(connected_at(Engine::new(), place));
        assert_eq!(said(device, &mut connected), [""; 0]);
        assert_eq!(said("attach a", &mut connected), lines);
    }
}
