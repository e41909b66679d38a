//! `dmctl udevreleasecookie`.

use clap::Args;
use dm_core::error::{DmError, ErrorKind};
use dm_linux::udev::{Cookie, Udev, release};

use crate::failure::Failure;
use crate::output::{Answer, talk};
use crate::udev::cookie;

use super::commands::Run;
use super::session::Session;

/// Waits until udev is through with all events of a cookie, and takes it away.
#[derive(Debug, Args)]
pub(super) struct UdevReleaseCookie {
    /// The cookie; else the one of --udevcookie or DM_UDEV_COOKIE
    #[arg(value_parser = cookie)]
    cookie: Option<u32>,
}

impl Run for UdevReleaseCookie {
    fn run(self, session: &Session, answer: &mut Answer) -> Result<(), Failure> {
        let value = self
            .cookie
            .or(session.udev().cookie())
            .ok_or_else(|| Failure::usage("no udev transaction cookie given"))?;
        let timeout = session.udev().timeout();
        if session.is_dry() {
            let seconds = timeout.as_secs();
            talk(&format!(
                "would wait up to {seconds} s for the events of {value:#x}, and take the cookie away"
            ));
            return Ok(());
        }
        let left = Cookie::find(value)
            .and_then(|cookie| release(cookie, timeout))
            .map_err(DmError::from)?;
        answer.field("left", left);
        if left == 0 {
            return Ok(());
        }
        let seconds = timeout.as_secs();
        let state = Udev::new().state();
        let reason = format!("{left} events of {value:#x} are left after {seconds} s: {state}");
        Err(Failure::because(ErrorKind::Io, reason))
    }
}
