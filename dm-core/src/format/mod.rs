//! What is kept on disk: pure, without io.

#[cfg(feature = "integrity")]
pub mod integrity;
#[cfg(feature = "luks")]
pub mod luks;
#[cfg(feature = "verity")]
pub mod verity;
