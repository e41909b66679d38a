//! The scripts that the kernels play, on the daemon: its transcripts are those of the engine.

mod common;

use common::Home;
use dm_tests::scenario::{SCENARIOS, play_on_daemon, play_on_engine};
use dm_tests::watchdog::Watchdog;

/// Scripts that open a device without an active table, which is no export.
const NO_EXPORT: &[&str] = &["inactive table alone"];

#[test]
fn scripts_run_alike_in_process_and_in_the_daemon() {
    let _watchdog = Watchdog::start("scripts on the daemon", 4 * common::LIMIT);
    let home = Home::new();
    // The first command starts it.
    home.ok(&["ls"]);
    let mut differing = Vec::new();
    for scenario in SCENARIOS {
        let steps = (scenario.steps)();
        let daemon = play_on_daemon(&home.runtime(), home.path(), &steps).unwrap();
        let engine = play_on_engine(&steps);
        if (daemon != engine) != NO_EXPORT.contains(&scenario.name) {
            let (daemon, engine) = (daemon.join("\n  "), engine.join("\n  "));
            differing.push(format!("{}\n  {daemon}\nnot\n  {engine}", scenario.name));
        }
    }
    assert!(differing.is_empty(), "{}", differing.join("\n"));
}
