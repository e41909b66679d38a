//! Sectors of a device that are counted in.

use dm_core::typed::stats;

use super::group::Group;

/// Sectors of a device that are counted in, in areas.
#[derive(Clone, Debug)]
pub(crate) struct Region {
    /// Its number.
    pub(crate) id: u64,
    /// Its sectors.
    pub(crate) range: stats::Range,
    /// Sectors in an area.
    pub(crate) step: u64,
    /// The program whose region it is.
    pub(crate) program: String,
    /// What the user says of it.
    pub(crate) user_data: String,
    /// Whether times are counted in nanoseconds.
    pub(crate) precise: bool,
    /// The bounds of its histogram in nanoseconds.
    pub(crate) bounds: Vec<u64>,
    /// The group that its text tells of, whose first region it is then.
    pub(crate) leads: Option<Group>,
}

/// Nanoseconds of the milliseconds in which the kernel counts unless it is told to be precise.
pub(super) const MILLISECOND: u64 = 1_000_000;

impl Region {
    /// A region as the kernel lists it.
    pub(crate) fn new(listed: &stats::Region) -> Region {
        let precise = listed
            .features
            .iter()
            .any(|word| word == "precise_timestamps");
        let scale = if precise { 1 } else { MILLISECOND };
        let bounds = listed
            .features
            .iter()
            .find_map(|word| word.strip_prefix("histogram:"));
        let bounds = bounds.into_iter().flat_map(|bounds| bounds.split(','));
        let bounds = bounds.filter_map(|bound| bound.parse::<u64>().ok());
        let (leads, user_data) = Group::split(&listed.aux, u64::from(listed.id));
        let said = |text: &str| {
            if text == "-" {
                String::new()
            } else {
                text.to_owned()
            }
        };
        Region {
            id: listed.id.into(),
            range: listed.range,
            step: listed.step,
            program: said(&listed.program),
            user_data: said(user_data),
            precise,
            bounds: bounds.map(|bound| bound.saturating_mul(scale)).collect(),
            leads,
        }
    }

    /// How many areas it has.
    pub(crate) fn areas(&self) -> u64 {
        match self.step {
            0 => 1,
            step => self.range.length.div_ceil(step).max(1),
        }
    }

    /// How many bins its histogram has.
    pub(crate) fn bins(&self) -> usize {
        match self.bounds.len() {
            0 => 0,
            bounds => bounds + 1,
        }
    }

    /// The sectors of one of its areas.
    pub(super) fn area(&self, at: u64) -> stats::Range {
        let offset = self.step.saturating_mul(at);
        stats::Range {
            start: self.range.start.saturating_add(offset),
            length: self.step.min(self.range.length.saturating_sub(offset)),
        }
    }
}
