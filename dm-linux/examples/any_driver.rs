//! The same program on the engine and on Linux: one line changes.
//!
//! `cargo run -p dm-linux --example any_driver` makes a device on the engine; with the word `linux`
//! behind it, as root, on the kernel.

use dm_core::backend::Backend;
use dm_core::client::Dm;
use dm_core::command::{Create, Load, RemoveMode, Slot, SuspendOptions};
use dm_core::engine::Engine;
use dm_core::error::DmError;
use dm_core::names::DmName;
use dm_core::table::TableLine;
use dm_linux::Linux;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    match std::env::args().nth(1).as_deref() {
        Some("linux") => tour(&Dm::new(Linux::open()?))?,
        _ => tour(&Dm::new(Engine::new()))?,
    }
    Ok(())
}

fn tour<B: Backend>(dm: &Dm<B>) -> Result<(), DmError> {
    let name = DmName::new("any-driver").expect("it is short");
    let table = TableLine::parse_table("0 2048 zero").expect("it is a table");
    dm.create(Create::new(name.clone()))?;
    dm.load(Load::new(name.clone(), table))?;
    dm.resume(name.clone(), SuspendOptions::default())?;
    let (info, lines) = dm.table(name.clone(), Slot::Active)?;
    let driver = dm.capabilities().driver;
    for line in lines {
        println!("{driver}: {} ({}): {line}", info.name, info.number);
    }
    dm.remove(name, RemoveMode::IfUnused)
}
