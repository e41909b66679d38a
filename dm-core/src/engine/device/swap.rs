//! Suspend and resume, which puts a new table in the old one's place.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use crate::command::{Geometry, SuspendOptions};
use crate::device::{Action, Event};
use crate::error::{DmError, ErrorKind};
use crate::locks::lock;
use crate::table::Table;
use crate::target::FlushMode;

use super::super::event::Cancel;
use super::super::section;
use super::Core;

impl Core {
    /// Holds new io and waits for what is under way.
    pub(in crate::engine) fn suspend(
        self: &Arc<Self>,
        options: SuspendOptions,
        cancel: &Cancel,
    ) -> Result<(), DmError> {
        let _serial = lock(&self.suspend);
        let action = lock(&self.slots).plan(Event::Suspend)?;
        if action == Action::Quiesce {
            self.quiesce(options.flush, cancel)?;
            lock(&self.slots).step(Event::Suspend)?;
        }
        Ok(())
    }

    /// Lets io go on, through the inactive table if there is one.
    pub(in crate::engine) fn resume(
        self: &Arc<Self>,
        options: SuspendOptions,
        cancel: &Cancel,
    ) -> Result<(), DmError> {
        let _serial = lock(&self.suspend);
        let mut slots = lock(&self.slots);
        match slots.plan(Event::Resume)? {
            Action::Swap => {
                slots.step(Event::Resume)?;
                let (next, suspended) = (slots.inactive.take(), slots.state.suspended);
                slots.incoming.clone_from(&next);
                drop(slots);
                self.swap(next, suspended, options, cancel)
            }
            Action::Release => {
                drop(slots);
                let table = self.lane.table();
                start(table.as_deref())?;
                lock(&self.slots).step(Event::Resume)?;
                resumed(table.as_deref());
                self.release();
                Ok(())
            }
            _ => Ok(()),
        }
    }

    /// Makes `next`, which was in the inactive slot, the active table, or puts it back.
    fn swap(
        self: &Arc<Self>,
        next: Option<Arc<Table>>,
        suspended: bool,
        options: SuspendOptions,
        cancel: &Cancel,
    ) -> Result<(), DmError> {
        if !suspended && let Err(error) = self.quiesce(options.flush, cancel) {
            return Err(self.swap_failed(next, error));
        }
        if let Err(error) = start(next.as_deref()) {
            if !suspended {
                resumed(self.lane.table().as_deref());
                self.release();
            }
            return Err(self.swap_failed(next, error));
        }
        let mut slots = lock(&self.slots);
        let swapped = slots.step(Event::Swapped);
        // A device that was removed meanwhile gets no table any more.
        let old = match swapped {
            Ok(_) => self.lane.swap(next.clone()),
            Err(_) => None,
        };
        let size = |table: &Option<Arc<Table>>| table.as_ref().map(|table| table.size());
        if swapped.is_ok() && size(&old) != size(&next) {
            slots.geometry = Geometry::default();
        }
        slots.incoming = None;
        drop(slots);
        if let Some(next) = &next {
            self.renew_ways(next);
        }
        resumed(next.as_deref());
        self.release();
        old.into_iter().for_each(|table| self.close(table));
        swapped.map(|_| ())
    }

    /// Puts a table back that could not be made active, unless another was loaded since.
    fn swap_failed(&self, next: Option<Arc<Table>>, error: DmError) -> DmError {
        let mut slots = lock(&self.slots);
        slots.incoming = None;
        if let Ok(Action::StoreInactive) = slots.step(Event::SwapFailed) {
            slots.inactive = next;
        }
        error
    }

    /// Closes the lane and waits until it is empty.
    fn quiesce(self: &Arc<Self>, flush: FlushMode, cancel: &Cancel) -> Result<(), DmError> {
        let table = self.lane.table();
        let targets = || table.iter().flat_map(|table| table.segments());
        self.handing_back
            .store(flush == FlushMode::NoFlush, Ordering::SeqCst);
        if flush == FlushMode::NoFlush {
            // What targets hand back must find the lane closed.
            self.lane.close(section::all(), || true);
        }
        targets().for_each(|segment| segment.target().presuspend(flush));
        let empty = self.lane.close(section::all(), || cancel.is_cancelled());
        self.handing_back.store(false, Ordering::SeqCst);
        if empty {
            targets().for_each(|segment| segment.target().postsuspend());
            return Ok(());
        }
        targets().for_each(|segment| segment.target().presuspend_undo());
        self.release();
        Err(DmError::because(
            ErrorKind::Interrupted,
            "the wait for requests was given up",
        ))
    }
}

/// Asks the targets of a table whether they can take requests.
fn start(table: Option<&Table>) -> Result<(), DmError> {
    for segment in table.iter().flat_map(|table| table.segments()) {
        segment.target().preresume().map_err(|errno| {
            DmError::because(
                ErrorKind::Io,
                format!(
                    "{} at sector {}: {errno}",
                    segment.name(),
                    segment.range().start()
                ),
            )
            .with_errno(errno)
        })?;
    }
    Ok(())
}

/// Tells the targets of a table that requests come.
fn resumed(table: Option<&Table>) {
    for segment in table.iter().flat_map(|table| table.segments()) {
        segment.target().resume();
    }
}
