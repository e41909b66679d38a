//! What a new device's node is like, and how far is read ahead on the device.

use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt, chown};
use std::path::PathBuf;
use std::str::FromStr;

use clap::Args;
use dm_core::command::DeviceInfo;
use dm_core::error::DmError;
use dm_linux::mangle::mangle;
use dm_linux::nodes::{NodePolicy, Nodes};

use crate::backend::Place;
use crate::failure::Failure;

use super::devices::nodes;
use super::session::Session;

/// What a new device's node is like.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Node")]
pub(super) struct NodeArgs {
    /// Who owns the node
    #[arg(short = 'U', long)]
    uid: Option<u32>,
    /// Which group owns the node
    #[arg(short = 'G', long)]
    gid: Option<u32>,
    /// Who may open the node, in octal
    #[arg(short = 'M', long, value_parser = octal)]
    mode: Option<u32>,
    /// Make the node when the device is made
    #[arg(long, conflicts_with = "addnodeonresume")]
    addnodeoncreate: bool,
    /// Make the node when the device is resumed, as is always done
    #[arg(long)]
    addnodeonresume: bool,
    #[command(flatten)]
    read_ahead: ReadAheadArgs,
}

/// How far is read ahead on a device.
#[derive(Clone, Debug, Args)]
pub(super) struct ReadAheadArgs {
    /// How far is read ahead: sectors, +SECTORS for at least so many, auto or none
    #[arg(long, value_name = "SECTORS", allow_hyphen_values = true)]
    readahead: Option<ReadAhead>,
}

/// How far is read ahead.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum ReadAhead {
    Auto,
    Exactly(u64),
    AtLeast(u64),
}

impl FromStr for ReadAhead {
    type Err = String;

    fn from_str(text: &str) -> Result<ReadAhead, String> {
        let number = |text: &str| {
            let wrong = |_| "use a number of sectors, +SECTORS, auto or none".to_owned();
            text.parse().map_err(wrong)
        };
        match text.to_ascii_lowercase().as_str() {
            "auto" => Ok(ReadAhead::Auto),
            "none" => Ok(ReadAhead::Exactly(0)),
            text => match text.strip_prefix('+') {
                Some(text) => number(text).map(ReadAhead::AtLeast),
                None => number(text).map(ReadAhead::Exactly),
            },
        }
    }
}

fn octal(text: &str) -> Result<u32, String> {
    match u32::from_str_radix(text, 8) {
        Ok(mode) if (1..=0o7777).contains(&mode) => Ok(mode),
        _ => Err("a mode is an octal number such as 0660".into()),
    }
}

impl NodeArgs {
    /// The device was made.
    pub(super) fn created(&self, session: &Session, info: &DeviceInfo) -> Result<(), Failure> {
        if !self.addnodeoncreate || session.is_dry() || *session.place()? != Place::Kernel {
            return Ok(());
        }
        let name = mangle(info.name.as_str()).map_err(DmError::from)?;
        let nodes = Nodes::new(NodePolicy::WithoutUdev);
        if nodes.ours() {
            let made = nodes.make(name.as_bytes(), info.number);
            made.map_err(|error| {
                Failure::because(dm_core::error::ErrorKind::Io, error.to_string())
            })?;
        }
        Ok(())
    }

    /// The device is ready.
    pub(super) fn resumed(&self, session: &Session, info: &DeviceInfo) -> Result<(), Failure> {
        let NodeArgs { uid, gid, mode, .. } = self;
        let any = uid.is_some() || gid.is_some() || mode.is_some();
        if any && !session.is_dry() && *session.place()? == Place::Kernel {
            let name = mangle(info.name.as_str()).map_err(DmError::from)?;
            let path = PathBuf::from(format!("{}{name}", nodes()));
            let failed = |error| Failure::io("change", &path, &error);
            chown(&path, *uid, *gid).map_err(failed)?;
            if let Some(mode) = mode {
                fs::set_permissions(&path, Permissions::from_mode(*mode)).map_err(failed)?;
            }
        }
        self.read_ahead.set(session, info)
    }
}

impl ReadAheadArgs {
    /// Sets how far is read ahead.
    pub(super) fn set(&self, session: &Session, info: &DeviceInfo) -> Result<(), Failure> {
        if session.is_dry() {
            return Ok(());
        }
        let before = || session.read_ahead(info).map_or(0, |sectors| sectors.0);
        let sectors = match self.readahead {
            None | Some(ReadAhead::Auto) => return Ok(()),
            Some(ReadAhead::Exactly(sectors)) => sectors,
            Some(ReadAhead::AtLeast(sectors)) if before() >= sectors => return Ok(()),
            Some(ReadAhead::AtLeast(sectors)) => sectors,
        };
        if *session.place()? != Place::Kernel {
            session
                .note(|| "who asks an engine's device may read ahead; it does not itself".into());
            return Ok(());
        }
        let path = format!("/sys/dev/block/{}/queue/read_ahead_kb", info.number);
        let path = PathBuf::from(path);
        // The kernel counts kilobytes here.
        let done = fs::write(&path, sectors.div_ceil(2).to_string());
        done.map_err(|error| Failure::io("write", &path, &error))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn read_ahead_is_read_as_dmsetup_does() {
        assert_eq!("auto".parse(), Ok(ReadAhead::Auto));
        assert_eq!("None".parse(), Ok(ReadAhead::Exactly(0)));
        assert_eq!("256".parse(), Ok(ReadAhead::Exactly(256)));
        assert_eq!("+256".parse(), Ok(ReadAhead::AtLeast(256)));
        for wrong in ["", "-2", "x", "+", "1k"] {
            assert!(wrong.parse::<ReadAhead>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn mode_is_octal() {
        assert_eq!(octal("0660"), Ok(0o660));
        for wrong in ["", "9", "0", "77777", "rw"] {
            assert!(octal(wrong).is_err(), "{wrong}");
        }
    }
}
