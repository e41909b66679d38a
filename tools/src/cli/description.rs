//! A description of devices, in TOML.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::failure::Failure;

/// Devices as they are to be.
///
/// ```toml
/// [[device]]
/// name = "vol0"
/// table = """
/// 0 2048 linear /dev/sdb 0
/// """
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Description {
    /// The devices, in any order.
    #[serde(default)]
    pub(super) device: Vec<Described>,
}

/// A device as it is to be.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Described {
    /// Its name.
    pub(super) name: String,
    /// Its uuid.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) uuid: Option<String>,
    /// Whether writes are refused.
    #[serde(default, skip_serializing_if = "is_not")]
    pub(super) read_only: bool,
    /// Whether keys were left out of the table.
    #[serde(default, skip_serializing_if = "is_not")]
    pub(super) keys_left_out: bool,
    /// Its table.
    pub(super) table: String,
}

fn is_not(value: &bool) -> bool {
    !value
}

impl Description {
    /// Reads a description.
    pub(super) fn read(text: &str) -> Result<Description, Failure> {
        toml::from_str(text).map_err(|error| {
            let place = error.span().map(|span| {
                let before = &text[..span.start.min(text.len())];
                format!("line {}: ", before.matches('\n').count() + 1)
            });
            // The text itself may have keys.
            let reason = format!("{}{}", place.unwrap_or_default(), error.message());
            Failure::because(dm_core::error::ErrorKind::InvalidTable, reason)
        })
    }
}

impl fmt::Display for Description {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = toml::to_string_pretty(self).map_err(|_| fmt::Error)?;
        f.write_str(&text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn description_reads_back() {
        let description = Description {
            device: vec![Described {
                name: "a \"b\"".into(),
                uuid: Some("UUID".into()),
                read_only: true,
                keys_left_out: false,
                table: "0 8 zero\n8 8 error\n".into(),
            }],
        };
        assert_eq!(
            Description::read(&description.to_string()).unwrap(),
            description
        );
    }

    #[test]
    fn wrong_description_names_its_line() {
        for (text, says) in [
            ("[[device]]\nname = 1\n", "line 2"),
            ("[[device]]\nname = 'a'\ntabel = ''\n", "tabel"),
            ("[[device]]\nname = 'a'\n", "table"),
        ] {
            let said = Description::read(text)
                .unwrap_err()
                .lines("dmctl")
                .join("\n");
            assert!(said.contains(says), "{said}");
        }
    }
}
