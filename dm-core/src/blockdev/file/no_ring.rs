//! What there is without io_uring.

use std::sync::Arc;

use crate::io::Io;

use super::Inner;

/// None.
pub(super) enum Kernel {}

impl Kernel {
    /// Requests wait on threads.
    pub(super) fn there() -> Option<Kernel> {
        None
    }

    /// Never called.
    pub(super) fn submit(&self, _: Arc<Inner>, _: Io) {
        match *self {}
    }
}
