//! A driver's commands in few words.

use dm_core::backend::Backend;
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
/// What the driver answers.
pub fn create(driver: &dyn Backend, device: &str, table: &str) -> Result<(), DmError> {
    Dm::new(driver).create(Create::new(name(device)))?;
    swap(driver, device, table)
}

/// Loads a table into a device and resumes it.
///
/// # Errors
/// What the driver answers.
pub fn swap(driver: &dyn Backend, device: &str, table: &str) -> Result<(), DmError> {
    load(driver, device, table)?;
    Dm::new(driver)
        .resume(name(device), SuspendOptions::default())
        .map(|_| ())
}

/// Loads a table into a device's inactive slot.
///
/// # Errors
/// What the driver answers.
pub fn load(driver: &dyn Backend, device: &str, table: &str) -> Result<(), DmError> {
    let lines = TableLine::parse_table(table)?;
    Dm::new(driver)
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
