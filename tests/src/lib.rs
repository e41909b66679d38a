//! What the cross-crate tests share: a model of tables, targets of their own, a watchdog.
#![forbid(unsafe_code)]

pub mod assertions;
pub mod export;
pub mod guest;
pub mod model;
pub mod nbd_batch;
pub mod power_loss;
pub mod replay;
pub mod scenario;
pub mod script;
pub mod targets;
pub mod tools;
pub mod watchdog;

/// The README's program in Rust, which is run as it stands there.
#[cfg(doctest)]
#[doc = include_str!("../../README.md")]
mod readme {}
