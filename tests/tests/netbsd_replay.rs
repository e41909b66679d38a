//! Conversations captured from NetBSD's driver, played against ours.

use std::collections::BTreeSet;
use std::path::Path;

use dm_tests::replay::{Outcome, documented, play, scenarios};

/// What our driver says about each input that the kernel mishandles.
const REFUSALS: &[(&str, &str)] = &[
    ("io-chunk-zero", "there are no stripes, or no chunks"),
    ("io-cross-end-raw", "it goes on past the end"),
    ("io-gap-block", "sectors 100+100: no line maps them"),
    ("io-overlap", "sectors 50+50: lines 1 and 2 both map them"),
    ("io-past-backing", "past the end of /dev/rump_wd0a"),
    ("io-zero-stripes", "there are no stripes, or no chunks"),
    ("long-dev-twice", "only the first 31 bytes are shown"),
    (
        "params-missing",
        "line 1: linear: the parameters are missing",
    ),
    (
        "reload-2nd-noparams",
        "line 2: linear: the parameters are missing",
    ),
    ("reload-dictdata", "cmd_data is no array"),
    (
        "reload-emptyparams",
        "line 1: linear: the device is missing",
    ),
    ("reload-nodata", "cmd_data is no array"),
    ("reload-nolength", "line 1: the length is missing"),
    ("reload-nooffset", "line 1: linear: the offset is missing"),
    ("reload-nostart", "line 1: the start is missing"),
    ("reload-notype", "line 1: the target is missing"),
    ("reload-stringdata", "line 1: the target is missing"),
    ("rename-emptydata", "there is no new name in cmd_data"),
    ("rename-intdata", "there is no new name in cmd_data"),
    ("rename-nodata", "there is no new name in cmd_data"),
    ("self", "line 1: the device would stand on itself"),
    ("stripe-5", "line 1: striped: more than 4 stripes"),
    ("stripe-nodev", "a stripe's device or offset is missing"),
    (
        "stripe-noparams",
        "the number of stripes or the chunk size is missing",
    ),
    (
        "stripe-nulparams",
        "line 1: striped: the parameters are missing",
    ),
    ("uuid-129", "the uuid is cut after 128 bytes"),
    ("uuid-200", "the uuid is cut after 128 bytes"),
    ("version-empty", "its version has no two numbers"),
    ("version-missing", "its version is no array"),
    ("version-one", "its version has no two numbers"),
    ("version-string", "its version is no array"),
    ("version-strings", "its version has no two numbers"),
];

fn played() -> Vec<Outcome> {
    let golden = Path::new(env!("CARGO_MANIFEST_DIR")).join("golden/netbsd");
    let scenarios = scenarios(&golden).unwrap();
    scenarios.iter().map(|dir| play(dir).unwrap()).collect()
}

#[test]
fn every_reply_is_the_kernels_or_the_difference_is_documented() {
    let (played, mut documented) = (played(), documented());
    let steps: usize = played.iter().map(|outcome| outcome.steps).sum();
    let ios: usize = played.iter().map(|outcome| outcome.ios).sum();
    assert_eq!((played.len(), steps, ios), (41, 342, 65));
    for outcome in &played {
        for difference in &outcome.differences {
            let row = documented
                .iter()
                .position(|row| row.scenario == outcome.name && row.step == difference.step);
            match row {
                Some(row) => drop(documented.remove(row)),
                None => panic!(
                    "{} step {}:\n{}",
                    outcome.name, difference.step, difference.text
                ),
            }
        }
    }
    assert!(documented.is_empty(), "no difference there: {documented:?}");
}

#[test]
fn what_the_kernel_mishandles_is_refused_and_the_log_says_why() {
    let mut refusals: BTreeSet<_> = REFUSALS.iter().copied().collect();
    for outcome in played() {
        let Some(name) = outcome.name.strip_prefix("undefined/") else {
            continue;
        };
        let row = refusals.iter().find(|(scenario, _)| *scenario == name);
        let row = *row.unwrap_or_else(|| panic!("{name} is not in the table"));
        let said = outcome.said.join("\n");
        assert!(said.contains(row.1), "{name}: {said:?}");
        refusals.remove(&row);
    }
    assert!(refusals.is_empty(), "not played: {refusals:?}");
}

#[test]
fn quirks_are_numbered_without_gaps_and_those_named_exist() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let text = std::fs::read_to_string(root.join("docs/quirks.md")).unwrap();
    let number = |line: &str| {
        line.strip_prefix("| ")?
            .split(' ')
            .next()?
            .parse::<u32>()
            .ok()
    };
    let mut numbers: Vec<u32> = text.lines().filter_map(number).collect();
    numbers.sort_unstable();
    let expected: Vec<u32> = (1..).take(numbers.len()).collect();
    assert_eq!(numbers, expected);
    for outcome in played() {
        for line in outcome.said {
            let Some((_, rest)) = line.split_once("(quirk ") else {
                continue;
            };
            let named: u32 = rest.trim_end_matches(')').parse().unwrap();
            assert!(numbers.contains(&named), "{line}");
        }
    }
    for row in documented() {
        assert!(numbers.contains(&row.quirk), "{row:?}");
    }
}
