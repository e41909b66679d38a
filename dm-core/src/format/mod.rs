//! What targets keep on disk: pure, without io.

#[cfg(feature = "verity")]
pub mod verity;
