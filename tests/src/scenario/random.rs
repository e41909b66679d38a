//! Random scripts over a handful of devices, and the shortest part of one that still differs.

use fastrand::Rng;

use super::step::{self, Step};

const NAMES: [&str; 4] = ["a", "b", "c", "d"];

/// Devices that others stand on. Each of their tables is equally long, so that quirk 22, which is
/// about lengths, is not met all the time.
const FLOORS: [&str; 2] = ["x", "y"];
const FLOOR_SECTORS: u64 = 64;

/// `count` random steps. Equal seeds give equal steps.
pub fn random_steps(rng: &mut Rng, count: usize) -> Vec<Step> {
    let floors = FLOORS.iter().flat_map(|floor| {
        let table = floor_table(floor, 0);
        [
            step::create(floor),
            step::load(floor, &table),
            step::resume(floor),
        ]
    });
    let mut steps: Vec<Step> = floors.take(count).collect();
    steps.extend((steps.len()..count).map(|_| match rng.u8(0..8) {
        0 => floor_step(rng),
        _ => random_step(rng),
    }));
    steps
}

/// A step of a device that others stand on. It keeps its name, which tables say.
fn floor_step(rng: &mut Rng) -> Step {
    let floor = FLOORS[rng.usize(..FLOORS.len())];
    match rng.u8(0..16) {
        0..=2 => step::load(floor, &floor_table(floor, rng.u8(..))),
        3..=5 => step::resume(floor),
        6 => step::suspend(floor),
        7 => step::suspend_noflush(floor),
        8 => step::remove(floor),
        9 => step::remove_deferred(floor),
        10 => step::message(floor, 0, "@cancel_deferred_remove"),
        11 => step::clear(floor),
        12 => step::open(floor),
        13 => step::close(floor),
        14 => step::deps(floor),
        _ => step::info(floor),
    }
}

/// A table of a device that others stand on; the second may stand on the first.
fn floor_table(floor: &str, choice: u8) -> String {
    let line = match choice % 4 {
        0 if floor == FLOORS[1] => "linear /dev/mapper/x 0",
        1 => "striped 2 8 $0 0 $1 0",
        2 => "zero",
        _ => "linear $0 64",
    };
    format!("0 {FLOOR_SECTORS} {line}\n")
}

fn random_step(rng: &mut Rng) -> Step {
    let device = NAMES[rng.usize(..NAMES.len())];
    let start = rng.u64(..48);
    match rng.u8(0..40) {
        0..=4 => step::create(device),
        5 => step::create_uuid(device, &format!("U-{}", rng.u8(..3))),
        6..=11 => step::load(device, &random_table(rng)),
        12 => step::load_ro(device, &random_table(rng)),
        13..=18 => step::resume(device),
        19 => step::suspend_noflush(device),
        20 | 21 => step::suspend(device),
        22 => step::clear(device),
        23 | 24 => step::remove(device),
        25 => step::rename(device, NAMES[rng.usize(..NAMES.len())]),
        26 => step::set_uuid(device, &format!("U-{}", rng.u8(..3))),
        27 => step::info(device),
        28 => step::info_inactive(device),
        29 => step::table(device),
        30 => step::table_inactive(device),
        31 => step::status(device),
        32 => step::deps(device),
        33 => step::list(),
        34 => step::open(device),
        35 => step::close(device),
        36 => step::remove_deferred(device),
        37 => step::info_uuid(&format!("U-{}", rng.u8(..3))),
        38 => step::message(device, 0, "@cancel_deferred_remove"),
        _ => step::deps_inactive(NAMES[(start % 4) as usize]),
    }
}

/// A table of one to three lines over the base devices and those that others stand on; sometimes a
/// wrong one.
fn random_table(rng: &mut Rng) -> String {
    let mut text = String::new();
    let mut start = 0;
    for _ in 0..rng.usize(1..=3) {
        let length = 8 * rng.u64(1..=4);
        let base = rng.u8(..2);
        let line = match rng.u8(0..8) {
            0 => "zero".to_owned(),
            1 => "error".to_owned(),
            2 => format!(
                "striped 2 4 ${base} {} ${base} {}",
                rng.u64(..40),
                40 + rng.u64(..20)
            ),
            3 | 4 => {
                let floor = FLOORS[usize::from(base)];
                let most = FLOOR_SECTORS - length;
                format!("linear /dev/mapper/{floor} {}", rng.u64(..=most))
            }
            _ => format!("linear ${base} {}", rng.u64(..64)),
        };
        text.push_str(&format!("{start} {length} {line}\n"));
        start += length;
    }
    match rng.u8(0..12) {
        0 => format!("{text}{start} 8 nonesuch\n"),
        1 => format!("{text}{} 8 zero\n", start + 1),
        _ => text,
    }
}

/// The shortest script, made of `steps` by leaving some out, of which `differs` still says so.
pub fn shrink(steps: &[Step], mut differs: impl FnMut(&[Step]) -> bool) -> Vec<Step> {
    let mut steps = steps.to_vec();
    let mut chunk = (steps.len() / 2).max(1);
    loop {
        let mut at = 0;
        while at < steps.len() {
            let end = (at + chunk).min(steps.len());
            let mut fewer = steps.clone();
            fewer.drain(at..end);
            if differs(&fewer) {
                steps = fewer;
            } else {
                at = end;
            }
        }
        if chunk == 1 {
            return steps;
        }
        chunk /= 2;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shrinking_finds_the_two_steps_that_matter() {
        let steps = random_steps(&mut Rng::with_seed(1), 200);
        let differs = |steps: &[Step]| {
            let create = steps.iter().position(|step| *step == step::create("a"));
            let open = steps.iter().rposition(|step| *step == step::open("b"));
            matches!((create, open), (Some(create), Some(open)) if create < open)
        };
        if differs(&steps) {
            assert_eq!(
                shrink(&steps, differs),
                [step::create("a"), step::open("b")]
            );
        }
    }
}
