//! `dmctl ls`.

use std::process::{Command, Stdio};

use clap::{Args, ValueEnum};
use dm_core::command::{DeviceEntry, Slot};
use dm_core::devid::DevNo;
use dm_core::names::TargetName;
use dm_core::target::FlushMode;
use serde_json::{Value, json};

use crate::backend::Place;
use crate::failure::Failure;
use crate::output::escape::printable;
use crate::output::tree::{self, ASCII, Style, UNICODE, VT100};
use crate::output::{Answer, human, json};
use crate::stack::{Device, Stack, Way, block_name, kernel_name};

use super::commands::Run;
use super::devices::nodes;
use super::session::Session;

/// The devices are to be listed.
#[derive(Debug, Default, Args)]
pub(super) struct Ls {
    /// Only devices with a line of this target
    #[arg(long)]
    target: Option<TargetName>,
    /// Run this command for each device, with its node's path as the last word
    #[arg(long, value_name = "COMMAND")]
    exec: Option<String>,
    /// Draw what stands on what
    #[arg(long, conflicts_with_all = ["target", "exec"])]
    tree: bool,
    /// How devices are shown: devno, blkdevname or devname. With --tree, with commas between:
    /// device, nodevice, blkdevname, active, open, rw, uuid; ascii, utf, vt100; compact, inverted,
    /// notrunc
    #[arg(short, long, value_name = "OPTIONS")]
    options: Option<String>,
}

/// How a device is said.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(super) enum Saying {
    /// By its number.
    #[default]
    Devno,
    /// By the kernel's name.
    Blkdevname,
    /// By its name, if it is mapped.
    Devname,
}

impl Saying {
    /// Reads how: any beginning of a word will do.
    pub(super) fn read(options: Option<&str>) -> Result<Saying, Failure> {
        let mut saying = Saying::default();
        for word in options.unwrap_or_default().split(',') {
            saying = match word {
                word if "devno".starts_with(word) => Saying::Devno,
                word if "blkdevname".starts_with(word) => Saying::Blkdevname,
                word if "devname".starts_with(word) => Saying::Devname,
                word => {
                    let reason = format!("there is no option {word:?}");
                    return Err(Failure::usage(reason).hint("devno, blkdevname or devname"));
                }
            };
        }
        Ok(saying)
    }

    /// Says a device, with `between` its numbers.
    pub(super) fn say(self, number: DevNo, all: &[DeviceEntry], between: &str) -> String {
        let number_text = || format!("{}{between}{}", number.major, number.minor);
        let entry = all.iter().find(|entry| entry.number == number);
        match (self, entry) {
            (Saying::Devno, _) => number_text(),
            (Saying::Devname, Some(entry)) => printable(entry.name.as_str()).into_owned(),
            (Saying::Blkdevname | Saying::Devname, _) => block_name(number),
        }
    }
}

impl Run for Ls {
    fn run(self, session: &Session, answer: &mut Answer) -> Result<(), Failure> {
        if self.tree {
            return self.draw(session, answer);
        }
        let saying = Saying::read(self.options.as_deref())?;
        let dm = session.dm()?;
        let devices = dm.list()?;
        if devices.is_empty() {
            answer.text = human::NO_DEVICES.into();
        }
        // dmsetup heeds no -o beside these.
        let filtered = self.target.is_some() || self.exec.is_some();
        let (saying, between) = match filtered {
            true => (Saying::Devno, ", "),
            false => (saying, ":"),
        };
        let in_kernel = *session.place()? == Place::Kernel;
        let mut shown = Vec::new();
        for entry in &devices {
            if let Some(target) = &self.target {
                let (_, lines) = dm.status(entry.number, Slot::Active, FlushMode::NoFlush)?;
                if lines.iter().all(|line| line.target != *target) {
                    continue;
                }
            }
            if self.exec.is_none() || session.verbose() {
                // Without a table it is no block device that a name could be found for.
                let nameless =
                    saying == Saying::Devname && in_kernel && kernel_name(entry.number).is_none();
                let saying = if nameless { Saying::Devno } else { saying };
                let said = saying.say(entry.number, &devices, between);
                let name = printable(entry.name.as_str());
                answer.text.push_str(&format!("{name}\t({said})\n"));
            }
            if let Some(command) = &self.exec {
                session.show_text(&mut answer.text)?;
                execute(command, entry)?;
            }
            shown.push(entry.clone());
        }
        answer.field("devices", json::list(&shown));
        Ok(())
    }
}

/// Runs a command on a device's node. How it ends is its own affair.
fn execute(command: &str, entry: &DeviceEntry) -> Result<(), Failure> {
    let mut words = command.split_whitespace();
    let Some(program) = words.next() else {
        return Err(Failure::usage("--exec: there is no command"));
    };
    let name = dm_linux::mangle::mangle(entry.name.as_str());
    let name = name.unwrap_or_else(|_| entry.name.as_str().into());
    let path = format!("{}{name}", nodes());
    Command::new(program)
        .args(words)
        .arg(path)
        .stdin(Stdio::inherit())
        .status()
        .map_err(|error| Failure::io("run", program.as_ref(), &error))?;
    Ok(())
}

impl Ls {
    fn draw(&self, session: &Session, answer: &mut Answer) -> Result<(), Failure> {
        let style = style(self.options.as_deref().unwrap_or_default())?;
        let stack = Stack::of(session.dm()?)?;
        if stack.devices().is_empty() {
            answer.text = human::NO_DEVICES.into();
        }
        answer.text.push_str(&tree::draw(&stack, &style));
        answer.field("devices", devices_json(&stack));
        Ok(())
    }
}

/// All devices with the numbers of those on which they stand.
pub(super) fn devices_json(stack: &Stack) -> Value {
    let one = |device: &Device| {
        let below = stack.next(device, Way::Down);
        let below: Vec<String> = below.map(|below| below.number.to_string()).collect();
        json!({
            "number": device.number.to_string(),
            "name": device.name(),
            "path": device.text,
            "stands_on": below,
            "state": device.info.as_ref().map(json::info),
        })
    };
    stack.devices().iter().map(one).collect()
}

/// The tree that options ask for.
fn style(options: &str) -> Result<Style, Failure> {
    let mut style = Style {
        lines: if speaks_unicode() { UNICODE } else { ASCII },
        way: Way::Down,
        number: true,
        block_name: false,
        active: false,
        open: false,
        writable: false,
        uuid: false,
        compact: false,
        width: Some(0),
    };
    for word in options.split(',').filter(|word| !word.is_empty()) {
        match word {
            "device" => style.number = true,
            "nodevice" => style.number = false,
            "blkdevname" => style.block_name = true,
            "active" => style.active = true,
            "open" => style.open = true,
            "rw" => style.writable = true,
            "uuid" => style.uuid = true,
            "ascii" => style.lines = ASCII,
            "utf" => style.lines = UNICODE,
            "vt100" => style.lines = VT100,
            "compact" => style.compact = true,
            "inverted" => style.way = Way::Up,
            "notrunc" => style.width = None,
            // dmsetup knows them, and shows nothing for them either.
            "table" | "status" => {}
            _ => {
                let reason = format!("there is no tree option {word:?}");
                return Err(Failure::usage(reason).hint("see dmctl help ls"));
            }
        }
    }
    if style.width.is_some() {
        let terminal = crate::output::terminal::width().filter(|width| *width > 3);
        let terminal = terminal.filter(|_| style.lines != VT100);
        style.width = Some(terminal.map_or(80, |width| width - 3));
    }
    Ok(style)
}

/// Whether the user's locale has Unicode.
pub(super) fn speaks_unicode() -> bool {
    let set = ["LC_ALL", "LC_CTYPE", "LANG"].into_iter();
    let mut set = set.filter_map(|name| std::env::var(name).ok());
    let locale = set.find(|value| !value.is_empty()).unwrap_or_default();
    let locale = locale.to_ascii_lowercase();
    locale.contains("utf-8") || locale.contains("utf8")
}
