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

use super::super::section;
use super::Core;

/// An open mapped device: it can not be removed, unless by force, until this is dropped.
pub struct OpenDevice {
    pub(in crate::engine) core: Arc<Core>,
}

/// A mapped device that another one's tables have open.
pub(in crate::engine) struct Below {
    core: Weak<Core>,
    mode: TableMode,
    pub(in crate::engine) open: Weak<OpenDevice>,
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
        let is_it = |it: &Below| it.mode == mode && it.core.as_ptr() == Arc::as_ptr(below);
        if let Some(open) = self.opening(is_it) {
            return Ok(open);
        }
        let open = Arc::new(open_core(below, mode)?);
        let mut known = lock(&self.below);
        known.retain(Below::is_open);
        known.push(Below {
            core: Arc::downgrade(below),
            mode,
            open: Arc::downgrade(&open),
        });
        Ok(open)
    }

    /// The opening that `is_it` knows, if anybody still has it. No other is held, not even for a
    /// moment: who closes a table's devices finds each closed once the table is gone.
    pub(in crate::engine) fn opening(
        &self,
        is_it: impl Fn(&Below) -> bool,
    ) -> Option<Arc<OpenDevice>> {
        let known = lock(&self.below);
        let found = known.iter().find(|it| it.is_open() && is_it(it))?;
        found.open.upgrade()
    }
}

impl Below {
    fn is_open(&self) -> bool {
        self.open.strong_count() > 0
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
