//! How the daemon's devices become block devices of this system's, and how they end to be some.

use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::Duration;

use dm_core::client::Dm;
use dm_core::command::{Command, DeviceInfo, RemoveMode, Slot};
use dm_core::devid::{DevId, DevNo};
use dm_core::engine::Engine;
use dm_core::error::{DmError, ErrorKind};
use dm_core::flags::DeviceFlags;
use dm_core::names::DmName;
use tracing::{info, warn};

use crate::failure::Failure;
use crate::ublk::{self, NamedUblk, Wanted};

use super::attached::{Action, Block, Entry, Event, Phase, next};
use super::hub::Hub;
use super::order::{AttachedAs, InUse};
use super::saved::Saved;

/// How long the end of a block device may take before its detach is answered.
const END_LIMIT: Duration = Duration::from_secs(8);

impl Hub {
    /// Makes a device a block device of this system's.
    pub(super) fn attach(self: &Arc<Self>, name: &DmName) -> Result<AttachedAs, Failure> {
        let info = self.dm().info(name.clone(), Slot::Active)?;
        if !has_table(&info) {
            let failure = Failure::because(ErrorKind::Invalid, "the device has no active table");
            return Err(failure.hint(format!("dmctl load {name}, then dmctl resume {name}")));
        }
        if is_suspended(&info) {
            // The kernel looks for partitions, and whoever asked would wait for that.
            let failure = Failure::because(ErrorKind::Invalid, "the device is suspended");
            return Err(failure.hint(format!("dmctl resume {name}")));
        }
        self.attached.step(info.number, Event::Attach)?;
        self.start(info.number)
            .map_err(|failure| match failure.error().kind {
                ErrorKind::Unsupported | ErrorKind::Permission => {
                    failure.hint(format!("dmctl export {name}: the same device over NBD"))
                }
                _ => failure,
            })?;
        let entries = self.attached.entries();
        let entry = entries.get(&info.number);
        let named = entry.and_then(|entry| entry.served.as_ref());
        named
            .map(AttachedAs::of)
            .ok_or_else(|| Failure::because(ErrorKind::Busy, "the device is being detached"))
    }

    /// Makes or adopts the block device of a device that is to have one.
    fn start(self: &Arc<Self>, device: DevNo) -> Result<(), Failure> {
        let (started, done) = match self.begin(device) {
            Ok(named) => {
                info!("{} is {}", named.path().display(), named.node().display());
                (Ok(named), Ok(()))
            }
            Err(failure) => (Err(failure.error().reason()), Err(failure)),
        };
        self.attached.started(device, started);
        self.record();
        done
    }

    fn begin(self: &Arc<Self>, device: DevNo) -> Result<NamedUblk, Failure> {
        let known = self.attached.blocks().get(&device.minor).copied();
        let mark = known.map_or_else(new_mark, |block| Ok(block.mark))?;
        let number = known.map(|block| block.number);
        let wanted = Wanted::Marked { number, mark };
        let named = NamedUblk::prepare(self.engine(), &device.into(), wanted)?;
        let number = named.number();
        if let Some(entry) = self.attached.entries().get_mut(&device) {
            entry.block = Some(Block { number, mark });
        }
        // Whoever kills this daemon once there are users finds the number in the journal.
        self.record();
        named.begin()
    }

    /// Ends the block device of a device; one in use only by force.
    pub(super) fn detach(self: &Arc<Self>, name: &DmName, in_use: InUse) -> Result<(), Failure> {
        let info = self.dm().info(name.clone(), Slot::Active)?;
        let device = info.number;
        let (phase, block) = {
            let entries = self.attached.entries();
            let entry = entries.get(&device);
            let phase = entry.map_or(Phase::Absent, |entry| entry.phase);
            (phase, entry.and_then(|entry| entry.block))
        };
        next(phase, Event::Detach)?;
        if phase == Phase::Served && is_suspended(&info) {
            let reason = "the device is suspended, and may hold requests";
            let failure = Failure::because(ErrorKind::Busy, reason);
            return Err(failure.hint(format!("dmctl resume {name}, then dmctl detach {name}")));
        }
        let claim = match (in_use, block) {
            (InUse::Refuse, Some(block)) => {
                let claim = claim(name, block.number)?;
                // What has no server writes nothing out.
                if let (Phase::Served, Some(claim)) = (phase, &claim) {
                    ublk::write_out(block.number, claim)?;
                }
                claim
            }
            _ => None,
        };
        // Somebody else may have detached it meanwhile.
        let (_, served) = self.attached.take(device, Event::Detach)?;
        match self.end(device, served, claim).recv_timeout(END_LIMIT) {
            Ok(ended) => ended,
            Err(_) => {
                let reason = "its requests are not answered yet; it ends when they are";
                Err(Failure::because(ErrorKind::Busy, reason))
            }
        }
    }

    /// Ends a block device on a thread of its own, since it waits for requests.
    fn end(
        self: &Arc<Self>,
        device: DevNo,
        served: Option<NamedUblk>,
        claim: Option<OwnedFd>,
    ) -> Receiver<Result<(), Failure>> {
        let (done, ended) = channel();
        let hub = self.clone();
        let end = move || {
            let block = hub.attached.blocks().get(&device.minor).copied();
            let result = match (served, block) {
                (Some(named), _) => {
                    info!("{} is detached", named.path().display());
                    named.stop(claim)
                }
                (None, Some(block)) => ublk::end(block.number, block.mark, claim),
                (None, None) => Ok(()),
            };
            if let Err(failure) = &result {
                warn!("{}", failure.error().report());
            }
            // Whatever it was, nobody serves it any more.
            let _ = hub.attached.step(device, Event::Ended);
            hub.record();
            // Who waited may have given up.
            let _ = done.send(result);
        };
        let name = thread::Builder::new().name("detach".into());
        if let Err(error) = name.spawn(end) {
            warn!("a block device stays: {error}");
        }
        ended
    }

    /// Lets the block devices follow what a command did to their devices.
    pub(super) fn follow(self: &Arc<Self>) {
        let devices: Vec<DevNo> = self.attached.entries().keys().copied().collect();
        for device in devices {
            let info = self.dm().info(DevId::from(device), Slot::Active);
            let event = match &info {
                Err(error) if error.kind == ErrorKind::NotFound => Event::Removed,
                Ok(info) if has_table(info) => Event::Table,
                _ => continue,
            };
            let phase = {
                let mut entries = self.attached.entries();
                let Some(entry) = entries.get_mut(&device) else {
                    continue;
                };
                if let (Event::Table, Some(named)) = (event, &mut entry.served) {
                    entry.problem = follow_device(named);
                }
                entry.phase
            };
            let held = info.is_ok_and(|info| is_suspended(&info));
            if phase != Phase::Waiting && event == Event::Table || held && !self.is_there(device) {
                continue;
            }
            match self.attached.take(device, event) {
                Ok((Action::Start, _)) => self.start_beside(device),
                Ok((Action::End, served)) => drop(self.end(device, served, None)),
                _ => {}
            }
        }
    }

    /// Adopts the block device of a device whose table came, while others go on.
    fn start_beside(self: &Arc<Self>, device: DevNo) {
        let hub = self.clone();
        let start = move || {
            if let Err(failure) = hub.start(device) {
                warn!("{}", failure.error().report());
            }
        };
        let name = thread::Builder::new().name("attach".into());
        if let Err(error) = name.spawn(start) {
            warn!("a block device is not adopted: {error}");
        }
    }

    /// Whether the driver has a device's block device already.
    fn is_there(&self, device: DevNo) -> bool {
        let block = self.attached.blocks().get(&device.minor).copied();
        block.is_some_and(|block| ublk::is_there(block.number, block.mark))
    }

    /// Makes those of a journal's devices that were block devices some again. Their users, who had to
    /// wait, go on.
    pub(super) fn restore_attached(self: &Arc<Self>, saved: &[Saved]) {
        let dm = self.dm();
        let mut devices = Vec::new();
        for saved in saved {
            let Some((block, name)) = saved.block.zip(DmName::new(&saved.name).ok()) else {
                continue;
            };
            let Ok(info) = dm.info(name, Slot::Active) else {
                warn!("{}: its block device is left", saved.name);
                continue;
            };
            // A new daemon has no others.
            let _ = self.attached.step(info.number, Event::Restore);
            if let Some(entry) = self.attached.entries().get_mut(&info.number) {
                entry.block = Some(block);
                entry.problem = Some("the device has no table".into());
            }
            if has_table(&info) && (!is_suspended(&info) || self.is_there(info.number)) {
                devices.push((info.number, saved.deferred));
            }
        }
        // A server that died may take its time to be gone.
        thread::scope(|scope| {
            for (device, _) in &devices {
                scope.spawn(|| {
                    let stepped = self.attached.step(*device, Event::Table);
                    if let (Ok(Action::Start), Err(failure)) = (stepped, self.start(*device)) {
                        warn!("{}", failure.error().report());
                    }
                });
            }
        });
        for (device, deferred) in devices {
            let mut entries = self.attached.entries();
            let entry = entries.get_mut(&device);
            let Some((served, problem)) =
                entry.and_then(|entry| Some((entry.served.as_mut()?, &mut entry.problem)))
            else {
                continue;
            };
            // Its table may have been changed before its daemon died.
            *problem = follow_device(served);
            drop(entries);
            if deferred {
                let removed = dm.remove(DevId::from(device), RemoveMode::Deferred);
                removed.unwrap_or_else(|error| warn!("{}", error.report()));
            }
        }
    }

    /// Refuses a device's new name if it can not be its block device's.
    pub(super) fn check_name(&self, command: &Command) -> Result<(), DmError> {
        let Command::Rename { device, name } = command else {
            return Ok(());
        };
        let entries = self.attached.entries();
        if entries.is_empty() {
            return Ok(());
        }
        let info = self.dm().info(device.clone(), Slot::Active)?;
        match entries.contains_key(&info.number) {
            true => ublk::refuse_taken(name).map_err(|failure| failure.error().clone()),
            false => Ok(()),
        }
    }

    /// The block devices that are served.
    pub(super) fn attached_as(&self) -> Vec<AttachedAs> {
        let entries = self.attached.entries();
        let told = entries.values().filter_map(|entry| entry.served.as_ref());
        told.map(AttachedAs::of).collect()
    }

    /// What is not as it should be with the block devices.
    pub(super) fn attached_problems(&self) -> Vec<String> {
        let dm = self.dm();
        let problem = |(device, entry): (&DevNo, &Entry)| {
            let problem = entry.problem.as_ref()?;
            let name = dm.info(DevId::from(*device), Slot::Active).ok()?.name;
            Some(match (entry.phase, entry.block) {
                (Phase::Waiting, Some(block)) => format!(
                    "{name}: not attached again, /dev/ublkb{} holds its requests if it is there: {problem}",
                    block.number
                ),
                _ => format!("{name}: {problem}"),
            })
        };
        let entries = self.attached.entries();
        entries.iter().filter_map(problem).collect()
    }

    /// Refuses the end if a block device is in use.
    pub(super) fn refuse_if_used(&self) -> Result<(), Failure> {
        for AttachedAs { name, number, .. } in self.attached_as() {
            let name = DmName::new(&name).map_err(|error| Failure::usage(error.to_string()))?;
            claim(&name, number).map(drop).map_err(|failure| {
                failure.about("daemon", Some(name.to_string())).hint(
                    "--stop --hold ends the daemon all the same; requests wait for --restore then",
                )
            })?;
        }
        Ok(())
    }

    /// At the end: leaves what is in use to the next daemon, and gives the others, which nobody can
    /// claim any more.
    pub(super) fn leave_used(&self) -> Vec<Unused> {
        let mut entries = self.attached.entries();
        let served: Vec<NamedUblk> = entries
            .values_mut()
            .filter_map(|entry| entry.served.take())
            .collect();
        drop(entries);
        let mut unused = Vec::new();
        for named in served {
            match ublk::claim(named.number()) {
                Err(failure) if failure.error().kind == ErrorKind::Busy => {
                    warn!(
                        "{} is in use: it holds its requests until dmctl daemon --restore",
                        named.path().display()
                    );
                    named.leave();
                }
                claim => unused.push(Unused {
                    named,
                    claim: claim.ok(),
                }),
            }
        }
        unused
    }

    fn dm(&self) -> Dm<Engine> {
        Dm::new(self.engine().clone())
    }
}

/// A block device that nobody has claimed.
pub(super) struct Unused {
    named: NamedUblk,
    claim: Option<OwnedFd>,
}

impl Unused {
    /// Ends it.
    pub(super) fn end(self) {
        let number = self.named.number();
        let claim = self.claim.as_ref();
        let written = claim.map_or(Ok(()), |claim| ublk::write_out(number, claim));
        for failure in [written, self.named.stop(self.claim)]
            .into_iter()
            .filter_map(Result::err)
        {
            warn!("{}", failure.error().report());
        }
    }
}

impl AttachedAs {
    fn of(named: &NamedUblk) -> AttachedAs {
        AttachedAs {
            name: named.device().name().as_str().into(),
            path: named.path().display().to_string(),
            node: named.node().display().to_string(),
            number: named.number(),
        }
    }
}

/// Takes a block device for oneself, if nobody else has.
fn claim(name: &DmName, number: u32) -> Result<Option<OwnedFd>, Failure> {
    match ublk::claim(number) {
        Ok(claim) => Ok(Some(claim)),
        Err(failure) if failure.error().kind == ErrorKind::Busy => {
            let reason = format!("/dev/ublkb{number} is mounted, or another device's");
            let failure = Failure::because(ErrorKind::Busy, reason);
            Err(failure.hint(format!("umount /dev/mapper/{name}")))
        }
        // Without its node, nobody finds it.
        Err(_) => Ok(None),
    }
}

/// Lets a block device follow its device; what it can not follow comes back.
fn follow_device(named: &mut NamedUblk) -> Option<String> {
    if let Err(failure) = named.follow_name() {
        return Some(failure.error().reason());
    }
    let (name, node) = (named.device().name(), named.node());
    let kept = named.follow_size()?;
    let problem = format!(
        "{} keeps its {kept} sectors, until dmctl detach {name} and dmctl attach {name}",
        node.display()
    );
    warn!("{name}: {problem}");
    Some(problem)
}

fn has_table(info: &DeviceInfo) -> bool {
    info.flags.contains(DeviceFlags::ACTIVE_PRESENT)
}

fn is_suspended(info: &DeviceInfo) -> bool {
    info.flags.contains(DeviceFlags::SUSPENDED)
}

fn new_mark() -> Result<u64, Failure> {
    let mut bytes = [0; 8];
    getrandom::fill(&mut bytes)
        .map_err(|error| Failure::because(ErrorKind::Io, format!("no random number: {error}")))?;
    // 0 is nobody's.
    Ok(u64::from_le_bytes(bytes) | 1)
}
