//! Table lines as the driver keeps them: read, not checked.

use dm_core::devid::DevNo;
use dm_core::version::Version;

use crate::proplib::{Dictionary, Text, Value};

use super::super::keys;
use super::nodes::Disk;

/// The driver's block major number.
pub(super) const MAPPED_MAJOR: u32 = 169;

/// Bytes of a device's path that the driver keeps.
pub(super) const PATH_MAX: usize = 31;

/// A kind of targets that the driver may have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Module {
    /// `linear`, built in.
    Linear,
    /// `striped`, built in.
    Striped,
    /// `error`, a module.
    Error,
    /// `zero`, a module.
    Zero,
}

/// A table line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Entry {
    pub(super) start: u64,
    pub(super) length: u64,
    pub(super) module: Module,
    /// Sectors of a chunk; of striped lines.
    pub(super) chunk: u64,
    /// What it stands on: one of a linear line, up to four of a striped one.
    pub(super) legs: Vec<Leg>,
}

/// A place on a device that a line stands on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Leg {
    /// The path, cut.
    pub(super) path: Text,
    pub(super) base: Base,
    pub(super) offset: u64,
}

/// A device that a line stands on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Base {
    /// One of the driver's own, by its minor number.
    Mapped(u32),
    /// Any other.
    Disk(Disk),
}

impl Module {
    /// All, in the order in which a kernel lists them that has loaded the modules.
    pub const ALL: &'static [Module] =
        &[Module::Linear, Module::Striped, Module::Error, Module::Zero];

    /// Those of a kernel that has loaded none.
    pub const STOCK: &'static [Module] = &[Module::Linear, Module::Striped];

    /// Its name in table lines.
    pub const fn name(self) -> &'static str {
        match self {
            Module::Linear => "linear",
            Module::Striped => "striped",
            Module::Error => "error",
            Module::Zero => "zero",
        }
    }

    /// Its version in the list of targets.
    pub const fn version(self) -> Version {
        match self {
            Module::Linear => Version(1, 0, 2),
            Module::Striped => Version(1, 0, 3),
            Module::Error | Module::Zero => Version(1, 0, 0),
        }
    }
}

impl Entry {
    /// The line in a reply: with its parameters if they are asked for, and the number of the active slot, whichever
    /// slot it is in.
    pub(super) fn show(&self, params: Params, active: usize) -> Dictionary {
        let status = i32::from(active != 0);
        let mut line = Dictionary::with_capacity(5);
        line.set(keys::LENGTH, self.length)
            .set(keys::START, self.start)
            .set(keys::STATUS, status)
            .set(keys::TYPE, self.module.name());
        if let (Params::Shown, Some(params)) = (params, self.params()) {
            line.set(keys::PARAMS, Text::from(params));
        }
        line
    }

    /// What the parameters were understood as.
    fn params(&self) -> Option<Vec<u8>> {
        let mut params = match self.module {
            Module::Linear => Vec::new(),
            Module::Striped => format!("{} {}", self.legs.len(), self.chunk).into_bytes(),
            Module::Error | Module::Zero => return None,
        };
        for leg in &self.legs {
            if !params.is_empty() {
                params.push(b' ');
            }
            params.extend_from_slice(leg.path.as_bytes());
            params.extend_from_slice(format!(" {}", leg.offset).as_bytes());
        }
        Some(params)
    }

    /// The devices that it stands on, once a leg, as `deps` shows them.
    pub(super) fn deps(&self) -> impl Iterator<Item = Value> {
        self.legs.iter().map(|leg| {
            let number = match &leg.base {
                Base::Mapped(minor) => DevNo {
                    major: MAPPED_MAJOR,
                    minor: *minor,
                },
                Base::Disk(disk) => disk.number,
            };
            Value::Signed(dev_t(number).into())
        })
    }
}

/// Whether parameters are part of a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Params {
    Shown,
    Hidden,
}

/// A device number in one, as NetBSD packs it.
///
/// # Source
/// `makedev` in NetBSD's `sys/types.h`.
fn dev_t(number: DevNo) -> u32 {
    let (major, minor) = (number.major, number.minor);
    (major << 8) & 0xf_ff00 | (minor << 12) & 0xfff0_0000 | minor & 0xff
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_packed_as_netbsd_does() {
        let packed = |major, minor| dev_t(DevNo { major, minor });
        assert_eq!(packed(169, 1), 43265);
        assert_eq!(packed(197, 3), 50435);
        assert_eq!(packed(0xfff, 0xf_ffff), 0xffff_ffff);
        assert_eq!(packed(0, 0x100), 0x0010_0000);
    }
}
