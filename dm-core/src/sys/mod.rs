//! What a kernel does that no safe wrapper asks it for: the one module here with unsafe code.
#![allow(unsafe_code)]

#[cfg(any(
    target_arch = "x86_64",
    target_arch = "aarch64",
    target_arch = "riscv64"
))]
pub(crate) mod ring;
