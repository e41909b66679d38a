//! The same program on any driver: one line changes.
//!
//! `cargo run -p dm-tools --example any_driver` makes a device on an engine of its own; with the word
//! `linux` or `netbsd` behind it, as root, on the kernel's driver; with `socket:PATH` on a daemon's.

use std::path::Path;

use dm_core::backend::Backend;
use dm_core::client::Dm;
use dm_core::command::{Create, Load, RemoveMode, Slot, SuspendOptions};
use dm_core::engine::Engine;
use dm_core::error::DmError;
use dm_core::names::DmName;
use dm_core::table::TableLine;
use dm_linux::Linux;
use dm_netbsd::NetBsd;
use dm_proto::socket::SocketBackend;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let word = std::env::args().nth(1);
    for line in run(word.as_deref().unwrap_or("engine"))? {
        println!("{line}");
    }
    Ok(())
}

/// The tour on the driver that `word` names.
///
/// # Errors
/// What the driver answers.
pub(crate) fn run(word: &str) -> Result<Vec<String>, DmError> {
    match word {
        "linux" => tour(&Dm::new(Linux::open()?)),
        "netbsd" => tour(&Dm::new(NetBsd::open()?)),
        _ => match word.strip_prefix("socket:") {
            Some(path) => tour(&Dm::new(SocketBackend::connect(Path::new(path))?)),
            None => tour(&Dm::new(Engine::new())),
        },
    }
}

/// A device's life, which is the same everywhere.
fn tour<B: Backend>(dm: &Dm<B>) -> Result<Vec<String>, DmError> {
    let name = DmName::new("any-driver").expect("it is short");
    let table = TableLine::parse_table("0 2048 zero").expect("it is a table");
    dm.create(Create::new(name.clone()))?;
    dm.load(Load::new(name.clone(), table))?;
    dm.resume(name.clone(), SuspendOptions::default())?;
    let (info, lines) = dm.table(name.clone(), Slot::Active)?;
    let driver = dm.capabilities().driver;
    let shown = |line| format!("{driver}: {} ({}): {line}", info.name, info.number);
    let shown = lines.iter().map(shown).collect();
    dm.remove(name, RemoveMode::IfUnused)?;
    Ok(shown)
}
