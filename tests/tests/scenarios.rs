//! The scripts on the engine in process and behind dictionaries: the transcripts are equal.

use std::time::Duration;

use dm_tests::scenario::{
    SCENARIOS, Step, play_on_engine, play_through_dictionary, random_steps, shrink,
};
use dm_tests::watchdog::Watchdog;

fn show(lines: &[String]) -> String {
    lines.join("\n  ")
}

#[test]
fn scripts_run_alike_in_process_and_behind_dictionaries() {
    let _watchdog = Watchdog::start("scenarios", Duration::from_secs(120));
    for scenario in SCENARIOS {
        let steps = (scenario.steps)();
        // A wait holds the one connection that the other steps need.
        if steps
            .iter()
            .any(|step| matches!(step, Step::WaitWhile { .. }))
        {
            continue;
        }
        let (near, far) = (play_on_engine(&steps), play_through_dictionary(&steps));
        assert_eq!(
            near,
            far,
            "{}\n  {}\n  {}",
            scenario.name,
            show(&near),
            show(&far)
        );
    }
}

#[test]
fn wait_ends_with_the_event() {
    let wait = SCENARIOS
        .iter()
        .find(|s| s.name == "wait for the present event number")
        .unwrap();
    let lines = play_on_engine(&(wait.steps)());
    assert!(
        lines[3].contains("early: false") && lines[3].contains("event 1"),
        "{}",
        show(&lines)
    );
}

#[test]
fn random_scripts_run_alike_in_process_and_behind_dictionaries() {
    let _watchdog = Watchdog::start("random scripts", Duration::from_secs(120));
    for seed in 0..20 {
        let mut rng = fastrand::Rng::with_seed(seed);
        let steps = random_steps(&mut rng, 100);
        let differs = |steps: &[Step]| play_on_engine(steps) != play_through_dictionary(steps);
        if differs(&steps) {
            let short = shrink(&steps, differs);
            let (near, far) = (play_on_engine(&short), play_through_dictionary(&short));
            panic!("seed {seed}:\n  {}\nand\n  {}", show(&near), show(&far));
        }
    }
}
