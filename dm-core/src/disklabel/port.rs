//! The ports of NetBSD, and where each keeps its disklabel.

use core::fmt;
use core::str::FromStr;

use crate::units::{Sector, SectorCount};

use super::label::ByteOrder;
use super::policy::Unknown;

/// A port of NetBSD, as far as its disklabels differ.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
#[allow(missing_docs)] // the names say it
pub enum Port {
    I386,
    Amd64,
    Arm,
    Aarch64,
    Riscv,
    Evbppc,
    /// Boards of evbppc that boot without an MBR.
    EvbppcNoMbr,
    Evbmips,
    Sparc,
    Sparc64,
}

/// Where a label lies within a disk, or within the MBR partition that has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Place {
    /// The sector, from the start of the disk or of the partition.
    pub sector: Sector,
    /// Bytes from the sector's start on.
    pub offset: usize,
}

/// What a port's `machine/disklabel.h` says.
struct Row {
    port: Port,
    name: &'static str,
    place: Place,
    mbr: bool,
    partitions: usize,
    raw: u8,
    /// The orders in which its processors run; a new label has the first.
    orders: &'static [ByteOrder],
    reserved: SectorCount,
}

const SECTOR_1: Place = Place {
    sector: Sector(1),
    offset: 0,
};
const BYTE_64: Place = Place {
    sector: Sector(0),
    offset: 64,
};
const BYTE_128: Place = Place {
    sector: Sector(0),
    offset: 128,
};
const LITTLE: &[ByteOrder] = &[ByteOrder::Little];
const BIG: &[ByteOrder] = &[ByteOrder::Big];
const EITHER: &[ByteOrder] = &[ByteOrder::Little, ByteOrder::Big];

/// A boot sector and the label, or both in one sector and one to spare.
const TWO: SectorCount = SectorCount(2);
/// 63 sectors for the boot loader, and 2.
const SIXTY_FIVE: SectorCount = SectorCount(65);

#[rustfmt::skip]
const PORTS: &[Row] = &[
    Row { port: Port::I386, name: "i386", place: SECTOR_1, mbr: true, partitions: 16, raw: 3, orders: LITTLE, reserved: SIXTY_FIVE },
    Row { port: Port::Amd64, name: "amd64", place: SECTOR_1, mbr: true, partitions: 16, raw: 3, orders: LITTLE, reserved: SIXTY_FIVE },
    Row { port: Port::Arm, name: "arm", place: SECTOR_1, mbr: true, partitions: 16, raw: 2, orders: EITHER, reserved: TWO },
    Row { port: Port::Aarch64, name: "aarch64", place: SECTOR_1, mbr: true, partitions: 16, raw: 2, orders: EITHER, reserved: TWO },
    Row { port: Port::Riscv, name: "riscv", place: SECTOR_1, mbr: true, partitions: 16, raw: 2, orders: LITTLE, reserved: TWO },
    Row { port: Port::Evbppc, name: "evbppc", place: SECTOR_1, mbr: true, partitions: 16, raw: 2, orders: BIG, reserved: TWO },
    Row { port: Port::EvbppcNoMbr, name: "evbppc-nombr", place: BYTE_64, mbr: false, partitions: 16, raw: 2, orders: BIG, reserved: TWO },
    Row { port: Port::Evbmips, name: "evbmips", place: BYTE_64, mbr: false, partitions: 16, raw: 2, orders: EITHER, reserved: TWO },
    Row { port: Port::Sparc, name: "sparc", place: BYTE_128, mbr: false, partitions: 8, raw: 2, orders: BIG, reserved: TWO },
    Row { port: Port::Sparc64, name: "sparc64", place: BYTE_128, mbr: false, partitions: 8, raw: 2, orders: BIG, reserved: TWO },
];

impl Port {
    /// Every port.
    pub const ALL: [Port; 10] = [
        Port::I386,
        Port::Amd64,
        Port::Arm,
        Port::Aarch64,
        Port::Riscv,
        Port::Evbppc,
        Port::EvbppcNoMbr,
        Port::Evbmips,
        Port::Sparc,
        Port::Sparc64,
    ];

    /// The port of the machine that this was built for. One that NetBSD does not run on counts as
    /// amd64, whose rule is the strictest.
    pub const HOST: Port = if cfg!(target_arch = "x86") {
        Port::I386
    } else if cfg!(target_arch = "arm") {
        Port::Arm
    } else if cfg!(target_arch = "aarch64") {
        Port::Aarch64
    } else if cfg!(any(target_arch = "riscv32", target_arch = "riscv64")) {
        Port::Riscv
    } else if cfg!(target_arch = "powerpc") {
        Port::Evbppc
    } else if cfg!(any(target_arch = "mips", target_arch = "mips64")) {
        Port::Evbmips
    } else if cfg!(target_arch = "sparc") {
        Port::Sparc
    } else if cfg!(target_arch = "sparc64") {
        Port::Sparc64
    } else {
        Port::Amd64
    };

    fn row(self) -> &'static Row {
        // The enum's order is the table's, which a test checks.
        &PORTS[self as usize]
    }

    /// As `--port` says it.
    pub fn name(self) -> &'static str {
        self.row().name
    }

    /// Where its label lies.
    pub fn place(self) -> Place {
        self.row().place
    }

    /// Whether its label lies in the NetBSD partition of an MBR, if there is one.
    pub fn uses_mbr(self) -> bool {
        self.row().mbr
    }

    /// The most partitions that its label has.
    pub fn partitions_max(self) -> usize {
        self.row().partitions
    }

    /// The partition that is the whole disk, counted from 0.
    pub fn raw_partition(self) -> u8 {
        self.row().raw
    }

    /// The byte order of a label that is made for it.
    pub fn order(self) -> ByteOrder {
        self.row().orders[0]
    }

    /// Whether it can have written a label in that place and order.
    pub fn writes(self, place: Place, order: ByteOrder) -> bool {
        self.place() == place && self.row().orders.contains(&order)
    }

    /// How many sectors at a disk's start are not for mapped devices.
    ///
    /// # Source
    /// dm(4): 65 on i386, of which 63 are for booting, and 2 elsewhere.
    pub fn reserved(self) -> SectorCount {
        self.row().reserved
    }

    /// The port that a label tells: the host's if that can have written it, else the one with the
    /// strictest rule.
    pub fn of_label(place: Place, order: ByteOrder) -> Option<Port> {
        if Port::HOST.writes(place, order) {
            return Some(Port::HOST);
        }
        let writers = Port::ALL
            .into_iter()
            .filter(|port| port.writes(place, order));
        // The first of those that reserve the same.
        writers.rev().max_by_key(|port| port.reserved())
    }
}

impl Place {
    /// Every place where a port keeps its label.
    pub const ALL: [Place; 3] = [SECTOR_1, BYTE_64, BYTE_128];
}

impl fmt::Display for Port {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Port {
    type Err = Unknown;

    fn from_str(text: &str) -> Result<Port, Unknown> {
        let row = PORTS.iter().find(|row| row.name == text);
        row.map(|row| row.port).ok_or(Unknown(
            "i386, amd64, arm, aarch64, riscv, evbppc, evbppc-nombr, evbmips, sparc or sparc64",
        ))
    }
}

#[cfg(test)]
mod tests {
    use alloc::string::ToString;

    use super::*;

    #[test]
    fn each_port_has_its_row_and_reads_back() {
        assert_eq!(PORTS.len(), Port::ALL.len());
        let names = "".parse::<Port>().unwrap_err().to_string();
        for port in Port::ALL {
            assert_eq!(port.row().port, port);
            assert_eq!(port.name().parse(), Ok(port));
            assert!(names.contains(port.name()));
            assert!(port.writes(port.place(), port.order()));
            assert!(Place::ALL.contains(&port.place()));
            let of_label = Port::of_label(port.place(), port.order()).unwrap();
            assert!(of_label.writes(port.place(), port.order()));
            assert!(of_label == Port::HOST || of_label.reserved() >= port.reserved());
        }
    }

    #[test]
    fn only_x86_keeps_a_track_free() {
        for port in Port::ALL {
            let x86 = matches!(port, Port::I386 | Port::Amd64);
            assert_eq!(port.reserved().0, if x86 { 65 } else { 2 });
        }
    }
}
