//! What targets keep on disk: pure, without io.

#[cfg(feature = "integrity")]
pub mod integrity;
#[cfg(feature = "verity")]
pub mod verity;
