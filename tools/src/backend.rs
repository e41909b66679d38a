//! Which driver a command goes to.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use dm_core::backend::Backend;
use dm_core::client::Dm;
use dm_core::devid::DevNo;
use dm_core::units::SectorCount;
use dm_linux::control::Control;
use dm_linux::{Linux, readahead};
use dm_netbsd::NetBsd;
use dm_proto::socket::SocketBackend;

use crate::daemon;
use crate::failure::Failure;
use crate::layer::{Layered, Layers, Shown};
use crate::runtime::RuntimeDir;
use crate::udev::UdevOptions;

/// The driver that the user asked for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) enum Choice {
    /// The kernel's device mapper if it can be used, else the engine.
    #[default]
    Auto,
    /// The engine in this user's daemon, which is started if need be.
    Engine,
    /// Linux's device mapper.
    Linux,
    /// NetBSD's device mapper.
    NetBsd,
    /// A daemon that listens on this control socket.
    Socket(PathBuf),
}

/// A text that names no driver.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct UnknownChoice;

/// The commands of whichever driver it is.
pub(crate) type Driver = Dm<Box<dyn Backend>>;

/// A driver, ready for commands.
pub(crate) struct Connected {
    /// Its commands.
    pub(crate) dm: Driver,
    /// Which it is, in words.
    pub(crate) described: String,
    /// Where its devices are.
    pub(crate) place: Place,
}

/// Where a driver's devices are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    /// They are the running kernel's own block devices.
    Kernel,
    /// They are in a daemon with these sockets.
    Daemon(Option<Sockets>),
}

/// Where a daemon is found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Sockets {
    /// It takes commands and orders here.
    pub(crate) control: PathBuf,
    /// It exports its devices over NBD here.
    pub(crate) nbd: PathBuf,
}

impl Choice {
    /// Makes the driver ready: the daemon is started if the choice falls on it and none runs.
    pub(crate) fn connect(&self, udev: &UdevOptions, layers: Layers) -> Result<Connected, Failure> {
        match self {
            Choice::Auto => match (
                dm_linux::probe::open_usable(udev.waiter()),
                dm_netbsd::probe::open_usable(),
            ) {
                (Ok(backend), _) => Ok(Connected::linux(backend, udev, layers)),
                (_, Ok(backend)) => Ok(Connected::netbsd(backend, layers)),
                _ => Choice::Engine.connect(udev, layers),
            },
            Choice::Engine => {
                let dir = RuntimeDir::from_env()?;
                let backend = daemon::start::connect_or_start(&dir)?;
                let described = format!("the engine, in the daemon at {}", dir.control().display());
                let (control, nbd) = (dir.control(), dir.nbd());
                let place = Place::Daemon(Some(Sockets { control, nbd }));
                Ok(Connected::new(backend, described, place, layers))
            }
            Choice::Socket(path) => {
                let backend = SocketBackend::connect(path).map_err(|error| {
                    let failure = Failure::from(error);
                    failure.hint(format!("no daemon answers at {}", path.display()))
                })?;
                let described = format!("the daemon at {}", path.display());
                let sockets = path.parent().map(|dir| Sockets {
                    control: path.clone(),
                    nbd: dir.join("nbd.sock"),
                });
                let place = Place::Daemon(sockets);
                Ok(Connected::new(backend, described, place, layers))
            }
            Choice::Linux => {
                let backend = Linux::open_with(udev.waiter()).map_err(|error| {
                    let failure = Failure::from(error);
                    failure.hint("--backend engine works everywhere")
                })?;
                Ok(Connected::linux(backend, udev, layers))
            }
            Choice::NetBsd => {
                let backend = NetBsd::open().map_err(|error| {
                    let failure = Failure::from(error);
                    failure.hint("--backend engine works everywhere")
                })?;
                Ok(Connected::netbsd(backend, layers))
            }
        }
    }
}

impl Connected {
    fn netbsd(backend: NetBsd, layers: Layers) -> Connected {
        let described = "the NetBSD kernel's device mapper".into();
        Connected::new(backend, described, Place::Kernel, layers)
    }

    fn linux(backend: Linux, udev: &UdevOptions, layers: Layers) -> Connected {
        let described = "the Linux kernel's device mapper".into();
        if layers.wire {
            let backend = Linux::new(Shown(Control::new()), udev.waiter());
            return Connected::new(backend, described, Place::Kernel, layers);
        }
        Connected::new(backend, described, Place::Kernel, layers)
    }

    /// A driver's commands behind these layers.
    pub(crate) fn new(
        backend: impl Backend + 'static,
        described: String,
        place: Place,
        layers: Layers,
    ) -> Connected {
        let backend: Box<dyn Backend> = match layers == Layers::default() {
            true => Box::new(backend),
            false => Box::new(Layered::new(backend, layers)),
        };
        Connected {
            dm: Dm::new(backend),
            described,
            place,
        }
    }

    /// How far is read ahead on a device, where that is known.
    pub(crate) fn read_ahead(&self, number: DevNo) -> Option<SectorCount> {
        match self.place {
            Place::Kernel => readahead::read_ahead(number),
            // What an engine's device is asked for, it reads; who asks may read ahead.
            Place::Daemon(_) => Some(SectorCount::ZERO),
        }
    }
}

impl FromStr for Choice {
    type Err = UnknownChoice;

    fn from_str(text: &str) -> Result<Choice, UnknownChoice> {
        match text {
            "auto" => Ok(Choice::Auto),
            "engine" => Ok(Choice::Engine),
            "linux" => Ok(Choice::Linux),
            "netbsd" => Ok(Choice::NetBsd),
            _ => match text.strip_prefix("socket:") {
                Some(path) if !path.is_empty() => Ok(Choice::Socket(path.into())),
                _ => Err(UnknownChoice),
            },
        }
    }
}

impl fmt::Display for Choice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Choice::Auto => f.write_str("auto"),
            Choice::Engine => f.write_str("engine"),
            Choice::Linux => f.write_str("linux"),
            Choice::NetBsd => f.write_str("netbsd"),
            Choice::Socket(path) => write!(f, "socket:{}", path.display()),
        }
    }
}

impl std::error::Error for UnknownChoice {}

impl fmt::Display for UnknownChoice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("use auto, engine, linux, netbsd or socket:PATH")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn choice_reads_back() {
        for text in [
            "auto",
            "engine",
            "linux",
            "netbsd",
            "socket:/run/dm/control.sock",
        ] {
            assert_eq!(text.parse::<Choice>().unwrap().to_string(), text);
        }
        for wrong in ["", "Engine", "socket:", "socket"] {
            assert_eq!(wrong.parse::<Choice>(), Err(UnknownChoice), "{wrong}");
        }
    }
}
