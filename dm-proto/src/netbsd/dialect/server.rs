//! The driver as a whole.

use std::sync::{Mutex, PoisonError};

use dm_core::command::{Command, Reply};
use dm_core::devid::DevNo;
use dm_core::error::DmError;
use dm_core::units::SectorCount;
use tracing::info;

use crate::proplib::Dictionary;

use super::super::keys::{self, command};
use super::commands::{self, Context, Handler};
use super::entry::Module;
use super::nodes::Nodes;
use super::registry::Registry;
use super::request::Request;

/// Every command: its name, who may give it, what it does.
const COMMANDS: &[(&str, Caller, Handler)] = &[
    (command::VERSION, Caller::Other, commands::version),
    (command::TARGETS, Caller::Other, commands::targets),
    (command::NAMES, Caller::Other, commands::names),
    (command::CREATE, Caller::Root, commands::create),
    (command::INFO, Caller::Other, commands::info),
    (command::MKNODES, Caller::Other, commands::info),
    (command::STATUS, Caller::Other, commands::status),
    (command::TABLE, Caller::Other, commands::status),
    (command::DEPS, Caller::Other, commands::deps),
    (command::RELOAD, Caller::Root, commands::reload),
    (command::RESUME, Caller::Root, commands::resume),
    (command::SUSPEND, Caller::Root, commands::suspend),
    (command::CLEAR, Caller::Root, commands::clear),
    (command::RENAME, Caller::Root, commands::rename),
    (command::REMOVE, Caller::Root, commands::remove),
];

/// NetBSD's driver over an engine.
///
/// It has devices of its own. Each is a device of the engine too, of the same name unless that is taken there or can be
/// no name; then it is called `netbsd-` and its minor number.
///
/// # Examples
/// ```
/// use dm_core::backend::Backend;
/// use dm_core::engine::Engine;
/// use dm_proto::netbsd::{Caller, NetbsdServer};
/// use dm_proto::proplib::{Dictionary, Value};
///
/// let engine = Engine::new();
/// let server = NetbsdServer::new(engine.clone());
/// let mut request = Dictionary::new();
/// request
///     .set("command", "create")
///     .set("name", "vol0")
///     .set("version", [4_u32, 0, 0].into_iter().collect::<Value>());
/// let reply = server.answer(request, Caller::Root, &|command| engine.call(command));
/// assert_eq!(reply.uint32("minor"), Some(1));
/// ```
pub struct NetbsdServer {
    nodes: Box<dyn Nodes>,
    modules: Vec<Module>,
    registry: Mutex<Registry>,
}

/// Who sends a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Caller {
    /// Who may change things.
    Root,
    /// Who may only look.
    Other,
}

/// A device as those see it who open its node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Mapped {
    /// The sum of its lines' lengths, which is not always where the last one ends.
    pub size: SectorCount,
    /// Its number in the engine, if it could be made there.
    pub number: Option<DevNo>,
}

impl NetbsdServer {
    /// A driver without devices, with every target, whose table lines stand on what `nodes` finds.
    pub fn new(nodes: impl Nodes + 'static) -> NetbsdServer {
        NetbsdServer {
            nodes: Box::new(nodes),
            modules: Module::ALL.to_vec(),
            registry: Mutex::default(),
        }
    }

    /// The same with these targets.
    #[must_use]
    pub fn with_modules(self, modules: &[Module]) -> NetbsdServer {
        NetbsdServer {
            modules: modules.to_vec(),
            ..self
        }
    }

    /// Answers a request, and does its io's part through `call`.
    pub fn answer(
        &self,
        request: Dictionary,
        caller: Caller,
        call: &dyn Fn(Command) -> Result<Reply, DmError>,
    ) -> Dictionary {
        let mut request = Request(request);
        if let Err(reason) = request.check_version() {
            info!("netbsd: a request is refused: {reason}");
            return request.0;
        }
        let word = request.text(keys::COMMAND);
        let known = COMMANDS
            .iter()
            .find(|(name, _, _)| word.as_ref().is_some_and(|word| word == name));
        match known {
            Some((_, who, obey)) if *who == Caller::Other || caller == Caller::Root => {
                let mut registry = self.registry.lock().unwrap_or_else(PoisonError::into_inner);
                let mut context = Context {
                    registry: &mut registry,
                    modules: &self.modules,
                    nodes: &*self.nodes,
                    call,
                };
                obey(&mut context, &mut request);
            }
            Some((name, _, _)) => info!("netbsd: {name} is for root"),
            None => info!("netbsd: the command {word:?} is unknown"),
        }
        request.0
    }

    /// The device with a minor number.
    pub fn mapped(&self, minor: u32) -> Option<Mapped> {
        let registry = self.registry.lock().unwrap_or_else(PoisonError::into_inner);
        let device = &registry.devices()[registry.minor(minor)?];
        Some(Mapped {
            size: device.size(),
            number: device.twin,
        })
    }
}
