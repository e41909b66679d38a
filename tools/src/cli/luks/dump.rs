//! `dmctl luks dump`.

use clap::Args;
use serde_json::{Value, json};

use crate::failure::Failure;
use crate::output::Answer;
use crate::output::escape::printable;

use super::super::commands::Run;
use super::super::session::Session;
use super::disk::{Access, Volume};

/// A header that is to be shown.
#[derive(Debug, Args)]
pub(super) struct Dump {
    #[command(flatten)]
    volume: Volume,
}

impl Run for Dump {
    fn run(self, _: &Session, answer: &mut Answer) -> Result<(), Failure> {
        let (_, luks) = self.volume.read(Access::Read)?;
        let name = self.volume.header().display().to_string();
        answer.text = luks.dump(&printable(&name));
        let metadata = luks
            .json()
            .and_then(|text| serde_json::from_str(&text).ok());
        let volume = luks.volume().ok().map(|volume| {
            json!({
                "cipher": volume.cipher,
                "iv_offset": volume.iv_offset,
                "start": volume.start,
                "length": volume.length,
                "sector_size": volume.sector_size,
                "options": volume.options,
            })
        });
        answer.field("version", luks.version());
        answer.field("uuid", luks.uuid());
        answer.field("slots", luks.slots());
        answer.field("damage", luks.damage());
        answer.field("volume", volume.unwrap_or(Value::Null));
        answer.field("metadata", metadata.unwrap_or(Value::Null));
        Ok(())
    }
}
