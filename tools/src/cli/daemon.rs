//! `dmctl daemon`.

use clap::Args;
use dm_core::error::ErrorKind;

use crate::daemon::order::{AttachedAs, DaemonStatus, InUse, Order};
use crate::daemon::{Start, serve, start};
use crate::failure::Failure;
use crate::output::escape::printable;
use crate::output::{Answer, json, talk};
use crate::runtime::RuntimeDir;

use super::commands::Run;
use super::session::Session;

/// What is to become of the daemon. Without an option it is started unless it runs.
#[derive(Debug, Args)]
pub(super) struct Daemon {
    /// Be the daemon, in this terminal
    #[arg(long, conflicts_with_all = ["stop", "status"])]
    foreground: bool,
    /// Make the devices in the journal again
    #[arg(long, conflicts_with_all = ["stop", "status"])]
    restore: bool,
    /// End the daemon, and with it its devices; the journal stays. Refused while a device that is
    /// attached is mounted, or claimed otherwise
    #[arg(long, conflicts_with = "status")]
    stop: bool,
    /// With --stop: also then; its block device stays, and holds its requests until --restore
    #[arg(long, requires = "stop")]
    hold: bool,
    /// Show how the daemon is
    #[arg(long)]
    status: bool,
    /// Be the daemon, away from any terminal
    #[arg(long, hide = true, conflicts_with_all = ["stop", "status", "foreground"])]
    detached: bool,
}

impl Run for Daemon {
    fn run(self, session: &Session, answer: &mut Answer) -> Result<(), Failure> {
        if session.is_dry() && !self.status {
            let what = if self.stop { "end" } else { "start" };
            talk(&format!("would {what} the daemon"));
            return Ok(());
        }
        if self.detached {
            serve::detach()?;
        }
        let dir = RuntimeDir::from_env()?;
        let how = if self.restore {
            Start::Restore
        } else {
            Start::Empty
        };
        match self {
            Daemon { stop: true, .. } => {
                let in_use = match self.hold {
                    true => InUse::Force,
                    false => InUse::Refuse,
                };
                stop(session, &dir, in_use)
            }
            Daemon { status: true, .. } => status(&dir, answer),
            Daemon {
                foreground: true, ..
            } => serve::serve(&dir, how),
            // Another daemon was faster, which is as good.
            Daemon { detached: true, .. } => match serve::serve(&dir, how) {
                Err(failure) if failure.error().kind == ErrorKind::Busy => Ok(()),
                other => other,
            },
            Daemon { restore: true, .. } => restore(&dir, answer),
            Daemon { .. } => {
                start::start(&dir, Start::Empty)?;
                session.note(|| format!("a daemon runs in {}", dir.path().display()));
                Ok(())
            }
        }
    }
}

/// Ends the daemon; that there is none is as good.
fn stop(session: &Session, dir: &RuntimeDir, in_use: InUse) -> Result<(), Failure> {
    match start::stop(dir, in_use)? {
        Some(status) => session.note(|| format!("the daemon with pid {} ended", status.pid)),
        None => session.note(|| format!("no daemon runs in {}", dir.path().display())),
    }
    Ok(())
}

fn status(dir: &RuntimeDir, answer: &mut Answer) -> Result<(), Failure> {
    let Some(status) = Order::Status.send(&dir.control())? else {
        let reason = format!("no daemon runs in {}", dir.path().display());
        return Err(Failure::because(ErrorKind::NotFound, reason));
    };
    describe(dir, &status, answer);
    Ok(())
}

fn describe(dir: &RuntimeDir, status: &DaemonStatus, answer: &mut Answer) {
    let DaemonStatus {
        pid,
        version,
        devices,
        restored,
        attached,
        problems,
    } = status;
    let (control, nbd) = (dir.control(), dir.nbd());
    answer.text = format!(
        "Pid:               {pid}\n\
         Version:           {version}\n\
         Devices:           {devices}\n\
         Restored:          {restored}\n\
         Control socket:    {}\n\
         NBD socket:        {}\n",
        control.display(),
        nbd.display(),
    );
    for AttachedAs { path, node, .. } in attached {
        answer.text += &format!("Attached:          {} ({node})\n", printable(path));
    }
    for problem in problems {
        answer.text += &format!("Problem:           {}\n", printable(problem));
    }
    answer.field("pid", *pid);
    answer.field("version", version.as_str());
    answer.field("devices", *devices);
    answer.field("restored", *restored);
    answer.field(
        "attached",
        attached.iter().map(json::attached).collect::<Vec<_>>(),
    );
    answer.field("problems", problems.clone());
    answer.field("control", control.to_string_lossy());
    answer.field("nbd", nbd.to_string_lossy());
}

/// Starts a daemon with the journal's devices, and says which are missing.
fn restore(dir: &RuntimeDir, answer: &mut Answer) -> Result<(), Failure> {
    dir.ensure()?;
    if let Some(status) = Order::Status.send(&dir.control())? {
        let reason = format!("a daemon is running already, with pid {}", status.pid);
        let failure = Failure::because(ErrorKind::Busy, reason);
        return Err(failure.hint("dmctl daemon --stop ends it, and its devices"));
    }
    let (_, status) = start::start(dir, Start::Restore)?;
    describe(dir, &status, answer);
    answer.text.clear();
    let problem = |problem: &String| {
        Failure::because(ErrorKind::Invalid, problem.as_str()).about("daemon", None)
    };
    Failure::all(status.problems.iter().map(problem).collect()).map_err(|failure| {
        failure.hint(format!(
            "the journal as it was: {}",
            dir.journal_before().display()
        ))
    })
}
