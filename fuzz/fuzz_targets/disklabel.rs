//! Any bytes as a disk: its labels, what is wrong with them, and what a table may have of it.
#![no_main]

use dm_core::disklabel::{ByteOrder, DiskReader, Kept, Label, Policy, Port, Rule, Survey};
use dm_core::units::{SECTOR_BYTES, SectorCount, SectorRange};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    for order in ByteOrder::ALL {
        let salvaged = Label::salvage(bytes, order);
        let right = salvaged.as_ref().is_ok_and(|(_, error)| error.is_none());
        assert_eq!(Label::decode(bytes, order).is_ok(), right);
    }
    let Ok(survey) = Survey::of(&mut &*bytes) else {
        return;
    };
    let size = SectorCount::from_bytes_floor(bytes.len() as u64);
    for found in &survey.labels {
        found.problems(survey.size);
        found.problems(None);
        let mut sector = [0; SECTOR_BYTES];
        (&*bytes)
            .read(found.sector(), &mut sector)
            .expect("it was read before");
        let before = sector;
        found
            .label
            .write(&mut sector, found.place)
            .expect("it fitted before");
        if found.checksum.is_none() {
            assert_eq!(sector, before, "what is read is written as it was");
        }
        let again = Label::decode(&sector[found.place.offset..], found.label.order);
        assert_eq!(again.as_ref(), Ok(&found.label));
    }
    for port in Port::ALL {
        let rule = Rule::for_driver("netbsd").policy(Policy::Strict).port(port);
        let kept = Kept::of(port, &survey);
        let mut end = 0;
        for run in rule.free(&survey, SectorRange::from_zero(size)) {
            assert!(run.start().0 >= end && run.end().0 <= size.0 && !run.is_empty());
            assert!(kept.iter().all(|kept| !kept.meets(run)), "{run} {kept:?}");
            end = run.end().0;
        }
    }
});
