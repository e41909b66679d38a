//! The scripts, on the engine and on the running kernel: the transcripts are equal.

use dm_tests::scenario::{SCENARIOS, Step, play_on_engine, play_on_kernel, random_steps, shrink};

/// Seeds of random scripts, and the steps of each. `DM_SCENARIO_SEEDS` in the guest's shell asks
/// for more: a hundred seeds once ended in an oops of the 6.12 kernel, whose memory was corrupt.
const SEEDS: u64 = 12;
const STEPS: usize = 100;

/// The scripts with a step that comes out otherwise in the engine, and the number in
/// docs/quirks.md that says why.
const DOCUMENTED: &[(&str, u32)] = &[
    ("wrong table: linear past the end", 22),
    ("read-only table", 23),
    ("writable table on a read-only device", 23),
    ("wait for the present event number", 24),
];

/// Those that only kernels before the one that the engine follows do otherwise.
const DOCUMENTED_6_1: &[(&str, u32)] = &[
    ("error with a device", 25),
    ("wrong table: linear of no device", 26),
];

/// Every script.
pub(crate) fn scripts_agree() -> Result<(), String> {
    let mut differing = Vec::new();
    for scenario in SCENARIOS {
        let steps = (scenario.steps)();
        let documented = quirk(scenario.name)?;
        match (difference(&steps)?, documented) {
            (None, None) | (Some(_), Some(_)) => {}
            (Some(difference), None) => {
                differing.push(format!("{}:\n{difference}", scenario.name));
            }
            (None, Some(quirk)) => {
                differing.push(format!("{}: quirk {quirk} is no longer one", scenario.name));
            }
        }
    }
    report(SCENARIOS.len(), &differing)
}

/// Random scripts, the ones that differ shrunk.
pub(crate) fn random_scripts_agree() -> Result<(), String> {
    let mut differing = Vec::new();
    let more = std::env::var("DM_SCENARIO_SEEDS").ok();
    let seeds = more.and_then(|seeds| seeds.parse().ok()).unwrap_or(SEEDS);
    for seed in 0..seeds {
        let steps = random_steps(&mut fastrand::Rng::with_seed(seed), STEPS);
        if difference(&steps)?.is_some() {
            let short = shrink(&steps, |steps| matches!(difference(steps), Ok(Some(_))));
            let shown = difference(&short)?.unwrap_or_default();
            differing.push(format!("seed {seed}:\n{shown}"));
            if differing.len() == 5 {
                break;
            }
        }
    }
    report(usize::try_from(seeds).unwrap_or(usize::MAX), &differing)
}

/// The number of the documented difference that `script` has on this kernel.
fn quirk(script: &str) -> Result<Option<u32>, String> {
    let release = std::fs::read_to_string("/proc/sys/kernel/osrelease");
    let release = release.map_err(|error| format!("the kernel's release: {error}"))?;
    let old = release.starts_with("6.1.");
    let more = if old { DOCUMENTED_6_1 } else { &[] };
    let found = DOCUMENTED.iter().chain(more).find(|row| row.0 == script);
    Ok(found.map(|row| row.1))
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

/// Both transcripts, if engine and kernel differ.
fn difference(steps: &[Step]) -> Result<Option<String>, String> {
    let kernel = play_on_kernel(steps).map_err(|error| error.report())?;
    let engine = play_on_engine(steps);
    if engine == kernel {
        return Ok(None);
    }
    // Where they agree, what led up to it.
    let mut text = String::new();
    for (engine, kernel) in engine.iter().zip(&kernel) {
        match engine == kernel {
            true => text.push_str(&format!("  both:   {engine}\n")),
            false => text.push_str(&format!("  engine: {engine}\n  kernel: {kernel}\n")),
        }
    }
    Ok(Some(text))
}
