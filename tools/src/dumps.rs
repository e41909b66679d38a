//! Keeping keys out of core dumps.

use rustix::process::{Resource, Rlimit, setrlimit};

/// From now on this process leaves no core dump: it may come to hold keys. That no other process of the
/// user may look into its memory comes with it, on Linux.
pub(crate) fn forbid() {
    // What a system does not do can not be helped.
    #[cfg(target_os = "linux")]
    let _ = rustix::process::set_dumpable_behavior(rustix::process::DumpableBehavior::NotDumpable);
    let none = Rlimit {
        current: Some(0),
        maximum: Some(0),
    };
    let _ = setrlimit(Resource::Core, none);
}
