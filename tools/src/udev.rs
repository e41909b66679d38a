//! How commands to Linux's driver go about udev: dmsetup's options and variables.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, LazyLock, OnceLock};
use std::time::Duration;

use clap::Args;
use dm_linux::nodes::{NodePolicy, Nodes};
use dm_linux::udev::{Change, CookieError, Settled, Ticket, Udev, UdevFlags, Waiter};

use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::{flag, low_level};

use crate::output::talk;

/// Set to anything, it keeps this program from asking for udev.
const DISABLE: &str = "DM_DISABLE_UDEV";

/// What `--noudevrules` tells udev's rules, as dmsetup does.
const NO_RULES: UdevFlags = UdevFlags::DISABLE_DM_RULES.union(UdevFlags::DISABLE_SUBSYSTEM_RULES);

/// How long udev may take, in seconds.
const SECONDS: u32 = 30;

/// The options about udev.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Udev")]
pub(crate) struct UdevOptions {
    /// Do not wait for udev
    #[arg(long, global = true)]
    noudevsync: bool,
    /// Make the nodes here, and have udev's rules leave them alone
    #[arg(long, global = true)]
    noudevrules: bool,
    /// Wait for udev and make what it did not make, as is always done
    #[arg(long, global = true, hide = true)]
    verifyudev: bool,
    /// Give the events this cookie of udevcreatecookie, and leave the waiting to udevreleasecookie
    #[arg(long, global = true, value_name = "COOKIE", env = "DM_UDEV_COOKIE", hide_env = true,
        value_parser = cookie)]
    udevcookie: Option<u32>,
    /// How long udev may take; 30 seconds unless told otherwise
    #[arg(
        long,
        global = true,
        value_name = "SECONDS",
        default_value_t = SECONDS,
        hide_default_value = true
    )]
    udevtimeout: u32,
}

impl Default for UdevOptions {
    fn default() -> UdevOptions {
        UdevOptions {
            noudevsync: false,
            noudevrules: false,
            verifyudev: false,
            udevcookie: None,
            udevtimeout: SECONDS,
        }
    }
}

/// A cookie as dmsetup reads it: decimal, `0x` and hexadecimal, or `0` and octal; never 0.
pub(crate) fn cookie(text: &str) -> Result<u32, String> {
    let (digits, radix) = match text.as_bytes() {
        [b'0', b'x' | b'X', ..] => (&text[2..], 16),
        [b'0', ..] => (text, 8),
        _ => (text, 10),
    };
    match u32::from_str_radix(digits, radix) {
        Ok(cookie) if cookie != 0 => Ok(cookie),
        _ => Err("a cookie is a number such as 0xd4d1234".into()),
    }
}

impl UdevOptions {
    /// Who sees to the nodes.
    pub(crate) fn waiter(&self) -> Box<dyn Waiter> {
        if std::env::var_os(DISABLE).is_some() {
            return Box::new(Nodes::new(NodePolicy::Always));
        }
        let interrupt = SIGNALS.came.clone();
        let mut udev = Udev::new().timeout(self.timeout()).interrupt(interrupt);
        if self.noudevrules {
            udev = udev.flags(NO_RULES);
        }
        if let Some(cookie) = self.udevcookie {
            udev = udev.join(cookie);
        }
        if self.noudevsync {
            udev = udev.leave();
        }
        Box::new(Told(udev))
    }

    /// The cookie that the user gave.
    pub(crate) fn cookie(&self) -> Option<u32> {
        self.udevcookie
    }

    /// How long udev may take.
    pub(crate) fn timeout(&self) -> Duration {
        Duration::from_secs(self.udevtimeout.into())
    }
}

/// Tells the user of what did not go well: the commands themselves were obeyed.
#[derive(Debug)]
struct Told(Udev);

impl Waiter for Told {
    fn begin(&self) -> Result<Ticket, CookieError> {
        SIGNALS.hold();
        let ticket = self.0.begin();
        if ticket.is_err() {
            SIGNALS.release();
        }
        ticket
    }

    fn settle(&self, ticket: Ticket, changes: &[Change]) -> Settled {
        let settled = self.0.settle(ticket, changes);
        if settled.is_trouble() {
            talk(&format!("dmctl: {settled}"));
        }
        SIGNALS.release();
        settled
    }

    fn has_nodes(&self) -> bool {
        self.0.has_nodes()
    }

    fn is_immediate(&self) -> bool {
        self.0.is_immediate()
    }
}

/// Ctrl-C and its like, which end this program once its cookie is removed.
#[derive(Debug, Default)]
struct Signals {
    /// Not before there is a first cookie.
    watched: OnceLock<()>,
    /// No cookie is there: a signal does what it always does.
    idle: Arc<AtomicBool>,
    came: Arc<AtomicBool>,
    /// Which, or 0.
    which: Arc<AtomicUsize>,
}

/// A process has one set of handlers.
static SIGNALS: LazyLock<Signals> = LazyLock::new(Signals::default);

/// The signals that this process ignores: bit 0 is the first. None where `/proc` does not say.
fn ignored() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok())
        .unwrap_or_default()
}

impl Signals {
    fn watch(&self) {
        let ignored = ignored();
        // What nohup or a shell has this program ignore stays ignored.
        let heeded = |signal: &i32| ignored & (1 << (signal - 1)) == 0;
        for signal in [SIGHUP, SIGINT, SIGTERM].into_iter().filter(heeded) {
            let number = usize::try_from(signal).unwrap_or_default();
            // In this order, since the first may end the program.
            let registered = flag::register_conditional_default(signal, self.idle.clone())
                .and_then(|_| flag::register_usize(signal, self.which.clone(), number))
                .and_then(|_| flag::register(signal, self.came.clone()));
            if let Err(error) = registered {
                tracing::warn!("signal {signal} may leave a cookie behind: {error}");
            }
        }
    }

    /// A cookie may be there from now on.
    fn hold(&self) {
        self.idle.store(false, Ordering::SeqCst);
        self.watched.get_or_init(|| self.watch());
    }

    /// The cookie is gone. A signal that came has its effect now.
    fn release(&self) {
        self.idle.store(true, Ordering::SeqCst);
        let which = self.which.load(Ordering::SeqCst);
        if let (Ok(signal), true) = (i32::try_from(which), which != 0) {
            // If it can not be, the command ends as it would without.
            let _ = low_level::emulate_default_handler(signal);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cookies_are_read_as_c_does() {
        assert_eq!(cookie("0xd4d1234"), Ok(0x0d4d_1234));
        assert_eq!(cookie("0XD4D1234"), Ok(0x0d4d_1234));
        assert_eq!(cookie("223154740"), Ok(0x0d4d_1234));
        assert_eq!(cookie("017"), Ok(15));
        for wrong in ["", "0", "0x", "x", "-1", "0x1ffffffff", "1 "] {
            assert!(cookie(wrong).is_err(), "{wrong}");
        }
    }
}
