//! How commands look to who debugs: without the keys that messages may have.

use core::fmt;

use crate::typed::message_without_keys;

use super::Command;

impl fmt::Debug for Command {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = f.debug_struct(self.verb());
        match self {
            Command::Version | Command::Targets => &mut shown,
            Command::TargetVersion { target } => shown.field("target", target),
            Command::List(filter) => shown.field("filter", filter),
            Command::Create(create) => shown.field("create", create),
            Command::Load(load) => shown.field("load", load),
            Command::Remove { device, mode } => shown.field("device", device).field("mode", mode),
            Command::RemoveAll { mode } => shown.field("mode", mode),
            Command::Rename { device, name } => shown.field("device", device).field("name", name),
            Command::SetUuid { device, uuid } => shown.field("device", device).field("uuid", uuid),
            Command::Clear { device } | Command::ProbePaths { device } => {
                shown.field("device", device)
            }
            Command::Suspend { device, options } | Command::Resume { device, options } => {
                shown.field("device", device).field("options", options)
            }
            Command::Info { device, slot }
            | Command::Deps { device, slot }
            | Command::Table { device, slot }
            | Command::Measure { device, slot } => {
                shown.field("device", device).field("slot", slot)
            }
            Command::Status {
                device,
                slot,
                flush,
            } => shown
                .field("device", device)
                .field("slot", slot)
                .field("flush", flush),
            Command::Wait {
                device,
                event,
                flush,
            } => shown
                .field("device", device)
                .field("event", event)
                .field("flush", flush),
            Command::Watch { known } => shown.field("known", known),
            Command::Message {
                device,
                sector,
                text,
            } => {
                let masked = message_without_keys(text, |_| Some("…".into()));
                let text = masked.as_ref().unwrap_or(text);
                shown
                    .field("device", device)
                    .field("sector", sector)
                    .field("text", text)
            }
            Command::SetGeometry { device, geometry } => {
                shown.field("device", device).field("geometry", geometry)
            }
        }
        .finish()
    }
}

#[cfg(test)]
mod tests {
    use alloc::format;

    use crate::devid::DevId;
    use crate::names::DmName;
    use crate::units::Sector;

    use super::*;

    #[test]
    fn keys_in_messages_are_not_shown() {
        let told = |text: &str| {
            format!(
                "{:?}",
                Command::Message {
                    device: DevId::Name(DmName::new("vol0").unwrap()),
                    sector: Sector(0),
                    text: text.into(),
                }
            )
        };
        for key in ["key set 00ff17", "Key  SET 00ff17", "key set 00ff17 more"] {
            let shown = told(key);
            assert!(!shown.contains("00ff17"), "{shown}");
            assert!(shown.contains('…'), "{shown}");
        }
        for text in ["key wipe", "key set :32:logon:k", "switch_group 1"] {
            assert!(told(text).contains(text), "{text}");
        }
    }
}
