//! Which devices there are, as the driver lists and finds them.

use crate::proplib::Text;

use super::device::Device;

/// The devices in the driver's order.
#[derive(Debug, Default)]
pub(super) struct Registry {
    devices: Vec<Device>,
    /// The last minor number given out. None is given out twice.
    last_minor: u32,
}

impl Registry {
    pub(super) fn devices(&self) -> &[Device] {
        &self.devices
    }

    /// The next minor number. It is gone even if no device is made.
    pub(super) fn next_minor(&mut self) -> u32 {
        self.last_minor = self.last_minor.wrapping_add(1);
        self.last_minor
    }

    /// Where the device is that has the minor number, or else the name, or else the uuid. An empty string and minor 0
    /// mean none.
    pub(super) fn find(
        &self,
        minor: u32,
        name: Option<&Text>,
        uuid: Option<&Text>,
    ) -> Option<usize> {
        self.minor(minor)
            .or_else(|| self.name(name?))
            .or_else(|| self.uuid(uuid?))
    }

    /// As [`Registry::find`], for a rename: that looks for the uuid among the names.
    pub(super) fn find_to_rename(
        &self,
        minor: u32,
        name: Option<&Text>,
        uuid: Option<&Text>,
    ) -> Option<usize> {
        self.find(minor, name, None).or_else(|| self.name(uuid?))
    }

    pub(super) fn minor(&self, minor: u32) -> Option<usize> {
        // The driver counts in signed numbers here.
        let positive = i32::try_from(minor).is_ok_and(|minor| minor > 0);
        self.devices
            .iter()
            .position(|device| positive && device.minor == minor)
    }

    pub(super) fn name(&self, name: &Text) -> Option<usize> {
        let is = |device: &Device| !name.is_empty() && device.name == *name;
        self.devices.iter().position(is)
    }

    fn uuid(&self, uuid: &Text) -> Option<usize> {
        let is = |device: &Device| !uuid.is_empty() && device.uuid == *uuid;
        self.devices.iter().position(is)
    }

    pub(super) fn at(&mut self, at: usize) -> &mut Device {
        &mut self.devices[at]
    }

    /// Puts a device at the end of the list, or gives it back: its uuid, its name or its number is taken.
    pub(super) fn insert(&mut self, device: Device) -> Result<usize, Box<Device>> {
        let taken = self
            .uuid(&device.uuid)
            .or_else(|| self.name(&device.name))
            .or_else(|| self.minor(device.minor));
        if taken.is_some() {
            return Err(Box::new(device));
        }
        self.devices.push(device);
        Ok(self.devices.len() - 1)
    }

    pub(super) fn take(&mut self, at: usize) -> Device {
        self.devices.remove(at)
    }
}
