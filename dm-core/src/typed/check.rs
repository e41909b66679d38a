//! Checks tables before a driver gets them.

use alloc::boxed::Box;
use alloc::vec::Vec;

use crate::table::{ParamError, Reason, TableError, TableLine};
use crate::units::{Sector, SectorCount};
use crate::version::Version;

use super::{Devices, Reader, kind};

/// Checks a table's lines with what is known of the devices and of the driver.
///
/// A target that is not known passes: a driver may know it.
///
/// # Examples
/// ```
/// use dm_core::table::TableLine;
/// use dm_core::typed::Checker;
///
/// let lines = TableLine::parse_table("0 8 zero\n8 8 striped 2 0 8:0 0 8:16 0")?;
/// let errors = Checker::new().check(&lines);
/// assert_eq!(errors[0].to_string(), r#"line 2: striped: word 2 "0": the chunk size is zero"#);
/// # Ok::<(), dm_core::table::TableError>(())
/// ```
#[derive(Default)]
pub struct Checker<'a> {
    devices: Option<&'a mut dyn Devices>,
    versions: Option<Versions<'a>>,
}

/// Says which version of a target a driver has.
type Versions<'a> = Box<dyn Fn(&str) -> Option<Version> + 'a>;

impl<'a> Checker<'a> {
    /// Knows nothing but the lines.
    pub fn new() -> Checker<'a> {
        Checker::default()
    }

    /// Asks `devices` what it needs to know.
    #[must_use]
    pub fn over(mut self, devices: &'a mut dyn Devices) -> Checker<'a> {
        self.devices = Some(devices);
        self
    }

    /// The table is for a driver whose targets have these versions.
    #[must_use]
    pub fn for_versions(mut self, versions: impl Fn(&str) -> Option<Version> + 'a) -> Checker<'a> {
        self.versions = Some(Box::new(versions));
        self
    }

    /// What is wrong with the lines: the first thing of each, and at least one if the table has no
    /// lines.
    pub fn check(&mut self, lines: &[TableLine]) -> Vec<TableError> {
        if lines.is_empty() {
            return [TableError::whole(Reason::NoLines)].into();
        }
        let mut errors = Vec::new();
        let mut end = Sector::ZERO;
        for (at, line) in lines.iter().enumerate() {
            let checked = line
                .range_after(end)
                .map_err(ParamError::from)
                .and_then(|range| self.line(line, range.length()));
            errors.extend(
                checked
                    .err()
                    .map(|error| TableError::at(at + 1, line, error)),
            );
            // What follows is held to where this line ends, wherever it begins.
            end = Sector(line.start.0.saturating_add(line.length.0));
        }
        errors
    }

    fn line(&mut self, line: &TableLine, length: SectorCount) -> Result<(), ParamError> {
        let Some(kind) = kind(line.target.as_str()) else {
            return Ok(());
        };
        let mut reader = Reader::new(&line.params).mapping(length);
        if let Some(devices) = &mut self.devices {
            reader = reader.over(*devices);
        }
        let version = self.versions.as_ref();
        if let Some(version) = version.and_then(|versions| versions(kind.name)) {
            reader = reader.for_version(version);
        }
        kind.params(reader).map(|_| ())
    }
}
