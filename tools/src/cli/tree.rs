//! `dmctl tree`: the stack, each device once, with its size and targets.

use std::collections::BTreeMap;

use clap::Args;
use dm_core::command::Slot;
use dm_core::devid::DevNo;
use dm_core::flags::DeviceFlags;
use serde_json::{Value, json};

use crate::failure::Failure;
use crate::output::escape::printable;
use crate::output::terminal::{has_colours, width};
use crate::output::tree::{ASCII, UNICODE};
use crate::output::{Answer, human, json};
use crate::stack::{Device, Stack, Way, block_name};
use crate::units::Units;

use super::commands::Run;
use super::ls::speaks_unicode;
use super::session::Session;

/// The devices are to be drawn: each above what it stands on.
#[derive(Debug, Args)]
pub(super) struct Tree {
    /// From the disks on: each device below what it stands on
    #[arg(long)]
    inverse: bool,
    /// Draw with ASCII characters
    #[arg(long)]
    ascii: bool,
}

/// What is said of a mapped device's table.
#[derive(Clone, Debug, Default)]
pub(super) struct Content {
    /// Its sectors.
    pub(super) sectors: u64,
    /// The kinds of its targets, each once.
    pub(super) targets: Vec<String>,
}

/// Reads the tables of all mapped devices of a stack.
pub(super) fn contents(
    session: &Session,
    stack: &Stack,
) -> Result<BTreeMap<DevNo, Content>, Failure> {
    let dm = session.dm()?;
    let mut all = BTreeMap::new();
    for device in stack.devices() {
        let Some(info) = &device.info else { continue };
        // One that went meanwhile has nothing.
        let Ok((_, lines)) = dm.table(info.name.clone(), Slot::Active) else {
            continue;
        };
        let mut content = Content::default();
        for line in lines {
            content.sectors += line.length.0;
            let target = line.target.to_string();
            if !content.targets.contains(&target) {
                content.targets.push(target);
            }
        }
        all.insert(device.number, content);
    }
    Ok(all)
}

/// What is not usual about a device.
pub(super) fn states(device: &Device) -> impl Iterator<Item = &'static str> {
    let flags = device.info.as_ref().map(|info| info.flags);
    let flags = flags.unwrap_or(DeviceFlags::empty());
    let words = [
        (DeviceFlags::SUSPENDED, "suspended"),
        (DeviceFlags::READ_ONLY, "read-only"),
        (DeviceFlags::INACTIVE_PRESENT, "inactive table"),
        (DeviceFlags::DEFERRED_REMOVE, "goes on last close"),
    ];
    let has = move |(flag, word)| flags.contains(flag).then_some(word);
    words.into_iter().filter_map(has)
}

/// What a device is called: its name, the path in its user's table, the kernel's name or its number.
pub(super) fn called(device: &Device) -> String {
    let name = device.name().or(device.text.as_deref());
    let name = name.map_or_else(|| block_name(device.number), str::to_owned);
    printable(&name).into_owned()
}

impl Run for Tree {
    fn run(self, session: &Session, answer: &mut Answer) -> Result<(), Failure> {
        let stack = Stack::of(session.dm()?)?;
        let contents = contents(session, &stack)?;
        if stack.devices().is_empty() {
            answer.text = human::NO_DEVICES.into();
        }
        let way = if self.inverse { Way::Up } else { Way::Down };
        let lines = if self.ascii || !speaks_unicode() {
            ASCII
        } else {
            UNICODE
        };
        let mut drawing = Drawing {
            stack: &stack,
            contents: &contents,
            way,
            lines,
            colours: has_colours(),
            width: width(),
            seen: Vec::new(),
            text: String::new(),
        };
        for device in stack.starts(way) {
            drawing.draw(device, "", "");
        }
        answer.text += &drawing.text;
        answer.field("devices", devices(&stack, &contents));
        Ok(())
    }
}

/// All devices, with the numbers of those on which they stand.
pub(super) fn devices(stack: &Stack, contents: &BTreeMap<DevNo, Content>) -> Value {
    let one = |device: &Device| {
        let numbers = |way| -> Vec<String> {
            let next = stack.next(device, way);
            next.map(|device| device.number.to_string()).collect()
        };
        let content = contents.get(&device.number);
        json!({
            "number": device.number.to_string(),
            "name": device.name(),
            "path": device.text,
            "stands_on": numbers(Way::Down),
            "used_by": numbers(Way::Up),
            "sectors": content.map(|content| content.sectors),
            "targets": content.map(|content| content.targets.clone()),
            "state": device.info.as_ref().map(json::info),
        })
    };
    stack.devices().iter().map(one).collect()
}

struct Drawing<'a> {
    stack: &'a Stack,
    contents: &'a BTreeMap<DevNo, Content>,
    way: Way,
    lines: crate::output::tree::Lines,
    colours: bool,
    width: Option<usize>,
    seen: Vec<DevNo>,
    text: String,
}

impl Drawing<'_> {
    /// Draws a device behind `before`, and what is next behind `indent`.
    fn draw(&mut self, device: &Device, before: &str, indent: &str) {
        let name = called(device);
        let shared = self.seen.contains(&device.number);
        let next: Vec<&Device> = self.stack.next(device, self.way).collect();
        let mut says = Vec::new();
        if let Some(content) = self.contents.get(&device.number) {
            let size = Units::new("h").map(|units| units.show(content.sectors as f64));
            says.extend(size);
            says.push(content.targets.join(","));
        }
        says.extend(states(device).map(str::to_owned));
        if shared && !next.is_empty() {
            says.push("see above".to_owned());
        }
        let says = says.into_iter().filter(|word| !word.is_empty());
        let says = says.collect::<Vec<_>>().join("  ");
        let plain = format!("{before}{name} ({}) {says}", device.number);
        let line = match self.width {
            // A narrow terminal cuts, and colours would be cut with it.
            Some(width) if plain.chars().count() > width => {
                plain.chars().take(width.max(1)).collect()
            }
            _ if self.colours => {
                let colour = if device.info.is_some() { "1" } else { "2" };
                format!(
                    "{before}\x1b[{colour}m{name}\x1b[0m ({}) {says}",
                    device.number
                )
            }
            _ => plain,
        };
        self.text += line.trim_end();
        self.text.push('\n');
        if shared {
            return;
        }
        self.seen.push(device.number);
        for (at, below) in next.iter().enumerate() {
            let last = at + 1 == next.len();
            let (branch, pass) = match last {
                true => (self.lines.last, self.lines.empty),
                false => (self.lines.branch, self.lines.pass),
            };
            self.draw(
                below,
                &format!("{indent}{branch}"),
                &format!("{indent}{pass}"),
            );
        }
    }
}
