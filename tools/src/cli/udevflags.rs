//! `dmctl udevflags`.

use clap::Args;
use dm_linux::udev::UdevFlags;

use crate::failure::Failure;
use crate::output::Answer;
use crate::udev::cookie;

use super::commands::Run;
use super::session::Session;

/// Prints the flags in a cookie as the variables that udev's rules import.
#[derive(Debug, Args)]
pub(super) struct UdevFlagsOf {
    /// The cookie, as udev has it in DM_COOKIE
    #[arg(value_parser = cookie)]
    cookie: u32,
}

impl Run for UdevFlagsOf {
    fn run(self, _: &Session, answer: &mut Answer) -> Result<(), Failure> {
        let variables = UdevFlags::of_event(self.cookie).variables();
        answer.text = variables.iter().map(|it| format!("{it}='1'\n")).collect();
        answer.field("variables", variables);
        Ok(())
    }
}
