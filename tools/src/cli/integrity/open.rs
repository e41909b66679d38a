//! `dmctl integrity open`.

use std::path::PathBuf;

use clap::Args;
use dm_core::command::{Load, Slot};
use dm_core::error::ErrorKind;
use dm_core::format::integrity::{Flags, Superblock, SuperblockError};
use dm_core::target::FlushMode;
use dm_core::units::SECTOR_BYTES;

use crate::cli::offline::activate;
use crate::cli::offline::image::{Access, Image};
use crate::failure::Failure;
use crate::output::Answer;

use super::super::commands::Run;
use super::super::devices::name;
use super::super::session::Session;
use super::options::{Key, Place};

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
    /// Not at all: a crash may leave wrong tags
    #[arg(short = 'D', long, group = "mode")]
    integrity_no_journal: bool,
    /// A bitmap says where tags may be wrong after a crash
    #[arg(short = 'B', long, group = "mode")]
    integrity_bitmap_mode: bool,
    /// Reads only, without checks
    #[arg(short = 'R', long, group = "mode")]
    integrity_recovery_mode: bool,
    /// Sectors that a bit of the bitmap stands for
    #[arg(long, value_name = "SECTORS", requires = "integrity_bitmap_mode")]
    bitmap_sectors_per_bit: Option<u64>,
    /// Milliseconds after which the bitmap is cleared
    #[arg(long, value_name = "MS", requires = "integrity_bitmap_mode")]
    bitmap_flush_time: Option<u32>,
}

/// What the journal is like.
#[derive(Debug, Args)]
struct Journal {
    /// How full it is, in percent, when it is written out
    #[arg(long, value_name = "PERCENT")]
    journal_watermark: Option<u8>,
    /// Milliseconds after which it is written
    #[arg(long, value_name = "MS")]
    journal_commit_time: Option<u32>,
    /// What protects it, such as hmac-sha256
    #[arg(long, value_name = "HASH", requires = "journal_integrity_key_file")]
    journal_integrity: Option<String>,
    /// A file with the key for that
    #[arg(long, value_name = "FILE")]
    journal_integrity_key_file: Option<PathBuf>,
    /// What encrypts it, such as ctr-aes or cbc-aes
    #[arg(long, value_name = "CIPHER", requires = "journal_crypt_key_file")]
    journal_crypt: Option<String>,
    /// A file with the key for that
    #[arg(long, value_name = "FILE")]
    journal_crypt_key_file: Option<PathBuf>,
}

/// What becomes of tags.
#[derive(Debug, Args)]
struct Tags {
    /// Make tags for what is there
    #[arg(long)]
    integrity_recalculate: bool,
    /// Make them anew from the start
    #[arg(long)]
    integrity_recalculate_reset: bool,
    /// Make them although their key is no secret of who wrote the data
    #[arg(long)]
    integrity_legacy_recalculate: bool,
    /// Let discards through
    #[arg(long)]
    allow_discards: bool,
}

impl Run for Open {
    fn run(self, session: &Session, answer: &mut Answer) -> Result<(), Failure> {
        self.open(session, answer)
            .map_err(|failure| failure.about("integrity open", None))
    }
}

impl Open {
    fn open(&self, session: &Session, answer: &mut Answer) -> Result<(), Failure> {
        let name = name(&self.name)?;
        let found = self.superblock()?;
        let load = |sectors: u64| -> Result<Load, Failure> {
            let text = format!("0 {sectors} integrity {}", self.params(found.as_ref())?);
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
    fn params(&self, found: Option<&Superblock>) -> Result<String, Failure> {
        let place = &self.place;
        let (data, meta) = match &place.data_device {
            None => (&place.device, None),
            Some(data) => (data, Some(&place.device)),
        };
        let mut options = Vec::new();
        if let Some(meta) = meta {
            options.push(format!("meta_device:{}", activate::word(meta)?));
        }
        if let Some(superblock) = found
            && superblock.block_shift > 0
        {
            options.push(format!("block_size:{}", 512 << superblock.block_shift));
        }
        let flag = |on: bool, word: &str| on.then(|| word.to_owned());
        fn value<T: ToString>(name: &str, value: Option<T>) -> Option<String> {
            value.map(|value| format!("{name}:{}", value.to_string()))
        }
        let salted = match found {
            Some(superblock) => superblock.flags.contains(Flags::FIXED_HMAC),
            None => place.is_keyed() || self.journal.journal_integrity.is_some(),
        };
        let tags = &self.tags;
        let all = [
            flag(tags.integrity_recalculate, "recalculate"),
            flag(tags.integrity_recalculate_reset, "reset_recalculate"),
            flag(tags.integrity_legacy_recalculate, "legacy_recalculate"),
            flag(tags.allow_discards, "allow_discards"),
            value("journal_watermark", self.journal.journal_watermark),
            value("commit_time", self.journal.journal_commit_time),
            value("sectors_per_bit", self.mode.bitmap_sectors_per_bit),
            value("bitmap_flush_interval", self.mode.bitmap_flush_time),
            flag(found.is_none(), "fix_padding"),
            flag(salted, "fix_hmac"),
        ];
        options.extend(all.into_iter().flatten());
        let mut text = format!(
            "{} 0 {} {} ",
            activate::word(data)?,
            found.map_or("-".to_owned(), |superblock| superblock.tag_size.to_string()),
            self.mode.letter()
        );
        let journal = &self.journal;
        let mac = (
            &journal.journal_integrity,
            &journal.journal_integrity_key_file,
        );
        let crypt = (&journal.journal_crypt, &journal.journal_crypt_key_file);
        let keyed = [("journal_crypt", crypt), ("journal_mac", mac)];
        let keyed: Vec<_> = keyed
            .iter()
            .filter_map(|(option, (name, file))| Some((*option, name.as_ref()?, file.as_ref()?)))
            .collect();
        text.push_str(&(options.len() + 1 + keyed.len()).to_string());
        for option in &options {
            text.push(' ');
            text.push_str(option);
        }
        text.push_str(" internal_hash:");
        text.push_str(&place.kernel_name());
        if let Some(key) = place.key()? {
            Key(&key).append(&mut text);
        }
        for (option, name, file) in keyed {
            let key = std::fs::read(file).map_err(|error| Failure::io("read", file, &error))?;
            let key = zeroize::Zeroizing::new(key);
            text.push_str(&format!(" {option}:{}", super::options::kernel_name(name)));
            Key(&key).append(&mut text);
        }
        Ok(text)
    }
}

impl Mode {
    fn letter(&self) -> char {
        match () {
            () if self.integrity_no_journal => 'D',
            () if self.integrity_bitmap_mode => 'B',
            () if self.integrity_recovery_mode => 'R',
            () => 'J',
        }
    }
}
