//! `dmctl udevcookies`.

use clap::Args;
use dm_core::error::DmError;
use dm_linux::udev::{Cookie, ListedCookie};
use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde_json::{Value, json};

use crate::failure::Failure;
use crate::output::Answer;

use super::commands::Run;
use super::session::Session;

/// Lists the cookies that somebody waits for.
#[derive(Debug, Args)]
pub(super) struct UdevCookies {}

impl Run for UdevCookies {
    fn run(self, _: &Session, answer: &mut Answer) -> Result<(), Failure> {
        let cookies = Cookie::list().map_err(DmError::from)?;
        let heading =
            "Cookie       Semid      Value      Last semop time           Last change time";
        answer.text = format!("{heading}\n");
        answer.text.extend(cookies.iter().map(row));
        answer.field("cookies", cookies.iter().map(fields).collect::<Vec<_>>());
        Ok(())
    }
}

fn row(listed: &ListedCookie) -> String {
    format!(
        "{:<#12x} {:<10} {:<10} {}  {}\n",
        listed.cookie,
        listed.semaphore,
        listed.value,
        time(listed.counted),
        time(listed.made)
    )
}

fn fields(listed: &ListedCookie) -> Value {
    json!({
        "cookie": listed.cookie,
        "semaphore": listed.semaphore,
        "value": listed.value,
        "counted": listed.counted,
        "made": listed.made,
    })
}

/// As C's `ctime` has it.
fn time(seconds: u64) -> String {
    let seconds = i64::try_from(seconds).unwrap_or(i64::MAX);
    let time = Timestamp::from_second(seconds).unwrap_or(Timestamp::MAX);
    let local = time.to_zoned(TimeZone::system());
    local.strftime("%a %b %e %H:%M:%S %Y").to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_as_c_prints_them() {
        let local = time(1_700_000_000);
        assert!(local.starts_with("Tue Nov 14 ") || local.starts_with("Wed Nov 15 "));
        assert!(local.ends_with(" 2023") && local.len() == 24, "{local}");
    }
}
