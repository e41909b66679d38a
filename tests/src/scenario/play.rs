//! Plays a script on a driver and writes down what came of it.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::thread;
use std::time::Duration;

use dm_core::backend::Backend;
use dm_core::command::{Command, DeviceInfo, ListFilter, Reply, Slot};
use dm_core::component::TableMode;
use dm_core::devid::DevNo;
use dm_core::errno::Errno;
use dm_core::error::{DmError, ErrorKind};
use dm_core::table::TableLine;
use dm_core::target::FlushMode;

use super::care::Care;
use super::step::Step;

/// An open device, as a driver gives it.
pub trait Disk {
    /// Fills `bytes` from sector `start` on.
    ///
    /// # Errors
    /// What the device answers.
    fn read(&mut self, start: u64, bytes: &mut [u8]) -> Result<(), Errno>;

    /// Stores `bytes` from sector `start` on, down to the device.
    ///
    /// # Errors
    /// What the device answers.
    fn write(&mut self, start: u64, bytes: &[u8]) -> Result<(), Errno>;
}

/// Opens a device of a driver by name.
pub type OpenDisk<'a> = &'a dyn Fn(&str, TableMode) -> Result<Box<dyn Disk>, Errno>;

/// A driver with base devices.
pub struct World<'a> {
    /// The driver.
    pub backend: &'a (dyn Backend + Sync),
    /// Opens its devices.
    pub open: OpenDisk<'a>,
    /// What `$0`, `$1` … stand for in tables.
    pub bases: &'a [String],
    /// Their numbers, where the driver shows numbers in their place.
    pub numbers: &'a [DevNo],
}

/// Plays `steps` and gives a line for each.
pub fn play(steps: &[Step], world: &World<'_>) -> Vec<String> {
    let mut player = Player {
        world,
        open: BTreeMap::new(),
        care: Care::default(),
    };
    let lines = steps.iter().map(|step| player.step(step)).collect();
    player.clean();
    lines
}

struct Player<'a> {
    world: &'a World<'a>,
    open: BTreeMap<String, Vec<Box<dyn Disk>>>,
    care: Care,
}

impl Player<'_> {
    fn step(&mut self, step: &Step) -> String {
        match step {
            Step::Ask(command) => format!("{}: {}", show(command), self.ask(command.clone())),
            Step::Load {
                device,
                table,
                mode,
            } => {
                let said = table.replace('\n', " | ");
                let said = if said.len() > 200 {
                    format!("{} bytes", said.len())
                } else {
                    said
                };
                let outcome = match self.with_bases(table) {
                    Some(table) => match Step::load_command(device, &table, *mode) {
                        Ok(command) => self.ask(command),
                        Err(error) => format!("does not parse: {error}"),
                    },
                    None => "names a device that is not there".to_owned(),
                };
                format!("load {device} {said}: {outcome}")
            }
            Step::Open(device) => {
                let opened = (self.world.open)(device, TableMode::ReadOnly);
                let said = format!("open {device}: {:?}", opened.as_ref().map(|_| ()));
                if let Ok(disk) = opened {
                    self.open.entry(device.clone()).or_default().push(disk);
                }
                said
            }
            Step::Close(device) => {
                let closed = self.open.get_mut(device).and_then(Vec::pop).is_some();
                self.care.settle(self.world.backend);
                format!("close {device}: {closed}")
            }
            Step::Write {
                device,
                start,
                count,
                byte,
            } => {
                let bytes = vec![*byte; usize::try_from(count * 512).unwrap_or(0)];
                let done = (self.world.open)(device, TableMode::ReadWrite)
                    .and_then(|mut disk| disk.write(*start, &bytes));
                format!("write {device} {start}+{count} of {byte}: {done:?}")
            }
            Step::Read {
                device,
                start,
                count,
            } => {
                let mut bytes = vec![0xa5; usize::try_from(count * 512).unwrap_or(0)];
                let done = (self.world.open)(device, TableMode::ReadOnly)
                    .and_then(|mut disk| disk.read(*start, &mut bytes));
                let sum = done.map(|()| runs(&bytes));
                format!("read {device} {start}+{count}: {sum:?}")
            }
            Step::WaitWhile {
                device,
                event,
                steps,
            } => self.wait_while(device, *event, steps),
        }
    }

    fn wait_while(&mut self, device: &str, event: u32, steps: &[Step]) -> String {
        let world = self.world;
        let command = Command::Wait {
            device: super::step::name(device).into(),
            event,
            flush: FlushMode::Flush,
        };
        let (backend, said) = (world.backend, show(&command));
        thread::scope(|scope| {
            let waiter = scope.spawn(move || backend.call(command));
            thread::sleep(Duration::from_millis(100));
            let early = waiter.is_finished();
            let meanwhile: Vec<String> = steps.iter().map(|step| self.step(step)).collect();
            let end = waiter.join().map(|mut end| {
                // Whoever raised the event may have closed the device meanwhile, or not.
                if let Ok(Reply::Lines(info, _)) = &mut end {
                    info.open_count = 0;
                }
                end
            });
            let outcome = end.map_or_else(|_| "panic".into(), |end| self.outcome(end));
            format!(
                "{said} (early: {early}) while [{}]: {outcome}",
                meanwhile.join("; ")
            )
        })
    }

    /// The table with the devices that scripts name in it; `None` if one is not there.
    fn with_bases(&self, table: &str) -> Option<String> {
        let mut text = table.to_owned();
        for (at, base) in self.world.bases.iter().enumerate() {
            text = text.replace(&format!("${at}"), base);
        }
        // By number: a kernel's device has no node before its first resume.
        let words = text.split_inclusive([' ', '\n']).map(|word| {
            let Some(device) = word.trim_end().strip_prefix("/dev/mapper/") else {
                return Some(word.to_owned());
            };
            let command = Command::Info {
                device: super::step::name(device).into(),
                slot: Slot::Active,
            };
            match self.world.backend.call(command) {
                Ok(Reply::Device(info)) => {
                    Some(format!("{}{}", info.number, &word[word.trim_end().len()..]))
                }
                _ => None,
            }
        });
        words.collect()
    }

    fn ask(&mut self, command: Command) -> String {
        if self.care.leaves_out(&command) {
            return "left out".to_owned();
        }
        let end = self.world.backend.call(command.clone());
        self.care.note(&command, &end, self.world.backend);
        self.outcome(end)
    }

    fn outcome(&self, end: Result<Reply, DmError>) -> String {
        match end {
            Ok(reply) => self.reply(&reply),
            Err(error) => {
                let errno = error
                    .context
                    .errno
                    .map_or_else(String::new, |e| format!(" {e:?}"));
                format!("refused: {}{errno}", kind(error.kind))
            }
        }
    }

    fn reply(&self, reply: &Reply) -> String {
        match reply {
            Reply::Done => "done".into(),
            Reply::Version(_) => "a version".into(),
            Reply::Targets(targets) => format!("{} targets", targets.len()),
            Reply::Devices(devices) => {
                let mut text = String::new();
                for device in devices {
                    let uuid = device.uuid.as_ref().map_or("", |uuid| uuid.as_str());
                    let _ = write!(text, "{} #{} {uuid}; ", device.name, device.number.minor);
                }
                format!("devices {text}")
            }
            Reply::Device(info) => show_info(info),
            Reply::Deps(_, deps) => {
                let mut names: Vec<_> = deps.iter().map(|dep| self.number(dep.number)).collect();
                names.sort();
                format!("deps {names:?}")
            }
            Reply::Lines(info, lines) => format!("{} {}", show_info(info), self.lines(lines)),
            Reply::Message(_, answer) => format!("answer {answer:?}"),
            _ => "another reply".into(),
        }
    }

    fn number(&self, number: DevNo) -> String {
        match self.world.numbers.iter().position(|base| *base == number) {
            Some(at) => format!("${at}"),
            None => format!("dm-{}", number.minor),
        }
    }

    /// Lines with the base devices as scripts name them; of many lines, a sum.
    fn lines(&self, lines: &[TableLine]) -> String {
        let mut text = String::new();
        for line in lines {
            let _ = write!(text, "| {} {} {}", line.start, line.length, line.target);
            for word in line.params.split(' ') {
                let base = self.world.bases.iter().position(|base| base == word);
                let _ = match (word.parse::<DevNo>(), base) {
                    (Ok(number), _) => write!(text, " {}", self.number(number)),
                    (_, Some(base)) => write!(text, " ${base}"),
                    (_, None) => write!(text, " {word}"),
                };
            }
        }
        if text.len() > 4000 {
            let sum = text
                .bytes()
                .fold(0_u64, |sum, byte| sum.wrapping_mul(31) + u64::from(byte));
            return format!("{} lines, sum {sum:x}", lines.len());
        }
        text
    }

    /// Takes away what a script left.
    fn clean(&mut self) {
        self.open.clear();
        thread::sleep(Duration::from_millis(10));
        for _ in 0..8 {
            let Ok(Reply::Devices(devices)) =
                self.world.backend.call(Command::List(ListFilter::ALL))
            else {
                return;
            };
            if devices.is_empty() {
                return;
            }
            for device in devices {
                let id = device.name;
                let options = dm_core::command::SuspendOptions::default();
                let resume = Command::Resume {
                    device: id.clone().into(),
                    options,
                };
                let _ = self.world.backend.call(resume);
                let mode = dm_core::command::RemoveMode::IfUnused;
                let _ = self.world.backend.call(Command::Remove {
                    device: id.into(),
                    mode,
                });
            }
        }
    }
}

fn show(command: &Command) -> String {
    let device = command.device().unwrap_or_default();
    match command {
        Command::Info { slot, .. }
        | Command::Deps { slot, .. }
        | Command::Table { slot, .. }
        | Command::Status { slot, .. } => format!("{} {device} {slot:?}", command.verb()),
        Command::Rename { name, .. } => format!("rename {device} to {name}"),
        Command::Wait { event, .. } => format!("wait {device} {event}"),
        Command::Remove { mode, .. } => format!("remove {device} {mode:?}"),
        Command::Suspend { options, .. } => format!("suspend {device} {:?}", options.flush),
        Command::Message { sector, text, .. } => format!("message {device} {sector} {text}"),
        _ => format!("{} {device}", command.verb()),
    }
}

fn show_info(info: &DeviceInfo) -> String {
    format!(
        "{} #{} uuid {:?} {:?} open {} event {} targets {}",
        info.name,
        info.number.minor,
        info.uuid.as_ref().map(|uuid| uuid.as_str().to_owned()),
        info.flags,
        info.open_count,
        info.event,
        info.target_count
    )
}

/// A driver that loses why a table is wrong can only say that it is.
fn kind(kind: ErrorKind) -> &'static str {
    match kind {
        ErrorKind::InvalidTable | ErrorKind::Invalid => "invalid",
        other => other.word(),
    }
}

/// Bytes as runs: short for what scripts write.
fn runs(bytes: &[u8]) -> String {
    let mut text = String::new();
    for run in bytes.chunk_by(|a, b| a == b) {
        let _ = write!(text, "{}x{} ", run[0], run.len());
    }
    text
}
