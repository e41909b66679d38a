//! The client's half of NetBSD's dialect, held against what that kernel answered.
// Clippy knows helpers outside of #[test] functions for no tests.
#![allow(clippy::unwrap_used)]

mod golden;
mod outcomes;
mod requests;
