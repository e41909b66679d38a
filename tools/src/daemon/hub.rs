//! The engine with its journal: what all connections share.

use std::fs;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use dm_core::command::{Command, Reply};
use dm_core::engine::{Cancel, Engine};
use dm_core::error::DmError;
use tracing::{info, warn};

use crate::runtime::RuntimeDir;

use super::attached::Attached;
use super::saved::Saved;
use super::{journal, lock_state};

/// An engine whose changes are written down before they are answered.
pub(super) struct Hub {
    engine: Engine,
    dir: RuntimeDir,
    /// Which devices are block devices of this system's.
    pub(super) attached: Attached,
    /// Counts changing commands that are done.
    changes: AtomicU64,
    written: Mutex<Written>,
}

/// What the journal holds.
struct Written {
    /// The count of changes that is in it.
    changes: u64,
    /// Its text.
    text: Vec<u8>,
    /// The file there is another daemon's, and is kept.
    foreign: bool,
    /// Why it is not up to date.
    problem: Option<String>,
}

impl Hub {
    /// An engine whose devices are not in the journal yet.
    pub(super) fn new(engine: Engine, dir: RuntimeDir) -> Hub {
        let foreign = dir.journal().exists();
        let written = Written {
            changes: 0,
            text: journal::text(&[]),
            foreign,
            problem: None,
        };
        Hub {
            engine,
            dir,
            attached: Attached::default(),
            changes: AtomicU64::new(0),
            written: Mutex::new(written),
        }
    }

    /// The engine.
    pub(super) fn engine(&self) -> &Engine {
        &self.engine
    }

    /// Obeys a command, and writes the journal if it may have changed something.
    pub(super) fn call(
        self: &Arc<Self>,
        command: Command,
        cancel: &Cancel,
    ) -> Result<Reply, DmError> {
        let changes = command.changes();
        if let Err(error) = self.check_name(&command) {
            return Err(error.about(command.verb(), command.device()));
        }
        let reply = self.engine.call_with(command, cancel);
        if changes {
            self.follow();
            self.record();
        }
        reply
    }

    /// Why the journal is not up to date, if it is not.
    pub(super) fn problem(&self) -> Option<String> {
        lock_state(&self.written).problem.clone()
    }

    /// Brings the journal up to date. The engine goes on if that fails.
    pub(super) fn record(&self) {
        let mine = self.changes.fetch_add(1, Ordering::SeqCst) + 1;
        let mut written = lock_state(&self.written);
        if written.changes >= mine {
            // Who wrote in the meantime had this change in it.
            return;
        }
        let now = self.changes.load(Ordering::SeqCst);
        written.problem = match self.write(&mut written) {
            Ok(()) => {
                written.changes = now;
                None
            }
            Err(why) => {
                warn!("the journal is not written: {why}");
                Some(format!("the journal is not written: {why}"))
            }
        };
    }

    fn write(&self, written: &mut Written) -> Result<(), String> {
        let devices =
            Saved::all_of(&self.engine, &self.attached.blocks()).map_err(|error| error.report())?;
        let text = journal::text(&devices);
        if text == written.text {
            return Ok(());
        }
        let path = self.dir.journal();
        if written.foreign {
            let before = self.dir.journal_before();
            fs::rename(&path, &before).map_err(|error| error.to_string())?;
            info!(
                "the journal of the daemon before is now {}",
                before.display()
            );
            written.foreign = false;
        }
        journal::replace(&path, &text).map_err(|error| error.to_string())?;
        written.text = text;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use dm_core::command::{Create, ListFilter};
    use dm_core::names::DmName;

    use super::*;

    fn create(hub: &Arc<Hub>, name: &str) {
        let create = Create::new(DmName::new(name).unwrap());
        hub.call(Command::Create(create), &Cancel::new()).unwrap();
    }

    #[test]
    fn change_is_in_the_journal_when_it_is_answered() {
        let temp = tempfile::tempdir().unwrap();
        let dir = RuntimeDir::new(temp.path()).unwrap();
        let hub = Arc::new(Hub::new(Engine::new(), dir.clone()));
        create(&hub, "a");
        assert_eq!(journal::names(&dir.journal()).unwrap(), ["a"]);
        create(&hub, "b");
        assert_eq!(journal::names(&dir.journal()).unwrap(), ["a", "b"]);
    }

    #[test]
    fn journal_of_the_daemon_before_is_kept_until_the_first_change_and_put_aside_then() {
        let temp = tempfile::tempdir().unwrap();
        let dir = RuntimeDir::new(temp.path()).unwrap();
        create(&Arc::new(Hub::new(Engine::new(), dir.clone())), "old");
        let hub = Arc::new(Hub::new(Engine::new(), dir.clone()));
        hub.call(Command::List(ListFilter::ALL), &Cancel::new())
            .unwrap();
        assert_eq!(journal::names(&dir.journal()).unwrap(), ["old"]);
        create(&hub, "new");
        assert_eq!(journal::names(&dir.journal()).unwrap(), ["new"]);
        assert_eq!(journal::names(&dir.journal_before()).unwrap(), ["old"]);
    }
}
