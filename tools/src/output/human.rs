//! Replies as dmsetup prints them.
//!
//! # Source
//! dmsetup 1.02.185's output on real kernels, with which the guest's check `dmctl_is_as_dmsetup`
//! compares this.

use std::fmt::Write;

use dm_core::command::{DeviceInfo, TargetVersion};
use dm_core::flags::DeviceFlags;
use dm_core::names::DmName;
use dm_core::table::TableLine;
use dm_core::units::SectorCount;

use super::escape::printable;

/// Whether a line says which device it is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Naming {
    /// There is one device only.
    Unnamed,
    /// There may be several.
    Named,
}

/// What no devices look like.
pub(crate) const NO_DEVICES: &str = "No devices found\n";

/// `info`'s long form. How far is read ahead is left out where nobody knows.
pub(crate) fn info(info: &DeviceInfo, read_ahead: Option<SectorCount>) -> String {
    let flag = |flag, text| if info.flags.contains(flag) { text } else { "" };
    let state = match info.flags.contains(DeviceFlags::SUSPENDED) {
        true => "SUSPENDED",
        false => "ACTIVE",
    };
    let tables = (
        info.flags.contains(DeviceFlags::ACTIVE_PRESENT),
        info.flags.contains(DeviceFlags::INACTIVE_PRESENT),
    );
    let tables = match tables {
        (false, false) => "None",
        (true, false) => "LIVE",
        (false, true) => "INACTIVE",
        (true, true) => "LIVE & INACTIVE",
    };
    let read_only = flag(DeviceFlags::READ_ONLY, " (READ-ONLY)");
    let deferred = flag(DeviceFlags::DEFERRED_REMOVE, " (DEFERRED REMOVE)");
    let mut text = String::new();
    let mut line = |label: &str, value: &dyn std::fmt::Display| {
        // Writing to a String does not fail.
        let _ = writeln!(text, "{label:<18} {value}");
    };
    line("Name:", &printable(info.name.as_str()));
    line("State:", &format_args!("{state}{read_only}{deferred}"));
    if let Some(sectors) = read_ahead {
        line("Read Ahead:", &sectors);
    }
    line("Tables present:", &tables);
    line("Open count:", &info.open_count);
    line("Event number:", &info.event);
    line(
        "Major, minor:",
        &format_args!("{}, {}", info.number.major, info.number.minor),
    );
    line("Number of targets:", &info.target_count);
    if let Some(uuid) = &info.uuid {
        let _ = writeln!(text, "UUID: {}", printable(uuid.as_str()));
    }
    text.push('\n');
    text
}

/// `table` and `status`: one line a target; one line even if there is none.
pub(crate) fn lines(name: &DmName, naming: Naming, lines: &[TableLine]) -> String {
    let mut text = String::new();
    let prefix = prefix(name, naming);
    for line in lines {
        let TableLine {
            start,
            length,
            target,
            params,
        } = line;
        // dmsetup leaves the blank even where no parameters follow.
        let _ = writeln!(
            text,
            "{prefix}{start} {length} {target} {}",
            printable(params)
        );
    }
    if lines.is_empty() {
        let _ = writeln!(text, "{prefix}");
    }
    text
}

/// `deps`, with how each device is said.
pub(crate) fn deps(
    name: &DmName,
    naming: Naming,
    deps: impl ExactSizeIterator<Item = String>,
) -> String {
    let mut text = prefix(name, naming);
    let _ = write!(text, "{} dependencies\t:", deps.len());
    for dep in deps {
        let _ = write!(text, " ({dep})");
    }
    text.push('\n');
    text
}

/// `targets`.
pub(crate) fn targets(targets: &[TargetVersion]) -> String {
    let line =
        |kind: &TargetVersion| format!("{:<16} v{}\n", printable(kind.name.as_str()), kind.version);
    targets.iter().map(line).collect()
}

fn prefix(name: &DmName, naming: Naming) -> String {
    match naming {
        Naming::Unnamed => String::new(),
        Naming::Named => format!("{}: ", printable(name.as_str())),
    }
}

#[cfg(test)]
mod tests {
    use dm_core::devid::DevNo;
    use dm_core::names::DmUuid;

    use super::*;

    fn device(name: &str) -> DeviceInfo {
        DeviceInfo::new(
            DmName::new(name).unwrap(),
            DevNo {
                major: 253,
                minor: 0,
            },
        )
    }

    #[test]
    fn info_has_dmsetups_columns() {
        let mut shown = device("vol0");
        shown.flags = DeviceFlags::ACTIVE_PRESENT | DeviceFlags::INACTIVE_PRESENT;
        shown.flags |= DeviceFlags::SUSPENDED | DeviceFlags::READ_ONLY;
        shown.target_count = 2;
        shown.uuid = Some(DmUuid::new("LVM-x").unwrap());
        assert_eq!(
            info(&shown, Some(SectorCount(256))),
            "Name:              vol0\n\
             State:             SUSPENDED (READ-ONLY)\n\
             Read Ahead:        256\n\
             Tables present:    LIVE & INACTIVE\n\
             Open count:        0\n\
             Event number:      0\n\
             Major, minor:      253, 0\n\
             Number of targets: 2\n\
             UUID: LVM-x\n\n"
        );
        assert!(!info(&shown, None).contains("Read Ahead"));
    }

    #[test]
    fn table_without_parameters_keeps_the_blank() {
        let name = DmName::new("z").unwrap();
        let table = TableLine::parse_table("0 8 zero\n8 8 error").unwrap();
        assert_eq!(
            lines(&name, Naming::Unnamed, &table),
            "0 8 zero \n8 8 error \n"
        );
        assert_eq!(lines(&name, Naming::Named, &[]), "z: \n");
    }
}
