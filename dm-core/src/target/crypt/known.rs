//! The names that are known of something, as an error lists them: ciphers, modes, IVs.

use core::fmt;

/// The names of a list's rows that are wanted.
pub(super) struct Known<T: 'static>(
    pub(super) &'static [(&'static str, T)],
    pub(super) fn(T) -> bool,
);

impl<T: Copy> fmt::Display for Known<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let wanted = self.0.iter().filter(|(_, what)| self.1(*what));
        for (at, (name, _)) in wanted.enumerate() {
            let comma = if at > 0 { ", " } else { "" };
            write!(f, "{comma}{name}")?;
        }
        Ok(())
    }
}
