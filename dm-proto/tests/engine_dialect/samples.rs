//! One request or reply of each shape, with every key that it can have.

use dm_core::command::{
    Command, Create, Dep, DeviceEntry, DeviceInfo, Geometry, ListFilter, Load, RemoveMode, Reply,
    Slot, SuspendOptions, TargetVersion,
};
use dm_core::devid::{DevId, DevNo};
use dm_core::names::{DmName, DmUuid, TargetName};
use dm_core::table::TableLine;
use dm_core::target::FlushMode;
use dm_core::units::Sector;
use dm_core::version::Version;

const NUMBER: DevNo = DevNo {
    major: 253,
    minor: 7,
};

fn name() -> DmName {
    DmName::new("vol0").expect("a name")
}

fn uuid() -> DmUuid {
    DmUuid::new("LVM-1").expect("a uuid")
}

fn lines() -> Vec<TableLine> {
    TableLine::parse_table("0 8 zero\n8 8 linear /dev/sda 0").expect("a table")
}

fn geometry() -> Geometry {
    "1024 255 63 7".parse().expect("a geometry")
}

/// Every command.
pub(crate) fn commands() -> Vec<Command> {
    let device = || DevId::from(name());
    let (slot, flush) = (Slot::Inactive, FlushMode::NoFlush);
    let options = SuspendOptions::default();
    let mode = RemoveMode::Forced;
    vec![
        Command::Version,
        Command::Targets,
        Command::List(ListFilter::default().name("vol").uuid("LVM-")),
        Command::Create(Create::new(name()).uuid(uuid()).minor(7)),
        Command::Remove {
            device: uuid().into(),
            mode,
        },
        Command::RemoveAll { mode },
        Command::Rename {
            device: device(),
            name: DmName::new("vol1").expect("a name"),
        },
        Command::SetUuid {
            device: device(),
            uuid: uuid(),
        },
        Command::Load(Load::new(NUMBER, lines())),
        Command::Clear { device: device() },
        Command::Suspend {
            device: device(),
            options,
        },
        Command::Resume {
            device: device(),
            options,
        },
        Command::Info {
            device: device(),
            slot,
        },
        Command::Deps {
            device: device(),
            slot,
        },
        Command::Table {
            device: device(),
            slot,
        },
        Command::Status {
            device: device(),
            slot,
            flush,
        },
        Command::Wait {
            device: device(),
            event: 1,
            flush,
        },
        Command::Message {
            device: device(),
            sector: Sector(8),
            text: "hello".into(),
        },
        Command::TargetVersion {
            target: TargetName::new("zero").expect("a target's name"),
        },
        Command::Measure {
            device: device(),
            slot,
        },
        Command::SetGeometry {
            device: device(),
            geometry: geometry(),
        },
        Command::ProbePaths { device: device() },
        Command::Watch { known: 1 },
    ]
}

/// Every reply.
pub(crate) fn replies() -> Vec<Reply> {
    let mut info = DeviceInfo::new(name(), NUMBER);
    info.uuid = Some(uuid());
    info.geometry = Some(geometry());
    let mut entry = DeviceEntry::new(name(), NUMBER);
    entry.uuid = Some(uuid());
    entry.event = Some(1);
    let target = TargetVersion::new(
        TargetName::new("zero").expect("a target's name"),
        Version(1, 2, 3),
    );
    vec![
        Reply::Done,
        Reply::Version(Version(4, 48, 0)),
        Reply::Targets(vec![target]),
        Reply::Devices(vec![entry]),
        Reply::Device(info.clone()),
        Reply::Deps(
            info.clone(),
            vec![Dep::new(NUMBER, Some("/dev/sda".into()))],
        ),
        Reply::Lines(info.clone(), lines()),
        Reply::Message(info, Some("world".into())),
        Reply::Changes(2),
    ]
}
