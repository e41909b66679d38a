//! The typed texts of targets: what they read they write again, and what is wrong they say.

mod answers;
mod documents;
mod examples;
mod held;
mod pages;
mod random;
mod refusals;
mod remedies;
mod rows;
mod sets;
mod texts;

use dm_core::table::ParamError;
use dm_core::typed::{self, Kind, Reader};
use dm_core::units::SectorCount;

/// The kind that table lines call `name`.
fn kind(name: &str) -> &'static Kind {
    typed::kind(name).unwrap_or_else(|| panic!("{name} is not listed"))
}

/// What the parameters of a line of `length` sectors are written as.
fn params(name: &str, length: u64, text: &str) -> Result<String, ParamError> {
    let reader = Reader::new(text).mapping(SectorCount(length));
    Ok(kind(name).params(reader)?.to_string())
}
