//! Commands of an engine in few words.

use dm_core::client::Dm;
use dm_core::command::{Create, Load, SuspendOptions};
use dm_core::component::TableMode;
use dm_core::engine::{Engine, OpenDevice};
use dm_core::error::DmError;
use dm_core::names::DmName;
use dm_core::table::TableLine;

/// A name that is known to be one.
///
/// # Panics
/// If it is none.
pub fn name(text: &str) -> DmName {
    DmName::new(text).expect("a device name")
}

/// Makes a device with a table and lets it run.
///
/// # Errors
/// What the engine answers.
pub fn create(engine: &Engine, device: &str, table: &str) -> Result<(), DmError> {
    Dm::new(engine).create(Create::new(name(device)))?;
    swap(engine, device, table)
}

/// Loads a table into a device and resumes it.
///
/// # Errors
/// What the engine answers.
pub fn swap(engine: &Engine, device: &str, table: &str) -> Result<(), DmError> {
    load(engine, device, table)?;
    Dm::new(engine)
        .resume(name(device), SuspendOptions::default())
        .map(|_| ())
}

/// Loads a table into a device's inactive slot.
///
/// # Errors
/// What the engine answers.
pub fn load(engine: &Engine, device: &str, table: &str) -> Result<(), DmError> {
    let lines = TableLine::parse_table(table)?;
    Dm::new(engine)
        .load(Load::new(name(device), lines))
        .map(|_| ())
}

/// Opens a device for reading and writing.
///
/// # Panics
/// If there is none.
pub fn open(engine: &Engine, device: &str) -> OpenDevice {
    engine
        .open(&name(device).into(), TableMode::ReadWrite)
        .expect("the device opens")
}
