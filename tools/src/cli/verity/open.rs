//! `dmctl verity open`.

use std::path::PathBuf;

use clap::Args;
use dm_core::command::Load;
use dm_core::table::TableLine;

use crate::failure::Failure;
use crate::output::Answer;

use super::super::commands::Run;
use super::super::devices::name;
use super::super::session::Session;
use super::layout::{CodesPlace, Layout};
use super::verify::Root;
use super::volume::Volume;
use crate::cli::offline::activate::{self, word};
use crate::cli::offline::image::Access;
use crate::cli::offline::text::Hex;

/// A device to be made.
#[derive(Debug, Args)]
pub(super) struct Open {
    /// The data: an image or a node
    #[arg(value_name = "DATA")]
    data: PathBuf,
    /// The new device's name
    #[arg(value_name = "NAME")]
    name: String,
    /// The device with superblock and tree
    #[arg(value_name = "HASH")]
    hashes: PathBuf,
    #[command(flatten)]
    root: Root,
    #[command(flatten)]
    layout: Layout,
    #[command(flatten)]
    codes: CodesPlace,
    #[command(flatten)]
    flags: Flags,
}

/// What the device does besides.
#[derive(Debug, Args)]
struct Flags {
    /// Read wrong blocks, too; they are only logged
    #[arg(long, group = "on_corruption")]
    ignore_corruption: bool,
    /// Restart the machine at a wrong block; the engine gives an error
    #[arg(long, group = "on_corruption")]
    restart_on_corruption: bool,
    /// Panic at a wrong block; the engine gives an error
    #[arg(long, group = "on_corruption")]
    panic_on_corruption: bool,
    /// Blocks that should be zeroes are not hashed
    #[arg(long)]
    ignore_zero_blocks: bool,
    /// Check a block when it is first read only
    #[arg(long)]
    check_at_most_once: bool,
    /// Check in the kernel's interrupt, if that can be
    #[arg(long)]
    use_tasklets: bool,
}

impl Run for Open {
    fn run(self, session: &Session, answer: &mut Answer) -> Result<(), Failure> {
        self.open(session, answer)
    }
}

impl Open {
    fn open(&self, session: &Session, answer: &mut Answer) -> Result<(), Failure> {
        let name = name(&self.name)?;
        let load = Load::new(name.clone(), vec![self.line()?]).read_only();
        activate::open(session, answer, name, load)
    }

    /// The table of the device.
    fn line(&self) -> Result<TableLine, Failure> {
        let volume = Volume::open(
            (&self.data, Access::Read),
            (&self.hashes, Access::Read),
            &self.layout,
            Layout::known,
        )?;
        let root = Hex(self.root.of(&volume)?);
        let superblock = &volume.superblock;
        let mut text = format!(
            "0 {} verity {} {} {} {} {} {} {} {} {root} {}",
            volume.bytes(0) >> dm_core::units::SECTOR_SHIFT,
            superblock.hash_type.number(),
            word(&self.data)?,
            word(&self.hashes)?,
            superblock.data_block,
            superblock.hash_block,
            superblock.data_blocks,
            volume.tree.start(),
            superblock.algorithm,
            Hex(superblock.salt.clone()),
        );
        let mut options: Vec<String> = self.flags.words().map(String::from).collect();
        if let Some(codes) = volume.codes(&self.codes, Access::Read)? {
            let start = codes.offset / superblock.data_block.bytes() as u64;
            options.extend(["use_fec_from_device".into(), word(codes.image.path())?]);
            options.extend(["fec_blocks".into(), codes.fec.blocks().to_string()]);
            options.extend(["fec_start".into(), start.to_string()]);
            options.extend(["fec_roots".into(), codes.fec.roots().count().to_string()]);
        }
        if !options.is_empty() {
            text.push_str(&format!(" {} {}", options.len(), options.join(" ")));
        }
        activate::line(&text)
    }
}

impl Flags {
    fn words(&self) -> impl Iterator<Item = &'static str> {
        let words = [
            (self.ignore_corruption, "ignore_corruption"),
            (self.restart_on_corruption, "restart_on_corruption"),
            (self.panic_on_corruption, "panic_on_corruption"),
            (self.ignore_zero_blocks, "ignore_zero_blocks"),
            (self.check_at_most_once, "check_at_most_once"),
            (self.use_tasklets, "try_verify_in_tasklet"),
        ];
        words
            .into_iter()
            .filter(|(on, _)| *on)
            .map(|(_, word)| word)
    }
}
