//! `dmctl integrity format`.

use clap::Args;
use dm_core::error::ErrorKind;
use dm_core::format::integrity::{Flags, Layout, Superblock, Wanted};
use dm_core::units::Sector;

use crate::cli::offline::image::Access;
use crate::cli::offline::progress::Progress;
use crate::cli::offline::text::fill_random;
use crate::failure::Failure;
use crate::output::Answer;

use super::super::commands::Run;
use super::super::session::Session;
use super::dump::describe;
use super::options::Place;
use super::volume::{BUFFER_SHIFT, Disks, Tags, Volume};

/// An integrity device to be made.
#[derive(Debug, Args)]
pub(super) struct Format {
    #[command(flatten)]
    place: Place,
    /// Bytes of a tag; else as many as the hash has
    #[arg(short, long, value_name = "BYTES")]
    tag_size: Option<u16>,
    /// Bytes of a block: 512, 1024, 2048 or 4096
    #[arg(short, long, value_name = "BYTES", value_parser = block, default_value = "512")]
    sector_size: u8,
    /// Bytes of the journal; else a part of the device
    #[arg(short, long, value_name = "BYTES")]
    journal_size: Option<u64>,
    /// Sectors of data between runs of tags
    #[arg(long, value_name = "SECTORS")]
    interleave_sectors: Option<u32>,
    /// Pad runs of tags as kernels before 4.20 need it
    #[arg(long)]
    integrity_legacy_padding: bool,
    /// Leave the salt of keyed hashes out, as kernels before 5.11 need it
    #[arg(long)]
    integrity_legacy_hmac: bool,
    /// The device keeps the tags itself, as NVMe namespaces with metadata do: a superblock alone is
    /// made, for kernels, and what was never written can not be read
    #[arg(long, conflicts_with_all = ["data_device", "journal_size", "interleave_sectors", "keep_data"])]
    inline: bool,
    /// Write neither zeroes nor tags: what was never written can not be read
    #[arg(long)]
    no_wipe: bool,
    /// Make tags for the data that is there instead of zeroes
    #[arg(long, conflicts_with = "no_wipe")]
    keep_data: bool,
    /// Write even over a superblock
    #[arg(long)]
    force: bool,
}

/// log2 of the sectors of a block.
fn block(text: &str) -> Result<u8, &'static str> {
    match text {
        "512" => Ok(0),
        "1024" => Ok(1),
        "2048" => Ok(2),
        "4096" => Ok(3),
        _ => Err("use 512, 1024, 2048 or 4096"),
    }
}

impl Run for Format {
    fn run(self, session: &Session, answer: &mut Answer) -> Result<(), Failure> {
        self.format(session, answer)
    }
}

impl Format {
    fn format(&self, session: &Session, answer: &mut Answer) -> Result<(), Failure> {
        let disks = Disks::open(&self.place, Access::Write.of(session))?;
        if !self.force && disks.superblock().is_ok() {
            let reason = format!(
                "{} has an integrity superblock",
                self.place.device.display()
            );
            let failure = Failure::because(ErrorKind::Exists, reason);
            return Err(failure.hint("--force writes over it, and loses all data"));
        }
        let superblock = self.superblock(&disks)?;
        if self.inline {
            disks.write_superblock(&superblock)?;
            disks.sync()?;
            if !session.is_dry() {
                describe(&superblock, &self.place.device, answer);
            }
            return Ok(());
        }
        let volume = Volume::new(disks, superblock, &self.place)?;
        volume.write_head()?;
        if !self.no_wipe {
            let bytes = volume.layout.provided().bytes().unwrap_or(u64::MAX);
            let what = match self.keep_data {
                true => Tags::OfWhatIsThere,
                false => Tags::OfZeroes,
            };
            volume.make_tags(what, &Progress::new("tags", bytes, session.format()))?;
        }
        volume.sync()?;
        if session.is_dry() {
            return Ok(());
        }
        describe(&volume.superblock, &self.place.device, answer);
        Ok(())
    }

    fn superblock(&self, disks: &Disks) -> Result<Superblock, Failure> {
        let size = self.place.hash(&[])?.size();
        let tag_size = match self.tag_size {
            Some(size) => size,
            None => u16::try_from(size).unwrap_or(u16::MAX),
        };
        let mut flags = Flags::empty();
        flags.set(Flags::FIXED_PADDING, !self.integrity_legacy_padding);
        let salted = self.place.is_keyed() && !self.integrity_legacy_hmac;
        flags.set(Flags::FIXED_HMAC, salted);
        flags.set(Flags::INLINE, self.inline);
        let journal = self.journal_size.map(|bytes| bytes >> 9);
        let wanted = Wanted {
            tag_size,
            block_shift: self.sector_size,
            journal: journal.map(|sectors| u32::try_from(sectors).unwrap_or(u32::MAX)),
            interleave: self.interleave_sectors,
            buffer_shift: Some(BUFFER_SHIFT),
            flags,
        };
        if tag_size == 0 {
            return Err(Failure::usage("a tag has at least one byte"));
        }
        let superblock = Layout::superblock(&wanted, Sector(0), disks.lengths()?);
        let mut superblock =
            superblock.map_err(|error| Failure::because(ErrorKind::Invalid, error.to_string()))?;
        if salted {
            fill_random(&mut superblock.salt)?;
        }
        Ok(superblock)
    }
}
