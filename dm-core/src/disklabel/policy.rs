//! What becomes of a segment that maps sectors of a disk's label.

use core::fmt;
use core::str::FromStr;

use alloc::vec::Vec;

use crate::units::{Sector, SectorRange};

use super::clash::Kept;
use super::port::Port;
use super::survey::Survey;

/// What becomes of such a segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Policy {
    /// Its table is refused.
    Strict,
    /// It is said, and the table is loaded.
    Warn,
    /// Nothing.
    Off,
}

/// A text that names none; these there are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("use {0}")]
pub struct Unknown(pub(super) &'static str);

/// Which sectors of a disk are not for mapped devices, and what becomes of a table that maps one.
///
/// What is not said follows from the driver and the disk: NetBSD's driver is strict, and all are
/// where there is a label; the port is the one that the label tells, else the machine's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rule {
    policy: Option<Policy>,
    port: Option<Port>,
    unlabelled: Policy,
}

impl Rule {
    /// The rule for a driver, as [`Capabilities`](crate::backend::Capabilities) name it.
    pub fn for_driver(driver: &str) -> Rule {
        Rule {
            policy: None,
            port: None,
            unlabelled: match driver {
                "netbsd" => Policy::Strict,
                _ => Policy::Off,
            },
        }
    }

    /// The same with a policy for every disk, if one is given.
    #[must_use]
    pub fn policy(self, policy: impl Into<Option<Policy>>) -> Rule {
        Rule {
            policy: policy.into(),
            ..self
        }
    }

    /// The same with the numbers of a port, if one is given.
    #[must_use]
    pub fn port(self, port: impl Into<Option<Port>>) -> Rule {
        Rule {
            port: port.into(),
            ..self
        }
    }

    /// Whether no disk needs to be looked at.
    pub(super) fn is_off(&self) -> bool {
        self.policy == Some(Policy::Off)
    }

    /// What becomes of segments on a disk.
    pub fn policy_on(&self, survey: &Survey) -> Policy {
        match self.policy {
            Some(policy) => policy,
            None if survey.labels.is_empty() => self.unlabelled,
            None => Policy::Strict,
        }
    }

    /// The runs of `area` of a disk that mapped devices may have.
    ///
    /// Sectors before the label of an MBR partition are not among them, even if they are no
    /// label's: boot loaders live there.
    pub fn free(&self, survey: &Survey, area: SectorRange) -> Vec<SectorRange> {
        if self.policy_on(survey) == Policy::Off {
            return alloc::vec![area];
        }
        let mut kept = Kept::of(self.port_on(survey), survey);
        kept.sort_by_key(|kept| kept.range.start());
        let first_label = kept
            .iter()
            .find(|kept| kept.label.is_some() && kept.meets(area));
        let mut at = first_label.map_or(area.start(), |kept| kept.range.start());
        let mut free = Vec::new();
        let mut run = |from: Sector, to: Sector| {
            let length = to.since(from).unwrap_or_default();
            free.extend(SectorRange::new(from, length).filter(|range| !range.is_empty()));
        };
        for kept in kept.iter().filter(|kept| kept.meets(area)) {
            run(at, kept.range.start());
            at = at.max(kept.range.end());
        }
        run(at, area.end());
        free
    }

    /// Whose numbers count on a disk.
    pub fn port_on(&self, survey: &Survey) -> Port {
        let told = || {
            let first = survey.labels.first()?;
            Port::of_label(first.place, first.label.order)
        };
        self.port.or_else(told).unwrap_or(Port::HOST)
    }
}

impl Policy {
    /// Every policy.
    pub const ALL: [Policy; 3] = [Policy::Strict, Policy::Warn, Policy::Off];

    /// As `--label-policy` says it.
    pub const fn name(self) -> &'static str {
        match self {
            Policy::Strict => "strict",
            Policy::Warn => "warn",
            Policy::Off => "off",
        }
    }
}

impl fmt::Display for Policy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Policy {
    type Err = Unknown;

    fn from_str(text: &str) -> Result<Policy, Unknown> {
        let known = Policy::ALL.into_iter().find(|policy| policy.name() == text);
        known.ok_or(Unknown("strict, warn or off"))
    }
}

#[cfg(test)]
mod tests;
