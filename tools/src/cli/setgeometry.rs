//! `dmctl setgeometry`.

use clap::Args;
use dm_core::command::Geometry;

use crate::failure::Failure;
use crate::output::Answer;

use super::commands::Run;
use super::devices::One;
use super::session::Session;

/// A device and the geometry that it is to tell who asks for one.
#[derive(Debug, Args)]
pub(super) struct SetGeometry {
    #[command(flatten)]
    device: One,
    /// Its cylinders, heads, sectors of a track, and where it begins on its disk
    #[arg(value_name = "CYLINDERS HEADS SECTORS START", num_args = 0..)]
    geometry: Vec<String>,
}

impl Run for SetGeometry {
    fn run(self, session: &Session, answer: &mut Answer) -> Result<(), Failure> {
        let (id, words) = self.device.read(session, self.geometry)?;
        let geometry: Geometry = words
            .join(" ")
            .parse()
            .map_err(|error| Failure::usage(format!("{error}")))?;
        session
            .dm()?
            .set_geometry(id.clone(), geometry)
            .map_err(|error| session.explain(error, &id))?;
        answer.field("geometry", geometry.to_string());
        Ok(())
    }
}
