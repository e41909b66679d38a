//! Labels of every port, where it would put them.

use super::super::draft::Draft;
use super::super::error::Field;
use super::super::mbr::MbrEntry;
use super::*;
use crate::units::SectorRange;

const DISK: SectorCount = SectorCount(32768);

/// A disk with a label of `port`, in the MBR partition from `base` on unless that is 0.
fn labelled(port: Port, order: ByteOrder, base: u32) -> Vec<u8> {
    let mut disk = alloc::vec![0; 32768 * 512];
    let area =
        SectorRange::new(Sector(base.into()), SectorCount(DISK.0 - u64::from(base))).unwrap();
    let label = Draft::new(port, DISK, area).order(order).finish().unwrap();
    let mut sector = [0; 512];
    if base > 0 {
        MbrEntry::write_netbsd(&mut sector, base, 32768 - base);
        disk[..512].copy_from_slice(&sector);
        sector = [0; 512];
    }
    let place = port.place();
    label.write(&mut sector, place).unwrap();
    let holder = usize::try_from(place.sector.0).unwrap() + base as usize;
    disk[holder * 512..][..512].copy_from_slice(&sector);
    disk
}

#[test]
fn label_of_each_port_is_found_in_its_place_and_order() {
    for port in Port::ALL {
        for order in ByteOrder::ALL {
            let survey = Survey::of(&mut labelled(port, order, 0)).unwrap();
            assert_eq!(
                (survey.labels.len(), survey.damaged.len()),
                (1, 0),
                "{port}"
            );
            let found = &survey.labels[0];
            assert_eq!((found.base, found.partition), (Sector::ZERO, None));
            assert_eq!((found.place, found.label.order), (port.place(), order));
            assert_eq!(
                found.ports().any(|other| other == port),
                port.writes(port.place(), order)
            );
        }
    }
}

#[test]
fn label_counts_from_the_netbsd_partition() {
    for port in Port::ALL.into_iter().filter(|port| port.uses_mbr()) {
        let survey = Survey::of(&mut labelled(port, port.order(), 63)).unwrap();
        assert_eq!(survey.labels.len(), 1, "{port}");
        let found = &survey.labels[0];
        assert_eq!((found.sector(), found.partition), (Sector(64), Some(1)));
    }
}

#[test]
fn damaged_label_is_told_with_its_field() {
    let mut disk = labelled(Port::Amd64, ByteOrder::Little, 0);
    disk[512 + 30] ^= 1;
    let survey = Survey::of(&mut disk).unwrap();
    let found = &survey.labels[0];
    let problems = found.problems(Some(DISK));
    assert_eq!((found.sector(), problems.len()), (Sector(1), 1));
    assert_eq!(problems[0].field, Field::Checksum);
    // One magic number is enough to know what it was.
    disk[512] = 0;
    let survey = Survey::of(&mut disk).unwrap();
    let damaged = &survey.damaged[0];
    assert_eq!((survey.labels.len(), damaged.sector()), (0, Sector(1)));
    assert_eq!(damaged.error.field, Field::Magic);
}

#[test]
fn empty_and_short_disks_have_nothing() {
    assert_eq!(Survey::of(&mut Vec::new()), Err(Errno::EIO));
    for sectors in [1, 2, 3] {
        let survey = Survey::of(&mut alloc::vec![0; sectors * 512]).unwrap();
        assert_eq!((survey.labels.len(), survey.mbr), (0, None));
    }
}
