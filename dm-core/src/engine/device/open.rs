//! Who has a mapped device open.

use std::sync::{Arc, Weak};

use crate::blockdev::{BlockDev, DevInfo, Extent, ExtentKind, Haste, Quick, push_extent};
use crate::command::{Geometry, Slot};
use crate::component::TableMode;
use crate::devid::DevNo;
use crate::errno::Errno;
use crate::error::{DmError, ErrorKind};
use crate::io::{Io, IoError};
use crate::locks::lock;
use crate::names::DmName;
use crate::table::Reach;
use crate::target::Route;
use crate::units::{Sector, SectorRange};

use super::Core;
use super::section;

/// An open mapped device: it can not be removed, unless by force, until this is dropped.
pub struct OpenDevice {
    pub(in crate::engine) core: Arc<Core>,
}

/// Opens a mapped device, for writing only if it can be written.
pub(in crate::engine) fn open_core(
    core: &Arc<Core>,
    mode: TableMode,
) -> Result<OpenDevice, DmError> {
    let device = core.open()?;
    match mode {
        TableMode::ReadWrite if device.info().read_only => Err(DmError::because(
            ErrorKind::Permission,
            "the device is read-only",
        )),
        _ => Ok(device),
    }
}

impl Core {
    /// Opens `below` for one of this device's tables. As in the kernel, both of its tables have one
    /// opening, if they may do the same to it.
    pub(in crate::engine) fn open_below(
        &self,
        below: &Arc<Core>,
        mode: TableMode,
    ) -> Result<Arc<OpenDevice>, DmError> {
        let known = |(as_mode, open): &(TableMode, Weak<OpenDevice>)| match *as_mode == mode {
            true => open.upgrade(),
            false => None,
        };
        // Let go of without the lock: the last one to let go closes the device.
        let open: Vec<_> = lock(&self.below).iter().filter_map(known).collect();
        if let Some(open) = open.iter().find(|open| Arc::ptr_eq(&open.core, below)) {
            return Ok(open.clone());
        }
        let open = Arc::new(open_core(below, mode)?);
        let mut known = lock(&self.below);
        known.retain(|(_, open)| open.strong_count() > 0);
        known.push((mode, Arc::downgrade(&open)));
        Ok(open)
    }
}

impl OpenDevice {
    /// Its number.
    pub fn number(&self) -> DevNo {
        self.core.number
    }

    /// Its name now.
    pub fn name(&self) -> DmName {
        self.core.name()
    }

    /// The geometry that it was given, unless its size changed since.
    pub fn geometry(&self) -> Option<Geometry> {
        self.core.info(Slot::Active).geometry
    }
}

impl Drop for OpenDevice {
    fn drop(&mut self) {
        let mut slots = lock(&self.core.slots);
        slots.open_count -= 1;
        if slots.open_count > 0 {
            return;
        }
        let gone = slots.gone;
        drop(slots);
        if let (false, Some(engine)) = (gone, self.core.engine.upgrade()) {
            engine.last_close(&self.core);
        }
    }
}

impl BlockDev for OpenDevice {
    fn submit(&self, io: Io) {
        self.core.submit(io);
    }

    fn quick(&self, start: Sector, buffer: Quick<'_>, haste: Haste) -> bool {
        section::within(|| self.core.quick(start, buffer, haste))
    }

    fn info(&self) -> DevInfo {
        let mut info = DevInfo::new(Default::default());
        if let Some(table) = self.core.lane.table() {
            info.size = table.size();
            info.read_only = table.mode() == TableMode::ReadOnly;
            info.limits = table.limits();
        }
        info
    }

    fn extents(&self, range: SectorRange) -> Result<Vec<Extent>, IoError> {
        let table = self
            .core
            .lane
            .table()
            .ok_or(IoError::Errno(self.core.gone_errno()))?;
        if range.end().0 > table.size().0 {
            return Err(Errno::EIO.into());
        }
        let mut extents = Vec::new();
        let mut rest = range;
        while !rest.is_empty() {
            let segment = &table.segments()[table.find(rest.start())];
            let (run, next) = rest.split_at(segment.reach(rest, Reach::Cut));
            match segment.target().route(segment.relative(run)) {
                Route::Zero => push_extent(
                    &mut extents,
                    Extent {
                        range: run,
                        kind: ExtentKind::Hole,
                    },
                ),
                Route::To { component, at } => {
                    let below = run.moved_to(at).unwrap_or_default();
                    for extent in component.dev().extents(below)? {
                        let up = extent.range.start().0 - below.start().0 + run.start().0;
                        let range = extent.range.moved_to(Sector(up));
                        let range = range.unwrap_or_default();
                        push_extent(
                            &mut extents,
                            Extent {
                                range,
                                kind: extent.kind,
                            },
                        );
                    }
                }
                Route::Fail(_) | Route::Opaque => {
                    push_extent(
                        &mut extents,
                        Extent {
                            range: run,
                            kind: ExtentKind::Data,
                        },
                    );
                }
            }
            rest = next;
        }
        Ok(extents)
    }
}
