//! How a device is said: by number, name or uuid.

use core::fmt;
use core::str::FromStr;

use crate::names::{DmName, DmUuid};

/// A device number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DevNo {
    /// The driver.
    pub major: u32,
    /// The device of that driver.
    pub minor: u32,
}

/// Which device a command means. Linux takes exactly one of the three.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum DevId {
    /// By its name.
    Name(DmName),
    /// By its uuid.
    Uuid(DmUuid),
    /// By its number.
    Number(DevNo),
}

/// Why a text is no `major:minor`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a device number, which is written major:minor")]
pub struct DevNoError;

#[cfg(feature = "std")]
impl DevNo {
    /// The parts of a number that a node's metadata has, which each system packs in its own way.
    #[allow(clippy::unnecessary_fallible_conversions, clippy::useless_conversion)] // 32 bits on some
    pub(crate) fn of_node(dev: u64) -> DevNo {
        let dev = rustix::fs::Dev::try_from(dev).unwrap_or_default();
        DevNo {
            major: rustix::fs::major(dev),
            minor: rustix::fs::minor(dev),
        }
    }
}

impl FromStr for DevNo {
    type Err = DevNoError;

    /// Reads `major:minor`, two decimal numbers.
    fn from_str(text: &str) -> Result<DevNo, DevNoError> {
        let number = |text: &str| {
            let digits = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
            digits
                .then(|| text.parse::<u32>().ok())
                .flatten()
                .ok_or(DevNoError)
        };
        let (major, minor) = text.split_once(':').ok_or(DevNoError)?;
        Ok(DevNo {
            major: number(major)?,
            minor: number(minor)?,
        })
    }
}

impl From<DmName> for DevId {
    fn from(name: DmName) -> DevId {
        DevId::Name(name)
    }
}

impl From<DmUuid> for DevId {
    fn from(uuid: DmUuid) -> DevId {
        DevId::Uuid(uuid)
    }
}

impl From<DevNo> for DevId {
    fn from(number: DevNo) -> DevId {
        DevId::Number(number)
    }
}

impl fmt::Display for DevNo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.major, self.minor)
    }
}

impl fmt::Display for DevId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            DevId::Name(name) => name.fmt(f),
            DevId::Uuid(uuid) => uuid.fmt(f),
            DevId::Number(number) => number.fmt(f),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn number_reads_back() {
        assert_eq!(
            "253:7".parse(),
            Ok(DevNo {
                major: 253,
                minor: 7
            })
        );
        for wrong in [
            "253",
            "253:",
            ":7",
            "253:+7",
            "a:b",
            "1:2:3",
            "4294967296:0",
        ] {
            assert_eq!(wrong.parse::<DevNo>(), Err(DevNoError), "{wrong}");
        }
    }
}
