//! What verbs share that read and write formats without any driver.

pub(super) mod activate;
pub(super) mod image;
pub(super) mod parallel;
pub(super) mod progress;
pub(super) mod text;
pub(super) mod unwritten;
