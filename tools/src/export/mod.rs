//! Block protocols over an engine's devices.

pub mod client;
pub mod nbd;
pub mod tls;
#[cfg(all(
    target_os = "linux",
    any(
        target_arch = "x86_64",
        target_arch = "aarch64",
        target_arch = "riscv64"
    )
))]
pub mod ublk;
