//! A driver that looks at the labels of disks before each load.

use alloc::boxed::Box;

use crate::backend::{Backend, Capabilities};
use crate::command::{Command, Reply, Slot};
use crate::devid::{DevId, DevNo};
use crate::error::DmError;
use crate::names::DmName;
use crate::table::TableError;

use super::lines::{Disks, Standing};
use super::policy::Rule;

/// Hears of segments that map a label where the policy is to warn.
type Warn = Box<dyn Fn(&TableError) + Send + Sync>;

/// A driver before which the [`Rule`] stands: a table that maps a disk's label is not sent.
///
/// # Examples
/// ```
/// use dm_core::backend::Backend;
/// use dm_core::client::Dm;
/// use dm_core::command::{Create, Load};
/// use dm_core::disklabel::{Guarded, HostDisks, Policy, Port, Rule};
/// use dm_core::engine::Engine;
/// use dm_core::names::DmName;
/// use dm_core::table::TableLine;
///
/// # let disk = tempfile::NamedTempFile::new()?;
/// # disk.as_file().set_len(1 << 20)?;
/// # let path = disk.path().display();
/// let engine = Engine::new();
/// let rule = Rule::for_driver(engine.capabilities().driver)
///     .policy(Policy::Strict)
///     .port(Port::Amd64);
/// let dm = Dm::new(Guarded::new(engine, rule, HostDisks::new()));
/// let name = DmName::new("vol0")?;
/// dm.create(Create::new(name.clone()))?;
/// let load = |offset: u32| {
///     let lines = TableLine::parse_table(&format!("0 8 linear {path} {offset}")).unwrap();
///     dm.load(Load::new(name.clone(), lines))
/// };
/// assert!(load(64).unwrap_err().report().ends_with("disklabel: offset 65 is free"));
/// assert!(load(65).is_ok());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Guarded<B, D> {
    backend: B,
    rule: Rule,
    disks: D,
    warn: Warn,
}

/// Disks, of which a driver's own devices are told apart by asking it.
pub struct Stacked<'a, B: ?Sized, D: ?Sized> {
    backend: &'a B,
    disks: &'a D,
}

impl<B: Backend, D: Disks + Send + Sync> Guarded<B, D> {
    /// Puts `rule` before a driver. Warnings go nowhere.
    pub fn new(backend: B, rule: Rule, disks: D) -> Guarded<B, D> {
        Guarded {
            backend,
            rule,
            disks,
            warn: Box::new(|_| {}),
        }
    }

    /// The same with someone who hears of warnings.
    #[must_use]
    pub fn on_warning(self, warn: impl Fn(&TableError) + Send + Sync + 'static) -> Guarded<B, D> {
        let warn = Box::new(warn);
        Guarded { warn, ..self }
    }
}

impl<B: Backend, D: Disks + Send + Sync> Backend for Guarded<B, D> {
    fn capabilities(&self) -> Capabilities {
        self.backend.capabilities()
    }

    fn call(&self, command: Command) -> Result<Reply, DmError> {
        if let Command::Load(load) = &command {
            let disks = Stacked::new(&self.backend, &self.disks);
            self.rule
                .check(&load.lines, &disks, &mut |error| (self.warn)(error))
                .map_err(|error| DmError::from(error).about(command.verb(), command.device()))?;
        }
        self.backend.call(command)
    }

    #[cfg(feature = "std")]
    fn watch(&self) -> Result<Box<dyn crate::events::Watch>, DmError> {
        self.backend.watch()
    }
}

impl<'a, B: ?Sized, D: ?Sized> Stacked<'a, B, D> {
    /// The disks of `disks`, but for what `backend` says are its devices.
    pub const fn new(backend: &'a B, disks: &'a D) -> Stacked<'a, B, D> {
        Stacked { backend, disks }
    }
}

impl<B: Backend + ?Sized, D: Disks + ?Sized> Disks for Stacked<'_, B, D> {
    fn find(&self, word: &str) -> Standing {
        let name = word.strip_prefix("/dev/mapper/");
        let device = match (word.parse::<DevNo>(), name.map(DmName::new)) {
            (Ok(number), _) => Some(DevId::Number(number)),
            (_, Some(Ok(name))) => Some(DevId::Name(name)),
            (_, _) => None,
        };
        let slot = Slot::Active;
        let mapped =
            device.is_some_and(|device| self.backend.call(Command::Info { device, slot }).is_ok());
        match mapped {
            true => Standing::Mapped,
            false => self.disks.find(word),
        }
    }
}
