//! Requests under way.

use dm_core::command::{LockFs, RemoveMode, Slot, SuspendOptions};
use dm_core::devid::DevId;
use dm_core::target::FlushMode;

use crate::proplib::{Dictionary, Value};

use super::command::VERSION;
use super::fields;
use super::flags::WireFlags;
use super::keys;

/// A request under way.
pub(super) struct Request {
    dictionary: Dictionary,
    pub(super) flags: WireFlags,
}

impl Request {
    /// The request for `command` in NetBSD's dialect, without a device.
    pub(super) fn new(command: &str) -> Request {
        let mut dictionary = Dictionary::with_capacity(10);
        dictionary
            .set(keys::COMMAND, command)
            .set(keys::EVENT_NR, 0_u32)
            .set(keys::VERSION, fields::version(VERSION));
        Request {
            dictionary,
            flags: WireFlags::EXISTS,
        }
    }

    /// The same in the engine's dialect.
    pub(super) fn engine(mut self) -> Request {
        self.set(keys::DIALECT, keys::ENGINE);
        self
    }

    /// Sets a key.
    pub(super) fn set(&mut self, key: &'static str, value: impl Into<Value>) {
        self.dictionary.set(key, value);
    }

    /// Says which device, as the engine takes it.
    pub(super) fn device(&mut self, device: &DevId) {
        match device {
            DevId::Name(name) => self.set(keys::NAME, name.as_str()),
            DevId::Uuid(uuid) => self.set(keys::UUID, uuid.as_str()),
            DevId::Number(number) => {
                self.set(keys::MAJOR, number.major);
                self.set(keys::MINOR, number.minor);
            }
        }
    }

    /// Sets `cmd_data` to one item.
    pub(super) fn data(&mut self, items: [Value; 1]) {
        self.set(keys::CMD_DATA, items.into_iter().collect::<Value>());
    }

    /// Says what becomes of a device in use.
    pub(super) fn mode(&mut self, mode: RemoveMode) {
        match mode {
            RemoveMode::Deferred => self.flags |= WireFlags::DEFERRED_REMOVE,
            RemoveMode::Forced => self.set(keys::FORCED, true),
            // The mildest, for a mode too that is not known here.
            _ => {}
        }
    }

    /// Says which table.
    pub(super) fn slot(&mut self, slot: Slot) {
        let inactive = slot == Slot::Inactive;
        self.flags.set(WireFlags::QUERY_INACTIVE_TABLE, inactive);
    }

    /// Says whether pending data is written out.
    pub(super) fn flush(&mut self, flush: FlushMode) {
        let noflush = flush == FlushMode::NoFlush;
        self.flags.set(WireFlags::NOFLUSH, noflush);
    }

    /// Says how a device is suspended.
    pub(super) fn options(&mut self, options: SuspendOptions) {
        self.flush(options.flush);
        let skip = options.lockfs == LockFs::Skip;
        self.flags.set(WireFlags::SKIP_LOCKFS, skip);
    }

    /// The request with its flags.
    pub(super) fn finish(mut self) -> Dictionary {
        self.dictionary.set(keys::FLAGS, self.flags.bits());
        self.dictionary
    }
}
