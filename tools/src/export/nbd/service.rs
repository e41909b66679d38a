//! What a server offers, and to whom.

use dm_core::engine::Engine;
use dm_core::names::DmName;

use super::CONNECTIONS_MAX;
use crate::export::tls::{Tls, TlsPolicy};

/// What a server offers: all of an engine's devices, unless it is told otherwise.
///
/// # Examples
/// ```
/// use dm_core::engine::Engine;
/// use dm_core::names::DmName;
/// use dm_tools::export::nbd::Service;
///
/// let disk = DmName::new("disk").unwrap();
/// let service = Service::new(Engine::new()).only(disk).read_only().max_clients(4);
/// ```
#[derive(Clone)]
pub struct Service {
    pub(super) engine: Engine,
    pub(super) only: Option<DmName>,
    pub(super) read_only: bool,
    pub(super) steady: bool,
    pub(super) max_clients: usize,
    pub(super) tls: Option<(Tls, TlsPolicy)>,
}

impl Service {
    /// All devices of `engine`, for [`CONNECTIONS_MAX`] clients at a time, without TLS.
    pub fn new(engine: Engine) -> Service {
        Service {
            engine,
            only: None,
            read_only: false,
            steady: false,
            max_clients: CONNECTIONS_MAX,
            tls: None,
        }
    }

    /// One device, and no other is seen.
    #[must_use]
    pub fn only(self, device: DmName) -> Service {
        let only = Some(device);
        Service { only, ..self }
    }

    /// Clients can not write, whatever the devices allow.
    #[must_use]
    pub fn read_only(self) -> Service {
        let read_only = true;
        Service { read_only, ..self }
    }

    /// No device changes its table as long as this serves. Large reads are lent from the page cache then: a client
    /// gets what is stored when it takes the bytes, and no suspend could wait for that.
    #[must_use]
    pub fn steady(self) -> Service {
        let steady = true;
        Service { steady, ..self }
    }

    /// How many clients there are at a time; more are turned away.
    #[must_use]
    pub fn max_clients(self, max_clients: usize) -> Service {
        Service {
            max_clients,
            ..self
        }
    }

    /// Clients can, or must, use TLS.
    #[must_use]
    pub fn tls(self, tls: Tls, policy: TlsPolicy) -> Service {
        let tls = Some((tls, policy));
        Service { tls, ..self }
    }

    /// The devices that there are for clients.
    pub(super) fn names(&self) -> impl Iterator<Item = DmName> {
        let names = self.engine.active_names().into_iter();
        let only = self.only.clone();
        names.filter(move |name| only.as_ref().is_none_or(|only| only == name))
    }
}

impl From<Engine> for Service {
    fn from(engine: Engine) -> Service {
        Service::new(engine)
    }
}
