//! Counters of requests in regions of a device, as dmstats keeps them by `@stats_…` messages.
//!
//! # Shape
//! - [`Region`]: sectors that are counted in, in areas; [`Set`]: all of a device's, and its groups.
//! - [`Area`]: the counters of an area, of a whole region, or of a group of regions.
//! - `histogram`: how its counts and bounds are written.
//!
//! # Source
//! `Documentation/admin-guide/device-mapper/statistics.rst`; dmstats(8) for groups, which the
//! kernel does not know: they stand in the text that a region says of itself.

mod area;
mod group;
mod histogram;
mod region;
mod set;

pub(crate) use area::Area;
pub(crate) use group::{Group, Members};
pub(crate) use histogram::{Bounds, Layout as HistogramLayout, Values};
pub(crate) use region::Region;
pub(crate) use set::{PROGRAM, Set, Walk, tell};
