//! `dmctl integrity dump`.

use std::path::{Path, PathBuf};

use clap::Args;
use dm_core::error::ErrorKind;
use dm_core::format::integrity::{Flags, Superblock};
use dm_core::units::SECTOR_BYTES;
use serde_json::json;

use crate::cli::offline::image::{Access, Image};
use crate::failure::Failure;
use crate::output::Answer;

use super::super::commands::Run;
use super::super::session::Session;

/// A superblock to be shown.
#[derive(Debug, Args)]
pub(super) struct Dump {
    /// The device with the superblock
    #[arg(value_name = "DEVICE")]
    device: PathBuf,
}

/// Flags, as integritysetup calls them.
const FLAGS: [(Flags, &str); 6] = [
    (Flags::JOURNAL_MAC, "have_journal_mac"),
    (Flags::RECALCULATING, "recalculating"),
    (Flags::DIRTY_BITMAP, "dirty_bitmap"),
    (Flags::FIXED_PADDING, "fix_padding"),
    (Flags::FIXED_HMAC, "fix_hmac"),
    (Flags::INLINE, "inline"),
];

impl Run for Dump {
    fn run(self, _: &Session, answer: &mut Answer) -> Result<(), Failure> {
        self.dump(answer)
    }
}

impl Dump {
    fn dump(&self, answer: &mut Answer) -> Result<(), Failure> {
        let mut bytes = [0; SECTOR_BYTES];
        Image::open(&self.device, Access::Read)?.read(0, &mut bytes)?;
        let superblock = Superblock::read(&bytes).map_err(|error| {
            let reason = format!("{}: {error}", self.device.display());
            Failure::because(ErrorKind::Invalid, reason)
        })?;
        describe(&superblock, &self.device, answer);
        Ok(())
    }
}

/// Shows a superblock, as integritysetup does.
pub(super) fn describe(superblock: &Superblock, device: &Path, answer: &mut Answer) {
    let flags: Vec<&str> = FLAGS
        .iter()
        .filter(|(flag, _)| superblock.flags.contains(*flag))
        .map(|(_, word)| *word)
        .collect();
    let mut rows = vec![
        ("superblock_version", u64::from(superblock.version)),
        (
            "log2_interleave_sectors",
            superblock.interleave_shift.into(),
        ),
        ("integrity_tag_size", superblock.tag_size.into()),
        ("journal_sections", superblock.journal_sections.into()),
        ("provided_data_sectors", superblock.provided.0),
        ("sector_size", 512 << superblock.block_shift),
    ];
    if superblock.flags.contains(Flags::RECALCULATING) {
        rows.push(("recalc_sector", superblock.recalculated.0));
    }
    rows.push(("log2_blocks_per_bitmap", superblock.bit_shift.into()));
    let mut text = format!("Info for integrity device {}.\n", device.display());
    for (name, number) in rows {
        text.push_str(&format!("{name} {number}\n"));
        answer.field(name, number);
    }
    text.push_str("flags ");
    flags.iter().for_each(|flag| {
        text.push_str(flag);
        text.push(' ');
    });
    text.push('\n');
    answer.text.push_str(&text);
    answer.field("flags", json!(flags));
}
