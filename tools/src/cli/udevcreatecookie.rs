//! `dmctl udevcreatecookie`.

use clap::Args;
use dm_core::error::DmError;
use dm_linux::udev::Cookie;

use crate::failure::Failure;
use crate::output::{Answer, talk};

use super::commands::Run;
use super::session::Session;

/// Makes a cookie for `--udevcookie`.
#[derive(Debug, Args)]
pub(super) struct UdevCreateCookie {}

impl Run for UdevCreateCookie {
    fn run(self, session: &Session, answer: &mut Answer) -> Result<(), Failure> {
        if session.is_dry() {
            talk("would make a cookie: a semaphore that commands with --udevcookie count");
            return Ok(());
        }
        let cookie = Cookie::create().map_err(DmError::from)?;
        answer.text = format!("{:#010X}\n", cookie.value()).replacen("0X", "0x", 1);
        answer.field("cookie", cookie.value());
        Ok(())
    }
}
