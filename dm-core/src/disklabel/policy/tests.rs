//! Who decides: the user, the disk, the driver, the machine.

use alloc::string::ToString;
use alloc::vec::Vec;

use super::super::draft::front;
use super::super::label::FixedText;
use super::*;
use crate::units::{Sector, SectorCount, SectorRange};

fn with_label(port: Port) -> Survey {
    let mut disk: Vec<u8> = front(port, SectorCount(4096), FixedText::default()).unwrap();
    Survey::of(&mut disk).unwrap()
}

#[test]
fn label_makes_every_driver_strict_and_netbsd_is_so_anyway() {
    let (none, label) = (Survey::default(), with_label(Port::Amd64));
    for (driver, without) in [
        ("engine", Policy::Off),
        ("linux", Policy::Off),
        ("socket", Policy::Off),
        ("netbsd", Policy::Strict),
    ] {
        let rule = Rule::for_driver(driver);
        assert_eq!(rule.policy_on(&none), without);
        assert_eq!(rule.policy_on(&label), Policy::Strict);
        for policy in Policy::ALL {
            assert_eq!(rule.policy(policy).policy_on(&none), policy);
            assert_eq!(rule.policy(policy).policy_on(&label), policy);
        }
    }
}

#[test]
fn port_is_the_one_that_the_label_tells() {
    let rule = Rule::for_driver("engine");
    assert_eq!(rule.port_on(&Survey::default()), Port::HOST);
    for port in Port::ALL {
        let survey = with_label(port);
        let told = rule.port_on(&survey);
        let place = survey.labels[0].place;
        assert!(told.writes(place, port.order()), "{port}: {told}");
        // A label of another machine than this one counts by the strictest of its ports.
        let strictest = match port.place().sector.0 {
            1 if port.order() == super::super::ByteOrder::Little => 65,
            _ => 2,
        };
        if !Port::HOST.writes(place, port.order()) {
            assert_eq!(told.reserved().0, strictest, "{port}");
        }
        for other in Port::ALL {
            assert_eq!(rule.port(other).port_on(&survey), other);
        }
    }
}

#[test]
fn free_runs_lie_behind_labels() {
    let free = |survey: &Survey, start, length| -> Vec<(u64, u64)> {
        let area = SectorRange::new(Sector(start), SectorCount(length)).unwrap();
        let runs = Rule::for_driver("netbsd")
            .port(Port::Amd64)
            .free(survey, area);
        let pair = |run: &SectorRange| (run.start().0, run.end().0);
        runs.iter().map(pair).collect()
    };
    let none = Survey::default();
    assert_eq!(free(&none, 0, 4096), [(65, 4096)]);
    assert_eq!(free(&none, 64, 4), [(65, 68)]);
    assert_eq!(free(&none, 2048, 8), [(2048, 2056)]);
    assert_eq!(free(&none, 0, 65), []);
    // The label of the MBR partition at sector 63.
    let mut labelled = with_label(Port::Amd64);
    assert_eq!(free(&labelled, 0, 4096), [(65, 4096)]);
    assert_eq!(free(&labelled, 63, 4033), [(65, 4096)]);
    // The same further up, with boot loaders before it, and another one behind.
    labelled.labels[0].base = Sector(2048);
    let mut second = labelled.labels[0].clone();
    second.base = Sector(3000);
    labelled.labels.push(second);
    assert_eq!(free(&labelled, 0, 4096), [(2050, 3000), (3002, 4096)]);
    assert_eq!(free(&labelled, 2048, 500), [(2050, 2548)]);
    let off = Rule::for_driver("netbsd").policy(Policy::Off);
    let area = SectorRange::from_zero(SectorCount(4096));
    assert_eq!(off.free(&labelled, area), [area]);
}

#[test]
fn policies_read_back() {
    for policy in Policy::ALL {
        assert_eq!(policy.to_string().parse(), Ok(policy));
    }
    let error = "none".parse::<Policy>().unwrap_err();
    assert_eq!(error.to_string(), "use strict, warn or off");
}
