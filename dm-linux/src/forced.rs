//! Removal by force, and of all devices.

use dm_core::command::{ListFilter, LockFs, RemoveMode, Reply, Secrecy, Slot, SuspendOptions};
use dm_core::component::TableMode;
use dm_core::devid::DevId;
use dm_core::error::{DmError, ErrorKind};
use dm_core::names::TargetName;
use dm_core::table::TableLine;
use dm_core::target::FlushMode;
use dm_core::units::{Sector, SectorCount};
use zeroize::Zeroize;

use crate::abi::reply::{NameRecord, ReplyData};
use crate::abi::{Call, Flags};
use crate::backend::{Linux, mismatch};
use crate::request;
use crate::sys::Sys;
use crate::udev::{Change, Ticket, UdevFlags};

/// The target that fails all io.
const ERROR: &str = "error";

impl<S: Sys> Linux<S> {
    /// Gives a device a table of its own size that fails all io, so that its users let go. Only
    /// what keeps the removal from being tried is an error.
    pub(crate) fn fail_io(&self, device: &DevId) -> Result<(), DmError> {
        match self.try_fail_io(device) {
            Err(error) if !matches!(error.kind, ErrorKind::NotFound | ErrorKind::Permission) => {
                tracing::warn!("cannot make {device} fail its io: {}", error.reason());
                Ok(())
            }
            other => other,
        }
    }

    fn try_fail_io(&self, device: &DevId) -> Result<(), DmError> {
        let table = self.ask(&request::table(device, Slot::Active)?)?;
        let ReplyData::Lines(mut lines) = table.data else {
            return Err(mismatch());
        };
        // They may hold a key, and only where they lie matters here.
        for line in &mut lines {
            line.params.zeroize();
        }
        let Some(last) = lines.last() else {
            return Ok(());
        };
        let end = last.start.checked_add(last.length).unwrap_or(last.start);
        let error = TableLine {
            start: Sector::ZERO,
            length: SectorCount(end.0),
            target: TargetName::new(ERROR).expect("the name is short and without blanks"),
            params: String::new(),
        };
        let mode = match table.header.flags.contains(Flags::READONLY) {
            true => TableMode::ReadOnly,
            false => TableMode::ReadWrite,
        };
        self.ask(&request::load(device, vec![error], mode, Secrecy::Open)?)?;
        // The io that is pending may never end: it is neither waited for nor written out.
        let options = SuspendOptions::new(FlushMode::NoFlush, LockFs::Skip);
        let resumed = self.change(request::resume(device, options)?, |_| Some(Change::Other));
        if resumed.is_err() {
            // As it was before, as far as that is possible.
            self.ask(&request::clear(device)?)?;
        }
        resumed.map(|_| ())
    }

    pub(crate) fn remove_all(&self, mode: RemoveMode) -> Result<Reply, DmError> {
        let flags = match mode {
            RemoveMode::Deferred => Flags::DEFERRED_REMOVE,
            _ => Flags::empty(),
        };
        let before = match self.waiter().has_nodes() {
            true => self.names(&ListFilter::ALL)?,
            false => Vec::new(),
        };
        let all = request::plain(Call::RemoveAll, flags);
        self.ask(&all)?;
        if mode == RemoveMode::Forced {
            let left = self.names(&ListFilter::ALL)?;
            for record in &left {
                match self.fail_io(&DevId::Number(record.number)) {
                    // It went with the one that stood on it.
                    Err(error) if error.kind == ErrorKind::NotFound => {}
                    other => other?,
                }
            }
            if !left.is_empty() {
                self.ask(&all)?;
            }
        }
        if !before.is_empty() {
            let after = self.names(&ListFilter::ALL)?;
            let gone = |record: &&NameRecord| after.iter().all(|left| left.number != record.number);
            let removed = before.iter().filter(gone).map(|record| Change::Removed {
                name: record.name.clone(),
            });
            // The driver tells udev of these without a cookie.
            self.settle(
                Ticket::new(UdevFlags::empty()),
                &removed.collect::<Vec<_>>(),
            );
        }
        Ok(Reply::Done)
    }
}
