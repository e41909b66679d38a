//! The tour's NBD client: plain reads and writes with an errno for what fails.

use std::path::Path;

use dm_core::errno::Errno;
use dm_core::names::DmName;

use crate::export::client::NbdClient;

/// A device as an NBD client has it.
pub(super) struct Disk(NbdClient);

impl Disk {
    /// Connects to an export.
    pub(super) fn connect(socket: &Path, name: &DmName) -> Result<Disk, String> {
        let client = NbdClient::connect_unix(socket, name.as_str());
        client
            .map(Disk)
            .map_err(|error| format!("cannot connect to the export: {error}"))
    }

    /// Reads bytes from `at` on.
    pub(super) fn read(&mut self, at: u64, bytes: &mut [u8]) -> Result<(), Errno> {
        self.0.read(at, bytes).map_err(|error| Errno::from(&error))
    }

    /// Writes bytes from `at` on.
    pub(super) fn write(&mut self, at: u64, bytes: &[u8]) -> Result<(), Errno> {
        self.0.write(at, bytes).map_err(|error| Errno::from(&error))
    }

    /// Makes what was written last.
    pub(super) fn flush(&mut self) -> Result<(), Errno> {
        self.0.flush().map_err(|error| Errno::from(&error))
    }

    /// Closes the connection.
    pub(super) fn leave(self) {
        // It is closed even if the good-bye does not get through.
        let _ = self.0.disconnect();
    }
}
