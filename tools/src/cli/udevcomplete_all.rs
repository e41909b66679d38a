//! `dmctl udevcomplete_all`.

use std::io::{self, BufRead, IsTerminal};
use std::time::Duration;

use clap::Args;
use dm_core::error::DmError;
use dm_linux::udev::{Cookie, CookieError, ListedCookie, MAGIC};

use crate::failure::Failure;
use crate::output::{Answer, talk};

use super::commands::Run;
use super::session::Session;

/// Takes all cookies away, so that nobody waits for udev any more.
#[derive(Debug, Args)]
pub(super) struct UdevCompleteAll {
    /// Only those that are at least so many minutes old
    #[arg(value_name = "AGE_IN_MINUTES")]
    age: Option<u32>,
    /// Do not ask
    #[arg(short, long)]
    yes: bool,
}

impl Run for UdevCompleteAll {
    fn run(self, session: &Session, answer: &mut Answer) -> Result<(), Failure> {
        let prefix = format!("{MAGIC} ({MAGIC:#x})");
        if !session.is_dry() && !self.yes && !is_confirmed(&prefix) {
            answer.text = format!("Semaphores with keys prefixed by {prefix} NOT destroyed.\n");
            return Ok(());
        }
        let age = Duration::from_secs(u64::from(self.age.unwrap_or(0)) * 60);
        let (mut destroyed, mut skipped) = (0_u32, 0_u32);
        for listed in Cookie::list().map_err(DmError::from)? {
            if listed.age() < age {
                skipped += 1;
            } else if session.is_dry() {
                talk(&format!("would take the cookie {:#x} away", listed.cookie));
            } else if remove(&listed)? {
                destroyed += 1;
            }
        }
        if session.is_dry() {
            talk(&format!("would leave {skipped} others"));
            return Ok(());
        }
        answer.text = format!(
            "{destroyed} semaphores with keys prefixed by {prefix} destroyed. {skipped} skipped.\n"
        );
        answer.field("destroyed", destroyed);
        answer.field("skipped", skipped);
        Ok(())
    }
}

/// Whether this took it away, and nobody else.
fn remove(listed: &ListedCookie) -> Result<bool, DmError> {
    match Cookie::find(listed.cookie).and_then(Cookie::remove) {
        Ok(()) => Ok(true),
        Err(CookieError::Missing(_)) => Ok(false),
        Err(error) => Err(error.into()),
    }
}

/// Asks the user, if there is one.
fn is_confirmed(prefix: &str) -> bool {
    let stdin = io::stdin();
    if !stdin.is_terminal() {
        return false;
    }
    talk(&format!(
        "WARNING: This operation will destroy all semaphores with keys that have a prefix {prefix}."
    ));
    talk("Do you really want to continue? [y/n]:");
    let mut said = String::new();
    stdin.lock().read_line(&mut said).is_ok() && said.trim().eq_ignore_ascii_case("y")
}
