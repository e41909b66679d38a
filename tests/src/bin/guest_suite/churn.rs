//! The same loop through dm-linux and, in C, through libdevmapper.

use std::io::{self, BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::Duration;

use dm_core::client::Dm;
use dm_core::command::{Create, Load, RemoveMode, SuspendOptions};
use dm_core::error::DmError;
use dm_core::names::DmName;
use dm_core::table::TableLine;
use dm_linux::Linux;
use nix::sys::resource::{UsageWho, getrusage};
use nix::sys::time::TimeValLike;

use crate::counts::traced;

/// How often both loops are run for their times, each time as new processes.
const ROUNDS: u32 = 2;

/// The devices of a loop.
const DEVICES: u32 = 500;

/// The devices of a loop under strace, which makes all of it slow.
const COUNTED: u32 = 50;

/// The devices after which it is the other's turn, so that both see the same machine.
const TURN: u32 = 20;

/// User and system time.
#[derive(Clone, Copy, Debug, Default)]
struct Times {
    user: Duration,
    system: Duration,
}

/// Makes, loads, resumes and removes devices one after the other, as many as `devices` says or each
/// line of the input. After each loop it prints the microseconds of user and of system time that all
/// its loops took, as `tests/vm/churn.c` does.
pub(crate) fn main(devices: &[&str]) -> Result<(), String> {
    let dm = Dm::new(Linux::open().map_err(|error| error.report())?);
    let (mut done, mut took) = (0, Times::default());
    let mut churn = |devices: &str| {
        let wrong = |_| format!("{devices:?} is no count of devices");
        let end = done + devices.parse::<u32>().map_err(wrong)?;
        let before = Times::now()?;
        for at in done..end {
            live(&dm, at).map_err(|error| error.report())?;
        }
        let after = Times::now()?;
        took.user += after.user - before.user;
        took.system += after.system - before.system;
        done = end;
        println!("{} {}", took.user.as_micros(), took.system.as_micros());
        Ok(())
    };
    match devices {
        [] => io::stdin()
            .lock()
            .lines()
            .try_for_each(|line| churn(&line.map_err(|error| error.to_string())?)),
        devices => devices.iter().try_for_each(|devices| churn(devices)),
    }
}

fn live(dm: &Dm<Linux>, at: u32) -> Result<(), DmError> {
    let name = DmName::new(&format!("churn-{at}")).expect("a short name");
    dm.create(Create::new(name.clone()))?;
    let table = TableLine::parse_table("0 8 zero").expect("a table");
    dm.load(Load::new(name.clone(), table).open())?;
    dm.resume(name.clone(), SuspendOptions::default())?;
    dm.remove(name, RemoveMode::IfUnused)
}

impl Times {
    /// This process's.
    fn now() -> Result<Times, String> {
        let usage = getrusage(UsageWho::RUSAGE_SELF).map_err(|error| error.to_string())?;
        let time = |time: nix::sys::time::TimeVal| {
            Duration::from_micros(time.num_microseconds().unsigned_abs())
        };
        Ok(Times {
            user: time(usage.user_time()),
            system: time(usage.system_time()),
        })
    }
}

/// A program with that loop, which does as it is told.
struct Looper {
    program: Child,
    told: ChildStdin,
    says: BufReader<ChildStdout>,
    took: Times,
}

impl Looper {
    fn start(words: &[&str]) -> Result<Looper, String> {
        let failed = |error| format!("{words:?}: {error}");
        let mut program = Command::new(words[0])
            .args(&words[1..])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .map_err(failed)?;
        let told = program.stdin.take().expect("it is a pipe, as asked above");
        let says = program.stdout.take().expect("it is a pipe, as asked above");
        Ok(Looper {
            program,
            told,
            says: BufReader::new(says),
            took: Times::default(),
        })
    }

    fn turn(&mut self, devices: u32) -> Result<(), String> {
        let mut line = String::new();
        writeln!(self.told, "{devices}")
            .and_then(|()| self.says.read_line(&mut line))
            .map_err(|error| format!("the loop: {error}"))?;
        let mut numbers = line.split_whitespace().map(str::parse);
        let (Some(Ok(user)), Some(Ok(system))) = (numbers.next(), numbers.next()) else {
            return Err(format!("the loop says {line:?}"));
        };
        self.took = Times {
            user: Duration::from_micros(user),
            system: Duration::from_micros(system),
        };
        Ok(())
    }

    fn end(mut self) -> Result<Times, String> {
        drop(self.told);
        match self.program.wait() {
            Ok(status) if status.success() => Ok(self.took),
            status => Err(format!("the loop ends with {status:?}")),
        }
    }
}

/// As many ioctls or fewer.
pub(crate) fn churn_needs_no_more_ioctls() -> Result<(), String> {
    needs_no_more_ioctls(COUNTED)
}

/// The same over all devices, which takes minutes.
pub(crate) fn churn_ioctls() -> Result<(), String> {
    needs_no_more_ioctls(DEVICES)
}

fn needs_no_more_ioctls(devices: u32) -> Result<(), String> {
    let calls = |words: &str| Ok::<_, String>(traced(words)?.len());
    let ours = calls(&format!("guest_suite churn {devices}"))?;
    let theirs = calls(&format!("churn {devices}"))?;
    println!("ioctls for {devices} devices: {ours} of ours, {theirs} of libdevmapper");
    match ours <= theirs {
        true => Ok(()),
        false => Err(format!("{ours} ioctls, and libdevmapper needs {theirs}")),
    }
}

/// How long both take is printed, for docs/performance.md; no other check depends on it.
///
/// The kernel counts user time in ticks of the clock, unless the guest's processor 1 is kept from
/// them by `nohz_full=1`; then it takes the time at each system call, and the loops run there.
pub(crate) fn churn_figures() -> Result<(), String> {
    let kept = std::fs::read_to_string("/sys/devices/system/cpu/nohz_full").unwrap_or_default();
    let pinned: &[&str] = match kept.trim() {
        "1" => &["taskset", "2"],
        _ => &[],
    };
    println!("processors whose time is exact: {:?}", kept.trim());
    let mut sums = [Times::default(); 2];
    for _ in 0..ROUNDS {
        let round = round(pinned)?;
        report(round);
        for (sum, took) in sums.iter_mut().zip(round) {
            sum.user += took.user;
            sum.system += took.system;
        }
    }
    println!("{ROUNDS} rounds together:");
    report(sums);
    Ok(())
}

/// What ours and theirs took.
fn round(pinned: &[&str]) -> Result<[Times; 2], String> {
    let start = |words: &[&str]| Looper::start(&[pinned, words].concat());
    let (mut ours, mut theirs) = (start(&["guest_suite", "churn"])?, start(&["churn"])?);
    for _ in (0..DEVICES).step_by(TURN as usize) {
        ours.turn(TURN)?;
        theirs.turn(TURN)?;
    }
    Ok([ours.end()?, theirs.end()?])
}

fn report([ours, theirs]: [Times; 2]) {
    let text = |times: Times| {
        let (user, system) = (times.user.as_micros(), times.system.as_micros());
        format!("user {user} us, system {system} us")
    };
    let ratio = ours.user.as_secs_f64() / theirs.user.as_secs_f64();
    println!(
        "{DEVICES} devices: ours {}; libdevmapper {}; user to user {ratio:.3}",
        text(ours),
        text(theirs)
    );
}
