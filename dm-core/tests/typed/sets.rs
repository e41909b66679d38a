//! Sets of parameters that kernels are held to: `sets/TARGET` has those of one target, a line each.
//!
//! `good PARAMS` a kernel takes, `bad PARAMS` it refuses, and `taken PARAMS | REASON` it takes
//! although it is wrong. `of N` says how many sectors the lines after it map, and `from 6.12` before
//! a set that older kernels do not have it. `{0}` to `{3}` are disks of [`DISK`] sectors that begin
//! with zeroes, `{z0}` to `{z3}` zoned ones, `{u}` is the device that `under N TARGET PARAMS` makes.
//!
//! Indented lines belong to the set above them: `shows PARAMS` if the kernel shows others, `like` if
//! it adds some of its own, `tell MESSAGE` what it takes then, `suspended MESSAGE` what it takes
//! while the device is suspended, and `vary` if wrong sets are to be made of it.

use dm_core::component::OpenError;
use dm_core::errno::Errno;
use dm_core::typed::{DeviceFacts, Devices};
use dm_core::units::SectorCount;

/// Sectors of a disk.
pub(crate) const DISK: u64 = 131_072;
/// The disks, as the guest's kernels number its RAM disks.
pub(crate) const DISKS: [&str; 4] = ["1:0", "1:1", "1:2", "1:3"];
/// Sectors of a zoned disk.
pub(crate) const ZONED_DISK: u64 = 65_536;
/// The zoned disks, where no kernel has numbered them.
pub(crate) const ZONED: [&str; 4] = ["252:0", "252:1", "252:2", "252:3"];

/// The targets and their files.
pub(crate) const FILES: &[(&str, &str)] = &[
    ("linear", include_str!("sets/linear")),
    ("striped", include_str!("sets/striped")),
    ("zero", include_str!("sets/zero")),
    ("error", include_str!("sets/error")),
    ("delay", include_str!("sets/delay")),
    ("dust", include_str!("sets/dust")),
    ("flakey", include_str!("sets/flakey")),
    ("log-writes", include_str!("sets/log-writes")),
    ("snapshot", include_str!("sets/snapshot")),
    ("snapshot-merge", include_str!("sets/snapshot-merge")),
    ("snapshot-origin", include_str!("sets/snapshot-origin")),
    ("mirror", include_str!("sets/mirror")),
    ("raid", include_str!("sets/raid")),
    ("crypt", include_str!("sets/crypt")),
    ("integrity", include_str!("sets/integrity")),
    ("verity", include_str!("sets/verity")),
    ("thin-pool", include_str!("sets/thin-pool")),
    ("thin", include_str!("sets/thin")),
    ("cache", include_str!("sets/cache")),
    ("writecache", include_str!("sets/writecache")),
    ("era", include_str!("sets/era")),
    ("clone", include_str!("sets/clone")),
    ("multipath", include_str!("sets/multipath")),
    ("unstriped", include_str!("sets/unstriped")),
    ("switch", include_str!("sets/switch")),
    ("zoned", include_str!("sets/zoned")),
    ("vdo", include_str!("sets/vdo")),
];

/// The sets of one target.
#[derive(Debug, Default)]
pub(crate) struct Sets {
    /// The device below, which `{u}` stands for.
    pub(crate) under: Option<Set>,
    /// What a kernel takes.
    pub(crate) good: Vec<Set>,
    /// What it refuses.
    pub(crate) bad: Vec<Set>,
    /// What it takes although it is wrong.
    pub(crate) taken: Vec<Set>,
}

/// One set of parameters.
#[derive(Clone, Debug, Default)]
pub(crate) struct Set {
    /// The target of the device below.
    pub(crate) target: String,
    /// Sectors that the line maps.
    pub(crate) length: u64,
    /// The first kernel that takes it.
    pub(crate) from: Option<String>,
    /// As a table line has it.
    pub(crate) params: String,
    /// What the kernel shows, if it is known and other than that.
    pub(crate) shown: Option<String>,
    /// The kernel adds words of its own.
    pub(crate) like: bool,
    /// Wrong ones are made of it.
    pub(crate) vary: bool,
    /// Messages, and whether the device is suspended when they come.
    pub(crate) messages: Vec<(bool, String)>,
}

/// Reads a target's file.
pub(crate) fn read(text: &str, over: impl Fn(&str) -> String) -> Sets {
    let mut sets = Sets::default();
    let mut length = 65_536;
    let mut last = Last::None;
    let lines = text.lines().filter(|line| !line.starts_with('#'));
    for line in lines {
        let detail = line.strip_prefix("  ");
        let line = detail.unwrap_or(line);
        let (word, rest) = line.split_once(' ').unwrap_or((line, ""));
        if detail.is_some() {
            let set = match last {
                Last::Good => sets.good.last_mut(),
                Last::Under => sets.under.as_mut(),
                Last::None => None,
            };
            let set = set.unwrap_or_else(|| panic!("{line:?} belongs to no set"));
            match word {
                "shows" => set.shown = Some(over(rest)),
                "like" => set.like = true,
                "vary" => set.vary = true,
                "tell" => set.messages.push((false, over(rest))),
                "suspended" => set.messages.push((true, over(rest))),
                _ => panic!("{line:?}"),
            }
            continue;
        }
        let (from, word, rest) = match word {
            "from" => {
                let mut words = rest.splitn(3, ' ');
                let mut next = || words.next().unwrap_or_default();
                (Some(next().to_owned()), next(), next())
            }
            _ => (None, word, rest),
        };
        let set = |params: &str| Set {
            length,
            from: from.clone(),
            params: over(params),
            ..Set::default()
        };
        match word {
            "of" => length = rest.parse().expect("a number of sectors"),
            "good" => {
                sets.good.push(set(rest));
                last = Last::Good;
            }
            "bad" => sets.bad.push(set(rest)),
            "taken" => {
                let (params, _reason) = rest.split_once(" | ").expect("a reason");
                sets.taken.push(set(params));
            }
            "under" => {
                let mut words = rest.splitn(3, ' ');
                let mut next = || words.next().unwrap_or_default();
                let length = next().parse().expect("a number of sectors");
                let target = next().to_owned();
                sets.under = Some(Set {
                    target,
                    length,
                    ..set(next())
                });
                last = Last::Under;
            }
            _ => panic!("{line:?}"),
        }
    }
    sets
}

/// What the indented lines belong to.
enum Last {
    None,
    Good,
    Under,
}

/// Puts devices in the places of their names in a file.
pub(crate) fn over(under: &str) -> impl Fn(&str) -> String {
    let under = under.to_owned();
    move |text| {
        let disks = DISKS.iter().enumerate();
        let text = disks.fold(text.to_owned(), |text, (at, disk)| {
            text.replace(&format!("{{{at}}}"), disk)
        });
        let zoned = ZONED.iter().enumerate();
        let text = zoned.fold(text, |text, (at, disk)| {
            text.replace(&format!("{{z{at}}}"), disk)
        });
        text.replace("{u}", &under)
    }
}

/// What there is: the disks, and the device on them.
pub(crate) struct Disks<'a> {
    /// The device on them, and its sectors.
    pub(crate) under: (&'a str, u64),
    /// The zoned disks.
    pub(crate) zoned: &'a [String],
}

impl Devices for Disks<'_> {
    fn device(&mut self, name: &str) -> Result<Option<DeviceFacts>, OpenError> {
        let size = match name {
            disk if DISKS.contains(&disk) => DISK,
            under if under == self.under.0 => self.under.1,
            zoned if self.zoned.iter().any(|disk| disk == zoned) => ZONED_DISK,
            _ => {
                return Err(OpenError::new(
                    Errno::ENXIO,
                    format!("{name}: no such device"),
                ));
            }
        };
        Ok(Some(DeviceFacts {
            size: SectorCount(size),
            logical_block: 512,
        }))
    }
}

/// Wrong sets, and some that may be right, made of a good one: without a word, with one more, with
/// another one in its place.
pub(crate) fn variations(set: &Set) -> Vec<Set> {
    let words: Vec<&str> = set.params.split(' ').collect();
    let mut made = Vec::new();
    let mut make = |words: &[&str], length| {
        made.push(Set {
            length,
            from: set.from.clone(),
            params: words.join(" "),
            ..Set::default()
        });
    };
    for end in 0..words.len() {
        make(&words[..end], set.length);
    }
    for more in ["0", "x"] {
        make(&[&words[..], &[more]].concat(), set.length);
    }
    for at in 0..words.len() {
        let (before, after) = (&words[..at], &words[at + 1..]);
        make(&[before, after].concat(), set.length);
        make(
            &[before, &words[at..=at], &words[at..]].concat(),
            set.length,
        );
        let near = words[at]
            .parse::<u64>()
            .map(|number| [number.wrapping_add(1), number.wrapping_sub(1)].map(|n| n.to_string()));
        let others: &[&str] = match &near {
            Ok([more, less]) => &[
                more,
                less,
                "0",
                "x",
                "-1",
                "1x",
                "0x10",
                "99999999",
                "4294967296",
                "18446744073709551616",
            ],
            Err(_) => &["240:99", "nonsense", "-", "0"],
        };
        for other in others {
            make(&[before, &[*other], after].concat(), set.length);
        }
    }
    for length in [set.length + 1, set.length * 4096 + 8] {
        make(&words, length);
    }
    made
}
