//! The way back from the journal.

use dm_core::client::Dm;
use dm_core::command::{Create, Load, SuspendOptions};
use dm_core::component::TableMode;
use dm_core::devid::DevId;
use dm_core::engine::Engine;
use dm_core::error::{DmError, ErrorKind};
use dm_core::names::{DmName, DmUuid};
use dm_core::table::TableLine;

use super::saved::Saved;

/// How a restore went.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Restored {
    /// How many devices are as they were.
    pub(super) devices: usize,
    /// Which are not, and why.
    pub(super) problems: Vec<String>,
}

/// Makes the devices of a journal again, with their numbers.
///
/// All are made first. Then tables are loaded, round by round, for as long as a round gets further:
/// a table that stands on another device can be loaded once that one has its own. A keyed device
/// stays suspended without a table.
pub(super) fn restore(engine: &Engine, devices: &[Saved]) -> Restored {
    let dm = Dm::new(engine.clone());
    let mut restored = Restored::default();
    let mut waiting = Vec::new();
    for saved in devices {
        match create(&dm, saved) {
            Ok(()) if saved.keyed => {
                let suspended =
                    name(saved).and_then(|name| dm.suspend(name, SuspendOptions::default()));
                restored.note(saved, suspended.map(drop));
                restored
                    .problems
                    .push(format!("{}: suspended until its key is loaded", saved.name));
            }
            Ok(()) => waiting.push(saved),
            Err(error) => restored.note(saved, Err(error)),
        }
    }
    while !waiting.is_empty() {
        let (mut left, mut errors) = (Vec::new(), Vec::new());
        let before = waiting.len();
        for saved in waiting {
            match activate(&dm, saved) {
                Ok(()) => restored.devices += 1,
                Err(error) => {
                    errors.push((saved.name.clone(), error));
                    left.push(saved);
                }
            }
        }
        if left.len() == before {
            let problem = |(name, error): (String, DmError)| {
                format!("not restored: {name}: {}", error.report())
            };
            restored.problems.extend(errors.into_iter().map(problem));
            break;
        }
        waiting = left;
    }
    restored
}

impl Restored {
    fn note(&mut self, saved: &Saved, result: Result<(), DmError>) {
        match result {
            Ok(()) => self.devices += 1,
            Err(error) => {
                self.problems
                    .push(format!("not restored: {}: {}", saved.name, error.report()))
            }
        }
    }
}

fn create(dm: &Dm<Engine>, saved: &Saved) -> Result<(), DmError> {
    let invalid = |error| DmError::new(ErrorKind::Invalid).with_source(error);
    let mut create = Create::new(name(saved)?).minor(saved.minor);
    if let Some(uuid) = &saved.uuid {
        create = create.uuid(DmUuid::new(uuid).map_err(invalid)?);
    }
    dm.create(create).map(drop)
}

/// Does all that is left to do; what is done already is done again to no effect.
fn activate(dm: &Dm<Engine>, saved: &Saved) -> Result<(), DmError> {
    let device = DevId::from(name(saved)?);
    let options = SuspendOptions::default();
    if !saved.active.is_empty() {
        dm.load(load(&device, &saved.active, saved.mode)?)?;
        dm.resume(device.clone(), options)?;
    }
    if !saved.inactive.is_empty() {
        dm.load(load(&device, &saved.inactive, saved.inactive_mode)?)?;
    }
    if saved.suspended {
        dm.suspend(device, options)?;
    }
    Ok(())
}

fn load(device: &DevId, lines: &[String], mode: TableMode) -> Result<Load, DmError> {
    let lines = lines
        .iter()
        .map(|line| line.parse())
        .collect::<Result<Vec<TableLine>, _>>()?;
    let load = Load::new(device.clone(), lines);
    Ok(match mode {
        TableMode::ReadWrite => load,
        TableMode::ReadOnly => load.read_only(),
    })
}

fn name(saved: &Saved) -> Result<DmName, DmError> {
    DmName::new(&saved.name).map_err(|error| DmError::new(ErrorKind::Invalid).with_source(error))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    fn saved(name: &str, minor: u32, active: &str) -> Saved {
        let active = active.lines().map(str::to_owned).collect();
        Saved {
            name: name.into(),
            minor,
            active,
            ..Saved::default()
        }
    }

    #[test]
    fn stack_comes_back_whatever_the_order() {
        let all = vec![
            saved("top", 0, "0 8 linear 253:1 0"),
            saved("middle", 1, "0 8 linear /dev/mapper/base 0"),
            Saved {
                suspended: true,
                inactive: vec!["0 4 error".into()],
                ..saved("base", 2, "0 16 zero")
            },
        ];
        let engine = Engine::new();
        assert_eq!(
            restore(&engine, &all),
            Restored {
                devices: 3,
                problems: Vec::new()
            }
        );
        let mut again = Saved::all_of(&engine, &BTreeMap::new()).unwrap();
        again.sort_by_key(|saved| saved.minor);
        assert_eq!(
            again.iter().map(|saved| &saved.name).collect::<Vec<_>>(),
            ["top", "middle", "base"]
        );
        assert_eq!(again[2], all[2]);
    }

    #[test]
    fn device_that_cannot_be_restored_is_named_and_the_others_come_back() {
        let all = vec![
            saved("lost", 0, "0 8 linear /nowhere/disk.img 0"),
            saved("good", 1, "0 8 zero"),
        ];
        let restored = restore(&Engine::new(), &all);
        assert_eq!(restored.devices, 1);
        assert_eq!(restored.problems.len(), 1);
        assert!(
            restored.problems[0].starts_with("not restored: lost: load lost: line 1: "),
            "{restored:?}"
        );
    }

    #[test]
    fn keyed_device_stays_suspended_without_a_table() {
        let keyed = Saved {
            keyed: true,
            ..saved("secret", 0, "0 8 crypt aes - 0 /dev/sda 0")
        };
        let engine = Engine::new();
        let restored = restore(&engine, &[keyed]);
        assert_eq!(
            restored.problems,
            ["secret: suspended until its key is loaded"]
        );
        let now = Saved::all_of(&engine, &BTreeMap::new()).unwrap().remove(0);
        assert!(now.suspended && now.active.is_empty());
    }
}
