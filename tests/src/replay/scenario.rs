//! One conversation.

use std::collections::BTreeSet;
use std::fs;
use std::io::{self, Error, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use dm_proto::netbsd::Module;
use dm_proto::proplib::{Limits, Value, read_dictionary};
use tracing::Level;

use super::log::{self, Event};
use super::machine::{Machine, NodeKind};
use super::show::{runs, unified};

/// How a conversation went.
#[derive(Debug)]
pub struct Outcome {
    /// The scenario's folder, as in `life` or `undefined/self`.
    pub name: String,
    /// How many steps it has.
    pub steps: usize,
    /// How many reads and writes it has.
    pub ios: usize,
    /// Where ours was another. None where the kernel's is no model.
    pub differences: Vec<Difference>,
    /// What our driver said about it.
    pub said: Vec<String>,
}

/// A reply, a read or a write that was another.
#[derive(Clone, Debug)]
pub struct Difference {
    /// The step's number, or that of the step before and the io's place behind it.
    pub step: String,
    /// Lines of theirs and ours.
    pub text: String,
}

/// A scenario being played.
struct Player<'a> {
    dir: &'a Path,
    machine: Machine,
    /// The steps to come, as `index.tsv` names them: number and name.
    steps: std::vec::IntoIter<(String, String)>,
    /// The names that devices have had.
    names: BTreeSet<String>,
    last: String,
    /// Reads and writes since the last step.
    since: usize,
    ios: usize,
    compared: Compared,
    differences: Vec<Difference>,
}

/// Whether the kernel's replies are a model.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Compared {
    Yes,
    No,
}

/// The scenarios in a folder, in order: itself, or those below it.
///
/// # Errors
/// If it can not be read, or has none.
pub fn scenarios(dir: &Path) -> io::Result<Vec<PathBuf>> {
    let found = below(dir)?;
    match found.is_empty() {
        true => Err(Error::other(format!("{}: no scenario", dir.display()))),
        false => Ok(found),
    }
}

fn below(dir: &Path) -> io::Result<Vec<PathBuf>> {
    if dir.join("index.tsv").is_file() {
        return Ok(vec![dir.into()]);
    }
    let mut folders = Vec::new();
    for entry in fs::read_dir(dir).map_err(|error| about(dir, &error))? {
        let path = entry?.path();
        if path.is_dir() {
            folders.push(path);
        }
    }
    folders.sort();
    let found: io::Result<Vec<_>> = folders.iter().map(|folder| below(folder)).collect();
    Ok(found?.into_iter().flatten().collect())
}

/// Plays the scenario in a folder against a new driver.
///
/// # Errors
/// If one of its files can not be read.
pub fn play(dir: &Path) -> io::Result<Outcome> {
    let said = Said::default();
    let writer = said.clone();
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(Level::INFO)
        .without_time()
        .with_target(false)
        .with_level(false)
        .with_ansi(false)
        .with_writer(move || writer.clone())
        .finish();
    let mut outcome = tracing::subscriber::with_default(subscriber, || play_silently(dir))?;
    outcome.said = said.lines();
    Ok(outcome)
}

fn play_silently(dir: &Path) -> io::Result<Outcome> {
    let folder = |path: Option<&Path>| {
        let name = path.and_then(Path::file_name).unwrap_or_default();
        name.to_string_lossy().into_owned()
    };
    let (name, above) = (folder(Some(dir)), folder(dir.parent()));
    let undefined = above == "undefined";
    let index = read(&dir.join("index.tsv"))?;
    let index = String::from_utf8_lossy(&index).into_owned();
    let steps: Vec<_> = index.lines().skip(1).filter_map(step).collect();
    let count = steps.len();
    let modules = match name.starts_with("ext") {
        true => Module::ALL,
        false => Module::STOCK,
    };
    let mut player = Player {
        dir,
        machine: Machine::new(modules),
        steps: steps.into_iter(),
        names: BTreeSet::new(),
        last: "000".into(),
        since: 0,
        ios: 0,
        compared: match undefined {
            true => Compared::No,
            false => Compared::Yes,
        },
        differences: Vec::new(),
    };
    player.play()?;
    Ok(Outcome {
        name: match undefined {
            true => format!("{above}/{name}"),
            false => name,
        },
        steps: count,
        ios: player.ios,
        differences: player.differences,
        said: Vec::new(),
    })
}

/// The number and the name of a row of the index.
fn step(row: &str) -> Option<(String, String)> {
    let mut fields = row.split('\t');
    Some((fields.next()?.into(), fields.next()?.into()))
}

impl Player<'_> {
    fn play(&mut self) -> io::Result<()> {
        let log = self.dir.join("io.log");
        let log = match log.is_file() {
            true => String::from_utf8_lossy(&read(&log)?).into_owned(),
            false => String::new(),
        };
        let events = log::read(&log);
        if !events
            .iter()
            .any(|event| matches!(event, Event::Disk { .. }))
        {
            for disk in 0..4 {
                let (path, image) = (format!("/dev/rump_wd{disk}a"), format!("disk{disk}.img"));
                self.machine.add_disk(&path, &image);
            }
        }
        for event in events {
            self.event(event)?;
        }
        // The log of a kernel that crashed may lack the last ones.
        while self.step()? {}
        Ok(())
    }

    fn event(&mut self, event: Event) -> io::Result<()> {
        match event {
            Event::Step => {
                self.step()?;
            }
            Event::Disk { path, image } => self.machine.add_disk(&path, &image),
            Event::Node { path, minor } => {
                let kind = self.kind(&path);
                self.machine.add_node(&path, minor, kind);
            }
            Event::Open { path } => {
                let opened = self.machine.open(&path);
                self.compare_io(&format!("open {path}"), Some("ok"), opened.map(|()| "ok"));
            }
            Event::Close { path } => self.machine.close(&path),
            Event::Read {
                path,
                from,
                length,
                bytes,
            } => {
                let ours = self.machine.read(&path, from, length).map(|b| runs(&b));
                let theirs = bytes.map(|bytes| runs(&bytes));
                self.compare_io(
                    &format!("read {path} off={from} len={length}"),
                    theirs,
                    ours,
                );
            }
            Event::Write {
                path,
                from,
                length,
                byte,
                written,
            } => {
                let ours = self.machine.write(&path, from, &vec![byte; length]);
                self.compare_io(
                    &format!("write {path} off={from} len={length}"),
                    written,
                    ours,
                );
            }
            Event::Host { image, from, bytes } => {
                let ours = self
                    .machine
                    .host(&image, from, bytes.len())
                    .map(|b| runs(&b));
                self.compare_io(
                    &format!("host {image} off={from}"),
                    Some(runs(&bytes)),
                    ours,
                );
            }
        }
        Ok(())
    }

    /// A node is a character node if it is called as a device, or a node before it, with an `r` in front.
    fn kind(&mut self, path: &str) -> NodeKind {
        let device = path.strip_prefix("/dev/mapper/r");
        let raw = device.is_some_and(|name| self.names.contains(name));
        let name = path.strip_prefix("/dev/mapper/");
        self.names.extend(name.map(str::to_owned));
        match raw {
            true => NodeKind::Character,
            false => NodeKind::Block,
        }
    }

    /// Plays the next step, if there is one.
    fn step(&mut self) -> io::Result<bool> {
        let Some((number, name)) = self.steps.next() else {
            return Ok(false);
        };
        let file = |what: &str| self.dir.join(format!("{number}-{name}.{what}.plist"));
        let request = read(&file("request"))?;
        let reply = file("reply");
        self.note_names(&request);
        let ours = self.machine.send(&request);
        if let Err(error) = read_dictionary(&ours, &Limits::default()) {
            let text = format!("our reply is no dictionary: {error}");
            let step = number.clone();
            self.differences.push(Difference { step, text });
        }
        if self.compared == Compared::Yes && reply.is_file() {
            let theirs = read(&reply)?;
            let theirs = theirs.strip_suffix(b"\0").unwrap_or(&theirs);
            if theirs != ours {
                let text = unified(theirs, &ours);
                let step = number.clone();
                self.differences.push(Difference { step, text });
            }
        }
        (self.last, self.since) = (number, 0);
        Ok(true)
    }

    fn note_names(&mut self, request: &[u8]) {
        let Ok(request) = read_dictionary(request, &Limits::default()) else {
            return;
        };
        let new = request.array("cmd_data").and_then(|data| data.first());
        let names = [request.get("name"), new];
        let names = names.into_iter().flatten().filter_map(Value::string);
        self.names.extend(names.map(str::to_owned));
    }

    /// Two failures agree, whatever the errnos are: quirk 18.
    fn compare_io<T: std::fmt::Debug + PartialEq>(
        &mut self,
        what: &str,
        theirs: Option<T>,
        ours: Result<T, String>,
    ) {
        self.since += 1;
        self.ios += 1;
        let same = match (&theirs, &ours) {
            (Some(theirs), Ok(ours)) => theirs == ours,
            (None, Err(_)) => true,
            (_, _) => false,
        };
        if !same && self.compared == Compared::Yes {
            let theirs = theirs.map_or("it fails".into(), |theirs| format!("{theirs:?}"));
            let text = format!("{what}\n-{theirs}\n+{ours:?}\n");
            let step = format!("{}.{}", self.last, self.since);
            self.differences.push(Difference { step, text });
        }
    }
}

fn read(path: &Path) -> io::Result<Vec<u8>> {
    fs::read(path).map_err(|error| about(path, &error))
}

fn about(path: &Path, error: &Error) -> Error {
    Error::other(format!("{}: {error}", path.display()))
}

/// What was logged.
#[derive(Clone, Default)]
struct Said(Arc<Mutex<Vec<u8>>>);

impl Said {
    fn lines(&self) -> Vec<String> {
        let bytes = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let text = String::from_utf8_lossy(&bytes);
        text.lines().map(|line| line.trim().to_owned()).collect()
    }
}

impl Write for Said {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let mut said = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        said.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
