//! An integrity device, opened.

use std::sync::Mutex;

use dm_core::error::ErrorKind;
use dm_core::format::integrity::{
    DISCARDED, Devices, Flags, Journal, Layout, SectorView, Superblock, TagHash,
};
use dm_core::units::{SECTOR_BYTES, Sector, SectorCount};

use crate::cli::offline::image::{Access, Image};
use crate::cli::offline::parallel;
use crate::cli::offline::progress::Progress;
use crate::failure::Failure;

use super::options::Place;

/// Sectors that a processor takes at a time.
const PART: u64 = 4096;

/// Wrong blocks that are told apart.
const WRONG_MAX: usize = 1_000_000;

/// log2 of the sectors in which kernels read tags, unless they are told.
pub(super) const BUFFER_SHIFT: u8 = 7;

/// The devices of an integrity device.
pub(super) struct Disks {
    meta: Image,
    data: Option<Image>,
}

/// An integrity device.
pub(super) struct Volume {
    pub(super) superblock: Superblock,
    pub(super) layout: Layout,
    hash: Box<dyn TagHash>,
    disks: Disks,
}

/// What became of a journal.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Entries {
    /// Entries that are to be written to their places.
    pub(super) used: u64,
    /// Sectors that no round wrote.
    pub(super) foreign: u64,
}

impl Disks {
    /// Opens them.
    pub(super) fn open(place: &Place, access: Access) -> Result<Disks, Failure> {
        let data = place.data_device.as_ref();
        Ok(Disks {
            meta: Image::open(&place.device, access)?,
            data: data.map(|path| Image::open(path, access)).transpose()?,
        })
    }

    /// How long they are.
    pub(super) fn lengths(&self) -> Result<Devices, Failure> {
        let sectors = |image: &Image| image.size().map(SectorCount::from_bytes_floor);
        let meta = sectors(&self.meta)?;
        Ok(match &self.data {
            None => Devices::One(meta),
            Some(data) => Devices::Two {
                data: sectors(data)?,
                meta,
            },
        })
    }

    /// The superblock.
    pub(super) fn superblock(&self) -> Result<Superblock, Failure> {
        let mut bytes = [0; SECTOR_BYTES];
        self.meta.read(0, &mut bytes)?;
        Superblock::read(&bytes).map_err(|error| {
            let reason = format!("{}: {error}", self.meta.path().display());
            Failure::because(ErrorKind::Invalid, reason)
        })
    }

    /// Writes a superblock, and zeroes behind it.
    pub(super) fn write_superblock(&self, superblock: &Superblock) -> Result<(), Failure> {
        let mut head = [0; SECTOR_BYTES * 8];
        head[..SECTOR_BYTES].copy_from_slice(&superblock.write());
        self.meta.write(0, &head)
    }

    /// Makes durable what was written.
    pub(super) fn sync(&self) -> Result<(), Failure> {
        let data = self.data.as_ref().map_or(Ok(()), Image::sync);
        data.and_then(|()| self.meta.sync())
    }
}

impl Volume {
    /// The device that `superblock` says.
    pub(super) fn new(
        disks: Disks,
        superblock: Superblock,
        place: &Place,
    ) -> Result<Volume, Failure> {
        let invalid = |reason: String| Failure::because(ErrorKind::Invalid, reason);
        if superblock.flags.contains(Flags::INLINE) {
            return Err(invalid("the device keeps its tags itself".into()));
        }
        let own_device = superblock.interleave_shift == 0;
        if own_device != disks.data.is_some() {
            return Err(Failure::usage(match own_device {
                true => "the data has a device of its own: say --data-device",
                false => "data and tags are on one device: leave --data-device out",
            }));
        }
        let layout = Layout::new(&superblock, Sector(0), disks.lengths()?, 0);
        let layout = layout.map_err(|error| invalid(error.to_string()))?;
        let salt = superblock.flags.contains(Flags::FIXED_HMAC);
        let hash = place.hash(if salt { &superblock.salt } else { &[] })?;
        Ok(Volume {
            superblock,
            layout,
            hash,
            disks,
        })
    }

    fn data(&self) -> &Image {
        self.disks.data.as_ref().unwrap_or(&self.disks.meta)
    }

    /// Writes superblock and an empty journal.
    pub(super) fn write_head(&self) -> Result<(), Failure> {
        let journal = Journal::new(self.layout);
        let sectors = self.layout.section_sectors().0;
        let section_bytes = offset(sectors)?;
        let start = offset(self.layout.journal().0)?;
        let count = u64::from(self.layout.sections());
        parallel::each(count, Vec::new, |bytes: &mut Vec<u8>, number| {
            bytes.resize(usize::try_from(section_bytes).unwrap_or(usize::MAX), 0);
            let section = u32::try_from(number).unwrap_or(u32::MAX);
            for (sector, place) in bytes.chunks_exact_mut(SECTOR_BYTES).zip(0..) {
                journal.fill(section, place, sector);
            }
            self.disks.meta.write(start + number * section_bytes, bytes)
        })?;
        self.disks.write_superblock(&self.superblock)
    }

    /// What the journal holds.
    pub(super) fn entries(&self) -> Result<Entries, Failure> {
        let journal = Journal::new(self.layout);
        let found = Mutex::new(Entries::default());
        let section_bytes = offset(self.layout.section_sectors().0)?;
        let start = offset(self.layout.journal().0)?;
        let count = u64::from(self.layout.sections());
        parallel::each(count, Vec::new, |bytes: &mut Vec<u8>, number| {
            bytes.resize(usize::try_from(section_bytes).unwrap_or(usize::MAX), 0);
            self.disks
                .meta
                .read(start + number * section_bytes, bytes)?;
            let section = u32::try_from(number).unwrap_or(u32::MAX);
            let views = bytes.chunks_exact(SECTOR_BYTES).zip(0..);
            let views = views.map(|(bytes, place)| SectorView {
                section,
                place,
                bytes,
            });
            let mut found = found.lock().unwrap_or_else(|poison| poison.into_inner());
            for view in views {
                found.used += journal.used(view) as u64;
                found.foreign += u64::from(journal.round(view).is_none());
            }
            Ok(())
        })?;
        Ok(found
            .into_inner()
            .unwrap_or_else(|poison| poison.into_inner()))
    }

    /// Makes the tags of what is there, or of zeroes, which are then there.
    pub(super) fn make_tags(&self, what: Tags, progress: &Progress) -> Result<(), Failure> {
        self.each_part(self.layout.provided().0, progress, |first, blocks, tags| {
            if self.disks.meta.is_dry() {
                if what == Tags::OfZeroes {
                    let at = offset(self.layout.data(first).0)?;
                    self.data().would_write(at, blocks.len() as u64);
                }
                let at = self.layout.tag(first);
                self.disks.meta.would_write(at, tags.len() as u64);
                return Ok(());
            }
            match what {
                Tags::OfZeroes => {
                    blocks.fill(0);
                    self.data()
                        .write(offset(self.layout.data(first).0)?, blocks)?;
                }
                Tags::OfWhatIsThere => {
                    self.data()
                        .read(offset(self.layout.data(first).0)?, blocks)?;
                }
            }
            self.hash_blocks(first, blocks, tags);
            self.disks.meta.write(self.layout.tag(first), tags)
        })
    }

    /// The sectors of blocks whose tag is another one, and how many blocks are discarded.
    pub(super) fn compare(&self, progress: &Progress) -> Result<(Vec<u64>, u64), Failure> {
        let found = Mutex::new((Vec::new(), 0));
        // Behind this, tags are yet to be made.
        let end = match self.superblock.flags.contains(Flags::RECALCULATING) {
            true => self.superblock.recalculated.0.min(self.layout.provided().0),
            false => self.layout.provided().0,
        };
        self.each_part(end, progress, |first, blocks, tags| {
            self.data()
                .read(offset(self.layout.data(first).0)?, blocks)?;
            let mut there = vec![0; tags.len()];
            self.disks.meta.read(self.layout.tag(first), &mut there)?;
            self.hash_blocks(first, blocks, tags);
            if there == tags {
                return Ok(());
            }
            let size = self.layout.tag_size();
            let (mut wrong, mut discarded) = (Vec::new(), 0);
            for (at, (tag, there)) in tags.chunks(size).zip(there.chunks(size)).enumerate() {
                if there.iter().all(|byte| *byte == DISCARDED) {
                    discarded += 1;
                } else if tag != there {
                    wrong.push(first.0 + at as u64 * self.layout.block().0);
                }
            }
            let mut found = found.lock().unwrap_or_else(|poison| poison.into_inner());
            found.0.extend(wrong);
            found.1 += discarded;
            match found.0.len() > WRONG_MAX {
                true => Err(Failure::because(
                    ErrorKind::Invalid,
                    format!("more than {WRONG_MAX} blocks are wrong"),
                )),
                false => Ok(()),
            }
        })?;
        let (mut wrong, discarded) = found
            .into_inner()
            .unwrap_or_else(|poison| poison.into_inner());
        wrong.sort_unstable();
        Ok((wrong, discarded))
    }

    fn hash_blocks(&self, first: Sector, blocks: &[u8], tags: &mut [u8]) {
        let sectors = self.layout.block().0;
        let size = SECTOR_BYTES << sectors.trailing_zeros();
        let tags = tags.chunks_exact_mut(self.layout.tag_size());
        for ((block, tag), at) in blocks.chunks_exact(size).zip(tags).zip(0..) {
            self.hash.tag(first.0 + at * sectors, block, tag);
        }
    }

    /// Does `work` for parts of the data before `end`, none of which reaches over a run of tags: its
    /// first sector, room for its blocks and for their tags.
    fn each_part(
        &self,
        end: u64,
        progress: &Progress,
        work: impl Fn(Sector, &mut [u8], &mut [u8]) -> Result<(), Failure> + Sync,
    ) -> Result<(), Failure> {
        let part = match &self.disks.data {
            Some(_) => PART,
            None => PART.min(self.layout.area().0),
        };
        let state = || (Vec::new(), Vec::new());
        parallel::each(end.div_ceil(part), state, |(blocks, tags), number| {
            let first = number * part;
            let sectors = part.min(end - first);
            let bytes = offset(sectors)?;
            blocks.resize(usize::try_from(bytes).unwrap_or(usize::MAX), 0);
            let count = usize::try_from(sectors / self.layout.block().0).unwrap_or(usize::MAX);
            tags.resize(count * self.layout.tag_size(), 0);
            work(Sector(first), blocks, tags)?;
            progress.add(bytes);
            Ok(())
        })
    }

    /// Makes durable what was written.
    pub(super) fn sync(&self) -> Result<(), Failure> {
        self.disks.sync()
    }
}

/// What tags are made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Tags {
    /// Zeroes, which are written, too.
    OfZeroes,
    /// The data that is there.
    OfWhatIsThere,
}

/// A sector's first byte.
fn offset(sector: u64) -> Result<u64, Failure> {
    Sector(sector)
        .bytes()
        .ok_or_else(|| Failure::because(ErrorKind::Invalid, "the device is too long"))
}
