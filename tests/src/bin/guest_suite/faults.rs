//! Checks that go wrong, to see that the host notices. They run only by their names.

use std::fs;
use std::process;

use crate::Check;
use crate::shell::create;

pub(crate) const FAULTS: &[(&str, Check)] = &[
    ("fault_fails", fails),
    ("fault_aborts", aborts),
    ("fault_leaves_a_device", leaves_a_device),
    ("fault_panics_the_kernel", panics_the_kernel),
];

fn fails() -> Result<(), String> {
    Err("as it should\nin two lines".to_owned())
}

fn aborts() -> Result<(), String> {
    process::abort()
}

fn leaves_a_device() -> Result<(), String> {
    create("guest-left", "0 8 zero")
}

fn panics_the_kernel() -> Result<(), String> {
    fs::write("/proc/sys/kernel/sysrq", "1").map_err(|error| error.to_string())?;
    fs::write("/proc/sysrq-trigger", "c").map_err(|error| error.to_string())
}
