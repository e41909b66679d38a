//! What an export is called.

use std::fmt;
use std::str::FromStr;

use dm_core::disklabel::Port;
use dm_core::names::DmName;

/// What stands between a device's name and the port of a label. No device's name has a slash.
const LABEL: &str = "/label/";

/// An export: a device as it is, or with a disklabel of its own in a read-only first part.
///
/// `FromStr` and `Display` are inverse: `NAME`, or `NAME/label/PORT`.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ExportName {
    /// The device.
    pub device: DmName,
    /// Whose label it has.
    pub label: Option<Port>,
}

/// A text that can be no export's name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no export's name")]
pub struct NoExport;

impl ExportName {
    /// The export of a device as it is.
    pub fn plain(device: DmName) -> ExportName {
        let label = None;
        ExportName { device, label }
    }

    /// The export of a device with a label of `port`.
    pub fn labelled(device: DmName, port: Port) -> ExportName {
        let label = Some(port);
        ExportName { device, label }
    }
}

impl From<&DmName> for ExportName {
    fn from(device: &DmName) -> ExportName {
        ExportName::plain(device.clone())
    }
}

impl FromStr for ExportName {
    type Err = NoExport;

    fn from_str(text: &str) -> Result<ExportName, NoExport> {
        let device = |text| DmName::new(text).map_err(|_| NoExport);
        match text.split_once(LABEL) {
            None => device(text).map(ExportName::plain),
            Some((name, port)) => {
                let port = port.parse().map_err(|_| NoExport)?;
                Ok(ExportName::labelled(device(name)?, port))
            }
        }
    }
}

impl fmt::Display for ExportName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.device.fmt(f)?;
        match self.label {
            Some(port) => write!(f, "{LABEL}{port}"),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_read_back() {
        for text in ["vol0", "my vol", "vol0/label/amd64", "a/label/evbppc-nombr"] {
            assert_eq!(text.parse::<ExportName>().unwrap().to_string(), text);
        }
        for wrong in [
            "",
            "a/b",
            "a/label/",
            "a/label/vax",
            "/label/amd64",
            "a/label/amd64/",
        ] {
            assert_eq!(wrong.parse::<ExportName>(), Err(NoExport), "{wrong}");
        }
    }
}
