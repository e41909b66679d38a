//! What a row is made of.

use dm_core::command::{Dep, DeviceInfo};
use dm_core::units::SectorCount;

use crate::stack::Stack;
use crate::stats::Area;

/// What a row is made of. A report's groups say which parts it needs.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Object<'a> {
    /// A device.
    pub(crate) info: Option<&'a DeviceInfo>,
    /// How far is read ahead on it.
    pub(crate) read_ahead: Option<SectorCount>,
    /// What its table stands on.
    pub(crate) deps: &'a [Dep],
    /// The devices that there are.
    pub(crate) stack: Option<&'a Stack>,
    /// The parts of its name.
    pub(crate) name: Option<&'a LvmName>,
    /// An area whose requests are counted.
    pub(crate) area: Option<&'a Area>,
}

/// The parts of a name of LVM2's.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct LvmName {
    /// Whose name it is.
    pub(crate) subsystem: String,
    /// The volume group.
    pub(crate) group: String,
    /// The logical volume.
    pub(crate) volume: String,
    /// The layer below it, if it is one.
    pub(crate) layer: String,
}

impl LvmName {
    /// The parts of a device's name; whose it is, the uuid says up to its first `-`.
    pub(crate) fn of(info: &DeviceInfo) -> LvmName {
        let uuid = info.uuid.as_ref().map_or("", |uuid| uuid.as_str());
        let subsystem = uuid.split_once('-').map_or("", |(before, _)| before);
        LvmName::new(subsystem, info.name.as_str())
    }

    /// The parts of a name of that subsystem's: `-` between them, `--` for one within.
    pub(crate) fn new(subsystem: &str, name: &str) -> LvmName {
        let mut parts = [String::new(), String::new(), String::new()];
        if subsystem == "LVM" {
            let (mut at, mut rest) = (0, name);
            while let Some(letter) = rest.chars().next() {
                rest = match rest.strip_prefix("--") {
                    Some(rest) => {
                        parts[at].push('-');
                        rest
                    }
                    // What comes behind the third part is nobody's.
                    None if letter == '-' && at == 2 => break,
                    None if letter == '-' => {
                        at += 1;
                        &rest[1..]
                    }
                    None => {
                        parts[at].push(letter);
                        &rest[letter.len_utf8()..]
                    }
                };
            }
        }
        let [group, volume, layer] = parts;
        LvmName {
            subsystem: subsystem.into(),
            group,
            volume,
            layer,
        }
    }
}
