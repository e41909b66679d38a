//! A disk's geometry, as some programs still ask for it.

use core::fmt;
use core::str::FromStr;

use crate::units::Sector;

/// A geometry: cylinders, heads, sectors of a track, and where the device begins on its disk.
///
/// It maps nothing. A device that was given one tells it to whoever asks (`HDIO_GETGEO` on Linux).
///
/// # Examples
/// ```
/// use dm_core::command::Geometry;
/// use dm_core::units::Sector;
///
/// let geometry = Geometry::new(1024, 255, 63, Sector(0))?;
/// assert_eq!(geometry.to_string(), "1024 255 63 0");
/// assert_eq!("1024 255 63 0".parse(), Ok(geometry));
/// assert!(Geometry::new(1, 1, 1, Sector(2)).is_err());
/// # Ok::<(), dm_core::command::GeometryError>(())
/// ```
///
/// # Source
/// `struct hd_geometry` in `linux/hdreg.h`, `dm_set_geometry` in `drivers/md/dm.c`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Geometry {
    cylinders: u16,
    heads: u8,
    sectors: u8,
    start: Sector,
}

/// Numbers that are no geometry.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum GeometryError {
    /// The start lies past the last cylinder.
    #[error("the start {start} is past the {end} sectors of the geometry")]
    StartPastEnd {
        /// The start.
        start: Sector,
        /// The sectors that there are.
        end: u64,
    },
    /// The text is not four numbers of these sizes.
    #[error("a geometry is four numbers: cylinders to 65535, heads to 255, sectors to 255, start")]
    NotFourNumbers,
}

impl Geometry {
    /// A geometry.
    ///
    /// # Errors
    /// [`GeometryError::StartPastEnd`].
    pub fn new(
        cylinders: u16,
        heads: u8,
        sectors: u8,
        start: Sector,
    ) -> Result<Geometry, GeometryError> {
        let end = u64::from(cylinders) * u64::from(heads) * u64::from(sectors);
        if start.0 > end {
            return Err(GeometryError::StartPastEnd { start, end });
        }
        Ok(Geometry {
            cylinders,
            heads,
            sectors,
            start,
        })
    }

    /// Its cylinders.
    pub const fn cylinders(self) -> u16 {
        self.cylinders
    }

    /// Its heads.
    pub const fn heads(self) -> u8 {
        self.heads
    }

    /// The sectors of a track.
    pub const fn sectors(self) -> u8 {
        self.sectors
    }

    /// Where the device begins on its disk.
    pub const fn start(self) -> Sector {
        self.start
    }
}

/// The four numbers, as the driver takes them.
impl fmt::Display for Geometry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Geometry {
            cylinders,
            heads,
            sectors,
            start,
        } = self;
        write!(f, "{cylinders} {heads} {sectors} {start}")
    }
}

impl FromStr for Geometry {
    type Err = GeometryError;

    fn from_str(text: &str) -> Result<Geometry, GeometryError> {
        let no = || GeometryError::NotFourNumbers;
        let mut words = text.split_ascii_whitespace();
        let mut word = || {
            words
                .next()
                .filter(|word| word.bytes().all(|byte| byte.is_ascii_digit()))
                .ok_or_else(no)
        };
        let (cylinders, heads, sectors, start) = (word()?, word()?, word()?, word()?);
        if words.next().is_some() {
            return Err(no());
        }
        Geometry::new(
            cylinders.parse().map_err(|_| no())?,
            heads.parse().map_err(|_| no())?,
            sectors.parse().map_err(|_| no())?,
            Sector(start.parse().map_err(|_| no())?),
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_that_is_no_geometry_is_refused() {
        for text in [
            "",
            "1 2 3",
            "1 2 3 4 5",
            "65536 1 1 0",
            "1 256 1 0",
            "1 1 256 0",
            "+1 1 1 0",
            "x 1 1 0",
        ] {
            let refused = text.parse::<Geometry>();
            assert_eq!(refused, Err(GeometryError::NotFourNumbers), "{text:?}");
        }
        assert_eq!(
            "2 3 4 25".parse::<Geometry>().unwrap_err().to_string(),
            "the start 25 is past the 24 sectors of the geometry"
        );
    }
}
