//! What our client sends where the captured conversations have the same command.

use dm_core::command::{Command, Create, ListFilter, Load, RemoveMode, Slot, SuspendOptions};
use dm_core::devid::{DevId, DevNo};
use dm_core::names::{DmName, DmUuid, TargetName};
use dm_core::table::TableLine;
use dm_core::target::FlushMode;
use dm_core::units::{Sector, SectorCount};
use dm_proto::netbsd::client;
use dm_proto::proplib::{Dictionary, Value, write_dictionary};

use crate::golden::{Kind, all, by_step};

/// The one device that a request says.
fn device(request: &Dictionary) -> Result<DevId, String> {
    let text = |key| {
        request
            .get(key)
            .map(|value| value.string().ok_or(format!("{key} is no string")))
    };
    let (name, uuid) = (text("name").transpose()?, text("uuid").transpose()?);
    let minor = request.uint32("minor");
    match (name, uuid, minor) {
        (Some(name), None, None) => DmName::new(name)
            .map(DevId::Name)
            .map_err(|e| e.to_string()),
        (None, Some(uuid), None) => DmUuid::new(uuid)
            .map(DevId::Uuid)
            .map_err(|e| e.to_string()),
        (None, None, Some(minor)) => Ok(DevId::Number(DevNo { major: 169, minor })),
        (None, None, None) => Err("no device".into()),
        _ => Err("several devices".into()),
    }
}

fn line(value: &Value) -> Option<TableLine> {
    let segment = value.dict()?;
    Some(TableLine {
        start: Sector(segment.uint64("start")?),
        length: SectorCount(segment.uint64("length")?),
        target: TargetName::new(segment.string("type")?).ok()?,
        params: segment.string("params")?.into(),
    })
}

/// The command that a captured request is, if ours can be one.
fn command(request: &Dictionary) -> Result<Command, String> {
    let flags = request.uint32("flags").unwrap_or_default();
    let slot = match flags & 0x1000 {
        0 => Slot::Active,
        _ => Slot::Inactive,
    };
    let options = SuspendOptions::default();
    Ok(match request.string("command").unwrap() {
        "version" => Command::Version,
        "targets" => Command::Targets,
        "names" => Command::List(ListFilter::ALL),
        "create" => {
            let name = request.string("name").ok_or("no name")?;
            let mut create = Create::new(DmName::new(name).map_err(|e| e.to_string())?);
            let uuid = request.string("uuid").map(DmUuid::new).transpose();
            create.uuid = uuid.map_err(|e| e.to_string())?;
            create.minor = request.uint32("minor");
            Command::Create(create)
        }
        "info" | "mknodes" => Command::Info {
            device: device(request)?,
            slot,
        },
        "status" => Command::Status {
            device: device(request)?,
            slot,
            flush: FlushMode::Flush,
        },
        "table" => Command::Table {
            device: device(request)?,
            slot,
        },
        "deps" => Command::Deps {
            device: device(request)?,
            slot,
        },
        "reload" => {
            let data = request.array("cmd_data").ok_or("no lines")?;
            let lines: Option<Vec<_>> = data.iter().map(line).collect();
            let load = Load::new(device(request)?, lines.ok_or("no line")?);
            Command::Load(match flags & 1 {
                0 => load,
                _ => load.read_only(),
            })
        }
        "resume" => Command::Resume {
            device: device(request)?,
            options,
        },
        "suspend" => Command::Suspend {
            device: device(request)?,
            options,
        },
        "clear" => Command::Clear {
            device: device(request)?,
        },
        "rename" => {
            let data = request.array("cmd_data").ok_or("no new name")?;
            let name = data.first().and_then(Value::string).ok_or("no new name")?;
            Command::Rename {
                device: device(request)?,
                name: DmName::new(name).map_err(|e| e.to_string())?,
            }
        }
        "remove" => Command::Remove {
            device: device(request)?,
            mode: RemoveMode::IfUnused,
        },
        other => return Err(other.into()),
    })
}

/// Captured requests that ours never sends: why, and which. The rest it sends byte for byte.
#[rustfmt::skip]
const NEVER_SENT: &[(&str, &str)] = &[
    // Names and devices that a client can not say.
    ("no name", "create 008 009 026"),
    ("the device name is empty", "create 010; rename 011"),
    ("the device uuid is empty", "create 011"),
    ("the device name has 128 bytes, at most 127 are allowed", "create 013; rename 010"),
    ("the device name has 130 bytes, at most 127 are allowed", "create 014 015"),
    ("the device uuid has 129 bytes, at most 128 are allowed", "undefined/uuid-129 002"),
    ("the device uuid has 200 bytes, at most 128 are allowed", "undefined/uuid-200 002 004"),
    ("the device name has the forbidden character '/'", "create 018"),
    ("several devices", "life 025 026 027"),
    ("no device", "rename 021"),
    ("no new name", "undefined/rename-emptydata 002; undefined/rename-intdata 002; undefined/rename-nodata 002"),
    // What the driver does otherwise than it is asked.
    ("it chooses minor numbers itself", "create 021"),
    ("it has no read-only tables", "reload 081"),
    ("it looks for the uuid among the names (quirk 2)", "rename 006"),
    // Tables that crash it or are not what was meant.
    ("the table has no lines", "reload 021"),
    ("no lines", "undefined/reload-dictdata 002; undefined/reload-nodata 002"),
    ("no line", "reload 040; undefined/params-missing 002; undefined/reload-2nd-noparams 002; \
        undefined/reload-nolength 002; undefined/reload-nostart 002; undefined/reload-notype 002; \
        undefined/reload-stringdata 002; undefined/stripe-nulparams 002"),
    ("starts at sector 100, but the table must start at 0", "reload 007 009"),
    ("starts at sector 18446744073709551615, but the table must start at 0", "reload 015"),
    ("starts at sector 200, which leaves a gap after sector 100", "reload 004; undefined/io-gap-block 002"),
    ("starts at sector 50, within the line before, which ends at 100", "reload 002 084; undefined/io-overlap 002"),
    ("the length is zero", "reload 011"),
    ("the device is missing", "undefined/reload-emptyparams 002; undefined/stripe-nodev 002"),
    ("the driver takes a block device's path, from / on, and nothing else", "reload 056 058"),
    ("of which the driver would show 31: use a shorter one, or a link", "reload 064; undefined/long-dev-twice 002"),
    ("the start sector on the device is missing", "undefined/reload-nooffset 002"),
    ("the start sector on the device is not a decimal number", "reload 024 026 028 030"),
    ("the start sector on the device is more than 18446744073709551615", "reload 017"),
    ("is one word too many", "ext 017; reload 034"),
    ("the chunk size is missing", "undefined/stripe-noparams 002"),
    ("the chunk size is zero", "stripe 017; undefined/io-chunk-zero 002"),
    ("the number of stripes is zero", "stripe 013; undefined/io-zero-stripes 002"),
    ("the number of stripes is more than 4", "stripe 015; undefined/stripe-5 002"),
    ("is not divisible by the chunks of all stripes", "stripe 019 021"),
    // What means the same is said in one way.
    ("other flags, or none", "create 001 002 003 005 006 007 012 017 019 022 023 024 025; \
        life 001 017 019 028 032; rename 013"),
    ("another version", "versions 001 002 003 004 005 006 007 008 009 010 011 012; undefined/version-empty 002; \
        undefined/version-missing 002; undefined/version-one 002; undefined/version-string 002; \
        undefined/version-strings 002"),
    ("decimal numbers, or more blanks", "life 024; reload 019 032"),
    ("info, which is the same", "life 021"),
    ("more than is used", "create 027; rename 012"),
];

/// What our client makes of a captured request: its bytes, or why it sends none. It always says `event_nr` and `minor`,
/// as LVM2's client and the driver's code ask for, where the capturing one left them out.
fn ours(request: &Dictionary) -> Result<Vec<u8>, String> {
    let sent = client::encode(&command(request)?).map_err(|error| error.reason())?;
    assert_eq!(sent.uint32("event_nr"), Some(0));
    let mut bare = sent;
    bare.remove("event_nr");
    if bare.uint32("minor") == Some(0) {
        bare.remove("minor");
    }
    Ok(write_dictionary(&bare))
}

#[test]
fn requests_are_the_captured_ones_or_never_sent() {
    let mut never = by_step(NEVER_SENT, |row| row.1);
    let mut same = 0;
    for step in [all(Kind::Model), all(Kind::Undefined)]
        .into_iter()
        .flatten()
    {
        let (place, ours) = (step.place(), ours(&step.request));
        match (never.remove(&place), ours) {
            (None, ours) => {
                let ours = ours.map(|text| String::from_utf8(text).unwrap());
                assert_eq!(
                    ours.as_deref(),
                    Ok(str::from_utf8(&step.sent).unwrap()),
                    "{place}"
                );
                same += 1;
            }
            (Some((why, _)), Err(said)) => assert!(said.contains(why), "{place}: {said}"),
            (Some((why, _)), Ok(text)) => {
                assert_ne!(text, step.sent, "{place} is sent, in spite of: {why}")
            }
        }
    }
    assert!(never.is_empty(), "not captured: {never:?}");
    assert_eq!(same, 233);
}

/// Each request that a kernel did not outlive, so that there is no reply.
#[test]
fn what_crashed_the_kernel_is_never_sent() {
    let crashed: Vec<_> = all(Kind::Undefined)
        .into_iter()
        .filter(|step| step.reply.is_none())
        .collect();
    assert!(!crashed.is_empty());
    for step in crashed {
        assert!(ours(&step.request).is_err(), "{}", step.place());
    }
}

/// A whole request, as it goes to the ioctl.
#[test]
fn load_is_written_in_libprops_canonical_form() {
    let lines = TableLine::parse_table("0 2048 linear /dev/wd0a 0").unwrap();
    let load = Command::Load(Load::new(DmName::new("vol0").unwrap(), lines));
    let text = client::write(&client::encode(&load).unwrap()).unwrap();
    let text = String::from_utf8(text).unwrap();
    let body = text.split_once("<plist version=\"1.0\">\n").unwrap().1;
    assert_eq!(
        body,
        "<dict>\n\t<key>cmd_data</key>\n\t<array>\n\t\t<dict>\n\
        \t\t\t<key>length</key>\n\t\t\t<integer>0x800</integer>\n\
        \t\t\t<key>params</key>\n\t\t\t<string>/dev/wd0a 0</string>\n\
        \t\t\t<key>start</key>\n\t\t\t<integer>0x0</integer>\n\
        \t\t\t<key>type</key>\n\t\t\t<string>linear</string>\n\t\t</dict>\n\t</array>\n\
        \t<key>command</key>\n\t<string>reload</string>\n\
        \t<key>event_nr</key>\n\t<integer>0x0</integer>\n\
        \t<key>flags</key>\n\t<integer>0x4</integer>\n\
        \t<key>minor</key>\n\t<integer>0x0</integer>\n\
        \t<key>name</key>\n\t<string>vol0</string>\n\
        \t<key>version</key>\n\t<array>\n\t\t<integer>0x4</integer>\n\t\t<integer>0x0</integer>\n\
        \t\t<integer>0x0</integer>\n\t</array>\n</dict>\n</plist>\n\0"
    );
}
