//! `clone META DEST SOURCE REGION [N FEATURES… [N SETTINGS…]]`: a device that is copied in the
//! background.

use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

use crate::table::{ParamError, Reason};
use crate::units::SectorCount;

use super::cache::{Setting, settings, writable};
use super::number::number_in;
use super::snapshot::chosen;
use super::{Device, Kind, Ratio, Reader, State, Text, words};

pub(super) const KIND: Kind = Kind::new(
    "clone",
    "a device that is copied in the background",
    |reader| Params::read(reader).map(super::Params::Clone),
)
.with_status(|reader| Status::read(reader).map(super::Status::Clone))
.with_message(|reader| Message::read(reader).map(super::Message::Clone));

/// What is copied whereto.
///
/// # Source
/// `drivers/md/dm-clone-target.c`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct Params {
    /// Where the metadata is.
    pub metadata: Device,
    /// The copy.
    pub destination: Device,
    /// What is copied.
    pub source: Device,
    /// Sectors in a region: a power of two, from 8 to 2,097,152.
    pub region: SectorCount,
    /// Nothing is copied in the background yet.
    pub no_hydration: bool,
    /// Discards do not go on to the copy.
    pub no_discard_passdown: bool,
    /// Regions that are copied at a time.
    pub hydration_threshold: Option<u32>,
    /// Regions that are copied as one.
    pub hydration_batch_size: Option<u32>,
}

/// How a clone is.
pub type Status = State<Working>;

/// How a clone at work is.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
pub struct Working {
    /// Sectors in a block of metadata.
    pub metadata_block: u32,
    /// Blocks of metadata used, of those that there are.
    pub metadata: Ratio,
    /// Sectors in a region.
    pub region: u64,
    /// Regions copied, of those that there are.
    pub hydrated: Ratio,
    /// Regions being copied.
    pub hydrating: u32,
    /// What it does besides.
    pub features: Vec<String>,
    /// Its settings.
    pub settings: Vec<Setting>,
    /// Whether the metadata can be changed.
    pub writable: bool,
    /// Fields of newer kernels.
    pub rest: Vec<String>,
}

/// What it can be told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize),
    serde(rename_all = "snake_case")
)]
#[non_exhaustive]
pub enum Message {
    /// Copies in the background.
    EnableHydration,
    /// Ends that.
    DisableHydration,
    /// How many regions are copied at a time.
    HydrationThreshold(u32),
    /// How many regions are copied as one.
    HydrationBatchSize(u32),
}

impl Params {
    /// A clone that is copied at once.
    pub fn new(
        metadata: Device,
        destination: Device,
        source: Device,
        region: SectorCount,
    ) -> Params {
        Params {
            metadata,
            destination,
            source,
            region,
            no_hydration: false,
            no_discard_passdown: false,
            hydration_threshold: None,
            hydration_batch_size: None,
        }
    }
}

impl Text for Params {
    fn read(reader: &mut Reader<'_>) -> Result<Params, ParamError> {
        let metadata = reader.device("metadata device")?;
        let destination = reader.whole("destination")?;
        let source = reader.whole("source")?;
        let word = reader.word("region size")?;
        let region: u64 = number_in(&word, "region size", 8..=2_097_152)?;
        if !region.is_power_of_two() {
            return Err(word.error(Reason::NotAPowerOfTwo {
                what: "region size",
            }));
        }
        let mut params = Params::new(metadata, destination, source, SectorCount(region));
        let mut features = reader.group("number of features", 2)?;
        while let Some(word) = features.next(reader, "feature")? {
            match word.text.to_ascii_lowercase().as_str() {
                "no_hydration" => params.no_hydration = true,
                "no_discard_passdown" => params.no_discard_passdown = true,
                _ => return Err(word.unknown("feature", "no_hydration, no_discard_passdown")),
            }
        }
        let mut settings = reader.group("number of words of settings", 4)?;
        while let Some(word) = settings.next(reader, "setting")? {
            let setting = match word.text.to_ascii_lowercase().as_str() {
                "hydration_threshold" => &mut params.hydration_threshold,
                "hydration_batch_size" => &mut params.hydration_batch_size,
                _ => {
                    return Err(
                        word.unknown("setting", "hydration_threshold, hydration_batch_size")
                    );
                }
            };
            *setting = Some(settings.number(reader, "number of regions")?);
        }
        reader.ignore_rest();
        Ok(params)
    }
}

impl fmt::Display for Params {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Params {
            metadata,
            destination,
            source,
            region,
            ..
        } = self;
        write!(f, "{metadata} {destination} {source} {region}")?;
        let features = [
            (self.no_hydration, "no_hydration"),
            (self.no_discard_passdown, "no_discard_passdown"),
        ];
        let settings = [
            (self.hydration_threshold, "hydration_threshold"),
            (self.hydration_batch_size, "hydration_batch_size"),
        ];
        let count = settings.iter().filter(|(value, _)| value.is_some()).count();
        if chosen(&features).count() + count == 0 {
            return Ok(());
        }
        write!(f, " {}", chosen(&features).count())?;
        words(f, chosen(&features))?;
        if count > 0 {
            write!(f, " {}", 2 * count)?;
        }
        let settings = settings.into_iter();
        settings
            .filter_map(|(value, name)| value.map(|value| (name, value)))
            .try_for_each(|(name, value)| write!(f, " {name} {value}"))
    }
}

impl Text for Working {
    fn read(reader: &mut Reader<'_>) -> Result<Working, ParamError> {
        Ok(Working {
            metadata_block: reader.number("sectors in a block of metadata")?,
            metadata: reader.ratio("blocks of metadata used")?,
            region: reader.number("sectors in a region")?,
            hydrated: reader.ratio("regions copied")?,
            hydrating: reader.number("regions being copied")?,
            features: reader.list("number of features", "feature")?,
            settings: settings(reader, "number of words of settings")?,
            writable: writable(reader)?,
            rest: reader.rest(),
        })
    }
}

impl fmt::Display for Working {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} {} {} {} {} {}",
            self.metadata_block,
            self.metadata,
            self.region,
            self.hydrated,
            self.hydrating,
            self.features.len(),
        )?;
        words(f, &self.features)?;
        write!(f, " {}", 2 * self.settings.len())?;
        words(f, &self.settings)?;
        f.write_str(if self.writable { " rw" } else { " ro" })?;
        words(f, &self.rest)
    }
}

impl Text for Message {
    fn read(reader: &mut Reader<'_>) -> Result<Message, ParamError> {
        let word = reader.word("message")?;
        Ok(match word.text.to_ascii_lowercase().as_str() {
            "enable_hydration" => Message::EnableHydration,
            "disable_hydration" => Message::DisableHydration,
            "hydration_threshold" => {
                Message::HydrationThreshold(reader.number("number of regions")?)
            }
            "hydration_batch_size" => {
                Message::HydrationBatchSize(reader.number("number of regions")?)
            }
            _ => {
                return Err(word.unknown(
                    "message",
                    "enable_hydration, disable_hydration, hydration_threshold, \
                     hydration_batch_size",
                ));
            }
        })
    }
}

impl fmt::Display for Message {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Message::EnableHydration => f.write_str("enable_hydration"),
            Message::DisableHydration => f.write_str("disable_hydration"),
            Message::HydrationThreshold(regions) => write!(f, "hydration_threshold {regions}"),
            Message::HydrationBatchSize(regions) => write!(f, "hydration_batch_size {regions}"),
        }
    }
}
