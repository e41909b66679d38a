//! What a verb works with: the options of every verb, the driver, and the way out.

use std::cell::{Cell, OnceCell};
use std::ffi::OsString;
use std::io::{self, Write};
use std::ops::ControlFlow;
use std::path::Path;

use clap::{ArgAction, Args};
use dm_core::command::DeviceInfo;
use dm_core::units::SectorCount;
use dm_linux::mangle::Mode;

use crate::backend::{Choice, Connected, Driver, Place};
use crate::failure::Failure;
use crate::layer::Layers;
use crate::output::{Answer, Format, human, json, talk, write_stdout};
use crate::udev::UdevOptions;

/// The options of every verb.
#[derive(Debug, Args)]
#[command(next_help_heading = "Options of every verb")]
pub(super) struct Globals {
    /// Say more: which driver, and what became of the device
    #[arg(short, long, action = ArgAction::Count, global = true)]
    verbose: u8,
    /// Answer with one JSON document
    #[arg(long, global = true)]
    json: bool,
    /// The driver: auto, engine, linux, netbsd or socket:PATH
    #[arg(
        long,
        global = true,
        value_name = "DRIVER",
        env = "DM_BACKEND",
        default_value = "auto"
    )]
    backend: Choice,
    /// How names are written for Linux: none, auto or hex
    #[arg(
        long,
        global = true,
        value_name = "MODE",
        env = "DM_DEFAULT_NAME_MANGLING_MODE",
        hide_env = true,
        value_parser = mangling
    )]
    manglename: Option<Mode>,
    /// Only say what would be changed
    #[arg(long, global = true)]
    dry_run: bool,
    /// Show what is sent to the driver, without keys
    #[arg(long, global = true)]
    show_wire: bool,
    #[command(flatten)]
    udev: UdevOptions,
}

impl Globals {
    /// What they are where none is typed but, perhaps, the driver; unless the environment says what
    /// only a parser reads.
    pub(super) fn unsaid(driver: Option<&OsString>) -> Option<Globals> {
        let told = ["DM_DEFAULT_NAME_MANGLING_MODE", "DM_UDEV_COOKIE"];
        if told.iter().any(|name| std::env::var_os(name).is_some()) {
            return None;
        }
        let variable = || std::env::var_os("DM_BACKEND");
        let backend = match driver.cloned().or_else(variable) {
            Some(text) => text.to_str()?.parse().ok()?,
            None => Choice::default(),
        };
        Some(Globals {
            verbose: 0,
            json: false,
            backend,
            manglename: None,
            dry_run: false,
            show_wire: false,
            udev: UdevOptions::default(),
        })
    }
}

fn mangling(text: &str) -> Result<Mode, String> {
    match text.to_ascii_lowercase().as_str() {
        "none" => Ok(Mode::None),
        "auto" => Ok(Mode::Auto),
        "hex" => Ok(Mode::Hex),
        _ => Err("use none, auto or hex".into()),
    }
}

/// One run of `dmctl`.
pub(super) struct Session {
    globals: Globals,
    verb: &'static str,
    said: &'static str,
    connected: OnceCell<Connected>,
    answered: Cell<bool>,
}

impl Session {
    /// A session for `verb` with these options; `said` is the verb with the one beneath it.
    pub(super) fn new(globals: Globals, verb: &'static str, said: &'static str) -> Session {
        Session {
            globals,
            verb,
            said,
            connected: OnceCell::new(),
            answered: Cell::new(false),
        }
    }

    /// The same, with a driver that is there already.
    #[cfg(test)]
    pub(super) fn over(mut self, connected: Connected) -> Session {
        self.connected = connected.into();
        self
    }

    /// The driver, for the next session.
    #[cfg(test)]
    pub(super) fn take(self) -> Option<Connected> {
        self.connected.into_inner()
    }

    /// The driver's commands.
    pub(super) fn dm(&self) -> Result<&Driver, Failure> {
        self.connected().map(|connected| &connected.dm)
    }

    /// Where the driver's devices are.
    pub(super) fn place(&self) -> Result<&Place, Failure> {
        self.connected().map(|connected| &connected.place)
    }

    /// A device's state as text.
    pub(super) fn described(&self, info: &DeviceInfo) -> String {
        human::info(info, self.read_ahead(info))
    }

    /// How far is read ahead on a device, where that is known.
    pub(super) fn read_ahead(&self, info: &DeviceInfo) -> Option<SectorCount> {
        let connected = self.connected.get();
        connected.and_then(|connected| connected.read_ahead(info.number))
    }

    fn connected(&self) -> Result<&Connected, Failure> {
        if let Some(connected) = self.connected.get() {
            return Ok(connected);
        }
        self.globals.manglename.unwrap_or_default().set();
        let layers = Layers {
            dry: self.globals.dry_run,
            wire: self.globals.show_wire,
        };
        let connected = self.globals.backend.connect(&self.globals.udev, layers)?;
        self.note(|| format!("backend: {}", connected.described));
        Ok(self.connected.get_or_init(|| connected))
    }

    /// What the driver calls itself, if one was asked.
    pub(super) fn driver(&self) -> Option<&'static str> {
        let connected = self.connected.get()?;
        Some(connected.dm.capabilities().driver)
    }

    /// How the user wants udev to be gone about.
    pub(super) fn udev(&self) -> &UdevOptions {
        &self.globals.udev
    }

    /// The verb.
    pub(super) fn verb(&self) -> &'static str {
        self.verb
    }

    /// What the user typed: the verb with the one beneath it.
    pub(super) fn said(&self) -> &'static str {
        self.said
    }

    /// What stdout gets.
    pub(super) fn format(&self) -> Format {
        if self.globals.json {
            Format::Json
        } else {
            Format::Text
        }
    }

    /// Whether the user wants to hear more.
    pub(super) fn verbose(&self) -> bool {
        self.globals.verbose > 0
    }

    /// Says a line on stderr if the user wants to hear more.
    pub(super) fn note(&self, line: impl FnOnce() -> String) {
        if self.verbose() {
            talk(&format!("dmctl: {}", line()));
        }
    }

    /// Answers with the state of a device that was changed: in text only if the user wants to hear
    /// more, as dmsetup does.
    pub(super) fn changed(&self, answer: &mut Answer, info: &DeviceInfo) {
        if self.verbose() {
            answer.text.push_str(&self.described(info));
        }
        answer.field("device", json::info(info));
    }

    /// Shows an answer at once, for verbs that go on afterwards.
    pub(super) fn show(&self, answer: Answer) -> Result<(), Failure> {
        self.answered.set(true);
        let text = answer.render(self.format(), self.verb, None);
        write_stdout(&text).map_err(|error| Failure::io("write to", Path::new("stdout"), &error))
    }

    /// Shows a line at once, for verbs whose answer is lines; they end when nobody reads on.
    pub(super) fn show_line(&self, line: &str) -> Result<ControlFlow<()>, Failure> {
        self.answered.set(true);
        let mut stdout = io::stdout().lock();
        match stdout
            .write_all(line.as_bytes())
            .and_then(|()| stdout.flush())
        {
            Ok(()) => Ok(ControlFlow::Continue(())),
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(ControlFlow::Break(())),
            Err(error) => Err(Failure::io("write to", Path::new("stdout"), &error)),
        }
    }

    /// How names are to be written for Linux, if the user says so.
    pub(super) fn mangling(&self) -> Option<Mode> {
        self.globals.manglename
    }

    /// Whether nothing is to be changed.
    pub(super) fn is_dry(&self) -> bool {
        self.globals.dry_run
    }

    /// Which driver the user asked for.
    pub(super) fn backend(&self) -> &Choice {
        &self.globals.backend
    }

    /// Shows a text at once, for what others are about to print behind it.
    pub(super) fn show_text(&self, text: &mut String) -> Result<(), Failure> {
        if self.format() == Format::Json {
            return Ok(());
        }
        let text = std::mem::take(text);
        write_stdout(&text).map_err(|error| Failure::io("write to", Path::new("stdout"), &error))
    }

    /// Shows the answer, unless that was done and there is nothing to add.
    pub(super) fn finish(&self, answer: Answer, failure: Option<&Failure>) -> io::Result<()> {
        if self.globals.show_wire && self.connected.get().is_none() {
            talk("sent: nothing, no driver was asked");
        }
        if self.answered.get() && failure.is_none() {
            return Ok(());
        }
        write_stdout(&answer.render(self.format(), self.verb, failure))
    }
}
