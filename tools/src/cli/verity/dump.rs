//! `dmctl verity dump`.

use std::path::{Path, PathBuf};

use clap::Args;
use dm_core::format::verity::{Superblock, Tree};

use crate::failure::Failure;
use crate::output::Answer;

use super::super::commands::Run;
use super::super::session::Session;
use super::layout::Place;
use super::volume;
use crate::cli::offline::image::{Access, Image};
use crate::cli::offline::text::{Hex, Uuid};

/// A superblock to be shown.
#[derive(Debug, Args)]
pub(super) struct Dump {
    /// The device with the superblock
    #[arg(value_name = "HASH")]
    hashes: PathBuf,
    /// The superblock's first byte there
    #[arg(long, value_name = "BYTES", default_value_t = 0)]
    hash_offset: u64,
}

impl Run for Dump {
    fn run(self, _: &Session, answer: &mut Answer) -> Result<(), Failure> {
        self.dump(answer)
    }
}

impl Dump {
    fn dump(&self, answer: &mut Answer) -> Result<(), Failure> {
        let place = Place::at(self.hash_offset);
        let superblock = place.read(&Image::open(&self.hashes, Access::Read)?)?;
        let (_, tree) = volume::tree(&superblock, &place)?;
        describe(&superblock, &tree, &self.hashes, None, answer);
        Ok(())
    }
}

/// Shows a superblock, and the root if it is known, as veritysetup does.
pub(super) fn describe(
    superblock: &Superblock,
    tree: &Tree,
    hashes: &Path,
    root: Option<&Hex>,
    answer: &mut Answer,
) {
    let Superblock {
        hash_type,
        data_blocks,
        algorithm,
        data_block,
        hash_block,
        ..
    } = superblock;
    let (hash_type, uuid) = (hash_type.number(), Uuid(superblock.uuid));
    let salt = Hex(superblock.salt.clone());
    let hash_blocks = tree.end() - tree.start();
    let size = tree.end() << hash_block.shift();
    let text = format!(
        "VERITY header information for {}\n\
         UUID:            \t{uuid}\n\
         Hash type:       \t{hash_type}\n\
         Data blocks:     \t{data_blocks}\n\
         Data block size: \t{data_block}\n\
         Hash blocks:     \t{hash_blocks}\n\
         Hash block size: \t{hash_block}\n\
         Hash algorithm:  \t{algorithm}\n\
         Salt:            \t{salt}\n",
        hashes.display()
    );
    answer.text.push_str(&text);
    if let Some(root) = root {
        answer.text.push_str(&format!("Root hash:      \t{root}\n"));
        answer.field("root_hash", root.to_string());
    }
    answer
        .text
        .push_str(&format!("Hash device size: \t{size} [bytes]\n"));
    answer.field("uuid", uuid.to_string());
    answer.field("hash_type", hash_type);
    answer.field("data_blocks", *data_blocks);
    answer.field("hash_blocks", hash_blocks);
    answer.field("hash_start", tree.start());
    answer.field("data_block_size", data_block.bytes());
    answer.field("hash_block_size", hash_block.bytes());
    answer.field("hash", algorithm.as_str());
    answer.field("salt", salt.to_string());
}
