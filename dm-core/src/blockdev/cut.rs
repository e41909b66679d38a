//! A run of bytes that several buffers hold together.

use std::ops::Range;

/// The bytes behind the first `skip` of all buffers, as many as `left` says. It is asked for each
/// buffer in turn.
#[derive(Clone, Copy, Debug)]
pub(super) struct Cut {
    pub(super) skip: usize,
    pub(super) left: usize,
}

impl Cut {
    /// Those of the next buffer, of `length` bytes, that belong to it.
    pub(super) fn of(&mut self, length: usize) -> Range<usize> {
        let from = self.skip.min(length);
        let to = length.min(from.saturating_add(self.left));
        self.skip -= from;
        self.left -= to - from;
        from..to
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cut_goes_through_the_buffers_that_it_lies_in() {
        let mut cut = Cut { skip: 5, left: 6 };
        let parts = [3, 4, 0, 3, 9].map(|length| cut.of(length));
        assert_eq!(parts, [3..3, 2..4, 0..0, 0..3, 0..1]);
    }
}
