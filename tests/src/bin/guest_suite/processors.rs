//! A guest's second processor, which sleeps where it is not needed: emulated, it costs more than it does.

use std::fs;
use std::path::Path;

use crate::FIGURES;

/// Checks whose threads, or whose kernel's, are to run at the same time.
const FOR_TWO: &[&str] = &[
    "udev_threads_leave_no_semaphore",
    "transaction_swaps_under_io",
    "threads_share_a_handle",
    "kernel_nbd_reads_what_it_wrote",
    "ublk_device_outlives_its_server",
    "ublk_device_outlives_its_daemon",
];

/// Whether a check needs both processors; what is measured has them, as it would elsewhere.
pub(crate) fn is_for_two(check: &str) -> bool {
    FOR_TWO.contains(&check) || FIGURES.iter().any(|(name, _)| *name == check)
}

/// The second processor, awake until this is dropped. User-mode Linux has none, and does without.
pub(crate) struct Second;

impl Second {
    pub(crate) fn awake() -> Result<Second, String> {
        match Path::new(FILE).exists() {
            true => set("1").map(|()| Second),
            false => Ok(Second),
        }
    }
}

impl Drop for Second {
    fn drop(&mut self) {
        let _ = set("0");
    }
}

const FILE: &str = "/sys/devices/system/cpu/cpu1/online";

fn set(online: &str) -> Result<(), String> {
    fs::write(FILE, online).map_err(|error| format!("{FILE}: {error}"))
}
