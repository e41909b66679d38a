//! Each errno at each ioctl: the error names the command, the device and the errno.

#![allow(clippy::unwrap_used)] // clippy knows helpers for no tests

mod support;

use dm_core::backend::Backend;
use dm_core::client::Dm;
use dm_core::command::{
    Command, Create, Geometry, ListFilter, Load, RemoveMode, Slot, SuspendOptions,
};
use dm_core::devid::{DevId, DevNo};
use dm_core::errno::Errno;
use dm_core::error::{DmError, ErrorKind};
use dm_core::names::{DmName, DmUuid, TargetName};
use dm_core::table::TableLine;
use dm_core::target::FlushMode;
use dm_core::units::Sector;
use dm_linux::Linux;
use dm_linux::abi::reply::{Reply, ReplyData};
use dm_linux::abi::{ByteOrder, Call};
use dm_linux::buffer::Buffer;
use dm_linux::control::{Control, ControlError};
use dm_linux::nodes::{NodePolicy, Nodes};
use dm_linux::sys::Sys;
use support::{Step, plain, script, version, vol0};

/// Every command with the ioctls before the last that it takes, which succeed, and that one.
fn commands() -> Vec<(Command, Vec<Call>, Call)> {
    let device = || DevId::Name(vol0());
    let slot = Slot::Active;
    let options = SuspendOptions::default();
    let flush = FlushMode::Flush;
    let lines = TableLine::parse_table("0 8 zero").unwrap();
    let name = DmName::new("new").unwrap();
    let uuid = DmUuid::new("U").unwrap();
    let mode = RemoveMode::IfUnused;
    let one = |command, call| (command, Vec::new(), call);
    vec![
        one(Command::Version, Call::Version),
        one(Command::Targets, Call::ListVersions),
        one(Command::List(ListFilter::ALL), Call::ListDevices),
        one(Command::Create(Create::new(vol0())), Call::DevCreate),
        one(Command::RemoveAll { mode }, Call::RemoveAll),
        one(
            Command::Remove {
                device: device(),
                mode,
            },
            Call::DevRemove,
        ),
        (
            Command::Rename {
                device: device(),
                name,
            },
            vec![Call::DevStatus],
            Call::DevRename,
        ),
        (
            Command::SetUuid {
                device: device(),
                uuid,
            },
            vec![Call::DevStatus],
            Call::DevRename,
        ),
        one(Command::Load(Load::new(vol0(), lines)), Call::TableLoad),
        one(Command::Clear { device: device() }, Call::TableClear),
        one(
            Command::Suspend {
                device: device(),
                options,
            },
            Call::DevSuspend,
        ),
        one(
            Command::Resume {
                device: device(),
                options,
            },
            Call::DevSuspend,
        ),
        one(
            Command::Info {
                device: device(),
                slot,
            },
            Call::DevStatus,
        ),
        one(
            Command::Deps {
                device: device(),
                slot,
            },
            Call::TableDeps,
        ),
        one(
            Command::Table {
                device: device(),
                slot,
            },
            Call::TableStatus,
        ),
        one(
            Command::Status {
                device: device(),
                slot,
                flush,
            },
            Call::TableStatus,
        ),
        one(
            Command::Wait {
                device: device(),
                event: 1,
                flush,
            },
            Call::DevWait,
        ),
        one(
            Command::Message {
                device: device(),
                sector: Sector::ZERO,
                text: "hello".into(),
            },
            Call::TargetMsg,
        ),
        one(
            Command::TargetVersion {
                target: TargetName::new("zero").unwrap(),
            },
            Call::GetTargetVersion,
        ),
        one(
            Command::Measure {
                device: device(),
                slot,
            },
            Call::TableStatus,
        ),
        one(
            Command::SetGeometry {
                device: device(),
                geometry: Geometry::default(),
            },
            Call::DevSetGeometry,
        ),
        one(Command::ProbePaths { device: device() }, Call::DevStatus),
    ]
}

/// Every errno that Linux has, and one that it has not.
fn errnos() -> impl Iterator<Item = Errno> {
    (1..=133).chain([9999]).map(Errno::from_linux)
}

/// The kind that the crate's documentation promises.
fn promised(command: &Command, errno: Errno) -> ErrorKind {
    let load = matches!(command, Command::Load(_));
    let taken = matches!(
        command,
        Command::Create(_) | Command::Rename { .. } | Command::SetUuid { .. }
    );
    match errno {
        Errno::ENXIO if matches!(command, Command::Create(_)) => ErrorKind::Exists,
        Errno::ENXIO => ErrorKind::NotFound,
        Errno::EBUSY if taken => ErrorKind::Exists,
        Errno::EBUSY => ErrorKind::Busy,
        Errno::EPERM | Errno::EACCES => ErrorKind::Permission,
        Errno::EINTR => ErrorKind::Interrupted,
        Errno::ENOTTY => ErrorKind::Unsupported,
        Errno::ENOMEM | Errno::EIO => ErrorKind::Io,
        _ if load => ErrorKind::InvalidTable,
        Errno::EOPNOTSUPP | Errno::ENOSYS => ErrorKind::Unsupported,
        Errno::EINVAL if *command == Command::Version => ErrorKind::Protocol,
        Errno::EINVAL if matches!(command, Command::TargetVersion { .. }) => ErrorKind::NotFound,
        Errno::EINVAL => ErrorKind::Invalid,
        _ if matches!(command, Command::Message { .. }) => ErrorKind::Invalid,
        _ => ErrorKind::Io,
    }
}

#[test]
fn each_errno_at_each_ioctl_names_command_device_and_errno() {
    for errno in errnos() {
        for (command, before, call) in commands() {
            let mut steps: Vec<_> = before.into_iter().map(|call| plain(call, |_| ())).collect();
            let asks_version = matches!(
                command,
                Command::Message { .. }
                    | Command::Targets
                    | Command::TargetVersion { .. }
                    | Command::Measure { .. }
                    | Command::SetGeometry { .. }
                    | Command::ProbePaths { .. }
            );
            if asks_version {
                steps.push(version(50));
            }
            steps.push((call, Step::Errno(errno)));
            if call == Call::TableLoad && errno == Errno::ENXIO {
                steps.push((Call::DevStatus, Step::Errno(errno)));
            }
            let dm = script(steps);
            let error = dm.backend().call(command.clone()).unwrap_err();
            let said = format!("{command:?} {errno:?}: {}", error.report());
            assert_eq!(error.context.command, Some(command.verb()), "{said}");
            assert_eq!(error.context.device, command.device(), "{said}");
            assert_eq!(error.context.errno, Some(errno), "{said}");
            assert_eq!(error.kind, promised(&command, errno), "{said}");
            assert!(!error.report().contains('\n'), "{said}");
            // Which errno in words, and what to do about it.
            let reason = error.reason();
            let remedy = reason.strip_prefix(&format!("{errno}: "));
            assert!(remedy.is_some_and(|remedy| remedy.len() > 10), "{said}");
            support::asked_bytes(&dm);
        }
    }
}

/// A kernel whose multipath devices give an errno.
struct NoPath(Errno);

impl Sys for NoPath {
    fn ioctl(&self, call: Call, buffer: &mut Buffer) -> Result<(), Errno> {
        let mut header = support::header();
        header.version.1 = 50;
        assert!(matches!(call, Call::Version | Call::DevStatus), "{call:?}");
        let reply = Reply::new(header, ReplyData::None);
        reply.encode(buffer.bytes_mut(), ByteOrder::NATIVE).unwrap();
        Ok(())
    }

    fn probe_paths(&self, number: DevNo) -> Result<(), Errno> {
        assert_eq!(number, support::NUMBER);
        Err(self.0)
    }
}

#[test]
fn each_errno_of_a_probe_names_command_device_and_errno() {
    for errno in errnos() {
        let dm = Dm::new(Linux::new(NoPath(errno), Nodes::new(NodePolicy::Never)));
        let error = dm.probe_paths(vol0()).unwrap_err();
        let said = error.report();
        let wanted = match errno {
            Errno::ENOTTY | Errno::ENOENT => ErrorKind::Unsupported,
            Errno::EPERM | Errno::EACCES => ErrorKind::Permission,
            Errno::EAGAIN => ErrorKind::Busy,
            Errno::EINTR => ErrorKind::Interrupted,
            Errno::ENXIO | Errno::ENODEV => ErrorKind::NotFound,
            _ => ErrorKind::Io,
        };
        assert_eq!(
            (error.kind, error.context.errno),
            (wanted, Some(errno)),
            "{said}"
        );
        assert!(
            said.starts_with(&format!("probe-paths vol0: {errno}: ")),
            "{said}"
        );
    }
}

#[test]
fn each_errno_of_arming_the_poll_is_said() {
    for errno in errnos() {
        let dm = script([version(48), (Call::DevArmPoll, Step::Errno(errno))]);
        let error = dm.backend().arm_poll().unwrap_err();
        assert_eq!(error.context.command, Some("arm-poll"));
        assert_eq!(error.context.errno, Some(errno));
        support::asked_bytes(&dm);
    }
}

#[test]
fn what_the_kernel_lacks_says_which_version_has_it() {
    let old = |minor, call: &dyn Fn(&Dm<Linux<support::Script>>) -> DmError| {
        let dm = script([version(minor)]);
        let error = call(&dm);
        assert_eq!(error.kind, ErrorKind::Unsupported);
        support::asked_bytes(&dm);
        error.reason()
    };
    let needs = |since: &str, has: u32| {
        format!("this needs version {since} of the driver's interface, it has 4.{has}.0")
    };
    let zero = || TargetName::new("zero").unwrap();
    assert_eq!(
        old(5, &|dm| dm
            .set_geometry(vol0(), Geometry::default())
            .unwrap_err()),
        needs("4.6.0", 5)
    );
    assert_eq!(
        old(36, &|dm| dm.backend().arm_poll().unwrap_err()),
        needs("4.37.0", 36)
    );
    assert_eq!(
        old(40, &|dm| dm.target_version(zero()).unwrap_err()),
        needs("4.41.0", 40)
    );
    assert_eq!(
        old(44, &|dm| dm.measure(vol0(), Slot::Active).unwrap_err()),
        needs("4.45.0", 44)
    );
    assert_eq!(
        old(49, &|dm| dm.probe_paths(vol0()).unwrap_err()),
        needs("4.50.0", 49)
    );
}

#[test]
fn load_tells_a_missing_component_from_a_missing_device() {
    let lines = TableLine::parse_table("0 8 linear 8:99 0").unwrap();
    let refused = || (Call::TableLoad, Step::Errno(Errno::ENXIO));
    let dm = script([refused(), plain(Call::DevStatus, |_| ())]);
    let error = dm.load(Load::new(vol0(), lines)).unwrap_err();
    assert_eq!(error.kind, ErrorKind::InvalidTable);
    assert_eq!(error.context.errno, Some(Errno::ENXIO));
    assert_eq!(
        error.report(),
        "load vol0: no such device or address: a device that the table names is not there"
    );
}

#[test]
fn what_no_request_can_carry_is_refused_before_the_kernel() {
    let dm = script([version(48)]);
    dm.version().unwrap();
    let kind = |command| {
        let error = dm.backend().call(command).unwrap_err();
        assert!(error.context.command.is_some());
        (error.kind, error.context.errno.unwrap())
    };
    let create = |name: &str| Create::new(DmName::new(name).unwrap());
    let invalid = |errno| (ErrorKind::Invalid, errno);
    assert_eq!(
        kind(Command::Create(create(&" ".repeat(32)))),
        invalid(Errno::ENAMETOOLONG)
    );
    assert_eq!(
        kind(Command::Create(create(r"a\x20b c"))),
        invalid(Errno::EINVAL)
    );
    assert_eq!(
        kind(Command::Create(create("a").minor(1 << 20))),
        invalid(Errno::EINVAL)
    );
    let device = DevId::Number(DevNo {
        major: 253,
        minor: 1 << 20,
    });
    assert_eq!(
        kind(Command::Clear { device }),
        (ErrorKind::NotFound, Errno::ENXIO)
    );
    let mut line: TableLine = "0 8 zero".parse().unwrap();
    line.params = "a\0b".into();
    assert_eq!(
        kind(Command::Load(Load::new(vol0(), vec![line]))),
        invalid(Errno::EINVAL)
    );
    let text = "a\0b".into();
    let device = vol0().into();
    let sector = Sector::ZERO;
    assert_eq!(
        kind(Command::Message {
            device,
            sector,
            text
        }),
        invalid(Errno::EINVAL)
    );
    support::asked_bytes(&dm);
}

#[test]
fn other_major_version_is_a_protocol_error() {
    let dm = script([plain(Call::DevStatus, |header| header.version.0 = 5)]);
    let error = dm.info(vol0(), Slot::Active).unwrap_err();
    assert_eq!(error.kind, ErrorKind::Protocol);
    assert_eq!(
        error.report(),
        "info vol0: the driver speaks version 5.48.0, not 4"
    );
}

/// A control node that can not be opened.
struct Closed(ControlError);

impl Sys for Closed {
    fn ready(&self) -> Result<(), ControlError> {
        Err(self.0.clone())
    }

    fn ioctl(&self, call: Call, _: &mut Buffer) -> Result<(), Errno> {
        panic!("{call:?} on a closed node");
    }
}

#[test]
fn every_ioctl_is_asked_for_by_a_command() {
    // No command's, but a backend's own: `each_errno_of_arming_the_poll_is_said`.
    let armed = |call: &&Call| **call != Call::DevArmPoll;
    for call in Call::ALL.iter().filter(armed) {
        assert!(commands().iter().any(|row| row.2 == *call), "{call:?}");
    }
}

#[test]
fn missing_or_forbidden_control_node_is_said_by_each_command() {
    let path = || "/c".into();
    let failed = Control::at("/dev/null/control").ready().unwrap_err();
    let other = Control::at("/dev/null").ready().unwrap_err();
    let (denied, none) = (Errno::EACCES, Errno::ENODEV);
    let rows = [
        (
            failed,
            ErrorKind::Io,
            Errno::ENOTDIR,
            "cannot open /dev/null/control: ",
        ),
        (
            other,
            ErrorKind::Unsupported,
            Errno::ENOTTY,
            "/dev/null is not ",
        ),
        (
            ControlError::NoNode { path: path() },
            ErrorKind::Unsupported,
            Errno::ENOENT,
            "there is no /c",
        ),
        (
            ControlError::Forbidden {
                path: path(),
                errno: denied,
            },
            ErrorKind::Permission,
            denied,
            "/c: ",
        ),
        (
            ControlError::NoDriver {
                path: path(),
                errno: none,
            },
            ErrorKind::Unsupported,
            none,
            "/c: ",
        ),
    ];
    for (why, kind, errno, said) in rows {
        for (command, _, _) in commands() {
            let linux = Linux::new(Closed(why.clone()), Nodes::new(NodePolicy::Never));
            let error = linux.call(command.clone()).unwrap_err();
            assert_eq!(error.kind, kind, "{why}");
            assert_eq!(error.context.command, Some(command.verb()));
            assert_eq!(error.context.device, command.device());
            assert_eq!(error.context.errno, Some(errno), "{why}");
            assert!(error.reason().starts_with(said), "{}", error.reason());
        }
    }
}

#[test]
fn hosts_own_driver_answers_or_says_why_not() {
    match Linux::open().map(Dm::new).and_then(|dm| dm.version()) {
        Ok(version) => assert_eq!(version.0, 4),
        Err(error) => {
            assert!(matches!(
                error.kind,
                ErrorKind::Unsupported | ErrorKind::Permission
            ));
            assert!(error.context.errno.is_some());
        }
    }
}
