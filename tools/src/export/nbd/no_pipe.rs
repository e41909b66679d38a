//! There are no pipes here that take pages without a copy.
#![allow(clippy::unused_self, clippy::unnecessary_wraps)] // as Linux's

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

/// Lends nothing.
#[derive(Default)]
pub(super) struct Lender(());

/// Takes nothing.
#[derive(Default)]
pub(super) struct Intake(());

impl Lender {
    pub(super) fn put(
        &mut self,
        _: &[u8],
        _: usize,
        _: impl FnOnce(BorrowedFd<'_>) -> bool,
    ) -> bool {
        false
    }

    pub(super) fn is_filled(&self) -> bool {
        false
    }

    pub(super) fn send(&mut self, _: &OwnedFd) -> io::Result<()> {
        Ok(())
    }
}

impl Intake {
    pub(super) fn is_ready(&mut self) -> bool {
        false
    }

    pub(super) fn fill(&mut self, _: &impl AsFd, _: usize) -> io::Result<usize> {
        Ok(0)
    }

    pub(super) fn store(
        &mut self,
        _: usize,
        _: impl FnOnce(BorrowedFd<'_>) -> bool,
    ) -> io::Result<usize> {
        Ok(0)
    }

    pub(super) fn give_up(&mut self, _: &mut [u8]) -> io::Result<usize> {
        Ok(0)
    }
}
