//! The options of `raid`.

use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

use crate::table::{ParamError, Reason, Word};

use super::number::number_in;
use super::{Device, Group, Keyword, Reader};

/// What an array is given besides, in the order in which a table tells it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct Options {
    /// Brought up to date in any case, or in none.
    pub sync: Option<Sync>,
    /// Devices that are made anew.
    pub rebuild: Vec<u32>,
    /// Milliseconds between the cleanings of the bitmap.
    pub daemon_sleep: Option<u32>,
    /// The least speed of recovery in KiB a second.
    pub min_recovery_rate: Option<u32>,
    /// The greatest speed of recovery in KiB a second.
    pub max_recovery_rate: Option<u32>,
    /// Devices that are read only if they must.
    pub write_mostly: Vec<u32>,
    /// Sectors of writes to those that may be under way.
    pub max_write_behind: Option<u32>,
    /// Entries of the cache of stripes.
    pub stripe_cache: Option<u32>,
    /// Sectors that a bit of the bitmap stands for.
    pub region_size: Option<u32>,
    /// Copies of data in `raid10`.
    pub raid10_copies: Option<u32>,
    /// Where they lie.
    pub raid10_format: Option<Raid10Format>,
    /// `raid10` of kernels before 3.9.
    pub raid10_use_near_sets: bool,
    /// Devices more, or less.
    pub delta_disks: Option<i64>,
    /// Free sectors before the data.
    pub data_offset: Option<u64>,
    /// The device that closes the write hole.
    pub journal_dev: Option<Device>,
    /// How it is used.
    pub journal_mode: Option<JournalMode>,
}

/// Whether an array is brought up to date.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize),
    serde(rename_all = "snake_case")
)]
pub enum Sync {
    /// In any case.
    Sync,
    /// In no case.
    Nosync,
}

/// Where the copies of `raid10` lie.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize),
    serde(rename_all = "snake_case")
)]
pub enum Raid10Format {
    /// Beside each other.
    Near,
    /// In another part of the devices.
    Far,
    /// In the next row.
    Offset,
}

/// How a journal is used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize),
    serde(rename_all = "snake_case")
)]
pub enum JournalMode {
    /// It closes the write hole.
    Writethrough,
    /// It is a cache, too.
    Writeback,
}

impl Keyword for Sync {
    const WORDS: &'static [(&'static str, Sync)] =
        &[("sync", Sync::Sync), ("nosync", Sync::Nosync)];
}

impl Keyword for Raid10Format {
    const WORDS: &'static [(&'static str, Raid10Format)] = &[
        ("near", Raid10Format::Near),
        ("far", Raid10Format::Far),
        ("offset", Raid10Format::Offset),
    ];
}

impl Keyword for JournalMode {
    const WORDS: &'static [(&'static str, JournalMode)] = &[
        ("writethrough", JournalMode::Writethrough),
        ("writeback", JournalMode::Writeback),
    ];
}

impl Options {
    pub(super) fn take(
        &mut self,
        word: &Word<'_>,
        kind: &str,
        group: &mut Group,
        reader: &mut Reader<'_>,
    ) -> Result<(), ParamError> {
        const INT_MAX: u32 = 0x7fff_ffff;
        let name = word.text.to_ascii_lowercase();
        let (family, _) = kind.split_once('_').unwrap_or((kind, ""));
        let suits = match name.as_str() {
            "data_offset" => true,
            _ if family == "raid0" => false,
            "nosync" => family != "raid6",
            "write_mostly" | "max_write_behind" => family == "raid1",
            "stripe_cache" | "journal_dev" | "journal_mode" => {
                matches!(family, "raid4" | "raid5" | "raid6")
            }
            "raid10_copies" | "raid10_format" | "raid10_use_near_sets" => family == "raid10",
            _ => true,
        };
        if !suits {
            return Err(word.error(Reason::Other(alloc::format!("is not for {kind}"))));
        }
        if let Some(sync) = Sync::of(&name) {
            return match self.sync.replace(sync) {
                None => Ok(()),
                Some(_) => Err(word.error(Reason::Other(
                    "sync and nosync can stand once, and not together".into(),
                ))),
            };
        }
        if name == "region_size" {
            let word = group.value(reader, "sectors")?;
            let sectors: u32 = number_in(&word, "sectors", 0..=INT_MAX)?;
            if sectors != 0 && !sectors.is_power_of_two() {
                return Err(word.error(Reason::NotAPowerOfTwo {
                    what: "region size",
                }));
            }
            self.region_size = Some(sectors);
            return Ok(());
        }
        let mut int = |what| group.number_in(reader, what, 0..=INT_MAX);
        match name.as_str() {
            "raid10_use_near_sets" => self.raid10_use_near_sets = true,
            "rebuild" => self.rebuild.push(int("index of the device")?),
            "write_mostly" => self.write_mostly.push(int("index of the device")?),
            "daemon_sleep" => self.daemon_sleep = Some(int("milliseconds")?),
            "min_recovery_rate" => self.min_recovery_rate = Some(int("KiB a second")?),
            "max_recovery_rate" => self.max_recovery_rate = Some(int("KiB a second")?),
            "max_write_behind" => self.max_write_behind = Some(int("sectors")?),
            "stripe_cache" => self.stripe_cache = Some(int("entries")?),
            "raid10_copies" => self.raid10_copies = Some(int("number of copies")?),
            "data_offset" => self.data_offset = Some(int("sectors")?.into()),
            "raid10_format" => self.raid10_format = Some(group.keyword(reader, "format")?),
            "journal_mode" => self.journal_mode = Some(group.keyword(reader, "journal mode")?),
            "journal_dev" => self.journal_dev = Some(group.device(reader, "journal")?),
            "delta_disks" => {
                let word = group.value(reader, "number of devices more")?;
                let delta = word.text.parse().map_err(|_| {
                    word.error(Reason::NotANumber {
                        what: "number of devices more",
                    })
                })?;
                self.delta_disks = Some(delta);
            }
            _ => {
                return Err(word.unknown(
                    "option",
                    "sync, nosync, rebuild, daemon_sleep, min_recovery_rate, max_recovery_rate, \
                     write_mostly, max_write_behind, stripe_cache, region_size, raid10_copies, \
                     raid10_format, raid10_use_near_sets, delta_disks, data_offset, journal_dev, \
                     journal_mode",
                ));
            }
        }
        Ok(())
    }

    pub(super) fn clash(&self) -> Result<(), ParamError> {
        let wrong = |why: &str| Err(Reason::Other(why.into()).into());
        if self.sync.is_some() && !self.rebuild.is_empty() {
            return wrong("sync and nosync exclude rebuild");
        }
        if self.journal_mode.is_some() && self.journal_dev.is_none() {
            return wrong("journal_mode needs journal_dev");
        }
        match (self.min_recovery_rate, self.max_recovery_rate) {
            (Some(least), Some(most)) if most > 0 && least > most => {
                wrong("the min_recovery_rate is above the max_recovery_rate")
            }
            _ => Ok(()),
        }
    }

    /// Whether the options suit so many devices.
    pub(super) fn fits(&self, count: u32) -> Result<(), ParamError> {
        let mut indices = self.rebuild.iter().chain(&self.write_mostly);
        if let Some(index) = indices.find(|index| **index >= count) {
            return Err(Reason::Other(alloc::format!(
                "there is no device {index}: {count} devices are counted from 0"
            ))
            .into());
        }
        let mostly = self
            .write_mostly
            .iter()
            .collect::<alloc::collections::BTreeSet<_>>();
        if mostly.len() >= count as usize {
            return Err(Reason::Other("all devices are write_mostly".into()).into());
        }
        match self.raid10_copies {
            Some(copies) if !(2..=count).contains(&copies) => Err(Reason::OutOfRange {
                what: "number of copies",
                least: 2,
                most: count.into(),
            }
            .into()),
            _ => Ok(()),
        }
    }

    /// Each word of the options that are set.
    pub(super) fn each(&self) -> Vec<String> {
        let mut all = Vec::new();
        let mut pair = |name: &str, value: Option<&dyn fmt::Display>| {
            if let Some(value) = value {
                all.extend([String::from(name), alloc::format!("{value}")]);
            }
        };
        fn some<T: fmt::Display>(value: &Option<T>) -> Option<&dyn fmt::Display> {
            value.as_ref().map(|value| value as &dyn fmt::Display)
        }
        for index in &self.rebuild {
            pair("rebuild", Some(index));
        }
        pair("daemon_sleep", some(&self.daemon_sleep));
        pair("min_recovery_rate", some(&self.min_recovery_rate));
        pair("max_recovery_rate", some(&self.max_recovery_rate));
        for index in &self.write_mostly {
            pair("write_mostly", Some(index));
        }
        pair("max_write_behind", some(&self.max_write_behind));
        pair("stripe_cache", some(&self.stripe_cache));
        pair("region_size", some(&self.region_size));
        pair("raid10_copies", some(&self.raid10_copies));
        pair(
            "raid10_format",
            some(&self.raid10_format.map(Keyword::text)),
        );
        pair("delta_disks", some(&self.delta_disks));
        pair("data_offset", some(&self.data_offset));
        pair("journal_dev", some(&self.journal_dev));
        pair("journal_mode", some(&self.journal_mode.map(Keyword::text)));
        if self.raid10_use_near_sets {
            all.insert(0, "raid10_use_near_sets".into());
        }
        if let Some(sync) = self.sync {
            all.insert(0, sync.text().into());
        }
        all
    }
}
