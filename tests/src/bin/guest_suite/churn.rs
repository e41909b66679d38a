//! The same loop through dm-linux and, in C, through libdevmapper.

use std::time::{Duration, Instant};

use dm_core::client::Dm;
use dm_core::command::{Create, Load, RemoveMode, SuspendOptions};
use dm_core::error::DmError;
use dm_core::names::DmName;
use dm_core::table::TableLine;
use dm_linux::Linux;

use crate::counts::traced;
use crate::shell::run;

/// How long the loops run, in turn, so that both see the same machine.
const LIMIT: Duration = Duration::from_secs(150);

/// The devices of a loop.
const DEVICES: u32 = 500;

/// Makes, loads, resumes and removes devices one after the other, and prints the microseconds of
/// user and of system time that it took.
pub(crate) fn main(devices: u32) -> Result<(), String> {
    let before = times()?;
    churn(devices).map_err(|error| error.report())?;
    let after = times()?;
    println!("{} {}", after.0 - before.0, after.1 - before.1);
    Ok(())
}

fn churn(devices: u32) -> Result<(), DmError> {
    let dm = Dm::new(Linux::open()?);
    for at in 0..devices {
        let name = DmName::new(&format!("churn-{at}")).expect("a short name");
        dm.create(Create::new(name.clone()))?;
        let table = TableLine::parse_table("0 8 zero").expect("a table");
        dm.load(Load::new(name.clone(), table).open())?;
        dm.resume(name.clone(), SuspendOptions::default())?;
        dm.remove(name, RemoveMode::IfUnused)?;
    }
    Ok(())
}

/// This process's user and system time in microseconds. The kernel counts both in hundredths of a
/// second.
fn times() -> Result<(u64, u64), String> {
    let text = std::fs::read_to_string("/proc/self/stat").map_err(|error| error.to_string())?;
    let fields: Vec<&str> = text
        .rsplit_once(") ")
        .map(|(_, rest)| rest.split(' ').collect())
        .unwrap_or_default();
    let field = |at: usize| fields.get(at).and_then(|field| field.parse::<u64>().ok());
    match (field(11), field(12)) {
        (Some(user), Some(system)) => Ok((user * 10_000, system * 10_000)),
        _ => Err(format!("/proc/self/stat is {text:?}")),
    }
}

/// As many ioctls or fewer, device for device.
pub(crate) fn churn_needs_no_more_ioctls() -> Result<(), String> {
    let calls = |words: &str| Ok::<_, String>(traced(words)?.len());
    let ours = calls("guest_suite churn 20")?;
    let theirs = calls("churn 20")?;
    println!("ioctls for 20 devices: {ours} of ours, {theirs} of libdevmapper");
    match ours <= theirs {
        true => Ok(()),
        false => Err(format!("{ours} ioctls, and libdevmapper needs {theirs}")),
    }
}

/// How long both take is printed, for docs/performance.md; no other check depends on it.
pub(crate) fn churn_figures() -> Result<(), String> {
    let start = Instant::now();
    let (mut ours, mut theirs) = ((0, 0), (0, 0));
    let mut rounds = 0;
    while start.elapsed() < LIMIT {
        for (words, sum) in [("guest_suite churn", &mut ours), ("churn", &mut theirs)] {
            let said = run(&format!("{words} {DEVICES}"))?;
            let mut numbers = said.split_whitespace().map(str::parse::<u64>);
            let (Some(Ok(user)), Some(Ok(system))) = (numbers.next(), numbers.next()) else {
                return Err(format!("{words} says {said:?}"));
            };
            *sum = (sum.0 + user, sum.1 + system);
        }
        rounds += 1;
    }
    for (whose, (user, system)) in [("ours", ours), ("libdevmapper", theirs)] {
        println!("{rounds} x {DEVICES} devices, {whose}: user {user} us, system {system} us");
    }
    Ok(())
}
