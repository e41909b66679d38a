//! The IVs by their names, which are the same with tags and without.

use core::fmt;

use super::known::Known;

/// What makes the IVs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum IvKind {
    Null,
    Plain,
    Plain64,
    Plain64Be,
    Benbi,
    Eboiv,
    Elephant,
    Lmk,
    Tcw,
    /// Made anew for each write; tags keep them.
    Random,
}

const IVS: &[(&str, IvKind)] = &[
    ("plain", IvKind::Plain),
    ("plain64", IvKind::Plain64),
    ("plain64be", IvKind::Plain64Be),
    // The sector, little endian, which is then encrypted.
    ("essiv", IvKind::Plain64),
    ("benbi", IvKind::Benbi),
    ("null", IvKind::Null),
    ("lmk", IvKind::Lmk),
    ("tcw", IvKind::Tcw),
    ("eboiv", IvKind::Eboiv),
    ("elephant", IvKind::Elephant),
    ("random", IvKind::Random),
];

impl IvKind {
    /// The kind of this name.
    pub(super) fn of(name: &str) -> Option<IvKind> {
        IVS.iter().find(|row| row.0 == name).map(|row| row.1)
    }

    /// The names of those that `fit`.
    pub(super) fn known(fit: fn(IvKind) -> bool) -> impl fmt::Display {
        Known(IVS, fit)
    }
}
