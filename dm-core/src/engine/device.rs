//! A mapped device: its identity, its two slots, its state.

mod open;
mod swap;

use std::collections::HashSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, Weak};
use std::time::{Duration, Instant};

use crate::command::{DeviceInfo, Geometry, Slot};
use crate::component::{Component, TableMode};
use crate::device::{Action, Event, Refusal, State, next};
use crate::devid::DevNo;
use crate::errno::Errno;
use crate::error::{DmError, ErrorKind};
use crate::flags::DeviceFlags;
use crate::io::Io;
use crate::locks::lock;
use crate::names::{DmName, DmUuid};
use crate::table::Table;
use crate::target::{Host, Work};
use crate::workers;

use super::event::Events;
use super::lane::Lane;
use super::registry::Inner;
use super::stats::Stats;
use super::sync::TableCell;
use super::way::Ways;

use self::open::Below;
pub use self::open::OpenDevice;
pub(super) use self::open::open_core;

/// A mapped device.
pub(super) struct Core {
    pub(super) number: DevNo,
    pub(super) lane: Lane<Table, Io>,
    pub(super) events: Arc<Events>,
    engine: Weak<Inner>,
    /// Held during suspend and resume, which wait for requests.
    suspend: Mutex<()>,
    /// Held for moments only, after the registry's lock where both are.
    slots: Mutex<Slots>,
    /// A suspend without flush is under way.
    handing_back: AtomicBool,
    /// The ways of its active table's segments, if it stands on mapped devices.
    pub(super) ways: TableCell<Ways>,
    stacked: AtomicBool,
    /// What is counted on request.
    pub(super) stats: Stats,
    /// The mapped devices that its tables have open.
    below: Mutex<Vec<Below>>,
}

struct Slots {
    name: DmName,
    uuid: Option<DmUuid>,
    state: State,
    inactive: Option<Arc<Table>>,
    /// The table on its way from the inactive slot to the active one.
    incoming: Option<Arc<Table>>,
    open_count: u32,
    /// A table was loaded once. Before, there is nothing to open, as in the kernel.
    begun: bool,
    /// No longer in the registry.
    gone: bool,
    /// What its users are told; all zero if they are told none.
    geometry: Geometry,
}

/// What a device offers its targets.
struct DeviceHost(Weak<Core>);

impl Core {
    pub(super) fn new(
        engine: Weak<Inner>,
        number: DevNo,
        name: DmName,
        uuid: Option<DmUuid>,
    ) -> Core {
        let state = State::default();
        let slots = Slots {
            name,
            uuid,
            state,
            inactive: None,
            incoming: None,
            open_count: 0,
            begun: false,
            gone: false,
            geometry: Geometry::default(),
        };
        Core {
            number,
            lane: Lane::new(),
            events: Arc::default(),
            engine,
            suspend: Mutex::new(()),
            slots: Mutex::new(slots),
            handing_back: AtomicBool::new(false),
            ways: TableCell::new(),
            stacked: AtomicBool::new(false),
            stats: Stats::default(),
            below: Mutex::default(),
        }
    }

    /// What its targets may use.
    pub(super) fn host(self: &Arc<Self>) -> Arc<dyn Host> {
        Arc::new(DeviceHost(Arc::downgrade(self)))
    }

    pub(super) fn name(&self) -> DmName {
        lock(&self.slots).name.clone()
    }

    pub(super) fn uuid(&self) -> Option<DmUuid> {
        lock(&self.slots).uuid.clone()
    }

    /// Takes another name; the registry knows it already.
    pub(super) fn set_name(&self, name: DmName) {
        lock(&self.slots).name = name;
    }

    /// Takes its uuid; the registry knows it already.
    pub(super) fn set_uuid(&self, uuid: DmUuid) {
        lock(&self.slots).uuid = Some(uuid);
    }

    /// Takes a geometry, which stays until a table of another size comes.
    pub(super) fn set_geometry(&self, geometry: Geometry) -> Result<(), DmError> {
        let mut slots = lock(&self.slots);
        if slots.gone {
            return Err(DmError::new(ErrorKind::NotFound));
        }
        slots.geometry = geometry;
        Ok(())
    }

    /// What it is, with the targets of the table in `slot` counted.
    pub(super) fn info(&self, slot: Slot) -> DeviceInfo {
        let (event, active) = (self.events.number(), self.lane.table());
        let slots = lock(&self.slots);
        let mut info = DeviceInfo::new(slots.name.clone(), self.number);
        info.uuid.clone_from(&slots.uuid);
        info.open_count = slots.open_count;
        info.event = event;
        info.geometry = Some(slots.geometry).filter(|geometry| *geometry != Geometry::default());
        let asked = match slot {
            Slot::Active => active.as_ref(),
            Slot::Inactive => slots.inactive.as_ref(),
        };
        let read_only = asked.is_some_and(|table| table.mode() == TableMode::ReadOnly);
        let count = asked.map_or(0, |table| table.segments().len());
        info.target_count = u32::try_from(count).unwrap_or(u32::MAX);
        info.flags.set(DeviceFlags::READ_ONLY, read_only);
        info.flags
            .set(DeviceFlags::SUSPENDED, slots.state.suspended);
        info.flags
            .set(DeviceFlags::ACTIVE_PRESENT, active.is_some());
        info.flags
            .set(DeviceFlags::INACTIVE_PRESENT, slots.inactive.is_some());
        info.flags
            .set(DeviceFlags::DEFERRED_REMOVE, slots.state.deferred);
        info
    }

    /// The table in `slot`.
    pub(super) fn table(&self, slot: Slot) -> Option<Arc<Table>> {
        match slot {
            Slot::Active => self.lane.table(),
            Slot::Inactive => lock(&self.slots).inactive.clone(),
        }
    }

    /// Every table that is, or is about to be, in one of its slots.
    pub(super) fn tables(&self) -> impl Iterator<Item = Arc<Table>> {
        let slots = lock(&self.slots);
        let waiting = [slots.inactive.clone(), slots.incoming.clone()];
        // Looked at last, and under the lock: a swap puts its table here before it lets go of it.
        let active = self.lane.table();
        waiting.into_iter().chain([active]).flatten()
    }

    /// Puts `table` into the inactive slot.
    pub(super) fn load(&self, table: Table) -> Result<(), DmError> {
        self.set_inactive(Event::Load, Some(Arc::new(table)))
    }

    /// Empties the inactive slot.
    pub(super) fn clear(&self) -> Result<(), DmError> {
        self.set_inactive(Event::Clear, None)
    }

    fn set_inactive(&self, event: Event, table: Option<Arc<Table>>) -> Result<(), DmError> {
        let mut slots = lock(&self.slots);
        slots.step(event)?;
        slots.begun |= table.is_some();
        let old = std::mem::replace(&mut slots.inactive, table);
        drop(slots);
        old.into_iter().for_each(|table| self.close(table));
        Ok(())
    }

    /// Forgets the ways through the stack under `table`, which is active.
    pub(super) fn renew_ways(&self, table: &Table) {
        let ways = Ways::new(self, table, self.lane.generation());
        self.stacked.store(ways.is_some(), Ordering::Relaxed);
        self.ways.swap(ways);
    }

    /// Whether its table stands on mapped devices; a hint, which may be late.
    pub(super) fn is_stacked(&self) -> bool {
        self.stacked.load(Ordering::Relaxed)
    }

    /// Whether targets may hand requests back.
    pub(super) fn is_handing_back(&self) -> bool {
        self.handing_back.load(Ordering::SeqCst)
    }

    pub(super) fn is_read_only(&self, table: &Table) -> bool {
        table.mode() == TableMode::ReadOnly
    }

    /// What requests get when there is no table.
    pub(super) fn gone_errno(&self) -> Errno {
        match lock(&self.slots).gone {
            true => Errno::ENXIO,
            false => Errno::EIO,
        }
    }

    /// Opens it.
    pub(super) fn open(self: &Arc<Self>) -> Result<OpenDevice, DmError> {
        let mut slots = lock(&self.slots);
        if !slots.begun && !slots.gone {
            let error = DmError::because(ErrorKind::Invalid, "the device never had a table");
            return Err(error.with_errno(Errno::ENXIO));
        }
        slots.step(Event::Open)?;
        slots.open_count += 1;
        drop(slots);
        Ok(OpenDevice { core: self.clone() })
    }

    /// What `event`, a removal, does: whether the device is to be destroyed. The caller has the
    /// registry's lock, and takes it out of the registry if so.
    pub(super) fn remove(&self, event: Event) -> Result<bool, DmError> {
        let mut slots = lock(&self.slots);
        let destroy = slots.step(event)? == Action::Destroy;
        slots.gone |= destroy;
        Ok(destroy)
    }

    /// The last user closed it, unless another came since. Whether it is to be destroyed; the
    /// caller has the registry's lock.
    pub(super) fn closed(&self) -> bool {
        let mut slots = lock(&self.slots);
        if slots.gone || slots.open_count > 0 {
            return false;
        }
        let destroy = slots
            .step(Event::LastClose)
            .is_ok_and(|action| action == Action::Destroy);
        slots.gone |= destroy;
        destroy
    }

    /// An event of the device, of which those who watch all devices are told, too.
    pub(super) fn raise(&self) {
        self.events.raise();
        if let Some(engine) = self.engine.upgrade() {
            engine.watchers.changed();
        }
    }

    /// Calls a deferred removal off.
    pub(super) fn cancel_remove(&self) -> Result<(), DmError> {
        lock(&self.slots).step(Event::CancelRemove).map(|_| ())
    }

    /// Whether nobody has it open.
    pub(super) fn is_unused(&self) -> bool {
        lock(&self.slots).open_count == 0
    }

    /// Closes the devices of a table that no request can reach any more, which takes their locks.
    ///
    /// Who is on the way out, shows the table or works for it has some of it for a moment yet. That is
    /// waited for, so that what the table stood on, and no other table of this device does, is not in
    /// use any more when this is over, as in the kernel.
    fn close(&self, table: Arc<Table>) {
        let end = Instant::now() + Duration::from_secs(1);
        let tables: Vec<Arc<Table>> = self.tables().collect();
        let kept = tables.iter().flat_map(|table| table.components());
        let kept: HashSet<DevNo> = kept.map(Component::number).collect();
        drop(tables);
        let closed = table.components().filter(|it| !kept.contains(&it.number()));
        let closed: Vec<Component> = closed.cloned().collect();
        drop(table);
        while !closed.iter().all(Component::is_last) && Instant::now() < end {
            std::thread::sleep(Duration::from_micros(50));
        }
    }

    /// Lets the targets of the active table write what they have yet to write, for good.
    fn finish(&self) {
        let table = self.lane.table();
        let segments = table.iter().flat_map(|table| table.segments());
        segments.for_each(|segment| segment.target().postsuspend());
    }

    /// Ends a device that is out of the registry, with no lock held.
    pub(super) fn destroy(self: &Arc<Self>) {
        self.finish();
        let inactive = lock(&self.slots).inactive.take();
        let active = self.lane.swap(None);
        self.raise();
        self.events.end();
        // Held requests find no table and fail.
        self.release();
        let tables = inactive.into_iter().chain(active);
        tables.for_each(|table| self.close(table));
    }
}

impl Slots {
    /// What `event` would do.
    fn plan(&self, event: Event) -> Result<Action, DmError> {
        match self.gone {
            true => Err(DmError::new(ErrorKind::NotFound)),
            false => Ok(next(self.state, event)?.1),
        }
    }

    /// Lets `event` happen.
    fn step(&mut self, event: Event) -> Result<Action, DmError> {
        if self.gone && event != Event::LastClose {
            return Err(DmError::new(ErrorKind::NotFound));
        }
        let (state, action) = next(self.state, event)?;
        self.state = state;
        Ok(action)
    }
}

impl From<Refusal> for DmError {
    fn from(refusal: Refusal) -> DmError {
        let kind = match refusal {
            Refusal::InUse => ErrorKind::Busy,
            Refusal::NoTable => ErrorKind::Invalid,
        };
        DmError::new(kind)
            .with_errno(refusal.errno())
            .with_source(refusal)
    }
}

impl Host for DeviceHost {
    fn compute(&self, work: Work) {
        workers::compute(work);
    }

    fn after(&self, delay: Duration, work: Work) {
        workers::after(delay, work);
    }

    fn raise_event(&self) {
        if let Some(core) = self.0.upgrade() {
            core.raise();
        }
    }
}
