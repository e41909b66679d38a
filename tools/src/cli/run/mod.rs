//! `dmctl run`.

mod nbd;

use std::path::Path;
use std::sync::Arc;

use clap::Args;
use dm_core::blockdev::Caching;
use dm_core::client::Dm;
use dm_core::command::{Create, Load, Slot, SuspendOptions};
use dm_core::devid::DevId;
use dm_core::engine::Engine;
use dm_core::error::ErrorKind;
use dm_core::names::DmName;
use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::iterator::Signals;

use crate::export::tls::Connector;
use crate::failure::Failure;
use crate::keys;
use crate::output::{Answer, json, talk};
use crate::ublk::{self, NamedUblk, Wanted};

use super::check;
use super::commands;
use super::devices::name;
use super::label_rule::LabelRule;
use super::session::Session;
use super::table_text::{TableSource, TableText};

/// A table to be served in the foreground.
#[derive(Debug, Args)]
pub(super) struct Run {
    #[command(flatten)]
    source: TableSource,
    /// The device's name, and its export's
    #[arg(long, default_value = "disk")]
    name: String,
    #[command(flatten)]
    nbd: nbd::NbdArgs,
    /// Serve it as the block device /dev/ublkbN of Linux instead, with a link in /dev/mapper; an N
    /// that lost its server is adopted
    #[arg(long, value_name = "N", num_args = 0..=1, require_equals = true,
        conflicts_with_all = ["socket", "listen", "tls_certificates", "tls_psk"])]
    ublk: Option<Option<u32>>,
    /// Read and write files and disks past the page cache
    #[arg(long)]
    direct: bool,
    /// Refuse writes
    #[arg(short, long)]
    readonly: bool,
    #[command(flatten)]
    labels: LabelRule,
}

/// What is served.
enum Served {
    Export(nbd::Export),
    Device(Box<NamedUblk>),
}

impl commands::Run for Run {
    fn run(self, session: &Session, _: &mut Answer) -> Result<(), Failure> {
        let name = name(&self.name)?;
        let id = DevId::from(name.clone());
        let table = self.source.read(&id)?;
        if self.ublk.is_some() {
            ublk::serve_from_here();
        }
        let engine = Engine::new();
        engine.set_secure(Arc::new(Connector));
        if self.direct {
            engine.set_caching(Caching::Direct);
        }
        self.labels.check(&engine, &id, &table)?;
        if session.is_dry() {
            return self.rehearse(&engine, &name, table);
        }
        let TableText {
            lines,
            places,
            source,
        } = table;
        let dm = Dm::new(engine.clone());
        dm.create(Create::new(name.clone()))?;
        let load = Load::new(name.clone(), lines);
        let load = if self.readonly {
            load.read_only()
        } else {
            load
        };
        dm.load(load).map_err(|error| {
            let place = error
                .context
                .line
                .and_then(|line| places.get(line.checked_sub(1)?))
                .copied();
            let line = error.context.line;
            let failure = Failure::from(error);
            match place.filter(|place| Some(*place) != line) {
                Some(place) => failure.hint(format!("that line is line {place} of {source}")),
                None => failure,
            }
        })?;
        dm.resume(name.clone(), SuspendOptions::default())?;

        // From here on a signal is an order to end, not an end.
        let mut signals = Signals::new([SIGINT, SIGTERM])
            .map_err(|error| Failure::io("watch for signals in", Path::new("dmctl"), &error))?;
        let served = self.serve(engine, &name)?;
        let mut answer = served.answer();
        answer.field("device", json::info(&dm.info(name, Slot::Active)?));
        let shown = session.show(answer);
        if shown.is_ok() {
            session.note(|| format!("serving {id}; stop with an interrupt"));
            // The iterator ends only when it is closed, which nobody does.
            signals.forever().next();
        }
        let stopped = served.stop();
        shown?;
        stopped
    }
}

impl Run {
    /// Says what would be served, if the engine takes the table.
    fn rehearse(
        &self,
        engine: &Engine,
        name: &DmName,
        mut table: TableText,
    ) -> Result<(), Failure> {
        let targets = Dm::new(engine).targets()?;
        let known = targets
            .iter()
            .map(|target| (target.name.as_str().to_owned(), target.version))
            .collect();
        check::all_right(&table, &known)?;
        for line in &table.lines {
            if targets.iter().all(|target| target.name != line.target) {
                let reason = format!("the engine has no target {}", line.target);
                return Err(Failure::because(ErrorKind::Unsupported, reason));
            }
        }
        match self.ublk {
            Some(Some(number)) => talk(&format!("would serve {name} as /dev/ublkb{number}")),
            Some(None) => talk(&format!("would serve {name} as the next /dev/ublkbN")),
            None => self.nbd.rehearse(name)?,
        }
        for line in &mut table.lines {
            keys::hide_from_trace(line);
            talk(&format!("  {line}"));
        }
        Ok(())
    }

    fn serve(&self, engine: Engine, name: &DmName) -> Result<Served, Failure> {
        match self.ublk {
            Some(number) => {
                let wanted = number.map_or(Wanted::Any, Wanted::Numbered);
                let device = NamedUblk::start(&engine, &name.clone().into(), wanted)?;
                Ok(Served::Device(Box::new(device)))
            }
            None => self.nbd.start(engine, name).map(Served::Export),
        }
    }
}

impl Served {
    /// Where it is found.
    fn answer(&self) -> Answer {
        let mut answer = Answer::default();
        match self {
            Served::Export(export) => {
                answer.text = format!("{}\n", export.uri());
                answer.field("uri", export.uri());
            }
            Served::Device(device) => {
                answer.text = format!("{}\n", device.path().display());
                answer.field("path", device.path().display().to_string());
                answer.field("node", device.node().display().to_string());
            }
        }
        answer
    }

    fn stop(self) -> Result<(), Failure> {
        match self {
            Served::Export(export) => export.stop(),
            Served::Device(device) => device.stop(None),
        }
    }
}
