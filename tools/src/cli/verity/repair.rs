//! `dmctl verity repair`, and what it shares with `verify`.

use clap::Args;
use dm_core::error::ErrorKind;
use serde_json::json;

use crate::failure::Failure;
use crate::output::{Answer, Format, talk};

use super::super::commands::Run;
use super::super::session::Session;
use super::verify::Whole;
use super::volume::{Codes, Volume};
use crate::cli::offline::image::Access;
use crate::cli::offline::progress::Progress;

/// Data and tree to be repaired.
#[derive(Debug, Args)]
pub(super) struct Repair {
    #[command(flatten)]
    whole: Whole,
}

/// Wrong blocks, and those of them that codes repair.
pub(super) struct Mend {
    root: Vec<u8>,
    format: Format,
    /// Layer and index of each wrong block, the highest layer first.
    wrong: Vec<(usize, u64)>,
    /// Those that codes can not repair.
    lost: Vec<(usize, u64)>,
    /// Blocks of the tree that have something between or behind their digests.
    padding: Vec<(usize, u64)>,
    /// Rounds with other codes than they should have.
    pub(super) wrong_codes: u64,
}

impl Run for Repair {
    fn run(self, session: &Session, answer: &mut Answer) -> Result<(), Failure> {
        self.repair(session, answer)
    }
}

impl Repair {
    fn repair(&self, session: &Session, answer: &mut Answer) -> Result<(), Failure> {
        let (mut volume, root) = self.whole.open(Access::Write.of(session))?;
        let Some(codes) = volume.codes(&self.whole.codes, Access::Write.of(session))? else {
            return Err(Failure::usage(
                "without --fec-device there is nothing to repair by",
            ));
        };
        let mut mend = Mend::new(root, session.format());
        mend.all(&mut volume, Some(&codes))?;
        for ((layer, index), block) in &volume.repaired {
            volume.write(*layer, *index, block)?;
        }
        volume.sync()?;
        mend.tell(answer);
        if !mend.lost.is_empty() || !mend.padding.is_empty() {
            return Err(mend.lost_failure());
        }
        if session.is_dry() {
            talk("would then write those codes anew that are not the blocks' own");
            return Ok(());
        }
        let covered = codes.fec.blocks() << volume.tree.data_block().shift();
        let progress = Progress::new("codes", covered, session.format());
        let wrong_codes = codes.compare(&volume, &progress)?;
        drop(progress);
        if wrong_codes > 0 {
            codes.make(&volume, &Progress::new("codes", covered, session.format()))?;
            codes.image.sync()?;
        }
        answer.field("repaired_codes", wrong_codes);
        session.note(|| {
            let blocks = volume.repaired.len();
            format!("{blocks} blocks and the codes of {wrong_codes} rounds were repaired")
        });
        Ok(())
    }
}

impl Mend {
    pub(super) fn new(root: Vec<u8>, format: Format) -> Mend {
        Mend {
            root,
            format,
            wrong: Vec::new(),
            lost: Vec::new(),
            padding: Vec::new(),
            wrong_codes: 0,
        }
    }

    /// Finds all that is wrong, from the root down, and repairs it in memory if there are codes.
    pub(super) fn all(
        &mut self,
        volume: &mut Volume,
        codes: Option<&Codes>,
    ) -> Result<(), Failure> {
        for layer in (0..volume.layers()).rev() {
            let progress = Progress::new("verify", volume.bytes(layer), self.format);
            let mut wrong = volume.compare(layer, &self.root, &progress)?;
            drop(progress);
            if let Some(codes) = codes {
                // Padding is hashed with its block: one whose digest is right is as it was made.
                self.mend(volume, codes, layer, &wrong.blocks)?;
            } else {
                self.lost
                    .extend(wrong.blocks.iter().map(|index| (layer, *index)));
            }
            self.wrong
                .extend(wrong.blocks.drain(..).map(|index| (layer, index)));
            let padding = wrong.padding.drain(..).map(|index| (layer + 1, index));
            self.padding
                .extend(padding.filter(|block| !self.lost.contains(block)));
        }
        Ok(())
    }

    fn mend(
        &mut self,
        volume: &mut Volume,
        codes: &Codes,
        layer: usize,
        wrong: &[u64],
    ) -> Result<(), Failure> {
        let known: Vec<u64> = wrong
            .iter()
            .map(|index| volume.covered(layer, *index))
            .collect();
        for index in wrong {
            let wanted = volume.wanted(layer, *index, &self.root)?;
            let right = |block: &[u8]| {
                let mut digest = vec![0; wanted.len()];
                volume.hash.digest(block, &mut digest);
                digest == wanted
            };
            let is_wrong = |covered| known.binary_search(&covered).is_ok();
            match codes.repair(volume, (layer, *index), is_wrong, right)? {
                Some(block) => {
                    volume.repaired.insert((layer, *index), block);
                }
                None => self.lost.push((layer, *index)),
            }
        }
        Ok(())
    }

    /// Whether nothing was wrong with data and tree.
    pub(super) fn is_clean(&self) -> bool {
        self.wrong.is_empty() && self.padding.is_empty()
    }

    /// Answers with all that is wrong.
    pub(super) fn tell(&self, answer: &mut Answer) {
        let show = |blocks: &[(usize, u64)]| -> serde_json::Value {
            let block = |(layer, index): &(usize, u64)| match layer {
                0 => json!({ "data_block": index }),
                level => json!({ "level": level - 1, "block": index }),
            };
            blocks.iter().map(block).collect()
        };
        answer.field("wrong", show(&self.wrong));
        answer.field("unrepairable", show(&self.lost));
        answer.field("padding", show(&self.padding));
        answer.field("wrong_codes", self.wrong_codes);
    }

    /// What `verify` fails with, if anything is wrong.
    pub(super) fn failure(&self) -> Option<Failure> {
        let wrong = |reason| Some(Failure::because(ErrorKind::Invalid, reason));
        match (self.wrong.len(), self.lost.len()) {
            (0, _) if !self.padding.is_empty() => Some(self.lost_failure()),
            (0, _) if self.wrong_codes > 0 => wrong(format!(
                "the codes of {} rounds are wrong",
                self.wrong_codes
            )),
            (0, _) => None,
            (wrong_blocks, 0) => wrong(format!(
                "{}; the codes can repair all {wrong_blocks}",
                self.first(&self.wrong)
            ))
            .map(|failure| failure.hint("dmctl verity repair does so")),
            _ => Some(self.lost_failure()),
        }
    }

    fn lost_failure(&self) -> Failure {
        let reason = match self.lost.is_empty() {
            false => self.first(&self.lost),
            true => format!(
                "{} blocks of the tree have bytes between or behind their digests",
                self.padding.len()
            ),
        };
        Failure::because(ErrorKind::Invalid, reason)
    }

    fn first(&self, blocks: &[(usize, u64)]) -> String {
        let first = match blocks.first() {
            Some((0, index)) => format!("block {index} of the data"),
            Some((level, index)) => format!("block {index} of level {} of the tree", level - 1),
            None => return "nothing is wrong".into(),
        };
        match blocks.len() {
            1 => format!("{first} is not what was hashed"),
            count => format!("{count} blocks are not what was hashed, first {first}"),
        }
    }
}

impl Volume {
    /// The digest that a layer's block should have.
    fn wanted(&self, layer: usize, index: u64, root: &[u8]) -> Result<Vec<u8>, Failure> {
        if layer + 1 == self.layers() {
            return Ok(root.to_vec());
        }
        let per_block = self.tree.per_block();
        let mut above = vec![0; self.tree.hash_block().bytes()];
        self.read(layer + 1, index / per_block, &mut above)?;
        let place = usize::try_from(index % per_block).unwrap_or(usize::MAX);
        let at = self.tree.offset(place);
        Ok(above[at..at + self.tree.digest_size()].to_vec())
    }
}
