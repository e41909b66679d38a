//! Commands on their way to a driver: shown, or kept from it.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use dm_core::backend::{Backend, Capabilities};
use dm_core::command::{Command, DeviceInfo, Reply, Slot};
use dm_core::devid::{DevId, DevNo};
use dm_core::errno::Errno;
use dm_core::error::DmError;
use dm_core::events::Watch;
use dm_core::names::DmName;
use dm_core::typed::message_without_keys;
use dm_linux::abi::view::View;
use dm_linux::abi::{ByteOrder, Call, Flags};
use dm_linux::buffer::Buffer;
use dm_linux::control::{Control, ControlError};
use dm_linux::sys::Sys;
use dm_proto::netbsd::command::encode;
use dm_proto::proplib::write_dictionary;

use crate::keys;
use crate::output::talk;

/// What becomes of commands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Layers {
    /// What would change something is only said.
    pub(crate) dry: bool,
    /// What is sent is shown.
    pub(crate) wire: bool,
}

/// A driver whose commands are shown, or kept from it.
pub(crate) struct Layered<B> {
    driver: B,
    layers: Layers,
    /// The devices that were not made.
    pretended: Mutex<BTreeMap<DmName, DeviceInfo>>,
}

impl<B: Backend> Layered<B> {
    /// A driver behind these layers.
    pub(crate) fn new(driver: B, layers: Layers) -> Layered<B> {
        Layered {
            driver,
            layers,
            pretended: Mutex::new(BTreeMap::new()),
        }
    }

    fn pretended(&self, device: &DevId) -> Option<DeviceInfo> {
        let pretended = self
            .pretended
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        match device {
            DevId::Name(name) => pretended.get(name).cloned(),
            DevId::Uuid(uuid) => {
                let mut all = pretended.values();
                all.find(|info| info.uuid.as_ref() == Some(uuid)).cloned()
            }
            DevId::Number(_) => None,
        }
    }

    /// The device as it is, to answer what was not done to it.
    fn unchanged(&self, device: DevId) -> Result<DeviceInfo, DmError> {
        if let Some(info) = self.pretended(&device) {
            return Ok(info);
        }
        let command = Command::Info {
            device,
            slot: Slot::Active,
        };
        match self.driver.call(command)? {
            Reply::Device(info) => Ok(info),
            other => Err(DmError::because(
                dm_core::error::ErrorKind::Protocol,
                format!("info was answered with {other:?}"),
            )),
        }
    }

    /// Says what would be done, and answers as if it had been.
    fn pretend(&self, command: Command) -> Result<Reply, DmError> {
        for (at, line) in said(&command).iter().enumerate() {
            // A table's lines stand below.
            let would = if at == 0 { "would " } else { "" };
            talk(&format!("{would}{line}"));
        }
        match command {
            Command::Create(create) => {
                let number = DevNo {
                    major: 0,
                    minor: create.minor.unwrap_or_default(),
                };
                let mut info = DeviceInfo::new(create.name.clone(), number);
                info.uuid = create.uuid;
                let mut pretended = self
                    .pretended
                    .lock()
                    .unwrap_or_else(PoisonError::into_inner);
                pretended.insert(create.name, info.clone());
                Ok(Reply::Device(info))
            }
            Command::Remove { device, .. } => self.unchanged(device).map(|_| Reply::Done),
            Command::RemoveAll { .. } => Ok(Reply::Done),
            Command::SetGeometry { device, .. } => self.unchanged(device).map(|_| Reply::Done),
            Command::Message { device, .. } => {
                let info = self.unchanged(device)?;
                Ok(Reply::Message(info, None))
            }
            Command::Load(load) => self.unchanged(load.device.clone()).map(Reply::Device),
            Command::Rename { device, .. }
            | Command::SetUuid { device, .. }
            | Command::Clear { device }
            | Command::Suspend { device, .. }
            | Command::Resume { device, .. } => self.unchanged(device).map(Reply::Device),
            // None of these changes anything.
            other => self.driver.call(other),
        }
    }

    /// The answer about a device that was not made.
    fn about_pretended(&self, command: &Command) -> Option<Reply> {
        match command {
            Command::Info { device, .. } => self.pretended(device).map(Reply::Device),
            Command::Deps { device, .. } => self
                .pretended(device)
                .map(|info| Reply::Deps(info, Vec::new())),
            Command::Table { device, .. } | Command::Status { device, .. } => self
                .pretended(device)
                .map(|info| Reply::Lines(info, Vec::new())),
            _ => None,
        }
    }
}

impl<B: Backend> Backend for Layered<B> {
    fn capabilities(&self) -> Capabilities {
        self.driver.capabilities()
    }

    fn call(&self, command: Command) -> Result<Reply, DmError> {
        let shows = self.layers.wire && self.driver.capabilities().driver != "linux";
        if self.layers.dry && command.changes() && !only_asks(&command) {
            if shows {
                show("not sent:", &command);
            }
            return self.pretend(command);
        }
        if let Some(reply) = self.about_pretended(&command) {
            return Ok(reply);
        }
        // Linux's ioctls are shown as they are made.
        if shows {
            show("sent:", &command);
        }
        let reply = self.driver.call(command);
        if shows {
            match &reply {
                Ok(_) => talk("answered: done"),
                Err(error) => talk(&format!("answered: {}", error.report())),
            }
        }
        reply
    }

    fn watch(&self) -> Result<Box<dyn Watch>, DmError> {
        self.driver.watch()
    }
}

/// Shows a command as a dictionary, without its keys.
fn show(title: &str, command: &Command) {
    let request = write_dictionary(&encode(&masked(command)));
    talk(title);
    String::from_utf8_lossy(&request)
        .lines()
        .for_each(|line| talk(&format!("  {}", line.replace('\t', "  "))));
}

/// Whether a command is a message to which counters are the answer.
fn only_asks(command: &Command) -> bool {
    let Command::Message { text, .. } = command else {
        return false;
    };
    let first = text.split_whitespace().next().unwrap_or_default();
    ["@stats_list", "@stats_print"]
        .iter()
        .any(|asking| first.eq_ignore_ascii_case(asking))
}

/// A command without its keys.
fn masked(command: &Command) -> Command {
    let mut command = command.clone();
    match &mut command {
        Command::Load(load) => load.lines.iter_mut().for_each(keys::hide_from_trace),
        Command::Message { text, .. } => *text = masked_message(text),
        _ => {}
    }
    command
}

/// A message without its key.
fn masked_message(text: &str) -> String {
    message_without_keys(text, |key| Some("0".repeat(key.len()))).unwrap_or_else(|| text.to_owned())
}

/// A command in words.
fn said(command: &Command) -> Vec<String> {
    let device = command
        .device()
        .map(|device| format!(" {device}"))
        .unwrap_or_default();
    let first = format!("{}{device}", command.verb());
    match masked(command) {
        Command::Load(load) => {
            let lines = load.lines.iter().map(|line| format!("  {line}"));
            [first].into_iter().chain(lines).collect()
        }
        Command::Rename { name, .. } => vec![format!("{first} to {name}")],
        Command::SetUuid { uuid, .. } => vec![format!("{first} to {uuid}")],
        Command::Message { sector, text, .. } => vec![format!("{first} {sector} {text}")],
        _ => vec![first],
    }
}

/// Linux's control node, whose ioctls are shown: their headers, and how long their data is, which
/// may be keys.
#[derive(Debug)]
pub(crate) struct Shown(pub(crate) Control);

impl Sys for Shown {
    fn ready(&self) -> Result<(), ControlError> {
        self.0.ready()
    }

    fn ioctl(&self, call: Call, buffer: &mut Buffer) -> Result<(), Errno> {
        talk(&format!("ioctl {call:?}:{}", header(buffer.bytes())));
        let answer = self.0.ioctl(call, buffer);
        match &answer {
            Ok(()) => talk(&format!("  answered:{}", header(buffer.bytes()))),
            Err(errno) => talk(&format!("  answered: {errno}")),
        }
        answer
    }

    fn probe_paths(&self, number: DevNo) -> Result<(), Errno> {
        talk(&format!("ioctl of {number}: probe paths"));
        self.0.probe_paths(number)
    }
}

fn header(bytes: &[u8]) -> String {
    let view = View::new(bytes, ByteOrder::NATIVE);
    let Ok((header, size)) = view.and_then(|view| Ok((view.header()?, view.data_size()?))) else {
        return " no header".into();
    };
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let mut words = format!(" version={}", header.version);
    let mut say = |name: &str, value: String| {
        if !value.is_empty() {
            words.push_str(&format!(" {name}={value}"));
        }
    };
    say("name", text(&header.name));
    say("uuid", text(&header.uuid));
    say(
        "dev",
        header.dev.map(|dev| dev.to_string()).unwrap_or_default(),
    );
    let names = Flags::named().filter(|(_, flag)| header.flags.contains(*flag));
    say(
        "flags",
        names.map(|(name, _)| name).collect::<Vec<_>>().join("|"),
    );
    for (name, number) in [
        ("event", header.event),
        ("open", header.open_count),
        ("targets", header.target_count),
    ] {
        if number != 0 {
            say(name, number.to_string());
        }
    }
    say("size", size.to_string());
    words
}

#[cfg(test)]
mod tests {
    use dm_core::client::Dm;
    use dm_core::command::{Create, Load, SuspendOptions};
    use dm_core::engine::Engine;
    use dm_core::table::TableLine;

    use super::*;

    #[test]
    fn dry_run_changes_nothing() {
        let engine = Engine::new();
        let layers = Layers {
            dry: true,
            wire: false,
        };
        let dm = Dm::new(Layered::new(engine.clone(), layers));
        let name = DmName::new("vol0").unwrap();
        dm.create(Create::new(name.clone())).unwrap();
        let lines = TableLine::parse_table("0 8 zero").unwrap();
        dm.load(Load::new(name.clone(), lines)).unwrap();
        dm.resume(name.clone(), SuspendOptions::default()).unwrap();
        assert_eq!(dm.info(name, Slot::Active).unwrap().name.as_str(), "vol0");
        assert!(Dm::new(engine).list().unwrap().is_empty());
    }

    #[test]
    fn what_is_said_has_no_keys() {
        let lines = TableLine::parse_table("0 8 crypt aes-xts-plain64 00112233 0 /dev/sda 0");
        let load = Load::new(DmName::new("vol0").unwrap(), lines.unwrap());
        let said = said(&Command::Load(load)).join("\n");
        assert_eq!(
            said,
            "load vol0\n  0 8 crypt aes-xts-plain64 00000000 0 /dev/sda 0"
        );
        assert_eq!(masked_message("key set 0011"), "key set 0000");
        assert_eq!(masked_message("key set :32:logon:k"), "key set :32:logon:k");
        assert_eq!(masked_message("key wipe"), "key wipe");
    }
}
