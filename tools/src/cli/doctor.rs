//! `dmctl doctor`: what this machine can do, and what to do about what it can not.

use std::fs;
use std::path::Path;

use clap::Args;
use dm_linux::probe::NodeFound;
use dm_linux::udev::UdevState;
use serde_json::json;

use crate::backend::Choice;
use crate::daemon::order::Order;
use crate::failure::Failure;
use crate::output::Answer;
use crate::output::escape::printable;
use crate::output::terminal::has_colours;
use crate::runtime::RuntimeDir;

use super::commands::Run;
use super::session::Session;

/// This machine is to be looked at. Nothing is changed, and no daemon is started.
#[derive(Debug, Args)]
pub(super) struct Doctor {}

/// What was found about one thing.
struct Finding {
    about: &'static str,
    state: State,
    says: String,
    remedy: Option<String>,
}

/// How it is.
#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    Fine,
    Note,
    Wrong,
}

/// The targets of Linux, with the module that has each. Those without are the driver's own.
const MODULES: &[(&str, &str)] = &[
    ("cache", "dm-cache"),
    ("clone", "dm-clone"),
    ("crypt", "dm-crypt"),
    ("delay", "dm-delay"),
    ("dust", "dm-dust"),
    ("ebs", "dm-ebs"),
    ("era", "dm-era"),
    ("flakey", "dm-flakey"),
    ("integrity", "dm-integrity"),
    ("log-writes", "dm-log-writes"),
    ("mirror", "dm-mirror"),
    ("multipath", "dm-multipath"),
    ("raid", "dm-raid"),
    ("snapshot", "dm-snapshot"),
    ("switch", "dm-switch"),
    ("thin-pool", "dm-thin-pool"),
    ("unstriped", "dm-unstripe"),
    ("vdo", "dm-vdo"),
    ("verity", "dm-verity"),
    ("writecache", "dm-writecache"),
    ("zero", "dm-zero"),
    ("zoned", "dm-zoned"),
];

impl State {
    fn word(self) -> &'static str {
        match self {
            State::Fine => "ok",
            State::Note => "note",
            State::Wrong => "wrong",
        }
    }

    fn colour(self) -> &'static str {
        match self {
            State::Fine => "32",
            State::Note => "33",
            State::Wrong => "31",
        }
    }
}

impl Finding {
    fn new(about: &'static str, state: State, says: impl Into<String>) -> Finding {
        Finding {
            about,
            state,
            says: says.into(),
            remedy: None,
        }
    }

    fn remedy(self, remedy: impl Into<String>) -> Finding {
        Finding {
            remedy: Some(remedy.into()),
            ..self
        }
    }
}

impl Run for Doctor {
    fn run(self, session: &Session, answer: &mut Answer) -> Result<(), Failure> {
        let mut found = vec![system()];
        let kernel = match cfg!(target_os = "netbsd") {
            true => netbsd(&mut found),
            false => linux(&mut found),
        };
        found.push(udev());
        found.push(ublk());
        runtime(&mut found);
        found.push(backend(session, kernel));
        let colours = has_colours();
        for finding in &found {
            let word = finding.state.word();
            let word = match colours {
                true => format!("\x1b[{}m{word:<5}\x1b[0m", finding.state.colour()),
                false => format!("{word:<5}"),
            };
            let says = printable(&finding.says);
            answer.text += &format!("{word}  {:<14} {says}\n", finding.about);
            if let Some(remedy) = &finding.remedy {
                answer.text += &format!("                      {}\n", printable(remedy));
            }
        }
        let rows: Vec<_> = found
            .iter()
            .map(|finding| {
                json!({
                    "about": finding.about,
                    "state": finding.state.word(),
                    "says": finding.says,
                    "remedy": finding.remedy,
                })
            })
            .collect();
        answer.field("findings", rows);
        Ok(())
    }
}

fn system() -> Finding {
    let name = rustix::system::uname();
    let text = |part: &std::ffi::CStr| part.to_string_lossy().into_owned();
    let (system, release) = (text(name.sysname()), text(name.release()));
    let machine = text(name.machine());
    Finding::new(
        "system",
        State::Fine,
        format!("{system} {release} on {machine}"),
    )
}

/// Looks at Linux's driver: whether it can be used.
fn linux(found: &mut Vec<Finding>) -> bool {
    let probe = dm_linux::probe::probe();
    let path = probe.path.display();
    found.push(match (probe.node, probe.registered) {
        (NodeFound::Device { number, mode }, _) => {
            let says = format!("{path} is device {number}, mode {:04o}", mode & 0o7777);
            Finding::new("control node", State::Fine, says)
        }
        (NodeFound::Nothing, Some(minor)) => {
            let says = format!("{path} is missing, and the driver is there");
            Finding::new("control node", State::Wrong, says)
                .remedy(format!("as root: mknod {path} c 10 {minor}"))
        }
        (NodeFound::Nothing, None) => {
            let says = format!("{path} is missing, and so is the driver");
            Finding::new("control node", State::Note, says)
                .remedy("as root: modprobe dm-mod; or use the engine, which needs neither")
        }
        _ => {
            let says = format!("{path} is no character device");
            Finding::new("control node", State::Wrong, says)
                .remedy("as root: remove it, and dmctl mknodes makes it anew")
        }
    });
    match &probe.version {
        Ok(version) => {
            let says = format!("version {version} of the interface");
            found.push(Finding::new("kernel driver", State::Fine, says));
        }
        Err(error) => {
            let remedy = match error.kind {
                dm_core::error::ErrorKind::Permission => {
                    "only root may use it; the engine needs no root"
                }
                _ => "the engine works without it: --backend engine",
            };
            let finding = Finding::new("kernel driver", State::Note, error.report().to_string());
            found.push(finding.remedy(remedy));
            return false;
        }
    }
    targets(found);
    true
}

/// The targets that are there, and those whose modules could be.
fn targets(found: &mut Vec<Finding>) {
    let linux = match dm_linux::Linux::open() {
        Ok(linux) => dm_core::client::Dm::new(linux),
        Err(_) => return,
    };
    let Ok(known) = linux.targets() else { return };
    let names: Vec<&str> = known.iter().map(|target| target.name.as_str()).collect();
    found.push(Finding::new("targets", State::Fine, names.join(" ")));
    let release = rustix::system::uname()
        .release()
        .to_string_lossy()
        .into_owned();
    let list = format!("/lib/modules/{release}/modules.dep");
    let list = fs::read_to_string(list).unwrap_or_default();
    for (target, module) in MODULES {
        if names.contains(target) {
            continue;
        }
        let is_built = |line: &str| {
            line.split([':', '.'])
                .next()
                .is_some_and(|path| path.ends_with(&format!("/{module}")))
        };
        match list.lines().any(is_built) {
            true => found.push(
                Finding::new("target", State::Note, format!("{target} is not loaded"))
                    .remedy(format!("as root: modprobe {module}")),
            ),
            false => found.push(
                Finding::new("target", State::Note, format!("{target} is not there"))
                    .remedy(format!("install a kernel with the module {module}")),
            ),
        }
    }
}

/// Looks at NetBSD's driver: whether it can be used.
fn netbsd(found: &mut Vec<Finding>) -> bool {
    match dm_netbsd::probe::usable() {
        Ok(version) => {
            let says = format!("version {version}");
            found.push(Finding::new("kernel driver", State::Fine, says));
            true
        }
        Err(error) => {
            let finding = Finding::new("kernel driver", State::Note, error.report().to_string());
            found.push(finding.remedy("as root: modload dm; the engine works without it"));
            false
        }
    }
}

fn udev() -> Finding {
    let finding = |state, says: &str| Finding::new("udev", state, says);
    match UdevState::look(Path::new("/run/udev")) {
        UdevState::Running { .. } => finding(State::Fine, "it runs, and makes the nodes"),
        UdevState::Absent => finding(State::Fine, "it does not run; dmctl makes the nodes itself"),
        UdevState::Dead => finding(State::Wrong, "it was killed, and left its socket")
            .remedy("start it again; until then dmctl makes the nodes itself"),
        UdevState::Stopped { pid } => finding(State::Wrong, "it was stopped by a signal")
            .remedy(format!("as root: kill -CONT {pid}")),
        UdevState::Foreign { .. } => finding(
            State::Note,
            "it runs in another IPC namespace, and can not be waited for",
        )
        .remedy("--noudevsync says so at once"),
        other => finding(State::Note, &format!("{other:?}")),
    }
}

fn ublk() -> Finding {
    match Path::new("/dev/ublk-control").exists() {
        true => Finding::new("ublk", State::Fine, "/dev/ublk-control is there"),
        false => Finding::new("ublk", State::Note, "/dev/ublk-control is not there")
            .remedy("as root on Linux 6.4 or newer: modprobe ublk_drv; NBD works without it"),
    }
}

fn runtime(found: &mut Vec<Finding>) {
    let dir = match RuntimeDir::from_env() {
        Ok(dir) => dir,
        Err(failure) => {
            let says = failure.error().report().to_string();
            let finding = Finding::new("runtime folder", State::Wrong, says);
            return found.push(finding.remedy("DM_RUNTIME_DIR names another folder"));
        }
    };
    let path = dir.path().display().to_string();
    if !dir.path().exists() {
        let says = format!("{path} is not there yet; the daemon makes it");
        found.push(Finding::new("runtime folder", State::Fine, says));
    } else if let Err(failure) = dir.check() {
        let says = failure.error().report().to_string();
        let finding = Finding::new("runtime folder", State::Wrong, says);
        found.push(finding.remedy(format!("chmod 700 {path}, or another in DM_RUNTIME_DIR")));
    } else {
        found.push(Finding::new("runtime folder", State::Fine, path));
    }
    found.push(match Order::Status.send(&dir.control()) {
        Ok(Some(status)) => {
            let says = format!(
                "it runs with pid {}, {} device(s)",
                status.pid, status.devices
            );
            Finding::new("daemon", State::Fine, says)
        }
        Ok(None) => Finding::new(
            "daemon",
            State::Fine,
            "none runs; dmctl starts it on first use",
        ),
        Err(failure) => {
            let says = failure.error().report().to_string();
            Finding::new("daemon", State::Wrong, says)
                .remedy(format!("see {}", dir.log().display()))
        }
    });
}

/// Which driver commands go to.
fn backend(session: &Session, kernel: bool) -> Finding {
    let chosen = session.backend();
    let says = match (chosen, kernel) {
        (Choice::Auto, true) => "auto: the kernel's driver".to_owned(),
        (Choice::Auto, false) => "auto: the engine, in the daemon".to_owned(),
        (choice, _) => choice.to_string(),
    };
    Finding::new("backend", State::Fine, says)
}
