//! `dmctl verity verify`.

use std::fs;
use std::path::{Path, PathBuf};

use clap::Args;
use dm_core::error::ErrorKind;
use serde_json::json;

use crate::failure::Failure;
use crate::output::Answer;

use super::super::commands::Run;
use super::super::session::Session;
use super::layout::{CodesPlace, Layout};
use super::repair::Mend;
use super::signature::Signed;
use super::volume::Volume;
use crate::cli::offline::image::Access;
use crate::cli::offline::progress::Progress;
use crate::cli::offline::text::Hex;

/// Data and tree to be checked.
#[derive(Debug, Args)]
pub(super) struct Verify {
    #[command(flatten)]
    pub(super) whole: Whole,
}

/// Data, tree and root.
#[derive(Debug, Args)]
pub(super) struct Whole {
    /// The data: an image or a node
    #[arg(value_name = "DATA")]
    pub(super) data: PathBuf,
    /// The device with superblock and tree
    #[arg(value_name = "HASH")]
    pub(super) hashes: PathBuf,
    #[command(flatten)]
    pub(super) root: Root,
    #[command(flatten)]
    pub(super) layout: Layout,
    #[command(flatten)]
    pub(super) codes: CodesPlace,
}

/// The root hash.
#[derive(Debug, Args)]
pub(super) struct Root {
    /// The root hash, in hexadecimal
    #[arg(value_name = "ROOT_HASH", required_unless_present = "root_hash_file")]
    root_hash: Option<Hex>,
    /// A file with the root hash
    #[arg(long, value_name = "FILE", conflicts_with = "root_hash")]
    root_hash_file: Option<PathBuf>,
    #[command(flatten)]
    signed: Signed,
}

impl Root {
    /// Its bytes, which must be a digest of `volume`'s hash, and signed, if a signature is given.
    pub(super) fn of(&self, volume: &Volume) -> Result<Vec<u8>, Failure> {
        let Hex(root) = match (&self.root_hash, &self.root_hash_file) {
            (Some(root), _) => root.clone(),
            (None, Some(path)) => from_file(path)?,
            (None, None) => Hex::default(),
        };
        let size = volume.tree.digest_size();
        match root.len() == size {
            true => {
                let root = Hex(root);
                self.signed.check(&root)?;
                Ok(root.0)
            }
            false => Err(Failure::usage(format!(
                "the root hash has {} bytes, and those of {} have {size}",
                root.len(),
                volume.superblock.algorithm
            ))),
        }
    }
}

fn from_file(path: &Path) -> Result<Hex, Failure> {
    let text = fs::read_to_string(path).map_err(|error| Failure::io("read", path, &error))?;
    let wrong = |why| Failure::because(ErrorKind::Invalid, format!("{}: {why}", path.display()));
    text.trim().parse().map_err(wrong)
}

impl Run for Verify {
    fn run(self, session: &Session, answer: &mut Answer) -> Result<(), Failure> {
        self.verify(session, answer)
    }
}

impl Verify {
    fn verify(&self, session: &Session, answer: &mut Answer) -> Result<(), Failure> {
        let (mut volume, root) = self.whole.open(Access::Read)?;
        let codes = volume.codes(&self.whole.codes, Access::Read)?;
        let mut mend = Mend::new(root, session.format());
        mend.all(&mut volume, codes.as_ref())?;
        if let Some(codes) = codes.filter(|_| mend.is_clean()) {
            let covered = codes.fec.blocks() << volume.tree.data_block().shift();
            let progress = Progress::new("codes", covered, session.format());
            mend.wrong_codes = codes.compare(&volume, &progress)?;
        }
        mend.tell(answer);
        answer.field("valid", json!(mend.is_clean() && mend.wrong_codes == 0));
        match mend.failure() {
            Some(failure) => Err(failure),
            None => {
                session.note(|| format!("all {} blocks are right", volume.tree.data_blocks()));
                Ok(())
            }
        }
    }
}

impl Whole {
    /// Opens data and tree, and reads the root.
    pub(super) fn open(&self, access: Access) -> Result<(Volume, Vec<u8>), Failure> {
        let volume = Volume::open(
            (&self.data, access),
            (&self.hashes, access),
            &self.layout,
            Layout::known,
        )?;
        let root = self.root.of(&volume)?;
        Ok((volume, root))
    }
}
