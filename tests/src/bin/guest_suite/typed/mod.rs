//! Typed parameters, status and messages, held to the kernel's.

use std::collections::BTreeMap;

use dm_core::client::Dm;
use dm_core::command::{Create, Load, RemoveMode, Slot, SuspendOptions};
use dm_core::devid::DevId;
use dm_core::error::DmError;
use dm_core::names::DmName;
use dm_core::table::{ParamError, TableLine};
use dm_core::typed::{Kind, Reader};
use dm_core::version::Version;
use dm_linux::Linux;

mod good;
mod ground;
#[path = "../../../../../dm-core/tests/typed/rows.rs"]
mod rows;
#[path = "../../../../../dm-core/tests/typed/sets.rs"]
mod sets;
mod wrong;

pub(crate) use self::good::parameters_are_the_kernels;
pub(crate) use self::wrong::{
    kernel_refuses_what_we_refuse, more_wrong_sets_are_wrong_to_both, wrong_sets_are_wrong_to_both,
};

use self::ground::{Zoned, format_vdo};
use self::sets::{DISK, DISKS, Disks, Set, Sets, ZONED};
use crate::kernel::has_codes;
use crate::processors::Second;

/// The kernel, and what it has.
struct Kernel {
    dm: Dm<Linux>,
    /// Such as `6.12`.
    series: (u32, u32),
    targets: BTreeMap<String, Version>,
}

impl Kernel {
    fn open() -> Result<Kernel, String> {
        let dm = Dm::new(Linux::open().map_err(|error| error.report())?);
        let targets = dm.targets().map_err(|error| error.report())?;
        let release = std::fs::read_to_string("/proc/sys/kernel/osrelease")
            .map_err(|error| format!("osrelease: {error}"))?;
        Ok(Kernel {
            dm,
            series: series(&release).ok_or("the kernel's release has no numbers")?,
            targets: targets
                .into_iter()
                .map(|target| (target.name.as_str().to_owned(), target.version))
                .collect(),
        })
    }

    /// Whether sets like this one are for newer kernels alone, or for those with codes.
    fn lacks(&self, set: &Set) -> bool {
        let from = set.from.as_deref().and_then(series);
        from.is_some_and(|from| self.series < from)
            || (set.params.contains(" fec_roots ") && !has_codes())
    }

    fn version(&self, target: &str) -> Option<Version> {
        self.targets.get(target).copied()
    }
}

fn series(release: &str) -> Option<(u32, u32)> {
    let mut numbers = release
        .split(['.', '-', '\n'])
        .map(|part| part.parse().ok());
    Some((numbers.next()??, numbers.next()??))
}

/// What a target's sets stand on, which goes with the value.
struct Below<'a> {
    ground: Ground<'a>,
    /// The number of the device on the disks, as a word, and its sectors.
    under: (String, u64),
    /// The numbers of the zoned disks.
    zoned: Vec<String>,
}

enum Ground<'a> {
    /// Empty disks.
    Disks,
    /// A device on the disks.
    Device { _goes_with_the_value: Device<'a> },
    /// Zoned disks.
    Zoned(Zoned),
    /// Disks with a volume each; their threads can wait for each other for ever on one processor.
    Volumes { _both: Second },
}

impl<'a> Below<'a> {
    fn new(kernel: &'a Kernel, target: &str, text: &str) -> Result<Below<'a>, String> {
        let mut below = Below {
            ground: Ground::Disks,
            under: ("none".to_owned(), 0),
            zoned: ZONED.map(str::to_owned).into(),
        };
        match target {
            "zoned" => {
                let zoned = Zoned::new()?;
                below.zoned = zoned.numbers();
                below.ground = Ground::Zoned(zoned);
            }
            "vdo" => {
                let _both = Second::awake()?;
                below.ground = Ground::Volumes { _both };
            }
            _ => {}
        }
        let Some(set) = sets::read(text, sets::over("none")).under else {
            return Ok(below);
        };
        wipe(&set.params, ALL)?;
        let device = Device::new(kernel, "below").map_err(|error| error.report())?;
        device.activate(&line(&set.target, set.length, &set.params)?)?;
        for (_, message) in &set.messages {
            device.tell(message)?;
        }
        let info = kernel.dm.info(device.id.clone(), Slot::Active);
        let number = info.map_err(|error| error.report())?.number;
        below.under = (number.to_string(), set.length);
        below.ground = Ground::Device {
            _goes_with_the_value: device,
        };
        Ok(below)
    }

    fn sets(&self, text: &str) -> Sets {
        let over = sets::over(&self.under.0);
        sets::read(text, |text| match &self.ground {
            Ground::Zoned(zoned) => over(&zoned.over(text)),
            _ => over(text),
        })
    }

    fn disks(&self) -> Disks<'_> {
        Disks {
            under: (&self.under.0, self.under.1),
            zoned: &self.zoned,
        }
    }

    /// Makes the disks of a set ready for it: empty, or formatted where a kernel takes no others.
    fn prepare(&self, set: &Set) -> Result<(), String> {
        match &self.ground {
            Ground::Device { .. } => Ok(()),
            Ground::Disks => wipe(&set.params, ALL),
            Ground::Zoned(zoned) => zoned.format(&set.params),
            Ground::Volumes { .. } => {
                let disk = set.params.split(' ').nth(1).and_then(node);
                let disk = disk.ok_or_else(|| format!("{}: no disk", set.params))?;
                format_vdo(&disk, DISK / 8, set.length / 8)
            }
        }
    }
}

/// Bytes at a disk's start in which targets of right sets look for their metadata.
const ALL: usize = 1 << 20;

/// The node of a disk.
fn node(number: &str) -> Option<String> {
    let at = DISKS.iter().position(|disk| *disk == number)?;
    Some(format!("/dev/ram{at}"))
}

/// Makes the disks that a line names begin with zeroes again: a target would find metadata there.
fn wipe(params: &str, bytes: usize) -> Result<(), String> {
    let zeroes = vec![0; bytes];
    for (at, disk) in DISKS.iter().enumerate() {
        if params.contains(disk) {
            crate::shell::write_at(&format!("/dev/ram{at}"), 0, &zeroes)?;
        }
    }
    Ok(())
}

/// A kernel's device that goes with the value.
struct Device<'a> {
    kernel: &'a Kernel,
    id: DevId,
}

impl<'a> Device<'a> {
    fn new(kernel: &'a Kernel, name: &str) -> Result<Device<'a>, DmError> {
        let name = DmName::new(name).expect("it is a name");
        kernel.dm.create(Create::new(name.clone()))?;
        Ok(Device {
            kernel,
            id: DevId::from(name),
        })
    }

    fn load(&self, line: &TableLine) -> Result<(), DmError> {
        let load = Load::new(self.id.clone(), vec![line.clone()]);
        self.kernel.dm.load(match line.target.as_str() {
            "verity" => load.read_only(),
            _ => load,
        })?;
        Ok(())
    }

    fn activate(&self, line: &TableLine) -> Result<(), String> {
        self.load(line).map_err(|error| error.report())?;
        self.resume()
    }

    fn resume(&self) -> Result<(), String> {
        let resumed = self
            .kernel
            .dm
            .resume(self.id.clone(), SuspendOptions::default());
        resumed.map(|_| ()).map_err(|error| error.report())
    }

    fn suspend(&self) -> Result<(), String> {
        let suspended = self
            .kernel
            .dm
            .suspend(self.id.clone(), SuspendOptions::default());
        suspended.map(|_| ()).map_err(|error| error.report())
    }

    fn tell(&self, message: &str) -> Result<Option<String>, String> {
        let sector = dm_core::units::Sector::ZERO;
        self.kernel
            .dm
            .message(self.id.clone(), sector, message.to_owned())
            .map_err(|error| format!("{message}: {}", error.report()))
    }
}

impl Drop for Device<'_> {
    fn drop(&mut self) {
        let removed = self
            .kernel
            .dm
            .remove(self.id.clone(), RemoveMode::default());
        if let Err(error) = removed {
            println!("the device stays: {}", error.report());
        }
    }
}

fn line(target: &str, length: u64, params: &str) -> Result<TableLine, String> {
    let line = format!("0 {length} {target} {params}");
    line.parse().map_err(|error| format!("{line}: {error}"))
}

/// Whether a target is asked for: `DM_GUEST_APPEND=DM_TYPED=raid,mirror` asks for two.
fn is_asked(target: &str) -> bool {
    let asked = std::env::var("DM_TYPED").unwrap_or_default();
    asked.is_empty() || asked.split(',').any(|asked| asked == target)
}

/// Whether we take a set, with all that is known of the kernel and of the disks.
fn check(kernel: &Kernel, below: &Below<'_>, kind: &Kind, set: &Set) -> Result<(), ParamError> {
    let mut disks = below.disks();
    let length = dm_core::units::SectorCount(set.length);
    let mut reader = Reader::new(&set.params).mapping(length).over(&mut disks);
    if let Some(version) = kernel.version(kind.name) {
        reader = reader.for_version(version);
    }
    kind.params(reader).map(|_| ())
}

/// What the kernel logged last, which says why it refused something.
fn logged() -> String {
    let words = crate::shell::run("dmesg").unwrap_or_default();
    let lines: Vec<&str> = words.lines().rev().take(6).collect();
    lines.into_iter().rev().collect::<Vec<_>>().join(" | ")
}
