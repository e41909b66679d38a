//! Commands, replies and failures at random, the same on every machine.

use dm_core::command::{
    Command, Create, Dep, DeviceEntry, DeviceInfo, Geometry, ListFilter, Load, LockFs, RemoveMode,
    Reply, Secrecy, Slot, SuspendOptions, TargetVersion,
};
use dm_core::component::TableMode;
use dm_core::devid::{DevId, DevNo};
use dm_core::errno::Errno;
use dm_core::error::{DmError, ErrorKind};
use dm_core::flags::DeviceFlags;
use dm_core::names::{DmName, DmUuid, TargetName};
use dm_core::table::TableLine;
use dm_core::target::FlushMode;
use dm_core::units::{Sector, SectorCount};
use dm_core::version::Version;

/// xorshift64*.
pub(crate) struct Random(pub(crate) u64);

/// How many variants [`Random::command`] and [`Random::reply`] choose from.
pub(crate) const COMMANDS: usize = 23;
pub(crate) const REPLIES: usize = 8;

const PIECES: [&str; 20] = [
    "a",
    "z",
    "0",
    " ",
    "\t",
    "\n",
    "\r",
    "<",
    "&",
    ">",
    "\"",
    "'",
    "\\",
    "&lt;",
    "]]>",
    "<!--",
    "é",
    "漢",
    "\u{1f980}",
    "\u{1}",
];

impl Random {
    pub(crate) fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    pub(crate) fn below(&mut self, bound: usize) -> usize {
        let bound = u64::try_from(bound).expect("a small bound");
        usize::try_from((self.next() >> 32) % bound).expect("below a small bound")
    }

    pub(crate) fn chance(&mut self) -> bool {
        self.below(2) == 0
    }

    fn pick<T: Copy>(&mut self, from: &[T]) -> T {
        from[self.below(from.len())]
    }

    fn maybe<T>(&mut self, make: impl FnOnce(&mut Random) -> T) -> Option<T> {
        self.chance().then(|| make(self))
    }

    fn many<T>(&mut self, make: impl Fn(&mut Random) -> T) -> Vec<T> {
        (0..self.below(5)).map(|_| make(self)).collect()
    }

    /// A number of any width.
    fn uint64(&mut self) -> u64 {
        let shift = self.below(64);
        self.next() >> shift
    }

    fn uint32(&mut self) -> u32 {
        let shift = self.below(32);
        u32::try_from(self.next() >> 32).expect("32 bits") >> shift
    }

    /// A text of at most `limit` bytes, quite often of exactly as many.
    fn text(&mut self, limit: usize) -> String {
        let length = match self.below(4) {
            0 => limit,
            _ => self.below(limit.min(20) + 1),
        };
        let mut text = String::new();
        while text.len() < length {
            match self.pick(&PIECES) {
                piece if text.len() + piece.len() <= length => text.push_str(piece),
                _ => text.push('x'),
            }
        }
        text
    }

    /// The same, sometimes with a NUL, which a libprop string can not hold.
    fn free_text(&mut self) -> String {
        let mut text = self.text(200);
        if self.below(8) == 0 {
            text.push_str("\0behind");
        }
        text
    }

    fn name(&mut self) -> DmName {
        loop {
            if let Ok(name) = DmName::new(&self.text(127)) {
                return name;
            }
        }
    }

    fn uuid(&mut self) -> DmUuid {
        loop {
            if let Ok(uuid) = DmUuid::new(&self.text(128)) {
                return uuid;
            }
        }
    }

    fn target(&mut self) -> TargetName {
        loop {
            if let Ok(target) = TargetName::new(&self.text(15)) {
                return target;
            }
        }
    }

    fn number(&mut self) -> DevNo {
        DevNo {
            major: self.uint32(),
            minor: self.uint32(),
        }
    }

    fn version(&mut self) -> Version {
        Version(self.uint32(), self.uint32(), self.uint32())
    }

    fn device(&mut self) -> DevId {
        match self.below(3) {
            0 => self.name().into(),
            1 => self.uuid().into(),
            _ => self.number().into(),
        }
    }

    pub(crate) fn line(&mut self) -> TableLine {
        TableLine {
            start: Sector(self.uint64()),
            length: SectorCount(self.uint64()),
            target: self.target(),
            params: self.free_text(),
        }
    }

    fn flush(&mut self) -> FlushMode {
        self.pick(&[FlushMode::Flush, FlushMode::NoFlush])
    }

    fn options(&mut self) -> SuspendOptions {
        let lockfs = self.pick(&[LockFs::Freeze, LockFs::Skip]);
        SuspendOptions::new(self.flush(), lockfs)
    }

    fn slot(&mut self) -> Slot {
        self.pick(&[Slot::Active, Slot::Inactive])
    }

    fn mode(&mut self) -> RemoveMode {
        self.pick(&[
            RemoveMode::IfUnused,
            RemoveMode::Deferred,
            RemoveMode::Forced,
        ])
    }

    /// A command of the variant with that number.
    pub(crate) fn command(&mut self, variant: usize) -> Command {
        let device = self.device();
        match variant {
            0 => Command::Version,
            1 => Command::Targets,
            2 => {
                let name = self.maybe(Random::free_text).unwrap_or_default();
                let uuid = self.maybe(Random::free_text).unwrap_or_default();
                Command::List(ListFilter::ALL.name(name).uuid(uuid))
            }
            3 => {
                let mut create = Create::new(self.name());
                create.uuid = self.maybe(Random::uuid);
                create.minor = self.maybe(Random::uint32);
                Command::Create(create)
            }
            4 => Command::Remove {
                device,
                mode: self.mode(),
            },
            5 => Command::RemoveAll { mode: self.mode() },
            6 => Command::Rename {
                device,
                name: self.name(),
            },
            7 => Command::SetUuid {
                device,
                uuid: self.uuid(),
            },
            8 => {
                let mut load = Load::new(device, self.many(Random::line));
                load.mode = self.pick(&[TableMode::ReadOnly, TableMode::ReadWrite]);
                load.secrecy = self.pick(&[Secrecy::Secret, Secrecy::Open]);
                Command::Load(load)
            }
            9 => Command::Clear { device },
            10 => Command::Suspend {
                device,
                options: self.options(),
            },
            11 => Command::Resume {
                device,
                options: self.options(),
            },
            12 => Command::Info {
                device,
                slot: self.slot(),
            },
            13 => Command::Deps {
                device,
                slot: self.slot(),
            },
            14 => Command::Table {
                device,
                slot: self.slot(),
            },
            15 => Command::Status {
                device,
                slot: self.slot(),
                flush: self.flush(),
            },
            16 => Command::Wait {
                device,
                event: self.uint32(),
                flush: self.flush(),
            },
            17 => Command::Message {
                device,
                sector: Sector(self.uint64()),
                text: self.free_text(),
            },
            18 => Command::TargetVersion {
                target: self.target(),
            },
            19 => Command::Measure {
                device,
                slot: self.slot(),
            },
            20 => Command::SetGeometry {
                device,
                geometry: self.geometry(),
            },
            21 => Command::ProbePaths { device },
            _ => Command::Watch {
                known: self.uint32(),
            },
        }
    }

    fn geometry(&mut self) -> Geometry {
        let byte = |random: &mut Self| random.pick(&[0, 1, 63, 255]);
        let cylinders = self.pick(&[0, 1, 1024, 65535]);
        let (heads, sectors) = (byte(self), byte(self));
        let end = u64::from(cylinders) * u64::from(heads) * u64::from(sectors);
        let start = self.pick(&[0, end / 2, end]);
        Geometry::new(cylinders, heads, sectors, Sector(start)).expect("it starts within")
    }

    pub(crate) fn info(&mut self) -> DeviceInfo {
        let mut info = DeviceInfo::new(self.name(), self.number());
        info.uuid = self.maybe(Random::uuid);
        info.flags = DeviceFlags::from_bits_truncate(self.uint32());
        info.open_count = self.uint32();
        info.event = self.uint32();
        info.target_count = self.uint32();
        info.geometry = self.maybe(Random::geometry);
        info
    }

    fn entry(&mut self) -> DeviceEntry {
        let mut entry = DeviceEntry::new(self.name(), self.number());
        entry.uuid = self.maybe(Random::uuid);
        entry.event = self.maybe(Random::uint32);
        entry
    }

    fn dep(&mut self) -> Dep {
        Dep::new(self.number(), self.maybe(Random::free_text))
    }

    fn target_version(&mut self) -> TargetVersion {
        TargetVersion::new(self.target(), self.version())
    }

    /// A reply of the variant with that number.
    pub(crate) fn reply(&mut self, variant: usize) -> Reply {
        match variant {
            0 => Reply::Done,
            1 => Reply::Version(self.version()),
            2 => Reply::Targets(self.many(Random::target_version)),
            3 => Reply::Devices(self.many(Random::entry)),
            4 => Reply::Device(self.info()),
            5 => Reply::Deps(self.info(), self.many(Random::dep)),
            6 => Reply::Lines(self.info(), self.many(Random::line)),
            _ => Reply::Message(self.info(), self.maybe(Random::free_text)),
        }
    }

    pub(crate) fn error(&mut self, kind: ErrorKind) -> DmError {
        let mut error = match self.chance() {
            true => DmError::because(kind, self.free_text()),
            false => DmError::new(kind),
        };
        let errno = i32::try_from(self.below(140)).expect("a small number");
        error.context.errno = self.maybe(|_| Errno::from_linux(errno));
        error.context.line = self.maybe(|random| random.below(1 << 20));
        error
    }
}
