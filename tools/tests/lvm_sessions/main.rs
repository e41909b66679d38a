//! Sessions of NetBSD's volume manager over the daemon's socket, in that driver's dialect: the devices hold the right
//! bytes, seen through their exports and on the disks beneath.

#![allow(clippy::unwrap_used)] // clippy knows helpers for no tests

mod client;
#[path = "../common/mod.rs"]
mod common;
mod volume;

use client::Lvm;
use volume::{EXTENT, Segment, Volume, bytes};

const EXTENT_BYTES: usize = 4 << 20;

#[test]
fn volume_grows_onto_a_second_disk_and_keeps_its_bytes() {
    let mut lvm = Lvm::new(2, 4);

    // lvcreate -l 3 -n home vg0
    let mut home = Volume::new("vg0", "home", [Segment::linear(3, 0, 1)]);
    lvm.activate(&home).unwrap();
    let mut content = bytes(home.bytes(), 1);
    lvm.write(&home, &content);
    lvm.assert_holds(&home, &content);

    // lvextend -l +2 vg0/home
    home.segments.push(Segment::linear(2, 1, 0));
    lvm.change(&home);
    content.resize(5 * EXTENT_BYTES, 0);
    lvm.assert_holds(&home, &content);
    content = bytes(home.bytes(), 2);
    lvm.write(&home, &content);
    lvm.assert_holds(&home, &content);

    let (wd0, wd1) = (lvm.disk(0), lvm.disk(1));
    let table = format!("0 24576 linear {wd0} 8576\n24576 16384 linear {wd1} 384\n");
    assert_eq!(lvm.table(&home), table);
    assert_eq!(lvm.deps(&home), 2);

    // lvreduce -l 1 vg0/home
    home.segments = vec![Segment::linear(1, 0, 1)];
    lvm.change(&home);
    content.truncate(EXTENT_BYTES);
    lvm.assert_holds(&home, &content);

    // lvremove vg0/home
    lvm.remove(&home);
    assert_eq!(lvm.names(), [""; 0]);
}

#[test]
fn stripes_lie_on_all_disks() {
    let mut lvm = Lvm::new(4, 4);

    // lvcreate -l 6 -i 3 -I 64 -n fast vg0
    let mut fast = Volume::new(
        "vg0",
        "fast",
        [Segment::striped(6, 128, &[(0, 0), (1, 0), (2, 0)])],
    );
    lvm.activate(&fast).unwrap();
    let mut content = bytes(fast.bytes(), 1);
    lvm.write(&fast, &content);
    lvm.assert_holds(&fast, &content);

    // lvextend -l +4 -i 2 -I 4 vg0/fast, whose stripes begin at other places
    let more = Segment::striped(4, 8, &[(3, 1), (1, 2)]);
    fast.segments.push(more);
    lvm.change(&fast);
    content.resize(10 * EXTENT_BYTES, 0);
    lvm.assert_holds(&fast, &content);
    content = bytes(fast.bytes(), 2);
    lvm.write(&fast, &content);
    lvm.assert_holds(&fast, &content);
    // One entry a stripe, a disk that is in two segments twice.
    assert_eq!(lvm.deps(&fast), 5);

    lvm.remove(&fast);
}

#[test]
fn renamed_volume_keeps_its_bytes_and_its_neighbours_theirs() {
    let mut lvm = Lvm::new(1, 4);

    // Names that differ in where the hyphens are.
    let mut old = Volume::new("big-vg", "home", [Segment::linear(1, 0, 0)]);
    let other = Volume::new("big", "vg-home", [Segment::linear(1, 0, 1)]);
    assert_eq!(old.name(), "big--vg-home");
    assert_eq!(other.name(), "big-vg--home");
    for (seed, volume) in [(1, &old), (2, &other)] {
        lvm.activate(volume).unwrap();
        lvm.write(volume, &bytes(volume.bytes(), seed));
    }

    // lvrename big-vg home home-2026
    lvm.rename(&mut old, "home-2026");
    assert_eq!(old.name(), "big--vg-home--2026");
    lvm.assert_holds(&old, &bytes(old.bytes(), 1));
    lvm.assert_holds(&other, &bytes(other.bytes(), 2));
    // A renamed device is the last of the list.
    assert_eq!(lvm.names(), ["big-vg--home", "big--vg-home--2026"]);

    // The old name is free.
    let next = Volume::new("big-vg", "home", [Segment::linear(1, 0, 3)]);
    lvm.activate(&next).unwrap();
    lvm.write(&next, &bytes(next.bytes(), 3));
    lvm.assert_holds(&old, &bytes(old.bytes(), 1));
    for volume in [&old, &other, &next] {
        lvm.remove(volume);
    }
}

#[test]
fn extent_moves_to_another_disk_below_its_volume() {
    let mut lvm = Lvm::new(3, 2);
    let mut home = Volume::new("vg0", "home", [Segment::linear(2, 0, 0)]);
    lvm.activate(&home).unwrap();
    let content = bytes(home.bytes(), 1);
    lvm.write(&home, &content);

    // pvmove wd0:1 wd2:0, once the extent is copied
    lvm.copy_extent((0, 1), (2, 0));
    home.segments = vec![Segment::linear(1, 0, 0), Segment::linear(1, 2, 0)];
    lvm.change(&home);
    lvm.assert_holds(&home, &content);

    // What is written from now on goes to the new place alone, and the old one is another volume's.
    let swap = Volume::new("vg0", "swap", [Segment::linear(1, 0, 1)]);
    lvm.activate(&swap).unwrap();
    lvm.write(&home, &bytes(home.bytes(), 2));
    lvm.assert_holds(&swap, &content[EXTENT_BYTES..]);
    lvm.write(&swap, &bytes(swap.bytes(), 3));
    lvm.assert_holds(&home, &bytes(home.bytes(), 2));
    lvm.remove(&swap);
    lvm.remove(&home);
}

#[test]
fn volume_on_a_disk_that_is_gone_is_not_made() {
    let mut lvm = Lvm::new(1, 2);
    let half = [Segment::linear(1, 0, 0), Segment::linear(1, 7, 0)];
    let lost = Volume::new("vg0", "lost", half);
    assert_eq!(lvm.activate(&lost), Err("reload"));
    assert_eq!(lvm.names(), [""; 0]);

    // A live volume whose next table fails goes on as it was.
    let home = Volume::new("vg0", "home", [Segment::linear(2, 0, 0)]);
    lvm.activate(&home).unwrap();
    lvm.write(&home, &bytes(home.bytes(), 1));
    assert_eq!(
        lvm.activate(&Volume::new("vg1", "lost", lost.segments)),
        Err("reload")
    );
    lvm.assert_holds(&home, &bytes(home.bytes(), 1));
    assert_eq!(lvm.names(), ["vg0-home"]);
    assert_eq!(
        lvm.table(&home),
        format!("0 {} linear {} 384\n", 2 * EXTENT, lvm.disk(0))
    );
    lvm.remove(&home);
}
