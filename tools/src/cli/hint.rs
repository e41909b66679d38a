//! What may help: hints that only the driver's present state can give.

use std::path::Path;

use dm_core::command::{DeviceInfo, Slot};
use dm_core::devid::DevId;
use dm_core::error::{DmError, ErrorKind};
use dm_core::table::{TableError, TableLine};
use dm_core::typed::{self, Checker};

use crate::backend::Place;
use crate::daemon::journal;
use crate::daemon::order::{AttachedAs, Order};
use crate::failure::Failure;
use crate::nearest::nearest;
use crate::runtime::RuntimeDir;

use super::session::Session;

impl Session {
    /// Makes a failure of a driver's error about `device`, with hints.
    pub(super) fn explain(&self, error: DmError, device: &DevId) -> Failure {
        let (kind, mut error) = (error.kind, error);
        if self.verb() != "create" {
            // One verb may take several commands; the user knows the verb. A create says which of
            // its commands it was, since each has reasons of its own.
            error.context.command = Some(self.said());
        }
        let failure = Failure::from(error).of(device);
        let hint = match kind {
            ErrorKind::NotFound => self.nearest(device),
            ErrorKind::Busy => self.holders(device),
            ErrorKind::Io | ErrorKind::Protocol if !self.in_kernel() => RuntimeDir::from_env()
                .ok()
                .map(|dir| format!("see {}", dir.log().display())),
            _ => None,
        };
        match hint {
            Some(hint) => failure.hint(hint),
            None => failure,
        }
    }

    /// The same for what failed while it dealt with `device`.
    pub(super) fn explain_failure(&self, failure: Failure, device: &DevId) -> Failure {
        match failure.is_usage() {
            true => failure,
            false => self.explain(failure.error().clone(), device),
        }
    }

    /// Makes a failure of a driver's error about a table, with hints.
    ///
    /// `places` are the lines' places in the text that the user wrote, where comments count.
    pub(super) fn explain_table(
        &self,
        error: DmError,
        device: &DevId,
        lines: &[TableLine],
        places: &[usize],
        source: &str,
    ) -> Failure {
        let line = error
            .context
            .line
            .filter(|_| error.kind == ErrorKind::InvalidTable);
        let mut failure = self.explain(error, device);
        let known = self
            .dm()
            .and_then(|dm| Ok(dm.targets()?))
            .unwrap_or_default();
        let version = |name: &str| {
            let target = known.iter().find(|target| target.name.as_str() == name);
            target.map(|target| target.version)
        };
        let found = Checker::new().for_versions(version).check(lines);
        let Some(at) = line.and_then(|line| line.checked_sub(1)) else {
            // A kernel says no more than that it did not like it.
            return found.into_iter().fold(failure, |failure, error| {
                let failure = failure.hint(error.to_string());
                error.remedy().into_iter().fold(failure, Failure::hint)
            });
        };
        // A daemon sends the reason in words alone.
        let remedy = found
            .iter()
            .find(|error| error.line == at + 1)
            .and_then(TableError::remedy);
        failure = remedy.into_iter().fold(failure, Failure::hint);
        if let Some(place) = places.get(at).filter(|place| **place != at + 1) {
            failure = failure.hint(format!(
                "line {} of the table is line {place} of {source}",
                at + 1
            ));
        }
        let target = lines.get(at).map(|line| &line.target);
        if !known.is_empty()
            && target.is_some_and(|name| known.iter().all(|kind| kind.name != *name))
        {
            let names: Vec<_> = known.iter().map(|kind| kind.name.as_str()).collect();
            failure = failure.hint(format!("this driver has the targets {}", names.join(", ")));
            if !self.in_kernel()
                && let Some(kind) = target.and_then(|name| typed::kind(name.as_str()))
            {
                failure = failure.hint(format!("a Linux kernel may have {}", kind.name));
            }
        }
        failure
    }

    /// The same failure; where it is that the driver lacks something, with what there is instead.
    pub(super) fn with_alternative(&self, failure: Failure) -> Failure {
        let kind = failure.error().kind;
        let target = kind == ErrorKind::InvalidTable && self.verb() == "wipe_table";
        let lacks = (kind == ErrorKind::Unsupported || target) && failure.is_without_hints();
        match (self.driver().filter(|_| lacks), self.verb()) {
            (Some("netbsd"), "remove_all") => {
                failure.hint("dmctl remove takes the devices it names")
            }
            (Some("netbsd"), "remove") => failure.hint("dmctl remove once nobody has it open"),
            (Some("netbsd"), "wait") => failure.hint("dmctl watch shows what happens to devices"),
            (Some("netbsd"), "rename") => failure.hint("dmctl create -u gives a device its uuid"),
            (Some("netbsd"), _) => {
                failure.hint("--backend engine has it, and serves its devices over NBD")
            }
            (Some("linux"), _) => failure.hint("a newer kernel may have it, as --backend engine"),
            _ => failure,
        }
    }

    fn in_kernel(&self) -> bool {
        self.place().is_ok_and(|place| *place == Place::Kernel)
    }

    /// A device whose name is much like the one that is not there, or one that a daemon before this
    /// one had.
    fn nearest(&self, device: &DevId) -> Option<String> {
        let DevId::Name(wanted) = device else {
            return None;
        };
        let wanted = wanted.as_str();
        let all = self.dm().ok()?.list().ok()?;
        let names = all.iter().map(|entry| entry.name.as_str());
        if names.clone().any(|name| name == wanted) {
            // It is there: something else is not.
            return None;
        }
        if let Some(name) = nearest(wanted, names) {
            return Some(format!("there is a device {name}"));
        }
        let dir = RuntimeDir::from_env().ok()?;
        let has =
            |path: &Path| journal::names(path).is_ok_and(|names| names.iter().any(|n| n == wanted));
        let before = dir.journal_before();
        if has(&dir.journal()) {
            let ways = "dmctl daemon --stop, then dmctl daemon --restore";
            return Some(format!("the daemon before this one had it: {ways}"));
        }
        has(&before).then(|| format!("its table before is in {}", before.display()))
    }

    /// Where a device is attached, if it is.
    fn attached(&self, device: &DeviceInfo) -> Option<AttachedAs> {
        let Ok(Place::Daemon(Some(sockets))) = self.place() else {
            return None;
        };
        let status = Order::Status.send(&sockets.control).ok()??;
        let mut attached = status.attached.into_iter();
        attached.find(|attached| attached.name == device.name.as_str())
    }

    /// Who uses a device that is busy.
    fn holders(&self, device: &DevId) -> Option<String> {
        let dm = self.dm().ok()?;
        let info = dm.info(device.clone(), Slot::Active).ok()?;
        if let Some(AttachedAs { name, node, .. }) = self.attached(&info) {
            return Some(format!("it is attached as {node}: dmctl detach {name}"));
        }
        let stands_on_it = |name: &DevId| {
            [Slot::Active, Slot::Inactive].into_iter().any(|slot| {
                let deps = dm.deps(name.clone(), slot).unwrap_or_default();
                deps.iter().any(|dep| dep.number == info.number)
            })
        };
        let above: Vec<String> = dm
            .list()
            .ok()?
            .into_iter()
            .map(|entry| DevId::from(entry.name))
            .filter(stands_on_it)
            .map(|id| id.to_string())
            .collect();
        match (&above[..], info.open_count) {
            ([one], _) => Some(format!("{one} stands on it: remove that first")),
            ([first @ .., last], _) => Some(format!(
                "{} and {last} stand on it: remove them first",
                first.join(", ")
            )),
            ([], 0) => None,
            ([], users) => Some(format!(
                "it has {users} user(s): disconnect them, or remove it with --deferred when they \
                 leave, or with --force at once"
            )),
        }
    }
}
