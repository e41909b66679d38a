//! Changes of several devices, all or none.
//!
//! # Shape
//! - [`Transaction`]: what is wanted, device by device.
//! - [`Plan`]: the steps to it, made before anything is changed: load from the bottom up, suspend
//!   from the top down, resume from the bottom up.
//! - [`UNDO`]: what takes each kind of step back. When a step fails, those done before it are
//!   undone, the last first; then all devices are looked at, and the error says how they are.
//!
//! While a device is suspended its io is held, and not lost: [`Report`] says for how long.
//!
//! # Examples
//! ```
//! use dm_core::client::Dm;
//! use dm_core::command::{Create, Load};
//! use dm_core::engine::Engine;
//! use dm_core::names::DmName;
//! use dm_core::table::TableLine;
//! use dm_core::transaction::Transaction;
//!
//! let dm = Dm::new(Engine::new()); // or Linux::open()?, or any other Backend
//! let (top, disk) = (DmName::new("top")?, DmName::new("disk")?);
//! let lines = TableLine::parse_table;
//! // The order is found out: disk is made before what stands on it.
//! Transaction::new()
//!     .create(Create::new(top.clone()), lines("0 8 linear /dev/mapper/disk 0")?)
//!     .create(Create::new(disk.clone()), lines("0 8 zero")?)
//!     .run(&dm)?;
//! // Both grow, and no io finds one grown without the other.
//! let report = Transaction::new()
//!     .swap(Load::new(disk, lines("0 16 zero")?))
//!     .swap(Load::new(top, lines("0 16 linear /dev/mapper/disk 0")?))
//!     .run(&dm)?;
//! println!("io was held for {:?}", report.suspended);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod error;
mod member;
mod order;
mod plan;
mod run;
mod undo;

#[cfg(test)]
mod tests;

use alloc::vec::Vec;
use std::time::Duration;

use crate::backend::Backend;
use crate::client::Dm;
use crate::command::{Create, Load, SuspendOptions};
use crate::component::TableMode;
use crate::devid::DevId;
use crate::error::DmError;
use crate::names::DmName;
use crate::table::TableLine;

pub use error::{FailedUndo, Found, Left, TransactionError};
pub use plan::{Plan, Step, StepKind};
pub use undo::{UNDO, Undo};

/// What several devices are to become.
#[derive(Clone, Debug, Default)]
pub struct Transaction {
    goals: Vec<Goal>,
    options: SuspendOptions,
}

/// What becomes of a device.
#[derive(Clone, Debug)]
enum Goal {
    Create(Create, Vec<TableLine>, TableMode),
    Swap(Load),
    Remove(DevId),
}

/// How a transaction went.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Report {
    /// Its steps, and how long each took.
    pub steps: Vec<(Step, Duration)>,
    /// From the first suspend to the last resume; zero if no device was swapped.
    pub suspended: Duration,
    /// How long each swapped device was suspended.
    pub held: Vec<(DmName, Duration)>,
}

impl Transaction {
    /// Nothing yet.
    pub fn new() -> Transaction {
        Transaction::default()
    }

    /// A device is made, with a table that is active in the end.
    #[must_use]
    pub fn create(mut self, create: Create, lines: Vec<TableLine>) -> Transaction {
        let goal = Goal::Create(create, lines, TableMode::ReadWrite);
        self.goals.push(goal);
        self
    }

    /// The same with a table that refuses writes.
    #[must_use]
    pub fn create_read_only(mut self, create: Create, lines: Vec<TableLine>) -> Transaction {
        let goal = Goal::Create(create, lines, TableMode::ReadOnly);
        self.goals.push(goal);
        self
    }

    /// A device gets another table; its io is held meanwhile.
    #[must_use]
    pub fn swap(mut self, load: Load) -> Transaction {
        self.goals.push(Goal::Swap(load));
        self
    }

    /// A device is removed, after all swaps.
    #[must_use]
    pub fn remove(mut self, device: impl Into<DevId>) -> Transaction {
        self.goals.push(Goal::Remove(device.into()));
        self
    }

    /// How devices are suspended.
    #[must_use]
    pub fn options(self, options: SuspendOptions) -> Transaction {
        Transaction { options, ..self }
    }

    /// The steps that it takes on this driver. Nothing is changed.
    ///
    /// # Errors
    /// [`Unsupported`](crate::error::ErrorKind::Unsupported) if a table is to be swapped and the
    /// driver does not hold io meanwhile; [`Invalid`](crate::error::ErrorKind::Invalid) if a device
    /// is named twice, or tables stand in a circle; what the driver answers about the devices.
    pub fn plan<B: Backend>(&self, dm: &Dm<B>) -> Result<Plan, DmError> {
        plan::plan(self, dm)
    }

    /// Makes the change.
    ///
    /// # Errors
    /// [`TransactionError`], which says which step failed and how the devices are now.
    pub fn run<B: Backend>(&self, dm: &Dm<B>) -> Result<Report, TransactionError> {
        let plan = self.plan(dm).map_err(TransactionError::before)?;
        run::run(plan, dm, self.options)
    }
}
