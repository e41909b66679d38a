//! `dmctl integrity open`.

use std::fmt::Write as _;
use std::path::PathBuf;

use clap::Args;
use dm_core::command::{Load, Slot};
use dm_core::error::ErrorKind;
use dm_core::format::integrity::{Flags, Superblock, SuperblockError};
use dm_core::target::FlushMode;
use dm_core::typed::Device;
use dm_core::typed::integrity::{self, Params};
use dm_core::units::SECTOR_BYTES;
use zeroize::Zeroizing;

use crate::cli::offline::activate;
use crate::cli::offline::image::{Access, Image};
use crate::failure::Failure;
use crate::output::Answer;

use super::super::commands::Run;
use super::super::devices::name;
use super::super::session::Session;
use super::options::{Place, algorithm, kernel_name};

/// A line of a table, with its keys, is hardly longer.
const TABLE_BYTES: usize = 16 << 10;

/// A device to be made. Its options are named as integritysetup's.
#[derive(Debug, Args)]
pub(super) struct Open {
    #[command(flatten)]
    place: Place,
    /// The new device's name
    #[arg(value_name = "NAME")]
    name: String,
    #[command(flatten)]
    mode: Mode,
    #[command(flatten)]
    journal: Journal,
    #[command(flatten)]
    tags: Tags,
    /// Refuse writes
    #[arg(short, long)]
    readonly: bool,
    /// Make superblock and journal if all is zeroes there: the driver's own way to format
    #[arg(long)]
    first_use: bool,
}

/// How data and tags are kept together; a journal does it, if nothing is said.
#[derive(Debug, Args)]
struct Mode {
    /// Do without a journal: faster, but a crash may leave wrong tags
    #[arg(short = 'D', long, group = "mode")]
    integrity_no_journal: bool,
    /// A bitmap instead of a journal: tags that it marks are made anew after a crash
    #[arg(short = 'B', long, group = "mode")]
    integrity_bitmap_mode: bool,
    /// Only read, without checks and without looking at the journal
    #[arg(short = 'R', long, group = "mode")]
    integrity_recovery_mode: bool,
    /// Sectors that a bit of the bitmap stands for
    #[arg(long, value_name = "SECTORS", requires = "integrity_bitmap_mode")]
    bitmap_sectors_per_bit: Option<u64>,
    /// Milliseconds after which the bitmap is written
    #[arg(long, value_name = "MS", requires = "integrity_bitmap_mode")]
    bitmap_flush_time: Option<u32>,
}

/// What the journal is like.
#[derive(Debug, Args)]
struct Journal {
    /// How full the journal is, in percent, when it is written out
    #[arg(long, value_name = "PERCENT")]
    journal_watermark: Option<u8>,
    /// Milliseconds after which the journal is written
    #[arg(long, value_name = "MS")]
    journal_commit_time: Option<u32>,
    /// What proves the journal, such as hmac-sha256
    #[arg(long, value_name = "HASH", requires = "journal_integrity_key_file")]
    journal_integrity: Option<String>,
    /// A file with the key of --journal-integrity
    #[arg(long, value_name = "FILE")]
    journal_integrity_key_file: Option<PathBuf>,
    /// What encrypts the journal, such as ctr-aes or cbc-aes
    #[arg(long, value_name = "CIPHER", requires = "journal_crypt_key_file")]
    journal_crypt: Option<String>,
    /// A file with the key of --journal-crypt
    #[arg(long, value_name = "FILE")]
    journal_crypt_key_file: Option<PathBuf>,
}

/// What becomes of tags.
#[derive(Debug, Args)]
struct Tags {
    /// Make tags for the data that is there, in the background
    #[arg(long)]
    integrity_recalculate: bool,
    /// Make all tags anew, from the start
    #[arg(long)]
    integrity_recalculate_reset: bool,
    /// Make tags also with a keyed hash: what was changed behind its back gets right ones then
    #[arg(long)]
    integrity_legacy_recalculate: bool,
    /// Let discards through
    #[arg(long)]
    allow_discards: bool,
}

impl Run for Open {
    fn run(self, session: &Session, answer: &mut Answer) -> Result<(), Failure> {
        self.open(session, answer)
    }
}

impl Open {
    fn open(&self, session: &Session, answer: &mut Answer) -> Result<(), Failure> {
        let name = name(&self.name)?;
        let found = self.superblock()?;
        let load = |sectors: u64| -> Result<Load, Failure> {
            // As long as it may be, so that no key is left where it grew.
            let mut text = Zeroizing::new(String::with_capacity(TABLE_BYTES));
            let params = self.params(found.as_ref())?;
            // Writing to a string succeeds.
            let _ = write!(text, "0 {sectors} integrity {params}");
            let load = Load::new(name.clone(), vec![activate::line(&text)?]);
            Ok(match self.readonly {
                true => load.read_only(),
                false => load,
            })
        };
        let sectors = match &found {
            Some(superblock) => superblock.provided.0,
            None => {
                // One block is enough for the driver to format, and to say how many there are.
                activate::open(session, &mut Answer::default(), name.clone(), load(1)?)?;
                let dm = session.dm()?;
                let status = dm.status(name.clone(), Slot::Active, FlushMode::Flush);
                let told = status.map(|(_, lines)| lines);
                dm.remove(name.clone(), dm_core::command::RemoveMode::IfUnused)?;
                let told = told?;
                let words = told.first().map(|line| line.params.as_str());
                let sectors = words.and_then(|words| words.split(' ').nth(1)?.parse().ok());
                sectors.ok_or_else(|| {
                    Failure::because(ErrorKind::Invalid, "the driver tells no sectors")
                })?
            }
        };
        activate::open(session, answer, name.clone(), load(sectors)?)
    }

    /// The superblock; `None` where there is none yet, and one is to be made.
    fn superblock(&self) -> Result<Option<Superblock>, Failure> {
        let device = &self.place.device;
        let mut bytes = [0; SECTOR_BYTES];
        Image::open(device, Access::Read)?.read(0, &mut bytes)?;
        match Superblock::read(&bytes) {
            Ok(superblock) => Ok(Some(superblock)),
            Err(SuperblockError::Zeroes) if self.first_use => Ok(None),
            Err(error) => {
                let reason = format!("{}: {error}", device.display());
                let failure = Failure::because(ErrorKind::Invalid, reason);
                Err(match error {
                    SuperblockError::Zeroes => failure.hint(
                        "dmctl integrity format makes one, or --first-use lets the driver do it",
                    ),
                    _ => failure,
                })
            }
        }
    }

    /// The parameters of a table.
    fn params(&self, found: Option<&Superblock>) -> Result<Params, Failure> {
        let place = &self.place;
        let (data, meta) = match &place.data_device {
            None => (&place.device, None),
            Some(data) => (data, Some(&place.device)),
        };
        let device = |path: &PathBuf| activate::path_text(path).map(Device::new);
        let tag_size = found.map(|superblock| superblock.tag_size.into());
        let inline = found.is_some_and(|superblock| superblock.flags.contains(Flags::INLINE));
        let mode = match inline {
            true => integrity::Mode::Inline,
            false => self.mode.typed(),
        };
        let mut params = Params::new(device(data)?, tag_size, mode);
        let (tags, journal) = (&self.tags, &self.journal);
        let options = &mut params.options;
        options.meta_device = meta.map(device).transpose()?;
        options.block_size = found
            .map(|superblock| 512 << superblock.block_shift)
            .filter(|size| *size > 512);
        options.recalculate = tags.integrity_recalculate;
        options.reset_recalculate = tags.integrity_recalculate_reset;
        options.legacy_recalculate = tags.integrity_legacy_recalculate;
        options.allow_discards = tags.allow_discards;
        options.journal_watermark = journal.journal_watermark;
        options.commit_time = journal.journal_commit_time;
        options.sectors_per_bit = self.mode.bitmap_sectors_per_bit;
        options.bitmap_flush_interval = self.mode.bitmap_flush_time;
        options.fix_padding = found.is_none();
        options.fix_hmac = match found {
            Some(superblock) => superblock.flags.contains(Flags::FIXED_HMAC),
            None => place.is_keyed() || journal.journal_integrity.is_some(),
        };
        let key = place.key()?;
        let key = key.as_ref().map(|key| key.as_slice());
        options.internal_hash = Some(algorithm(&place.kernel_name(), key));
        let keyed = |name: &Option<String>, file: &Option<PathBuf>| {
            let (Some(name), Some(file)) = (name, file) else {
                return Ok::<_, Failure>(None);
            };
            let key = std::fs::read(file).map_err(|error| Failure::io("read", file, &error))?;
            let key = Zeroizing::new(key);
            Ok(Some(algorithm(&kernel_name(name), Some(&key))))
        };
        options.journal_crypt = keyed(&journal.journal_crypt, &journal.journal_crypt_key_file)?;
        options.journal_mac = keyed(
            &journal.journal_integrity,
            &journal.journal_integrity_key_file,
        )?;
        Ok(params)
    }
}

impl Mode {
    fn typed(&self) -> integrity::Mode {
        match () {
            () if self.integrity_no_journal => integrity::Mode::Direct,
            () if self.integrity_bitmap_mode => integrity::Mode::Bitmap,
            () if self.integrity_recovery_mode => integrity::Mode::Recovery,
            () => integrity::Mode::Journal,
        }
    }
}
