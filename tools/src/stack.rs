//! All mapped devices, what they stand on, and what stands on them.

use std::collections::BTreeMap;

use dm_core::command::{Command, Dep, DeviceInfo, Reply, Slot};
use dm_core::devid::DevNo;
use dm_core::error::{DmError, ErrorKind};

use crate::backend::Driver;

/// The devices, in the order in which dmsetup meets them: each as the list has it, and then what
/// it stands on.
#[derive(Debug, Default)]
pub(crate) struct Stack {
    devices: Vec<Device>,
    places: BTreeMap<DevNo, usize>,
    tops: Vec<usize>,
    bottoms: Vec<usize>,
}

/// A device of a stack.
#[derive(Debug)]
pub(crate) struct Device {
    /// Its number.
    pub(crate) number: DevNo,
    /// What it is; none for one that is not mapped.
    pub(crate) info: Option<DeviceInfo>,
    /// What a table calls it, where the driver tells.
    pub(crate) text: Option<String>,
    below: Vec<usize>,
    above: Vec<usize>,
}

/// Which way a stack is walked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Way {
    /// From what nothing stands on to what it stands on.
    Down,
    /// From what stands on nothing to what stands on it.
    Up,
}

impl Device {
    /// A mapped device's name.
    pub(crate) fn name(&self) -> Option<&str> {
        self.info.as_ref().map(|info| info.name.as_str())
    }
}

impl Stack {
    /// Looks at all devices that a driver has. One that goes meanwhile is left out.
    pub(crate) fn of(dm: &Driver) -> Result<Stack, DmError> {
        let mut stack = Stack::default();
        let mut known = BTreeMap::new();
        let list = dm.list()?;
        for entry in &list {
            known.insert(entry.number, deps(dm, entry.number)?);
        }
        for entry in &list {
            stack.add(None, entry.number, None, &mut known);
        }
        Ok(stack)
    }

    /// The devices from which a walk starts.
    pub(crate) fn starts(&self, way: Way) -> impl Iterator<Item = &Device> {
        let starts = match way {
            Way::Down => &self.tops,
            Way::Up => &self.bottoms,
        };
        starts.iter().map(|at| &self.devices[*at])
    }

    /// The devices to which a walk goes on from one.
    pub(crate) fn next<'a>(
        &'a self,
        device: &'a Device,
        way: Way,
    ) -> impl Iterator<Item = &'a Device> {
        let next = match way {
            Way::Down => &device.below,
            Way::Up => &device.above,
        };
        next.iter().map(|at| &self.devices[*at])
    }

    /// All devices, also those that are not mapped.
    pub(crate) fn devices(&self) -> &[Device] {
        &self.devices
    }

    /// What a device's table stands on.
    pub(crate) fn below(&self, number: DevNo) -> impl Iterator<Item = &Device> {
        let device = self.places.get(&number).map(|at| &self.devices[*at]);
        device
            .into_iter()
            .flat_map(|device| self.next(device, Way::Down))
    }

    /// What stands on a device.
    pub(crate) fn above(&self, number: DevNo) -> impl Iterator<Item = &Device> {
        let device = self.places.get(&number).map(|at| &self.devices[*at]);
        device
            .into_iter()
            .flat_map(|device| self.next(device, Way::Up))
    }

    fn add(
        &mut self,
        above: Option<usize>,
        number: DevNo,
        text: Option<String>,
        known: &mut BTreeMap<DevNo, Option<(DeviceInfo, Vec<Dep>)>>,
    ) {
        if let Some(at) = self.places.get(&number).copied() {
            return self.link(above, at);
        }
        let (info, deps) = match known.remove(&number) {
            Some(Some((info, deps))) => (Some(info), deps),
            // It went.
            Some(None) => return,
            None => (None, Vec::new()),
        };
        let at = self.devices.len();
        self.devices.push(Device {
            number,
            info,
            text,
            below: Vec::new(),
            above: Vec::new(),
        });
        self.places.insert(number, at);
        match above {
            None => self.tops.push(at),
            above => self.link(above, at),
        }
        if deps.is_empty() {
            self.bottoms.push(at);
        }
        for dep in deps {
            self.add(Some(at), dep.number, dep.text, known);
        }
    }

    fn link(&mut self, above: Option<usize>, at: usize) {
        // A device that is met from the list may have something on it already.
        let Some(above) = above else { return };
        self.tops.retain(|top| *top != at);
        if !self.devices[above].below.contains(&at) {
            self.devices[above].below.push(at);
            self.devices[at].above.push(above);
        }
    }
}

/// A device with what it stands on, by one request; none if it is gone.
pub(crate) fn deps(dm: &Driver, number: DevNo) -> Result<Option<(DeviceInfo, Vec<Dep>)>, DmError> {
    let command = Command::Deps {
        device: number.into(),
        slot: Slot::Active,
    };
    match dm.backend().call(command) {
        Ok(Reply::Deps(info, deps)) => Ok(Some((info, deps))),
        Ok(other) => {
            let reason = format!("deps was answered with {other:?}");
            Err(DmError::because(ErrorKind::Protocol, reason))
        }
        Err(error) if error.kind == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// The name that the kernel has for a block device; its number where it has none.
pub(crate) fn block_name(number: DevNo) -> String {
    kernel_name(number).unwrap_or_else(|| number.to_string())
}

/// The name that the kernel has for a block device: none without a table.
pub(crate) fn kernel_name(number: DevNo) -> Option<String> {
    let link = std::fs::read_link(format!("/sys/dev/block/{number}"));
    let path = link.ok()?;
    let name = path.file_name()?.to_str()?;
    // A slash in a kernel's name is written so in a path.
    Some(name.replace('!', "/"))
}
