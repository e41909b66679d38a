//! The sets that the guest holds kernels to, held to the types alone.

use dm_core::table::ParamError;
use dm_core::typed::{KINDS, Reader};
use dm_core::units::SectorCount;

use super::kind;
use super::sets::{self, Disks, FILES, Set, Sets, ZONED};

const UNDER: (&str, u64) = ("253:0", 65_536);

fn sets() -> impl Iterator<Item = (&'static str, Sets)> {
    let read = |text| sets::read(text, sets::over(UNDER.0));
    FILES
        .iter()
        .map(move |(target, text)| (*target, read(text)))
}

fn check(target: &str, set: &Set) -> Result<String, ParamError> {
    let zoned = ZONED.map(str::to_owned);
    let mut disks = Disks {
        under: UNDER,
        zoned: &zoned,
    };
    let reader = Reader::new(&set.params).mapping(SectorCount(set.length));
    let params = kind(target).params(reader.over(&mut disks))?;
    Ok(params.to_string())
}

#[test]
fn right_sets_are_right() {
    for (target, sets) in sets() {
        for set in sets.good {
            let written = check(target, &set).unwrap_or_else(|error| {
                panic!("{target} {}: {error}", set.params);
            });
            if set.shown.is_none() && !set.like {
                assert_eq!(written, set.params, "{target}");
            }
            for (_, message) in &set.messages {
                let typed = kind(target).message(Reader::new(message));
                assert_eq!(typed.map(|typed| typed.to_string()).as_ref(), Ok(message));
            }
        }
    }
}

#[test]
fn wrong_sets_are_wrong() {
    let mut taken = Vec::new();
    for (target, sets) in sets() {
        if let Some(under) = sets.under {
            assert!(
                kind(&under.target)
                    .params(Reader::new(&under.params))
                    .is_ok()
            );
        }
        for set in sets.bad.iter().chain(&sets.taken) {
            taken.extend(check(target, set).map(|_| format!("{target} {}", set.params)));
        }
    }
    assert!(taken.is_empty(), "{taken:#?}");
}

#[test]
fn most_variations_are_refused() {
    let mut all = (0, 0);
    for (target, sets) in sets() {
        for set in sets.good.iter().filter(|set| set.vary) {
            for made in sets::variations(set) {
                match check(target, &made) {
                    Err(_) => all.0 += 1,
                    Ok(_) => all.1 += 1,
                }
            }
        }
    }
    let (refused, taken) = all;
    assert!(refused > 2 * taken, "{refused} refused, {taken} taken");
}

#[test]
fn every_target_has_sets_or_no_kernel_at_hand() {
    let without: Vec<&str> = KINDS
        .iter()
        .map(|kind| kind.name)
        .filter(|name| FILES.iter().all(|(target, _)| target != name))
        .collect();
    assert_eq!(without, ["inlinecrypt", "ebs", "pcache"]);
}
