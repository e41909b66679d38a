//! Plays conversations that were captured from NetBSD's driver against ours.
//!
//! A scenario is a folder: `index.tsv` names its steps in order, `NNN-NAME.request.plist` is what was sent and
//! `NNN-NAME.reply.plist` what came back, and `io.log` says what reads and writes between the steps gave.

mod documented;
mod log;
mod machine;
mod scenario;
mod show;

pub use documented::{Documented, documented};
pub use scenario::{Difference, Outcome, play, scenarios};
