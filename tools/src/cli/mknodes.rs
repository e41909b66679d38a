//! `dmctl mknodes`.

use clap::Args;
use dm_core::command::Slot;
use dm_core::error::{DmError, ErrorKind};
use dm_linux::mangle::mangle;
use dm_linux::nodes::{NodeError, NodePolicy, Nodes};

use crate::backend::Place;
use crate::failure::Failure;
use crate::output::{Answer, talk};

use super::commands::Run;
use super::devices::name;
use super::session::Session;

/// Devices whose nodes are to be put right.
#[derive(Debug, Args)]
pub(super) struct MkNodes {
    /// Names of devices; without any, all. The node of a device that is not there is removed
    #[arg(value_name = "DEV")]
    devices: Vec<String>,
}

impl Run for MkNodes {
    fn run(self, session: &Session, answer: &mut Answer) -> Result<(), Failure> {
        let dm = session.dm()?;
        if *session.place()? != Place::Kernel {
            let reason = "the engine's devices have no nodes";
            let failure = Failure::because(ErrorKind::Unsupported, reason);
            return Err(failure.hint("dmctl export NAME says where a device is"));
        }
        let nodes = Nodes::new(NodePolicy::Always);
        let mut right = Vec::new();
        let mut put = |name: &str, number| -> Result<(), Failure> {
            let mangled = mangle(name).map_err(DmError::from)?;
            if session.is_dry() {
                talk(&format!("would put the node of {name} right"));
                return Ok(());
            }
            let done = match number {
                Some(number) => nodes.make(mangled.as_bytes(), number),
                None => nodes.remove(mangled.as_bytes()),
            };
            right.push(name.to_owned());
            done.map_err(refused)
        };
        if self.devices.is_empty() {
            for entry in dm.list()? {
                put(entry.name.as_str(), Some(entry.number))?;
            }
        }
        for device in &self.devices {
            let name = name(device)?;
            match dm.info(name.clone(), Slot::Active) {
                Ok(info) => put(name.as_str(), Some(info.number))?,
                Err(error) if error.kind == ErrorKind::NotFound => put(name.as_str(), None)?,
                Err(error) => return Err(error.into()),
            }
        }
        answer.field("devices", right);
        Ok(())
    }
}

fn refused(error: NodeError) -> Failure {
    let kind = match &error {
        NodeError::Occupied { .. } => ErrorKind::Exists,
        _ => ErrorKind::Io,
    };
    DmError::new(kind).with_source(error).into()
}
