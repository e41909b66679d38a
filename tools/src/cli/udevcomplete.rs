//! `dmctl udevcomplete`.

use clap::Args;
use dm_core::error::DmError;
use dm_linux::udev::{Cookie, MAGIC};

use crate::failure::Failure;
use crate::output::{Answer, talk};
use crate::udev::cookie;

use super::commands::Run;
use super::session::Session;

/// Counts a cookie down: udev's rules are through with an event.
#[derive(Debug, Args)]
pub(super) struct UdevComplete {
    /// The cookie, as udev has it in DM_COOKIE
    #[arg(value_parser = cookie)]
    cookie: u32,
}

impl Run for UdevComplete {
    fn run(self, session: &Session, answer: &mut Answer) -> Result<(), Failure> {
        // The upper half has flags in udev's environment. Nobody waits for the lower half 0.
        let base = self.cookie & 0xffff;
        let value = u32::from(MAGIC) << 16 | base;
        if session.is_dry() {
            match base {
                0 => talk("would do nothing: nobody waits for this cookie"),
                _ => talk(&format!("would count the cookie {value:#x} down")),
            }
            return Ok(());
        }
        if base != 0 {
            let found = Cookie::find(value);
            found
                .and_then(|cookie| cookie.complete())
                .map_err(DmError::from)?;
        }
        answer.text = format!("DM_COOKIE_COMPLETED={:<#12x}\n", self.cookie);
        answer.field("cookie", self.cookie);
        Ok(())
    }
}
