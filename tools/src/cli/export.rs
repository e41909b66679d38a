//! `dmctl export`.

use clap::Args;
use dm_core::command::Slot;
use dm_core::disklabel::Port;
use dm_core::error::ErrorKind;
use dm_core::flags::DeviceFlags;

use crate::backend::Place;
use crate::export::nbd::{self, ExportName};
use crate::failure::Failure;
use crate::output::Answer;

use super::commands::Run;
use super::devices::device;
use super::session::Session;

/// A device whose NBD URI is to be printed.
#[derive(Debug, Args)]
pub(super) struct Export {
    /// The device
    #[arg(value_name = "NAME")]
    device: String,
    /// With a disklabel of its own in a read-only first part, as the port PORT of NetBSD reads it;
    /// else as this machine's
    #[arg(long, value_name = "PORT", num_args = 0..=1, require_equals = true,
        default_missing_value = Port::HOST.name())]
    label: Option<Port>,
}

impl Run for Export {
    fn run(self, session: &Session, answer: &mut Answer) -> Result<(), Failure> {
        let id = device(session, &self.device)?;
        let info = session
            .dm()?
            .info(id.clone(), Slot::Active)
            .map_err(|error| session.explain(error, &id))?;
        let about = |failure: Failure| failure.about("export", Some(id.to_string()));
        let Place::Daemon(Some(sockets)) = session.place()? else {
            let failure =
                Failure::because(ErrorKind::Unsupported, "this driver exports no devices");
            return Err(about(failure));
        };
        if !info.flags.contains(DeviceFlags::ACTIVE_PRESENT) {
            let failure = Failure::because(ErrorKind::Invalid, "the device has no active table");
            return Err(about(failure).hint(format!("dmctl load {id}, then dmctl resume {id}")));
        }
        let name = match self.label {
            Some(port) => ExportName::labelled(info.name.clone(), port),
            None => ExportName::plain(info.name.clone()),
        };
        let uri = nbd::uri(&sockets.nbd, name);
        answer.text = format!("{uri}\n");
        answer.field("name", info.name.as_str());
        answer.field("uri", uri);
        Ok(())
    }
}
