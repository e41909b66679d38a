//! The rule, for each port, policy and driver, on each kind of disk.

use alloc::sync::Arc;
use alloc::{format, vec};
use std::sync::Mutex;

use super::super::draft::{Draft, front};
use super::super::guard::Guarded;
use super::super::label::FixedText;
use super::super::mbr::MbrEntry;
use super::super::port::Port;
use super::*;
use crate::backend::{Backend, Capabilities, Features};
use crate::blockdev::MemDev;
use crate::client::Dm;
use crate::command::{Command, Create, DeviceInfo, Load, Reply};
use crate::devid::DevNo;
use crate::engine::Engine;
use crate::errno::Errno;
use crate::error::{DmError, ErrorKind};
use crate::names::DmName;
use crate::units::SECTOR_BYTES;

const SECTORS: u64 = 4096;

/// The offsets that each table is tried with.
const OFFSETS: [u64; 8] = [0, 1, 2, 62, 63, 64, 65, 66];

/// A kind of disk: what DEV is, where that starts, whether the disk has a label, and for each
/// offset whether 8 sectors from there on map a label's, by the rule of 2 sectors and of 65.
#[rustfmt::skip]
const KINDS: &[(&str, u64, bool, &str, &str)] = &[
    ("blank",                        0, false, "xx......", "xxxxxx.."),
    ("mbr",                          0, false, "xx......", "xxxxxx.."),
    ("label",                        0, true,  "xx......", "xxxxxx.."),
    ("mbr, label in part at 63",     0, true,  "xx.xxx..", "xxxxxx.."),
    ("mbr, label in part at 2048",   0, true,  "xx......", "xxxxxx.."),
    ("blank",                       63, false, "........", "xx......"),
    ("mbr",                         63, false, "........", "xx......"),
    ("blank",                     2048, false, "........", "........"),
    ("label",                     2048, true,  "........", "........"),
    ("mbr, label in part at 63",    63, true,  "xx......", "xx......"),
    ("mbr, label in part at 2048", 2048, true, "xx......", "xx......"),
    ("mapped",                       0, false, "........", "........"),
    ("unknown",                      0, false, "........", "........"),
];

/// Makes disks with the labels of a port.
struct Fakes(Port);

/// A disk whose copies share its sectors.
struct Shared(Arc<Vec<u8>>);

impl DiskReader for Shared {
    fn size(&self) -> Option<SectorCount> {
        self.0.as_slice().size()
    }

    fn read(&mut self, at: Sector, into: &mut [u8; SECTOR_BYTES]) -> Result<(), Errno> {
        self.0.as_slice().read(at, into)
    }
}

impl Fakes {
    fn image(&self, kind: &str) -> Vec<u8> {
        // All that is read lies before sector 2050.
        let mut disk = vec![0; 2050 * SECTOR_BYTES];
        match kind {
            "blank" => return disk,
            // Without an MBR, as each port would on a disk that has none.
            "label" => {
                let size = SectorCount(SECTORS);
                let label = Draft::new(self.0, size, SectorRange::from_zero(size)).finish();
                self.put(&mut disk, 0, &label.unwrap());
                return disk;
            }
            _ => {}
        }
        let base = if kind.ends_with("2048") { 2048 } else { 63 };
        let mut sector = [0; SECTOR_BYTES];
        MbrEntry::write_netbsd(&mut sector, base, 2000);
        if kind == "mbr" {
            // Linux's.
            sector[450] = 0x83;
        } else {
            let area = SectorRange::new(Sector(base.into()), SectorCount(2000)).unwrap();
            let label = Draft::new(self.0, SectorCount(SECTORS), area).finish();
            self.put(&mut disk, base as usize, &label.unwrap());
        }
        disk[..SECTOR_BYTES].copy_from_slice(&sector);
        disk
    }

    fn put(&self, disk: &mut [u8], base: usize, label: &super::super::Label) {
        let place = self.0.place();
        let mut sector = [0; SECTOR_BYTES];
        label.write(&mut sector, place).unwrap();
        let start = (base + usize::try_from(place.sector.0).unwrap()) * SECTOR_BYTES;
        disk[start..start + SECTOR_BYTES].copy_from_slice(&sector);
    }
}

/// A word says the kind and the start: `KIND@START`.
struct Cached(Vec<(&'static str, Arc<Vec<u8>>)>);

impl Cached {
    fn of(port: Port) -> Cached {
        let fakes = Fakes(port);
        Cached(
            KINDS
                .iter()
                .map(|kind| (kind.0, Arc::new(fakes.image(kind.0))))
                .collect(),
        )
    }
}

impl Disks for Cached {
    fn find(&self, word: &str) -> Standing {
        let (kind, start) = word.split_once('@').unwrap();
        match kind {
            "mapped" => return Standing::Mapped,
            "unknown" => return Standing::Unknown,
            _ => {}
        }
        let image = self.0.iter().find(|(known, _)| *known == kind).unwrap();
        let reader = Box::new(Shared(image.1.clone()));
        Standing::Disk(Disk::new(kind, Sector(start.parse().unwrap()), reader))
    }
}

/// A driver that takes every load, and counts them.
struct Fake {
    driver: &'static str,
    loads: Mutex<u32>,
}

impl Backend for Fake {
    fn capabilities(&self) -> Capabilities {
        Capabilities::new(self.driver, Features::empty())
    }

    fn call(&self, command: Command) -> Result<Reply, DmError> {
        match command {
            Command::Load(_) => {
                *self.loads.lock().unwrap() += 1;
                let number = DevNo { major: 0, minor: 0 };
                Ok(Reply::Device(DeviceInfo::new(
                    DmName::new("vol").unwrap(),
                    number,
                )))
            }
            _ => Err(DmError::new(ErrorKind::NotFound)),
        }
    }
}

fn line(word: &str, offset: u64) -> Vec<TableLine> {
    let word = crate::table::EscapedWord(word);
    TableLine::parse_table(&format!("0 8 linear {word} {offset}")).unwrap()
}

/// Tries each offset on each kind of disk, and tells how it ended.
fn try_all(
    dm: &Dm<Guarded<impl Backend, Cached>>,
    warned: &Mutex<u32>,
    mut see: impl FnMut(usize, usize, Result<bool, DmError>),
) {
    for (row, (kind, start, ..)) in KINDS.iter().enumerate() {
        for (column, offset) in OFFSETS.into_iter().enumerate() {
            *warned.lock().unwrap() = 0;
            let load = Load::new(
                DmName::new("vol").unwrap(),
                line(&format!("{kind}@{start}"), offset),
            );
            let result = dm.load(load).map(|_| *warned.lock().unwrap() == 1);
            see(row, column, result);
        }
    }
}

/// Whether the rule of `port` says that the segment maps a label's sectors, and which offset would
/// do.
fn expected(row: usize, column: usize, port: Port) -> Option<u64> {
    let (_, _, _, two, sixty_five) = KINDS[row];
    let pattern = if port.reserved().0 == 65 {
        sixty_five
    } else {
        two
    };
    let free = |at: &usize| pattern.as_bytes()[*at] == b'.';
    (!free(&column)).then(|| OFFSETS[(column..8).find(free).unwrap()])
}

fn check(row: usize, column: usize, port: Port, policy: Policy, seen: &Result<bool, DmError>) {
    let what = format!(
        "{:?} offset {} {port} {policy}",
        KINDS[row], OFFSETS[column]
    );
    match (expected(row, column, port), policy) {
        (None, _) | (_, Policy::Off) => assert!(matches!(seen, Ok(false)), "{what}: {seen:?}"),
        (Some(_), Policy::Warn) => assert!(matches!(seen, Ok(true)), "{what}: {seen:?}"),
        (Some(free), Policy::Strict) => {
            let error = seen.as_ref().expect_err(&what);
            assert_eq!(error.kind, ErrorKind::InvalidTable, "{what}");
            assert_eq!(error.context.line, Some(1), "{what}");
            let said = error.report();
            assert!(
                said.starts_with("load vol: line 1: linear: word 2 "),
                "{what}: {said}"
            );
            assert!(
                said.ends_with(&format!(": offset {free} is free")),
                "{what}: {said}"
            );
        }
    }
}

#[test]
fn rule_is_the_same_before_every_driver() {
    let mut checked = 0;
    for port in Port::ALL {
        for driver in ["engine", "linux", "netbsd"] {
            for policy in [
                None,
                Some(Policy::Strict),
                Some(Policy::Warn),
                Some(Policy::Off),
            ] {
                let fake = Fake {
                    driver,
                    loads: Mutex::default(),
                };
                let rule = Rule::for_driver(driver).policy(policy).port(port);
                let warned = Arc::new(Mutex::new(0));
                let count = warned.clone();
                let guarded = Guarded::new(&fake, rule, Cached::of(port))
                    .on_warning(move |_| *count.lock().unwrap() += 1);
                try_all(&Dm::new(guarded), &warned, |row, column, seen| {
                    let labelled = KINDS[row].2;
                    let policy = policy.unwrap_or(match labelled || driver == "netbsd" {
                        true => Policy::Strict,
                        false => Policy::Off,
                    });
                    check(row, column, port, policy, &seen);
                    // What is refused is not sent.
                    assert_eq!(*fake.loads.lock().unwrap(), u32::from(seen.is_ok()));
                    *fake.loads.lock().unwrap() = 0;
                    checked += 1;
                });
            }
        }
    }
    assert_eq!(checked, 10 * 3 * 4 * KINDS.len() * OFFSETS.len());
}

#[test]
fn rule_stands_before_the_engine() {
    for port in Port::ALL {
        let engine = Engine::new();
        for (kind, start, ..) in KINDS {
            engine.attach(
                &format!("{kind}@{start}"),
                Arc::new(MemDev::new(SectorCount(128))),
            );
        }
        let warned = Arc::new(Mutex::new(0));
        let rule = Rule::for_driver("engine").policy(Policy::Strict).port(port);
        let dm = Dm::new(Guarded::new(engine, rule, Cached::of(port)));
        dm.create(Create::new(DmName::new("vol").unwrap())).unwrap();
        try_all(&dm, &warned, |row, column, seen| {
            check(row, column, port, Policy::Strict, &seen);
        });
    }
}

#[test]
fn message_says_which_sector_holds_whose_label_and_what_would_do() {
    let said = |kind: &str, offset, port| {
        let rule = Rule::for_driver("netbsd").port(port);
        let error = rule.check(&line(kind, offset), &Cached::of(Port::Amd64), &mut |_| {});
        alloc::string::ToString::to_string(&error.unwrap_err())
    };
    assert_eq!(
        said("blank@0", 64, Port::Amd64),
        "line 1: linear: word 2 \"64\": amd64 keeps sectors 0 to 64 of blank for its boot blocks and disklabel: offset 65 is free"
    );
    assert_eq!(
        said("label@0", 0, Port::Amd64),
        "line 1: linear: word 2 \"0\": sector 1 of label holds its disklabel, and amd64 keeps sectors 0 to 64: offset 65 is free"
    );
    assert_eq!(
        said("mbr, label in part at 2048@2048", 1, Port::Aarch64),
        "line 1: linear: word 2 \"1\": sector 2049 of mbr, label in part at 2048 holds the disklabel of its partition 1, which keeps sectors 2048 to 2049: offset 2 is free"
    );
    assert_eq!(
        said("blank@0", 1, Port::Sparc),
        "line 1: linear: word 2 \"1\": sparc keeps sectors 0 to 1 of blank for its boot blocks and disklabel: offset 2 is free"
    );
}

#[test]
fn long_segment_that_runs_over_a_label_goes_behind_it() {
    let rule = Rule::for_driver("engine").port(Port::Amd64);
    let lines =
        TableLine::parse_table(r"0 4000 linear mbr,\ label\ in\ part\ at\ 2048@0 65").unwrap();
    let error = rule
        .check(&lines, &Cached::of(Port::Amd64), &mut |_| {})
        .unwrap_err();
    let Reason::Label(clash) = error.error.reason else {
        panic!("{error}");
    };
    assert_eq!(clash.offset, Sector(2050));
    assert_eq!(clash.kept.label, Some(Sector(2049)));
}

#[test]
fn each_stripe_is_held_against_the_rule() {
    let rule = Rule::for_driver("netbsd").port(Port::Amd64);
    let disks = Cached::of(Port::Amd64);
    let check = |text: &str| {
        let lines = TableLine::parse_table(text).unwrap();
        rule.check(&lines, &disks, &mut |_| {}).map_err(|error| {
            let word = error.error.word.clone().unwrap();
            (error.line, word.0, word.1)
        })
    };
    assert_eq!(check("0 16 striped 2 8 blank@0 65 label@0 65"), Ok(()));
    assert_eq!(
        check("0 8 zero\n8 16 striped 2 8 blank@0 65 label@0 64"),
        Err((2, 6, "64".into()))
    );
    // What is wrong in other ways is for the driver to say.
    for other in [
        "0 16 striped 2 8 blank@0 65",
        "0 16 striped 4294967295 8 blank@0 65",
        "0 16 striped 0 8 blank@0 0",
        "0 8 linear blank@0",
        "0 8 linear blank@0 x",
        "0 8 linear blank@0 18446744073709551615",
        "0 8 crypt blank@0 0",
        "0 8 zero",
    ] {
        assert_eq!(check(other), Ok(()), "{other}");
    }
}

#[test]
fn drivers_own_devices_are_exempt() {
    let engine = Engine::new();
    let dm = Dm::new(engine.clone());
    let name = DmName::new("low").unwrap();
    let info = dm.create(Create::new(name.clone())).unwrap();
    dm.load(Load::new(
        name,
        TableLine::parse_table("0 128 zero").unwrap(),
    ))
    .unwrap();
    let disks = super::super::HostDisks::new();
    let stacked = super::super::Stacked::new(&engine, &disks);
    for word in ["/dev/mapper/low", &format!("{}", info.number)] {
        assert!(matches!(stacked.find(word), Standing::Mapped), "{word}");
    }
    assert!(matches!(
        stacked.find("/dev/mapper/none"),
        Standing::Unknown
    ));
}

/// A table of many lines on one disk looks at it once.
#[test]
fn disk_is_looked_at_once() {
    struct Counting(Mutex<u32>);
    impl Disks for Counting {
        fn find(&self, _: &str) -> Standing {
            *self.0.lock().unwrap() += 1;
            let image = front(Port::Amd64, SectorCount(SECTORS), FixedText::default());
            Standing::Disk(Disk::new("disk", Sector::ZERO, Box::new(image.unwrap())))
        }
    }
    let disks = Counting(Mutex::default());
    let text: alloc::string::String = (0..1000)
        .map(|at| format!("{at} 1 linear disk {}\n", at + 65))
        .collect();
    let lines = TableLine::parse_table(&text).unwrap();
    Rule::for_driver("netbsd")
        .check(&lines, &disks, &mut |_| {})
        .unwrap();
    assert_eq!(*disks.0.lock().unwrap(), 1);
}
