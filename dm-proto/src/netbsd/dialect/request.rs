//! A request that becomes its reply.

use crate::proplib::{Dictionary, Text, Value};

use super::super::flags::WireFlags;
use super::super::keys;

/// The interface's version.
const VERSION: [u32; 3] = [4, 16, 0];

/// A request that becomes its reply. A key of another type, or a number that is too wide, counts as absent.
pub(super) struct Request(pub(super) Dictionary);

impl Request {
    pub(super) fn text(&self, key: &str) -> Option<Text> {
        self.0.text(key).cloned()
    }

    /// The number of the device; 0, which none has, if it is absent.
    pub(super) fn minor(&self) -> u32 {
        self.0.uint32(keys::MINOR).unwrap_or_default()
    }

    pub(super) fn flags(&self) -> WireFlags {
        WireFlags::from_bits_retain(self.0.uint32(keys::FLAGS).unwrap_or_default())
    }

    /// Sets flags, and writes them anew in any case.
    pub(super) fn add_flags(&mut self, flags: WireFlags) {
        self.set_flags(self.flags() | flags);
    }

    /// Clears flags, and writes them anew in any case.
    pub(super) fn remove_flags(&mut self, flags: WireFlags) {
        self.set_flags(self.flags() - flags);
    }

    pub(super) fn set_flags(&mut self, flags: WireFlags) {
        self.0.set(keys::FLAGS, flags.bits());
    }

    pub(super) fn set(&mut self, key: &'static str, value: impl Into<Value>) {
        self.0.set(key, value);
    }

    /// Sets `cmd_data`.
    pub(super) fn set_data<V: Into<Value>>(&mut self, items: impl Iterator<Item = V>) {
        self.0.set(keys::CMD_DATA, items.collect::<Value>());
    }

    /// Makes the request's version the driver's, unless the driver does not take it.
    pub(super) fn check_version(&mut self) -> Result<(), String> {
        let Some(Value::Array(version)) = self.0.get_mut(keys::VERSION) else {
            return Err("its version is no array (quirk 10)".into());
        };
        let number = |at: usize| version.get(at).and_then(Value::uint32);
        let (Some(major), Some(minor)) = (number(0), number(1)) else {
            return Err("its version has no two numbers (quirk 10)".into());
        };
        if major != VERSION[0] || minor > VERSION[1] {
            return Err(format!("its version is {major}.{minor}, and here is 4.16"));
        }
        // What stands behind the three stays.
        for (at, number) in VERSION.into_iter().enumerate() {
            match version.get_mut(at) {
                Some(value) => *value = number.into(),
                None => version.push(number.into()),
            }
        }
        Ok(())
    }
}
