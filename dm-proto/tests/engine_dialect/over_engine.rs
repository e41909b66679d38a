//! The engine behind its dialect is the engine.

use dm_core::backend::{Backend, Capabilities};
use dm_core::client::Dm;
use dm_core::command::{
    Command, Create, Geometry, ListFilter, Load, RemoveMode, Reply, Slot, SuspendOptions,
};
use dm_core::engine::Engine;
use dm_core::errno::Errno;
use dm_core::error::{DmError, ErrorKind};
use dm_core::flags::DeviceFlags;
use dm_core::names::{DmName, DmUuid, TargetName};
use dm_core::table::TableLine;
use dm_core::target::FlushMode;
use dm_core::units::Sector;
use dm_proto::netbsd::{LIMITS, command, reply};
use dm_proto::proplib::{read_dictionary, write_dictionary};
use dm_proto::server::respond;

/// An engine, asked in its dialect. What only looks is compared with the engine's own answer.
struct Wire(Engine);

impl Backend for Wire {
    fn capabilities(&self) -> Capabilities {
        self.0.capabilities()
    }

    fn call(&self, command: Command) -> Result<Reply, DmError> {
        let request = write_dictionary(&command::encode(&command));
        let answer = respond(&request, &|command| self.0.call(command));
        let answer = read_dictionary(&answer, &LIMITS).expect("an answer is a dictionary");
        let answer = reply::decode(&command, &answer);
        if !command.changes() {
            match (&answer, self.0.call(command)) {
                (Ok(answer), Ok(own)) => assert_eq!(*answer, own),
                (Err(answer), Err(own)) => {
                    assert_eq!(answer.report(), own.report());
                    assert_eq!((answer.kind, &answer.context), (own.kind, &own.context));
                }
                other => panic!("{other:?}"),
            }
        }
        answer
    }
}

fn name(text: &str) -> DmName {
    DmName::new(text).expect("a name")
}

fn table(text: &str) -> Vec<TableLine> {
    TableLine::parse_table(text).expect("a table")
}

#[test]
fn life_of_a_device() {
    let dm = Dm::new(Wire(Engine::new()));
    let (vol0, vol1) = (name("vol0"), name("vol<&>\n1 é"));
    let uuid = DmUuid::new("LVM-<x>").unwrap();
    let options = SuspendOptions::default();

    dm.version().unwrap();
    assert!(!dm.targets().unwrap().is_empty());
    assert!(dm.list().unwrap().is_empty());

    let lower = dm.create(Create::new(vol0.clone()).minor(7)).unwrap();
    assert_eq!((lower.number.minor, lower.uuid), (7, None));
    let loaded = dm
        .load(Load::new(vol0.clone(), table("0 64 zero")))
        .unwrap();
    assert_eq!(loaded.flags, DeviceFlags::INACTIVE_PRESENT);
    dm.resume(lower.number, options).unwrap();

    dm.create(Create::new(name("upper"))).unwrap();
    let text = "0 8 linear 253:7 8\n8 8 error\n16 16 linear /dev/mapper/vol0 16";
    dm.load(Load::new(name("upper"), table(text)).read_only())
        .unwrap();
    assert!(dm.table(name("upper"), Slot::Active).unwrap().1.is_empty());
    assert_eq!(dm.table(name("upper"), Slot::Inactive).unwrap().1.len(), 3);
    let upper = dm.resume(name("upper"), options).unwrap();
    assert_eq!(upper.target_count, 3);
    assert!(upper.flags.contains(DeviceFlags::READ_ONLY));

    let (_, lines) = dm.table(upper.number, Slot::Active).unwrap();
    assert_eq!(lines[0].to_string(), "0 8 linear 253:7 8");
    dm.status(name("upper"), Slot::Active, FlushMode::NoFlush)
        .unwrap();
    let deps = dm.deps(name("upper"), Slot::Active).unwrap();
    assert_eq!(deps[0].number, lower.number);
    assert_eq!(dm.info(vol0.clone(), Slot::Active).unwrap().open_count, 1);

    dm.set_uuid(name("upper"), uuid.clone()).unwrap();
    let renamed = dm.rename(uuid.clone(), vol1.clone()).unwrap();
    assert_eq!((&renamed.name, &renamed.uuid), (&vol1, &Some(uuid.clone())));
    assert_eq!(renamed.event, 2);
    assert_eq!(
        dm.wait(vol1.clone(), 1, FlushMode::Flush).unwrap().0.event,
        2
    );
    assert_eq!(dm.list().unwrap().len(), 2);

    let lists = |filter| {
        let names = dm.list_matching(filter).unwrap().into_iter();
        names
            .map(|entry| entry.name.to_string())
            .collect::<Vec<_>>()
    };
    assert_eq!(lists(ListFilter::ALL.name("vol<")), [vol1.as_str()]);
    assert_eq!(lists(ListFilter::ALL.uuid("LVM-<")), [vol1.as_str()]);
    assert_eq!(lists(ListFilter::ALL.name("x")), [""; 0]);
    let zero = TargetName::new("zero").unwrap();
    assert_eq!(dm.target_version(zero.clone()).unwrap().name, zero);
    let none = dm.target_version(TargetName::new("nothing").unwrap());
    let none = none.unwrap_err();
    assert_eq!(
        (none.kind, none.context.errno),
        (ErrorKind::NotFound, Some(Errno::EINVAL))
    );
    let (_, measured) = dm.measure(vol1.clone(), Slot::Active).unwrap();
    assert_eq!(
        measured[0].params,
        "target_name=linear,target_version=1.4.0,device_name=253:7,start=8;"
    );
    assert_eq!(measured[1].params, "");

    let geometry = Geometry::new(4, 2, 8, Sector(1)).unwrap();
    let shown = || dm.info(vol0.clone(), Slot::Active).unwrap().geometry;
    dm.set_geometry(vol0.clone(), geometry).unwrap();
    assert_eq!(shown(), Some(geometry));
    for (lines, kept) in [("0 64 error", Some(geometry)), ("0 65 error", None)] {
        dm.load(Load::new(vol0.clone(), table(lines)).open())
            .unwrap();
        dm.resume(vol0.clone(), options).unwrap();
        assert_eq!(shown(), kept, "{lines}");
    }
    let probed = dm.probe_paths(vol0.clone()).unwrap_err();
    assert_eq!(probed.kind, ErrorKind::Unsupported);

    let suspended = dm.suspend(uuid.clone(), options).unwrap();
    assert!(suspended.flags.contains(DeviceFlags::SUSPENDED));
    dm.load(Load::new(vol1.clone(), table("0 8 zero"))).unwrap();
    let cleared = dm.clear(vol1.clone()).unwrap();
    assert!(!cleared.flags.contains(DeviceFlags::INACTIVE_PRESENT));
    dm.resume(vol1.clone(), options).unwrap();

    let busy = dm.remove(vol0.clone(), RemoveMode::IfUnused).unwrap_err();
    assert_eq!(busy.kind, ErrorKind::Busy);
    dm.remove(vol0.clone(), RemoveMode::Deferred).unwrap();
    let going = dm.info(vol0.clone(), Slot::Active).unwrap();
    assert!(going.flags.contains(DeviceFlags::DEFERRED_REMOVE));
    let answer = dm.message(vol0.clone(), Sector(0), "@cancel_deferred_remove");
    assert_eq!(answer.unwrap(), None);
    dm.remove(vol1, RemoveMode::IfUnused).unwrap();
    dm.remove_all(RemoveMode::IfUnused).unwrap();
    assert!(dm.list().unwrap().is_empty());
    dm.info(vol0, Slot::Active).unwrap_err();
}

#[test]
fn failures_keep_kind_errno_line_and_words() {
    let dm = Dm::new(Wire(Engine::new()));
    let vol0 = name("vol0");
    let missing = dm.info(vol0.clone(), Slot::Active).unwrap_err();
    assert_eq!(missing.report(), "info vol0: no such device");
    assert_eq!(missing.context.errno, Some(Errno::ENXIO));

    dm.create(Create::new(vol0.clone())).unwrap();
    let exists = dm.create(Create::new(vol0.clone())).unwrap_err();
    assert_eq!(exists.kind, ErrorKind::Exists);

    let lines = table("0 8 zero\n8 8 striped 2 0 /dev/null 0 /dev/null 0");
    let direct = dm
        .backend()
        .0
        .call(Command::Load(Load::new(vol0.clone(), lines.clone())));
    let direct = direct.unwrap_err();
    let wrong = dm.load(Load::new(vol0, lines)).unwrap_err();
    assert_eq!(wrong.report(), direct.report());
    assert_eq!(wrong.kind, ErrorKind::InvalidTable);
    assert_eq!(wrong.context.line, Some(2));
    assert_eq!(wrong.context, direct.context);
}
