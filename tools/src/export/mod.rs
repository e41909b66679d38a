//! Block protocols over an engine's devices.

pub mod client;
pub mod nbd;
pub mod tls;
