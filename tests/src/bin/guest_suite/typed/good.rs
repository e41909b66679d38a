//! What the kernel takes: it shows what we print, and we print what it shows.

use std::time::{Duration, Instant};

use dm_core::command::Slot;
use dm_core::error::DmError;
use dm_core::table::{ParamError, TableLine};
use dm_core::target::FlushMode;
use dm_core::typed::{self, Kind, Reader, Status};

use super::sets::{FILES, Set};
use super::{Below, Device, Kernel, check, is_asked, line, logged};

/// The least that a target has.
const LEAST: usize = 8;

/// What is read of the kernel's text is written as the kernel wrote it.
pub(crate) fn parameters_are_the_kernels() -> Result<(), String> {
    let kernel = Kernel::open()?;
    let mut wrong = Vec::new();
    let mut all = 0;
    for (target, text) in FILES {
        if kernel.version(target).is_none() {
            println!("{target}: the kernel has none");
            continue;
        }
        if !is_asked(target) {
            continue;
        }
        // Before it begins, so that one that hangs says which it is.
        println!("{target}: …");
        let begun = Instant::now();
        let below = Below::new(&kernel, target, text)?;
        let sets = below.sets(text);
        let mut held = 0;
        for set in &sets.good {
            below.prepare(set)?;
            let held_it = match kernel.lacks(set) {
                true => agree(&kernel, &below, target, set).map(|()| 0),
                false => hold(&kernel, &below, target, set).map(|()| 1),
            };
            match held_it {
                Ok(one) => held += one,
                Err(reason) => {
                    let reason = format!("{target} {}: {reason}", set.params);
                    println!("wrong: {reason}");
                    wrong.push(reason);
                }
            }
        }
        println!(
            "{target}: {held} sets of parameters in {:?}",
            begun.elapsed()
        );
        if held < LEAST && !sets.good.is_empty() {
            wrong.push(format!("{target}: only {held} sets"));
        }
        all += held;
    }
    println!("{all} sets of parameters");
    match wrong.is_empty() {
        true => Ok(()),
        false => Err(wrong.join("\n")),
    }
}

/// A kernel that lacks what a set is about refuses it, or both take it for something else. That it is
/// too old its target's version does not always tell.
fn agree(kernel: &Kernel, below: &Below<'_>, target: &str, set: &Set) -> Result<(), String> {
    let kind = typed::kind(target).ok_or("no such kind")?;
    let ours = check(kernel, below, kind, set);
    let device = Device::new(kernel, "typed").map_err(|error| error.report())?;
    match (ours, device.load(&line(target, set.length, &set.params)?)) {
        (_, Err(_)) | (Ok(()), Ok(())) => Ok(()),
        (Err(error), Ok(())) => Err(format!("this kernel takes it: {error}")),
    }
}

fn hold(kernel: &Kernel, below: &Below<'_>, target: &str, set: &Set) -> Result<(), String> {
    let kind = typed::kind(target).ok_or("no such kind")?;
    let said = |error: ParamError| error.to_string();
    let mut disks = below.disks();
    let line = line(target, set.length, &set.params)?;
    let mut reader = Reader::new(&set.params)
        .mapping(line.length)
        .over(&mut disks);
    if let Some(version) = kernel.version(target) {
        reader = reader.for_version(version);
    }
    let ours = kind.params(reader).map_err(said)?;
    let device = Device::new(kernel, "typed").map_err(|error| error.report())?;
    let sent = TableLine {
        params: ours.to_string(),
        ..line
    };
    device
        .activate(&sent)
        .map_err(|error| format!("{error} ({})", logged()))?;
    settle(kind, &device)?;
    let shown = table(&device)?;
    let read = kind.params(Reader::new(&shown)).map_err(said)?;
    same("the table that was read", &read.to_string(), &shown)?;
    if let Some(expected) = &set.shown {
        same("the table", expected, &shown)?;
    } else if !set.like {
        same("the table", &sent.params, &shown)?;
    }
    status(kind, &device)?;
    for (suspended, message) in &set.messages {
        let typed = kind.message(Reader::new(message)).map_err(said)?;
        same("the message", &typed.to_string(), message)?;
        if *suspended {
            device.suspend()?;
        }
        if let Some(reply) = device.tell(message)? {
            let read = typed.reply(&reply).map_err(said)?;
            same("the reply", &read.to_string(), reply.trim_end())?;
        }
        settle(kind, &device).map_err(|error| format!("{message}: {error}"))?;
        status(kind, &device).map_err(|error| format!("{message}: {error}"))?;
    }
    if set.messages.iter().any(|(suspended, _)| *suspended) {
        device.resume()?;
    }
    Ok(())
}

fn table(device: &Device<'_>) -> Result<String, String> {
    first(device.kernel.dm.table(device.id.clone(), Slot::Active))
}

fn status(kind: &Kind, device: &Device<'_>) -> Result<Status, String> {
    let dm = &device.kernel.dm;
    let shown = first(dm.status(device.id.clone(), Slot::Active, FlushMode::NoFlush))?;
    let read = kind.status(Reader::new(&shown));
    let read = read.map_err(|error| format!("status {shown:?}: {error}"))?;
    same("the status", &read.to_string(), &shown)?;
    Ok(read)
}

/// Waits until an array or a mirror brings nothing up to date any more: MD may hang where an array
/// is suspended or removed meanwhile.
fn settle(kind: &Kind, device: &Device<'_>) -> Result<(), String> {
    let busy = |status: &Status| match status {
        Status::Raid(raid) => matches!(
            raid.action.as_deref(),
            Some("resync" | "recover" | "check" | "repair" | "reshape")
        ),
        Status::Mirror(mirror) => mirror.in_sync.part < mirror.in_sync.whole,
        _ => false,
    };
    while busy(&status(kind, device)?) {
        std::thread::sleep(Duration::from_millis(5));
    }
    Ok(())
}

fn first<I>(reply: Result<(I, Vec<TableLine>), DmError>) -> Result<String, String> {
    let (_, lines) = reply.map_err(|error| error.report())?;
    let line = lines.into_iter().next().ok_or("no lines")?;
    Ok(line.params.trim().to_owned())
}

fn same(what: &str, ours: &str, kernels: &str) -> Result<(), String> {
    match ours == kernels {
        true => Ok(()),
        false => Err(format!("{what}: {ours:?}, the kernel says {kernels:?}")),
    }
}
