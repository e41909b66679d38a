//! What the kernel does not take: neither do we, and the other way round.

use std::collections::BTreeSet;

use dm_core::table::{ParamError, Reason};
use dm_core::typed::{self, Kind};
use dm_core::version::Version;

use super::rows;
use super::sets::{self, FILES, Set};
use super::{Below, Device, Ground, Kernel, check, is_asked, line, wipe};
use crate::kernel::is_a_program;

/// The least that a target has.
const LEAST: usize = 20;
/// The most that are made of a target's right sets, unless all are asked for: each costs a kernel
/// its time.
const MADE: usize = 36;

/// Bytes at a disk's start that have a target's header, without which the rest is as good as gone.
const HEADER: usize = 128 << 10;

/// What kernels take although it is wrong: numbers that do not fit lose their upper bits, and the
/// check of the stripe's index is off by one.
const TAKEN: &[(&str, &str)] = &[
    ("linear", "8:0 18446744073709551616"),
    ("delay", "8:0 0 4294967296"),
    ("unstriped", "2 256 2 8:0 0"),
];

/// Whether a kernel takes what is refused for that reason: Linux 6.1.176 does, and 6.1.192 does not.
fn took_it_before(kernel: &Kernel, reason: &str) -> bool {
    kernel.series == (6, 1) && reason.contains("can not be merged")
}

/// What a kernel alone knows. All else that it refuses, we refuse.
const ALONE: &[(&str, &str)] = &[
    ("crypt", "its ciphers"),
    ("verity", "its hashes, and how large its codes are"),
    ("integrity", "its hashes, and what the device has room for"),
    ("raid", "what the devices' metadata says"),
    ("vdo", "what the volume's metadata says"),
];

/// Every set of parameters that is refused with a reason, the kernel refuses, too.
pub(crate) fn kernel_refuses_what_we_refuse() -> Result<(), String> {
    let kernel = Kernel::open()?;
    let _quiet = Quiet::new();
    let device = Device::new(&kernel, "typed").map_err(|error| error.report())?;
    let (mut refused, mut taken) = (0, Vec::new());
    for (target, params, said) in rows::refusals() {
        if kernel.version(target).is_none() || TAKEN.contains(&(target, params)) {
            continue;
        }
        let params = params
            .replace("8:0", "1:0")
            .replace("8:16", "1:1")
            .replace("8:32", "1:2")
            .replace("8:48", "1:3")
            .replace("8:1 ", "1:1 ");
        match device.load(&line(target, 65_536, &params)?) {
            Err(_) => refused += 1,
            Ok(()) if took_it_before(&kernel, said) => {}
            Ok(()) => taken.push(format!("{target} {params} ({said})")),
        }
    }
    println!("{refused} wrong sets of parameters");
    match taken.is_empty() {
        true => Ok(()),
        false => Err(format!("the kernel takes:\n{}", taken.join("\n"))),
    }
}

/// The targets of the first check; a second one has the others, so that neither takes too long.
const FIRST: usize = 12;

/// Wrong sets of targets that keep no metadata.
pub(crate) fn wrong_sets_are_wrong_to_both() -> Result<(), String> {
    held_to_both(&FILES[..FIRST])
}

/// Wrong sets of the other targets.
pub(crate) fn more_wrong_sets_are_wrong_to_both() -> Result<(), String> {
    held_to_both(&FILES[FIRST..])
}

/// Many of the sets are made of right ones: what we refuse, the kernel refuses.
fn held_to_both(files: &[(&str, &str)]) -> Result<(), String> {
    let kernel = Kernel::open()?;
    let _quiet = Quiet::new();
    let mut wrong = Vec::new();
    for (target, text) in files {
        let Some(kind) = typed::kind(target) else {
            wrong.push(format!("{target} is no kind"));
            continue;
        };
        if kernel.version(target).is_none() || !is_asked(target) {
            continue;
        }
        println!("{target}: …");
        let mut counts = Counts::default();
        compare(&kernel, kind, text, &mut counts)?;
        let Counts {
            both,
            wide,
            kernels,
            ours,
        } = counts;
        println!(
            "{target}: {both} wrong sets refused by both; {wide} have numbers that lose their upper \
             bits; {kernels} refused by the kernel alone"
        );
        for reason in &ours {
            println!("  wrong: {reason}");
        }
        wrong.extend(ours);
        // Before 1.7.0 it takes any words.
        let takes_any = *target == "error" && kernel.version(target) < Some(Version(1, 7, 0));
        if both < LEAST && !takes_any {
            wrong.push(format!("{target}: only {both} wrong sets"));
        }
    }
    match wrong.is_empty() {
        true => Ok(()),
        false => Err(wrong.join("\n")),
    }
}

/// Who refused how many.
#[derive(Default)]
struct Counts {
    both: usize,
    /// The kernel took them, since a number of theirs loses its upper bits.
    wide: usize,
    kernels: usize,
    /// Each is a defect.
    ours: Vec<String>,
}

fn compare(kernel: &Kernel, kind: &Kind, text: &str, counts: &mut Counts) -> Result<(), String> {
    let below = Below::new(kernel, kind.name, text)?;
    let sets = below.sets(text);
    let told = |sets: &[Set]| -> Vec<Set> {
        let fit = sets.iter().filter(|set| !kernel.lacks(set));
        fit.cloned().collect()
    };
    let (bad, taken) = (told(&sets.bad), told(&sets.taken));
    let good = told(&sets.good);
    let made = good.iter().filter(|set| set.vary);
    let made: Vec<Set> = made.flat_map(sets::variations).collect();
    let each = match std::env::var_os("DM_TYPED_ALL").is_some() || is_a_program() {
        true => 1,
        false => made.len().div_ceil(MADE).max(1),
    };
    let made = made.into_iter().step_by(each);
    let mut seen = BTreeSet::new();
    let mut unused = None;
    let named = bad.len() + taken.len();
    for (at, set) in bad.iter().chain(&taken).cloned().chain(made).enumerate() {
        if !seen.insert((set.length, set.params.clone())) {
            continue;
        }
        let name = format!("{} {} {}", set.length, kind.name, set.params);
        let ours = check(kernel, &below, kind, &set);
        // What is refused late has left metadata, too.
        if matches!(below.ground, Ground::Disks) {
            wipe(&set.params, HEADER)?;
        }
        // Only the first table of a device is held to the devices' sizes at load.
        let device = match unused.take() {
            Some(device) => device,
            None => Device::new(kernel, "typed").map_err(|error| error.report())?,
        };
        let kernels = device.load(&line(kind.name, set.length, &set.params)?);
        match (ours, &kernels) {
            (Err(_), Err(_)) => counts.both += 1,
            (Err(_), Ok(())) if taken.iter().any(|taken| taken.params == set.params) => {}
            (Err(error), Ok(())) if loses_bits(&error) => counts.wide += 1,
            (Err(error), Ok(())) if took_it_before(kernel, &error.to_string()) => {}
            (Err(error), Ok(())) => counts
                .ours
                .push(format!("the kernel takes {name} ({error})")),
            (Ok(()), Err(_)) if at < named => {
                counts.ours.push(format!("we take {name}"));
            }
            (Ok(()), Err(_)) => {
                let why = ALONE.iter().find(|(target, _)| *target == kind.name);
                match why {
                    Some((_, why)) => {
                        counts.kernels += 1;
                        println!("the kernel alone knows {why}: {name}");
                    }
                    None => counts.ours.push(format!("we take {name}")),
                }
            }
            (Ok(()), Ok(())) if at < named => counts.ours.push(format!("both take {name}")),
            (Ok(()), Ok(())) => {}
        }
        unused = kernels.is_err().then_some(device);
    }
    Ok(())
}

/// While it is there, the console shows no reasons of refusals: it is slow, and they are many.
struct Quiet {
    before: Option<String>,
}

const CONSOLE: &str = "/proc/sys/kernel/printk";

impl Quiet {
    fn new() -> Quiet {
        let before = std::fs::read_to_string(CONSOLE).ok();
        let _ = std::fs::write(CONSOLE, "3");
        Quiet { before }
    }
}

impl Drop for Quiet {
    fn drop(&mut self) {
        if let Some(before) = &self.before {
            let _ = std::fs::write(CONSOLE, before);
        }
    }
}

/// Whether the word that is wrong is a number of which the kernel reads the lower bits alone.
fn loses_bits(error: &ParamError) -> bool {
    let reason = matches!(
        error.reason,
        Reason::TooLarge { .. } | Reason::OutOfRange { .. } | Reason::TooFewWords { .. }
    );
    let number = error.word.as_ref().and_then(|(_, word)| word.parse().ok());
    reason && number.is_some_and(|number: u128| number > u32::MAX.into())
}
