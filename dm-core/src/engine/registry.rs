//! Which devices there are.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, Weak};

use crate::command::{Create, RemoveMode};
use crate::device::Event;
use crate::devid::{DevId, DevNo};
use crate::errno::Errno;
use crate::error::{DmError, ErrorKind};
use crate::locks::lock;
use crate::names::{DmName, DmUuid};
use crate::target::TargetKind;

use super::device::Core;
use super::opener::Files;
use super::watch::Watchers;

/// The major number of mapped devices.
pub(super) const MAPPED_MAJOR: u32 = 253;

/// The highest minor number.
const MINOR_MAX: u32 = (1 << 20) - 1;

/// What an engine's handles share.
pub(super) struct Inner {
    me: Weak<Inner>,
    pub(super) kinds: Vec<TargetKind>,
    pub(super) files: Files,
    pub(super) watchers: Watchers,
    /// Held while a table is loaded, so that no two loads can close a circle together.
    pub(super) loading: Mutex<()>,
    registry: Mutex<Registry>,
}

/// The devices by what they are called. A device is in both `names` and `minors`, and in `uuids`
/// if it has one.
#[derive(Default)]
pub(super) struct Registry {
    names: BTreeMap<DmName, Arc<Core>>,
    uuids: BTreeMap<DmUuid, Arc<Core>>,
    minors: BTreeMap<u32, Arc<Core>>,
}

impl Drop for Inner {
    /// Devices that nobody uses any more end as when they are removed, those first that stand on others.
    fn drop(&mut self) {
        let registry = std::mem::take(&mut *lock(&self.registry));
        let mut left: Vec<_> = registry.names.into_values().collect();
        drop((registry.uuids, registry.minors));
        while let Some(at) = left.iter().position(|core| core.is_unused()) {
            left.swap_remove(at).destroy();
        }
    }
}

impl Inner {
    pub(super) fn new(kinds: Vec<TargetKind>) -> Arc<Inner> {
        Arc::new_cyclic(|me| Inner {
            me: me.clone(),
            kinds,
            files: Files::default(),
            watchers: Watchers::new(),
            loading: Mutex::new(()),
            registry: Mutex::default(),
        })
    }

    fn registry(&self) -> MutexGuard<'_, Registry> {
        lock(&self.registry)
    }

    /// The device that `id` means.
    pub(super) fn find(&self, id: &DevId) -> Result<Arc<Core>, DmError> {
        self.registry()
            .find(id)
            .ok_or_else(|| DmError::new(ErrorKind::NotFound))
    }

    /// All devices, sorted by name.
    pub(super) fn all(&self) -> Vec<Arc<Core>> {
        self.registry().names.values().cloned().collect()
    }

    /// Makes a device.
    pub(super) fn create(&self, create: Create) -> Result<Arc<Core>, DmError> {
        let mut registry = self.registry();
        registry.check_free(Some(&create.name), create.uuid.as_ref())?;
        let minor = registry.free_minor(create.minor)?;
        let number = DevNo {
            major: MAPPED_MAJOR,
            minor,
        };
        let (name, uuid) = (create.name, create.uuid);
        let core = Arc::new(Core::new(
            self.me.clone(),
            number,
            name.clone(),
            uuid.clone(),
        ));
        registry.names.insert(name, core.clone());
        registry.minors.insert(minor, core.clone());
        if let Some(uuid) = uuid {
            registry.uuids.insert(uuid, core.clone());
        }
        drop(registry);
        self.watchers.changed();
        Ok(core)
    }

    /// Gives a device another name.
    pub(super) fn rename(&self, id: &DevId, name: DmName) -> Result<Arc<Core>, DmError> {
        let mut registry = self.registry();
        let core = registry
            .find(id)
            .ok_or_else(|| DmError::new(ErrorKind::NotFound))?;
        registry.check_free(Some(&name), None)?;
        registry.names.remove(&core.name());
        registry.names.insert(name.clone(), core.clone());
        core.set_name(name);
        Ok(core)
    }

    /// Gives a device its uuid.
    pub(super) fn set_uuid(&self, id: &DevId, uuid: DmUuid) -> Result<Arc<Core>, DmError> {
        let mut registry = self.registry();
        let core = registry
            .find(id)
            .ok_or_else(|| DmError::new(ErrorKind::NotFound))?;
        registry.check_free(None, Some(&uuid))?;
        if core.uuid().is_some() {
            return Err(DmError::because(
                ErrorKind::Invalid,
                "the device has a uuid already",
            ));
        }
        registry.uuids.insert(uuid.clone(), core.clone());
        core.set_uuid(uuid);
        Ok(core)
    }

    /// Takes a device away, or notes that it is to go.
    pub(super) fn remove(&self, id: &DevId, mode: RemoveMode) -> Result<(), DmError> {
        let mut registry = self.registry();
        let core = registry
            .find(id)
            .ok_or_else(|| DmError::new(ErrorKind::NotFound))?;
        if core.remove(event_of(mode))? {
            registry.take_out(&core);
            drop(registry);
            core.destroy();
        }
        Ok(())
    }

    /// Takes all devices away that `mode` lets go, the top ones of stacks first.
    pub(super) fn remove_all(&self, mode: RemoveMode) {
        loop {
            let mut registry = self.registry();
            let all: Vec<_> = registry.minors.values().cloned().collect();
            let gone: Vec<_> = all
                .into_iter()
                .filter(|core| core.remove(event_of(mode)).unwrap_or(false))
                .collect();
            gone.iter().for_each(|core| registry.take_out(core));
            drop(registry);
            if gone.is_empty() {
                return;
            }
            // Their tables close the devices below, which the next round may take.
            gone.iter().for_each(Core::destroy);
        }
    }

    /// A device's last user is gone.
    pub(super) fn last_close(&self, core: &Arc<Core>) {
        let mut registry = self.registry();
        if core.closed() {
            registry.take_out(core);
            drop(registry);
            core.destroy();
        }
    }
}

fn event_of(mode: RemoveMode) -> Event {
    match mode {
        RemoveMode::IfUnused => Event::Remove,
        RemoveMode::Deferred => Event::RemoveDeferred,
        RemoveMode::Forced => Event::RemoveForced,
    }
}

impl Registry {
    fn find(&self, id: &DevId) -> Option<Arc<Core>> {
        match id {
            DevId::Name(name) => self.names.get(name),
            DevId::Uuid(uuid) => self.uuids.get(uuid),
            DevId::Number(number) if number.major == MAPPED_MAJOR => self.minors.get(&number.minor),
            DevId::Number(_) => None,
        }
        .cloned()
    }

    fn check_free(&self, name: Option<&DmName>, uuid: Option<&DmUuid>) -> Result<(), DmError> {
        let taken = |what: String| Err(DmError::because(ErrorKind::Exists, what));
        match (name, uuid) {
            (Some(name), _) if self.names.contains_key(name) => {
                taken(format!("a device named {name} exists"))
            }
            (_, Some(uuid)) if self.uuids.contains_key(uuid) => {
                taken(format!("a device with uuid {uuid} exists"))
            }
            (_, _) => Ok(()),
        }
    }

    /// `wanted`, or else the lowest minor number that no device has.
    fn free_minor(&self, wanted: Option<u32>) -> Result<u32, DmError> {
        if let Some(minor) = wanted {
            return match (minor, self.minors.contains_key(&minor)) {
                (minor, _) if minor > MINOR_MAX => Err(DmError::because(
                    ErrorKind::Invalid,
                    format!("minor {minor} is more than {MINOR_MAX}"),
                )),
                // The errno is the kernel's.
                (_, true) => Err(DmError::because(
                    ErrorKind::Exists,
                    format!("minor {minor} is taken"),
                )
                .with_errno(Errno::ENXIO)),
                (_, false) => Ok(minor),
            };
        }
        let mut free = 0;
        for minor in self.minors.keys() {
            if *minor > free {
                break;
            }
            free = minor + 1;
        }
        match free <= MINOR_MAX {
            true => Ok(free),
            false => Err(DmError::because(
                ErrorKind::Busy,
                "all minor numbers are taken",
            )),
        }
    }

    fn take_out(&mut self, core: &Arc<Core>) {
        self.names.remove(&core.name());
        self.minors.remove(&core.number.minor);
        if let Some(uuid) = core.uuid() {
            self.uuids.remove(&uuid);
        }
    }
}
