//! Devices that stand on each other, which the driver does not look at.

use std::collections::BTreeSet;

use dm_core::command::{Command, DeviceInfo, Slot};
use dm_core::devid::DevId;
use dm_core::errno::Errno;
use dm_core::error::{DmError, ErrorKind};
use dm_core::table::{Reason, TableError, TableLine, Word, Words};
use dm_proto::netbsd::client;

use crate::backend::NetBsd;
use crate::outcome::wrong;
use crate::sys::Sys;

impl<S: Sys> NetBsd<S> {
    /// Refuses a table whose device would stand on itself: a request to it would never end, and overflow the kernel's
    /// stack (quirk 17).
    pub(crate) fn check_stack(
        &self,
        device: &DeviceInfo,
        lines: &[TableLine],
    ) -> Result<(), DmError> {
        for (at, line) in lines.iter().enumerate() {
            for path in paths(line) {
                let below = self.sys.block_device(path.text.as_ref().as_ref());
                let Some(below) = below.filter(|below| below.major == device.number.major) else {
                    continue;
                };
                if self.reaches(below.minor, device.number.minor)? {
                    let error = path.error(Reason::Cycle);
                    return Err(TableError::at(at + 1, line, error).into());
                }
            }
        }
        Ok(())
    }

    /// Refuses if something uses the device. That of a raw node's users can not be seen.
    pub(crate) fn check_unused(&self, device: &DeviceInfo) -> Result<(), DmError> {
        let busy = |reason: String| Err(DmError::because(ErrorKind::Busy, reason));
        if device.open_count > 0 {
            return busy(format!("{} requests are under way", device.open_count));
        }
        for other in self.list()? {
            if other.number != device.number
                && self
                    .below(other.number.minor)?
                    .contains(&device.number.minor)
            {
                return busy(format!("{} stands on it", other.name));
            }
        }
        match self.sys.try_open(&self.nodes.block(&device.name)) {
            Err(Errno::EBUSY) => busy("it is mounted, or its block node is open".into()),
            // Without a node, or what it is to open one, nobody has it open by that.
            _ => Ok(()),
        }
    }

    /// Whether `upper` is `lower`, or a table of it leads there.
    fn reaches(&self, upper: u32, lower: u32) -> Result<bool, DmError> {
        let (mut seen, mut todo) = (BTreeSet::new(), vec![upper]);
        while let Some(minor) = todo.pop() {
            if minor == lower {
                return Ok(true);
            }
            if seen.insert(minor) {
                todo.extend(self.below(minor)?);
            }
        }
        Ok(false)
    }

    /// The minor numbers of the mapped devices that a device's tables, both of them, stand on. None if it is gone.
    fn below(&self, minor: u32) -> Result<BTreeSet<u32>, DmError> {
        let major = self.majors()?.block;
        let mut below = BTreeSet::new();
        for slot in [Slot::Active, Slot::Inactive] {
            let device = DevId::Number(dm_core::devid::DevNo { major, minor });
            let reply = match self.obeyed(&Command::Deps { device, slot }) {
                Err(error) if error.kind == ErrorKind::NotFound => continue,
                other => other?,
            };
            let deps = client::deps(&reply).map_err(wrong)?;
            let mapped = deps.iter().filter(|dep| dep.number.major == major);
            below.extend(mapped.map(|dep| dep.number.minor));
        }
        Ok(below)
    }
}

/// The devices that a line names, as far as its target is known here.
pub(crate) fn paths(line: &TableLine) -> Vec<Word<'_>> {
    let mut words = Words::new(&line.params);
    let mut skip = match line.target.as_str() {
        "linear" => 0,
        "striped" => 2,
        _ => return Vec::new(),
    };
    let mut paths = Vec::new();
    while let Ok(word) = words.next("device") {
        match skip {
            0 => {
                paths.push(word);
                // Its offset.
                skip = 1;
            }
            _ => skip -= 1,
        }
    }
    paths
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn devices_of_a_line_are_found() {
        let found = |line: &str| {
            let line: TableLine = line.parse().unwrap();
            let words = paths(&line).into_iter();
            words.map(|word| word.text.into_owned()).collect::<Vec<_>>()
        };
        assert_eq!(found("0 8 linear /dev/wd0a 5"), ["/dev/wd0a"]);
        let two = "0 32 striped 2 16 /dev/wd0a 0 /dev/wd1a 64";
        assert_eq!(found(two), ["/dev/wd0a", "/dev/wd1a"]);
        assert_eq!(found("0 8 zero"), [""; 0]);
    }
}
