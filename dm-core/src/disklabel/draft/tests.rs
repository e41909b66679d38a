//! Labels that are made are sound, and say what they were to say.

use alloc::string::ToString;

use super::super::survey::Survey;
use super::*;

fn range(start: u64, length: u64) -> SectorRange {
    SectorRange::new(Sector(start), SectorCount(length)).unwrap()
}

#[test]
fn partition_a_has_all_that_is_free() {
    for port in Port::ALL {
        let disk = SectorCount(10000);
        let label = Draft::new(port, disk, SectorRange::from_zero(disk))
            .finish()
            .unwrap();
        let first = port.reserved().0;
        assert_eq!(
            label.range(&label.partitions[0]),
            Some(range(first, 10000 - first))
        );
        let raw = usize::from(port.raw_partition());
        assert_eq!(label.range(&label.partitions[raw]), Some(range(0, 10000)));
        assert_eq!(label.partitions.len(), raw + 1);
    }
}

#[test]
fn what_no_label_can_say_is_refused_by_field() {
    let disk = SectorCount(u64::from(u32::MAX) + 1);
    let draft = Draft::new(Port::Amd64, disk, SectorRange::from_zero(disk));
    assert_eq!(
        draft.finish().unwrap_err().to_string(),
        "secperunit: 4294967296 sectors are more than a label can say"
    );
    let disk = SectorCount(1000);
    let draft = || Draft::new(Port::Sparc, disk, SectorRange::from_zero(disk));
    let said = |draft: Draft| draft.finish().unwrap_err().to_string();
    assert_eq!(
        said(draft().partition(8, FsType::SWAP, range(2, 8))),
        "npartitions: there are 9, more than the 8 that fit"
    );
    assert_eq!(
        said(draft().partition(0, FsType::SWAP, range(2, 999))),
        "partition a: size: sectors 2+999 run past the end of the disk, which has 1000"
    );
    assert_eq!(
        said(draft().partition(0, FsType::SWAP, range(2, 8)).partition(
            1,
            FsType::SWAP,
            range(9, 8)
        )),
        "partition b: offset: sectors 9+8 overlap partition a"
    );
}

#[test]
fn front_of_a_disk_is_as_long_as_the_rule_says_and_has_its_label() {
    for port in Port::ALL {
        let size = SectorCount(4096);
        let name = FixedText::new("vol0").unwrap();
        let mut disk = front(port, size, name).unwrap();
        let first = port.reserved().0;
        assert_eq!(disk.len() as u64, first * 512);
        disk.resize(4096 * 512, 0);
        let survey = Survey::of(&mut disk).unwrap();
        assert_eq!(
            (survey.labels.len(), survey.damaged.len()),
            (1, 0),
            "{port}"
        );
        let found = &survey.labels[0];
        assert_eq!(survey.mbr.is_some(), first == 65, "{port}");
        assert!(found.ports().any(|other| other == port));
        assert_eq!(found.label.pack_name, name);
        assert_eq!(found.label.problems(Some(size)), []);
        let a = found.label.range(&found.label.partitions[0]);
        assert_eq!(a, Some(range(first, 4096 - first)));
        for short in [0, 1, first] {
            assert!(
                front(port, SectorCount(short), name).is_err(),
                "{port} {short}"
            );
        }
        assert!(front(port, SectorCount(first + 1), name).is_ok());
    }
}
