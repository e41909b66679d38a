//! Any dictionary as the reply to a request, in both dialects.
#![no_main]

use std::sync::LazyLock;

use dm_core::command::{Command, Create, ListFilter, Load, RemoveMode, Slot, SuspendOptions};
use dm_core::devid::DevId;
use dm_core::names::DmName;
use dm_core::table::TableLine;
use dm_core::target::FlushMode;
use dm_proto::netbsd::client::{self, Outcome};
use dm_proto::netbsd::{LIMITS, command, reply};
use dm_proto::proplib::{Dictionary, read_dictionary};
use libfuzzer_sys::fuzz_target;

/// One command of each kind of reply, with its request in either dialect.
static ASKED: LazyLock<Vec<(Command, Dictionary, Option<Dictionary>)>> = LazyLock::new(|| {
    let name = || DmName::new("vol0").expect("a name");
    let (device, slot) = (|| DevId::Name(name()), Slot::Active);
    let lines = TableLine::parse_table("0 8 zero").expect("a table");
    let commands = [
        Command::Version,
        Command::Targets,
        Command::List(ListFilter::default()),
        Command::Create(Create::new(name())),
        Command::Load(Load::new(name(), lines)),
        Command::Resume {
            device: device(),
            options: SuspendOptions::default(),
        },
        Command::Info {
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
            flush: FlushMode::Flush,
        },
        Command::Deps {
            device: device(),
            slot,
        },
        Command::Rename {
            device: device(),
            name: name(),
        },
        Command::Remove {
            device: device(),
            mode: RemoveMode::IfUnused,
        },
    ];
    let asked = commands.into_iter().map(|asked| {
        let (ours, theirs) = (command::encode(&asked), client::encode(&asked).ok());
        (asked, ours, theirs)
    });
    asked.collect()
});

fuzz_target!(|bytes: &[u8]| {
    let Ok(answer) = read_dictionary(bytes, &LIMITS) else {
        return;
    };
    for (command, ours, theirs) in ASKED.iter() {
        // What a reply means, said again, means the same.
        let meant = reply::decode(command, &answer);
        if let Ok(reply) = &meant {
            let again = reply::encode(ours.clone(), &meant);
            assert_eq!(reply::decode(command, &again).ok().as_ref(), Some(reply));
        }
        if let Some(asked) = theirs
            && let Ok(outcome) = Outcome::of(asked, &answer)
        {
            let _why = outcome.failure();
        }
    }
    read_all(&answer);
});

/// Reads all that NetBSD's replies can say.
fn read_all(answer: &Dictionary) {
    const MAJOR: u32 = 169;
    let name = DmName::new("vol0").expect("a name");
    let _said = (
        client::version(answer),
        client::minor(answer),
        client::info(answer, name, MAJOR),
        client::targets(answer),
        client::devices(answer, MAJOR),
        client::lines(answer),
        client::deps(answer),
    );
}
