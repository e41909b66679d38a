//! What each reply means.

use dm_core::devid::DevNo;
use dm_core::error::ErrorKind;
use dm_core::flags::DeviceFlags;
use dm_core::names::DmName;
use dm_core::version::Version;
use dm_proto::netbsd::client::{self, Outcome};
use dm_proto::proplib::{Dictionary, Value};

use crate::golden::{Kind, Step, all, by_step};

/// A situation, what the reply shows of it, and the captured steps in which it arose: all that there are.
type Row = (&'static str, Outcome, &'static str);

#[rustfmt::skip]
const SITUATIONS: &[Row] = &[
    // Any command.
    ("the version is not the driver's", Outcome::OtherVersion, "versions 002 004 005 006 009 010"),
    ("the version is told", Outcome::Obeyed, "life 001; versions 012"),
    // Lists, which anybody may ask for.
    ("there are targets", Outcome::Obeyed, "ext 001; life 002"),
    ("there are devices, or none", Outcome::Obeyed,
        "create 028; life 003 005 046 050; remove_open 006; rename 014 016 018 020 023; stack 010; versions 001 003 007 008 011"),
    // Create.
    ("a device is made", Outcome::Obeyed,
        "create 001 002 005 007 012 017 018 019; ext 002 009 016; life 004 052; reload 001 083; remove_open 001; \
         rename 001 002 003 004; stack 001 004; stripe 001"),
    ("a device without a name is made: encode knows none", Outcome::Obeyed, "create 008 009 010 011 026"),
    ("the minor number asked for is not heeded, nor are flags", Outcome::Obeyed, "create 021 022 023 024 025 027"),
    ("a cut name is made, or lost to the one that has it: encode sends none", Outcome::Obeyed, "create 013 014"),
    ("the name or uuid is taken, and the request had no EXISTS", Outcome::Taken, "create 003 006"),
    ("the name is taken, and the request had EXISTS, as ours have", Outcome::TakenOrDenied, "create 004"),
    // What a device is.
    ("a device is shown", Outcome::Obeyed,
        "create 016 020; ext 008 015; life 006 010 015 021 022 023 024 025 026 027 028 030 034 036 040 043 048; \
         reload 023 072; remove_open 004; stripe 026"),
    ("there is no device of that name", Outcome::NoDevice, "create 015; life 047"),
    ("its table is shown, though it has none", Outcome::Obeyed, "life 007 011"),
    ("its table is shown", Outcome::Obeyed,
        "ext 005 006 012 013 019; life 012 016 017 018 019 031 037; \
         reload 003 005 008 010 012 014 016 018 020 022 025 027 029 031 033 035 063 065 067 071 074 076 078 082; \
         stack 008; stripe 003 005 008 010 012 014 016 018 020 022 025"),
    ("the slot is empty after a load that failed", Outcome::Obeyed,
        "reload 037 039 041 043 045 047 049 051 053 055 057 059 061"),
    ("what it stands on is shown", Outcome::Obeyed,
        "ext 007 014 020; life 008 013 020 038; reload 069; stack 007; stripe 006 027"),
    // Reload.
    ("a table is loaded", Outcome::Obeyed,
        "ext 003 010 017; life 009 033 041; reload 024 026 028 030 032 034 064 066 073 077 081; remove_open 002; \
         stack 002 005; stripe 002 007 011 023"),
    ("a table is loaded into a device said by its number", Outcome::Obeyed, "reload 080"),
    ("a table is loaded that encode refuses", Outcome::Obeyed,
        "reload 002 004 007 009 011 013 015 017 019 021 084; stripe 013 015 017 019 021"),
    ("a target is unknown", Outcome::BadTable, "reload 036 038 040 042 044 046 048 050 052 070"),
    ("a device of the table can not be opened", Outcome::BadTable, "reload 054 056 058 060 062 075; stripe 009"),
    ("there is no device to load into", Outcome::NoDevice, "reload 079"),
    // The other changes.
    ("a device is resumed", Outcome::Obeyed,
        "ext 004 011 018; life 014 035; reload 006 068 085; remove_open 003; stack 003 006; stripe 004 024"),
    ("a device is resumed, and its live table dropped: ask info first", Outcome::Obeyed, "life 039"),
    ("a device is suspended", Outcome::Obeyed, "life 029 032"),
    ("a slot is emptied, or was empty", Outcome::ObeyedOrDenied, "life 042 044"),
    ("a device has another name", Outcome::Obeyed, "life 045; rename 005 008 009 011 012 013"),
    ("a device has the name of another, and is lost: ask names first", Outcome::Obeyed, "rename 015"),
    ("the new name is too long", Outcome::BadNameOrDenied, "rename 010"),
    ("a uuid is no name, or there is no such device", Outcome::NoDevice, "rename 006 007"),
    ("a device is gone", Outcome::ObeyedOrDenied, "life 049; rename 017 019 022; stack 011"),
    ("a device in use is gone", Outcome::ObeyedOrDenied, "remove_open 005; stack 009"),
    ("there was no device to remove", Outcome::NoDevice, "life 051; rename 021"),
];

/// What only another user than root sees, or another driver: the request with the version alone rewritten. None was
/// captured.
const ECHOES: &[(&str, Outcome)] = &[
    ("life 002", Outcome::Unknown),
    ("life 003", Outcome::Unknown),
    ("life 006", Outcome::Unknown),
    ("life 007", Outcome::Unknown),
    ("life 008", Outcome::Unknown),
    ("life 021", Outcome::Unknown),
    ("life 004", Outcome::TakenOrDenied),
    ("create 001", Outcome::Denied),
    ("life 009", Outcome::Denied),
    ("reload 080", Outcome::BadTableOrDenied),
    ("life 014", Outcome::Denied),
    ("life 029", Outcome::Denied),
    ("life 042", Outcome::ObeyedOrDenied),
    ("life 045", Outcome::BadNameOrDenied),
    ("life 049", Outcome::ObeyedOrDenied),
];

/// The error of each outcome that is one.
const FAILURES: &[(Outcome, Option<ErrorKind>)] = &[
    (Outcome::Obeyed, None),
    (Outcome::ObeyedOrDenied, None),
    (Outcome::OtherVersion, Some(ErrorKind::Protocol)),
    (Outcome::Unknown, Some(ErrorKind::Unsupported)),
    (Outcome::NoDevice, Some(ErrorKind::NotFound)),
    (Outcome::BadTable, Some(ErrorKind::InvalidTable)),
    (Outcome::BadTableOrDenied, Some(ErrorKind::InvalidTable)),
    (Outcome::Taken, Some(ErrorKind::Exists)),
    (Outcome::TakenOrDenied, Some(ErrorKind::Exists)),
    (Outcome::Denied, Some(ErrorKind::Permission)),
    (Outcome::BadNameOrDenied, Some(ErrorKind::Permission)),
];

/// The request as a driver without a word to say on it sends it back.
fn echo(request: &Dictionary) -> Dictionary {
    let mut reply = request.clone();
    let version = [4_u32, 16, 0].into_iter().collect::<Value>();
    reply.set("version", version);
    reply
}

/// A request as ours is: with `minor`, 0 for none.
fn with_minor(dictionary: &Dictionary) -> Dictionary {
    let mut with = dictionary.clone();
    if !with.contains("minor") {
        with.set("minor", 0_u32);
    }
    with
}

fn one(place: &str) -> Step {
    let found = all(Kind::Model)
        .into_iter()
        .find(|step| step.place() == place);
    found.unwrap_or_else(|| panic!("{place} was not captured"))
}

fn reply(place: &str) -> Dictionary {
    one(place).reply.unwrap()
}

#[test]
fn each_captured_reply_means_what_its_row_says() {
    let mut rows = by_step(SITUATIONS, |row| row.2);
    for step in all(Kind::Model) {
        let (place, reply) = (step.place(), step.reply.unwrap());
        let (situation, outcome, _) = rows
            .remove(&place)
            .unwrap_or_else(|| panic!("{place} is in no row"));
        let found = Outcome::of(&step.request, &reply);
        assert_eq!(found, Ok(outcome), "{place}: {situation}");
        // The reply has the minor number that our request has, unless it has a better one.
        let ours = Outcome::of(&with_minor(&step.request), &with_minor(&reply));
        assert_eq!(ours, Ok(outcome), "{place} with minor: {situation}");
    }
    assert!(rows.is_empty(), "not captured: {rows:?}");
}

#[test]
fn each_echo_means_what_its_row_says() {
    for (place, outcome) in ECHOES {
        let request = one(place).request;
        assert_eq!(
            Outcome::of(&request, &echo(&request)),
            Ok(*outcome),
            "{place}"
        );
        let request = with_minor(&request);
        assert_eq!(
            Outcome::of(&request, &echo(&request)),
            Ok(*outcome),
            "{place}"
        );
        assert_eq!(
            Outcome::of(&request, &request),
            Ok(Outcome::OtherVersion),
            "{place}"
        );
    }
}

#[test]
fn each_outcome_has_its_error() {
    for (outcome, kind) in FAILURES {
        assert_eq!(
            outcome.failure().map(|error| error.kind),
            *kind,
            "{outcome:?}"
        );
    }
}

/// What the kernel mishandles may come back as anything.
#[test]
fn replies_to_what_is_undefined_are_read_without_panic() {
    for step in all(Kind::Undefined) {
        if let Some(reply) = &step.reply {
            let outcome = Outcome::of(&step.request, reply);
            assert!(outcome.is_ok(), "{}: {outcome:?}", step.place());
        }
    }
}

#[test]
fn reply_to_another_command_is_none() {
    let error = Outcome::of(&one("life 002").request, &reply("life 003")).unwrap_err();
    assert_eq!(
        error.to_string(),
        "the key command has the unknown value \"names\""
    );
}

#[test]
fn replies_say_what_they_said() {
    let name = || DmName::new("vg0-lv0").unwrap();
    let number = DevNo {
        major: 169,
        minor: 1,
    };
    assert_eq!(client::version(&reply("life 001")), Ok(Version(4, 16, 0)));
    assert_eq!(
        client::version(&reply("versions 008")),
        Ok(Version(4, 16, 0))
    );
    let targets = client::targets(&reply("life 002")).unwrap();
    let targets: Vec<_> = targets
        .iter()
        .map(|kind| format!("{} {}", kind.name, kind.version))
        .collect();
    assert_eq!(targets, ["linear 1.0.2", "striped 1.0.3"]);
    let devices = client::devices(&reply("life 005"), 169).unwrap();
    assert_eq!(
        (devices.len(), devices[0].name.clone(), devices[0].number),
        (1, name(), number)
    );
    assert_eq!(client::minor(&reply("life 004")), Ok(1));
    let info = client::info(&reply("life 034"), name(), 169).unwrap();
    assert_eq!(
        (info.number, info.target_count, info.open_count),
        (number, 1, 0)
    );
    assert_eq!(info.uuid.unwrap().as_str(), "LVM-abcdef");
    assert_eq!(
        info.flags,
        DeviceFlags::SUSPENDED | DeviceFlags::ACTIVE_PRESENT | DeviceFlags::INACTIVE_PRESENT
    );
    let lines = |place| {
        let lines = client::lines(&reply(place)).unwrap();
        lines.iter().map(ToString::to_string).collect::<Vec<_>>()
    };
    let table = [
        "0 1024 linear /dev/rump_wd1a 0",
        "1024 1024 linear /dev/rump_wd2a 2048",
    ];
    assert_eq!(lines("life 037"), table);
    assert_eq!(lines("life 016"), ["0 2048 linear"]);
    assert_eq!(lines("life 007"), [""; 0]);
    assert_eq!(lines("ext 005"), ["0 64 zero"]);
    let deps = |place| {
        let deps = client::deps(&reply(place)).unwrap();
        deps.iter()
            .map(|dep| dep.number.to_string())
            .collect::<Vec<_>>()
    };
    assert_eq!(deps("life 038"), ["197:1", "197:2"]);
    // Each once, though it is in two lines.
    assert_eq!(deps("reload 069"), ["197:0"]);
    assert_eq!(deps("stack 007"), ["169:1"]);
}
