//! `snapshot ORIGIN COW P|PO|N CHUNK [N FEATURES…]`, `snapshot-merge` and `snapshot-origin ORIGIN`.

use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

use crate::table::{ParamError, Reason};
use crate::units::SectorCount;

use super::{Device, Keyword, Kind, Ratio, Reader, Text, words};

pub(super) const KIND: Kind = Kind::new(
    "snapshot",
    "a device as it was, and what was written to it since",
    |reader| Params::read(reader).map(super::Params::Snapshot),
)
.with_status(|reader| Status::read(reader).map(super::Status::Snapshot));

pub(super) const MERGE_KIND: Kind = Kind::new(
    "snapshot-merge",
    "a snapshot that is written back to its origin",
    |reader| {
        let params = Params::read(reader)?;
        match params.store {
            Store::Transient => {
                Err(Reason::Other("a store of kind N can not be merged".into()).into())
            }
            _ => Ok(super::Params::SnapshotMerge(params)),
        }
    },
)
.with_status(|reader| Status::read(reader).map(super::Status::Snapshot));

pub(super) const ORIGIN_KIND: Kind = Kind::new(
    "snapshot-origin",
    "a device whose snapshots keep what is overwritten",
    |reader| OriginParams::read(reader).map(super::Params::SnapshotOrigin),
);

/// The most sectors in a chunk, of which a driver counts the bytes in 31 bits.
///
/// # Source
/// `dm_exception_store_set_chunk_size` in `drivers/md/dm-exception-store.c`.
const CHUNK_MAX: u32 = 0x7fff_ffff >> 9;

/// A snapshot, or the merge of one.
///
/// # Source
/// `drivers/md/dm-snap.c` and `dm-exception-store.c`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct Params {
    /// The device that it is a snapshot of.
    pub origin: Device,
    /// Where the differences are.
    pub cow: Device,
    /// Whether they outlive the device.
    pub store: Store,
    /// Sectors that are copied at a time: a power of two; 0 for what the store's header says.
    pub chunk: SectorCount,
    /// A discard of a whole chunk makes it zeroes.
    pub discard_zeroes_cow: bool,
    /// Discards go on to the origin. Needs `discard_zeroes_cow`.
    pub discard_passdown_origin: bool,
}

/// An origin.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
pub struct OriginParams {
    /// The device.
    pub origin: Device,
}

/// Whether a snapshot's differences outlive the device.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize),
    serde(rename_all = "snake_case")
)]
pub enum Store {
    /// They do.
    Persistent,
    /// They do, and a full store is told from a broken one.
    PersistentOverflow,
    /// They do not.
    Transient,
}

/// How a snapshot is.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize),
    serde(rename_all = "snake_case")
)]
#[non_exhaustive]
pub enum Status {
    /// Its store broke, or is full: it is lost.
    Invalid,
    /// Its merge failed.
    MergeFailed,
    /// Its store is full.
    Overflow,
    /// It can not be known.
    Unknown,
    /// How full the store is.
    Usage {
        /// Sectors allocated, of those that there are.
        allocated: Ratio,
        /// Sectors of metadata among them.
        metadata: u64,
        /// Fields of newer kernels.
        rest: Vec<String>,
    },
}

impl Keyword for Store {
    const WORDS: &'static [(&'static str, Store)] = &[
        ("P", Store::Persistent),
        ("PO", Store::PersistentOverflow),
        ("N", Store::Transient),
    ];
}

impl Params {
    /// A snapshot without features.
    pub fn new(origin: Device, cow: Device, store: Store, chunk: SectorCount) -> Params {
        Params {
            origin,
            cow,
            store,
            chunk,
            discard_zeroes_cow: false,
            discard_passdown_origin: false,
        }
    }
}

impl Text for Params {
    fn read(reader: &mut Reader<'_>) -> Result<Params, ParamError> {
        let origin = reader.whole("origin")?;
        let cow_word = reader.peek();
        let cow = reader.device("device for the differences")?;
        if origin == cow {
            return Err(Reason::Other(alloc::format!(
                "{:?} can not be both the origin and the store",
                cow_word.unwrap_or_default()
            ))
            .into());
        }
        let word = reader.word("store: P, PO or N")?;
        // The kernel looks at the first letter, and at the second of a store that persists.
        let letters = word.text.to_ascii_uppercase();
        let store = match letters.as_bytes() {
            [b'P'] => Store::Persistent,
            [b'P', b'O', ..] => Store::PersistentOverflow,
            [b'N', ..] => Store::Transient,
            _ => return Err(word.unknown("store", Store::list())),
        };
        let word = reader.word("chunk size")?;
        let chunk: u32 = super::number::number(&word, "chunk size")?;
        if chunk != 0 && !chunk.is_power_of_two() {
            return Err(word.error(Reason::NotAPowerOfTwo { what: "chunk size" }));
        }
        if chunk > CHUNK_MAX {
            return Err(word.error(Reason::TooLarge {
                what: "chunk size",
                limit: CHUNK_MAX.into(),
            }));
        }
        let mut params = Params::new(origin, cow, store, SectorCount(chunk.into()));
        let mut features = reader.group("number of features", 2)?;
        let mut passdown = None;
        while let Some(word) = features.next(reader, "feature")? {
            match word.text.to_ascii_lowercase().as_str() {
                "discard_zeroes_cow" => params.discard_zeroes_cow = true,
                "discard_passdown_origin" => {
                    params.discard_passdown_origin = true;
                    passdown = Some(word);
                }
                _ => {
                    return Err(
                        word.unknown("feature", "discard_zeroes_cow, discard_passdown_origin")
                    );
                }
            }
        }
        reader.ignore_rest();
        match passdown {
            Some(word) if !params.discard_zeroes_cow => {
                Err(word.error(Reason::Other("needs discard_zeroes_cow too".into())))
            }
            _ => Ok(params),
        }
    }
}

impl fmt::Display for Params {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let store = self.store.text();
        write!(f, "{} {} {store} {}", self.origin, self.cow, self.chunk)?;
        let features = [
            (self.discard_zeroes_cow, "discard_zeroes_cow"),
            (self.discard_passdown_origin, "discard_passdown_origin"),
        ];
        let features: Vec<&str> = chosen(&features).collect();
        match features.is_empty() {
            true => Ok(()),
            false => {
                write!(f, " {}", features.len())?;
                words(f, features)
            }
        }
    }
}

/// The words that are chosen.
pub(super) fn chosen<'a>(words: &'a [(bool, &'a str)]) -> impl Iterator<Item = &'a str> {
    words.iter().filter(|(on, _)| *on).map(|(_, word)| *word)
}

impl Text for OriginParams {
    fn read(reader: &mut Reader<'_>) -> Result<OriginParams, ParamError> {
        let origin = reader.whole("origin")?;
        Ok(OriginParams { origin })
    }
}

impl fmt::Display for OriginParams {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.origin.fmt(f)
    }
}

impl Text for Status {
    fn read(reader: &mut Reader<'_>) -> Result<Status, ParamError> {
        let first = reader.peek().unwrap_or_default();
        let simple = match &*first {
            "Invalid" => Status::Invalid,
            "Overflow" => Status::Overflow,
            "Unknown" => Status::Unknown,
            "Merge" => {
                reader.word("the merge")?;
                Status::MergeFailed
            }
            _ => {
                return Ok(Status::Usage {
                    allocated: reader.ratio("sectors allocated, of those that there are")?,
                    metadata: reader.number("sectors of metadata among them")?,
                    rest: reader.rest(),
                });
            }
        };
        reader.word("state of the snapshot")?;
        Ok(simple)
    }
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Status::Invalid => f.write_str("Invalid"),
            Status::MergeFailed => f.write_str("Merge failed"),
            Status::Overflow => f.write_str("Overflow"),
            Status::Unknown => f.write_str("Unknown"),
            Status::Usage {
                allocated,
                metadata,
                rest,
            } => {
                write!(f, "{allocated} {metadata}")?;
                words(f, rest)
            }
        }
    }
}
