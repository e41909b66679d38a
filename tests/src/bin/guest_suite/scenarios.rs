//! The scripts, on the engine and on the running kernel: the transcripts are equal.

use std::ops::Range;

use dm_tests::scenario::{SCENARIOS, Step, play_on_engine, play_on_kernel, random_steps, shrink};

use crate::kernel::is_a_program;

/// Seeds of random scripts, and the steps of each. The variable asks for others, as `FROM..TO`.
const SEEDS: Range<u64> = 0..12;
const SEEDS_OF_A_PROGRAM: Range<u64> = 0..40;
const STEPS: usize = 100;
const MORE_SEEDS: &str = "DM_SCENARIO_SEEDS";

/// So many scripts that differ are enough.
const ENOUGH: usize = 5;

/// A step of a script that comes out otherwise in the engine.
struct Documented {
    script: &'static str,
    /// How the step's line begins.
    step: &'static str,
    /// The number in docs/quirks.md that says why.
    quirk: u32,
    /// Whether only kernels before the one that the engine follows do so.
    old: bool,
}

const fn now(script: &'static str, step: &'static str, quirk: u32) -> Documented {
    Documented {
        script,
        step,
        quirk,
        old: false,
    }
}

const fn before(script: &'static str, step: &'static str, quirk: u32) -> Documented {
    Documented {
        script,
        step,
        quirk,
        old: true,
    }
}

const DOCUMENTED: &[Documented] = &[
    now(
        "wrong table: linear past the end",
        "load a 0 8 linear $0 999999999",
        22,
    ),
    now("read-only table", "write a", 23),
    now("inactive table that is read-only", "write a", 23),
    now("read-only table on a read-only device", "write b", 23),
    now(
        "writable table on a read-only device",
        "load b 0 8 linear /dev/mapper/a 0",
        23,
    ),
    now("wait for the present event number", "wait a 0", 24),
    now("wait while it is removed", "wait a 0", 28),
    now(
        "wait of a device that a deferred remove takes",
        "wait a 0",
        28,
    ),
    now("forced remove of an open device", "remove a Forced", 29),
    now("forced remove of an open device", "info a", 29),
    now("forced remove of an open device", "ls", 29),
    now("stands on itself", "load a 0 8 linear", 30),
    now("two that stand on each other", "load a 0 64 linear", 30),
    before("error with a device", "deps a", 25),
    before("error with a device", "load a 0 64 error some", 25),
    before("error with a device", "info a", 25),
    before("stands on itself", "clear a", 30),
    before("wrong table: linear of no device", "load a 0 8 linear", 26),
];

/// Every script.
pub(crate) fn scripts_agree() -> Result<(), String> {
    let old = is_old()?;
    let mut wrong = Vec::new();
    for scenario in SCENARIOS {
        let (engine, kernel) = both(&(scenario.steps)())?;
        let differing: Vec<&String> = engine
            .iter()
            .zip(&kernel)
            .filter(|(a, b)| a != b)
            .map(|(a, _)| a)
            .collect();
        let rows = DOCUMENTED
            .iter()
            .filter(|row| row.script == scenario.name && (old || !row.old));
        let rows: Vec<&Documented> = rows.collect();
        if differing
            .iter()
            .any(|line| !rows.iter().any(|row| line.starts_with(row.step)))
        {
            wrong.push(format!("{}:\n{}", scenario.name, shown(&engine, &kernel)));
        }
        for row in rows {
            if !differing.iter().any(|line| line.starts_with(row.step)) {
                wrong.push(format!(
                    "{}: {}: quirk {} is no longer one",
                    row.script, row.step, row.quirk
                ));
            }
        }
    }
    report(SCENARIOS.len(), &wrong)
}

/// Random scripts, the ones that differ shrunk.
pub(crate) fn random_scripts_agree() -> Result<(), String> {
    let seeds = seeds()?;
    let mut differing = Vec::new();
    for seed in seeds.clone() {
        let steps = random_steps(&mut fastrand::Rng::with_seed(seed), STEPS);
        if difference(&steps)?.is_some() {
            let short = shrink(&steps, |steps| matches!(difference(steps), Ok(Some(_))));
            let shown = difference(&short)?.unwrap_or_default();
            differing.push(format!("seed {seed}:\n{shown}"));
        }
        let differ = differing.len();
        if (seed + 1).is_multiple_of(10) || differ == ENOUGH {
            let done = seeds.start..seed + 1;
            println!("seeds {done:?} of {seeds:?} done, {differ} differ");
        }
        if differ == ENOUGH {
            break;
        }
    }
    report(seeds.count(), &differing)
}

fn seeds() -> Result<Range<u64>, String> {
    let Ok(text) = std::env::var(MORE_SEEDS) else {
        return Ok(match is_a_program() {
            true => SEEDS_OF_A_PROGRAM,
            false => SEEDS,
        });
    };
    let range = text.split_once("..").and_then(|(from, to)| {
        let (from, to) = (from.parse().ok()?, to.parse().ok()?);
        (from < to).then_some(from..to)
    });
    range.ok_or_else(|| format!("{MORE_SEEDS} is {text:?}, not FROM..TO"))
}

/// Whether this kernel is older than the one that the engine follows.
fn is_old() -> Result<bool, String> {
    let release = std::fs::read_to_string("/proc/sys/kernel/osrelease");
    let release = release.map_err(|error| format!("the kernel's release: {error}"))?;
    Ok(release.starts_with("6.1."))
}

fn report(count: usize, differing: &[String]) -> Result<(), String> {
    match differing.is_empty() {
        true => Ok(()),
        false => Err(format!(
            "{} of {count} differ\n{}",
            differing.len(),
            differing.join("\n")
        )),
    }
}

/// What the engine and the kernel make of a script.
fn both(steps: &[Step]) -> Result<(Vec<String>, Vec<String>), String> {
    let kernel = play_on_kernel(steps).map_err(|error| error.report())?;
    Ok((play_on_engine(steps), kernel))
}

/// Both transcripts, if engine and kernel differ.
fn difference(steps: &[Step]) -> Result<Option<String>, String> {
    let (engine, kernel) = both(steps)?;
    Ok((engine != kernel).then(|| shown(&engine, &kernel)))
}

/// Both transcripts; where they agree, what led up to it.
fn shown(engine: &[String], kernel: &[String]) -> String {
    let mut text = String::new();
    for (engine, kernel) in engine.iter().zip(kernel) {
        match engine == kernel {
            true => text.push_str(&format!("  both:   {engine}\n")),
            false => text.push_str(&format!("  engine: {engine}\n  kernel: {kernel}\n")),
        }
    }
    text
}
