//! `dmctl verity format`.

use std::fs;
use std::path::PathBuf;

use clap::Args;

use crate::failure::Failure;
use crate::output::{Answer, talk};

use super::super::commands::Run;
use super::super::session::Session;
use super::dump::describe;
use super::layout::{CodesPlace, Layout};
use super::volume::Volume;
use crate::cli::offline::image::Access;
use crate::cli::offline::progress::Progress;
use crate::cli::offline::text::Hex;

/// A tree to be made.
#[derive(Debug, Args)]
pub(super) struct Format {
    /// The data: an image or a node
    #[arg(value_name = "DATA")]
    data: PathBuf,
    /// Where superblock and tree go; made if it is not there
    #[arg(value_name = "HASH")]
    hashes: PathBuf,
    #[command(flatten)]
    layout: Layout,
    #[command(flatten)]
    codes: CodesPlace,
    /// A file that gets the root hash
    #[arg(long, value_name = "FILE")]
    root_hash_file: Option<PathBuf>,
}

impl Run for Format {
    fn run(self, session: &Session, answer: &mut Answer) -> Result<(), Failure> {
        self.format(session, answer)
    }
}

impl Format {
    fn format(&self, session: &Session, answer: &mut Answer) -> Result<(), Failure> {
        let volume = Volume::open(
            (&self.data, Access::Read),
            (&self.hashes, Access::Create.of(session)),
            &self.layout,
            Layout::superblock,
        )?;
        volume.write_superblock(&self.layout)?;
        if session.is_dry() {
            return self.rehearse(&volume);
        }
        let progress = Progress::new("hash", volume.bytes(0), session.format());
        let root = Hex(volume.build(&progress)?);
        drop(progress);
        // The tree is there: what the codes cover has its length.
        if let Some(codes) = volume.codes(&self.codes, Access::Create)? {
            let covered = codes.fec.blocks() << volume.tree.data_block().shift();
            codes.make(&volume, &Progress::new("codes", covered, session.format()))?;
            codes.image.sync()?;
            answer.field("fec_blocks", codes.fec.blocks());
        }
        volume.sync()?;
        if let Some(path) = &self.root_hash_file {
            fs::write(path, root.to_string())
                .map_err(|error| Failure::io("write", path, &error))?;
        }
        let (superblock, tree) = (&volume.superblock, &volume.tree);
        describe(superblock, tree, &self.hashes, Some(&root), answer);
        Ok(())
    }

    /// Says what would be written behind the superblock.
    fn rehearse(&self, volume: &Volume) -> Result<(), Failure> {
        volume.would_build();
        volume.sync()?;
        if let Some(codes) = volume.codes(&self.codes, Access::DryCreate)? {
            codes.would_make();
            codes.image.sync()?;
        }
        if let Some(path) = &self.root_hash_file {
            talk(&format!("would write the root hash to {}", path.display()));
        }
        Ok(())
    }
}
