//! Random scripts over a handful of devices, and the shortest part of one that still differs.

use fastrand::Rng;

use super::step::{self, Step};

const NAMES: [&str; 4] = ["a", "b", "c", "d"];

/// `count` random steps. Equal seeds give equal steps.
pub fn random_steps(rng: &mut Rng, count: usize) -> Vec<Step> {
    (0..count).map(|_| random_step(rng)).collect()
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

/// A table of one to three lines over the base devices; sometimes a wrong one. It does not stand
/// on other mapped devices, whose lengths change: quirk 22 would be met all the time.
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
